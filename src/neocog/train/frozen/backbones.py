"""Weights that can be had on this machine, now: for a newcomer who named none."""

import os
import queue
import threading
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from neocog.errors import UserError
from neocog.nets import resolve
from neocog.train.frozen.readout import readout
from neocog.train.starts.start import OnProgress, read_source
from neocog.weights import published
from neocog.weights.download import cached
from neocog.weights.imported import Imported
from neocog.weights.published import Published

VARIABLE = "NEOCOG_WEIGHTS"
NONE = "none"  # as the value of --weights or of the variable: from scratch, and nothing is looked for
ADEQUATE = 65.0  # top-1 on ILSVRC-2012 from which on features serve well; above it small ones are preferred
PATIENCE = 3.0  # seconds that a machine without a network may cost


@dataclass(frozen=True, eq=False)
class Found:
    """Weights to begin from, and how they came to be chosen; or none, and why not."""

    why: str
    words: str = ""
    source: Imported | None = None


def find(on_progress: OnProgress | None = None, patience: float = PATIENCE) -> Found:
    """What NEOCOG_WEIGHTS names; else the smallest adequate published network in the cache; else it is fetched, if its host
    answers within `patience` seconds. Raises UserError for a NEOCOG_WEIGHTS that is no weights."""
    words = os.environ.get(VARIABLE, "")
    if words == NONE:
        return Found(f"{VARIABLE}={NONE}")
    if words:
        return Found(f"{VARIABLE} names them", words, read_source(words))
    known = published.table()
    if here := best(entry for entry in known if cached(entry.url, entry.checksum) is not None):
        try:
            return Found(f"{described(here)}, the smallest adequate of those in the cache", here.url, read_source(here.url))
        except UserError as error:
            return Found(str(error))
    wanted = best(known)
    if wanted is None:
        return Found("no published weights are known")
    if trouble := unreachable(wanted.url, patience):
        return Found(f"no pretrained weights: none in the cache, and {trouble} (--weights or {VARIABLE} names some)")
    try:
        source = read_source(wanted.url, on_progress=on_progress)
        return Found(f"{described(wanted)}, the smallest adequate one", wanted.url, source)
    except UserError as error:
        return Found(f"no pretrained weights: {error}")


def best(known: Iterable[Published]) -> Published | None:
    """The smallest adequate file, else the most accurate, of the photographs' networks that a linear classifier can stand on.

    Of a network's several it is the first: later recipes raise the accuracy of its own classes, not the worth of its
    features for others (Kornblith et al. 2021).
    """
    ours = [e for e in known if e.top1 is not None and e.party == "torchvision" and published.by_file(e.file) is e]
    adequate = [entry for entry in ours if (entry.top1 or 0) >= ADEQUATE]
    smallest = sorted(adequate, key=lambda entry: (entry.tag, entry.megabytes or float("inf")))
    others = sorted((entry for entry in ours if entry not in adequate), key=lambda entry: -(entry.top1 or 0))
    return next((entry for entry in (*smallest, *others) if readout(resolve(entry.net).build()) is not None), None)


def described(entry: Published) -> str:
    """A file in a few words."""
    return f"{entry.net}, {entry.megabytes:.0f} MB, {entry.top1:.1f} % top-1 on ImageNet"


def unreachable(url: str, patience: float) -> str:
    """Why nothing answers at `url` within `patience` seconds; "" if something does. The look-up of a name has no timeout of
    its own, so this is asked in a thread."""
    host = url.split("/")[2]
    answer: queue.SimpleQueue[str] = queue.SimpleQueue()
    silent = f"{host} does not answer within {patience:.0f} s"

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "neocog"})
            with urllib.request.urlopen(request, timeout=patience):
                answer.put("")
        except Exception as error:
            reason = getattr(error, "reason", None) or error
            words = " ".join(str(reason).split()) or type(error).__name__
            answer.put(silent if isinstance(reason, TimeoutError) else f"{host} cannot be reached ({words})")

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=patience)
    except queue.Empty:
        return silent
