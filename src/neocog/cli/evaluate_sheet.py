"""The contact sheet of `neocog evaluate --sheet`: every view of one picture, what was answered to it, and dense maps."""

import colorsys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from neocog.cli.progress import Progress
from neocog.errors import BadPicture, UserError
from neocog.evaluate.dense import Dense
from neocog.evaluate.predictions import log_softmax
from neocog.evaluate.scoring import Scorer
from neocog.evaluate.views import Box, Scaled, View, views
from neocog.figure.colours import INK, colour
from neocog.figure.files import write_picture
from neocog.figure.sheet import FAINT, LINE, PAPER, PLAIN, TEXT, shorten

if TYPE_CHECKING:
    from neocog.evaluate.protocol import Protocol, Term
    from neocog.pictures import Pictures
    from neocog.runs import Predictor

MARGIN, GAP, LEFT, WIDTH = 36, 10, 300, 1360
ACROSS = {"50crop": 10, "dense": 3}  # tiles in a row
GOOD, BAD = (34, 120, 84), (176, 66, 48)
FIVE = ("top left", "top right", "bottom left", "bottom right", "centre")
Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Section:
    """One term at one scale: a heading, the picture with the boxes in it, and tiles with captions (words, colour) below."""

    heading: str
    remark: str
    whole: np.ndarray
    boxes: tuple[Box, ...]
    tiles: tuple[np.ndarray, ...]
    captions: tuple[tuple[tuple[str, Colour], ...], ...]


def draw(predictor: "Predictor", pictures: "Pictures", protocols: "Sequence[Protocol]", path: Path, progress: Progress) -> None:
    """Write the sheet of the first picture that can be read."""
    number, picture = _first(pictures)
    one = pictures.subset([number])
    truth, classes = pictures.classes[pictures.labels[number]], predictor.classes
    sections, headline = [], ""
    for place, protocol in enumerate(protocols):
        scorer = Scorer(predictor, one, protocol)
        chances = np.exp(scorer.rows(np.array([0]))[0][0])
        scorer.close()
        best = int(chances.argmax())
        headline = headline or f"{classes[best]}  {100 * chances[best]:.1f} %"
        for term in scorer.protocol.terms:
            sections += _sections(predictor, picture, term, truth, best)
        progress.update("drawing", place + 1, len(protocols))
    id = " · ".join(protocol.id(predictor.preprocessing, predictor.flip) for protocol in protocols)
    about = f"{pictures.name(number)} · {truth} · {predictor.net} answers {headline}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, page(id, about, sections))


def _first(pictures: "Pictures") -> tuple[int, Image.Image]:
    for i in range(len(pictures)):
        try:
            return i, pictures.picture(i)
        except BadPicture:
            continue
    raise UserError("none of the pictures can be read: nothing to draw")


def _sections(predictor: "Predictor", picture: Image.Image, term: "Term", truth: str, answer: int) -> list[Section]:
    record = predictor.preprocessing
    if term.plain:
        pixels = record.image(picture)
        captions = _captions(predictor, pixels[None], ["what the record cuts out"], truth)
        return [Section("1crop", record.id, _rgb(pixels, record.color), (), (_rgb(pixels, record.color),), captions)]
    found = []
    for side in term.scales:
        shown = list(views(replace(term, scales=(side,)), record, picture.height, picture.width))
        made = Scaled(picture, record, shown)
        whole = made.whole[shown[0].rows, shown[0].columns]
        if term.kind == "dense":
            found.append(_dense(predictor, made, shown, side, whole, answer))
            continue
        counts = Counter(shown)
        names = dict(zip(reversed(shown), reversed(_names(term, shown)), strict=True))  # the first name of equal views
        kept = list(counts)
        words = [names[view] + (f" ×{counts[view]}" if counts[view] > 1 else "") for view in kept]
        pixels = np.stack([made.cut(view) for view in kept])
        plain = replace(predictor, flip=False) if term.kind != "1crop" else predictor
        boxes = tuple(dict.fromkeys(view.box for view in kept))
        remark = f"short side {side} · {len(shown)} views" + (
            f", {len(kept)} of them different" if len(kept) < len(shown) else ""
        )
        tiles = tuple(_rgb(one, record.color) for one in pixels)
        found.append(
            Section(term.kind, remark, _rgb(whole, record.color), boxes, tiles, _captions(plain, pixels, words, truth))
        )
    return found


def _names(term: "Term", shown: Sequence[View]) -> list[str]:
    """What to call the views of one scale, in their order."""
    names: list[str]
    squares = ("left", "centre", "right") if shown[0].columns >= shown[0].rows else ("top", "centre", "bottom")
    if term.kind == "144crop":
        names = [f"{square}: {place}" for square in squares for place in (*FIVE, "whole")]
    elif term.kind == "50crop":
        names = [f"{i + 1}-{j + 1}" for i in range(5) for j in range(5)]  # row and column
    else:
        names = ["centre"] if term.kind == "1crop" else [*FIVE]
    return names + [f"{name}, mirrored" for name in names] if len(shown) > len(names) else names


def _captions(
    predictor: "Predictor", pixels: np.ndarray, words: Sequence[str], truth: str
) -> tuple[tuple[tuple[str, Colour], ...], ...]:
    """Below each tile: which view it is, and what is answered to it."""
    parts = [predictor.scores(pixels[start : start + 16]) for start in range(0, len(pixels), 16)]
    chances = np.exp(log_softmax(np.concatenate(parts)))
    captions = []
    for name, row in zip(words, chances, strict=True):
        best = int(row.argmax())
        label = predictor.classes[best]
        captions.append(((name, FAINT), (f"{100 * row[best]:.0f} % {label}", GOOD if label == truth else BAD)))
    return tuple(captions)


