"""Named sets: where they are looked for, how they are fetched, what is said when they cannot be. Plus the digits."""

import functools
import gzip
import hashlib
import http.server
import io
import socket
import tarfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neocog.errors import DataError
from neocog.pictures import NAMED, load_data
from neocog.pictures import fetch as fetching
from neocog.pictures.embedded import digits, load_digits

from .test_idx_cifar import write_cifar, write_set


@pytest.fixture(autouse=True)
def homeless(monkeypatch, tmp_path):
    """No cache, no proxy, no Debian package, and origins that answer nothing unless a test says otherwise."""
    for variable in (
        "NEOCOG_DATA",
        "NEOCOG_CACHE",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    for name, one in list(NAMED.items()):
        monkeypatch.setitem(NAMED, name, replace(one, origin=closed, system=""))


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def origin(tmp_path):
    """(folder that is served, its URL)"""
    folder = tmp_path / "origin"
    folder.mkdir()
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def publish_idx(monkeypatch, origin, name: str) -> None:
    folder, url = origin
    source = write_set(folder.parent / "source")
    sums = []
    for file, _ in NAMED[name].md5:
        path = next(source.glob(f"{file}*"))
        plain = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        (folder / f"{file}.gz").write_bytes(gzip.compress(plain))
        sums.append((file, md5(plain)))
    monkeypatch.setitem(NAMED, name, replace(NAMED[name], origin=url, md5=tuple(sums)))


def test_idx_sets_are_fetched_once_into_the_cache(monkeypatch, origin, tmp_path):
    publish_idx(monkeypatch, origin, "mnist")
    steps = []
    data = load_data("mnist", on_progress=lambda done, total: steps.append((done, total)))
    assert data.name == "mnist" and len(data.test) == 20 and data.test.name(3) == "mnist/test[3]"
    assert len(steps) >= 4 and all(done <= total for done, total in steps) and steps[-1][0] == steps[-1][1]
    place = tmp_path / "cache" / "neocog" / "mnist"
    assert sorted(path.name for path in place.iterdir()) == sorted(f"{file}.gz" for file, _ in NAMED["mnist"].md5)
    for path in origin[0].iterdir():
        path.unlink()
    assert load_data("mnist").fingerprint == data.fingerprint
    (place / "t10k-labels-idx1-ubyte.gz").unlink()  # a half set is looked for elsewhere, then completed
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz cannot be fetched \(.*404"):
        load_data("mnist")
    assert not [path for path in place.iterdir() if "part" in path.name]


def test_the_users_own_folder_comes_first_and_every_copy_is_checked(monkeypatch, origin, tmp_path):
    publish_idx(monkeypatch, origin, "fashion-mnist")
    monkeypatch.setenv("NEOCOG_DATA", str(tmp_path / "mine"))
    data = load_data("fashion-mnist")
    assert data.classes[9] == "Ankle boot" and data.flip
    path = tmp_path / "mine" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[100] ^= 1
    path.write_bytes(gzip.compress(bytes(plain)))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz is damaged: the md5 of its uncompressed bytes is"):
        load_data("fashion-mnist")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match="the gzip file is truncated"):
        load_data("fashion-mnist")
    (tmp_path / "mine" / "fashion-mnist").rename(tmp_path / "debian")
    monkeypatch.setitem(NAMED, "fashion-mnist", replace(NAMED["fashion-mnist"], system=str(tmp_path / "debian")))
    with pytest.raises(DataError, match="debian/train-images"):
        load_data("fashion-mnist")


def test_what_is_not_what_was_published_is_not_kept(monkeypatch, origin, tmp_path):
    publish_idx(monkeypatch, origin, "mnist")
    for raw in (b"<html>a portal wants your consent</html>", gzip.compress(b"other"), gzip.compress(b"other")[:-4]):
        (origin[0] / "train-images-idx3-ubyte.gz").write_bytes(raw)
        with pytest.raises(DataError, match=r"is not what was published: md5 .*: try again, or another network") as caught:
            load_data("mnist")
        assert "\n" not in str(caught.value)
        assert not list((tmp_path / "cache" / "neocog").iterdir())


def publish_cifar(monkeypatch, origin, names: dict[str, str]) -> None:
    """An archive whose members are called by `names`, with a link and a path that lead out of the folder."""
    folder, url = origin
    source = write_cifar(folder.parent / "source", batches=5)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as tar:
        for path in sorted(source.iterdir()):
            tar.add(path, names.get(path.name, f"cifar-10-batches-bin/{path.name}"))
        link = tarfile.TarInfo("cifar-10-batches-bin/readme.html")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        evil = tarfile.TarInfo("../../evil.txt")
        evil.size = 4
        tar.addfile(evil, io.BytesIO(b"evil"))
    sums = (("cifar-10-binary.tar.gz", md5((folder / "cifar-10-binary.tar.gz").read_bytes())),)
    monkeypatch.setitem(NAMED, "cifar10", replace(NAMED["cifar10"], origin=url, md5=sums))


def test_cifar_is_fetched_unpacked_safely_and_checked_ever_after(monkeypatch, origin, tmp_path):
    publish_cifar(monkeypatch, origin, {"data_batch_5.bin": "/../../data_batch_5.bin"})
    data = load_data("cifar10")
    assert data.name == "cifar10" and len(data.test) == 40 and len(data.train) + len(data.val) == 200
    place = tmp_path / "cache" / "neocog" / "cifar10"
    files = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin", "batches.meta.txt", "MD5SUMS"]
    assert sorted(path.name for path in place.iterdir()) == sorted(files)
    assert not list(tmp_path.rglob("evil*"))
    raw = bytearray((place / "data_batch_4.bin").read_bytes())
    raw[77] ^= 1
    (place / "data_batch_4.bin").write_bytes(raw)
    with pytest.raises(DataError, match=r"data_batch_4.bin is damaged"):
        load_data("cifar10")


def test_without_network_there_is_one_line_that_tells_what_to_do(tmp_path):
    for name, words in {
        "mnist": "put train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz ",
        "fashion-mnist": "or install Debian's package dataset-fashion-mnist",
        "cifar10": "put cifar-10-binary.tar.gz, unpacked, into ",
    }.items():
        start = time.monotonic()
        with pytest.raises(DataError, match=words) as caught:
            load_data(name)
        assert time.monotonic() - start < 5
        said = str(caught.value)
        place = str(tmp_path / "cache" / "neocog" / name)
        assert said.startswith(f"{name} is not in {place}") and f"into {place}" in said and "\n" not in said


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(fetching, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setitem(NAMED, "mnist", replace(NAMED["mnist"], origin=url))
        with pytest.raises(DataError, match="no answer in"):
            load_data("mnist")


def test_a_connection_that_breaks_off_is_not_taken_for_the_end(monkeypatch, origin):
    publish_idx(monkeypatch, origin, "mnist")
    real = _Handler.end_headers

    def longer(self):
        self._headers_buffer = [line.replace(b"Content-Length: ", b"Content-Length: 9") for line in self._headers_buffer]
        real(self)

    monkeypatch.setattr(_Handler, "end_headers", longer)
    with pytest.raises(DataError, match=r"connection ended after|IncompleteRead"):
        load_data("mnist")


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEOCOG_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be made for mnist: .*: set NEOCOG_DATA elsewhere"):
        load_data("mnist")


def test_debians_fashion_mnist(monkeypatch):
    place = Path("/usr/share/datasets/fashion-mnist")
    if not place.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    monkeypatch.setitem(NAMED, "fashion-mnist", replace(NAMED["fashion-mnist"], system=str(place)))
    data = load_data("fashion-mnist")
    assert [len(one) for one in (data.train, data.val, data.test)] == [55_000, 5_000, 10_000]
    assert data.classes[0] == "T-shirt/top" and np.bincount(data.train.labels).tolist() == [5500] * 10


def test_shared_copies_pass_their_checksums(monkeypatch, shared):
    monkeypatch.setenv("NEOCOG_DATA", str(shared))
    assert len(load_data("mnist").test) == 10_000
    assert "1 of 5 training batches are here: data_batch_1.bin" in load_data("cifar10").notes


def test_a_name_wins_over_a_folder_and_says_so(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "digits")
    data = load_data("digits")
    assert len(data.test) == 1000 and any("write ./digits for the folder" in note for note in data.notes)
    assert len(load_data("./digits").test) == len(load_data(Path("digits")).test) == 20


def test_the_embedded_digits_are_what_they_are_said_to_be():
    images, labels = digits()
    assert images.shape == (5000, 28, 28) and np.bincount(labels).tolist() == [500] * 10
    pixels = hashlib.sha256(images.tobytes()).hexdigest()
    assert pixels == "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"
    assert len({image.tobytes() for image in images}) == 5000
    for spec in (None, "", "digits"):
        data = load_data(spec, seed=3)
        assert [len(one) for one in (data.train, data.val, data.test)] == [3600, 400, 1000]
    assert data.size == (28, 28, 1) and not data.flip and data.classes == tuple("0123456789")
    for split, each in ((data.train, 360), (data.val, 40), (data.test, 100)):
        assert np.bincount(split.labels).tolist() == [each] * 10
    other = load_digits(seed=4)
    assert np.array_equal(other.test.arrays, data.test.arrays) and not np.array_equal(other.val.arrays, data.val.arrays)
    means = np.stack([data.train.arrays[data.train.labels == c].mean(0).ravel() for c in range(10)])
    test = data.test.arrays.reshape(1000, -1).astype(np.float64)
    nearest = ((test[:, None] - means) ** 2).sum(2).argmin(1)
    assert (nearest == data.test.labels).mean() >= 0.75


def test_the_embedded_digits_are_mnists(shared):
    from neocog.pictures import read_idx

    theirs = {
        (image.tobytes(), label)
        for image, label in zip(
            read_idx(shared / "mnist" / "train-images-idx3-ubyte.gz"),
            read_idx(shared / "mnist" / "train-labels-idx1-ubyte.gz").tolist(),
            strict=True,
        )
    }
    images, labels = digits()
    assert all((image.tobytes(), label) in theirs for image, label in zip(images, labels.tolist(), strict=True))
