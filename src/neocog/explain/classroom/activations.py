"""Activations and their derivatives, and what a product of derivatives does through depth. Functions from neocog's records."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neocog.arch import Linear, ReLU, Sequential, Sigmoid, Tanh, architecture
from neocog.arch.init import HeNormal
from neocog.arch.record import Leaf
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, across, beside, board, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.figure.parts import Series, lines
from neocog.figure.sketch import Sketch
from neocog.nets.parts import squash
from neocog.nn import Model
from neocog.nn.modules import module

SOURCE = (
    "LeCun, Bottou, Bengio & Haffner 1998, appendix A (1.7159·tanh(2x/3)); Krizhevsky, Sutskever & Hinton 2012 (ReLU). "
    "Derivatives by autograd; the deep nets have random weights and are not trained."
)
KINDS: dict[str, tuple[Leaf, str]] = {
    "ReLU": (ReLU(), "k0"),
    "sigmoid": (Sigmoid(), "k1"),
    "tanh": (Tanh(), "k2"),
    "1.7159·tanh(2x/3)": (squash(), "k3"),
}
DEPTH, WIDTH, PICTURES = 20, 64, 32


def values(record: Leaf, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The function and its derivative at x."""
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    out = module(record, ((1,),))(at)
    return out.detach().numpy(), torch.autograd.grad(out.sum(), at)[0].numpy()


def through_depth(record: Leaf, seed: int) -> list[float]:
    """|gradient| at the input of each of DEPTH layers, of the last first, relative to the gradient at the answer.

    Weights with variance 2/fan-in, which keeps the gradient of ReLUs as it is on average, for all: only the function differs.
    """
    steps: dict[str, Any] = {}
    for i in range(DEPTH):
        steps |= {f"fc{i}": Linear(WIDTH, init=HeNormal()), f"act{i}": record}
    model = Model(architecture("", (WIDTH,), Sequential(**steps)), torch.Generator().manual_seed(seed)).double().eval()
    x = torch.randn(PICTURES, WIDTH, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64, requires_grad=True)
    kept: list[Tensor] = [x]
    out = x
    for layer in model.children():
        out = layer(out)
        if not isinstance(layer, nn.Linear):
            kept.append(out)
    up = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 2), dtype=torch.float64)
    gradients = torch.autograd.grad(out, kept, up)
    return [float(g.norm() / up.norm()) for g in reversed(gradients)]


def show(asked: Asked) -> Lesson:
    """The functions, their derivatives, and measured gradients through twenty layers beside the bound of their product."""
    x = np.linspace(-6, 6, 241)
    found = {kind: values(record, x) for kind, (record, _) in KINDS.items()}
    deep = {kind: through_depth(record, asked.seed) for kind, (record, _) in KINDS.items()}
    largest = {kind: float(values(record, np.linspace(-8, 8, 160001))[1].max()) for kind, (record, _) in KINDS.items()}
    fine = np.linspace(0, 3, 30001)
    bend = float(fine[np.abs(np.gradient(values(squash(), fine)[1], fine)).argmax()])
    heads = ("", "largest slope", f"its {DEPTH}th power", f"measured after {DEPTH} layers", "f(1)", "slope at 4")
    rows = [
        (
            kind,
            f"{largest[kind]:.4f}",
            tiny(largest[kind] ** DEPTH),
            tiny(deep[kind][-1]),
            f"{values(KINDS[kind][0], np.array([1.0]))[0][0]:.4f}",
            tiny(float(values(KINDS[kind][0], np.array([4.0]))[1][0])),
        )
        for kind in KINDS
    ]
    told = (
        f"A sigmoid passes at most {largest['sigmoid']:g} of a gradient, so {DEPTH} of them at most "
        f"{tiny(largest['sigmoid'] ** DEPTH)}, were it for the slopes alone; weights of variance 2/fan-in multiply by √2 a "
        f"layer or so, and {tiny(deep['sigmoid'][-1])} was measured. A ReLU that is on passes all of it. LeNet-5's function "
        f"takes 1 to 1 and −1 to −1, where its codes lie, and bends most at ±{bend:.2f}."
    )
    sheet = _draw(x, found, deep, largest, heads, rows, told)
    return Lesson(
        asked.name,
        sheet,
        (*printed(heads, rows), "", told),
        {"largest_slope": largest, "bends_most_at": bend, "depth": DEPTH, "gradient": deep},
    )


def _draw(x: np.ndarray, found: dict, deep: dict, largest: dict, heads: tuple, rows: list, told: str) -> Sketch:
    sheet, y = board("Activations and their derivatives", "What a unit answers, and how much of a gradient it lets back.")
    for i, (plot, up, low, high) in enumerate(
        zip(beside(sheet, y + 44, 210), ("f(x)", "f′(x)"), (-2.0, 0.0), (3.0, 1.25), strict=True)
    ):
        inside = [(kind, np.clip(v[i], low, high), np.abs(v[i]) <= high) for kind, v in found.items()]
        series = [Series(kind, x[keep].tolist(), v[keep].tolist(), KINDS[kind][1]) for kind, v, keep in inside]
        (lines if i else chart)(sheet, plot, series, "x", up, low=low, high=high, **({"legend": False} if i else {}))
    y += 44 + 210 + 62
    caption(sheet, MARGIN, y, f"A gradient on its way back through {DEPTH} layers of {WIDTH} units")
    layers = list(range(DEPTH + 1))
    series = [Series(kind, layers, g, KINDS[kind][1], dots=True) for kind, g in deep.items()]
    bound = [largest["sigmoid"] ** n for n in layers]
    series.append(Series("the sigmoid's slopes alone: ¼ a layer at most", layers, bound, "k5", dashed=True))
    words = "layers passed on the way back", "|gradient|, 1 at the answer"
    chart(sheet, across(sheet, y + 52, 220), series, *words, logarithmic=True)
    y = table(sheet, MARGIN, y + 52 + 220 + 66, heads, rows)
    return close(sheet, y + 6, [told], SOURCE)
