"""Filters that are a column times a row, sums of such, 7×1 and 1×7 in a network, and depthwise separable convolutions."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Architecture, Conv2d, DepthwiseConv2d, Sequential, analyse, architecture
from neocog.arch.window import pair
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import AXIS, MARGIN, beside, board, caption, close
from neocog.explain.classroom.cells import grid, named, sign, tinted
from neocog.explain.classroom.kernels import kernel
from neocog.explain.classroom.numbers import gap, normal, percent, tiny
from neocog.figure.parts import Series, lines
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve

DRAWS = 2000
FILTERS = {
    "Gaussian": kernel("Gaussian blur") * 16,
    "Sobel": kernel("Sobel across"),
    "Laplacian": kernel("Laplacian"),
}
SOURCE = (
    "1×n and n×1: Szegedy et al. 2015, Rethinking the Inception architecture; depthwise separable: Howard et al. 2017, "
    "MobileNets (1/N + 1/k²). All counts from neocog's architectures; singular values by torch.linalg.svd."
)


def terms(filter: Tensor) -> list[tuple[float, Tensor, Tensor]]:
    """A k×k filter as Σ σ·column·rowᵀ, largest σ first: those above rounding."""
    u, s, v = torch.linalg.svd(filter)
    return [(float(s[i]), u[:, i], v[i]) for i in range(len(s)) if s[i] > 1e-9 * s[0]]


def in_two_steps(x: Tensor, filter: Tensor) -> Tensor:
    """H×W under Σ σ·column·rowᵀ: for each term an n×1 convolution, then a 1×n."""
    parts = [F.conv2d(F.conv2d(x[None, None], (s * u)[None, None, :, None]), v[None, None, None]) for s, u, v in terms(filter)]
    return torch.stack(parts).sum(0)[0, 0]


def energy(seed: int, side: int) -> float:
    """Mean share of Σ w² that the first term keeps, over random filters."""
    s = torch.linalg.svdvals(normal(seed, DRAWS, side, side)) ** 2
    return float((s[:, 0] / s.sum(1)).mean())


def one(maps: int, out: int, kernel: int | tuple[int, int], depthwise: bool = False, side: int = 17) -> tuple[int, int]:
    """Weights and MACs of one layer that keeps the size."""
    rows, columns = pair(kernel)
    padding = (rows // 2, columns // 2)
    layer = (
        DepthwiseConv2d(kernel, padding=padding, bias=False) if depthwise else Conv2d(out, kernel, padding=padding, bias=False)
    )
    table = analyse(architecture("layer", (maps, side, side), Sequential(layer)))
    return table.total("params"), table.total("macs")


def inception() -> dict[str, int | float]:
    """The first 1×7 and 7×1 of Inception v3's figure-6 block, against one 7×7 between the same maps."""
    table = analyse(resolve("inception_v3").build())
    first, second = (table.by_path[f"Mixed_6b.branch7x7_{i}.conv"] for i in (2, 3))
    whole, _ = one(first.inputs[0][0], second.output[0], 7, side=first.output[1])
    pair_ = first.params + second.params
    return {"maps_in": first.inputs[0][0], "maps_out": second.output[0], "pair": pair_, "whole": whole, "share": pair_ / whole}


def mobilenet() -> list[dict[str, int | float]]:
    """Each separable block of MobileNet against a whole 3×3 convolution in its place, and the paper's 1/N + 1/k²."""
    arch: Architecture = resolve("mobilenet_v1").build()
    table, found = analyse(arch), []
    for row in table.rows:
        if not isinstance(row.node.record, DepthwiseConv2d):
            continue
        thin = table.by_path[row.path.rsplit(".", 1)[0] + ".pw"]
        record, k = row.node.record, pair(row.node.record.kernel)[0]
        whole = Conv2d(thin.output[0], record.kernel, record.stride, record.padding, bias=False).macs(*row.inputs)
        macs = row.macs + thin.macs
        found.append(
            {
                "maps": thin.output[0],
                "macs": macs,
                "whole": whole,
                "share": macs / whole,
                "formula": 1 / thin.output[0] + 1 / k**2,
            }
        )
    return found


