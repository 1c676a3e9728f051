"""The tree of a line to an architecture, and an architecture that is a chain back to a line."""

from dataclasses import dataclass, field

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture, Mark, Node
from neocog.arch.layers import Add, Cat, Conv2d, Flatten, Linear, Mul
from neocog.arch.record import Leaf, Windowed
from neocog.arch.textform.spelling import words_of
from neocog.arch.textform.syntax import Group, Layer, Line, TextError, read, write
from neocog.arch.textform.vocabulary import CLASSES, WIDEST, WIDTH, WORDS, Options, record
from neocog.arch.window import Shape, pair, times
from neocog.errors import ShapeError, UserError

INPUT: Shape = (3, 32, 32)  # where the line says nothing
MOST = 1_000  # layers
TOKENS = {*WORDS, "INPUT"}


@dataclass
class _Builder:
    """Layers one after another, with the shape that has been reached."""

    line: Line
    shape: Shape
    nodes: list[Node] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    halvings: int = 0
    head: tuple[str, bool] | None = None  # the last CONV or FC, and whether its width was said

    def fail(self, column: int, message: str) -> TextError:
        return TextError(self.line.text, column, message)

    def items(self, items: tuple[Layer | Group, ...]) -> None:
        for item in items:
            if isinstance(item, Layer):
                self.layer(item)
            else:
                self.group(item)

    def group(self, group: Group) -> None:
        before = (self.shape, len(self.nodes), dict(self.counts), self.halvings, self.head)
        try:
            for _ in range(group.times):
                self.items(group.items)
        except _NoRoom:
            if not group.optional:
                raise
            self.shape, length, self.counts, self.halvings, self.head = before
            del self.nodes[length:]

    def layer(self, layer: Layer) -> None:
        if len(self.nodes) >= MOST:
            raise self.fail(layer.column, f"more than {MOST:,} layers: repeat less")
        leaf = record(self.line.text, layer, min(WIDTH << min(self.halvings, 20), WIDEST))
        if isinstance(leaf, Linear) and len(self.shape) == 3:
            self.add("flatten", Flatten())
        if isinstance(leaf, Flatten) and len(self.shape) == 1:
            raise self.fail(layer.column, "FLATTEN: there are features already")
        if isinstance(leaf, Windowed) and len(self.shape) == 1:
            raise self.fail(layer.column, f"{layer.word} needs maps, but behind FC or FLATTEN there are features only")
        word = layer.word.lower() + ("_" if layer.word[-1].isdigit() else "")
        try:
            path = self.add(word, leaf)
        except ShapeError as error:
            hint = "; POOL? is left out where it does not fit" if layer.word == "POOL" else ""
            message = f"{layer.word} ({leaf.describe()}) on {times(self.shape)}: {error}{hint}"
            raise _NoRoom(self.line.text, layer.column, message) from None
        if isinstance(leaf, Windowed) and max(pair(leaf.stride)) > 1:
            self.halvings += 1
        if isinstance(leaf, Conv2d | Linear):
            self.head = (path, any(option.text.isdigit() for option in layer.options))

    def add(self, word: str, leaf: Leaf) -> str:
        """One more node; its path."""
        shape = leaf.output(self.shape)
        leaf.params(self.shape)  # groups that do not divide the maps are told here
        self.counts[word] = self.counts.get(word, 0) + 1
        path = word if isinstance(leaf, Flatten) else f"{word}{self.counts[word]}"
        self.nodes.append(Node(path, leaf, (self.nodes[-1].path if self.nodes else "input",)))
        self.shape = shape
        return path

    def finish(self, name: str, input: Shape) -> Architecture:
        if self.head is None:
            raise self.fail(self.line.end, "nothing here learns: end in FC, which gives the scores")
        if len(self.shape) == 3 and self.shape[1:] != (1, 1):
            raise self.fail(
                self.line.end, f"the line ends in maps of {times(self.shape)}: end in FC, or in GAP for their means"
            )
        if len(self.shape) == 3:
            self.add("flatten", Flatten())
        path, said = self.head
        if not said:
            self.nodes = [
                Node(n.path, n.record.replace(out=CLASSES) if n.path == path else n.record, n.inputs) for n in self.nodes
            ]
        return Architecture(name, input, tuple(self.nodes), self.nodes[-1].path, marks=(Mark("head", path),))


class _NoRoom(TextError):
    """A layer that does not fit: what an optional part forgives."""


