"""How the contact sheet of `neocog augment` is drawn."""

import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neocog.cli.augment_rows import Row
from neocog.figure.sheet import FAINT, LINE, PAPER, PLAIN, TEXT, shorten

MARGIN, GAP, LABEL, WIDE = 32, 8, 256, 12
ACCENT = (46, 106, 132)
CAPTION = 15  # pixels a line below a tile
SMALL = 12  # the size of all but titles
WORDS = PLAIN | str.maketrans({"λ": "share", "²": "^2", "√": "sqrt ", "ü": "ue", "`": None})
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def page(title: str, about: str, rows: Sequence[Row]) -> Image.Image:
    """The rows one below the other: words at the left, then the picture with its windows, then the samples."""
    if any(row.boxes for row in rows):
        about += " · under a window: its share of the picture's area, its width / height"
    fonts = {size: ImageFont.load_default(size) for size in (SMALL, 13, 16, 24)}
    count = max(len(row.samples) for row in rows)
    wide = min(count, WIDE)
    high, across = rows[0].samples[0].shape[:2]
    tile_w, tile_h = _tile(high, across, len(rows), wide)
    first = tile_w * 3 // 2 if any(row.boxes for row in rows) else tile_w
    left = MARGIN + LABEL + first + 2 * GAP
    width = left + wide * (tile_w + GAP) - GAP + MARGIN
    laid = [(row, _wrap(row, fonts)) for row in rows]
    heights = [_height(row, words, wide, tile_h) for row, words in laid]
    sheet = Image.new("RGB", (width, MARGIN + 58 + sum(heights) + MARGIN // 2), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 6), title.translate(PLAIN), TEXT, fonts[24])
    pen.text((MARGIN, MARGIN + 24), about.translate(PLAIN), FAINT, fonts[13])
    y = MARGIN + 58
    for (row, words), height in zip(laid, heights, strict=True):
        pen.line((MARGIN, y - 9, width - MARGIN, y - 9), LINE)
        at = y
        for text, size, colour in words:
            pen.text((MARGIN, at), text, colour, fonts[size])
            at += size + 5
        _original(sheet, pen, row, (left - 2 * GAP, y), (first if row.boxes else tile_w, tile_h))
        line = tile_h + GAP + CAPTION * _lines(row)
        for k, sample in enumerate(row.samples):
            x, top = left + k % wide * (tile_w + GAP), y + k // wide * line
            sheet.paste(_resized(sample, tile_w, tile_h), (x, top))
            edge = _hue(k, len(row.samples)) if row.boxes else LINE
            pen.rectangle((x - 1, top - 1, x + tile_w, top + tile_h), outline=edge)
            for i, text in enumerate(row.captions[k].split("\n") if row.captions else ()):
                pen.text(
                    (x, top + tile_h + 3 + CAPTION * i), shorten(text, tile_w + GAP - 2, fonts[SMALL]), FAINT, fonts[SMALL]
                )
        y += height
    return sheet


def _tile(height: int, width: int, rows: int, wide: int) -> tuple[int, int]:
    """(width, height) of a sample on the sheet: larger where there are few; small pictures by a whole factor."""
    side = 150 if rows * wide <= 24 else 104
    longest = max(height, width)
    scale = side // longest if longest * 2 <= side else side / longest
    return round(width * scale), round(height * scale)


def _resized(sample: np.ndarray, width: int, height: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(sample))
    return picture.resize((width, height), Image.Resampling.NEAREST if picture.width < width else Image.Resampling.LANCZOS)


def _lines(row: Row) -> int:
    return max((text.count("\n") + 1 for text in row.captions), default=0)


def _height(row: Row, words: Sequence[tuple[str, int, Colour]], wide: int, tile: int) -> int:
    tiles = -(-len(row.samples) // wide) * (tile + GAP + CAPTION * _lines(row))
    return max(tiles, sum(size + 5 for _, size, _ in words)) + 16


def _wrap(row: Row, fonts: Mapping[int, Font]) -> list[tuple[str, int, Colour]]:
    """The label's lines with size and colour."""
    lines = [(row.name, 16, TEXT)]
    for text, colour in ((row.numbers, TEXT), (row.help, FAINT), (row.source, ACCENT), (row.remark, FAINT)):
        line = ""
        for word in text.translate(WORDS).split():
            if line and fonts[SMALL].getlength(f"{line} {word}") > LABEL - 20:
                lines.append((line, SMALL, colour))
                line = word
            else:
                line = f"{line} {word}".strip()
        if line:
            lines.append((line, SMALL, colour))
    return lines


def _original(sheet: Image.Image, pen: ImageDraw.ImageDraw, row: Row, corner: tuple[int, int], room: tuple[int, int]) -> None:
    """The original, its upper right corner there, as large as there is room; paler under windows in their frames' colours."""
    scale = min(room[0] / row.original.width, room[1] / row.original.height)
    size = (max(1, round(row.original.width * scale)), max(1, round(row.original.height * scale)))
    small = _resized(np.asarray(row.original), *size)
    if row.boxes:
        small = Image.blend(small, Image.new("RGB", size, PAPER), 0.35)
    ink = ImageDraw.Draw(small)
    for k, box in row.boxes:
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        x0, y0, x1, y1 = (round(edge * scale) for edge in edges)
        ink.rectangle((x0, y0, min(x1, size[0]) - 1, min(y1, size[1]) - 1), outline=_hue(k, len(row.samples)))
    x, y = corner[0] - size[0], corner[1]
    sheet.paste(small, (x, y))
    pen.rectangle((x - 1, y - 1, x + size[0], y + size[1]), outline=LINE)


def _hue(k: int, n: int) -> Colour:
    """Colours of one lightness around the circle."""
    red, green, blue = colorsys.hls_to_rgb(k / n, 0.42, 0.75)
    return round(255 * red), round(255 * green), round(255 * blue)
