"""Figure 7 of Zeiler & Fergus (2014), all five panels, of any picture and network."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import clip, wrap
from neocog.explain.deconvnet.figure import reconstruction
from neocog.explain.deconvnet.project import Projection, contrast
from neocog.explain.occlusion.slide import Occlusion
from neocog.explain.winners.patches import Exemplars
from neocog.figure.parts import MARGIN, colour_bar, coloured, heading, number, pixels_of_map, ruler, scale_bar
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

PANEL, GAP, TOP = 236, 24, 122
OTHERS = 3  # pictures that the map answers most elsewhere
LABELS = 5  # that have a colour of their own; the rest is one more
# Of the label map: light for what the network says of the picture as it is, then by how often; they differ in lightness too.
TONES = ((226, 232, 236), (0, 90, 146), (232, 133, 60), (70, 160, 120), (140, 50, 112), (60, 64, 70))


def draw_occlusion(
    title: str,
    view: np.ndarray,
    cover: np.ndarray,
    found: Occlusion,
    classes: Sequence[str],
    projection: Projection | str,
    others: Exemplars | None = None,
    about: str = "",
) -> Sketch:
    """view, cover: what the network gets and what covers it, as people look at them, uint8 H×W×3. projection: of the summed
    map, or why there is none. others: what the same map answers to elsewhere."""
    height, wide = found.sides
    scale = PANEL / max(height, wide)
    high = TOP + height * scale + (284 if others is not None else 102)
    sheet = Sketch(2 * MARGIN + 5 * PANEL + 4 * GAP, high, title)
    heading(sheet, clip(title, LARGE, sheet.wide - 2 * MARGIN))
    squares = f"{len(found.tops)}×{len(found.lefts)} positions, one number each, nothing averaged"
    words = f"a square of {found.size}×{found.size} of {wide}×{height} px, every {found.stride} px ({squares}), filled with "
    sheet.text(MARGIN, MARGIN + 29, words + found.fill, NORMAL, ink="soft")
    done = "" if found.computed.all() else f"a coarse map: {int(found.computed.sum())} of {found.computed.size} positions. "
    if about or done:
        sheet.text(MARGIN, MARGIN + 47, done + about, SMALL, ink="soft")
    xs = [MARGIN + i * (PANEL + GAP) for i in range(5)]
    _picture(sheet, xs[0], view, cover, found, scale)
    _activation(sheet, xs[1], found, scale)
    _projection(sheet, xs[2], found, projection, others, scale)
    name = classes[found.target]
    _titles(sheet, xs[3], "(d) probability of the class", name)
    _map(sheet, xs[3], found, found.probability, 1.0, scale)
    _scale(sheet, xs[3], found, scale, 1.0, found.clean.probability)
    _labels(sheet, xs[4], found, classes, scale)
    return sheet


def _titles(sheet: Sketch, x: float, first: str, second: str) -> None:
    sheet.text(x, TOP - 24, clip(first, NORMAL, PANEL), NORMAL, bold=True)
    sheet.text(x, TOP - 8, clip(second, SMALL, PANEL), SMALL, ink="soft")


def _picture(sheet: Sketch, x: float, view: np.ndarray, cover: np.ndarray, found: Occlusion, scale: float) -> None:
    """(a), with the square where it lowers the class most."""
    left, top, right, bottom = found.lowest
    shown = coloured(view).copy()
    shown[top:bottom, left:right] = coloured(cover)[top:bottom, left:right]
    height, wide = found.sides
    _titles(sheet, x, "(a) the picture", "the square that costs the class most")
    sheet.picture(x, TOP, shown, wide * scale, height * scale)
    box = x + left * scale, TOP + top * scale, (right - left) * scale, (bottom - top) * scale
    sheet.frame(*box, "dark", 3)
    sheet.frame(*box, "light", 1.2)
    y = TOP + height * scale
    ruler(sheet, x, y + 14, found.size, scale)
    fall = f"{found.clean.probability:.3f} → {found.probability.min():.3f}"
    sheet.text(x, y + 34, f"there the class falls {fall}", SMALL, ink="soft")
    row, column = np.unravel_index(int(np.argmin(found.probability)), found.probability.shape)
    sheet.text(x, y + 50, f"square at row {int(found.tops[row])}, column {int(found.lefts[column])}", SMALL, ink="soft")


def _activation(sheet: Sketch, x: float, found: Occlusion, scale: float) -> None:
    """(b)."""
    if found.activation is None or found.clean.activation is None:
        _titles(sheet, x, "(b) a map's activation", "")
        _nothing(sheet, x, found, scale, "The network has no maps of more than one place.")
        return
    _titles(sheet, x, f"(b) map {found.unit} of {found.layer}", "its sum, for each position")
    clean = found.clean.activation
    top = max(float(np.abs(found.activation).max()), abs(clean))
    signed = min(float(found.activation.min()), clean) < 0  # a layer before its ReLU
    _map(sheet, x, found, found.activation, top, scale, signed)
    _scale(sheet, x, found, scale, top, clean, signed)


def _projection(
    sheet: Sketch, x: float, found: Occlusion, projection: Projection | str, others: Exemplars | None, scale: float
) -> None:
    """(c)."""
    height, wide = found.sides
    y = TOP + height * scale
    if isinstance(projection, str):
        _titles(sheet, x, "(c) what excites the map", "")
        _nothing(sheet, x, found, scale, projection)
    else:
        row, column = projection.places[0] if projection.places is not None else (0, 0)
        _titles(sheet, x, "(c) what excites the map", f"{projection.rule} from place {row},{column}")
        most = contrast(projection.pixels[0])
        sheet.picture(x, TOP, reconstruction(projection.pixels[0], most, projection.color), wide * scale, height * scale)
        box = projection.boxes[0].within(height, wide)
        sheet.frame(
            x + box.left * scale, TOP + box.top * scale, box.width * scale, box.height * scale, "dark"
        )  # the receptive field
        _signed(sheet, x, y + 10, most, projection.pixels.shape[1] == 3)
        sheet.text(x, y + 50, "frame: the unit's receptive field", SMALL, ink="soft")
    if others is None:
        return
    side, below = (PANEL - 8 * (OTHERS - 1)) / OTHERS, y + 82
    sheet.text(x, below - 10, "what the map answers most elsewhere", SMALL, ink="soft")
    for k in range(min(OTHERS, others.patches.shape[1])):
        if others.pictures[0, k] < 0:
            continue
        high, broad = others.patches.shape[2:4]
        zoom = side / max(high, broad)
        at = x + k * (side + 8)
        sheet.picture(at, below, others.patches[0, k], broad * zoom, high * zoom)
        if others.projections is not None:
            one = others.projections[0, k]
            sheet.picture(at, below + side + 4, reconstruction(one, contrast(one)), broad * zoom, high * zoom)


def _labels(sheet: Sketch, x: float, found: Occlusion, classes: Sequence[str], scale: float) -> None:
    """(e). The legend goes by number too: a label other than the picture's own has its number in its cells."""
    numbers, counts = np.unique(found.label, return_counts=True)
    order = sorted(zip(numbers.tolist(), counts.tolist(), strict=True), key=lambda one: (one[0] != found.clean.label, -one[1]))
    rank = {label: min(i, LABELS) for i, (label, _) in enumerate(order)}
    if order[0][0] != found.clean.label:  # it is nowhere the most probable any more: its tone stays free
        rank = {label: min(i + 1, LABELS) for i, (label, _) in enumerate(order)}
    ranks = np.vectorize(rank.__getitem__)(found.label)
    _titles(sheet, x, "(e) the most probable label", f"without the square: {classes[found.clean.label]}")
    _cells(sheet, x, found, np.asarray(TONES, np.uint8)[ranks], scale)
    down, over = _edges(found, scale, False), _edges(found, scale, True)
    for i, j in np.argwhere(ranks).tolist():
        high, wide = down[i + 1] - down[i], over[j + 1] - over[j]
        if min(high, wide) >= 9:
            size, ink = min(SMALL, 0.7 * min(high, wide)), "dark" if ranks[i, j] in (2, 3) else "light"
            x0, y0 = x + over[j] + wide / 2, TOP + down[i] + high / 2 + size * 0.36
            sheet.text(x0, y0, str(ranks[i, j]), size, "middle", ink)
    y = TOP + found.sides[0] * scale + 14
    rest = sum(count for label, count in order if rank[label] == LABELS)
    shown = [(rank[label], classes[label], count) for label, count in order if rank[label] < LABELS]
    for which, name, count in [*shown, *([(LABELS, "other labels", rest)] if rest else [])]:
        tone = np.asarray(TONES[which], np.uint8)[None, None]
        sheet.picture(x, y - 9, tone, 12, 11)
        sheet.frame(x, y - 9, 12, 11, "soft", 0.6)
        share = f"{100 * count / found.label.size:.0f} %"
        sheet.text(x + 18, y, clip(f"{which or ''} {name}".strip(), SMALL, PANEL - 60), SMALL)
        sheet.text(x + PANEL, y, share, SMALL, "end", "soft")
        y += 16


