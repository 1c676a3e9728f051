"""The cache of decoded pictures: right pixels or none, whatever becomes of the disk and of those who write to it."""

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from neocog.pictures import building
from neocog.pictures import store as store_module
from neocog.pictures.augment.crops import resized_crop
from neocog.pictures.cache import Cache, Full
from neocog.pictures.making import Maker
from neocog.pictures.store import Store

from .photos import RECORD, jpegs, photos, pixels

CROP = partial(resized_crop, low=0.1)


@pytest.fixture
def folder(tmp_path):
    return jpegs(tmp_path / "photos", 40)


@pytest.fixture
def cached(tmp_path):
    """cached(pictures): a store that keeps nothing in memory and everything in a cache."""

    def make(pictures, **options):
        store = Store(pictures, RECORD, limit=0, cache=tmp_path / "cache", slow=0.0, **options)
        store.fill()
        return store

    return make


@pytest.fixture
def undecodable(monkeypatch):
    """From here on, decoding anything is a mistake."""

    def forbid():
        for way in ("image", "whole", "crop"):
            monkeypatch.setattr(Maker, way, lambda *_: pytest.fail("decoded again"))

    return forbid


def right(store: Store, want: dict[int, np.ndarray]) -> bool:
    found, kept = store.get(range(len(store.pictures)))
    return kept.tolist() == sorted(want) and all(np.array_equal(one, want[i]) for one, i in zip(found, kept, strict=True))


def test_decoded_once(folder, cached, undecodable, monkeypatch):
    """A second store, of another split of the same folder, decodes nothing; and one in memory is filled from it."""
    want = pixels(folder)
    first = cached(folder)
    assert right(first, want) and not first.fits and "39 decoded pictures" in first.notes[0]
    monkeypatch.setattr(store_module, "measure", lambda *_: building.Trial(9.0, 40 * 24 * 24 * 3))
    undecodable()
    part = cached(folder.subset([5, 2, 9]))
    assert right(part, {0: want[5], 1: want[2], 2: want[9]})
    held = Store(folder.subset([5, 2]), RECORD, cache=part._home, slow=0.0)
    held.fill()
    assert held.fits and right(held, {0: want[5], 1: want[2]})


def test_crops_are_drawn_from_cached_pictures(folder, cached, undecodable):
    """As they would be from decoded ones: the same pixels from the disk, from memory and from the files."""
    loose = Store(folder, RECORD, limit=0, short=40)
    want, kept = loose.get(range(40), CROP, (1, 2))
    held = Store(folder, RECORD, short=40)
    held.fill()
    disk = cached(folder, short=40)
    undecodable()
    for store in (held, disk):
        found, too = store.get(range(40), CROP, (1, 2))
        assert np.array_equal(kept, too) and np.array_equal(found, want)


def test_what_changes_is_decoded_again(folder, cached):
    cached(folder)
    folder.paths[5].write_bytes(folder.paths[6].read_bytes())
    folder.paths[8].unlink()
    store = cached(folder)
    want = pixels(folder.subset([i for i in range(40) if i != 8]))
    assert np.array_equal(store.get([5])[0][0], want[6]) and "no such file" in str(store.failed[8])


def test_another_record_has_another_cache(folder, cached, tmp_path):
    cached(folder)
    other = Store(folder, RECORD.__class__(24, 24, resize_to=26), limit=0, cache=tmp_path / "cache", slow=0.0)
    other.fill()
    assert not np.array_equal(other.get([0])[0], cached(folder).get([0])[0])
    assert len([path for path in (tmp_path / "cache").iterdir() if (path / "pixels").exists()]) == 2


