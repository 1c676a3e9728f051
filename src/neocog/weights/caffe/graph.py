"""A prototxt as a graph: which layers stand in the test phase, what each reads and makes, how large the pictures are."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from neocog.arch import Shape
from neocog.errors import UserError
from neocog.weights.caffe.prototxt import LARGEST, Message, parse

MOST_LAYERS, MOST_LINKS = 10_000, 100_000
Value = tuple[int, int]  # (place of the layer that makes it, which of its tops); place -1: an input

# V1LayerParameter.LayerType, and V0's texts, by the names of today (Caffe's util/upgrade_proto.cpp).
V1_TYPES = {
    "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "ARGMAX": "ArgMax", "BNLL": "BNLL", "CONCAT": "Concat",
    "CONVOLUTION": "Convolution", "DATA": "Data", "DECONVOLUTION": "Deconvolution", "DROPOUT": "Dropout",
    "DUMMY_DATA": "DummyData", "EUCLIDEAN_LOSS": "EuclideanLoss", "ELTWISE": "Eltwise", "EXP": "Exp", "FLATTEN": "Flatten",
    "HDF5_DATA": "HDF5Data", "HINGE_LOSS": "HingeLoss", "IMAGE_DATA": "ImageData", "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct", "LRN": "LRN", "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss", "MVN": "MVN", "POOLING": "Pooling", "POWER": "Power",
    "RELU": "ReLU", "SIGMOID": "Sigmoid", "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "SILENCE": "Silence",
    "SOFTMAX": "Softmax", "SOFTMAX_LOSS": "SoftmaxWithLoss", "SPLIT": "Split", "SLICE": "Slice", "TANH": "TanH",
    "THRESHOLD": "Threshold", "WINDOW_DATA": "WindowData",
}  # fmt: skip
DATA = {"Data", "ImageData", "MemoryData", "DummyData", "HDF5Data", "WindowData", "Input"}
LOSSES = {"SoftmaxWithLoss", "MultinomialLogisticLoss", "HingeLoss", "SigmoidCrossEntropyLoss", "EuclideanLoss", "InfogainLoss"}
DROPPED = LOSSES | {"Accuracy", "Silence"}
_SHARED = ("name", "type", "bottom", "top", "param", "include", "exclude", "phase", "loss_weight", "propagate_down",
           "blobs_lr", "weight_decay", "blob_share_mode", "transform_param", "loss_param")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: the values it reads, its tops' names, and all else that the file says of it."""

    name: str
    type: str
    bottoms: tuple[Value, ...]
    tops: tuple[str, ...]
    message: Message

    def param(self, name: str, *known: str) -> Message:
        """Its message `name`, whose fields are among `known`; nothing else of its own."""
        self.message.only(*_SHARED, name)
        found = self.message.message(name)
        found.only(*known)
        return found

    def complain(self, what: str) -> NoReturn:
        """Raises UserError that names the layer."""
        self.message.complain(f"layer '{self.name}' ({self.type}): {what}")


@dataclass(frozen=True, eq=False)
class Graph:
    """The net's name, its pictures' shape (0 where the file does not say), and the layers of the test phase in order."""

    name: str
    where: str
    input: Shape
    layers: tuple[Layer, ...]
    losses: tuple[tuple[Value, float], ...]
    """What the losses read, each with its weight."""
    transform: Message
    readers: dict[Value, list[int]] = field(default_factory=dict)
    """The places of the layers that read each value; those that are left out of the net are not among them."""