def _edges(found: Occlusion, scale: float, across: bool) -> list[float]:
    """Where the cells of the map of positions begin and end: each around the middle of its square, none beyond the picture."""
    side, starts = found.sides[across], found.lefts if across else found.tops
    first = max(0.0, (min(found.size, side) - found.stride) / 2)
    return [min(first + i * found.stride, side) * scale for i in range(len(starts) + 1)]


def _cells(sheet: Sketch, x: float, found: Occlusion, tones: np.ndarray, scale: float) -> None:
    """uint8 R×C×3 in their places; the last row and column, which the border may cut, by themselves."""
    _frame(sheet, x, found, scale)
    down, over = _edges(found, scale, False), _edges(found, scale, True)
    for i, j in ((0, len(down) - 2), (len(down) - 2, len(down) - 1)):
        for k, m in ((0, len(over) - 2), (len(over) - 2, len(over) - 1)):
            if down[j] - down[i] > 0.5 and over[m] - over[k] > 0.5:
                sheet.picture(x + over[k], TOP + down[i], tones[i:j, k:m], over[m] - over[k], down[j] - down[i])


def _frame(sheet: Sketch, x: float, found: Occlusion, scale: float) -> None:
    height, wide = found.sides
    sheet.box(x, TOP, wide * scale, height * scale, "line", 0.35)
    sheet.frame(x, TOP, wide * scale, height * scale, "line")


