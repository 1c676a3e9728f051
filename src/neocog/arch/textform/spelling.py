"""Records as words of the text form: the inverse of `vocabulary`."""

from typing import Any

from neocog.arch.layers import (
    LRN,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Tanh,
)
from neocog.arch.record import Leaf, Windowed
from neocog.arch.textform.vocabulary import SIMPLE, keep_size
from neocog.arch.window import pair


def words_of(leaf: Leaf) -> str | None:
    """How a record is written, in full; None if the text form has no word for it. What it starts from is left out."""
    if type(leaf) in SIMPLE.values():
        return leaf.type.upper()
    if isinstance(leaf, Windowed) and leaf.padding != "same" and min(n for side in leaf.padding for n in side) < 0:  # type: ignore[type-var]
        return None
    match leaf:
        case Conv2d() | DepthwiseConv2d():
            normal = keep_size(pair(leaf.kernel), pair(leaf.dilation))
            parts = [_window(leaf, (1, 1)), _padding(leaf, normal), _pair("d", leaf.dilation)]
            if isinstance(leaf, DepthwiseConv2d):
                return _join("DWCONV", *parts, f"m{leaf.multiplier}" * (leaf.multiplier > 1), "nobias" * (not leaf.bias))
            return _join("CONV", *parts, f"g{leaf.groups}" * (leaf.groups > 1), "nobias" * (not leaf.bias), str(leaf.out))
        case Linear():
            return _join("FC", str(leaf.out), "nobias" * (not leaf.bias))
        case MaxPool2d() | AvgPool2d():
            window = _window(leaf, None)
            more = [_padding(leaf, ((0, 0), (0, 0))), "ceil" * leaf.ceil, _pair("d", leaf.dilation)]
            count = isinstance(leaf, AvgPool2d) and not leaf.count_padding
            return _join("POOL", "avg" * isinstance(leaf, AvgPool2d), window, *more, "nocount" * count)
        case AdaptiveAvgPool2d():
            return _join("GAP", "" if pair(leaf.out) == (1, 1) else _pair("", leaf.out))
        case BatchNorm2d():
            eps, momentum = f"e{leaf.eps!r}" * (leaf.eps != 1e-5), f"m{leaf.momentum!r}" * (leaf.momentum != 0.1)
            return _join("BN", eps, momentum, "noaffine" * (not leaf.affine))
        case LRN():
            alpha, beta = f"a{leaf.alpha!r}" * (leaf.alpha != 1e-4), f"b{leaf.beta!r}" * (leaf.beta != 0.75)
            return _join("LRN", str(leaf.size), alpha, beta, f"k{leaf.k!r}" * (leaf.k != 2), "mean" * leaf.divide_alpha)
        case Dropout():
            return f"DROPOUT {leaf.p!r}"
        case Tanh():
            return "TANH" if (leaf.scale, leaf.slope) == (1, 1) else f"TANH {leaf.scale!r} {leaf.slope!r}"
    return None


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _pair(letter: str, value: Any) -> str:
    a, b = pair(value)
    return "" if letter and (a, b) == (1, 1) else f"{letter}{a}" + (f"x{b}" if a != b else "")


def _window(leaf: Windowed, stride: tuple[int, int] | None) -> str:
    """`3x3/2` for convolutions, `3` for pools, the usual stride left out."""
    (a, b), step = pair(leaf.kernel), pair(leaf.stride)
    side = f"{a}x{b}" if stride or a != b else f"{a}"
    usual = stride or tuple(min(n, 2) if n <= 3 else n for n in (a, b))
    return side if step == usual else f"{side}/{_pair('', step)}"


def _padding(leaf: Windowed, usual: Any) -> str:
    if leaf.padding == usual or leaf.padding == "same":
        return "same" if leaf.padding == "same" else ""
    sides = ["p" if not i else "x" for i in (0, 1)]
    rows, columns = (f"{a}" + (f".{b}" if a != b else "") for a, b in leaf.padding)  # type: ignore[misc]  # normalised
    return f"{sides[0]}{rows}" + (f"{sides[1]}{columns}" if rows != columns else "")
