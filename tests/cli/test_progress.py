"""What a person reads while a network trains."""

import pytest

from neocog.cli import progress
from neocog.cli.progress import Progress, TrainingDisplay


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands where the test puts it."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_the_time_left_is_of_the_steps_that_were_taken_here(clock: list[float], capsys: pytest.CaptureFixture[str]):
    """Not of those before a run was resumed, nor of a start that was given up."""
    shown = Progress()
    shown.tty = False
    shown.update("net", 300, 400)  # resumed: 300 steps took no time at all here
    clock[0] += 11
    shown.update("net", 311, 400)
    assert capsys.readouterr().err.endswith("311/400  · 1:29 left\n")
    shown.update("net", 1, 400)  # begun again
    clock[0] += 11
    shown.update("net", 12, 400)
    assert capsys.readouterr().err.endswith("12/400  · 6:28 left\n")


@pytest.mark.parametrize(("mends", "words"), [(True, "Begun again with --lr 0.01"), (False, "What may help: --lr 0.01")])
def test_a_stuck_training_says_what_was_done_or_can_be(mends: bool, words: str, capsys: pytest.CaptureFixture[str]):
    TrainingDisplay(Progress(), "net", 400, 10)(
        {
            "event": "stuck",
            "step": 200,
            "loss": 2.3,
            "guessing": 2.3,
            "why": "units are silent",
            "advice": "--lr 0.01",
            "mends": mends,
        }
    )
    told = capsys.readouterr().err
    assert words in told and ("--mend" in told) != mends