def read_graph(path: str | Path) -> Graph:
    """The graph of a prototxt. Raises UserError with the line for what is no network of one kind of picture."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: {path.stat().st_size} bytes; a network's definition has no more than {LARGEST}")
    try:
        return graph(parse(path.read_text("utf-8-sig"), str(path)))
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text; the .prototxt comes first, then the .caffemodel") from None


def graph(root: Message) -> Graph:
    """The graph of a parsed prototxt."""
    if "net" in root or "train_net" in root or "base_lr" in root:
        which = next(iter(root.texts("net") + root.texts("train_net")), "")
        raise UserError(f"{root.where}: a solver, not a network" + (f"; the network is {which}" if which else ""))
    root.only("name", "input", "input_dim", "input_shape", "force_backward", "state", "debug_info", "layer", "layers")
    messages = [m for m in root.messages("layer") + root.messages("layers") if _in_test_phase(m)]
    if not messages:
        raise UserError(f"{root.where}: holds no layers; is it a network's .prototxt?")
    if len(messages) > MOST_LAYERS:
        raise UserError(f"{root.where}: {len(messages)} layers; neocog reads {MOST_LAYERS}")
    input, tops = _declared_input(root)
    layers: list[Layer] = []
    losses: list[tuple[Value, float]] = []
    readers: dict[Value, list[int]] = {}
    labels: set[Value] = set()
    transform = Message(root.where, "transform_param", (1, 1))
    links = 0
    for message in messages:
        layer = _layer(message, tops)
        links += len(layer.bottoms) + len(layer.tops)
        if links > MOST_LINKS:
            raise UserError(f"{root.where}: more than {MOST_LINKS} links between layers")
        if layer.type in DATA:
            if input is not None:
                layer.complain("a second source of pictures; neocog reads nets of one")
            input, transform = _data_shape(layer), message.message("transform_param")
            for i, top in enumerate(layer.tops):
                tops[top] = (-1, i)
                labels |= {(-1, i)} if i else set()
            continue
        if layer.type in LOSSES and layer.bottoms:
            losses.append((layer.bottoms[0], next(iter(message.numbers("loss_weight")), 1.0)))
        if layer.type in DROPPED:
            continue
        if labels & set(layer.bottoms):
            layer.complain("reads the labels, which a picture to classify does not have")
        for bottom in layer.bottoms:
            readers.setdefault(bottom, []).append(len(layers))
        for i, top in enumerate(layer.tops):
            tops[top] = (len(layers), i)
        layers.append(layer)
    if input is None:
        raise UserError(f'{root.where}: says nowhere how large its pictures are; add input: "data" and four lines input_dim: …')
    if not layers:
        raise UserError(f"{root.where}: holds no layers that compute")
    return Graph(root.text("name"), root.where, input, tuple(layers), tuple(losses), transform, readers)


def _layer(message: Message, tops: dict[str, Value]) -> Layer:
    name = message.text("name")
    if "layer" in message:
        message.complain("a layer in the style of 2013 (V0); bring the file up to date with Caffe's upgrade_net_proto_text")
    kinds = message.scalars("type")
    if not kinds:
        message.complain(f"layer '{name}' has no type")
    kind = kinds[-1]
    if kind.kind == "word" and kind.text not in V1_TYPES:
        message.complain(f"layer '{name}': there is no layer type {kind.text[:40]}", kind.at)
    type = V1_TYPES[kind.text] if kind.kind == "word" else kind.text
    for bottom in message.texts("bottom"):
        if bottom not in tops:
            message.complain(f"layer '{name}' reads '{bottom}', which no layer before it makes")
    made = tuple(message.texts("top"))
    if len(set(made)) != len(made):
        message.complain(f"layer '{name}' makes one top twice")
    return Layer(name, type, tuple(tops[b] for b in message.texts("bottom")), made, message)


def _in_test_phase(message: Message) -> bool:
    if message.word("phase", "TEST") != "TEST":
        return False
    include, exclude = message.messages("include"), message.messages("exclude")
    return any(map(_met, include)) if include else not any(map(_met, exclude))


def _met(rule: Message) -> bool:
    """Whether the plain test phase, of level 0 and no stages, meets a rule."""
    rule.only("phase", "min_level", "max_level", "stage", "not_stage")
    return (
        rule.word("phase", "TEST") == "TEST"
        and rule.whole("min_level", 0, -(1 << 31)) <= 0 <= rule.whole("max_level", 0, -(1 << 31))
        and not rule.texts("stage")
    )


def _declared_input(root: Message) -> tuple[Shape | None, dict[str, Value]]:
    """The shape that `input`, `input_dim` and `input_shape` at the top of the file declare."""
    names = root.texts("input")
    if not names:
        return None, {}
    if len(names) > 1:
        raise UserError(f"{root.where}: {len(names)} inputs ({', '.join(names[:4])}); neocog reads nets of one")
    shapes = root.messages("input_shape")
    dims = shapes[0].wholes("dim", 1) if shapes else root.wholes("input_dim", 1)
    return _shape(dims, root), {names[0]: (-1, 0)}


def _data_shape(layer: Layer) -> Shape:
    """What a data layer makes; 0 for what it does not say: the channels of a crop, or everything."""
    message = layer.message
    for key in ("input_param", "dummy_data_param"):
        if message.message(key).messages("shape"):
            return _shape(message.message(key).messages("shape")[0].wholes("dim", 1), message)
    memory = message.message("memory_data_param")
    if "channels" in memory:
        return (memory.whole("channels", 0, 1), memory.whole("height", 0, 1), memory.whole("width", 0, 1))
    channels = 1 if message.message("transform_param").flag("force_gray", False) else 0
    crop = message.message("transform_param").whole("crop_size", 0)
    if crop:
        return (channels, crop, crop)
    for key in ("data_param", "image_data_param", "window_data_param"):
        found = message.message(key)
        if found.whole("crop_size", 0):
            return (channels, found.whole("crop_size", 0), found.whole("crop_size", 0))
        if found.whole("new_height", 0):
            grey = not found.flag("is_color", True)
            return (1 if grey else channels or 3, found.whole("new_height", 0), found.whole("new_width", 0, 1))
    return (channels, 0, 0)


def _shape(dims: list[int], at: Message) -> Shape:
    """C×H×W or features; the number of pictures in front is not the net's."""
    if len(dims) not in (2, 4):
        at.complain(f"pictures are N×C×H×W, four input_dim (or dim), or two for features; here are {len(dims)}")
    return tuple(dims[1:])