def parse(text: str, input: Shape | None = None, name: str | None = None) -> Architecture:
    """The network of a line such as `INPUT 3x32x32 [[CONV 32 RELU]*2 POOL]*3 [FC 128 RELU]*1 FC 10`. N×C×H×W → N×scores.

    input: (C, H, W) of the pictures, if not the line's own (3×32×32 where it says none). Left out: CONV is 3×3 with stride
    1, padding that keeps the size, and 32 maps, doubled with every step that halves the map up to 512; POOL is max 2×2/2; a
    hidden FC has 128 features, the last CONV or FC 10. `?` takes a part where it fits the map and leaves it out where not.
    Weights start from He et al. 2015. Raises TextError, which says the column.
    """
    line = read(text, TOKENS)
    shape = tuple(input) if input is not None else input_of(line) or INPUT
    builder = _Builder(line, shape)
    builder.items(line.items)
    return builder.finish(canonical(line) if name is None else name, shape)


def input_of(line: Line) -> Shape | None:
    """The pictures' size that a line gives: CxHxW, HxW in colour, or one side in colour; None where it leaves it open."""
    options = line.input.options
    if not options:
        return None
    if len(options) > 1:
        line_end = Options(line.text, line.input, "one size, such as 3x32x32")
        line_end.left = list(options[1:])
        line_end.done()
    token = next(iter(options))
    parts = token.text.split("x")
    if not all(part.isdecimal() and part.isascii() and len(part) <= 5 and int(part) for part in parts) or len(parts) > 3:
        raise TextError(line.text, token.column, f"INPUT takes a size such as 3x32x32, 32x32 or 32, not '{token.text}'")
    numbers = tuple(int(part) for part in parts)
    return {1: (3, *numbers * 2), 2: (3, *numbers), 3: numbers}[len(numbers)]


def canonical(line: Line) -> str:
    """The line as written, but for arrows, spaces and letters: equal for lines that say the same in the same words."""
    return " ".join(part for part in (write((line.input,)), write(line.items)) if part)


def to_text(arch: Architecture) -> str:
    """A chain as a line that `parse` reads back to the same layers, sizes written out; names and starts are not kept.

    Raises UserError for a network that branches, or has a layer for which the text form has no word.
    """
    layers: list[str] = []
    before = "input"
    for i, node in enumerate(arch.nodes):
        if node.inputs != (before,) or isinstance(node.record, Add | Cat | Mul) or arch.taps:
            raise UserError(f"{arch.name} is no chain: at '{node.path}' it branches, which the text form cannot say")
        before = node.path
        follower = arch.nodes[i + 1].record if i + 1 < len(arch.nodes) else None
        if isinstance(node.record, Flatten) and (follower is None or isinstance(follower, Linear)):
            continue  # comes by itself
        words = words_of(node.record)
        if words is None:
            raise UserError(f"{arch.name}: the text form has no word for '{node.path}' ({node.record.describe()})")
        layers.append(words)
    if len(arch.input) != 3 or len(analyse(arch).output) != 1:
        raise UserError(f"{arch.name}: the text form goes from pictures to one list of scores")
    return " ".join([f"INPUT {'x'.join(map(str, arch.input))}", *_shortened(tuple(layers))])


def _shortened(items: tuple[str, ...], longest: int = 40) -> list[str]:
    """Runs that repeat as `[…]*n`: the one that saves most first, if possible one that begins with weights."""
    best: tuple[int, bool, int, int, int] = (0, False, 0, 0, 0)  # saved, begins with weights, -start, -period, times
    for period in range(1, min(longest, len(items) // 2) + 1):
        start = 0
        while start + 2 * period <= len(items):
            end = start + period
            while end < len(items) and items[end] == items[end - period]:
                end += 1
            count = (end - start) // period
            if count > 1:
                for first in range(start, end - count * period + 1):
                    weights = items[first].startswith(("CONV", "DWCONV", "FC"))
                    best = max(best, ((count - 1) * period, weights, -first, -period, count))
            start = max(start + 1, end - period + 1)
    saved, _, start, period, count = best[0], best[1], -best[2], -best[3], best[4]
    if not saved:
        return list(items)
    inside = _shortened(items[start : start + period])
    again = f"[{' '.join(inside)}]*{count}" if period > 1 else f"{inside[0]}*{count}"
    return [*_shortened(items[:start]), again, *_shortened(items[start + period * count :])]
