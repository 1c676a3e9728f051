"""The stacks view, for chains of maps: what each layer puts out as a stack of maps in a row (LeCun et al. 1998, figure 2).

A map's side grows with the logarithm of its size, a stack's depth with that of the number of maps. Two groups are two
streams, as in Krizhevsky et al. 2012, figure 2.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from neocog.arch.account import Analysis
from neocog.arch.drawing import words
from neocog.arch.drawing.layout import between
from neocog.arch.drawing.measure import BIG, LINE, SMALL, clip, width, wrap
from neocog.arch.drawing.scene import Label, Line, Mark, Point, Sheets, moved
from neocog.arch.drawing.tree import series
from neocog.arch.drawing.units import Unit, units
from neocog.arch.record import Windowed
from neocog.arch.window import Shape, pair, times

MOST = 16  # stacks in a row; a longer chain is drawn as blocks
SEPARATE = 13  # in a longer chain equal layers in a row are one stack
STEP = 4  # pixels from one map to the next behind it
ROOM = 132  # for the words under a stack
RAYS = 34  # between stacks, at least
APART = 22  # between two streams


@dataclass(slots=True)
class Volume:
    """A layer's output: its stacks, one over the other, from (0, 0) of each at its top left."""

    unit: Unit
    count: int
    shape: Shape
    streams: int
    kind: str
    above: list[str]
    below: list[tuple[str, int]]
    x: float = 0.0

    @property
    def maps(self) -> bool:
        """Whether it has places; else a bar of features."""
        return len(self.shape) == 3 and max(self.shape[1:]) > 1

    @property
    def sheets(self) -> int:
        """How many maps are drawn."""
        return 1 + round(1.3 * math.log2(self.shape[0] / self.streams)) if self.maps else 1

    @property
    def face(self) -> tuple[float, float]:
        """Width and height of one map."""
        if not self.maps:
            return 10.0, 24 + 11 * math.log2(self.shape[0])
        return (round(8 + 10 * math.log2(self.shape[2] + 1)), round(8 + 10 * math.log2(self.shape[1] + 1)))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of one stack."""
        w, h = self.face
        depth = (self.sheets - 1) * STEP if self.maps else 0
        return (w + depth, h + depth) if self.maps else (w, h + w)

    @property
    def tall(self) -> float:
        """Height of all its streams."""
        return self.streams * self.size[1] + (self.streams - 1) * APART

    def tops(self) -> list[float]:
        """Where each stream starts, about y = 0."""
        return [round(-self.tall / 2 + i * (self.size[1] + APART)) for i in range(self.streams)]

    def stack(self, top: float) -> tuple[tuple[Point, ...], ...]:
        """The polygons of one stream, the front one last."""
        w, h = self.face
        if not self.maps:  # a slanted bar
            x, low = self.x, top + h
            return (((x, top), (x + w, top + w), (x + w, low + w), (x, low)),)
        out = []
        for i in range(self.sheets):
            x, y = self.x + i * STEP, top + i * STEP
            out.append(((x, y), (x + w, y), (x + w, y + h), (x, y + h)))
        return tuple(out)


def volumes(table: Analysis) -> list[Volume] | None:
    """The chain's outputs; in a long one equal layers in a row are one. None for what is no chain or has too many of them."""
    boxes = units(table)
    main = [unit for unit in boxes[1:] if unit.main and not unit.main.aux]
    if len(main) < len(boxes) - 1:
        return None
    chain = [item for item in series(boxes, main, 0, None) if isinstance(item, Unit)]
    if len(chain) < len(main):
        return None
    shape = table.input
    out = [Volume(boxes[0], 1, shape, 1, "end", ["input", _maps(shape, 1)], [])]
    for unit in chain:
        assert unit.main is not None
        if len(chain) >= SEPARATE and out[-1].unit.id and unit.key == out[-1].unit.key and unit.output == out[-1].shape:
            out[-1].count += 1
            out[-1].unit.twins.append(unit)
            continue
        out.append(Volume(unit, 1, unit.output, 1, words.kind(unit.main), [], []))
    if len(out) > MOST:
        return None
    for i in reversed(range(1, len(out))):
        following = out[i + 1] if i + 1 < len(out) else None
        split = _groups(out[i]) == 2 or (
            following and (_groups(following) == 2 or (following.streams == 2 and _keeps(following)))
        )
        out[i].streams = 2 if split and out[i].shape[0] % 2 == 0 and out[i].maps else 1
    for before, volume in pairwise(out):
        if _keeps(volume) and before.streams == 2 and volume.maps:
            volume.streams = 2
        paths = [unit.main.path for unit in (volume.unit, *volume.unit.twins) if unit.main]
        name = between(paths)
        if not paths[0].rpartition(".")[2].isdigit():
            name = name.removeprefix(paths[0].rpartition(".")[0]).removeprefix(".")
        volume.above = [clip(name, SMALL, ROOM), _maps(volume.shape, volume.streams)]
        volume.below = _below(volume)
    return out


