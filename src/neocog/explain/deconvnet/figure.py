"""The figure of `deconvnet.project`: what units saw, and below it what of it came back."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import BOLD, clip, width
from neocog.explain.deconvnet.project import Projection, contrast, cut
from neocog.figure.colours import diverging
from neocog.figure.parts import MARGIN, colour_bar, coloured, heading, number, ruler, scale_bar
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

TILE, GAP, ACROSS = 92, 10, 9
OUTSIDE = 226.0  # the grey of what is no picture


def reconstruction(pixels: np.ndarray, top: float, color: str = "RGB") -> np.ndarray:
    """C×H×W signed → uint8 H×W×3. Three channels: a colour picture around grey, which is 0; else blue, grey, red."""
    if len(pixels) == 3:
        return diverging(pixels[::-1] if color == "BGR" else pixels, top)
    return diverging(pixels.sum(0), top)


def draw_projection(
    title: str, view: np.ndarray, layers: Sequence[Projection], classes: Sequence[str] = (), about: str = ""
) -> Sketch:
    """The picture, uint8 H×W×3, with the units' boxes, and for each layer two rows of tiles: what the unit saw of the picture,
    and what came back of it, each with its own symmetric scale."""
    view = coloured(view)
    high, wide = view.shape[:2]
    many = max((min(len(layer), ACROSS) for layer in layers), default=1)
    page_wide = 2 * MARGIN + max(many * (TILE + GAP) - GAP, 780)  # room for the words
    sheet = Sketch(page_wide, 0, title)
    rule = layers[0].rule if layers else "deconvnet"
    room = page_wide - 2 * MARGIN
    y = heading(sheet, clip(title, LARGE, room / BOLD), clip(about or HOW[rule], NORMAL, room))
    scale = 150 / max(high, wide)
    sheet.picture(MARGIN, y, view, wide * scale, high * scale)
    x = MARGIN + wide * scale + 26
    for i, layer in enumerate(layers):
        ink = f"k{i % 5}"
        for k in {(box.top, box.left, box.bottom, box.right): box for box in layer.boxes}.values():
            inside = k.within(high, wide)
            if (inside.height, inside.width) != (high, wide):
                sheet.frame(MARGIN + inside.left * scale, y + inside.top * scale, inside.width * scale, inside.height * scale,
                            ink, 1.6)  # fmt: skip
        sheet.line([(x, y + 10 + i * 17), (x + 16, y + 10 + i * 17)], ink, 2.4)
        sheet.text(x + 22, y + 14 + i * 17, _field_words(layer, high, wide), SMALL)
    below = max(high * scale, 17.0 * len(layers))
    ruler(sheet, MARGIN, y + high * scale + 12, _length(wide), scale)
    bar = y + max(17.0 * len(layers) + 24, high * scale - 30)
    _bar(sheet, x, bar, all(layer.pixels.shape[1] == 3 for layer in layers))
    y = max(y + below + 34, bar + 40)
    for i, layer in enumerate(layers):
        y = _row(sheet, y, layer, view, classes, f"k{i % 5}")
    sheet.high = y + MARGIN - 12
    return sheet


HOW = {
    "deconvnet": "deconvnet: rectified on the way down, unpooled by switches, without normalisation; pixels are not rectified",
    "guided": "guided backprop: the gradient, with what comes down rectified at every ReLU",
    "gradient": "gradient of the unit",
}


def _bar(sheet: Sketch, x: float, y: float, colours: bool) -> None:
    """From − to + the number that stands below each tile; coloured tiles have red, green and blue around grey."""
    words = "of the number ± below each tile: 99.5 % of its pixels are within"
    if not colours:
        scale_bar(sheet, x, y, 180, 1.0, True, words)
        return
    sheet.picture(x, y, colour_bar(colours=True), 180, 10)
    sheet.frame(x, y, 180, 10)
    for share, text, anchor in ((0, "−1", "start"), (0.5, "0", "middle"), (1, "+1", "end")):
        sheet.text(x + 180 * share, y + 23, text, SMALL, anchor, "soft")
    sheet.text(x, y - 5, f"red, green and blue each, {words}", SMALL, ink="soft")


def _row(sheet: Sketch, y: float, layer: Projection, view: np.ndarray, classes: Sequence[str], ink: str) -> float:
    name = layer.path or "class"
    sheet.box(MARGIN, y - 10, 4, 12, ink)
    sheet.text(MARGIN + 11, y, name, NORMAL, bold=True)
    sheet.text(MARGIN + 20 + width(name, NORMAL) * 1.08, y, layer.words, SMALL, ink="soft")
    picture = view.transpose(2, 0, 1).astype(np.float64)
    for start in range(0, len(layer), ACROSS):
        y += 10
        for k in range(start, min(start + ACROSS, len(layer))):
            x, box = MARGIN + (k - start) * (TILE + GAP), layer.boxes[k]
            factor = TILE / max(box.height, box.width)
            wide, high = box.width * factor, box.height * factor
            patch = cut(picture, box, OUTSIDE).transpose(1, 2, 0).astype(np.uint8)
            back = layer.seen(k)
            top = contrast(back)
            sheet.picture(x, y, patch, wide, high)
            sheet.picture(x, y + TILE + 4, reconstruction(back, top, layer.color), wide, high)
            for step in (0, TILE + 4):
                sheet.frame(x, y + step, wide, high)
            at = y + 2 * TILE + 4
            for line, words in enumerate(_captions(layer, k, top, classes)):
                sheet.text(x, at + 14 + 13 * line, words, SMALL - 1, ink="ink" if line == 0 else "soft")
        y += 2 * TILE + 4 + 13 * 3 + 8
    return y + 22


def _captions(layer: Projection, k: int, top: float, classes: Sequence[str]) -> list[str]:
    unit = int(layer.units[k])
    kind = "map" if layer.places is not None else "unit"
    name = clip(classes[unit] if layer.path is None and classes else f"{kind} {unit}", SMALL, TILE)
    place = f" at {layer.places[k][0]},{layer.places[k][1]}" if layer.places is not None else ""
    return [name, f"{number(float(layer.values[k]))}{place}", f"± {number(top)}" if top else "nothing came back"]


def _field_words(layer: Projection, high: int, wide: int) -> str:
    box = layer.boxes[0]
    name = layer.path or "class"
    if box.within(high, wide).height == high and box.within(high, wide).width == wide:
        return f"{name}: sees the whole picture"
    return f"{name}: sees {box.width}×{box.height} px"


def _length(wide: int) -> int:
    """A round number of pixels, about a third of the picture."""
    return next((n for n in (200, 100, 50, 20, 10, 5, 2) if n <= wide / 2.5), 1)
