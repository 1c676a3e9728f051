"""Pictures with five bars each, as figure 4 (left) of Krizhevsky, Sutskever & Hinton 2012: `neocog predict --figure`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neocog.arch.drawing.measure import BOLD, clip
from neocog.errors import BadPicture
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch
from neocog.pictures.decode import decode

BARS = 5
SIDE, GAP, MARGIN, BAR = 190, 22, 28, 19
WHOLE = SIDE - 46  # a bar of 100 %; the figure stands beside it
RIGHT, OTHER = "k1", "k0"  # the bar of the true class, and of the others


def figure(net: str, classes: Sequence[str], answers: Sequence[dict[str, Any]]) -> Sketch:
    """answers: {file, top: every class with its probability, likeliest first}. The true class is the folder's name, where that
    is a class."""
    across = _across(len(answers))
    bars = min(BARS, len(classes))
    card = SIDE + 30 + bars * BAR + (16 if len(classes) > BARS else 0) + GAP
    known = [true_class(answer["file"], classes) for answer in answers]
    head = 62 if any(known) else 46
    wide = 2 * MARGIN + max(across, 2) * (SIDE + GAP) - GAP
    sheet = Sketch(wide, MARGIN + head + -(-len(answers) // across) * card, f"{net}: {len(answers)} pictures")
    title = f"{net}: " + (f"the {bars} likeliest classes" if len(classes) > bars else "how likely each class is")
    sheet.text(MARGIN, MARGIN + 8, clip(title, LARGE, wide - 2 * MARGIN), LARGE, bold=True)
    if any(known):
        _legend(sheet, MARGIN + 32)
    for i, (answer, true) in enumerate(zip(answers, known, strict=True)):
        left, top = MARGIN + i % across * (SIDE + GAP), MARGIN + head + i // across * card
        _card(sheet, left, top, answer, true)
    return sheet


def true_class(file: str, classes: Sequence[str]) -> str:
    """The class whose folder the file lies in, or ""."""
    name = Path(file).absolute().parent.name
    return name if name in classes else ""


def _across(n: int) -> int:
    """Rows of four up to eight pictures, as in the paper; of more, as many a row as leave few places empty."""
    return min(n, 4) if n <= 8 else min(range(5, 9), key=lambda across: (-n % across, abs(across - 6)))


def _legend(sheet: Sketch, y: float) -> None:
    for x, ink, words in ((MARGIN, RIGHT, "the true class"), (MARGIN + 130, OTHER, "another class")):
        _bar(sheet, x, y - 10, 18, 12, ink)
        sheet.text(x + 25, y, words, NORMAL, ink="soft")


def _bar(sheet: Sketch, x: float, y: float, wide: float, high: float, ink: str) -> None:
    sheet.area([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], ink, 0.45)


def _card(sheet: Sketch, left: float, top: float, answer: dict[str, Any], true: str) -> None:
    """The picture, what it is, and the bars."""
    pixels = _pixels(answer["file"])
    high, wide = pixels.shape[:2]
    scale = SIDE / max(high, wide)
    wide, high = max(1.0, wide * scale), max(1.0, high * scale)
    sheet.picture(left + (SIDE - wide) / 2, top + (SIDE - high) / 2, pixels, wide, high)
    y = top + SIDE + 19
    sheet.text(left + SIDE / 2, y, clip(true or Path(answer["file"]).name, NORMAL, SIDE / BOLD), NORMAL, "middle",
               "ink" if true else "soft", bool(true))  # fmt: skip
    best = answer["top"][:BARS]
    for k, one in enumerate(best):
        at, share = y + 10 + k * BAR, one["probability"]
        sheet.line([(left, at + BAR - 2), (left + SIDE, at + BAR - 2)], "line")
        _bar(sheet, left, at, max(1.0, WHOLE * share), BAR - 3, RIGHT if one["label"] == true else OTHER)
        sheet.text(left + 5, at + 12.5, clip(one["label"], SMALL, WHOLE - 8), SMALL)
        sheet.text(left + SIDE, at + 12.5, f"{100 * share:.1f} %", SMALL - 1, "end", "soft")
    if true and true not in [one["label"] for one in best]:
        place = next((k for k, one in enumerate(answer["top"], 1) if one["label"] == true), 0)
        sheet.text(left + 5, y + 10 + BARS * BAR + 11, f"the true class is number {place:,}", SMALL - 1, ink=RIGHT)


def _pixels(file: str) -> np.ndarray:
    try:
        picture = decode(Path(file)).convert("RGB")
    except BadPicture:  # gone since it was classified
        return np.full((8, 8, 3), 128, np.uint8)
    if max(picture.size) > 4 * SIDE:
        picture.thumbnail((4 * SIDE, 4 * SIDE))
    return np.asarray(picture)
