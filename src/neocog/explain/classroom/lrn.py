"""Local response normalisation: who damps whom, and the two conventions for α."""

import numpy as np
import torch

from neocog.arch import LRN
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, across, board, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.figure.parts import Series, pixels_of_map, scale_bar
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nn.modules import module

SOURCE = (
    "Krizhevsky, Sutskever & Hinton 2012, section 3.3: bᵢ = aᵢ / (k + α Σ aⱼ²)^β over n neighbouring maps. Caffe and torch "
    "divide α by n. Constants are those of neocog's alexnet and alexnet.caffe; slopes by autograd."
)
MAPS, STRONG = 24, {6: 1.0, 15: 1.0, 16: 0.8}
TOP = 200.0


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
    a[list(STRONG)] = list(STRONG.values())
    return a * scale


def show(asked: Asked) -> Lesson:
    """Answers before and after, and the matrix of damping, under the paper's constants and Caffe's."""
    paper, caffe = (
        next(n.record for n in resolve(net).build().nodes if isinstance(n.record, LRN)) for net in ("alexnet", "alexnet.caffe")
    )
    a = responses(asked.seed, TOP)
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
    one, reach = next(iter(STRONG)), paper.size // 2
    beside = [i for i in range(MAPS) if 0 < abs(i - one) <= reach]
    quiet = [i for i in range(MAPS) if all(abs(i - j) > reach for j in STRONG)]
    kept = {}
    rows, facts = [], {}
    for what, (b, matrix) in found.items():
        r = records[what]
        keep = b / a * r.k**r.beta  # what an answer keeps of what k alone would leave of it
        kept[what] = [float(keep[quiet].mean()), float(keep[beside].mean()), float(keep[one])]
        alpha = r.alpha / r.size if r.divide_alpha else r.alpha
        rows.append(
            (
                what.split(":")[0],
                str(r.size),
                f"{alpha:.5f}",
                f"{r.beta:g}",
                f"{r.k:g}",
                *(f"{v:.3f}" for v in kept[what]),
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
            "quiet_beside_strong_keep": kept[what],
            "difference_by_hand": gaps[what],
        }
    small = responses(asked.seed, 1.0)
    least = float((damping(paper, small)[0] / small).min() * paper.k**paper.beta)
    facts[next(iter(records))]["small_answers_keep"] = least
    told = (
        f"Each map divides by the energy of itself and its {paper.size - 1} neighbours: a strong answer damps those beside it "
        f"about as much as itself. Answers here go up to {TOP:g}; where they go up to 1, every map keeps at least {least:.4f} "
        "with the paper's constants: the layer only scales."
    )
    return Lesson(
        asked.name,
        _draw(a, found, records, heads, rows, told),
        (*printed(heads, rows), "", told),
        facts,
    )


def _draw(a: np.ndarray, found: dict, records: dict, heads: tuple, rows: list, told: str) -> Sketch:
    sheet, y = board(
        "Local response normalisation: who damps whom",
        f"One place, {MAPS} neighbouring maps: answers before and after. Those after are multiplied by k^β, so that only what "
        "the neighbours do shows.",
    )
    plot = across(sheet, y + 44, 180)
    maps = list(range(len(a)))
    series = [Series("before", maps, a.tolist(), "k5", dots=True, dashed=True)]
    series += [
        Series(what, maps, (b * records[what].k ** records[what].beta).tolist(), f"k{i}", dots=True)
        for i, (what, (b, _)) in enumerate(found.items())
    ]
    chart(sheet, plot, series, "map", "answer", low=0.0)
    y += 44 + 180 + 66
    cell = 15.0
    side = MAPS * cell
    top = max(float(np.abs(m).max()) for _, m in found.values())
    for i, (what, (_, matrix)) in enumerate(found.items()):
        x = MARGIN + 34 + i * (side + 74)
        caption(sheet, x, y, what)
        sheet.picture(x, y + 26, pixels_of_map(matrix, top, True), side, side)
        sheet.frame(x, y + 26, side, side, "soft")
        for n in range(0, MAPS, 4):
            sheet.text(x + (n + 0.5) * cell, y + 21, str(n), SMALL - 1, "middle", "soft")
            sheet.text(x - 6, y + 26 + (n + 0.5) * cell + 4, str(n), SMALL - 1, "end", "soft")
    y += 26 + side + 30
    scale_bar(sheet, MARGIN + 34, y, 160, top, True, "percent that map i (row) moves when map j (column) grows by one percent")
    y = table(sheet, MARGIN, y + 60, heads, rows, gap=16, size=SMALL)
    return close(sheet, y + 6, [told], SOURCE)
