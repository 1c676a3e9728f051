"""`evaluate --confusion` and `--calibration`: what is taken for what, and whether the probabilities can be believed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neocog.evaluate.predictions import Predictions

LARGE = 20  # classes that a confusion matrix is printed of


def confusion_lines(predictions: "Predictions") -> list[str]:
    """The matrix, true classes down, answers across; of many classes the commonest mistakes instead."""
    import numpy as np

    from neocog.evaluate.statistics import confusion

    table, classes = confusion(predictions), predictions.classes
    if len(classes) <= LARGE:
        names = max(len("true"), *(len(name) for name in classes))
        wide = max(len(f"{table.max():,}"), 3)
        head = "".join(f" {i:>{wide}}" for i in range(len(classes)))
        lines = ["", f"{'true':<{names}}  taken for".rstrip(), f"{'':<{names}}     {head}"]
        for i, (name, row) in enumerate(zip(classes, table.tolist(), strict=True)):
            cells = "".join(f" {'·' if not count else f'{count:,}':>{wide}}" for count in row)
            lines.append(f"{name:<{names}}  {i:>2} {cells}")
        return lines
    mistakes = table.copy()
    np.fill_diagonal(mistakes, 0)
    order = np.argsort(-mistakes, axis=None, kind="stable")[:LARGE].tolist()
    pairs = [(k // len(classes), k % len(classes)) for k in order if mistakes.flat[k]]
    told = [f"{mistakes[i, j]:>7,}  {classes[i]} taken for {classes[j]}" for i, j in pairs]
    return ["", f"the {len(told)} commonest mistakes", *told]


def calibration_lines(predictions: "Predictions") -> list[str]:
    """One sentence, the bins of the reliability diagram, and the error when only the surest are answered."""
    from neocog.evaluate.calibration import calibrate, selective

    found, curve = calibrate(predictions), selective(predictions)
    lines = ["", found.sentence(), "", f"{'sure, %':>12}  {'n':>7}  {'mean sure %':>11}  {'right %':>7}  95 % interval"]
    for one in found.bins:
        if one.n:
            between = f"{one.ci95[0]:.1f} to {one.ci95[1]:.1f}"
            lines.append(
                f"{one.low:5.1f}-{one.high:5.1f}  {one.n:>8,}  {one.confidence:>11.2f}  {one.accuracy:>7.2f}  {between}"
            )
    shares = [share for share in (100, 95, 90, 80, 70, 50) if curve.coverage.size]
    lines += ["", "answered %, the surest:  " + "  ".join(f"{share:>6}" for share in shares)]
    lines += ["error % among them:      " + "  ".join(f"{curve.error_at(share / 100):>6.2f}" for share in shares)]
    return [*lines, f"mean over all shares: {curve.area:.2f} % (at best {curve.best:.2f})"]


def more_lines(predictions: "Predictions", wanted: Sequence[str]) -> list[str]:
    """Those of the tables that were asked for."""
    made = {"confusion": confusion_lines, "calibration": calibration_lines}
    return [line for name in wanted for line in made[name](predictions)]


def more_json(predictions: "Predictions", wanted: Sequence[str]) -> dict[str, Any]:
    """calibration: its figures and bins. The confusion is in every judgement."""
    from neocog.evaluate.calibration import calibrate

    return {"calibration": calibrate(predictions).to_json()} if "calibration" in wanted else {}
