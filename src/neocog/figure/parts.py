"""Parts that figures are made of: heat maps with their scales, matrices, charts. Each draws into a `Sketch` at a place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from neocog.arch.drawing.measure import clip, width, wrap
from neocog.figure.colours import COLD_WARM, INK, diverging, positive, strip
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch, spread_out

MARGIN, WIDE = 28, 900  # pixels around a figure; across one of several charts


def pixels_of_map(values: np.ndarray, top: float | None = None, signed: bool = False) -> np.ndarray:
    """H×W numbers as colours, uint8 H×W×3: from 0 (paper) to `top` (dark), or signed, −top (blue), 0 (grey), +top (red)."""
    top = float(np.abs(values).max()) if top is None else top
    return diverging(values, top) if signed else positive(values, top)


def coloured(picture: np.ndarray) -> np.ndarray:
    """uint8 H×W×1 or H×W×3 → H×W×3."""
    return np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture


def overlay(picture: np.ndarray, values: np.ndarray, top: float | None = None, signed: bool = False) -> np.ndarray:
    """A map laid over the picture in grey: uint8 H×W×3 of the picture's size. Where the map is 0, the picture is seen alone.

    values H×W of any size are enlarged smoothly first, without overshooting: no place gets a sign that none beside it has.
    """
    high, wide = picture.shape[:2]
    grey = coloured(picture).astype(np.float64) @ (0.299, 0.587, 0.114)
    grey = np.repeat((90 + grey * 0.6)[..., None], 3, 2)  # lighter and flatter, so that colours stand out
    if values.shape != (high, wide):
        values = np.asarray(Image.fromarray(values.astype(np.float32)).resize((wide, high), Image.Resampling.BILINEAR))
    top = float(np.abs(values).max()) if top is None else top
    share = np.clip(np.abs(values) / top if top > 0 else np.zeros_like(values), 0, 1)[..., None] ** 0.75
    if not signed:
        share = np.where(values[..., None] > 0, share, 0)
    return np.rint(grey * (1 - 0.85 * share) + diverging(values, top) * 0.85 * share).astype(np.uint8)


def scale_bar(sheet: Sketch, x: float, y: float, wide: float, top: float, signed: bool, words: str = "") -> None:
    """The colours from 0, or −top, to top, with their numbers; `words` says of what. 12 pixels high, 26 with its numbers."""
    sheet.picture(x, y, colour_bar(signed), wide, 10)
    ends = [(x, number(-top) if signed else "0", "start"), (x + wide, ("+" if signed else "") + number(top), "end")]
    if signed:
        ends.append((x + wide / 2, "0", "middle"))
    for at, text, anchor in ends:
        sheet.text(at, y + 23, text, SMALL, anchor, "soft")
    if words:
        sheet.text(x, y - 5, words, SMALL, ink="soft")


def colour_bar(signed: bool = True, colours: bool = False) -> np.ndarray:
    """The colours of a scale, uint8 8×N×3; of `colours`, each signed by itself: from dark over grey, which is 0, to light."""
    ramp = np.repeat(np.linspace(0, 255, 180).astype(np.uint8)[None, :, None], 3, 2)
    return np.repeat(ramp if colours else strip(COLD_WARM if signed else INK), 8, 0)


def ruler(sheet: Sketch, x: float, y: float, pixels: int, scale: float) -> None:
    """A length of `pixels` of the picture, drawn `scale` times as large, below it."""
    sheet.line([(x, y - 3), (x, y), (x + pixels * scale, y), (x + pixels * scale, y - 3)], "soft")
    sheet.text(x + pixels * scale + 5, y + 3, f"{pixels} px", SMALL - 1, ink="soft")


def number(value: float) -> str:
    """Three digits as people write them, with a real minus sign: 0.25, 1,112, 7.83·10⁻⁵."""
    size = abs(value)
    if 999.5 <= size < 999_999.5:
        words = f"{value:,.0f}"
    elif size == 0 or 1e-3 <= size < 999.5 or not math.isfinite(value):
        words = f"{value:.3g}"
    else:
        mantissa, power = f"{value:.2e}".split("e")
        words = f"{float(mantissa):g}·{exponent(10.0 ** int(power))}"
    return words.replace("-", "−")


def fitted(words: str, room: float, size: float = SMALL) -> str:
    """The words, or as much of their beginning as there is room for."""
    return clip(words, size, room)


def wrapped(words: str, room: float, size: float = NORMAL) -> list[str]:
    """The words in lines that are as wide as the room at most."""
    return wrap(words.split(" "), " ", size, room) if words else []


def round_length(pixels: int) -> int:
    """A round number of pixels, about a fifth of so many: how long a ruler is."""
    return min((n * 10**k for k in range(4) for n in (1, 2, 5)), key=lambda n: abs(n - pixels / 5))


def heading(sheet: Sketch, words: str, about: str = "", margin: float = MARGIN) -> float:
    """The figure's title and a line about it; where the next thing may begin."""
    sheet.text(margin, margin + 8, words, LARGE, bold=True)
    if not about:
        return margin + 26
    sheet.text(margin, margin + 29, about, NORMAL, ink="soft")
    return margin + 48


