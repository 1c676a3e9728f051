"""Whether its probabilities can be believed, as plain data: the reliability diagram and the risk-coverage curve."""

from typing import Any

import numpy as np

from neocog.evaluate.calibration import calibrate, selective
from neocog.evaluate.predictions import Predictions
from neocog.report.plain import rounded

POINTS = 120  # of the risk-coverage curve


def sureness(predictions: Predictions) -> dict[str, Any]:
    """All in percent but brier and nll. curve: [coverage, error among those answered, confidence it takes]."""
    found, curve = calibrate(predictions), selective(predictions)
    n = len(curve.coverage)
    points = np.stack([100 * curve.coverage, curve.risk, 100 * curve.threshold], 1).tolist()
    at = np.unique(np.linspace(0, n - 1, min(n, POINTS)).round().astype(int)) if n else np.empty(0, int)
    return {
        "n": found.n,
        "accuracy": rounded(found.accuracy),
        "confidence": rounded(found.confidence),
        "ece": rounded(found.ece),
        "ece_mass": rounded(found.ece_mass),
        "brier": rounded(found.brier),
        "nll": rounded(found.nll),
        "bins": [
            {
                "low": rounded(one.low),
                "high": rounded(one.high),
                "n": one.n,
                "confidence": rounded(one.confidence),
                "accuracy": rounded(one.accuracy),
                "ci95": [rounded(v) for v in one.ci95],
            }
            for one in found.bins
        ],
        "curve": [[rounded(value) for value in points[i]] for i in at.tolist()],
        "area": rounded(found.area),
        "best_area": rounded(found.best_area),
    }
