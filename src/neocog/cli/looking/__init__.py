"""The methods of `neocog explain`: what each takes, and where it is; one module a family, imported when asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from neocog.cli.looking.look import Look
    from neocog.figure.sketch import Sketch


@dataclass(frozen=True)
class Way:
    """A method. `module` of this package holds `run(look) -> Shown`; several methods may share one, and ask `look.method`.

    takes: the options that mean something to it, as argparse names them; any other is refused. untrained: whether RUN may be a
    network's name, with weights as they are drawn at the start. wants: what must be there, "picture", "data" or nothing.
    """

    words: str
    module: str
    takes: frozenset[str] = frozenset()
    wants: str = ""
    untrained: bool = False


@dataclass(frozen=True, eq=False)
class Shown:
    """What a method gives: a figure, facts for --json, lines for people, arrays for --arrays."""

    figure: "Sketch | Image.Image"
    facts: dict[str, Any]
    words: Sequence[str]
    arrays: "Mapping[str, np.ndarray]" = field(default_factory=dict)


def _way(words: str, module: str, takes: str = "", wants: str = "", untrained: bool = False) -> Way:
    return Way(words, module, frozenset(takes.split()), wants, untrained)


WAYS: dict[str, Way] = {
    "planes": _way("what the maps of its layers answer to the picture", "maps", "layer", "picture"),
    "templates": _way("the weights of a linear classifier, or of an mlp's first layer", "maps"),
    "hog": _way("the orientations of the picture's gradients, and what of them speaks for the answer", "maps", "", "picture"),
}

Handler = Callable[["Look"], Shown]


def handler(method: str) -> Handler:
    """The function that carries a method out."""
    from importlib import import_module

    return import_module(f"neocog.cli.looking.{WAYS[method].module}").run
