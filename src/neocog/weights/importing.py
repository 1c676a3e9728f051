"""Somebody else's files → a network, its weights, and the preprocessing they need."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from neocog.arch import analyse
from neocog.arch.rewrite import with_input
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.classes import names_for, read_labels
from neocog.weights.converters import Dialect, convert, preprocessing_of
from neocog.weights.files import finite, read_metadata, read_safetensors
from neocog.weights.foreign import check_named, check_twin, find_match, read_any
from neocog.weights.header import read_header
from neocog.weights.imported import Imported
from neocog.weights.published import by_file
from neocog.weights.tf_checkpoint import index_of

CAFFE = (".caffemodel", ".net")  # the second: SqueezeNet's compressed weights
PREFIXES = {"tv": "torchvision", "timm": "timm", "keras": "keras", "slim": "slim"}


def import_files(
    files: Sequence[str | Path],
    net: str | None = None,
    mean: str | None = None,
    labels: str | Path | None = None,
    wants: Preprocessing | None = None,
) -> Imported:
    """The network in `files`: one weight file of any kind, or a Caffe prototxt and its caffemodel.

    net: a name of ours or, with its prefix, of another toolkit (tv:resnet50); recognised by keys and shapes if None.
    mean: what is subtracted from pictures, if not what the weights' makers subtracted. wants: what the place they were
    fetched from says of pictures. Raises UserError, one line.
    """
    paths = settled([Path(f) for f in files])
    if any(path.suffix in (*CAFFE, ".prototxt") for path in paths):
        made = _caffe(paths, net, mean)
    elif len(paths) != 1:
        raise UserError(f"{len(paths)} files: give one weight file, or a .prototxt and its .caffemodel")
    else:
        made = _own(paths[0], net) or _recognised(paths[0], net, wants)
        if mean is not None:
            made = replace(made, preprocessing=_with_mean(made.preprocessing, mean))
    values = finite(made.values, ", ".join(map(str, paths)))
    if labels is not None:
        made = replace(made, classes=read_labels(labels, len(made.classes)), notes=(*made.notes, f"classes: from {labels}"))
    return replace(made, values=values)


def settled(paths: Sequence[Path]) -> list[Path]:
    """The files, a TensorFlow checkpoint's by its index whichever of its parts was named."""
    return list(dict.fromkeys(index_of(path) or path for path in paths))


def _caffe(paths: list[Path], net: str | None, mean: str | None) -> Imported:
    from neocog.weights.caffe import read_caffe

    definition = [p for p in paths if p.suffix == ".prototxt"]
    weights = [p for p in paths if p.suffix in CAFFE]
    if len(definition) != 1 or len(weights) != 1 or len(paths) != 2:
        raise UserError("a Caffe network is two files: its deploy.prototxt and its .caffemodel")
    return read_caffe(definition[0], weights[0], net=net, mean=mean)


def _own(path: Path, net: str | None) -> Imported | None:
    """A file that says itself what it is: one of ours. None for any other."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    if "arch" not in read_metadata(path):
        return None
    values, meta = read_safetensors(path)
    header = read_header(meta, path)
    name = header.net
    if net is not None and resolve(_plain(net)[0]).name != name:
        raise UserError(f"{path}: holds {name}, not {net}")
    arch, values = convert(values, header.arch.renamed(name), header.keys, str(path))
    return Imported(arch, values, header.preprocessing, name, header.classes, (f"{path.name} says itself that it is {name}",))


def _recognised(path: Path, net: str | None, wants: Preprocessing | None) -> Imported:
    values = read_any(path)
    notes = []
    party = None
    known = by_file(path.name)
    check_twin(path.name, str(path))
    if net is not None:
        net, party = _plain(net)
        net = resolve(net).name
        check_named(path, net)
    elif known is not None:
        net, party = known.net, known.party
        whose = f"{known.party}'s {known.name}, " if known.party != "neocog" else ""
        notes.append(f"{path.name} is the name of a published file: {whose}{net} here")
    match = find_match(values, net, str(path), party)
    dialect = match.dialect
    if net is None:
        whose = f", as {dialect.party} keeps it" if dialect.party != "neocog" else ""
        notes.append(f"{dialect.net}{whose}: the only network with these {len(values)} keys and shapes")
    elif dialect.party != "neocog" and known is None:
        notes.append(f"{dialect.net} as {dialect.party} keeps it")
    arch, made = convert(values, net or dialect.net, dialect, str(path))
    known = known if known is not None and known.net == dialect.net else None
    preprocessing = wants or (known.preprocessing if known else preprocessing_of(dialect))
    notes.append(f"pictures: {describe(preprocessing)} ({_whence(dialect, wants or known)}; --mean changes what is subtracted)")
    side = (arch.input[0], preprocessing.height, preprocessing.width)
    if preprocessing.channels == arch.input[0] and side != arch.input:
        arch, _ = with_input(arch, side)  # published at another size than the paper's
    classes, why = names_for(arch, analyse(arch).output[0])
    return Imported(arch, made, preprocessing, dialect.net, classes, (*notes, why))


def _plain(net: str) -> tuple[str, str | None]:
    """(a name, the toolkit whose it is): a prefix names the toolkit."""
    return net, PREFIXES.get(net.partition(":")[0]) if ":" in net else None


def _whence(dialect: Dialect, published: object) -> str:
    if published is not None:
        return "as published with the file"
    return f"{dialect.party}'s convention" if dialect.preprocessing else "as the network's card says"


def describe(record: Preprocessing) -> str:
    """The record in a few words."""
    mean, std = (", ".join(f"{v:g}" for v in values) for values in (record.mean, record.std))
    scale = "0 to 1" if abs(record.scale * 255 - 1) < 1e-9 else "0 to 255" if record.scale == 1 else f"×{record.scale:g}"
    return f"{record.id}, {record.color}, {scale}, less {mean}, by {std}"


def _with_mean(record: Preprocessing, words: str) -> Preprocessing:
    """`123.68,116.78,103.94`, in the order of the record's colours."""
    try:
        return replace(record, mean=tuple(float(word) for word in words.split(",")))
    except ValueError:
        raise UserError(
            f"--mean is one number or three, joined by commas, in the order {record.color}, not '{words}'"
        ) from None
