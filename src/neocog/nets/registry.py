"""Names to networks. A file in this package registers what it defines; adding a network is adding a file."""

import fnmatch
import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from neocog.errors import UnknownName
from neocog.nets import index

if TYPE_CHECKING:
    from neocog.arch import Architecture, Shape
    from neocog.nets.card import Card

_NETS: dict[str, "Net"] = {}


@dataclass(frozen=True, slots=True)
class Net:
    """A named network: `build()` gives its architecture, exactly the paper's; `card` says all else.

    `sized(shape)`: builds it for pictures of another size, where it leaves the size open (a line without one, a baseline).
    """

    name: str
    build: "Callable[[], Architecture]"
    card: "Card"
    sized: "Callable[[Shape], Architecture] | None" = None


def register(
    name: str, build: "Callable[[], Architecture]", card: "Card", sized: "Callable[[Shape], Architecture] | None" = None
) -> None:
    """Give a network its name. Raises ValueError if the name is taken."""
    if name in _NETS:
        raise ValueError(f"two networks are called {name}")
    _NETS[name] = Net(name, build, card, sized)


@cache
def nets() -> dict[str, Net]:
    """All networks by name, in the order of their years and names. Loads every file of the package."""
    package = importlib.import_module("neocog.nets")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in index.FRAMEWORK:
            importlib.import_module(f"neocog.nets.{module.name}")
    return dict(sorted(_NETS.items(), key=lambda item: (item[1].card.year, _natural(item[0]))))


def list_models(pattern: str = "*") -> list[str]:
    """The names that match a shell pattern, large letters or small.

    One without wildcards stands at the beginning of a word of the name (`lenet` is not googlenet's); if none has it there, it
    may stand anywhere in it.
    """
    names, wanted = list(index.saved() or nets()), pattern.lower()
    if any(c in pattern for c in "*?["):
        return [name for name in names if fnmatch.fnmatchcase(name.lower(), wanted)]
    inside = [name for name in names if wanted in name.lower()]
    if wanted[:1].isalpha():
        word = re.compile(f"(?<![a-z]){re.escape(wanted)}")
        return [name for name in inside if word.search(name.lower())] or inside
    return inside


def resolve(name: str) -> Net:
    """The network of a name, of another toolkit's name with its prefix (`tv:alexnet`, `timm:resnet50`), or of a line of text.

    Loads the one file that defines it. Raises UnknownName, with the nearest names; TextError, with the column.
    """
    if looks_like_text(name):
        from neocog.nets.own import own

        return Net(*own(name))
    known = index.saved()
    if known is None:
        nets()
    elif entry := known.get(name) or next((e for e in known.values() if name in e.same_as), None):
        importlib.import_module(f"neocog.nets.{entry.file}")
    if name in _NETS:
        return _NETS[name]
    for net in _NETS.values():
        if name in net.card.same_as:
            return net
    foreign = [alias for net in nets().values() for alias in net.card.same_as]
    raise UnknownName("net", name, [*nets(), *foreign], "`neocog list` shows all.")


def looks_like_text(name: str) -> bool:
    """Whether this is meant as a line of the text form: it begins with INPUT, or has brackets or arrows, which no name has."""
    return name.lstrip()[:5].upper() == "INPUT" or any(sign in name for sign in ("[", "]", "->", "=>", "→", "⇒"))


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Digits as numbers, so that resnet20 comes before resnet110."""
    parts, digits = [], ""
    for char in name + "\0":
        if char.isdigit():
            digits += char
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, char))
    return parts
