"""The classroom: small exact demonstrations, each with a drawing and with the numbers that prove it.

`lesson("kernels")` in a notebook shows the drawing; `neocog lesson kernels --out F.svg` writes it. One module a lesson, or a
family of lessons, in the order in which a course would take them.
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
    "separable": ("separable", "rank-1 filters, 7×1 and 1×7, depthwise separable costs"),
    "groups": ("groups", "group convolution's who-sees-whom, AlexNet's two towers, the shuffle"),
    "c3": ("c3", "LeNet-5's table: which maps of S2 each map of C3 reads"),
    "bottleneck": ("bottleneck", "a three-layer residual unit for the price of two layers"),
    "inception": ("reductions", "1×1 convolutions before the dear ones: module 3a with and without"),
    "grid-reduction": ("grid", "three ways to halve a grid, and what they cost"),
    "activations": ("activations", "ReLU, sigmoid, tanh, 1.7159·tanh(2x/3): slopes, and their product through depth"),
    "walk-through": ("walk_through", "back-propagation through a tiny net: every dX and dW by hand and by autograd (film)"),
    "losses": ("losses", "cross-entropy, hinge, MLE, MAP on a line, with their slopes"),
    "rbf-codes": ("rbf_codes", "LeNet-5's ten codes, and how codes that are trained collapse under MLE (film)"),
    "lrn": ("lrn", "local response normalisation: who damps whom, both conventions for α"),
    "batch-norm": ("batch_norm", "before and after; the batch's statistics and the running ones"),
    "dropout": ("dropout", "an ensemble: all 1,024 masks of a tiny net, their means, the scaled net"),
    "residual": ("residual", "zero weights are the identity; gradients and weight decay, plain against residual"),
    "gates": ("gates", "a highway net's gates, layer by layer, before and after training"),
}
"""name → (module of this package, one line about it). The module holds `show(name, picture, seed) -> Lesson`."""

LOOKING = ("kernels", "one-by-one", "down-scaling")
"""The lessons that look at a picture of the reader's; the others work with numbers of their own."""


def lesson(name: str, picture: Any = None, seed: int = 0) -> Lesson:
    """Carry out one lesson. picture: a Pillow picture, for those that look at one (`LOOKING`); seed: 0 or more.

    Raises UserError for no such lesson, and for a picture given to one that looks at none.
    """
    if name not in LESSONS:
        near = nearest(name, LESSONS)
        more = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(LESSONS)}"
        raise UserError(f"no lesson '{name}': {more}")
    if picture is not None and name not in LOOKING:
        raise UserError(f"the lesson '{name}' looks at no picture; {', '.join(LOOKING)} do")
    if seed < 0:
        raise UserError(f"a seed is 0 or more, not {seed}")
    return import_module(f"neocog.explain.classroom.{LESSONS[name][0]}").show(name, picture, seed)