def show(asked: Asked) -> Lesson:
    x = normal(asked.seed, 16, 16)
    kinds = FILTERS | {"random": (normal(asked.seed + 1, 3, 3) * 10).round() / 10}
    facts: dict = {
        "filters": {
            words: {
                "rank": len(terms(w)),
                "first_term_keeps": terms(w)[0][0] ** 2 / float((w**2).sum()),
                "max_difference": gap(in_two_steps(x, w), F.conv2d(x[None, None], w[None, None])[0, 0]),
            }
            for words, w in kinds.items()
        },
        "random_3x3_first_term_keeps": energy(asked.seed + 2, 3),
        "random_7x7_first_term_keeps": energy(asked.seed + 3, 7),
        "inception_v3": inception(),
        "mobilenet_v1": mobilenet(),
    }
    blocks, v3 = facts["mobilenet_v1"], facts["inception_v3"]
    worst = max(v["max_difference"] for v in facts["filters"].values())
    off = max(abs(b["share"] - b["formula"]) for b in blocks)
    total, whole = (analyse(resolve(net).build()).total("macs") for net in ("mobilenet_v1", "mobilenet_v1.full_conv"))
    facts["mobilenet_v1_macs"], facts["mobilenet_v1_full_conv_macs"] = total, whole
    proved = [
        f"n×1 and then 1×n, one pair a term, give what the n×n filter gives: largest difference {tiny(worst)}. One pair alone "
        f"is exact only for rank 1; of {DRAWS:,} random filters it keeps {percent(facts['random_3x3_first_term_keeps'])} of "
        f"Σw² at 3×3 and {percent(facts['random_7x7_first_term_keeps'])} at 7×7. So a filter that was learned whole seldom "
        "can be split into one pair: a network that is to have pairs learns them as pairs.",
        f"Inception v3, {v3['maps_in']} maps to {v3['maps_out']}: 1×7 and 7×1 have {v3['pair']:,} weights, 7×7 would have "
        f"{v3['whole']:,} ({percent(v3['share'])}). MobileNet's blocks cost 1/N + 1/9 of a 3×3 convolution (largest "
        f"difference from the layer table {tiny(off)}): {total:,} MACs against {whole:,} with whole convolutions.",
    ]
    title = "Separable filters: a column times a row"
    page, y = board(
        title,
        "A filter of rank 1 is a column times a row: n + n numbers do the work of n·n. Any other is a sum of a few such "
        "products.",
    )
    y = products(page, y + 18, kinds, facts["filters"])
    y = charts(page, y + 44, v3, blocks)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def products(page: Sketch, y: float, kinds: dict[str, Tensor], found: dict[str, dict]) -> float:
    """Each filter, and its terms as column times row; two of rank 1 side by side."""
    cell, left, top = 38, float(MARGIN), y + 12
    for words, w in kinds.items():
        parts = terms(w)
        if left > MARGIN and len(parts) > 1:
            left, top = float(MARGIN), top + 3 * cell + 44
        named(page, left, top, words, f"rank {len(parts)}")
        grid(page, left, top, w, cell, tinted(w), form=short, size=11)
        at, middle = left + 3 * cell, top + 1.5 * cell
        for n, (s, u, v) in enumerate(parts):
            sign(page, at + 20, middle, "=" if n == 0 else "+", 18)
            column, row = balanced(s, u, v, whole=len(parts) == 1)
            grid(page, at + 40, top, column[:, None], cell, tinted(column), form=short, size=11)
            sign(page, at + 40 + cell + 11, middle, "·", 18)
            grid(page, at + 62 + cell, top + cell, row[None], cell, tinted(row), form=short, size=11)
            if len(parts) > 1:
                share = s**2 / float((w**2).sum())
                page.text(at + 62 + cell, top + 2 * cell + 17, f"{percent(share, 1)} of Σw²", SMALL, ink="soft")
            at += 62 + 4 * cell
        if len(parts) > 1 or left > MARGIN:
            left, top = float(MARGIN), top + 3 * cell + 44
        else:
            left += 470
    return top - 34 if left == MARGIN else top + 3 * cell + 10


def balanced(s: float, u: Tensor, v: Tensor, whole: bool) -> tuple[Tensor, Tensor]:
    """σ·u·vᵀ as a column and a row that share σ, the column's largest number positive; `whole`: its smallest is made 1."""
    column, row = s**0.5 * u, s**0.5 * v
    factor = 1.0
    if whole:
        sizes = column.abs()
        factor = float(sizes[sizes > 1e-9 * sizes.max()].min())
    if column[column.abs().argmax()] < 0:
        factor = -factor
    return column / factor, row * factor


def short(value: float) -> str:
    """At most two decimals."""
    words = f"{value:.2f}".rstrip("0").rstrip(".").replace("-", "−")
    return "0" if words == "−0" else words


def charts(page: Sketch, y: float, v3: dict, blocks: list[dict]) -> float:
    """What n×1 with 1×n costs against n×n; MobileNet's blocks on the curve 1/N + 1/9."""
    left, right = beside(page, y + 34, 150)
    caption(page, MARGIN, y, "weights of n×1 and 1×n, of those of n×n")
    sizes = [2, 3, 4, 5, 6, 7, 8, 9]
    share = [(one(1, 1, (n, 1))[0] + one(1, 1, (1, n))[0]) / one(1, 1, n)[0] for n in sizes]
    lines(page, left, [Series("2/n", sizes, share, "k0", dots=True)], "n", "share", low=0, high=1)
    at = left.x + left.wide * (7 - sizes[0]) / (sizes[-1] - sizes[0]), left.y + left.high * (1 - v3["share"])
    page.dot(*at, "k1", f"Inception v3: {v3['share']:.3f}", 5)
    page.text(left.x + left.wide, at[1] - 24, f"Inception v3's 7×7: {percent(v3['share'])}", SMALL, "end", "k1")
    caption(page, right.x - AXIS, y, "MACs of MobileNet's blocks, of those of 3×3")
    low, high, first, last = 0.1, 0.14, 6, 10  # of the axes: shares, and powers of 2
    curve = [2.0**e for e in np.linspace(first, last, 33)]
    formula = Series("1/N + 1/9", [float(np.log2(n)) for n in curve], [1 / n + 1 / 9 for n in curve], "k0")
    lines(page, right, [formula], "log₂ N, maps out", "share", low=low, high=high)
    for b in blocks:
        x = right.x + right.wide * float(np.log2(b["maps"]) - first) / (last - first)
        place = right.y + right.high * (1 - (b["share"] - low) / (high - low))
        page.dot(x, place, "k1", f"{b['maps']} maps: {b['share']:.4f}", 4)
    maps = sorted({b["maps"] for b in blocks})
    words = f"{len(blocks)} blocks of {len(maps)} widths, N = {', '.join(map(str, maps))}"
    page.text(right.x + right.wide, right.y + 16, words, SMALL, "end", "k1")
    return y + 34 + 150 + 66