def _dense(predictor: "Predictor", made: Scaled, shown: Sequence[View], side: int, whole: np.ndarray, answer: int) -> Section:
    """The map of one scale laid over the picture: at each place, the score of the class that is answered."""
    record, tiles, captions, places = predictor.preprocessing, [], [], (0, 0)
    name = predictor.classes[answer]
    for view in shown:
        pixels = made.cut(view)
        scores = Dense(predictor).places(pixels[None])[0, answer]
        low, high = float(scores.min()), float(scores.max())
        places = scores.shape
        shade = colour((scores - low) / (high - low) if high > low else np.zeros_like(scores), INK)
        heat = Image.fromarray(shade).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.NEAREST)
        grey = Image.fromarray(_rgb(pixels, record.color)).convert("L").convert("RGB")
        tiles.append(np.asarray(Image.blend(grey, heat, 0.6)))
        words = f"{low:.3g} (pale) to {high:.3g} (dark), mean {float(scores.mean()):.3g}"
        captions.append((("mirrored" if view.mirror else "as it is", FAINT), (words, TEXT)))
    remark = f"short side {side} · {places[0]}×{places[1]} places, whose scores are averaged · shade: the score of {name}"
    return Section("dense", remark, _rgb(whole, record.color), (), tuple(tiles), tuple(captions))


def _rgb(pixels: np.ndarray, order: str) -> np.ndarray:
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, 2)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if order == "BGR" else pixels


def page(title: str, about: str, sections: Sequence[Section]) -> Image.Image:
    """Section below section: at the left the picture with its boxes, beside it the tiles."""
    fonts = {size: ImageFont.load_default(size) for size in (12, 13, 17, 22)}
    room = WIDTH - 2 * MARGIN - LEFT - 2 * GAP
    laid = []
    for section in sections:
        wide = ACROSS.get(section.heading, 5 if len(section.tiles) <= 10 else 6 if len(section.tiles) <= 12 else 9)
        large = (room + GAP) // wide - GAP
        rows = -(-len(section.tiles) // wide)
        small = [_fit(tile, large) for tile in section.tiles]
        line = max(tile.height for tile in small) + 36
        frame = _framed(section, LEFT)
        laid.append((section, small, wide, large, line, frame, max(rows * (line + GAP), frame.height + GAP)))
    height = MARGIN + 66 + sum(tall + 52 for *_, tall in laid) + MARGIN // 2
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 6), shorten(title, WIDTH - 2 * MARGIN, fonts[22]), TEXT, fonts[22])
    pen.text((MARGIN, MARGIN + 26), shorten(about, WIDTH - 2 * MARGIN, fonts[13]), FAINT, fonts[13])
    y = MARGIN + 66
    for section, tiles, wide, large, line, frame, tall in laid:
        pen.line((MARGIN, y - 12, WIDTH - MARGIN, y - 12), LINE)
        pen.text((MARGIN, y - 2), section.heading, TEXT, fonts[17])
        start = MARGIN + fonts[17].getlength(section.heading) + 12
        pen.text((start, y + 3), section.remark.translate(PLAIN), FAINT, fonts[12])
        y += 30
        sheet.paste(frame, (MARGIN, y))
        pen.rectangle((MARGIN - 1, y - 1, MARGIN + frame.width, y + frame.height), outline=LINE)
        for k, tile in enumerate(tiles):
            left, top = MARGIN + LEFT + 2 * GAP + k % wide * (large + GAP), y + k // wide * (line + GAP)
            sheet.paste(tile, (left, top))
            edge = _hue(section.boxes.index(_box_of(section, k)), len(section.boxes)) if section.boxes else LINE
            pen.rectangle((left - 1, top - 1, left + tile.width, top + tile.height), outline=edge)
            for i, (words, ink) in enumerate(section.captions[k]):
                at = (left, top + line - 34 + 15 * i)
                pen.text(at, shorten(words, large + GAP - 4, fonts[12]), ink, fonts[12])
        y += tall + 22
    return sheet


def _box_of(section: Section, k: int) -> Box:
    """The box of the k-th tile: boxes come in the order of the tiles, mirrored ones again from the first."""
    return section.boxes[k % len(section.boxes)]


def _fit(tile: np.ndarray, side: int) -> Image.Image:
    """The tile, as large as fits into a square; small ones by a whole factor, so that pixels stay sharp."""
    picture = Image.fromarray(np.ascontiguousarray(tile))
    longest = max(picture.size)
    scale = side // longest if longest * 2 <= side else side / longest
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS)


def _framed(section: Section, side: int) -> Image.Image:
    """The resized picture, paler where boxes are drawn into it, each in the colour of its tiles."""
    picture = _fit(section.whole, side)
    if not section.boxes:
        return picture
    picture = Image.blend(picture, Image.new("RGB", picture.size, PAPER), 0.35)
    pen, scale = ImageDraw.Draw(picture), picture.width / section.whole.shape[1]
    for k, box in enumerate(section.boxes):
        edges = [round(v * scale) for v in (box.left, box.top, box.left + box.width, box.top + box.height)]
        pen.rectangle((edges[0], edges[1], edges[2] - 1, edges[3] - 1), outline=_hue(k, len(section.boxes)), width=2)
    return picture


def _hue(k: int, n: int) -> Colour:
    """Colours of one lightness around the circle."""
    red, green, blue = colorsys.hls_to_rgb(k / max(n, 1), 0.42, 0.7)
    return round(255 * red), round(255 * green), round(255 * blue)
