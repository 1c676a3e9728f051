"""Functions of each number by itself."""

from neocog.arch.record import Leaf, record


class Activation(Leaf):
    """A function of each number by itself."""

    follows = True

    def describe(self) -> str:
        return self.type


class ReLU(Activation):
    """max(x, 0)."""


class ReLU6(Activation):
    """min(max(x, 0), 6)."""


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""


@record
class Tanh(Activation):
    """`scale`·tanh(`slope`·x). LeNet-5's squash is 1.7159·tanh(2x/3) (LeCun et al. 1998, appendix A)."""

    scale: float = 1.0
    slope: float = 1.0

    def describe(self) -> str:
        return "tanh" if (self.scale, self.slope) == (1, 1) else f"{self.scale:g}·tanh({self.slope:.3g}x)"


class HardSigmoid(Activation):
    """ReLU6(x + 3) / 6."""


class HardSwish(Activation):
    """x · ReLU6(x + 3) / 6 (Howard et al. 2019, section 5.2)."""


class SiLU(Activation):
    """x · sigmoid(x), also called swish."""


class GELU(Activation):
    """x · Φ(x)."""


class Softmax(Activation):
    """Probabilities over the classes (the first axis)."""
