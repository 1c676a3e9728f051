"""Group convolution: who sees whom, what it saves, AlexNet's two towers and where they meet, and the channel shuffle."""

import numpy as np
import torch

from neocog.arch import LRN, Architecture, ChannelShuffle, Conv2d, Linear, Sequential, architecture
from neocog.arch import analyse as layer_table
from neocog.arch.rewrite.edit import replace_records
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, boxed, caption, close, printed, prose, table
from neocog.explain.classroom.numbers import percent
from neocog.explain.classroom.small_nets import answer
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nets import resolve
from neocog.nn import Model

SOURCE = (
    "Krizhevsky, Sutskever & Hinton 2012, figure 2; Zhang, Zhou, Lin & Sun 2017, figure 1 (shuffle). Found by switching maps "
    "off in neocog's own layers."
)
MAPS = 12
INK = ("k0", "k1", "k2", "k3")


def who_sees_whom(net: Architecture, seed: int = 0) -> np.ndarray:
    """bool out × in: which maps of the answer change when one map of the input is switched off. Random weights."""
    model = Model(net, torch.Generator().manual_seed(seed)).eval()
    channels = net.input[0]
    x = torch.rand((1, *net.input), generator=torch.Generator().manual_seed(seed)) + 0.5
    without = x * (1 - torch.eye(channels))[:, :, None, None]  # the n-th copy lacks map n
    with torch.no_grad():
        change = (answer(model, without) - answer(model, x)).abs().amax((2, 3))
    return (change > 1e-7).T.numpy()


