"""LeNet-5's output codes as bitmaps and how far apart they lie; and what happens to codes that are trained too.

Under the MLE loss (eq. 8) the net may make F6 constant and move all codes onto it: the loss is 0 and nothing is told apart.
The competition of the MAP loss (eq. 9) pushes the wrong codes away.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neocog.arch import RBF, Codes, Flatten, Linear, Scale, Sequential, architecture
from neocog.explain.classroom import Lesson
from neocog.explain.classroom.board import MARGIN, board, caption, chart, close, printed, prose, table
from neocog.explain.classroom.losses import map_loss, mle_loss
from neocog.explain.classroom.practice import answer, error, pupils, train
from neocog.figure.parts import Plot, Series, matrix
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nets.parts import squash
from neocog.nn import Model, layers

SOURCE = (
    "LeCun, Bottou, Bengio & Haffner 1998, figure 3, equations 8 and 9 and section II.C. The bitmaps are neocog's "
    "record of "
    "LeNet-5, from a public transcription that was not compared with the paper's figure."
)
SHAPE = (12, 7)
COMPETITION, STEPS, RATE, EVERY = 10.0, 600, 0.02, 20


def codes() -> np.ndarray:
    """±1, classes × 84: the weights of LeNet-5's output layer."""
    net = resolve("lenet5").build()
    row = next(node.record for node in net.nodes if isinstance(node.record, RBF))
    assert isinstance(row.init, Codes)
    return np.array([[1.0 if bit == "1" else -1.0 for bit in code] for code in row.init.rows])


def distances(found: np.ndarray) -> np.ndarray:
    """Squared distances between the codes, as LeNet-5's RBF layer measures them: what it answers when F6 is a code."""
    net = architecture("", (found.shape[1],), Sequential(RBF(len(found))))
    layer = Model(net)
    with torch.no_grad():
        weight = torch.from_numpy(found).float()
        next(layer.parameters()).copy_(weight)
        return answer(layer, weight).numpy()


def show(name: str, picture: object, seed: int) -> Lesson:
    """The bitmaps, their distances, and a small net with trainable codes under both losses."""
    found = codes()
    apart = distances(found)
    off = apart + np.where(np.eye(len(apart)) > 0, np.inf, 0)
    near = np.unravel_index(int(off.argmin()), off.shape)
    trained = {
        what: _trained(loss, seed) for what, loss in (("MLE", mle_loss), ("MAP", lambda s, t: map_loss(s, t, COMPETITION)))
    }
    heads = ("trainable codes under", "last loss", "mean distance between codes", "error on 1,000 digits")
    rows = [
        (f"{what}, eq. {n}", f"{t['loss'][-1]:.4f}", f"{t['apart'][0]:.1f} → {t['apart'][-1]:.4f}", f"{t['error']:.1f} %")
        for n, (what, t) in enumerate(trained.items(), 8)
    ]
    far = np.unravel_index(int(apart.argmax()), apart.shape)
    hot = float(distances(2 * np.eye(len(found)) - 1)[0, 1])
    told = (
        f"Distances are four times the number of differing pixels. Nearest: {near[0]} and {near[1]}, "
        f"{apart[near]:.0f} = 4 × "
        f"{apart[near] / 4:.0f} pixels; farthest: {far[0]} and {far[1]}, {apart[far]:.0f}; on average "
        f"{off[np.isfinite(off)].mean():.0f}. "
        f"Ten one-hot codes of ±1 would all lie {hot:.0f} apart: here the margins are wide, and what looks alike "
        f"lies close."
    )
    facts = {
        "distances": apart.tolist(),
        "nearest": [int(near[0]), int(near[1]), float(apart[near])],
        "trained": {what: {"loss": t["loss"], "code_distance": t["apart"], "error": t["error"]} for what, t in trained.items()},
    }
    return Lesson(
        name,
        "LeNet-5's codes, and how trained codes collapse",
        _draw(found, apart, trained, heads, rows, told),
        (*_as_text(found), "", told, "", *printed(heads, rows)),
        facts,
    )