def matrix(sheet: Sketch, x: float, y: float, values: np.ndarray, cell: float, top: float | None = None, signed: bool = True,
           numbers: bool = True, form: str = "{:g}") -> None:  # fmt: skip
    """Rows × columns as coloured cells, each with its number."""
    rows, columns = values.shape
    sheet.picture(x, y, pixels_of_map(values.astype(np.float64), top, signed), columns * cell, rows * cell)
    for i in range(rows + 1):
        sheet.line([(x, y + i * cell), (x + columns * cell, y + i * cell)])
    for j in range(columns + 1):
        sheet.line([(x + j * cell, y), (x + j * cell, y + rows * cell)])
    if not numbers:
        return
    most = float(np.abs(values).max()) if top is None else top
    size = min(NORMAL, cell * 0.42)
    for i in range(rows):
        for j in range(columns):
            dark = most > 0 and abs(values[i, j]) / most > 0.6
            words = form.format(values[i, j]).replace("-", "−")
            sheet.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell + size * 0.36, words, size, "middle",
                       "light" if dark else "dark")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Series:
    """A line of a chart: places x, heights y, and a band from low to high where there is one."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    ink: str = "k0"
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dots: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Plot:
    """Where a chart is, without its axes' words: it wants 52 pixels at its left and 40 below."""

    x: float
    y: float
    wide: float
    high: float


