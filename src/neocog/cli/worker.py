"""One process of several: the command as `neocog launch` and torchrun start it. One message for all of them, whoever fails.

The main process talks to people. The others are silent, unless they are the first to fail: then they say why, and nobody
else does. What will not get better by trying again (done, a wrong option, asked to stop) ends with exit code 0 under `launch`,
which reads the real one from a file, lest torch's agent start the processes anew.
"""

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from neocog.cli import DONE, INTERRUPTED, OURS, SOME_FAILED, main

LAUNCHED = "NEOCOG_LAUNCH"  # the folder in which the processes of this machine tell `neocog launch` their ids and ends
LOST = 75  # another process is gone; BSD's EX_TEMPFAIL: try again
AGAIN = (OURS, LOST)


def work(argv: Sequence[str] | None = None) -> int:
    """As `main`, for one process of several."""
    os.environ.setdefault(
        "TORCH_CPP_LOG_LEVEL", "ERROR"
    )  # its warnings are of settings that are meant so; read when torch loads
    from neocog.errors import UserError
    from neocog.train.together import meeting

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    told = Path(os.environ[LAUNCHED]) if LAUNCHED in os.environ else None
    if told is not None:
        (told / f"pid.{os.environ['LOCAL_RANK']}").write_text(str(os.getpid()))
    before = _earlier(told)
    try:
        meeting.meet(rank, size)
        over = meeting.ended(before)
    except UserError as error:
        print(f"neocog: {error}", file=sys.stderr)
        return _end(told, before, LOST)
    except RuntimeError:  # one that was there is gone again
        return _end(told, before, LOST)
    if over is not None:
        return _end(told, before, over)
    said = io.StringIO()
    quiet = contextlib.ExitStack()
    if rank:
        quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
        quiet.enter_context(contextlib.redirect_stderr(said))
    with quiet:
        code = _run(argv)
    if code not in (DONE, SOME_FAILED, LOST, INTERRUPTED) and meeting.first_to_fail() and rank:
        lines = said.getvalue().rstrip().splitlines()
        at = next((i for i, line in enumerate(lines) if line.startswith(("neocog: ", "Traceback"))), max(0, len(lines) - 1))
        print("\n".join(lines[at:]), file=sys.stderr, flush=True)
    return _end(told, before, meeting.part(code, lost=LOST))


def _run(argv: Sequence[str] | None) -> int:
    """`main`, where an error that only means that another process is gone is LOST."""
    from neocog.train.together import meeting

    try:
        return main(argv)
    except SystemExit as stop:  # argparse's --help
        return stop.code if isinstance(stop.code, int) else DONE
    except Exception as error:
        if meeting.lost(error):
            return LOST
        traceback.print_exc()
        return OURS


def _earlier(told: Path | None) -> int | None:
    """How a process of this machine ended for good before, in an earlier start of this launch; None if none did."""
    if told is None:
        return None
    if (told / "stop").exists():
        return DONE
    return outcome(told)


def outcome(told: Path) -> int | None:
    """The exit code of a launch, from what its processes on this machine left; None where none of them came to an end."""
    codes = [int(file.read_text() or OURS) for file in told.glob("end.*")]
    return max((code for code in codes if code not in AGAIN), default=None)


def _end(told: Path | None, before: int | None, code: int) -> int:
    """The exit code of the process."""
    if told is None:
        return DONE if code == SOME_FAILED else code  # torchrun takes all but 0 for a crash
    if before is None:
        (told / f"end.{os.environ['LOCAL_RANK']}").write_text(str(code))
    return code if code in AGAIN else DONE
