"""Batch normalisation: before and after, the batch's statistics while training, the running ones afterwards."""

import numpy as np
import torch

from neocog.arch import BatchNorm2d, Conv2d, Sequential, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import AXIS, MARGIN, beside, board, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.explain.classroom.small_nets import split_digits
from neocog.figure.parts import Plot, Series, histogram
from neocog.figure.sketch import SMALL, Sketch
from neocog.nn import Model

SOURCE = (
    "Ioffe & Szegedy 2015, algorithms 1 and 2. A random 5×5 convolution on neocog's digits, its maps made very different; "
    "neocog's layer."
)
MAPS, STEPS, BATCH = 4, 120, 32
SIZES = (2, 4, 8, 16, 32, 64, 128, 256)


def net() -> Model:
    """conv 5×5 to four maps of very different size and offset → batch normalisation."""
    model = Model(
        architecture("", (1, 28, 28), Sequential(conv=Conv2d(MAPS, 5), bn=BatchNorm2d())), torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        model.get_parameter("conv.weight").mul_(torch.tensor([0.3, 1.0, 3.0, 6.0])[:, None, None, None])
        model.get_parameter("conv.bias").copy_(torch.tensor([2.0, -1.0, 0.5, -4.0]))
    return model


def by_hand(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Algorithm 1 with γ = 1, β = 0: y, mean and variance of each map over the batch and all places. x N×C×H×W."""
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    return (x - mean[:, None, None]) / np.sqrt(var[:, None, None] + eps), mean, var


def show(asked: Asked) -> Lesson:
    """Histograms of four maps; the running mean's way; how far training and evaluation answers differ by size of batch."""
    x, _, test, _ = split_digits()
    model = net()
    layer = model.get_submodule("bn")
    assert isinstance(layer, torch.nn.BatchNorm2d)
    generator = torch.Generator().manual_seed(asked.seed)
    with torch.no_grad():
        whole = model.get_submodule("conv")(x)
        true_mean, true_var = whole.mean((0, 2, 3)).numpy(), whole.var((0, 2, 3)).numpy()
        first = whole[torch.randint(len(x), (BATCH,), generator=generator)]
        model.train()
        after = layer(first).numpy()
        y, mean, var = by_hand(first.double().numpy(), layer.eps)
        gap = float(np.abs(after - y).max())
        count, share = first.numel() / MAPS, layer.momentum or 0.0
        assert layer.running_mean is not None and layer.running_var is not None
        running_gap = max(
            float(np.abs(layer.running_mean.numpy() - share * mean).max()),
            float(np.abs(layer.running_var.numpy() - ((1 - share) + share * var * count / (count - 1))).max() / var.max()),
        )
        way, ways = [layer.running_mean.numpy() / true_mean], [layer.running_var.numpy() / true_var]
        for _ in range(STEPS - 1):
            layer(whole[torch.randint(len(x), (BATCH,), generator=generator)])
            way.append(layer.running_mean.numpy() / true_mean)
            ways.append(layer.running_var.numpy() / true_var)
        model.eval()
        mine = model.get_submodule("conv")(test[torch.randperm(len(test), generator=generator)])
        evaluated = layer(mine).numpy()
        apart = []
        for size in SIZES:
            each = [
                np.abs(by_hand(mine[i : i + size].numpy(), layer.eps)[0] - evaluated[i : i + size]).mean()
                for i in range(0, 512, size)
            ]
            apart.append(float(np.mean(each)))
    heads = (
        "map",
        "mean before",
        "deviation before",
        "mean after",
        "deviation after",
        "running mean",
        f"all {len(x):,} digits",
    )
    rows = [
        (
            str(c),
            *(f"{v:.3f}".replace("-", "−") for v in (mean[c], var[c] ** 0.5)),
            *(
                f"{v + 0.0:.3f}".replace("−0.000", "0.000").replace("-0.000", "0.000")
                for v in (after[:, c].mean(), after[:, c].std())
            ),
            *(f"{v:.3f}".replace("-", "−") for v in (layer.running_mean.numpy()[c], true_mean[c])),
        )
        for c in range(MAPS)
    ]
    told = (
        f"Layer against algorithm 1 by hand: largest difference {tiny(gap)}. Running mean and unbiased variance after one "
        f"batch against {1 - share:g}·old + {share:g}·batch: {tiny(running_gap)}. A map that hardly varies ends below "
        f"deviation 1: eps, {tiny(layer.eps)}, is added to its variance of {var.min():.4f}."
    )
    facts = {
        "difference_by_hand": gap,
        "running_difference_by_hand": running_gap,
        "mean_after": after.mean((0, 2, 3)).tolist(),
        "std_after": after.std((0, 2, 3)).tolist(),
        "train_eval_gap": dict(zip(map(str, SIZES), apart, strict=True)),
    }
    drawn = _draw(first.numpy(), after, np.array(way), np.array(ways), apart, heads, rows, told)
    return Lesson(asked.name, drawn, (*printed(heads, rows), "", told), facts)


def _draw(
    before: np.ndarray,
    after: np.ndarray,
    way: np.ndarray,
    ways: np.ndarray,
    apart: list[float],
    heads: tuple,
    rows: list,
    told: str,
) -> Sketch:
    sheet, y = board(
        "Batch normalisation",
        f"Four maps of one layer on a batch of {BATCH} digits: each map is shifted and scaled to mean 0 and deviation 1 over "
        "the batch and all its places.",
    )
    step = (sheet.wide - 2 * MARGIN) / MAPS
    span = float(np.abs(before).max())
    for c in range(MAPS):
        for i, (what, values, limit, ink) in enumerate(
            (("before", before[:, c], span, "k5"), ("after", after[:, c], 6.0, "k0"))
        ):
            counts, _ = np.histogram(values, 48, (-limit, limit))
            plot = Plot(MARGIN + c * step, y + 30 + i * 122, step - 26, 74)
            histogram(sheet, plot, np.sqrt(counts).tolist(), -limit, limit, ink, f"map {c}, {what}")
            middle = plot.x + plot.wide / 2
            sheet.line([(middle, plot.y), (middle, plot.y + plot.high)], "soft", 1, True)
            sheet.text(middle, plot.y + plot.high + 14, "0", SMALL - 1, "middle", "soft")
    sheet.text(MARGIN, y + 30 + 2 * 122 - 14, "heights: square roots of counts", SMALL, ink="soft")
    y += 30 + 2 * 122 + 22
    left, right = beside(sheet, y + 52, 170)
    caption(sheet, MARGIN, y, "Running statistics find those of the data")
    caption(sheet, right.x - AXIS, y, "Small batches: training and evaluation differ")
    steps = list(range(1, STEPS + 1))
    chart(
        sheet,
        left,
        [
            Series("mean, of four maps", steps, way.mean(1).tolist(), "k0", way.min(1).tolist(), way.max(1).tolist()),
            Series("variance", steps, ways.mean(1).tolist(), "k1", ways.min(1).tolist(), ways.max(1).tolist()),
        ],
        "batches seen",
        "running / true",
        logarithmic=True,
    )
    chart(
        sheet,
        right,
        [Series("apart", [float(np.log2(s)) for s in SIZES], apart, "k2", dots=True)],
        "log₂ of the size of the batch",
        "mean |training answer − evaluation answer|",
        low=0.0,
    )
    y = table(sheet, MARGIN, y + 52 + 170 + 66, heads, rows, gap=16)
    return close(sheet, y + 6, [told], SOURCE)
