"""Rewrites: each gives (architecture, weight plan), and leaves the old value alone. No torch."""

from neocog.arch.rewrite.adapt import with_channels, with_classes, with_dropout, with_input
from neocog.arch.rewrite.convolutional import fully_convolutional, one_answer
from neocog.arch.rewrite.edit import drop, replace, replace_records, with_activation, without_taps, without_train_only
from neocog.arch.rewrite.folding import fold_bn, not_folded
from neocog.arch.rewrite.plan import Move, Rewrite, WeightPlan, carry_over, rewritten, tensors

__all__ = [
    "Move",
    "Rewrite",
    "WeightPlan",
    "carry_over",
    "drop",
    "fold_bn",
    "fully_convolutional",
    "not_folded",
    "one_answer",
    "replace",
    "replace_records",
    "rewritten",
    "tensors",
    "with_activation",
    "with_channels",
    "with_classes",
    "with_dropout",
    "with_input",
    "without_taps",
    "without_train_only",
]
