"""Who, besides us, says that a network is what its name promises: what the tests wrote down when they last agreed.

`make proof` runs those tests again and writes proof.json anew; nothing in it is typed.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "proof.json"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A party that is not us, what it agrees on, to within what (relative; 0: exactly), and the test that saw it."""

    party: str
    what: str
    error: float
    test: str

    @property
    def command(self) -> str:
        """What repeats it, in a checkout."""
        return f'python -m pytest -m "slow or not slow" "{self.test}"'


@cache
def _all() -> dict[str, list[dict]]:
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def agreements(name: str) -> tuple[Agreement, ...]:
    """Those about the network of this name; none for networks that nobody else has."""
    return tuple(Agreement(**row) for row in _all().get(name, ()))
