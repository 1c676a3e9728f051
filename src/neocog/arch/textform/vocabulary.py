"""The words of the text form, each with the record that its options make."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neocog.arch.init import Constant, HeNormal
from neocog.arch.layers import (
    GELU,
    LRN,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    HardSigmoid,
    HardSwish,
    Linear,
    MaxPool2d,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Tanh,
)
from neocog.arch.record import Leaf
from neocog.arch.textform.syntax import Layer, TextError, Token, offer
from neocog.errors import UserError

WIDTH, WIDEST, HIDDEN, CLASSES = 32, 512, 128, 10
"""Maps of the first CONV, doubled by every step that halves the map, up to the widest; features of a hidden FC; scores."""

START: dict[str, Any] = {"init": HeNormal(), "bias_init": Constant(0.0)}
N = "([0-9]{1,6})"
PADDING = re.compile(rf"p{N}(?:\.{N})?(?:x{N}(?:\.{N})?)?")
DILATION = re.compile(rf"d{N}(?:x{N})?")


@dataclass
class Options:
    """The options of one layer, each taken once."""

    text: str
    layer: Layer
    takes: str  # in words, for complaints
    left: list[Token] = field(init=False)

    def __post_init__(self) -> None:
        self.left = list(self.layer.options)

    def take(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """The first option that the pattern matches whole."""
        for token in self.left:
            if match := re.fullmatch(pattern, token.text):
                self.left.remove(token)
                return match
        return None

    def flag(self, word: str) -> bool:
        """Whether this word is there."""
        return self.take(re.escape(word)) is not None

    def window(self, pattern: str, kernel: int, stride: int | None) -> tuple[tuple[int, int], tuple[int, int]]:
        """(kernel, stride) of `3x3/2`, `3/2`, `3x3` or `/2`. No stride: 2 for windows of up to 3, else the window."""
        match = self.take(pattern)
        a, b, c, d = (match and match.groups()) or (None,) * 4
        side = (int(a or kernel), int(b or a or kernel))
        step = (stride,) * 2 if stride else tuple(min(n, 2) if n <= 3 else n for n in side)
        return side, ((int(c), int(d or c)) if c else (step[0], step[1]))

    def padding(self) -> Any:
        """`p1`, `p1x2` (rows × columns), `p1.2` (before and behind), `same` (TensorFlow's), `valid`; None if not said."""
        if self.flag("same"):
            return "same"
        if self.flag("valid"):
            return 0
        match = self.take(PADDING)
        if match is None:
            return None
        top, bottom, left, right = match.groups()
        rows = (int(top), int(bottom or top))
        return rows, (int(left), int(right or left)) if left else rows

    def dilation(self) -> tuple[int, int]:
        """`d2` or `d2x1`."""
        match = self.take(DILATION)
        return (int(match[1]), int(match[2] or match[1])) if match else (1, 1)

    def number(self, pattern: str, default: float) -> float:
        """A number such as 0.5 or 1e-05 behind a letter, or alone."""
        match = self.take(pattern)
        try:
            value = float(match[1]) if match else default
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise TextError(self.text, self.layer.column, f"{self.layer.word}: '{match and match[0]}' is no number")
        return value

    def whole(self, pattern: str, default: int) -> int:
        """A whole number behind a letter, or alone."""
        match = self.take(pattern)
        return int(match[1]) if match else default

    def done(self) -> None:
        """Raises TextError for an option that nobody took."""
        if not self.left:
            return
        token = self.left[0]
        written = self.text[token.column - 1 :][: len(token.text)]
        takes = f"{self.layer.word} takes {self.takes}" if self.takes else f"{self.layer.word} takes no options"
        message, meant = f"{takes}, not '{written}'", offer(token.text, WORDS)
        if token.text == "softmax":
            message = "scores go out as they are, probabilities are made of them later: leave SOFTMAX out"
        elif meant.startswith("; did") and token.text[0].isalpha():
            message = f"'{written}' is no layer{meant}"
        raise TextError(self.text, token.column, message)


def keep_size(kernel: tuple[int, int], dilation: tuple[int, int]) -> Any:
    """The padding (F-1)/2 that keeps the map's size at stride 1; the odd one of even kernels lies behind."""
    spread = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    rows, columns = ((n // 2, n - n // 2) for n in spread)
    return rows, columns


def _conv(o: Options, width: int) -> Leaf:
    kernel, stride = o.window(rf"(?=.*[x/])(?:{N}(?:x{N})?)?(?:/{N}(?:x{N})?)?", 3, 1)
    padding, dilation = o.padding(), o.dilation()
    padding = keep_size(kernel, dilation) if padding is None else padding
    if o.layer.word == "DWCONV":
        more = o.whole(f"m{N}", 1)
        return DepthwiseConv2d(kernel, stride, padding, dilation, more, not o.flag("nobias"), **START)
    groups = o.whole(f"g{N}", 1)
    return Conv2d(o.whole(N, width), kernel, stride, padding, dilation, groups, not o.flag("nobias"), **START)


def _fc(o: Options, width: int) -> Leaf:
    return Linear(o.whole(N, HIDDEN), not o.flag("nobias"), **START)


def _pool(o: Options, width: int) -> Leaf:
    kind = o.take("max|avg")
    kernel, stride = o.window(rf"(?:{N}(?:x{N})?)?(?:/{N}(?:x{N})?)?", 2, None)
    padding, ceil = o.padding() or 0, o.flag("ceil")
    if kind and kind[0] == "avg":
        return AvgPool2d(kernel, stride, padding, ceil, not o.flag("nocount"))
    return MaxPool2d(kernel, stride, padding, o.dilation(), ceil)


def _gap(o: Options, width: int) -> Leaf:
    match = o.take(rf"{N}(?:x{N})?")
    return AdaptiveAvgPool2d((int(match[1]), int(match[2] or match[1])) if match else 1)


def _bn(o: Options, width: int) -> Leaf:
    return BatchNorm2d(o.number("e(.+)", 1e-5), o.number("m(.+)", 0.1), not o.flag("noaffine"))


def _lrn(o: Options, width: int) -> Leaf:
    return LRN(o.whole(N, 5), o.number("a(.+)", 1e-4), o.number("b(.+)", 0.75), o.number("k(.+)", 2.0), o.flag("mean"))


def _dropout(o: Options, width: int) -> Leaf:
    p = o.number("(-?[0-9.].*)", 0.5)
    if not 0 <= p < 1:
        raise UserError(f"a drop rate is at least 0 and below 1, not {p:g}")
    return Dropout(p)


def _tanh(o: Options, width: int) -> Leaf:
    return Tanh(o.number("(-?[0-9.].*)", 1.0), o.number("(-?[0-9.].*)", 1.0))


WINDOW = "a window such as 3x3/2, padding such as p1, dilation such as d2"
WORDS: dict[str, tuple[str, Callable[[Options, int], Leaf]]] = {
    "CONV": (f"{WINDOW}, groups such as g2, nobias and a number of maps", _conv),
    "DWCONV": (f"{WINDOW}, filters a map such as m2, and nobias", _conv),
    "FC": ("a number of features, and nobias", _fc),
    "POOL": ("a window such as 2, 3/2 or 3x3/2, max or avg, padding such as p1, ceil", _pool),
    "GAP": ("a size such as 6 (default 1)", _gap),
    "BN": ("e1e-5, m0.1 and noaffine", _bn),
    "LRN": ("a size, a1e-4, b0.75, k2 and mean (α divided by the size)", _lrn),
    "DROPOUT": ("a probability such as 0.5", _dropout),
    "TANH": ("a scale and a slope", _tanh),
}
SIMPLE: dict[str, type[Leaf]] = {t.__name__.upper(): t for t in (
    ReLU, ReLU6, Sigmoid, HardSigmoid, HardSwish, SiLU, GELU, Flatten)}  # fmt: skip
WORDS |= {word: ("", lambda o, width, t=leaf: t()) for word, leaf in SIMPLE.items()}


def record(text: str, layer: Layer, width: int) -> Leaf:
    """The record of a layer; a CONV without a number gets `width` maps. Raises TextError."""
    takes, make = WORDS[layer.word]
    options = Options(text, layer, takes)
    try:
        made = make(options, width)
    except TextError:
        raise
    except UserError as error:
        raise TextError(text, layer.column, str(error)) from None
    options.done()
    return made
