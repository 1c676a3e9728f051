"""events.jsonl: append-only, one JSON object a line; the single truth that every display of a run reads."""

import contextlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neocog.errors import UserError
from neocog.files import end_line, lock

Event = dict[str, Any]


class EventLog:
    """Appends events to a file, which it holds: UserError if another process does."""

    def __init__(self, path: Path):
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        if not lock(self._file):
            self._file.close()
            raise UserError(f"{path.parent}: another process is at work on this run; wait for it, or choose another --out")
        end_line(self._file, path)

    def append(self, event: Event) -> Event:
        """Write one event, stamped with the time; the event as written."""
        stamped = {"time": round(time.time(), 3), **event}
        try:
            self._file.write(json.dumps(_finite(stamped)) + "\n")
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        return stamped

    def close(self) -> None:
        """Close the file; what a full disk kept back has been complained of already."""
        with contextlib.suppress(OSError):
            self._file.close()


def _finite(value: Any) -> Any:
    """JSON knows no infinity and no NaN: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_events(path: Path) -> Iterator[Event]:
    """The events that count, in order: a resumed run repeats the steps after its checkpoint, and the repeats count."""
    if not path.exists():
        return
    events: list[Event] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # the line that a kill cut off
            if not isinstance(event, dict):
                continue
            if event.get("event") == "start":  # killed before the first checkpoint and begun again
                events = []
            elif event.get("event") == "resume":
                events = [e for e in events if e.get("step", 0) <= event["step"]]
            events.append(event)
    yield from events
