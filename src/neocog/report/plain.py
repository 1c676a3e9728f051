"""Names and figures made fit for a page: whatever a file or a class is called, it is shown and does no harm."""

import json
import math
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

LONGEST = 120  # characters of a name that are shown
BIDI = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}


def clean(name: str, longest: int = LONGEST) -> str:
    """A name as people can see it: control and direction marks and bytes that are no UTF-8 as escapes, its middle left out
    where it is long (a file's end tells most)."""
    if len(name) > longest:
        half = (longest - 1) // 2
        name = f"{name[: longest - 1 - half]}…{name[-half:]}"
    return "".join(map(_visible, name))


def _visible(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    if letter in BIDI or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\u{code:04x}"
    return letter


def rounded(value: float | None, digits: int = 4) -> float | None:
    """What JSON holds: null for what is no number."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def script_json(value: Any) -> str:
    """JSON that can stand inside a `<script>` element: no character of it can end the element or the line."""
    words = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        words = words.replace(letter, f"\\u{ord(letter):04x}")
    return words


def thinned(points: Sequence[tuple[float, float]], most: int = 300) -> list[list[float]]:
    """At most `most` points of a curve: the means of equal runs of them, at their last x."""
    if len(points) <= most:
        return [list(point) for point in points]
    edges = [round(i * len(points) / most) for i in range(most + 1)]
    runs = (points[a:b] for a, b in pairwise(edges))
    return [[run[-1][0], sum(y for _, y in run) / len(run)] for run in runs]
