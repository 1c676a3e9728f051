"""Judging: error rates with their protocol and their intervals."""

from neocog.evaluate.engine import Stopped, evaluate, predict_all, predict_together
from neocog.evaluate.judge import Judgement, judge, judged, match_classes, wilson
from neocog.evaluate.predictions import Predictions, is_evaluation, read_predictions
from neocog.evaluate.protocol import Protocol, parse_protocol
from neocog.runs import wrong_in_top

__all__ = [
    "Judgement",
    "Predictions",
    "Protocol",
    "Stopped",
    "evaluate",
    "is_evaluation",
    "judge",
    "judged",
    "match_classes",
    "parse_protocol",
    "predict_all",
    "predict_together",
    "read_predictions",
    "wilson",
    "wrong_in_top",
]
