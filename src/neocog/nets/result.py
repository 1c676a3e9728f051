"""A published error rate and the words that it was published with. Light: the index reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """A published error rate in percent, with the protocol without which it means nothing. `nets`: how many together.

    `protocol` is made of the clauses of `neocog.nets.terms`, separated by commas or semicolons.
    """

    data: str
    protocol: str
    top1: float | None = None
    top5: float | None = None
    verified: bool = True  # False: from memory, not checked against a copy of the paper
    nets: int = 1


def percent(value: float) -> str:
    """An error as papers print it, with a decimal at least: 18.2 %, 8.0 %, 43.478 %."""
    words = f"{value:g}"
    return f"{words if '.' in words else words + '.0'} %"
