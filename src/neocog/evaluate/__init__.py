"""Judging: error rates with their protocol and their intervals."""

from neocog.evaluate.judge import Judgement, evaluate, judge, match_classes, wilson
from neocog.runs import wrong_in_top

__all__ = ["Judgement", "evaluate", "judge", "match_classes", "wilson", "wrong_in_top"]
