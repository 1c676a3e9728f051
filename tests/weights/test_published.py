"""Published weights by name: fetched, resumed, checked; and one clear line where that fails."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
import torch

from neocog.arch.rewrite import tensors, with_input
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import create_model
from neocog.weights import download, published
from neocog.weights.pretrained import fetched
from tests.conftest import rng


class Site:
    """A server of `files` that can be told to misbehave. `asked` are the Range headers that came."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: list[int] = []  # hang up after so many bytes, once for each
        self.ranges = True
        self.asked: list[str | None] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = site.files.get(self.path.lstrip("/"))
                wanted = self.headers.get("Range")
                site.asked.append(wanted)
                if data is None:
                    self.send_error(404)
                    return
                begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
                if begin >= len(data) and begin:
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(data)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206 if begin else 200)
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - begin))
                self.end_headers()
                self.wfile.write(data[begin : begin + site.cut.pop(0)] if site.cut else data[begin:])

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def put(self, data: bytes, name: str = "net") -> str:
        """A file with its checksum in its name, as torch's sites have them; its address."""
        full = f"{name}-{hashlib.sha256(data).hexdigest()[:8]}.pth"
        self.files[full] = data
        return self.url(full)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


DATA = bytes(range(256)) * 4000


def left(cache: Path) -> list[str]:
    return sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock"))


def test_fetched_once(site: Site, cache: Path):
    """Progress ends at the whole; the second time the file lies there."""
    url, seen = site.put(DATA), []
    path = download.fetch(url, on_progress=lambda done, total: seen.append((done, total)))
    assert path.parent == cache and path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA)) and seen == sorted(seen)
    assert download.fetch(url) == path and len(site.asked) == 1
    assert left(cache) == [path.name]


def test_resumed_after_a_cut(site: Site, cache: Path):
    """Twice the line breaks; each time the rest is asked for, and only that."""
    site.cut = [300_000, 400_000]
    assert download.fetch(site.put(DATA)).read_bytes() == DATA
    assert site.asked == [None, "bytes=300000-", "bytes=700000-"]


def test_resumed_in_another_process(site: Site, cache: Path):
    """What a killed process left is gone on with; where it was another file's beginning, all is fetched anew."""
    url = site.put(DATA)
    part = cache / f".{Path(url).name}.part"
    cache.mkdir()
    part.write_bytes(DATA[:1000])
    assert download.fetch(url).read_bytes() == DATA and site.asked == ["bytes=1000-"]
    (cache / Path(url).name).unlink()
    part.write_bytes(b"x" * 1000)
    assert download.fetch(url).read_bytes() == DATA and site.asked[1:] == ["bytes=1000-", None]


def test_a_site_that_knows_no_ranges(site: Site, cache: Path):
    site.ranges, site.cut = False, [300_000]
    assert download.fetch(site.put(DATA)).read_bytes() == DATA


def test_a_wrong_checksum(site: Site, cache: Path):
    """Refused, and nothing is left that could be taken for the file."""
    url = site.put(DATA)
    site.files[Path(url).name] = b"an error page with status 200"
    with pytest.raises(UserError, match=r"is not what was published: its sha256 begins [0-9a-f]{8}, not [0-9a-f]{8}"):
        download.fetch(url)
    assert left(cache) == []
    (cache / Path(url).name).write_bytes(b"spoilt on the disk")
    with pytest.raises(UserError, match="delete it to fetch it anew"):
        download.fetch(url)


def test_two_addresses_with_one_name(site: Site, cache: Path):
    """Many end in model.pth, or differ in what stands behind the question mark: none is taken for another."""
    found = {name: download.fetch(site.url(name)) for name in ("a/w.pth", "b/w.pth", "get?id=1", "get?id=2", "mit Ä.pth")
             if not site.files.update({quote(name, safe="/?="): name.encode()})}  # fmt: skip
    assert all(path.read_bytes() == name.encode() and cache in path.parents for name, path in found.items())
    assert download.fetch(site.url("a/w.pth")) == found["a/w.pth"] and len(site.asked) == 5


