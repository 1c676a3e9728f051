"""Gradient checkpointing: stretches of a network whose maps are computed again on the way back instead of being kept."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from neocog.nn.model import Model, Step


class Stretch(NamedTuple):
    """Consecutive steps; the values they read from before, and those that are read after them."""

    steps: tuple["Step", ...]
    reads: tuple[str, ...]
    gives: tuple[str, ...]


def stretches(steps: Sequence["Step"], cuts: Collection[str], wanted: Collection[str]) -> tuple[Stretch, ...]:
    """The steps in about √n stretches that end at cuts, nodes that all behind them passes through: one map between two."""
    length = max(1, round(math.sqrt(len(steps))))
    parts: list[list[Step]] = [[]]
    for step in steps:
        parts[-1].append(step)
        if len(parts[-1]) >= length and step.output in cuts:
            parts.append([])
    out = []
    for i, part in enumerate(parts):
        made = {step.output for step in part}
        later = {name for after in parts[i + 1 :] for step in after for name in step.inputs} | set(wanted)
        reads = dict.fromkeys(name for step in part for name in step.inputs if name not in made)
        gives = [step.output for step in part if step.output in later]
        if part:
            kept = tuple(step._replace(free=tuple(n for n in step.free if n in made and n not in gives)) for step in part)
            out.append(Stretch(kept, tuple(reads), tuple(gives)))
    return tuple(out)


def run(model: "Model", parts: Sequence[Stretch], x: Tensor) -> dict[str, Tensor]:
    """The values that the stretches give, each stretch checkpointed."""
    values = {"input": x}
    for part in parts:

        def forward(*inputs: Tensor, part: Stretch = part) -> tuple[Tensor, ...]:
            made = model._run(part.steps, dict(zip(part.reads, inputs, strict=True)))
            return tuple(made[name] for name in part.gives)

        layers = [model.get_submodule(step.output) for step in part.steps]
        again = [m for layer in layers for m in layer.modules() if isinstance(m, _BatchNorm)]
        given = checkpoint(
            forward,
            *(values[name] for name in part.reads),
            use_reentrant=False,
            context_fn=lambda again=again: (nullcontext(), _statistics_kept(again)),
        )
        assert isinstance(given, tuple)
        values |= zip(part.gives, given, strict=True)
    return values


@contextmanager
def _statistics_kept(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Batch normalisation has counted this batch already: the second time its running statistics must not move."""
    saved = [(m, m.momentum, m.num_batches_tracked) for m in norms if isinstance(m, _BatchNorm)]
    for m, _, counted in saved:
        m.momentum = 0.0
        m.num_batches_tracked = None if counted is None else counted.clone()
    try:
        yield
    finally:
        for m, momentum, counted in saved:
            m.momentum, m.num_batches_tracked = momentum, counted
