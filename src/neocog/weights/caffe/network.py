"""A prototxt that is none of ours → an architecture, and whose blobs fill which of its nodes."""

import keyword
import re
from dataclasses import dataclass, field, replace

from neocog.arch import Architecture, Conv2d, Flatten, Leaf, Linear, Mark, Node, Shape, Tap
from neocog.errors import UserError
from neocog.nn.model import Model
from neocog.weights.caffe.graph import Graph, Layer, Value
from neocog.weights.caffe.layers import HANDLERS, Builder, Source

# What a module of ours or torch's has already; a layer called "type" gets another path.
RESERVED = {*dir(Model), "arch", "classes", "features_at", "preprocessing", "training", "input"}


@dataclass(frozen=True, eq=False)
class Network:
    """An architecture; for each node with weights, whose blobs fill it; whether a softmax followed; what was decided."""

    arch: Architecture
    sources: dict[str, Source]
    softmax: bool
    notes: tuple[str, ...]


def network(graph: Graph, name: str, input: Shape | None = None) -> Network:
    """The network of a graph; `input` where the file does not say how large its pictures are.

    Raises UserError, with the line, for a layer that has no exact counterpart.
    """
    shape = tuple(input or graph.input)
    if not all(shape):
        raise UserError(
            f"{graph.where}: its data layer does not say how large the pictures are; give the deploy.prototxt, "
            'or put input: "data" and four lines input_dim: … in its place'
        )
    build = _Build(graph, {"input": shape})
    softmaxes = [i for i, layer in enumerate(graph.layers) if layer.type == "Softmax" and not _read(graph, i)]
    for i, layer in enumerate(graph.layers):
        if i not in softmaxes:
            build.convert(i, layer)
    ends = [layer.bottoms[0] for layer in (graph.layers[i] for i in softmaxes) if layer.bottoms]
    output, aux = _outputs(graph, build, ends)
    paths = [build.scores(path) for path in (output, *(path for path, _ in aux))]
    taps = tuple(Tap(path, path, weight) for path, (_, weight) in zip(paths[1:], aux, strict=True))
    arch = Architecture(name, shape, tuple(build.nodes), paths[0], taps)
    needed = set().union(*(arch.ancestors(path) for path in paths))
    lost = [node.path for node in arch.nodes if node.path not in needed]
    if lost:
        build.note(f"left out, since the scores do not need them: {', '.join(lost[:5])}" + (" …" if len(lost) > 5 else ""))
    arch = replace(arch, nodes=tuple(node for node in arch.nodes if node.path in needed))
    marks = tuple(Mark("head", path) for path in (_head(arch, path) for path in paths) if path)
    sources = {path: source for path, source in build.sources.items() if path in needed}
    return Network(replace(arch, marks=tuple(dict.fromkeys(marks))), sources, bool(softmaxes), tuple(build.notes))


def _read(graph: Graph, place: int) -> bool:
    """Whether any layer reads what the layer at `place` makes."""
    return any((place, top) in graph.readers for top in range(len(graph.layers[place].tops)))


def _outputs(graph: Graph, build: "_Build", ends: list[Value]) -> tuple[str, list[tuple[str, float]]]:
    """The scores, and the other losses' inputs with their weights.

    The scores are what the last softmax reads, or the loss of the greatest weight; else what the last layer makes.
    """
    losses = [(build.made[value], weight) for value, weight in graph.losses if weight > 0]
    if ends:
        main = build.made[ends[-1]]
    elif losses:
        main = max(reversed(losses), key=lambda loss: loss[1])[0]
    else:
        last = next(i for i in reversed(range(len(graph.layers))) if graph.layers[i].tops)
        main = build.made[(last, 0)]
    if main == "input":
        raise UserError(f"{graph.where}: the scores are the picture itself")
    aux = {path: weight for path, weight in losses if path not in (main, "input")}
    return main, list(aux.items())


def _head(arch: Architecture, output: str) -> str | None:
    """The last layer of weights before an output, if whatever lies between follows another number of classes."""
    path = output
    while path != "input":
        node = arch.by_path[path]
        if isinstance(node.record, Conv2d | Linear):
            return path if not isinstance(node.record, Conv2d) or node.record.groups == 1 else None
        if node.record.joins or node.record.type in ("Slice",):
            return None
        path = node.inputs[0]
    return None


@dataclass
class _Build(Builder):
    graph: Graph
    shapes: dict[str, Shape]
    nodes: list[Node] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)  # path -> place in `nodes`
    sources: dict[str, Source] = field(default_factory=dict)
    made: dict[Value, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    filled: set[str] = field(default_factory=set)
    links: dict[str, int] = field(default_factory=dict)  # path -> how many layers' bottoms it is

    def __post_init__(self) -> None:
        self.made.update({value: "input" for value in self.graph.readers if value[0] == -1})

    def convert(self, place: int, layer: Layer) -> None:
        """The nodes of one layer."""
        handler = HANDLERS.get(layer.type)
        if handler is None:
            layer.complain("neocog has no such layer")
        if not layer.bottoms or not layer.tops:
            layer.complain("reads nothing or makes nothing")
        try:
            paths = handler(self, layer, tuple(self.made[value] for value in layer.bottoms))
        except UserError as error:
            if str(error).startswith(f"{self.graph.where}: "):
                raise
            layer.complain(str(error))
        for top, path in enumerate(paths):
            self.made[(place, top)] = path
            self.links[path] = self.links.get(path, 0) + len(self.graph.readers.get((place, top), ()))

    def shape(self, path: str) -> Shape:
        return self.shapes[path]

    def add(self, layer: Layer, record: Leaf, inputs: tuple[str, ...], source: Source | None = None, suffix: str = "") -> str:
        path = self._path(f"{layer.name}_{suffix}" if suffix else layer.name)
        self.shapes[path] = record.output(*(self.shapes[i] for i in inputs))
        self.places[path] = len(self.nodes)
        self.nodes.append(Node(path, record, inputs))
        if source is not None:
            if source.layer in self.filled:
                layer.complain("two layers with weights have this name")
            self.filled.add(source.layer)
            self.sources[path] = source
        return path

    def record(self, path: str) -> Leaf | None:
        if path == "input" or self.links.get(path) != 1 or any(self.made[value] == path for value, _ in self.graph.losses
                                                               if value in self.made):  # fmt: skip
            return None
        return self.nodes[self.places[path]].record

    def exchange(self, path: str, record: Leaf, scale: str, shift: bool) -> None:
        place = self.places[path]
        self.nodes[place] = Node(path, record, self.nodes[place].inputs)
        if scale in self.filled:
            raise UserError("two layers with weights have this name")
        self.filled.add(scale)
        self.sources[path] = replace(self.sources[path], scale=scale, shift=shift)
        self.links[path] = 0  # counted anew: it is now what the Scale layer makes

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def scores(self, path: str) -> str:
        """C×1×1 maps as C features."""
        shape = self.shapes[path]
        if len(shape) != 3 or shape[1:] != (1, 1):
            return path
        flat = self._path("flatten")
        self.shapes[flat] = (shape[0],)
        self.nodes.append(Node(flat, Flatten(), (path,)))
        return flat

    def _path(self, name: str) -> str:
        """A Python name that is still free: `conv1/7x7_s2` becomes conv1_7x7_s2."""
        clean = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:120] or "layer"
        if clean[0].isdigit():
            clean = f"layer_{clean}"
        if clean in RESERVED or keyword.iskeyword(clean):
            clean = f"{clean}_layer"
        path, n = clean, 2
        while path in self.shapes:
            path, n = f"{clean}_{n}", n + 1
        return path
