"""Items to places: series go down, forks side by side, shortcuts beside the column, joins where the branches meet."""

from itertools import pairwise

from neocog.arch.account import Analysis
from neocog.arch.drawing import tangle, words
from neocog.arch.drawing.boxes import Boxes
from neocog.arch.drawing.measure import SMALL, clip, width
from neocog.arch.drawing.scene import Exit, Label, Line, Mark, Panel, Piece, moved, shifted
from neocog.arch.drawing.tree import Fork, Frame, Item, Tangle, leaves
from neocog.arch.drawing.units import Unit

GAP, LABELLED = 16, 30  # between boxes, and where a shape is written between them
BETWEEN = 16  # branches
LANE = 14  # half the width of a shortcut's lane
BUS = 9  # from a fork's entry down to where its lines part


class Layout:
    """Lays out the items of one drawing."""

    def __init__(self, table: Analysis):
        self.table, self.boxes = table, Boxes(table)

    def chain(self, items: list[Item], join: Unit | None = None, style: str = "", shown: str = "", inner: bool = False,
              last: bool = True, least: float = 0.0) -> Piece:  # fmt: skip
        """Items below one another. `join`: where the branch that this is ends; `shown`: the shape already written above;
        `inner`: a branch, where channels stand in the boxes and only another map size is written; `last`: write the last."""
        row = [unit for item in items for unit in (item.items if isinstance(item, Frame) else [item])]
        wide = max([least, *(self.boxes.size(item)[0] for item in row if isinstance(item, Unit) and not item.joins)])
        out = Piece(0, 0, 0, [], [Exit(((0.0, 0.0),), style)])
        y = 0.0
        for k, item in enumerate(items):
            after = items[k + 1] if k + 1 < len(items) else join
            if isinstance(item, Unit) and item.joins and len(out.exits) + len(item.inputs) > 2:
                if k:
                    y += GAP - 2
                piece = self.joined(item, out.exits, y)
            else:
                piece = self.piece(item, wide, after if isinstance(after, Unit) else None, style, shown)
                gap = 4 if isinstance(item, Fork | Tangle) else GAP
                if k:
                    y += gap
                    self._enter(out, piece, y)
                else:
                    out.entry, out.arrow = piece.entry, piece.arrow
            out.marks += moved(piece.marks, 0, y)
            out.left, out.right = max(out.left, piece.left), max(out.right, piece.right)
            out.spans.append((y, y + piece.height, piece.left))
            out.exits = [Exit(shifted(e.points, 0, y), e.style) for e in piece.exits]
            y += piece.height
            now, shown = self.shape(item), piece.shown or shown
            told = now == shown or (inner and _places(now) == _places(shown))
            if now and not told and len(out.exits) == 1 and (k < len(items) - 1 or last):
                out.marks.append(Label(out.exits[0].x + 6, y + 12, now, SMALL, style="shape"))
                out.right = max(out.right, out.exits[0].x + 8 + width(now, SMALL))
                y += LABELLED - GAP
                shown = now
        out.shown = shown
        end = items[-1] if items else None
        twice = join.inputs.count(end.id) if join and isinstance(end, Unit) else 1
        if twice > 1:  # the join reads one value more than once
            (x, low) = out.exits[0].points[-1]
            out.exits = [Exit(((x + 12 * (i - (twice - 1) / 2), low),), style) for i in range(twice)]
        out.height = y
        return out

    def _enter(self, out: Piece, piece: Piece, y: float) -> None:
        for e in out.exits:
            points = e.points if e.x == 0 else (*e.points, (e.x, y - 6), (0.0, y - 6))
            out.marks.append(Line((*points, (0.0, y + piece.entry)), e.style, piece.arrow))

    def shape(self, item: Item) -> str:
        """The shape that leaves an item, where it is one."""
        if isinstance(item, Unit):
            return item.shape(self.table)
        return self.shape(item.items[-1]) if isinstance(item, Frame) else ""

    def piece(self, item: Item, wide: float, join: Unit | None, style: str, shown: str) -> Piece:
        """One item."""
        if isinstance(item, Unit):
            w, h = self.boxes.size(item)
            w = w if item.joins or item.main is None else max(w, wide)
            return Piece(w / 2, w / 2, h, [self.boxes.place(item, -w / 2, 0, w, h)], [Exit(((0.0, h),), style)])
        if isinstance(item, Fork):
            return self.fork(item, join, style, shown)
        if isinstance(item, Tangle):
            return tangle.lay_out(item, self.boxes, join.inputs if join and join.id == item.sink else ())
        return self.frame(item, shown, wide)

    # --- joins and forks

    def joined(self, unit: Unit, exits: list[Exit], y: float) -> Piece:
        """A join below its branches: a bar under them all for a concatenation, a circled sign on the axis for the others.

        The lines that come in start above y = 0; those marks are in the piece's own coordinates.
        """
        assert unit.main is not None
        w, h = self.boxes.size(unit)
        marks: list[Mark] = []
        exits = [Exit(shifted(e.points, 0, -y), e.style) for e in exits]
        if words.symbol(unit.main.node.record):
            x0, x1 = -w / 2, w / 2
            for e in exits:
                if abs(e.x) < w / 2 - 4:
                    marks.append(Line((*e.points, (e.x, 0.0)), e.style))
                else:
                    marks.append(Line((*e.points, (e.x, h / 2), (x1 if e.x > 0 else x0, h / 2)), e.style))
        else:
            x0 = min(-w / 2, *(e.x - 18 for e in exits))
            x1 = max(w / 2, *(e.x + 18 for e in exits))
            marks += [Line((*e.points, (e.x, 0.0)), e.style) for e in exits]
        marks.append(self.boxes.place(unit, x0, 0, x1 - x0, h))
        return Piece(-x0, x1, h, marks, [Exit(((0.0, h),))], arrow=False)

    def fork(self, fork: Fork, join: Unit | None, style: str, shown: str) -> Piece:
        """Branches side by side. Under a sum the one branch that is no shortcut stays on the axis and shortcuts go to its
        right; under a product the value itself stays and the gate goes right; peers lie about the axis."""
        record = join.main.node.record if join and join.main else None
        kinds = [_role(branch, fork) for branch in fork.branches]
        order = list(range(len(kinds)))
        on_axis: int | None = None
        peers = True
        sign = words.symbol(record) if record else ""
        if sign == "×" and kinds.count("identity") == 1:
            order.sort(key=lambda i: kinds[i] != "identity")
            on_axis, peers = 0, False
        elif any(kind != "body" for kind in kinds) and (sign == "+" or "identity" in kinds):
            order.sort(key=lambda i: (kinds[i] != "body", kinds[i] == "identity"))
            on_axis, peers = 0 if kinds.count("body") == 1 else None, False
        pieces = []
        for i in order:
            dotted = "dot" if kinds[i] == "projection" and sign == "+" else style
            branch = fork.branches[i]
            pieces.append(self.chain(branch, join, dotted, shown, True) if branch else
                          Piece(LANE, LANE, 0, [], [Exit((), dotted)]))  # fmt: skip
        at = [0.0]
        for before, after in pairwise(pieces):
            at.append(at[-1] + before.right + BETWEEN + after.left)
        if on_axis is None:
            middle = (at[-1] + pieces[-1].right - pieces[0].left) / 2
            bodies = [x for x, i in zip(at, order, strict=True) if kinds[i] == "body"]
            if bodies and not peers:
                middle = (bodies[0] + bodies[-1]) / 2
            near = min(at, key=lambda x: abs(x - middle))
            middle = near if abs(near - middle) < 14 else middle
            at = [round(x - middle) for x in at]
        top, tall = BUS + 15, max(piece.height for piece in pieces)
        out = Piece(max(p.left - x for p, x in zip(pieces, at, strict=True)),
                    max(p.right + x for p, x in zip(pieces, at, strict=True)), top + tall, [], [], arrow=False)  # fmt: skip
        for i, piece, x in zip(order, pieces, at, strict=True):
            start = ((0.0, 0.0),) if x == 0 else ((0.0, 0.0), (0.0, float(BUS)), (x, float(BUS)))
            branch = fork.branches[i]
            if not branch:
                out.exits.append(Exit(start, piece.exits[0].style))
                continue
            y = top + (0 if i == order[0] and on_axis == 0 else round((tall - piece.height) / 2))
            dotted = "dot" if kinds[i] == "projection" and sign == "+" else style
            out.marks.append(Line((*start, (x, y + piece.entry)), dotted, piece.arrow))
            out.marks += moved(piece.marks, x, y)
            out.exits += [Exit(shifted(e.points, x, y), e.style) for e in piece.exits]
        return out

    # --- frames

    def frame(self, frame: Frame, shown: str, wide: float) -> Piece:
        """A frame with its name at the left and how often at the right."""
        pad = 9
        inside = self.chain(frame.items, None, "", shown, last=False, least=wide)
        name = frame.label or between(frame.paths)
        while width(name, SMALL) > 130 and "." in name.partition(" … ")[0]:
            name = name.partition(".")[2]
        name = clip(name, SMALL, 150)
        times = f"×{frame.count}" if frame.count > 1 else ""
        head = 22 if name or times else pad
        left = max(inside.left + pad, width(name, SMALL) + 14 if name else 0)
        right = max(inside.right + pad, width(times, 14, bold=True) + 16 if times else 0)
        style = "repeat" if frame.count > 1 else "block"
        title = f"{frame.paths[0]} to {frame.paths[-1]}" if len(frame.paths) > 1 else "".join(frame.paths)
        head += 0 if inside.arrow else 4
        marks: list[Mark] = [Panel(-left, 0, left + right, head + inside.height + pad, style, title)]
        if name:
            marks.append(Label(-left + 8, 14, name, SMALL, style="name"))
        if times:
            marks.append(Label(right - 8, 17, times, 14, "end", "times"))
        marks += moved(inside.marks, 0, head)
        exits = [Exit(shifted(e.points, 0, head), e.style) for e in inside.exits]
        return Piece(left, right, head + inside.height + pad, marks, exits, head + inside.entry, inside.arrow, inside.shown)


def between(paths: list[str]) -> str:
    """`layer1.1 … 3`: the first and the last of them."""
    return f"{paths[0]} … {paths[-1].rpartition('.')[2]}" if len(paths) > 1 else "".join(paths)


def _places(shape: str) -> str:
    """Rows × columns of a written shape; "" for features."""
    return shape.partition("×")[2]


def _role(branch: list[Item], fork: Fork) -> str:
    """ "identity", "projection" (beside a longer branch or one with weights: 1×1, pool, zero maps) or "body"."""
    if not branch:
        return "identity"
    boxes = list(leaves(branch))
    longest = max(sum(1 for _ in leaves(b)) for b in fork.branches)
    plain = all(unit.main and not unit.joins and not _wide(unit) for unit in boxes)
    light = not any(row.tensors for unit in boxes for row in unit.rows)
    beside = len(boxes) < longest or (light and any(u.main and u.main.macs for b in fork.branches for u in leaves(b)))
    return "projection" if plain and beside and len(boxes) <= 3 else "body"


def _wide(unit: Unit) -> bool:
    """Whether it is a convolution that mixes places."""
    assert unit.main is not None
    return bool(unit.main.tensors) and getattr(unit.main.node.record, "kernel", (1, 1)) != (1, 1)
