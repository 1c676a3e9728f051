"""Weight files of any kind that neocog reads, told apart by what they are called and hold."""

from pathlib import Path

from torch import Tensor

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import Match, convert, recognise
from neocog.weights.converters.convert import dialects_of
from neocog.weights.converters.dialect import Dialect
from neocog.weights.converters.recognise import fits
from neocog.weights.files import read_metadata, read_tensors

MANY = 6  # names in a message
# timm's networks with the keys and shapes of ours that compute something else: how the names begin, what they do.
TWINS = {
    "tf_efficientnet_": "pads as TensorFlow does and has another ε",
    "tf_mobilenetv3_": "pads as TensorFlow does and has another ε",
    "resnetblur": "blurs its maps before it halves them",
}


def read_any(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a weight file by the keys that its maker gave them. Raises UserError for what is none."""
    path = Path(path)
    from neocog.weights import keras_file, tf_checkpoint

    if path.suffix.lower() in keras_file.SUFFIXES:
        if not path.is_file():
            raise UserError(f"{path}: there is no such weight file")
        return keras_file.read_keras(path)
    if tf_checkpoint.is_checkpoint(path):
        return tf_checkpoint.read_checkpoint(path)
    return read_tensors(path)


def read_for(arch: Architecture, path: str | Path) -> tuple[dict[str, Tensor], Preprocessing | None]:
    """(the tensors of a file of `arch` by our keys, what their maker wants of pictures where that is not the card's).

    Tensors that are in nobody's words stay as they are: the caller says what is wrong with them.
    """
    path = Path(path)
    values, wants, party = read_any(path), None, None
    if path.suffix == ".safetensors":
        meta = read_metadata(path)
        party = meta.get("keys")
        if "preprocessing" in meta:
            wants = Preprocessing.from_json(meta["preprocessing"])
    shapes = {key: tuple(value.shape) for key, value in values.items()}
    for dialect in dialects_of(arch.name):
        if dialect.party == (party or dialect.party) and fits(arch, dialect, shapes) is not None:
            wants = wants or dialect.preprocessing
            return (values if dialect.party == "neocog" else convert(values, arch, dialect, str(path))[1]), wants
    return values, wants


def check_twin(name: str, what: str) -> None:
    """Raises UserError if `name`, a network's or a file's, begins as that of a network that fits ours and is none."""
    for start, why in TWINS.items():
        if name.startswith(start):
            raise UserError(
                f"{what}: timm's {start}… has the keys and shapes of a network of neocog but {why}: it is none of ours"
            )


def check_named(path: str | Path, net: str) -> None:
    """Raises UserError if the file says, or the name under which it was published, that it is of another network than `net`.

    Networks that differ only in what has no weights have the same keys and shapes: where a stride stands, a shortcut without
    parameters.
    """
    check_twin(Path(path).name, str(path))
    from neocog.nets import list_models
    from neocog.weights.published import by_file

    path = Path(path)
    known = by_file(path.name)
    says = read_metadata(path).get("net") if path.suffix == ".safetensors" else known.net if known else None
    if isinstance(says, str) and says != net and {says, net} <= set(list_models()):
        whence = "it was published under this name" if known else "the file says so itself"
        raise UserError(f"{path}: not the weights of {net}: they are of {says} ({whence})")


def find_match(values: dict[str, Tensor], net: str | None, what: str, party: str | None = None) -> Match:
    """Which network of ours these tensors are, in whose words; of `net` and `party` if they are given.

    Raises UserError: none fits, or several do; `what` is the file, for its message.
    """
    shapes = {key: tuple(value.shape) for key, value in values.items()}
    if net is not None:
        return _of(net, shapes, what, values, party)
    found = recognise(shapes)
    if not found:
        keys = ", ".join(list(shapes)[:3])
        raise UserError(f"{what}: fits no network of neocog ({len(shapes)} tensors: {keys} …); --net says which it should be")
    if len(found) > 1:
        names = [m.dialect.net for m in found]
        others = [f"{d.party}'s is {d.net}" for n in names for d in dialects_of(n) if d.party in ("torchvision", "timm")]
        raise UserError(
            f"{what}: fits {len(names)} networks that differ only in what has no weights: {', '.join(names[:MANY])}"
            + (" …" if len(names) > MANY else "")
            + (f" ({', '.join(dict.fromkeys(others))})" if others else "")
            + "; choose one with --net"
        )
    return found[0]


def _of(net: str, shapes: dict[str, tuple[int, ...]], what: str, values: dict[str, Tensor], party: str | None) -> Match:
    from neocog.nets import resolve

    entry = resolve(net)
    arch = entry.build()
    ways: list[Dialect] = [d for d in dialects_of(entry.name) if party in (None, d.party)]
    for dialect in ways:
        if (match := fits(arch, dialect, shapes)) is not None:
            return Match(dialect, match)
    known = set(shapes)
    closest = max(ways, key=lambda d: len(known & _keys(arch, d)))
    convert(values, arch, closest, what)  # says what is missing, unknown or of another shape
    raise UserError(f"{what}: not the weights of {entry.name}")


def _keys(arch: Architecture, dialect: Dialect) -> set[str]:
    from neocog.weights.converters.dialect import pairs

    return {key for pair in pairs(arch, dialect) for key in pair.expects()}
