"""The figure of a correspondence: the pictures with their parts, and table 1 with bars."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from neocog.arch.drawing.measure import clip, width
from neocog.explain.occlusion.correspondence import Correspondence
from neocog.explain.occlusion.hidden import Box
from neocog.figure.parts import MARGIN, heading, number
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch


def draw_correspondence(
    title: str, found: Correspondence, pictures: Sequence[Image.Image], parts: Mapping[str, Sequence[Box]]
) -> Sketch:
    """The pictures with their parts framed, and table 1 with bars: the shorter, the more alike."""
    side, line, room = 120.0, 24.0, 230.0
    inks = {name: f"k{i % 5}" for i, name in enumerate(found.parts)}
    across = min(len(pictures), 8)
    about = (
        f"Δ: the share of a layer's features whose change differs in sign, mean ± standard deviation over {found.pairs} pairs "
        f"of {found.pictures} pictures"
    )
    wide = 2 * MARGIN + max(across * (side + 10) - 10, 704.0, width(title, LARGE, True), width(about, NORMAL))
    high = MARGIN + 66 + side + 34 + len(found.layers) * (line * len(found.parts) + 40) + 40
    sheet = Sketch(wide, high, title)
    heading(sheet, title, about)
    sheet.text(
        MARGIN, MARGIN + 47, f"hidden with {found.fill}; random parts: {found.draws} draws of the same sizes", SMALL, ink="soft"
    )
    top = MARGIN + 64
    for i, picture in enumerate(pictures[:across]):
        scale, x = side / max(picture.size), MARGIN + i * (side + 10)
        sheet.picture(x, top, np.asarray(picture.convert("RGB")), picture.width * scale, picture.height * scale)
        for name, boxes in parts.items():
            if name in inks:
                left, up, right, bottom = (v * scale for v in boxes[i])
                sheet.frame(x + left, top + up, right - left, bottom - up, inks[name], 2)
    y = top + side + 34
    most = float(np.nanmax(found.delta + found.spread)) or 1.0
    length = wide - 2 * MARGIN - room - 150
    for i, layer in enumerate(found.layers):
        sheet.text(MARGIN, y, layer, NORMAL, bold=True)
        y += 10
        for j, part in enumerate(found.parts):
            middle, off = float(found.delta[i, j]), float(found.spread[i, j])
            sheet.text(MARGIN + room - 10, y + 15, clip(part, SMALL, room - 20), SMALL, "end")
            sheet.box(MARGIN + room, y + 4, max(length * middle / most, 0.5), line - 9, inks[part], 0.8)
            ends = [MARGIN + room + length * max(middle + sign * off, 0) / most for sign in (-1, 1)]
            sheet.line([(ends[0], y + 4 + (line - 9) / 2), (ends[1], y + 4 + (line - 9) / 2)], "ink", 1.4)
            words = f"{middle:.3f} ± {number(off) if off < 0.001 else f'{off:.3f}'}"
            sheet.text(wide - MARGIN - width("0.000 ± 0.000", SMALL), y + 15, words, SMALL, ink="soft")
            y += line
        y += 30
    return sheet
