"""A process that does one training of a bake-off: `python -m neocog.bakeoff.worker FOLDER NET SEED`.

It prints its outcome as one line of JSON. It saves and stops when it is asked to, or when the process that started it is gone.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

STOPPED = 130


def main(folder: str, net: str, seed: str) -> int:
    """The exit code: 0, or 130 when it was stopped."""
    parent, asked = os.getppid(), []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)

    from neocog.bakeoff.trial import trial  # a second or two, in which it may be asked to stop already
    from neocog.train import Interrupted

    try:
        outcome = trial(Path(folder), net, int(seed), stop=lambda: bool(asked) or os.getppid() != parent)
    except Interrupted:
        return STOPPED
    print(json.dumps(outcome.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
