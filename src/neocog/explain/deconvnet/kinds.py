"""What each layer, and each step of torch's graph, is to a backward rule; which networks a rule has no answer for.

A rule of the deconvnet's kind is stated for rectifiers, and for what is linear on the way down. Anything else has none, and is
named rather than guessed at: what is not listed here is `OTHER`.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node

from neocog.arch import Architecture, layers
from neocog.arch.record import Leaf

PASS, RECTIFY, NORM, GATE, PRODUCT, OTHER = "pass", "rectify", "norm", "gate", "product", "other"

RECORDS: dict[type[Leaf], str] = {
    **dict.fromkeys(
        (layers.Conv2d, layers.DepthwiseConv2d, layers.TableConv2d, layers.LocallyConnected2d, layers.Linear), PASS
    ),
    **dict.fromkeys((layers.BatchNorm2d, layers.Affine, layers.PlaceBias, layers.Scale, layers.LayerScale), PASS),
    **dict.fromkeys((layers.MaxPool2d, layers.AvgPool2d, layers.AdaptiveAvgPool2d, layers.Subsampling), PASS),
    **dict.fromkeys((layers.Add, layers.Cat, layers.Slice, layers.ChannelShuffle, layers.Flatten), PASS),
    **dict.fromkeys((layers.PadChannels, layers.ConstantPad2d, layers.Dropout, layers.DropPath), PASS),
    **dict.fromkeys((layers.ReLU, layers.ReLU6), RECTIFY),
    **dict.fromkeys((layers.LRN, layers.LRNWithinChannel), NORM),
    **dict.fromkeys((layers.Sigmoid, layers.HardSigmoid), GATE),
    layers.Mul: PRODUCT,
}

# Steps of autograd's graph by the function they are the derivative of: "Relu" for ReluBackward0. Linear in what is on the
# graph, or a choice among its values (a pool's switches).
_LINEAR = (
    "Add Sub Rsub Neg Cat Stack Split SplitWithSizes UnsafeSplit Chunk Unbind Slice Select Index IndexSelect Gather "
    "Narrow View UnsafeView Reshape ReshapeAlias Alias Permute Transpose T Movedim Squeeze Unsqueeze Expand Repeat "
    "Flatten Unflatten Clone Copy ToCopy Roll Flip ConstantPadNd ReflectionPad2D ReplicationPad2D Mean Sum AvgPool2D "
    "AdaptiveAvgPool2D MkldnnAdaptiveAvgPool2D UpsampleNearest2D UpsampleBilinear2D PixelShuffle PixelUnshuffle "
    "ChannelShuffle NativeChannelShuffle Im2Col Col2Im MaxPool2DWithIndices MkldnnMaxPool2D AdaptiveMaxPool2D Max "
    "Amax NativeBatchNorm CudnnBatchNorm MiopenBatchNorm NativeDropout FusedDropout Div AccumulateGrad "
)
_PRODUCTS = (  # linear in each factor: a convolution's weights may be made from the picture
    "Mul Mm Bmm Mv Dot Addmm Addmv Baddbmm Linear MkldnnLinear Convolution ConvolutionOverrideable MkldnnConvolution "
    "CudnnConvolution MiopenConvolution ThnnConv2D SlowConv2D"
)
LINEAR, PRODUCTS = frozenset(_LINEAR.split()), frozenset(_PRODUCTS.split())
NORMALISED = frozenset(("_LRN", "_Normalised"))


@dataclass(frozen=True)
class Step:
    """A node of either graph: `inputs` are the keys of the steps that it reads, `words` how a person would call it."""

    key: Hashable
    kind: str
    inputs: tuple[Hashable, ...]
    words: str


def steps_of(arch: Architecture, path: str | None = None) -> tuple[Step, ...]:
    """An architecture's nodes that `path` (None: the scores) needs, inputs first."""
    needed = arch.ancestors(path or arch.output) if path != "input" else set()
    return tuple(
        Step(node.path, RECORDS.get(type(node.record), OTHER), node.inputs, f"{node.record.describe()} at '{node.path}'")
        for node in arch.nodes
        if node.path in needed
    )


