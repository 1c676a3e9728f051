"""Connections to a window of one's own: locally connected layers, and biases of single places."""

from neocog.arch.init import Constant, Init, TorchDefault
from neocog.arch.record import Leaf, Pair, Param, Windowed, need_map, record
from neocog.arch.window import Padding, Shape, pair, size

DEFAULT = TorchDefault()
ZERO = Constant(0.0)


@record
class LocallyConnected2d(Windowed):
    """A convolution whose weights are not shared: every place of the map has its own filters and biases.

    LeCun 1989 (Net-3). Weight: places × out × in·kh·kw, places row by row; bias: places × out. As many MACs as the
    convolution, as many times its weights as there are places; so it fits one size of picture only.
    """

    out: int
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    bias: bool = True
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def describe(self) -> str:
        return f"local {self.describe_window()}"

    def output(self, *inputs: Shape) -> Shape:
        return (self.out, *self.places(need_map(self, inputs[0])))

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        fan_in, places = inputs[0][0] * size(pair(self.kernel)), size(self.places(inputs[0]))
        fan_out = self.out * size(pair(self.kernel))
        weight = Param("weight", (places, self.out, fan_in), self.init, "weight", fan_in, fan_out)
        bias = Param("bias", (places, self.out), self.bias_init, "bias", fan_in, fan_out)
        return (weight, bias) if self.bias else (weight,)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * inputs[0][0] * size(pair(self.kernel))

    def connections(self, *inputs: Shape) -> int:
        return self.macs(*inputs) + self.bias * size(self.output(*inputs))

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


@record
class PlaceBias(Leaf):
    """A bias for every place of every map: shared weights with biases of one's own (LeCun et al. 1989, layer H1).

    Bias: C × H × W. It belongs to the convolution before it, so it adds connections and no units.
    """

    init: Init = ZERO
    follows = True

    def describe(self) -> str:
        return "a bias a place"

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("bias", inputs[0], self.init, "bias"),)

    def connections(self, *inputs: Shape) -> int:
        return size(inputs[0])