def _map(sheet: Sketch, x: float, found: Occlusion, values: np.ndarray, top: float, scale: float, signed: bool = False) -> None:
    _cells(sheet, x, found, pixels_of_map(values.astype(np.float64), top, signed), scale)


def _scale(sheet: Sketch, x: float, found: Occlusion, scale: float, top: float, clean: float, signed: bool = False) -> None:
    """0, or −top, to top, and a mark where the picture without a square is."""
    y = TOP + found.sides[0] * scale + 12
    scale_bar(sheet, x, y, PANEL, top, signed)
    share = clean / top if top > 0 else 0.0
    at = x + PANEL * ((1 + share) / 2 if signed else share)
    sheet.area([(at, y), (at - 4, y - 7), (at + 4, y - 7)], "ink", 1.0)
    sheet.text(x, y + 41, f"▾ without the square: {number(clean)}", SMALL)
    sheet.text(x, y + 57, "a cell lies at the square's middle", SMALL, ink="soft")


def _signed(sheet: Sketch, x: float, y: float, most: float, colours: bool) -> None:
    """From − to +, grey in the middle."""
    sheet.picture(x, y + 2, colour_bar(colours=colours), PANEL, 10)
    for at, text, anchor in ((0, number(-most), "start"), (0.5, "0", "middle"), (1, "+" + number(most), "end")):
        sheet.text(x + PANEL * at, y + 26, text, SMALL, anchor, "soft")


def _nothing(sheet: Sketch, x: float, found: Occlusion, scale: float, why: str) -> None:
    _frame(sheet, x, found, scale)
    for i, line in enumerate(wrap(why.split(" "), " ", SMALL, PANEL - 24)):
        sheet.text(x + 12, TOP + 24 + 16 * i, line, SMALL, ink="soft")