@pytest.mark.parametrize("end", ["", "..", "%2e%2e", "a%00b.pth", "../", "x" * 300])
def test_addresses_of_no_file(site: Site, cache: Path, end: str):
    with pytest.raises(UserError, match="names no file"):
        download.fetch(site.url(end))
    assert not cache.exists() and not site.asked


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/w.pth", "http:///w.pth", "http://[::1/w.pth", "w.pth"])
def test_what_is_no_address(cache: Path, url: str):
    with pytest.raises(UserError, match="is no address of a file"):
        download.fetch(url)
    assert not cache.exists()


def test_no_such_file(site: Site, cache: Path):
    with pytest.raises(
        UserError, match=r"nothing-01234567\.pth cannot be fetched \(HTTP Error 404.*put it there by hand"
    ) as caught:
        download.fetch(site.url("nothing-01234567.pth"))
    assert str(cache) in str(caught.value) and "\n" not in str(caught.value)


def test_offline(site: Site, cache: Path):
    """One line: the address, the reason, and where a copy that came another way is looked for; it is then used."""
    url = site.put(DATA)
    site.server.shutdown()
    site.server.server_close()
    with pytest.raises(UserError) as caught:
        download.fetch(url)
    message = str(caught.value)
    assert url in message and str(cache) in message and "by hand" in message and "\n" not in message
    (cache / Path(url).name).write_bytes(DATA)
    assert download.fetch(url).read_bytes() == DATA


def test_create_model_with_published_weights(site: Site, monkeypatch: pytest.MonkeyPatch):
    """`tv:V1` means the file of the table for this network; its own preprocessing comes with it."""
    import io
    from dataclasses import replace

    stream = io.BytesIO()
    state = create_model("squeezenet1_1", generator=rng()).state_dict()
    torch.save(state, stream)
    url = site.put(stream.getvalue(), "squeezenet1_1")
    entry = replace(published.find("tv", "squeezenet1_1"), url=url, checksum=None, resize=240)
    monkeypatch.setattr(published, "table", lambda: (entry,))
    model = create_model("squeezenet1_1", weights="tv:IMAGENET1K_V1")
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert model.preprocessing is not None and model.preprocessing.resize_to == 240
    assert create_model("squeezenet1_1", weights=url).preprocessing == model.preprocessing


def test_the_table():
    """Every line is of a file whose name carries the checksum, where torch's custom is followed, and of a network that we have
    or may have; the published preprocessing of the second versions differs from the first's."""
    table = published.table()
    assert len({entry.url for entry in table}) == len(table) > 70
    for entry in table:
        assert entry.url.startswith("https://")
        if entry.checksum and entry.checksum.startswith("sha256:") and entry.party != "keras":
            assert entry.checksum.removeprefix("sha256:") in entry.file
        if published.by_file(entry.file) is not None:
            arch, record = resolve(entry.net).build(), entry.preprocessing
            seen, _ = with_input(
                arch, (3, record.height, record.width)
            )  # EfficientNet-B2 was published at 288, not the paper's 260
            assert {key: p.shape for key, p in tensors(seen).items()} == {key: p.shape for key, p in tensors(arch).items()}
    first, second = (published.find(tag, "resnet50.v1_5") for tag in ("tv:V1", "tv:V2"))
    assert (first.preprocessing.resize_to, second.preprocessing.resize_to) == (256, 232)
    assert published.find("pretrained", "resnet20.cifar").file == "resnet20-12fca82f.th"
    assert published.find("tv", "inception_v3").preprocessing.mean == (0.5, 0.5, 0.5)


def test_weights_that_nobody_published():
    with pytest.raises(UserError, match="lenet5 has no published weights"):
        fetched("pretrained", "lenet5")
    with pytest.raises(UserError, match=r"unknown weights 'tv:V9'.*resnet18 has tv:V1"):
        fetched("tv:V9", "resnet18")
