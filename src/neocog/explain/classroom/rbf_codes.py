"""LeNet-5's output codes as bitmaps and how far apart they lie; and what happens to codes that are trained too.

Under the MLE loss (eq. 8) the net may make F6 constant and move all codes onto it: the loss is 0 and nothing is told apart.
The competition of the MAP loss (eq. 9) pushes the wrong codes away.
"""

from functools import partial

import numpy as np
import torch

from neocog.arch import RBF, Codes, Sequential, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, beside, board, caption, chart, close, printed, prose, table
from neocog.explain.classroom.code_training import INKS, SHAPE, Course, bitmap, course, film
from neocog.explain.classroom.losses import map_loss, mle_loss
from neocog.explain.classroom.small_nets import answer
from neocog.figure.parts import Series, matrix
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nn import Model

SOURCE = (
    "LeCun, Bottou, Bengio & Haffner 1998, figure 3, equations 8 and 9. The bitmaps are neocog's record of LeNet-5, from a "
    "public transcription that was not compared with the paper's figure."
)
COMPETITION = 10.0  # j


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


def show(asked: Asked) -> Lesson:
    """The bitmaps, their distances, and a small net with trainable codes under both losses."""
    found = codes()
    apart = distances(found)
    off = apart + np.where(np.eye(len(apart)) > 0, np.inf, 0)
    near = np.unravel_index(int(off.argmin()), off.shape)
    rules = {"MLE": mle_loss, "MAP": lambda s, t: map_loss(s, t, COMPETITION)}
    trained = {
        what: course(loss, found, asked.seed, partial(asked.on_progress, f"training under {what}"))
        for what, loss in rules.items()
    }
    equal = torch.zeros(1, len(found))  # all distances 0
    collapsed = {what: abs(float(loss(equal, torch.zeros(1, dtype=torch.long)))) for what, loss in rules.items()}
    heads = ("trainable codes under", "last loss", "mean distance between codes", "error on unseen digits")
    rows = [
        (f"{what}, eq. {n}", f"{t.loss[-1]:.4f}", f"{t.apart[0]:.1f} → {t.apart[-1]:.4f}", f"{t.error:.1f} %")
        for n, (what, t) in enumerate(trained.items(), 8)
    ]
    far = np.unravel_index(int(apart.argmax()), apart.shape)
    hot = float(distances(2 * np.eye(len(found)) - 1)[0, 1])
    told = (
        f"Distances are four times the number of differing pixels. Nearest: {near[0]} and {near[1]}, {apart[near]:.0f} = 4 × "
        f"{apart[near] / 4:.0f} pixels; farthest: {far[0]} and {far[1]}, {apart[far]:.0f}; on average "
        f"{off[np.isfinite(off)].mean():.0f}. Ten one-hot codes of ±1 would all lie {hot:.0f} apart: here the margins are "
        "wide, and what looks alike lies close."
    )
    fell = (
        "MLE alone has a perfect and useless solution: all codes equal and F6 constant, so that every distance is 0. It costs "
        f"{collapsed['MLE']:.0f} under MLE, but log({len(found)} + e⁻ʲ) = {collapsed['MAP']:.3f} under MAP, what guessing "
        "costs: there each wrong code that is not clearly farther than the right one is pushed away."
    )
    facts = {
        "distances": apart.tolist(),
        "collapsed_loss": collapsed,
        "nearest": [int(near[0]), int(near[1]), float(apart[near])],
        "trained": {what: {"loss": t.loss, "code_distance": t.apart, "error": t.error} for what, t in trained.items()},
    }
    return Lesson(
        asked.name,
        _draw(found, apart, trained, heads, rows, told, fell),
        (*_as_text(found), "", told, "", *printed(heads, rows), "", fell),
        facts,
        film(trained, SOURCE),
    )


def _as_text(found: np.ndarray) -> list[str]:
    rows = found.reshape(-1, *SHAPE) > 0
    return ["  ".join("".join("█" if bit else "·" for bit in code[r]) for code in rows) for r in range(SHAPE[0])]


def _draw(
    found: np.ndarray,
    apart: np.ndarray,
    trained: dict[str, Course],
    heads: tuple[str, ...],
    rows: list[tuple[str, ...]],
    told: str,
    fell: str,
) -> Sketch:
    sheet, y = board(
        "LeNet-5's codes, and how trained codes collapse",
        "Each of the ten output units measures the squared distance from F6's 84 values to its code, a drawing of 7×12 pixels "
        "of −1 and +1; the nearest code is the answer. These codes are fixed. Below: what becomes of them if they learn too.",
    )
    step = (sheet.wide - 2 * MARGIN) / len(found)
    for k, code in enumerate(found):
        bitmap(sheet, MARGIN + k * step + 8, y + 12, code, 8.4, "ink")
        sheet.text(MARGIN + k * step + 8 + 29, y + 12 + 12 * 8.4 + 20, str(k), SMALL, "middle", "soft")
    y += 12 + 12 * 8.4 + 50
    cell, left = 36.0, MARGIN + 22
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
        sheet.text(right, at + 30, what, SMALL, bold=True, ink=INKS[what])
        for k, code in enumerate(t.codes[-1]):
            bitmap(sheet, right + 42 + k * 41.5, at, code, 4.6, INKS[what])
    y += 26 + 10 * cell + 68
    for i, (plot, up) in enumerate(
        zip(beside(sheet, y, 170), ("loss", "mean squared distance between two codes"), strict=True)
    ):
        series = [Series(what, t.steps, t.apart if i else t.loss, INKS[what]) for what, t in trained.items()]
        chart(sheet, plot, series, "training steps", up, logarithmic=True)
    y = table(sheet, MARGIN, y + 170 + 66, heads, rows)
    return close(sheet, y + 6, [fell], SOURCE)