def _below(volume: Volume) -> list[tuple[str, int]]:
    before, name, after = volume.unit.label
    lines = [(line, SMALL) for line in wrap(before.split(" · "), " · ", SMALL, ROOM) if line]
    lines += [(clip(line, BIG, 1.3 * ROOM), BIG) for line in wrap(name.split(", "), ", ", BIG, ROOM)]
    lines += [(clip(line, SMALL, 1.3 * ROOM), SMALL) for line in wrap(after.split(" · "), " · ", SMALL, ROOM) if line]
    return lines + ([(f"×{volume.count}", BIG)] if volume.count > 1 else [])


def _groups(volume: Volume) -> int:
    return getattr(volume.unit.main.node.record, "groups", 1) if volume.unit.main else 1


def _keeps(volume: Volume) -> bool:
    """Whether each map is made of one map: two streams stay apart."""
    return volume.kind in ("pool", "dw") and len(volume.shape) == 3


def _maps(shape: Shape, streams: int) -> str:
    """`6@28×28`, as LeCun et al. write it."""
    if len(shape) == 1:
        return str(shape[0])
    return (f"{streams} × " if streams > 1 else "") + f"{shape[0] // streams}@{times(shape[1:])}"


def stacks(found: list[Volume]) -> tuple[list[Mark], float, float]:
    """The marks of the row, its width and its height."""
    _spread(found)
    high = max(v.tall for v in found) / 2
    marks: list[Mark] = []
    left = right = 0.0
    for before, volume in zip([None, *found], found, strict=False):
        w, _ = volume.size
        middle = volume.x + w / 2
        title = _title(volume)
        marks += [Sheets(volume.stack(top), volume.kind, title, volume.unit.id) for top in volume.tops()]
        for i, text in enumerate(volume.above):
            marks.append(Label(middle, -volume.tall / 2 - 22 + 13 * i, text, SMALL, "middle", "name" if i == 0 else ""))
            left, right = min(left, middle - width(text, SMALL) / 2), max(right, middle + width(text, SMALL) / 2)
        if before is not None:
            marks += _rays(before, volume)
            centre = (before.x + before.size[0] + volume.x) / 2
            y = high + 12
            for text, size in volume.below:
                y += LINE[size]
                marks.append(Label(centre, y, text, size, "middle"))
            widest = max((width(t, s) for t, s in volume.below), default=0)
            left, right = min(left, centre - widest / 2), max(right, centre + widest / 2)
        right = max(right, volume.x + w)
    low = high + 16 + max(sum(LINE[size] for _, size in volume.below) for volume in found)
    top = high + 34
    return moved(marks, -left, top), right - left, top + low


def _spread(found: list[Volume]) -> None:
    """Each stack as far left as stacks, the words above and the words below allow."""
    for before, volume, past in zip(found, found[1:], [None, *found], strict=False):
        (bw, _), (w, _) = before.size, volume.size
        end = before.x + bw
        above = (_above(before) + _above(volume)) / 2 + 12
        x = max(end + RAYS, before.x + bw / 2 + above - w / 2)
        if past is not None:  # the words under the rays, which stand between two stacks
            last = (past.x + past.size[0] + before.x) / 2
            x = max(x, 2 * (last + (_beneath(before) + _beneath(volume)) / 2 + 12) - end)
        volume.x = math.ceil(x)


def _above(volume: Volume) -> float:
    return max(width(text, SMALL) for text in volume.above)


def _beneath(volume: Volume) -> float:
    return max((width(text, size) for text, size in volume.below), default=0)


def _title(volume: Volume) -> str:
    if volume.unit.main is None:
        return "the picture"
    rows = [row for unit in (volume.unit, *volume.unit.twins) for row in unit.rows]
    return "\n".join(words.tooltip(row) for row in rows)


def _rays(before: Volume, volume: Volume) -> list[Mark]:
    """What one place reads: a window on the front map and its rays to a place of each stack; for full connections, all."""
    out: list[Mark] = []
    record = volume.unit.main.node.record if volume.unit.main else None
    apart = before.streams == 2 == volume.streams and (_groups(volume) == 2 or _keeps(volume))
    for s, top in enumerate(volume.tops()):
        front = volume.stack(top)[-1]
        for b, start in enumerate(before.tops()):
            if apart and b != s:
                continue
            sheet = before.stack(start)[-1]
            if before.maps and isinstance(record, Windowed):
                (kh, kw), (w, h) = pair(record.kernel), before.face
                ww, wh = (min(w, max(7, w * kw / before.shape[2])), min(h, max(7, h * kh / before.shape[1])))
                x, y = sheet[1][0] - ww - (w - ww) * 0.15, sheet[0][1] + (h - wh) * (0.25 if b == 0 else 0.6)
                window = ((x, y), (x + ww, y), (x + ww, y + wh), (x, y + wh), (x, y))
                fw, fh = volume.face
                goal = (front[0][0] + fw * 0.3, front[0][1] + fh * 0.55) if volume.maps else _middle(front)
                out.append(Line(window, "ray", False))
                out += [Line((corner, goal), "ray", False) for corner in (window[1], window[2])]
            else:
                out += [Line((sheet[1], front[0]), "ray", False), Line((sheet[2], front[3]), "ray", False)]
    return out


def _middle(front: tuple[Point, ...]) -> Point:
    return ((front[0][0] + front[1][0]) / 2, (front[0][1] + front[2][1]) / 2)
