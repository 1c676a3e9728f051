"""What a person sees while something runs: a bar on a terminal, a line now and then elsewhere. Always on stderr."""

import sys
import time
from typing import Any

EVERY = 10.0  # seconds between lines where there is no terminal


class Progress:
    """One task after another: `update(name, done, total, words)`. Use as a context manager."""

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.tty = sys.stderr.isatty()
        self._bar: Any = None
        self._task: tuple[str, Any] | None = None
        self._said = self._begun = time.monotonic()
        self._first = self._done = 0  # where the task stood when it was first told of, and now

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def update(self, name: str, done: int, total: int, words: str = "") -> None:
        """`done` of `total` of the task `name`; `words` stand behind the bar."""
        if self.quiet:
            return
        if self._task is None or self._task[0] != name or done < self._done:  # less than before: begun again
            self.clear()
            self._begun = self._said = time.monotonic()
            self._first = done  # a run that goes on begins in the middle
            self._task = (name, self._start(name, total) if self.tty else None)
        self._done = done
        if self.tty:
            self._bar.update(self._task[1], completed=done, total=total, words=words)
        elif time.monotonic() - self._said > EVERY:
            self._said = time.monotonic()
            left = (self._said - self._begun) / max(done - self._first, 1) * (total - done)
            print(f"{name}: {done:,}/{total:,} {words} · {clock(left)} left", file=sys.stderr, flush=True)

    def _start(self, name: str, total: int) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))
        left = (TimeRemainingColumn(compact=True), TextColumn("left"))
        self._bar = Bar(*columns, *left, console=Console(stderr=True), transient=True, refresh_per_second=5)
        self._bar.start()
        return self._bar.add_task(name, total=total, words="")

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._task = None, None

    def say(self, line: str) -> None:
        """A line that stays."""
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """`4:07`, or `1:02:09`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class TrainingDisplay:
    """Shows a training's events."""

    def __init__(self, progress: Progress, name: str, steps: int, per_epoch: int):
        self.progress, self.name, self.steps, self.per_epoch = progress, name, steps, per_epoch

    def __call__(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "step":
            words = f"loss {event['loss']:.4g} · top-1 {event['top1']:.1f} % · {event['images_per_s']:,.0f} images/s"
            self.progress.update(self.name, event["step"], self.steps, words)
        elif kind == "pass":
            self.progress.say(f"pass {event['step']}: {event['mistakes']:,} mistakes of {event['n']:,}")
        elif kind == "layer":
            self.progress.say(
                f"{event['layer']}: {event['n']:,} presentations, {event['reinforced']:.1f} planes reinforced in each, "
                f"{event['used']} of {event['planes']} in use"
            )
        elif kind == "validation" and event["loss"] is not None:
            mark = " ← best" if event["best"] else ""
            where = f"epoch {event['step'] / self.per_epoch:.3g}"
            self.progress.say(
                f"{where:<11} step {event['step']:>7,}  validation {event['top1']:6.2f} % right, loss {event['loss']:.4f}{mark}"
            )
        elif kind == "memory":
            self.progress.say(
                f"step {event['step']:,}: out of memory; batches of {event['batch']} in {event['pieces']} pieces from here"
            )
        elif kind == "stuck":
            self.progress.say(
                f"step {event['step']:,}: nothing learned so far: loss {event['loss']:.4g}, "
                f"guessing has {event['guessing']:.4g}. "
                f"{event['why'][0].upper()}{event['why'][1:]}. "
                + (
                    f"Begun again with {event['advice']}"
                    if event["mends"]
                    else f"What may help: {event['advice']} (--mend begins again so)"
                )
            )
        elif kind == "features":
            self.progress.update("looking at pictures", event["step"], event["steps"])
        elif kind == "making":
            self.progress.update("making words", event["done"], event["total"])
        elif kind == "codebook":
            self.progress.say(
                f"{event['layer']}: {event['words']} words of {event['descriptors']:,} descriptors in {event['seconds']:.1f} s"
            )
        elif kind == "looked" and event["trouble"]:
            self.progress.say(event["trouble"])
        elif kind in ("head", "baseline"):
            self.progress.say(road_line(event))
        elif kind == "resume":
            self.progress.say(f"going on at step {event['step']:,} of {event['steps']:,}")


ROADS = {"chance": "chance: the commonest class", "knn": "5 nearest neighbours in the features", "hog-svm": "HOG + linear SVM"}


def road_line(event: dict[str, Any]) -> str:
    """One line of the fast road: the head that was solved for, or what a simpler way reaches."""
    if event["event"] == "head":
        return f"head on {event['features']:,} features in {event['seconds']:.1f} s, regularised by {event['strength']:.2g}"
    road = ROADS.get(event["name"], event["name"])
    return f"  {road:<38} {event['top1']:6.2f} % right of {event['n']:,}, {event['seconds']:.1f} s"
