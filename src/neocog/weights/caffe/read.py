"""prototxt + caffemodel → a network of ours, or a new value, with its weights and its preprocessing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from neocog.arch import Architecture, BatchNorm2d, analyse
from neocog.arch.rewrite import tensors
from neocog.arch.window import times
from neocog.errors import UserError
from neocog.weights.caffe.caffemodel import read_caffemodel
from neocog.weights.caffe.convert import Blobs, values
from neocog.weights.caffe.graph import Graph, read_graph
from neocog.weights.caffe.network import Network, network
from neocog.weights.caffe.pictures import preprocessing
from neocog.weights.caffe.recognise import Same, known, match, recognise
from neocog.weights.caffe.squeezenet_compressed import read_compressed
from neocog.weights.classes import names_for
from neocog.weights.imported import Imported


def read_caffe(
    prototxt: str | Path,
    caffemodel: str | Path,
    *,
    net: str | None = None,
    mean: str | Path | None = None,
    labels: Sequence[str] | None = None,
) -> Imported:
    """A Caffe network with its weights: `caffemodel` is a .caffemodel, or SqueezeNet's compressed .net.

    net: the name of ours that it must be; recognised by its structure if None, and a network of its own where it is none of
    ours. mean: a .npy or .binaryproto, or numbers joined by commas, blue first. labels: the classes' names. Raises UserError,
    one line, for files that are damaged, hostile, or use a layer that has no exact counterpart.
    """
    graph = read_graph(prototxt)
    compressed = Path(caffemodel).suffix == ".net"
    layers = {} if compressed else read_caffemodel(caffemodel).layers
    name = _name(graph)
    found = network(graph, name, _input(graph, layers))
    _check_classifier(found.arch, graph)
    if compressed:
        layers = read_compressed(caffemodel, found)
    made = values(found, layers, str(caffemodel))
    same = match(net, found.arch, graph.where) if net else recognise(found.arch)
    shape = found.arch.input
    record, notes = preprocessing(shape, same and same.arch.name, graph.transform, mean)
    notes = (*_notes(found, graph, same, layers), *notes)
    arch = found.arch if same is None else same.arch
    made = made if same is None else _renamed(same, found.arch, made)
    count = analyse(arch).output[0]
    if labels is None:
        classes, why = names_for(arch, count)
        notes = (*notes, why)
    elif len(labels) != count:
        raise UserError(f"{len(labels)} class names, but the network tells {count} classes apart")
    else:
        classes = tuple(labels)
    return Imported(arch, made, record, arch.name, classes, notes)


def _name(graph: Graph) -> str:
    """A name made from the file's: letters and digits, none of ours."""
    text = graph.name or Path(graph.where).stem
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in text.lower())[:60].strip("_") or "net"
    return f"{name}.imported" if name in known() else name


def _input(graph: Graph, layers: Mapping[str, Blobs]) -> tuple[int, ...]:
    """The pictures' shape; where the data layer says a crop only, the first convolution knows how many channels it reads."""
    if len(graph.input) != 3 or graph.input[0]:
        return graph.input
    for layer in graph.layers:
        blobs = layers.get(layer.name)
        if layer.type == "Convolution" and (-1, 0) in layer.bottoms and blobs and blobs[0].ndim == 4:
            groups = layer.message.message("convolution_param").whole("group", 1, 1)
            return (blobs[0].shape[1] * groups, *graph.input[1:])
    return (3, *graph.input[1:])


def _check_classifier(arch: Architecture, graph: Graph) -> None:
    output = analyse(arch).output
    if len(output) != 1 or output[0] < 2:
        raise UserError(f"{graph.where}: gives {times(output)}, not a score for each of two or more classes")
    if len(arch.input) != 3:
        raise UserError(f"{graph.where}: reads {arch.input[0]} features, not pictures")


def _notes(found: Network, graph: Graph, same: Same | None, layers: Mapping[str, Blobs]) -> tuple[str, ...]:
    notes = list(found.notes)
    if same is not None:
        notes.insert(0, f"this is our {same.arch.name}: every layer computes the same")
    else:
        notes.insert(0, f"none of our networks: a new one, called {found.arch.name}")
    if found.softmax:
        notes.append("the softmax at the end is left out: neocog's networks give scores, and probabilities are their softmax")
    used = {name for source in found.sources.values() for name in (source.layer, source.scale)}
    spare = [name for name in layers if name not in used]
    if spare:
        notes.append(
            f"not used, since the .prototxt has no such layer: {', '.join(spare[:5])}" + (" …" if len(spare) > 5 else "")
        )
    if not all(graph.input):
        notes.append(f"assumed: pictures of {times(found.arch.input)}; the data layer says {times(graph.input[1:])} only")
    return tuple(notes)


def _renamed(same: Same, theirs: Architecture, made: dict[str, Tensor]) -> dict[str, Tensor]:
    """Their tensors by our keys. A bias before batch normalisation, which ours lack, is taken off the stored mean instead."""
    out: dict[str, Tensor] = {}
    wanted = tensors(same.arch)
    back = {path: ours for ours, path in same.theirs.items()}
    for key, param in wanted.items():
        path, _, name = key.rpartition(".")
        value = made.get(f"{same.theirs[path]}.{name}")
        if value is None:
            start = torch.ones if name == "weight" else torch.zeros
            value = start(param.shape, dtype=torch.long if name == "num_batches_tracked" else torch.float32)
        out[key] = value.reshape(param.shape)
    for node in theirs.nodes:
        if not isinstance(node.record, BatchNorm2d) or f"{node.inputs[0]}.bias" not in made:
            continue
        source = node.inputs[0]
        if f"{back[source]}.bias" not in wanted:
            mean = f"{back[node.path]}.running_mean"
            out[mean] = out[mean] - made[f"{source}.bias"]
    return out