def _trained(loss: Callable[[Tensor, Tensor], Tensor], seed: int) -> dict:
    """784 → 84 squashed units → RBF units whose codes learn too: loss, mean distance between codes, error."""
    x, y, test, labels = pupils()
    net = architecture(
        "",
        (1, 28, 28),
        Sequential(
            flatten=Flatten(), F6=Linear(84), squash=squash(), output=RBF(10, init=Codes(), trainable=True), score=Scale(-1)
        ),
    )
    model = Model(net, torch.Generator().manual_seed(seed))
    layer = model.get_submodule("output")
    assert isinstance(layer, layers.RBF)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(codes()))
    apart: list[float] = []

    def watch(step: int, value: float) -> None:
        if step % EVERY == 0:
            apart.append(_mean_distance(layer.weight))

    every = train(model, x, y, loss, STEPS, RATE, seed, watch=watch)
    smooth = [float(np.mean(every[max(0, i - EVERY) : i + 1])) for i in range(0, STEPS, EVERY)]
    return {
        "steps": list(range(0, STEPS, EVERY)),
        "loss": smooth,
        "apart": [*apart[:-1], _mean_distance(layer.weight)],
        "error": error(model, test, labels),
        "codes": layer.weight.detach().numpy().copy(),
    }


def _mean_distance(weight: Tensor) -> float:
    """The mean squared distance between two different codes."""
    with torch.no_grad():
        n = len(weight)
        return float((weight[:, None] - weight[None]).square().sum(2).sum() / (n * (n - 1)))


def _as_text(found: np.ndarray) -> list[str]:
    rows = found.reshape(-1, *SHAPE) > 0
    return ["  ".join("".join("█" if bit else "·" for bit in code[r]) for code in rows) for r in range(SHAPE[0])]


def _bitmap(sheet: Sketch, x: float, y: float, code: np.ndarray, cell: float, ink: str) -> None:
    high, wide = SHAPE
    top = np.abs(code).max() or 1.0
    for i, j in np.ndindex(high, wide):
        value = code.reshape(SHAPE)[i, j] / top
        if value > 0:
            sheet.box(x + j * cell + 0.4, y + i * cell + 0.4, cell - 0.8, cell - 0.8, ink, float(value))
    sheet.frame(x - 2, y - 2, wide * cell + 4, high * cell + 4, "line")


def _draw(
    found: np.ndarray, apart: np.ndarray, trained: dict, heads: tuple[str, ...], rows: list[tuple[str, ...]], told: str
) -> Sketch:
    sheet, y = board(
        "LeNet-5's output codes",
        "Each of the ten output units measures the squared distance from F6's 84 "
        "values to its code, a "
        "drawing of 7×12 pixels of −1 and +1. The nearest code is the answer.",
    )
    step = (sheet.wide - 2 * MARGIN) / len(found)
    for k, code in enumerate(found):
        _bitmap(sheet, MARGIN + k * step + 8, y + 12, code, 8.4, "ink")
        sheet.text(MARGIN + k * step + 8 + 29, y + 12 + 12 * 8.4 + 20, str(k), SMALL, "middle", "soft")
    y += 12 + 12 * 8.4 + 50
    cell, left = 33.0, MARGIN + 22
    caption(sheet, MARGIN, y, "Squared distances between the codes")
    matrix(sheet, left, y + 26, apart, cell, signed=False, form="{:.0f}")
    for k in range(len(found)):
        sheet.text(left + (k + 0.5) * cell, y + 21, str(k), SMALL, "middle", "soft")
        sheet.text(left - 9, y + 26 + (k + 0.5) * cell + 4, str(k), SMALL, "end", "soft")
    right = left + 10 * cell + 34
    end = prose(sheet, right, y + 40, sheet.wide - MARGIN - right, told)
    caption(sheet, right, end + 26, "If the codes are trained too")
    for i, (what, t) in enumerate(trained.items()):
        at = end + 46 + i * 74
        sheet.text(right, at + 28, what, SMALL, bold=True, ink=f"k{1 - i}")
        for k in range(10):
            _bitmap(sheet, right + 34 + k * 38, at, t["codes"][k], 4.2, f"k{1 - i}")
    y += 26 + 10 * cell + 68
    room = (sheet.wide - 2 * MARGIN - 52) / 2 - 30
    for i, (key_, up) in enumerate((("loss", "loss"), ("apart", "mean squared distance between two codes"))):
        plot = Plot(MARGIN + 52 + i * (room + 66), y, room, 170)
        chart(
            sheet,
            plot,
            [Series(what, t["steps"], t[key_], f"k{1 - n}") for n, (what, t) in enumerate(trained.items())],
            "training steps",
            up,
            logarithmic=True,
        )
    y = table(sheet, MARGIN, y + 170 + 66, heads, rows)
    y = prose(
        sheet,
        MARGIN,
        y + 10,
        sheet.wide - 2 * MARGIN,
        "MLE alone has a perfect and useless solution: all codes equal and F6 constant, so that every distance is "
        "0. MAP's "
        "logarithm makes the wrong codes compete, and that solution is no longer one: codes that come nearer than "
        "j are pushed apart.",
    )
    return close(sheet, y, SOURCE)
