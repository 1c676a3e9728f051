"""Judging: error rates with their protocol and their intervals. torch is loaded with the names that need it."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.evaluate.engine import Stopped as Stopped
    from neocog.evaluate.engine import evaluate as evaluate
    from neocog.evaluate.engine import predict_all as predict_all
    from neocog.evaluate.engine import predict_together as predict_together
    from neocog.evaluate.judge import Judgement as Judgement
    from neocog.evaluate.judge import judged as judged
    from neocog.evaluate.judge import match_classes as match_classes
    from neocog.evaluate.once import judge_once as judge_once
    from neocog.evaluate.predictions import Predictions as Predictions
    from neocog.evaluate.predictions import is_evaluation as is_evaluation
    from neocog.evaluate.predictions import read_predictions as read_predictions
    from neocog.evaluate.protocol import Protocol as Protocol
    from neocog.evaluate.protocol import parse_protocol as parse_protocol
    from neocog.evaluate.statistics import wilson as wilson

_HOME = {
    "Stopped": "engine",
    "evaluate": "engine",
    "predict_all": "engine",
    "predict_together": "engine",
    "Judgement": "judge",
    "judged": "judge",
    "match_classes": "judge",
    "judge_once": "once",
    "Predictions": "predictions",
    "is_evaluation": "predictions",
    "read_predictions": "predictions",
    "Protocol": "protocol",
    "parse_protocol": "protocol",
    "wilson": "statistics",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
