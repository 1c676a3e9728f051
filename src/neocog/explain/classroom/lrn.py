"""Local response normalisation: who damps whom, and the two conventions for α."""

import numpy as np
import torch

from neocog.arch import LRN
from neocog.explain.classroom import Lesson
from neocog.explain.classroom.board import MARGIN, board, caption, chart, close, printed, prose, table, tiny
from neocog.figure.parts import Plot, Series, pixels_of_map, scale_bar
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nn.modules import module

SOURCE = (
    "Krizhevsky, Sutskever & Hinton 2012, section 3.3: b_i = a_i / (k + α Σ a_j²)^β over n neighbouring maps. Caffe and "
    "torch divide α by n. Constants are those of neocog's alexnet and alexnet.caffe; slopes by autograd."
)
MAPS = 24


def by_hand(record: LRN, a: np.ndarray) -> np.ndarray:
    """The formula with loops, for one place: a, b of MAPS numbers."""
    n, alpha = record.size, record.alpha / record.size if record.divide_alpha else record.alpha
    sums = [sum(a[j] ** 2 for j in range(max(0, i - n // 2), min(len(a), i - n // 2 + n))) for i in range(len(a))]
    return np.array([v / (record.k + alpha * s) ** record.beta for v, s in zip(a, sums, strict=True)])


def damping(record: LRN, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """b, and ∂b_i/∂a_j · a_j/b_i, N×N: by how many percent map i's answer moves for one percent of map j."""
    layer = module(record, ((len(a), 1, 1),))
    x = torch.from_numpy(a)[None, :, None, None]
    slopes = torch.autograd.functional.jacobian(lambda v: layer(v)[0, :, 0, 0], x)
    assert isinstance(slopes, torch.Tensor)
    slopes = slopes[:, 0, :, 0, 0]
    b = layer(x)[0, :, 0, 0].numpy()
    return b, slopes.numpy() * a[None] / b[:, None]


def responses(seed: int, scale: float) -> np.ndarray:
    """One place of 24 maps: modest answers, one strong one, and two strong ones side by side."""
    a = np.random.default_rng(seed).uniform(0.1, 0.35, MAPS)
    a[6], a[15], a[16] = 1.0, 1.0, 0.8
    return a * scale


def show(name: str, picture: object, seed: int) -> Lesson:
    """Answers before and after, and the matrix of damping, under the paper's constants and Caffe's."""
    paper, caffe = (
        next(n.record for n in resolve(net).build().nodes if isinstance(n.record, LRN)) for net in ("alexnet", "alexnet.caffe")
    )
    a = responses(seed, 200.0)
    records = {"the paper: α as it is, k = 2": paper, "Caffe: α / n, k = 1": caffe}
    found = {what: damping(record, a) for what, record in records.items()}
    gaps = {what: float(np.abs(b - by_hand(records[what], a)).max()) for what, (b, _) in found.items()}
    heads = (
        "constants",
        "n",
        "α in the sum",
        "β",
        "k",
        "quiet maps keep",
        "beside a strong one",
        "the strong one keeps",
        "layer − formula",
    )
    beside, quiet = [4, 5, 7, 8], [0, 1, 2, 11, 12, 20, 21, 22, 23]
    rows, facts = [], {}
    for what, (b, matrix) in found.items():
        r = records[what]
        keep = b / a * r.k**r.beta  # what an answer keeps of what it would be without any neighbour
        alpha = r.alpha / r.size if r.divide_alpha else r.alpha
        rows.append(
            (
                what.split(":")[0],
                str(r.size),
                f"{alpha:.0e}".replace("-", "−"),
                f"{r.beta:g}",
                f"{r.k:g}",
                f"{keep[quiet].mean():.3f}",
                f"{keep[beside].mean():.3f}",
                f"{keep[6]:.3f}",
                tiny(gaps[what]),
            )
        )
        facts[what] = {
            "alpha": alpha,
            "k": r.k,
            "n": r.size,
            "beta": r.beta,
            "before": a.tolist(),
            "after": b.tolist(),
            "strongest_damping": float(matrix[~np.eye(MAPS, dtype=bool)].min()),
            "difference_by_hand": gaps[what],
        }
    told = (
        f"Each map divides by the energy of itself and its {paper.size - 1} neighbours, so a strong answer damps those beside "
        "it and, most of all, itself. Answers here go up to 200; where they are of order 1, α is so small that the layer "
        "only scales."
    )
    return Lesson(
        name,
        "Local response normalisation",
        _draw(a, found, records, heads, rows, told),
        (*printed(heads, rows), "", told),
        facts,
    )


def _draw(a: np.ndarray, found: dict, records: dict, heads: tuple, rows: list, told: str) -> Sketch:
    sheet, y = board(
        "Local response normalisation: who damps whom",
        f"One place, {MAPS} neighbouring maps: answers before and after, each after scaled by k^β so that only the "
        "neighbours' work shows.",
    )
    plot = Plot(MARGIN + 52, y + 44, sheet.wide - 2 * MARGIN - 70, 180)
    maps = list(range(len(a)))
    series = [Series("before", maps, a.tolist(), "k5", dots=True, dashed=True)]
    series += [
        Series(what, maps, (b * records[what].k ** records[what].beta).tolist(), f"k{i}", dots=True)
        for i, (what, (b, _)) in enumerate(found.items())
    ]
    chart(sheet, plot, series, "map", "answer", low=0.0)
    y += 44 + 180 + 66
    cell = 14.0
    side = MAPS * cell
    top = max(float(np.abs(m).max()) for _, m in found.values())
    for i, (what, (_, matrix)) in enumerate(found.items()):
        x = MARGIN + 34 + i * (side + 56)
        caption(sheet, x, y, what)
        sheet.picture(x, y + 26, pixels_of_map(matrix, top, True), side, side)
        sheet.frame(x, y + 26, side, side, "soft")
        for n in range(0, MAPS, 4):
            sheet.text(x + (n + 0.5) * cell, y + 21, str(n), SMALL - 1, "middle", "soft")
            sheet.text(x - 6, y + 26 + (n + 0.5) * cell + 4, str(n), SMALL - 1, "end", "soft")
    y += 26 + side + 30
    scale_bar(sheet, MARGIN + 34, y, 160, top, True, "percent that map i (row) moves when map j (column) grows by one percent")
    y = table(sheet, MARGIN, y + 60, heads, rows, gap=13, size=SMALL)
    return close(sheet, prose(sheet, MARGIN, y + 12, sheet.wide - 2 * MARGIN, told), SOURCE)
