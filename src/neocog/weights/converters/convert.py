"""Whole networks' weights from another toolkit's keys and layouts to ours, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from torch import Tensor

from neocog.arch import Architecture
from neocog.arch.rewrite import with_classes, without_taps
from neocog.arch.window import Shape
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import keras, slim, timm, torchvision
from neocog.weights.converters.dialect import Dialect, pairs
from neocog.weights.converters.pair import Pair
from neocog.weights.files import check_keys

PARTIES = ("neocog", "torchvision", "timm", "keras", "slim")
BACKGROUND = 1001  # classes of TensorFlow's files: the first means none of the others


@cache
def dialects() -> tuple[Dialect, ...]:
    """Every network that another toolkit keeps in its own way."""
    return (*torchvision.dialects(), *timm.dialects(), *keras.dialects(), *slim.dialects())


def own(net: str) -> Dialect:
    """Our own keys and layouts."""
    return Dialect("neocog", net, net)


def dialects_of(net: str) -> tuple[Dialect, ...]:
    """The ways in which the network of ours called `net` is written down, our own first."""
    return (own(net), *(d for d in dialects() if d.net == net))


def dialect_for(net: str, party: str) -> Dialect:
    """How `party` writes down our `net`. Raises UserError if it has no such network."""
    if party not in PARTIES:
        raise UserError(f"unknown toolkit '{party}'; there are {', '.join(PARTIES)}")
    known = dialects_of(net)
    for dialect in known:
        if dialect.party == party:
            return dialect
    others = ", ".join(dict.fromkeys(d.party for d in known[1:]))
    raise UserError(f"{party} has no network that is {net}" + (f"; {others} has" if others else ""))


def convert(
    values: Mapping[str, Tensor], net: str | Architecture, dialect: Dialect | str, what: str = "these weights"
) -> tuple[Architecture, dict[str, Tensor]]:
    """Another toolkit's tensors by its keys → (our network, our tensors by our keys).

    The network is `net` with as many classes as the tensors tell apart, and without the auxiliary heads that they lack.
    Raises UserError, with the first differences, for tensors of something else; `what` names them in its message.
    """
    arch = resolve(net).build() if isinstance(net, str) else net
    dialect = dialect_for(arch.name, dialect) if isinstance(dialect, str) else dialect
    today = dialect.today(values)
    found = {today[key]: value for key, value in values.items()}
    shapes = {key: tuple(value.shape) for key, value in found.items()}
    arch, matched = fitted(arch, dialect, shapes)
    whose = f"{dialect.party}'s {dialect.name}" if dialect.party != "neocog" else arch.name
    check_keys(_only(found, dialect, shapes), _shaped(matched), f"{what}: not the weights of {whose}")
    return arch, {pair.ours: _read(pair, found) for pair in matched}


def export_as(values: Mapping[str, Tensor], arch: Architecture, dialect: Dialect | str) -> dict[str, Tensor]:
    """Our tensors → another toolkit's, by its keys. Raises UserError for numbers that it has no place for."""
    dialect = dialect_for(arch.name, dialect) if isinstance(dialect, str) else dialect
    made: dict[str, Tensor] = {}
    for pair in pairs(arch, replace(dialect, background=False)):
        made |= pair.write(values)
    return made


def fitted(arch: Architecture, dialect: Dialect, shapes: Mapping[str, Shape]) -> tuple[Architecture, tuple[Pair, ...]]:
    """`arch` with the classes and the auxiliary heads of a file with tensors of these shapes, and its pairs."""
    matched = pairs(arch, replace(dialect, background=False))
    absent = {p.ours for p in matched if p.theirs and not _counter(p) and p.theirs not in shapes}
    if arch.taps and any(key.rpartition(".")[0] not in arch.main for key in absent):
        arch = without_taps(arch)[0]
    classes = classes_of(arch, matched, dialect, shapes)
    background = dialect.background and classes == BACKGROUND
    if classes is not None and classes - background >= 2:
        arch = with_classes(arch, classes - background)[0]
    return arch, pairs(arch, replace(dialect, background=background))


def classes_of(arch: Architecture, matched: Iterable[Pair], dialect: Dialect, shapes: Mapping[str, Shape]) -> int | None:
    """How many classes the file's classifier tells apart, read off its weight; None where that cannot be seen."""
    head = f"{arch.head.path}.weight" if arch.head else ""
    for pair in matched:
        if (
            pair.ours == head
            and pair.theirs is not None
            and pair.theirs in shapes
            and len(shapes[pair.theirs]) == len(pair.their_shape)
        ):
            return shapes[pair.theirs][-1 if dialect.tensorflow else 0]
    return None


def preprocessing_of(dialect: Dialect) -> Preprocessing:
    """What the other toolkit's weights want of pictures: its own convention, else the card's."""
    return dialect.preprocessing or resolve(dialect.net).card.preprocessing


def _counter(pair: Pair) -> bool:
    return pair.ours.endswith("num_batches_tracked")


def _read(pair: Pair, found: Mapping[str, Tensor]) -> Tensor:
    """Old files lack the running counters: they start at 0."""
    if _counter(pair) and pair.theirs not in found:
        return replace(pair, theirs=None).read(found)
    return pair.read(found)


def _shaped(matched: Iterable[Pair]) -> dict[str, "Expected"]:
    return {key: Expected(shape) for pair in matched if not _counter(pair) for key, shape in pair.expects().items()}


def _only(found: Mapping[str, Tensor], dialect: Dialect, shapes: Mapping[str, Shape]) -> dict[str, Tensor]:
    return {key: value for key, value in found.items() if not dialect.passes_over(key)}


class Expected:
    """What `check_keys` reads: a shape."""

    def __init__(self, shape: Shape):
        self.shape = shape