def lines(sheet: Sketch, plot: Plot, series: Sequence[Series], across: str, up: str, logarithmic: bool = False,
          low: float | None = None, high: float | None = None, legend: bool = True) -> None:  # fmt: skip
    """A chart of lines; `across` and `up` say what the axes are. A logarithmic height leaves out what is not above 0."""
    every = [
        v for s in series for v in (*s.y, *(s.low or ()), *(s.high or ())) if math.isfinite(v) and (v > 0 or not logarithmic)
    ]
    if not every:
        sheet.text(plot.x, plot.y + plot.high / 2, "nothing to draw", NORMAL, ink="soft")
        return
    places = [v for s in series for v in s.x]
    left, right = min(places), max(places)
    base, top = min(every) if low is None else low, max(every) if high is None else high
    if logarithmic:
        base, top = 10.0 ** math.floor(math.log10(base)), 10.0 ** math.ceil(math.log10(top))
        steps = [10.0**e for e in range(round(math.log10(base)), round(math.log10(top)) + 1)]
    else:
        steps = ticks(base, top)
        base, top = min(base, steps[0]), max(top, steps[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        share = (x - left) / (right - left) if right > left else 0.5
        if logarithmic:
            rise = (math.log10(max(y, base)) - math.log10(base)) / max(math.log10(top) - math.log10(base), 1e-9)
        else:
            rise = (y - base) / (top - base) if top > base else 0.5
        return plot.x + share * plot.wide, plot.y + (1 - min(max(rise, 0.0), 1.0)) * plot.high

    for step in steps if len(steps) <= 12 else steps[:: -(-len(steps) // 9)]:
        y = at(left, step)[1]
        sheet.line([(plot.x, y), (plot.x + plot.wide, y)], "line")
        sheet.text(plot.x - 7, y + 4, exponent(step) if logarithmic else number(step), SMALL, "end", "soft")
    marks = spread_out(
        [(at(v, base)[0], number(v)) for v in ticks(left, right) if left <= v <= right] or [(plot.x, number(left))]
    )
    for x, words in marks:
        sheet.line([(x, plot.y + plot.high), (x, plot.y + plot.high + 4)], "soft")
        sheet.text(x, plot.y + plot.high + 17, words, SMALL, "middle", "soft")
    sheet.text(plot.x + plot.wide, plot.y + plot.high + 33, across, SMALL, "end", "soft")
    sheet.text(plot.x - 44, plot.y - 10, up, SMALL, ink="soft")
    for one in series:
        if one.low is not None and one.high is not None:
            band = [spot for spot in zip(one.x, one.low, one.high, strict=True) if not any(map(math.isnan, spot))]
            edge = [*(at(x, y) for x, _, y in band), *(at(x, y) for x, y, _ in reversed(band))]
            if edge:
                sheet.area(edge, one.ink)
        kept = [(x, y) for x, y in zip(one.x, one.y, strict=True) if math.isfinite(y) and (y > 0 or not logarithmic)]
        if len(kept) > 1:
            sheet.line([at(x, y) for x, y in kept], one.ink, 2, one.dashed)
        for x, y in kept if one.dots or len(kept) == 1 else ():
            sheet.dot(*at(x, y), one.ink, f"{one.name}: {number(y)}")
    if legend and len(series) > 1:
        key(sheet, plot.x + 8, plot.y + 12, [(s.name, s.ink) for s in series])


def key(sheet: Sketch, x: float, y: float, names: Sequence[tuple[str, str]], across: bool = False) -> None:
    """(name, ink) one below the other, or across."""
    for name, ink in names:
        sheet.line([(x, y - 4), (x + 16, y - 4)], ink, 2.4)
        sheet.text(x + 22, y, name, SMALL)
        x, y = (x + 22 + width(name, SMALL) + 18, y) if across else (x, y + 15)


def bars(sheet: Sketch, plot: Plot, values: Mapping[str, float], ink: str = "k0", form: str = "{:.3g}") -> None:
    """Lying bars, one a line, each with its name before and its number behind it; the room for names is 30 % of the width."""
    top = max((abs(v) for v in values.values()), default=0.0) or 1.0
    line, room = plot.high / max(len(values), 1), plot.wide * 0.3
    for i, (name, value) in enumerate(values.items()):
        y, long = plot.y + i * line, (plot.wide - room - 60) * abs(value) / top
        sheet.text(plot.x + room - 8, y + line / 2 + 4, name, SMALL, "end")
        sheet.box(plot.x + room, y + line * 0.15, max(long, 0.5), line * 0.7, ink, 0.8)
        sheet.text(plot.x + room + long + 6, y + line / 2 + 4, form.format(value).replace("-", "−"), SMALL, ink="soft")


def histogram(
    sheet: Sketch, plot: Plot, counts: Sequence[float], low: float, high: float, ink: str = "k0", words: str = ""
) -> None:
    """Standing bars of equal width over low … high."""
    top, step = max([*counts, 1e-12]), plot.wide / max(len(counts), 1)
    for i, count in enumerate(counts):
        tall = plot.high * count / top
        if tall > 0:
            sheet.box(plot.x + i * step, plot.y + plot.high - tall, step, tall, ink, 0.75)
    sheet.line([(plot.x, plot.y + plot.high), (plot.x + plot.wide, plot.y + plot.high)], "soft")
    for x, value, anchor in ((plot.x, low, "start"), (plot.x + plot.wide, high, "end")):
        sheet.text(x, plot.y + plot.high + 14, number(value), SMALL - 1, anchor, "soft")
    if words:
        sheet.text(plot.x, plot.y - 5, words, SMALL, ink="soft")


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from at most `low` to at least `high`, some `about` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 2.5, 5, 10) if unit * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def exponent(value: float) -> str:
    """10⁻³, as a chart writes it."""
    power = round(math.log10(value))
    return "1" if power == 0 else "10" + "".join("⁻" if c == "-" else "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in str(power))