def damage_cut(path: Path) -> None:
    os.truncate(path / "pixels", (path / "pixels").stat().st_size // 2)


def damage_delete(path: Path) -> None:
    for name in ("pixels", "journal"):
        (path / name).unlink()


def damage_bytes(path: Path) -> None:
    with (path / "pixels").open("r+b") as file:
        for at in range(500, file.seek(0, 2), 1000):
            file.seek(at)
            file.write(b"\0\1\2")


def damage_unplug(path: Path) -> None:
    """As a disk that is pulled out: reading gives an error."""


def damage_journal(path: Path) -> None:
    with (path / "journal").open("r+b") as file:
        file.seek(48 * 10 + 20)
        file.write(b"\7")


@pytest.mark.parametrize("damage", [damage_cut, damage_delete, damage_bytes, damage_journal, damage_unplug])
def test_damage_is_never_shown(folder, cached, damage, monkeypatch):
    """During a run and between two: the pixels are right, because those that are not are decoded again."""
    want = pixels(folder)
    store = cached(folder)
    damage(store._cache.folder)
    with monkeypatch.context() as patch:
        if damage is damage_unplug:
            patch.setattr(os, "preadv", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        assert right(store, want)
    if damage in (damage_cut, damage_bytes, damage_unplug):
        assert "damaged or gone" in store.notes[-1]
    again = cached(folder)
    assert right(again, want)
    if damage is not damage_bytes:
        assert (again._records >= 0).sum() == 39


BUILD = """
import sys, resource
sys.path.insert(0, {tests!r})
from pathlib import Path
from neocog.pictures import building
from neocog.pictures import store as store_module
from neocog.pictures.store import Store
from tests.pictures.photos import RECORD, photos
building.CHUNK = {chunk}
if {fsize}: resource.setrlimit(resource.RLIMIT_FSIZE, ({fsize},) * 2)
store = Store(photos(Path({root!r})), RECORD, limit=0, cache=Path({cache!r}), slow=0.0)
print("ready", flush=True)
store.fill()
print((store._records >= 0).sum(), len(store.get(range(40))[0]), store.notes, flush=True)
"""


def builder(folder, tmp_path, chunk: int = 2, fsize: int = 0) -> subprocess.Popen:
    """A process that fills the cache."""
    code = BUILD.format(tests=str(Path(__file__).parents[2]), root=str(folder.root), cache=str(tmp_path / "cache"),
                        chunk=chunk, fsize=fsize)  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_build_goes_on(folder, cached, tmp_path, kills):
    """Killed at random moments: what is in the cache is right, nothing is done twice, and in the end all is there."""
    want, rng, count, halfway = pixels(folder), random.Random(3), 0, 0
    for _ in range(kills):
        process = builder(folder, tmp_path, chunk=1)
        cache = Cache(building.key_of(folder, Maker(RECORD)), tmp_path / "cache")
        journal, wanted = cache.folder / "journal", 48 * (count + rng.randint(0, 5))
        while process.poll() is None and (journal.stat().st_size if journal.exists() else 0) < wanted:
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.003))
        process.send_signal(signal.SIGKILL)
        process.wait()
        try:
            cache.open()
        except FileNotFoundError:
            continue
        records = cache.find(building.stamps_of(folder))
        assert (records >= 0).sum() >= count, "records were lost"
        count = int((records >= 0).sum())
        for i in np.flatnonzero(records >= 0):
            assert np.array_equal(cache.read(int(records[i])), want[int(i)])
        halfway += 0 < count < 39
    assert halfway, "all kills came too early or too late to show anything"
    store = cached(folder)
    assert right(store, want) and (store._records >= 0).sum() == 39
    assert (store._cache.folder / "pixels").stat().st_size == 39 * 24 * 24 * 3


def test_two_processes_build_one_cache(folder, cached, tmp_path, undecodable):
    both = [builder(folder, tmp_path, chunk=1) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].split()[:2] for process in both]
    assert said == [["39", "39"]] * 2
    want = pixels(folder)
    store = cached(folder)
    undecodable()
    assert right(store, want)
    assert (store._cache.folder / "pixels").stat().st_size == 39 * 24 * 24 * 3, "something was written twice"


def test_a_full_disk_costs_speed_only(folder, cached, tmp_path):
    """The pictures that still fitted are kept; the line says why the others are not; with room again, it goes on."""
    process = builder(folder, tmp_path, chunk=4, fsize=20_000)
    said = process.communicate(timeout=60)[0]
    records, readable, note = said.split(maxsplit=2)
    assert process.returncode == 0 and 0 < int(records) < 39 and int(readable) == 39
    assert "cannot be written: file too large" in note and "the others are decoded each time" in note
    store = cached(folder)
    assert right(store, pixels(folder)) and (store._records >= 0).sum() == 39


