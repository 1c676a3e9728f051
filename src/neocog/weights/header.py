"""What a weight file of ours says of itself: the network, how it wants pictures, the classes, whose keys it has."""

from dataclasses import dataclass
from pathlib import Path

from neocog.arch import Architecture, analyse
from neocog.arch.rewrite import tensors, with_input
from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.files import Metadata

OWN = "neocog"  # whose keys a weight file has, unless it says otherwise


@dataclass(frozen=True, eq=False)
class Header:
    """The metadata that a run, or an export, writes into a file."""

    arch: Architecture
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    net: str
    keys: str


def read_header(meta: Metadata, path: str | Path) -> Header:
    """The metadata as a record. Raises UserError where something is missing, or its parts do not fit together."""
    try:
        header = Header(
            Architecture.from_json(meta["arch"]), Preprocessing.from_json(meta["preprocessing"]), tuple(meta["classes"]),
            meta["net"], meta.get("keys", OWN),
        )  # fmt: skip
    except (KeyError, TypeError):
        raise UserError(f"{path}: weights without their network and preprocessing; import them with --net") from None
    if not all(isinstance(word, str) for word in (header.net, header.keys, *header.classes)):
        raise UserError(f"{path}: damaged: a name in its header is no text")
    answers = analyse(header.arch).output
    if answers != (len(header.classes),):
        raise UserError(f"{path}: damaged: {len(header.classes)} class names for a network that gives {answers[0]} scores")
    _check_pictures(header, path)
    return header


def _check_pictures(header: Header, path: str | Path) -> None:
    arch, record = header.arch, header.preprocessing
    seen = (record.channels, record.height, record.width)
    if len(arch.input) == 3 and seen != arch.input:  # a network that averages its last map reads other sizes too
        shapes = {key: param.shape for key, param in tensors(arch).items()}
        other = with_input(arch, seen)[0]
        if {key: param.shape for key, param in tensors(other).items()} != shapes:
            raise UserError(f"{path}: damaged: its preprocessing makes pictures of another size than its network reads")