def crossings(net: Architecture, seed: int = 0) -> dict[str, bool]:
    """For each layer that mixes maps: does the second half of its answer change when the first half of what it reads is
    switched off? Two GPUs that keep half of the maps each must talk exactly where it does. Full connections are
    thinned out first: whole, they have tens of millions of weights."""
    found = {}
    generator = torch.Generator().manual_seed(seed)
    for row in layer_table(net).rows:
        record = row.node.record
        if not isinstance(record, Conv2d | Linear | LRN) or row.inputs[0][0] == net.input[0]:
            continue
        spread = isinstance(record, Linear)
        shape = (row.inputs[0][0] // 16,) if spread else (row.inputs[0][0], 3, 3)
        layer = Model(architecture("", shape, Sequential(it=record.replace(out=64) if spread else record)), generator).eval()
        x = torch.rand((1, *shape), generator=generator) + 0.5
        half = x.clone()
        half[:, : shape[0] // 2] = 0
        with torch.no_grad():
            whole, part = (answer(layer, v)[0] for v in (x, half))
        found[row.path] = bool((whole - part).abs()[len(whole) // 2 :].max() > 1e-7)
    return found


def show(asked: Asked) -> Lesson:
    """Maps joined by lines for 1, 2 and 4 groups; the shuffle; AlexNet's towers with its counts halved."""
    kinds = {f"{g} group{'s' if g > 1 else ''}": _chain(1, g) for g in (1, 2, 4)}
    deep = {"3 groups twice": _chain(2, 3), "3 groups, shuffle, 3 groups": _chain(2, 3, True)}
    seen = {what: who_sees_whom(net, asked.seed) for what, net in (kinds | deep).items()}
    arch = resolve("alexnet").build()
    joined = replace_records(
        arch, lambda node: node.record.replace(groups=1) if isinstance(node.record, Conv2d) else node.record
    )
    rows, facts = _counts(arch, joined)
    cross = crossings(arch, asked.seed)
    heads = ("AlexNet", "groups", "parameters", "without groups", "MACs", "without groups")
    meets = [path for path, yes in cross.items() if yes and not path.startswith("norm")]
    edge = [path for path, yes in cross.items() if yes and path.startswith("norm")]
    words = f"The towers meet in {', '.join(meets)}."
    if edge:
        words += (
            f" In {' and '.join(edge)} too, by a hair, where one device holds both: a window of {_window(arch)} neighbouring "
            "maps reaches across their seam."
        )
    return Lesson(
        asked.name,
        _draw(seen, tuple(kinds), heads, rows, cross, arch, words),
        [
            *(f"{what}: {int(s.sum())} of {s.size} pairs of maps are joined" for what, s in seen.items()),
            "",
            *printed(heads, rows),
            "",
            words,
        ],
        {"joined": {k: int(s.sum()) for k, s in seen.items()}, "alexnet": facts, "crosses": cross},
    )


def _chain(depth: int, groups: int, shuffle: bool = False) -> Architecture:
    """`depth` grouped 1×1 convolutions of MAPS maps."""
    steps = [Conv2d(MAPS, 1, groups=groups, bias=False) for _ in range(depth)]
    return architecture("", (MAPS, 2, 2), Sequential(*([steps[0], ChannelShuffle(groups), *steps[1:]] if shuffle else steps)))


def _window(arch: Architecture) -> int:
    return next(node.record.size for node in arch.nodes if isinstance(node.record, LRN))


def _counts(arch: Architecture, joined: Architecture) -> tuple[list[tuple[str, ...]], dict[str, list[int]]]:
    """Its convolutions, and the same without groups: parameters and MACs of both."""
    two, one = layer_table(arch), layer_table(joined)
    facts = {
        row.path: [row.node.record.groups, row.params, one.by_path[row.path].params, row.macs, one.by_path[row.path].macs]
        for row in two.rows
        if isinstance(row.node.record, Conv2d)
    }
    facts["all convolutions"] = [0, *(sum(f[i] for f in facts.values()) for i in range(1, 5))]
    rows = [(path, str(g) if g else "", *(f"{n:,}" for n in rest)) for path, (g, *rest) in facts.items()]
    return rows, facts


def _draw(
    seen: dict[str, np.ndarray],
    single: tuple[str, ...],
    heads: tuple[str, ...],
    rows: list[tuple[str, ...]],
    cross: dict[str, bool],
    arch: Architecture,
    words: str,
) -> Sketch:
    sheet, y = board(
        "Group convolution: who sees whom",
        f"{MAPS} maps above are read by {MAPS} maps below. A line, and a filled square of the matrix, where switching off the "
        "upper map changes the lower one.",
    )
    room = (sheet.wide - 2 * MARGIN - 2 * 26) / 3
    for i, what in enumerate(single):
        _panel(sheet, MARGIN + i * (room + 26), y + 14, room, what, [seen[what]], int(what.split()[0]))
    y += 262
    for i, (what, matrix) in enumerate((k, v) for k, v in seen.items() if k not in single):
        step = who_sees_whom(_chain(1, 3))
        then = step if "shuffle" not in what else step @ _dealt()
        _panel(sheet, MARGIN + i * (room + 26), y, room, what, [step, then], 3, matrix)
    told = (
        "Grouped layers one after another keep the groups apart for ever: the matrix of two of them is the matrix of one. "
        "Dealing the maps anew between them lets every map see every other."
    )
    prose(sheet, MARGIN + 2 * (room + 26), y + 30, room, told)
    y += 322
    caption(sheet, MARGIN, y, "AlexNet's two towers, one a GPU")
    y = _towers(sheet, y + 14, arch, cross)
    y = table(sheet, MARGIN, y + 34, heads, rows, strong=[len(rows) - 1])
    return close(sheet, y + 6, [words], SOURCE)


def _dealt() -> np.ndarray:
    """The shuffle of three groups as a matrix, from the layer."""
    return who_sees_whom(architecture("", (MAPS, 2, 2), Sequential(ChannelShuffle(3))))


def _panel(
    sheet: Sketch,
    x: float,
    y: float,
    room: float,
    what: str,
    links: list[np.ndarray],
    groups: int,
    matrix: np.ndarray | None = None,
) -> None:
    """Maps as dots with lines between them, coloured by the group of their source, and the whole as a matrix."""
    caption(sheet, x, y, what)
    step, drop = room / MAPS, 62
    xs = [x + (i + 0.5) * step for i in range(MAPS)]
    for level, seen in enumerate(links):
        top = y + 22 + level * drop
        for j, i in zip(*np.nonzero(seen), strict=True):
            sheet.line([(xs[i], top), (xs[j], top + drop)], INK[i * groups // MAPS], 1)
    for level in range(len(links) + 1):
        for i, at in enumerate(xs):
            sheet.dot(at, y + 22 + level * drop, INK[i * groups // MAPS] if level in (0, 1) else "ink", f"map {i}", 4)
    matrix = links[0] if matrix is None else matrix
    cell, top = 9, y + 22 + len(links) * drop + 20
    for j, i in zip(*np.nonzero(matrix), strict=True):
        sheet.box(x + i * cell + 0.5, top + j * cell + 0.5, cell - 1, cell - 1, INK[i * groups // MAPS], 0.85)
    sheet.frame(x, top, MAPS * cell, MAPS * cell, "soft")
    for n, line in enumerate((f"{int(matrix.sum())} of {matrix.size}", "pairs joined", f"({percent(float(matrix.mean()))})")):
        sheet.text(x + MAPS * cell + 12, top + 46 + 17 * n, line, NORMAL if n == 0 else SMALL, ink="ink" if n == 0 else "soft")


def _towers(sheet: Sketch, y: float, arch: Architecture, cross: dict[str, bool]) -> float:
    """Two rows of boxes from left to right; where the towers meet, arrows go over to the other row."""
    table_ = layer_table(arch)
    layers = [row for row in table_.rows if isinstance(row.node.record, Conv2d | Linear)]
    step = (sheet.wide - 2 * MARGIN) / (len(layers) + 0.62)
    wide, high, low = step - 26, 46, y + 92
    ways = [("A", y, "k0"), ("B", low, "k1")]
    boxed(sheet, MARGIN, y + 46, 38, high, "3", "RGB", "k5")
    for i, row in enumerate(layers):
        x = MARGIN + (i + 0.62) * step
        for tower, at, ink in ways:
            maps = f"{row.output[0] // 2}" if row.path != arch.nodes[-1].path else f"{row.output[0]}"
            if row.path == layers[-1].path:
                if tower == "A":
                    boxed(sheet, x, y + 46, wide, high, row.path, maps, "k5")
                sheet.arrow([(x - 24, at + high / 2), (x - 2, y + 46 + high / 2 + (-6 if tower == "A" else 6))], ink)
                continue
            boxed(sheet, x, at, wide, high, row.path, maps, ink)
            start = (MARGIN + 38, y + 69) if i == 0 else (x - 24, at + high / 2)
            sheet.arrow([start, (x - 2, at + high / 2)], ink if i else "soft")
            if i and cross[row.path]:
                other = low if at == y else y
                sheet.arrow(
                    [(x - 24, other + high / 2), (x - 2, at + high / 2 + (8 if at == y else -8))], "k1" if at == y else "k0"
                )
    return low + high
