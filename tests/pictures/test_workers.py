"""Worker processes: the same pixels as without them, whatever becomes of them."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from neocog.pictures.augment.crops import resized_crop
from neocog.pictures.making import Job, Maker
from neocog.pictures.store import Store
from neocog.pictures.workers import AVAILABLE, Crew

from .photos import RECORD, WickedPictures, jpegs

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="worker processes need a Unix")
CROP = partial(resized_crop, low=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return jpegs(tmp_path_factory.mktemp("photos"), 60)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_any_number_of_workers_gives_the_same_pixels(folder, workers):
    """Of the record's cut and of crops; and those of a batch that is shared out are those of the whole."""
    alone, many = Store(folder, RECORD, limit=0), Store(folder, RECORD, limit=0, workers=workers)
    order = np.random.default_rng(1).permutation(60)
    for call in ((), (CROP, (5, 6)), (CROP, (5, 6), np.arange(60) + 100)):
        want, kept = alone.get(order, *call)
        found, too = many.get(order, *call)
        assert np.array_equal(kept, too) and 3 not in kept and len(kept) == 59
        assert np.array_equal(want, found)
    assert (
        {i: str(e) for i, e in alone.failed.items()}
        == {i: str(e) for i, e in many.failed.items()}
        == {3: "0003.jpg: not a picture"}
    )
    whole = alone.get(order, CROP, (9,))[0]
    at = np.flatnonzero(order != 3)
    parts = [many.get(order[part], CROP, (9,), part)[0] for part in (at[:20], at[20:])]
    assert np.array_equal(np.concatenate(parts), whole)
    many.close()


def test_where_no_process_can_be_started_threads_decode(folder, monkeypatch):
    def refuse(*_args, **_options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    store = Store(folder, RECORD, limit=0, workers=2)
    assert np.array_equal(store.get(range(60))[0], Store(folder, RECORD, limit=0).get(range(60))[0])
    assert len(store.notes) == 1 and "cannot be started (resource temporarily unavailable)" in store.notes[0]


def test_a_module_in_the_folder_one_stands_in_is_not_run(folder, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    store = Store(folder, RECORD, limit=0, workers=1)
    assert len(store.get(range(8))[0]) == 7 and not store.notes
    store.close()


@pytest.mark.slow
def test_killed_workers_are_replaced(folder):
    """Some while they work, some while they wait; nothing is lost, nothing comes twice or out of order."""
    want = Store(folder, RECORD, limit=0).get(range(60))[0]
    store = Store(folder, RECORD, limit=0, workers=2)
    crew, rng = store._crew, np.random.default_rng(2)
    assert crew is not None
    over, killed = threading.Event(), 0

    def reaper() -> None:
        nonlocal killed
        while not over.wait(float(rng.uniform(0.2, 0.9))):
            if pids := crew.pids:
                os.kill(pids[int(rng.integers(len(pids)))], signal.SIGKILL)
                killed += 1

    thread = threading.Thread(target=reaper)
    thread.start()
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end or killed < 3:
            assert np.array_equal(store.get(range(60))[0], want)
    finally:
        over.set()
        thread.join()
    assert set(store.failed) == {3} and not store.notes
    store.close()


@pytest.mark.parametrize("deed", ["die", pytest.param("hang", marks=pytest.mark.slow)])
def test_a_picture_that_ends_its_decoders_is_named(folder, deed):
    pictures = WickedPictures(folder.paths, folder.labels, folder.classes, folder.root)
    pictures.deed = deed
    store = Store(pictures, RECORD, limit=0, workers=2)
    if deed == "hang":
        store._crew = Crew(store.maker, 2, patience=1.5)
    found, kept = store.get(range(20))
    assert kept.tolist() == [i for i in range(20) if i not in (3, 7)]
    assert np.array_equal(found, Store(folder, RECORD, limit=0).get(kept)[0])
    assert "0007.jpg: ended 3 processes" in str(store.failed[7])
    store.close()


def test_what_cannot_be_sent_is_done_here(folder):
    """A geometry that does not pickle, and workers that cannot start, cost speed only."""
    shift = lambda *sizes: CROP(*sizes)  # noqa: E731
    store = Store(folder, RECORD, limit=0, workers=1)
    assert np.array_equal(store.get(range(9), shift, (1,))[0], Store(folder, RECORD, limit=0).get(range(9), CROP, (1,))[0])
    assert len(store.notes) == 1 and "threads decode instead" in store.notes[0]


def test_workers_that_cannot_start(folder, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    store = Store(folder, RECORD, limit=0, workers=2)
    assert len(store.get(range(9))[0]) == 8
    assert "worker processes end as soon as they start" in store.notes[0]


@pytest.mark.slow
def test_large_results_go_through_the_socket(folder):
    crew = Crew(Maker(RECORD, short=50), 1)
    jobs = [Job(folder.source(i), folder.name(i), whole=True) for i in range(12)]
    found = crew.run(jobs)
    for i, job in enumerate(jobs):
        assert i == 3 or np.array_equal(found[i], job.make(Maker(RECORD, short=50)))
    crew.close()


def test_no_orphans(folder):
    """A parent that is killed takes its workers with it, while they work and while they wait."""
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from neocog.pictures.store import Store
from tests.pictures.photos import RECORD, photos
store = Store(photos(Path({str(folder.root)!r})), RECORD, limit=0, workers=2)
store.get(range(60))
print(*store._crew.pids, flush=True)
while True:
    store.get(range(60))
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = list(map(int, parent.stdout.readline().split()))
    assert len(pids) == 2 and all(Path(f"/proc/{pid}").exists() for pid in pids)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < end, "workers outlive their parent"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """Runs, and has not merely been left as an entry in the table of processes."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
