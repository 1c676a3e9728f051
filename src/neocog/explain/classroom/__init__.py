"""The classroom: small exact demonstrations, each with a drawing and with the numbers that prove it.

`lesson("kernels")` in a notebook shows the drawing; `neocog lesson kernels --out F.svg` writes it. One module a lesson, or a
family of lessons, in the order in which a course would take them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from neocog.errors import UserError, nearest

if TYPE_CHECKING:
    from neocog.figure.sketch import Sketch


@dataclass(frozen=True, eq=False)
class Lesson:
    """A demonstration as it came out: its figure, lines for people, facts for --json (what was computed, not told), and for
    what moves the frames of a film."""

    name: str
    title: str
    figure: "Sketch"
    words: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)
    frames: "Sequence[Sketch]" = ()

    def _repr_svg_(self) -> str:
        return self.figure.svg()


LESSONS: dict[str, tuple[str, str]] = {
    "kernels": ("kernels", "hand-made filters: blur, sharpen, edges, emboss"),
    "convolution": ("sliding", "a filter slides: the sum at each place, stride, padding (film)"),
    "sparse-matrix": ("sparse", "a convolution is a full connection with a sparse matrix"),
    "backward": ("backward", "the gradient to the input: a convolution with the filter turned round (film)"),
    "shared-gradient": ("shared", "a shared weight's gradient is the sum over the places"),
    "one-by-one": ("pointwise", "a 1×1 convolution is the same full connection at every pixel"),
    "unpooling": ("unpooling", "max pooling's switches: the way back, and what MaxUnpool2d loses"),
    "down-scaling": ("scaling", "s×s means beside dropping pixels"),
    "stacked": ("stacked", "3×3 stacks against 5×5 and 7×7: field, weights, rectifiers"),
    "counts": ("counts", "full, local, shared: from 10¹² weights to 100"),
}
"""name → (module of this package, one line about it). The module holds `show(name, picture, seed) -> Lesson`."""


def lesson(name: str, picture: Any = None, seed: int = 0) -> Lesson:
    """Carry out one lesson. picture: a Pillow picture, for those that look at one. Raises UserError for no such lesson."""
    if name not in LESSONS:
        near = nearest(name, LESSONS)
        more = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(LESSONS)}"
        raise UserError(f"no lesson '{name}': {more}")
    return import_module(f"neocog.explain.classroom.{LESSONS[name][0]}").show(name, picture, seed)