def graph_of(root: Node, leaf: Tensor) -> tuple[Step, ...]:
    """The steps of autograd's graph between `root` and `leaf`, inputs first. The keys are the nodes themselves."""
    order: dict[Node, tuple[Node, ...]] = {}
    todo: list[tuple[Node, bool]] = [(root, False)]
    seen: set[Node] = set()
    while todo:  # a thousand layers: no recursion
        node, done = todo.pop()
        if done:
            order[node] = tuple(below for below, _ in node.next_functions if below is not None)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo += [(below, False) for below, _ in node.next_functions if below is not None]
    steps: dict[Node, Step] = {}
    for node, inputs in order.items():  # parameters may want gradients too: what does not depend on the leaf is a constant
        known = tuple(below for below in inputs if below in steps)
        if known or getattr(node, "variable", None) is leaf:
            steps[node] = Step(node, kind_of(node), known, f"{function_of(node)} in its graph")
    return tuple(steps.values())


def function_of(node: Node) -> str:
    """What the node is the derivative of."""
    return node.name().rstrip("0123456789").removeprefix("torch::autograd::").removesuffix("Backward")


def kind_of(node: Node) -> str:
    """A node's kind. What looks like a ReLU and cuts elsewhere than at 0 is none."""
    name = function_of(node)
    if name in NORMALISED:
        return NORM
    if name == "Relu" or (name in BOUNDS and _lower_bound(node, name) == 0):
        return RECTIFY
    if name in ("Sigmoid", "Hardsigmoid"):
        return GATE
    if name in PRODUCTS:
        return PRODUCT
    if name in ("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm") and getattr(node, "_saved_training", False):
        return OTHER  # statistics of the picture itself
    if name == "Div" and node.next_functions[1][0] is not None:
        return OTHER  # by what depends on the picture
    return PASS if name in LINEAR else OTHER


BOUNDS = {"Hardtanh": "_saved_min_val", "ClampMin": "_saved_min", "Clamp": "_saved_min", "Threshold": "_saved_threshold"}


def _lower_bound(node: Node, name: str) -> float | None:
    found = getattr(node, BOUNDS[name], None)
    return None if found is None else float(found)


def lacking(steps: Iterable[Step]) -> list[Step]:
    """The steps that have no rule. A gate multiplies maps and does nothing else; a product has one factor that is none."""
    steps = list(steps)
    kinds = {step.key: step.kind for step in steps}
    inputs = {step.key: step.inputs for step in steps}
    readers: dict[Hashable, list[Hashable]] = {}
    held: set[Hashable] = set()
    for step in steps:
        for key in step.inputs:
            readers.setdefault(key, []).append(step.key)
        if step.kind == GATE or (step.inputs and step.kind in (PASS, PRODUCT) and held.issuperset(step.inputs)):
            held.add(step.key)
    opens: set[Hashable] = set()  # held values that do nothing but multiply maps
    for step in reversed(steps):
        behind = readers.get(step.key, [])
        if step.key in held and behind and all(key in opens or (key not in held and kinds[key] == PRODUCT) for key in behind):
            opens.add(step.key)
    factors: dict[
        Hashable, frozenset[Hashable]
    ] = {}  # a product → its factors that are no gates: one, and what that is made of

    def lacks(step: Step) -> bool:
        if step.kind == GATE:
            return step.key not in opens
        if step.kind != PRODUCT:
            return step.kind == OTHER
        free = [key for key in step.inputs if key not in held]
        if not free:
            return False
        factors[step.key] = factors.get(free[0], frozenset()) | {free[0]}
        own = any(kinds.get(key) == GATE and factors[step.key].intersection(inputs[key]) for key in step.inputs)
        return len(free) > 1 or own  # x·σ(x) is no gate but a unit: swish

    return [step for step in steps if lacks(step)]
