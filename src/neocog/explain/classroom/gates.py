"""The gates of a highway net, layer by layer: nearly closed at the start, by their bias, and after a short training."""

from functools import partial

import numpy as np
import torch
from torch.nn import functional as F

from neocog.arch import Constant, Linear
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, across, board, caption, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.explain.classroom.small_nets import error, split_digits, train
from neocog.explain.inside import values_at
from neocog.figure.parts import Series, key, lines, pixels_of_map, scale_bar
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nn import Model

SOURCE = (
    "Srivastava, Greff & Schmidhuber 2015, Highway networks. The net is neocog's highway10.fc, trained here on neocog's digits."
)
NET, STEPS, RATE = "highway10.fc", 300, 0.02


def gates(model: Model, x: torch.Tensor) -> np.ndarray:
    """pictures × layers × units: T of every highway layer, how much of a unit is transformed and not carried."""
    paths = [node.path for node in model.arch.nodes if node.path.endswith("gate.sigmoid")]
    with torch.no_grad():
        found = values_at(model, x, paths)
    return torch.stack([found[path] for path in paths], 1).numpy()


def by_hand(model: Model, x: torch.Tensor, layer: str) -> float:
    """The largest difference between the layer and H·T + x·(1 − T), computed from its weights in float64."""
    before = model.arch.nodes[next(i for i, n in enumerate(model.arch.nodes) if n.path.startswith(f"{layer}.")) - 1].path
    weights = {
        key.removeprefix(f"{layer}."): value.double()
        for key, value in model.state_dict().items()
        if key.startswith(f"{layer}.")
    }
    (hw, hb), (tw, tb) = (
        (weights[f"{key}.weight"], weights[f"{key}.bias"])
        for key in (next(k.removesuffix(".weight") for k in weights if k.endswith(f"{one}.weight")) for one in "HT")
    )
    with torch.no_grad():
        found = values_at(model, x, [before, f"{layer}.y"])
        v = found[before].double()
        t = torch.sigmoid(v @ tw.T + tb)
        return float((torch.relu(v @ hw.T + hb) * t + v * (1 - t) - found[f"{layer}.y"]).abs().max())


def show(asked: Asked) -> Lesson:
    """The net before and after training: the gates of every layer for one digit, and their mean over the test digits."""
    x, y, test, labels = split_digits()
    model = Model(resolve(NET).build(), torch.Generator().manual_seed(asked.seed)).eval()
    start, at_start = gates(model, test), error(model, test, labels)
    on_step = partial(asked.on_progress, f"training {NET}")
    losses = train(model, x, y, F.cross_entropy, STEPS, RATE, asked.seed, on_step=on_step)
    end, at_end = gates(model, test), error(model, test, labels)
    layers = list(dict.fromkeys(node.path.split(".")[0] for node in model.arch.nodes if ".gate." in node.path))
    difference = max(by_hand(model, test[:100], layer) for layer in layers)
    gate = next(node.record for node in model.arch.nodes if node.path.endswith("gate.T"))
    assert isinstance(gate, Linear) and isinstance(gate.bias_init, Constant)
    bias = gate.bias_init
    rest = 1 / (1 + np.exp(-bias.value))
    means = [
        (before.mean(), after.mean(), after.mean(0).min(), after.mean(0).max())
        for before, after in zip(start.swapaxes(0, 1), end.swapaxes(0, 1), strict=True)
    ]
    heads = ("layer", "mean T at the start", "after training", "its most closed unit", "its most open unit")
    rows = [(layer, *(f"{v:.3f}" for v in row)) for layer, row in zip(layers, means, strict=True)]
    told = [
        f"A gate that read nothing would stand at σ({bias.value:g}) = {rest:.4f}.".replace("-", "−"),
        f"{STEPS} steps on digits: error {at_start:.1f} % → {at_end:.1f} %.",
        f"y = H·T + x·(1 − T) by hand, in every layer: largest difference {tiny(difference)}.",
    ]
    facts = {
        "net": NET,
        "bias": bias.value,
        "sigmoid_of_bias": rest,
        "mean_start": start.mean((0, 2)).tolist(),
        "mean_trained": end.mean((0, 2)).tolist(),
        "error_start": at_start,
        "error_trained": at_end,
        "difference_by_hand": difference,
        "loss_last": float(np.mean(losses[-20:])),
    }
    which = int(np.flatnonzero(labels.numpy() == 3)[0])
    drawn = _draw(start, end, layers, rest, (heads, rows), told, which, test[which, 0].numpy())
    return Lesson(asked.name, drawn, (*printed(heads, rows), "", *told), facts)


def _draw(
    start: np.ndarray,
    end: np.ndarray,
    layers: list[str],
    rest: float,
    told: tuple,
    words: list[str],
    which: int,
    digit: np.ndarray,
) -> Sketch:
    sheet, y = board(
        "Highway gates, before and after training",
        f"Each row is a layer, each column one of its {start.shape[2]} units. Light: the gate is closed (T = 0), the unit is "
        "carried over as it is. Dark: it is open (T = 1), the unit is computed anew. A fresh net mostly carries; training "
        "opens some.",
    )
    cell, units = 7.5, start.shape[2]
    left = MARGIN + 44
    for i, (what, found) in enumerate(
        (("at the start, one digit", start[which]), ("after training, the same digit", end[which]))
    ):
        x = left + i * (units * cell + 24)
        caption(sheet, x, y + 12, what)
        for n in range(len(layers)):
            if i == 0:
                sheet.text(x - 8, y + 22 + (n + 0.5) * 18 + 4, layers[n], SMALL, "end", "soft")
            sheet.picture(x, y + 22 + n * 18, pixels_of_map(found[n : n + 1], 1.0), units * cell, 16)
    low = y + 22 + len(layers) * 18
    sheet.picture(left + units * cell + 24, low + 10, pixels_of_map(digit, 1.0), 46, 46)
    sheet.text(left + units * cell + 80, low + 37, "the digit", SMALL, ink="soft")
    scale_bar(sheet, left, low + 12, 120, 1, False)
    sheet.text(left + 134, low + 21, "T", SMALL, ink="soft")
    y = low + 92
    plot = across(sheet, y, 190)
    numbers = list(range(2, len(layers) + 2))
    mean = [found.mean(0) for found in (start, end)]  # over the digits
    series = [
        Series(
            f"{what}: mean of all units over {len(start):,} digits; band: four units in five",
            numbers,
            m.mean(1).tolist(),
            f"k{i}",
            np.quantile(m, 0.1, 1).tolist(),
            np.quantile(m, 0.9, 1).tolist(),
            dots=True,
        )
        for i, (what, m) in enumerate(zip(("at the start", "after training"), mean, strict=True))
    ]
    series.append(Series(f"the bias alone: {rest:.3f}", [2, len(layers) + 1], [rest, rest], "k5", dashed=True))
    lines(sheet, plot, series, "layer", "T", low=0.0, high=1.0, legend=False)
    key(sheet, plot.x, y + 190 + 40, [(one.name, one.ink) for one in series])
    y = table(sheet, MARGIN, y + 190 + 116, *told)
    return close(sheet, y + 6, words, SOURCE)