def test_a_read_only_disk(folder, tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    store = Store(folder, RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
    store.fill()
    assert right(store, pixels(folder))
    assert store.notes == ["the picture cache cannot be written: read-only file system: pictures are decoded each time"]


def test_the_stated_size_is_kept(tmp_path, monkeypatch):
    """The caches that were not used for longest go, but none that is in use; what does not fit is not begun."""
    sets = [jpegs(tmp_path / name, 20) for name in "abc"]
    each = 19 * 24 * 24 * 3
    monkeypatch.setenv("NEOCOG_CACHE_GB", str(3.2 * each / 1e9))
    stores = []
    for pictures in sets[:2]:
        stores.append(Store(pictures, RECORD, limit=0, cache=tmp_path / "cache", slow=0.0))
        stores[-1].fill()
        os.utime(stores[-1]._cache.folder / "journal", (len(stores), len(stores)))
    first, second = (store._cache for store in stores)
    second.close()
    monkeypatch.setenv("NEOCOG_CACHE_GB", str(2.8 * each / 1e9))
    third = Store(sets[2], RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
    third.fill()
    assert "19 decoded pictures" in third.notes[0]
    assert (first.folder / "pixels").exists(), "in use"
    assert not (second.folder / "pixels").exists(), "used longest ago, of those that are not in use"
    assert right(stores[0], pixels(sets[0])) and right(third, pixels(sets[2]))
    monkeypatch.setenv("NEOCOG_CACHE_GB", "0.00001")
    refused = Store(sets[1], RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
    refused.fill()
    assert "would take" in refused.notes[0] and right(refused, pixels(sets[1]))
    assert not (second.folder / "pixels").exists() or (second.folder / "pixels").stat().st_size == 0


def test_nothing_is_removed_for_what_will_never_fit(tmp_path, monkeypatch):
    small, large = jpegs(tmp_path / "a", 20), jpegs(tmp_path / "b", 40)
    each = 24 * 24 * 3
    monkeypatch.setenv("NEOCOG_CACHE_GB", str(30 * each / 1e9))
    for pictures in (small, large):
        store = Store(pictures, RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
        store.fill()
        assert ("would take" in store.notes[0]) == (pictures is large)
        store._cache and store._cache.close()
    again = Cache(building.key_of(small, Maker(RECORD)), tmp_path / "cache")
    again.open()
    assert (again.find(building.stamps_of(small)) >= 0).sum() == 19


def test_two_that_are_built_at_once_share_the_limit(tmp_path, monkeypatch):
    """Each has room when it begins; together they stop where both would pass the stated size."""
    one = np.zeros((1, 64, 64, 3), np.uint8)
    monkeypatch.setenv("NEOCOG_CACHE_GB", str(10 * one.nbytes / 1e9))
    both = [Cache(name, tmp_path) for name in "ab"]
    with contextlib.ExitStack() as stack:
        for cache in both:
            stack.enter_context(cache.alone(lambda: 0, 1.0))
            cache.make_room(8 * one.nbytes)
        with pytest.raises(Full):
            for i in range(8):
                for cache in both:
                    cache.add(np.array([[i, 1]], np.uint64), list(one))
    assert 8 <= sum(cache.refresh() for cache in both) <= 10


def test_a_picture_that_was_changed_behind_its_time(folder, cached):
    """Another picture of the same size under the same time (`cp -p`, `rsync -t`): ctime tells."""
    assert right(cached(folder), pixels(folder))
    other, path = sorted((folder.paths[5], folder.paths[6]), key=lambda path: path.stat().st_size)
    status, raw = path.stat(), other.read_bytes()
    path.write_bytes(raw + bytes(status.st_size - len(raw)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size and path.stat().st_mtime_ns == status.st_mtime_ns
    assert right(cached(folder), pixels(folder))


def test_however_the_folder_is_spelled(tmp_path, monkeypatch):
    """Also where its name is no UTF-8."""
    root = tmp_path / os.fsdecode(b"p\xffhotos")
    want = pixels(jpegs(root, 20))
    for k, spelled in enumerate((root, Path(root.name))):
        monkeypatch.chdir(tmp_path)
        store = Store(photos(spelled), RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
        if k:
            monkeypatch.setattr(store_module, "measure", lambda *_: building.Trial(9.0, 9e9))
            monkeypatch.setattr(Cache, "add", lambda self, stamps, records: records and pytest.fail("written again"))
        store.fill()
        assert "19 decoded pictures" in store.notes[0] and right(store, want)


def test_small_sets_need_no_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "users"))
    for options in ({}, {"limit": 0}, {"limit": 0, "slow": math.inf}):
        store = Store(folder, RECORD, **options)
        store.fill()
        assert right(store, pixels(folder)) and not store.notes
    assert not (tmp_path / "users").exists()


def test_progress_is_told(folder, cached, tmp_path):
    told: list[tuple[int, int]] = []
    store = Store(photos(folder.root), RECORD, limit=0, cache=tmp_path / "cache", slow=0.0)
    store.fill(lambda done, total: told.append((done, total)))
    assert told and told[-1] == (40, 40) and told == sorted(told)
