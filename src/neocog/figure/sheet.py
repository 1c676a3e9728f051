"""Sheets of labelled tiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE, GAP, MARGIN, WIDE = 56, 6, 28, 12
PLAIN = str.maketrans({"×": "x", "−": "-", "…": "..."})  # Pillow's own font lacks them
TEXT, FAINT, LINE, PAPER = (34, 36, 40), (122, 126, 132), (214, 214, 210), (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Group:
    """Tiles, uint8 H×W×3 each, under one heading; `captions` stand below the tiles, one each, or there are none."""

    heading: str
    remark: str
    tiles: Sequence[np.ndarray]
    captions: Sequence[str] = ()


def enlarge(tile: np.ndarray, side: int) -> Image.Image:
    """The tile with its longer side at about `side` pixels: by a whole factor, so that places stay square and sharp.

    Single cells are drawn at half the side: there is nothing to see in them but their shade.
    """
    height, width = tile.shape[:2]
    factor = max(1, (side // 2 if height == width == 1 else side) * 2 // max(height, width) + 1 >> 1)
    picture = Image.fromarray(np.ascontiguousarray(tile))
    if max(height, width) > 2 * side:
        picture.thumbnail((2 * side, 2 * side), Image.Resampling.BOX)
        return picture
    return picture.resize((width * factor, height * factor), Image.Resampling.NEAREST)


def sheet(title: str, groups: Sequence[Group], legend: tuple[str, np.ndarray, str] | None = None, side: int = TILE,
          wide: int = WIDE) -> Image.Image:  # fmt: skip
    """The groups one below the other, `wide` tiles a row. `legend`: words, a strip of colours 1×N×3, words."""
    fonts = {size: ImageFont.load_default(size) for size in (11, 14, 20)}
    title = title.translate(PLAIN)
    groups = [replace(g, heading=g.heading.translate(PLAIN), remark=g.remark.translate(PLAIN)) for g in groups]
    drawn = [[enlarge(tile, side) for tile in group.tiles] for group in groups]
    cells = [(max(t.width for t in tiles), max(t.height for t in tiles)) for tiles in drawn]
    across = max(min(wide, len(tiles)) * (w + GAP) for tiles, (w, _) in zip(drawn, cells, strict=True))
    words = [(title, 20), *((f"{g.heading}   {g.remark}", 14) for g in groups)]
    width = int(max(across - GAP, *(fonts[size].getlength(text) for text, size in words), 360)) + 2 * MARGIN
    height = MARGIN + 40 + (44 if legend else 0) + MARGIN // 2
    for group, tiles, (_, h) in zip(groups, drawn, cells, strict=True):
        height += 26 + -(-len(tiles) // wide) * (h + GAP + (16 if group.captions else 0)) + 16
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, MARGIN), title, TEXT, fonts[20])
    y = MARGIN + 40
    for group, tiles, (w, h) in zip(groups, drawn, cells, strict=True):
        pen.text((MARGIN, y), group.heading, TEXT, fonts[14])
        pen.text((MARGIN + fonts[14].getlength(group.heading) + 12, y + 2), group.remark, FAINT, fonts[11])
        y += 26
        line = h + GAP + (16 if group.captions else 0)
        for i, tile in enumerate(tiles):
            left, top = MARGIN + i % wide * (w + GAP), y + i // wide * line
            pen.rectangle((left - 1, top - 1, left + tile.width, top + tile.height), outline=LINE)
            page.paste(tile, (left, top))
            if group.captions:
                pen.text((left, top + h + 3), shorten(group.captions[i], w, fonts[11]), FAINT, fonts[11])
        y += -(-len(tiles) // wide) * line + 16
    if legend:
        before, strip, after = legend[0].translate(PLAIN), legend[1], legend[2].translate(PLAIN)
        start = MARGIN + fonts[11].getlength(before) + 8
        pen.text((MARGIN, y + 1), before, FAINT, fonts[11])
        page.paste(
            Image.fromarray(np.ascontiguousarray(strip)).resize((160, 12), Image.Resampling.BILINEAR), (int(start), y + 2)
        )
        pen.text((start + 168, y + 1), after, FAINT, fonts[11])
    return page


def shorten(words: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The words, cut to what fits."""
    words = words.translate(PLAIN)
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(words + "..") > width:
        words = words[:-1]
    return words + ".."
