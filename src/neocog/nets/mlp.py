"""Multi-layer perceptrons of LeCun et al. 1998, section III.C: 28×28 pixels, tanh units, ten outputs."""

from neocog.arch import Architecture, Constant, FanInUniform, Flatten, Linear, Sequential, architecture, head
from neocog.nets.card import Card, Result
from neocog.nets.parts import squash
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import MNIST


def mlp(name: str, hidden: tuple[int, ...], num_classes: int = 10) -> Architecture:
    """Full connections, the paper's squash between them. 784-300-10: 238,510 parameters."""
    steps: dict[str, object] = {"flatten": Flatten()}
    for i, width in enumerate(hidden, 1):
        steps |= {
            f"fc{i}": Linear(width, init=FanInUniform(2.4), bias_init=Constant(0.0)),
            f"tanh{i}": squash(),
        }
    steps["fc"] = head(Linear(num_classes, init=FanInUniform(2.4), bias_init=Constant(0.0)))
    return architecture(name, (1, 28, 28), Sequential(**steps))


for _name, _hidden, _error in (
    ("mlp", (300,), 4.7),
    ("mlp.1000", (1000,), 4.5),
    ("mlp.300_100", (300, 100), 3.05),
    ("mlp.500_150", (500, 150), 2.95),
):
    _sizes = "-".join(map(str, (784, *_hidden, 10)))
    register(
        _name,
        lambda n=_name, h=_hidden: mlp(n, h),
        Card(
            title=f"Multi-layer perceptron {_sizes}",
            paper="Gradient-based learning applied to document recognition (its section III.C)",
            authors="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
            venue="Proc. IEEE 86(11)",
            year=1998,
            preprocessing=MNIST,
            results=(Result("MNIST", "one picture as it is", _error, verified=False),),
            quick=Recipe(lr=0.05, weight_decay=1e-4, augment=()),
            notes=("Outputs are softmax scores here; the paper's were squashed units under a squared error.",),
            same_as=(f"mlp-{_sizes}",),
        ),
    )
