"""Tar shards and parquet files hold the same data set as the folder they were made of."""

import io
import json
import pickle
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neocog.errors import BadPicture, DataError, UserError
from neocog.pictures import Dataset, Preprocessing, load_data
from neocog.pictures.doctor import check, quarantine
from neocog.pictures.hub_sets import load_hub
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store

NAMES = ("cat", "dog", "eel")


def picture(i: int) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(i).integers(0, 256, (20 + i % 5, 30, 3), np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


def pixels(pictures: Pictures) -> dict[tuple[bytes, str], int]:
    """How often each picture stands in a split, with its class."""
    found: dict[tuple[bytes, str], int] = {}
    for i in range(len(pictures)):
        key = (np.asarray(pictures.picture(i)).tobytes(), pictures.classes[pictures.labels[i]])
        found[key] = found.get(key, 0) + 1
    return found


def every(data: Dataset) -> dict[tuple[bytes, str], int]:
    return {key: count for split in (data.train, data.val, data.test) if split for key, count in pixels(split).items()}


def add(tar: tarfile.TarFile, name: str, raw: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(raw)
    tar.addfile(member, io.BytesIO(raw))


def shards(root: Path, label: Callable[[int], tuple[str, bytes] | None], folder: Callable[[int], str] = lambda i: "") -> Path:
    """60 pictures in four shards, the last one for testing."""
    root.mkdir()
    for s in range(4):
        with tarfile.open(root / f"{'test' if s == 3 else 'train'}-{s:03}.tar", "w") as tar:
            for i in range(15 * s, 15 * s + 15):
                add(tar, f"{folder(i)}{i:06}.png", picture(i))
                if told := label(i):
                    add(tar, f"{folder(i)}{i:06}{told[0]}", told[1])
    return root


@pytest.fixture(scope="module")
def expected() -> dict[tuple[bytes, str], int]:
    return {(np.asarray(Image.open(io.BytesIO(picture(i)))).tobytes(), NAMES[i % 3]): 1 for i in range(60)}


@pytest.mark.parametrize("form", ["cls", "names", "json", "folders"])
def test_shards_of_every_form_give_the_data_set(tmp_path, expected, form):
    label = {
        "cls": lambda i: (".cls", str(i % 3).encode()),
        "names": lambda i: (".cls", NAMES[i % 3].encode()),
        "json": lambda i: (".json", json.dumps({"label": NAMES[i % 3], "size": 3}).encode()),
        "folders": lambda i: None,
    }[form]
    root = shards(tmp_path / "set", label, (lambda i: NAMES[i % 3] + "/") if form == "folders" else lambda i: "")
    if form == "cls":
        (root / "classes.txt").write_text("\n".join(NAMES) + "\n")
    data = load_data(root)
    assert data.classes == NAMES and len(data.test) == 15 and data.val is not None and len(data.train) + len(data.val) == 45
    assert every(data) == expected
    assert data.size == (22, 30, 3)
    some = np.array([7, 3, 3])
    assert [data.train.subset(some).name(k) for k in range(3)] == [data.train.name(i) for i in some]
    assert load_data(root).fingerprint == data.fingerprint
    # read from many threads, and in another process, as the loaders do
    with ThreadPoolExecutor(4) as pool:
        raws = list(pool.map(data.train.encoded, range(len(data.train))))
    other = pickle.loads(pickle.dumps(data.train))
    assert raws == [other.encoded(i) for i in range(len(other))]


def test_damaged_shards_give_what_they_have_and_are_told(tmp_path):
    root = shards(tmp_path / "set", lambda i: (".cls", str(i % 3).encode()))
    cut = root / "train-001.tar"
    cut.write_bytes(cut.read_bytes()[: 13 * 1024 + 700])
    (root / "train-002.tar").write_bytes(b"no tar at all" * 100)
    data = load_data(root)
    assert any("train-002.tar" in bad.where for bad in data.skipped)
    assert 15 <= len(data.train) + len(data.val) < 30
    bad = []
    for split in (data.train, data.val):
        for i in range(len(split)):
            try:
                split.picture(i)
            except BadPicture as error:
                bad.append(error)
    assert len(bad) <= 1 and all("train-001.tar" in error.where for error in bad)


def test_nothing_behind_damage_is_lost_in_silence(tmp_path, expected):
    """`tarfile` takes a damaged header, and a tar that was cut between two members, for the end."""
    root = shards(tmp_path / "set", lambda i: (".cls", str(i % 3).encode()))
    with tarfile.open(root / "train-000.tar") as tar:
        fifth, tenth = (tar.getmember(f"{i:06}.png").offset for i in (5, 10))
    whole = (root / "train-000.tar").read_bytes()
    (root / "train-000.tar").write_bytes(whole[:fifth] + bytes(range(256)) * 2 + whole[fifth + 512 :])
    data = load_data(root)
    assert [one.where for one in data.skipped] == ["train-000.tar"] and "no header at byte" in data.skipped[0].why
    assert sum(pixels(data.train).values()) + sum(pixels(data.val).values()) == 5 + 30
    (root / "train-000.tar").write_bytes(whole[:tenth])
    data = load_data(root)
    assert "no end mark" in data.skipped[0].why and sum(every(data).values()) == 55


@pytest.mark.parametrize(
    ("name", "raw", "told"),
    [
        ("x.cls", b"-1", "no label"),
        ("x.json", b'{"label": -1}', "no label"),
        ("x.json", b'{"label": true}', "no label"),
        ("x.json", b"[" * 100_000, "no label"),
        ("x.cls", b"9" * 5000, "no label"),
        ("y.png", None, "a link in the tar"),
    ],
)
def test_what_has_no_label_or_is_no_file_is_named(tmp_path, name, raw, told):
    root = shards(tmp_path / "set", lambda i: (".cls", str(i % 3).encode()))
    with tarfile.open(root / "train-001.tar", "a") as tar:
        if raw is None:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.LNKTYPE, "000015.png"
            tar.addfile(link)
        else:
            add(tar, "x.png", picture(99))
            add(tar, name, raw)
    data = load_data(root)
    assert len(data.classes) == 3 and sum(every(data).values()) == 60
    assert [one.where for one in data.skipped] == [f"train-001.tar/{'y' if raw is None else 'x'}.png"]
    assert told in data.skipped[0].why


def test_ids_are_names_and_not_numbers_of_classes(tmp_path):
    root = shards(tmp_path / "set", lambda i: (".cls", str((2435098, 7, 2435099)[i % 3]).encode()))
    assert load_data(root).classes == ("7", "2435098", "2435099")
    (root / "classes.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DataError, match="UTF-8"):
        load_data(root)


def test_workers_and_caches_read_shards_too(tmp_path):
    root = shards(tmp_path / "set", lambda i: (".cls", str(i % 3).encode()))
    train, record = load_data(root).train, Preprocessing(16, 16)
    want = np.stack([record.image(train.picture(i)) for i in range(len(train))])
    many = Store(train, record, limit=0, workers=1, cache=tmp_path / "cache", slow=0.0)
    many.fill()
    assert f"{len(train)} decoded pictures" in many.notes[0]
    assert np.abs(many.get(range(len(train)))[0].astype(int) - want).max() <= 1
    many.close()
    for tar in root.glob("*.tar"):
        tar.write_bytes(tar.read_bytes()[:1000])
    found, kept = Store(train, record, limit=0).get(range(len(train)))
    assert len(found) == len(kept) < len(train)


def test_the_doctor_looks_into_shards(tmp_path):
    root = shards(tmp_path / "set", lambda i: (".cls", str(i % 3).encode()))
    with tarfile.open(root / "train-001.tar", "a") as tar:
        add(tar, "x.png", picture(3))
        add(tar, "x.cls", b"1")
        add(tar, "y.png", picture(99)[:200])
        add(tar, "y.cls", b"1")
    report = check(root)
    found = {finding.kind: finding for finding in report.findings}
    assert found["truncated"].files == ("train-001.tar/y.png",) and report.pictures == 62
    assert set(found["two-labels"].groups[0]) == {"train-000.tar/000003.png", "train-001.tar/x.png"}
    with pytest.raises(UserError, match="no files of their own"):
        quarantine(report, tmp_path / "bad")


def test_what_cannot_be_read_from_the_middle_is_told(tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    (root / "train-000.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"train-000\.tar\.gz.*unpack"):
        load_data(root)
    (root / "train-000.tar.gz").unlink()
    with tarfile.open(root / "test-000.tar", "w") as tar:
        add(tar, "a/1.png", picture(1))
    with pytest.raises(DataError, match="none for training"):
        load_data(root)


def test_parquet_is_read_through_the_library(tmp_path, expected, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="parquet files need datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(NAMES))})
    root = tmp_path / "set"
    root.mkdir()
    for split, span in (("train", range(45)), ("test", range(45, 60))):
        rows = {"image": [{"bytes": picture(i), "path": None} for i in span], "label": [i % 3 for i in span]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(root / f"{split}-00000-of-00001.parquet")
    data = load_data(root)
    assert data.classes == NAMES and every(data) == expected and len(data.test) == 15
    other = pickle.loads(pickle.dumps(data.test))
    assert other.encoded(3) == data.test.encoded(3)
    with pytest.raises(DataError, match="hf:owner/name"):
        load_hub("hf:../../etc")


def test_a_named_set_without_a_network_is_told_fast(monkeypatch):
    pytest.importorskip("datasets", reason="sets of the hub need datasets")
    import time

    import datasets.config
    import huggingface_hub.constants

    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"hf:nobody/nothing: the hub cannot be reached"):
        load_data("hf:nobody/nothing")
    assert time.monotonic() - begin < 8
