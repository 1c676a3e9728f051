"""The classroom: small exact demonstrations, each with a drawing and with the numbers that prove it.

`lesson("kernels")` in a notebook shows the drawing; `neocog lesson kernels --out F.svg` writes it. A lesson's module has its
name, `one_by_one` for `one-by-one`, and holds `show(asked) -> Lesson`.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from neocog.errors import UserError, nearest

if TYPE_CHECKING:
    from neocog.figure.sketch import Sketch

FRAME = 450
"""Milliseconds that a frame of a film stays."""
OnProgress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and of how much."""


def silent(words: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Asked:
    """What a lesson is asked: its name, the reader's Pillow picture if any, the seed, and whom to tell how far it is."""

    name: str
    picture: Any = None
    seed: int = 0
    on_progress: OnProgress = silent


@dataclass(frozen=True, eq=False)
class Lesson:
    """A demonstration as it came out: its figure, lines for people, facts for --json (what was computed, not told), and for
    what moves the frames of a film."""

    name: str
    figure: "Sketch"
    words: Sequence[str]
    facts: dict[str, Any] = field(default_factory=dict)
    frames: "Sequence[Sketch]" = ()

    @property
    def title(self) -> str:
        """What stands above the drawing."""
        return self.figure.title

    def _repr_svg_(self) -> str:
        return self.figure.svg()

    def film(self, milliseconds: int = FRAME, progress: Callable[[int, int], None] = lambda done, total: None) -> bytes:
        """The frames as a GIF that goes round; for a notebook, `IPython.display.Image(lesson("convolution").film())`.

        progress: told how many frames are drawn, of how many. Raises UserError for a lesson that stands still.
        """
        if not self.frames:
            raise UserError(f"the lesson '{self.name}' does not move: it is a drawing, F.svg or F.png")
        stream = io.BytesIO()
        drawn = []
        for frame in self.frames:
            drawn.append(frame.pixels(1))
            progress(len(drawn), len(self.frames))
        first, *rest = drawn
        first.save(stream, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
        return stream.getvalue()


COURSE: dict[str, dict[str, str]] = {
    "What a convolution is": {
        "kernels": "hand-made filters: blur, sharpen, edges, emboss",
        "convolution": "a filter slides: the sum at each place, stride, padding",
        "sparse-matrix": "a convolution is a full connection with a sparse matrix",
        "backward": "the gradient to the input: a convolution with the filter turned round",
        "shared-gradient": "a shared weight's gradient is the sum over the places",
        "one-by-one": "a 1×1 convolution is the same full connection at every pixel",
        "unpooling": "max pooling's switches: the way back, and what MaxUnpool2d loses",
        "down-scaling": "s×s means beside dropping pixels",
    },
    "What it costs, and how it gets cheaper": {
        "stacked": "3×3 stacks against 5×5 and 7×7: field, weights, rectifiers",
        "counts": "full, local, shared: from 10¹² weights to 100",
        "separable": "rank-1 filters, 7×1 and 1×7, depthwise separable costs",
        "groups": "group convolution's who-sees-whom, AlexNet's two towers, the shuffle",
        "c3": "LeNet-5's table: which maps of S2 each map of C3 reads",
        "bottleneck": "a three-layer residual unit for the price of two layers",
        "inception": "1×1 convolutions before the dear ones: module 3a with and without",
        "grid-reduction": "three ways to halve a grid, and what they cost",
    },
    "How a network learns": {
        "activations": "ReLU, sigmoid, tanh, 1.7159·tanh(2x/3): slopes, and their product through depth",
        "walk-through": "back-propagation through a tiny net: every dX and dW by hand and by autograd",
        "losses": "cross-entropy, hinge, MLE, MAP on a line, with their slopes",
        "rbf-codes": "LeNet-5's ten codes, and how codes that are trained collapse under MLE",
    },
    "What keeps learning going": {
        "lrn": "local response normalisation: who damps whom, both conventions for α",
        "batch-norm": "before and after; the batch's statistics and the running ones",
        "dropout": "an ensemble: all 1,024 masks of a tiny net, their means, the scaled net",
        "residual": "zero weights are the identity; gradients and weight decay, plain against residual",
        "gates": "a highway net's gates, layer by layer, before and after training",
    },
}
"""Chapter → lesson → one line about it, in the order in which a course would take them."""
LESSONS: dict[str, str] = {name: about for chapter in COURSE.values() for name, about in chapter.items()}
"""The lessons of all chapters."""
LOOKING = ("kernels", "one-by-one", "down-scaling")
"""The lessons that look at a picture of the reader's; the others work with numbers of their own."""
MOVING = ("convolution", "backward", "walk-through", "rbf-codes")
"""The lessons that have a film."""


def lesson(name: str, picture: Any = None, seed: int = 0, on_progress: OnProgress = silent) -> Lesson:
    """Carry out one lesson. picture: a Pillow picture, for those that look at one (`LOOKING`); seed: 0 or more.

    on_progress(words, done, total) is told how far a lesson is that trains something. Raises UserError for no such lesson,
    and for a picture given to one that looks at none.
    """
    if name not in LESSONS:
        near = nearest(name, LESSONS)
        more = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(LESSONS)}"
        raise UserError(f"no lesson '{name}': {more}")
    if picture is not None and name not in LOOKING:
        raise UserError(f"the lesson '{name}' looks at no picture; {', '.join(LOOKING)} do")
    if seed < 0:
        raise UserError(f"a seed is 0 or more, not {seed}")
    module = import_module(f"neocog.explain.classroom.{name.replace('-', '_')}")
    return module.show(Asked(name, picture, seed, on_progress))
