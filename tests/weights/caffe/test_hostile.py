"""Damaged and hostile files: refused in one line, or read as what they now say; never run, never believed about a size."""

import pickle
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from neocog.arch import Architecture, analyse
from neocog.arch.rewrite import tensors
from neocog.errors import UserError
from neocog.weights.caffe import network, read_binaryproto, read_caffe, read_caffemodel, read_graph
from neocog.weights.caffe.convert import values
from neocog.weights.caffe.squeezenet_compressed import read_compressed
from neocog.weights.imported import Imported

from .nets import NETS, net
from .writer import binaryproto, blob, chunk, model, number, random_blobs, varint

MEMORY = 24 << 20  # bytes above what was there before; the file has some 20,000


def refused(read: Callable[[], object]) -> str | None:
    """The one line with which it is refused; None if it is read."""
    try:
        read()
    except UserError as error:
        text = str(error)
        assert text and "\n" not in text and len(text) < 600, text
        return text
    return None


def mutated(data: bytes, draw: random.Random) -> bytes:
    """One to three accidents: a bit, a byte, a cut, a piece lost, doubled, moved or replaced, a huge number."""
    out = bytearray(data)
    # Headers are a small part of the bytes, and all of the danger: half of the accidents happen near the front of a message.
    fronts = [m.start() for m in re.finditer(rb"conv|Conv|fc|bn|\x3a|\xa2\x06|\x2a|\x0a", data)]
    for _ in range(draw.randint(1, 3)):
        if not out:
            break
        at = min(draw.choice(fronts) + draw.randint(-3, 8), len(out) - 1) if draw.random() < 0.5 else draw.randrange(len(out))
        at, length = max(at, 0), draw.choice((1, 1, 2, 4, 16, 200))
        match draw.randrange(8):
            case 0:
                out[at] ^= 1 << draw.randrange(8)
            case 1:
                out[at] = draw.choice((0, 0x7F, 0x80, 0xFF, draw.randrange(256)))
            case 2:
                del out[at:]
            case 3:
                del out[at : at + length]
            case 4:
                out[at:at] = out[at : at + length]
            case 5:
                out[at : at + length] = draw.randbytes(length)
            case 6:
                out[at : at + draw.randint(0, 3)] = varint(draw.choice((0, 1, 1 << 20, 1 << 31, (1 << 63) - 1, (1 << 64) - 1)))
            case 7:
                out[at:at] = b"\xff" * draw.randint(1, 12)
    return bytes(out)


def mutated_text(text: str, draw: random.Random) -> str:
    """The same to the tokens of a prototxt: numbers made huge, words swapped, lost, doubled, brackets opened."""
    tokens = re.findall(r'"[^"]*"|\w+|\s+|[^\w\s]', text)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(tokens))
        match draw.randrange(6):
            case 0:
                numbers = [i for i, token in enumerate(tokens) if token.isdigit()] or [0]
                huge = ("0", "-1", "2147483647", "99999999999999999999", "1e9", "4000000", "7")
                tokens[draw.choice(numbers)] = draw.choice(huge)
            case 1:
                del tokens[at]
                tokens = tokens or ["x"]
            case 2:
                tokens.insert(at, draw.choice(("{", "}", "[", "]", ":", '"', "x", "-", "<", "é", "\0")))
            case 3:
                other = draw.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 4:
                tokens[at:at] = tokens[at : at + draw.choice((1, 3, 30))]
            case 5:
                tokens[at] = draw.choice(tokens)
    return "".join(tokens)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("victim")
    definition, weights = folder / "net.prototxt", folder / "net.caffemodel"
    definition.write_text(NETS["bn_scale"])
    weights.write_bytes(model(random_blobs(network(read_graph(definition), "x")), style="four"))
    check_all(read_caffe(definition, weights))
    return definition, weights


def check(made: dict[str, torch.Tensor], arch: Architecture) -> None:
    """What was read is whole: every tensor of the network, of its shape, all numbers finite."""
    assert {key: tuple(value.shape) for key, value in made.items()} == {key: p.shape for key, p in tensors(arch).items()}
    assert all(bool(torch.isfinite(value).all()) for value in made.values())


def check_all(made: Imported) -> None:
    check(made.values, made.arch)
    assert len(made.classes) == analyse(made.arch).output[0]


def peaks(reads: Iterator[Callable[[], object]], every: int = 1) -> tuple[int, int, int]:
    """(how many were refused, how many read, the most memory that any took, of each `every`-th: measuring is slow)."""
    no = yes = most = 0
    for i, read in enumerate(reads):
        measured = i % every == 0
        if measured:
            tracemalloc.start()
        try:
            accepted = refused(read) is None
            most = max(most, tracemalloc.get_traced_memory()[1]) if measured else most
        finally:
            tracemalloc.stop()
        yes, no = yes + accepted, no + (not accepted)
    return no, yes, most


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_two_thousand_damaged_files(every: int, victim: tuple[Path, Path], tmp_path: Path):
    """1,500 .caffemodel, 500 .prototxt, 150 .binaryproto, 150 compressed files; one in `every` from end to end, its memory
    measured; the others without asking which network of ours it is."""
    definition, weights = victim
    data, text = weights.read_bytes(), definition.read_text()
    draw = random.Random(3)
    bad_weights, bad_text = tmp_path / "bad.caffemodel", tmp_path / "bad.prototxt"
    bad_mean, bad_small = tmp_path / "bad.binaryproto", tmp_path / "bad.net"
    small_net, small = compressed(tmp_path)
    mean = binaryproto(np.arange(48, dtype=np.float32).reshape(3, 4, 4))
    whole, good = network(read_graph(definition), "x"), read_caffemodel(weights).layers

    def weights_files() -> Iterator[Callable[[], object]]:
        for i in range(1500):
            bad_weights.write_bytes(mutated(data, draw))
            if i % every == 0:
                yield lambda: check_all(read_caffe(definition, bad_weights))
            else:
                yield lambda: check(values(whole, read_caffemodel(bad_weights).layers, "bad"), whole.arch)

    def definitions() -> Iterator[Callable[[], object]]:
        for i in range(500):
            bad_text.write_text(mutated_text(text, draw))
            if i % every == 0:
                yield lambda: check_all(read_caffe(bad_text, weights))
            else:
                yield lambda: check(values(found := network(read_graph(bad_text), "x"), good, "good"), found.arch)

    def others() -> Iterator[Callable[[], object]]:
        for _ in range(150):
            bad_mean.write_bytes(mutated(mean, draw))
            yield lambda: read_binaryproto(bad_mean)
            bad_small.write_bytes(mutated(small, draw))
            yield lambda: read_compressed(bad_small, small_net)

    for reads, count, least in (
        (weights_files(), 1500, (500, 100)),
        (definitions(), 500, (200, 20)),
        (others(), 300, (50, 30)),
    ):
        no, yes, most = peaks(reads, every)
        assert no + yes == count
        assert no > least[0], "most accidents near a header are noticed"
        assert yes > least[1], "an accident in a number is another number"
        assert most < MEMORY, f"{most:,} bytes at once for a file of {len(data):,}"


def compressed(folder: Path) -> tuple:
    """(a network of two convolutions, its compressed file)."""
    path = folder / "small.prototxt"
    path.write_text(net("small", NETS["whole_map"].partition("\n")[2], h=13, w=13))
    found = network(read_graph(path), "small")
    draw = np.random.default_rng(0)
    body = b""
    counts = []
    for row in analyse(found.arch).rows:
        if row.path not in found.sources:
            continue
        size, out = int(np.prod(row.tensors[0].shape)), row.tensors[1].shape[0]
        count = size // 4
        counts.append(count)
        gaps = draw.integers(0, 3, (count + 1) // 2 * 2).astype(np.uint8)
        body += draw.normal(0, 1, 256 + out).astype("<f4").tobytes()
        body += (
            draw.integers(0, 256, count).astype(np.uint8).tobytes() + (gaps[::2] | gaps[1::2] << 4).astype(np.uint8).tobytes()
        )
    data = np.array(counts, "<u4").tobytes() + body
    (folder / "small.net").write_bytes(data)
    read_compressed(folder / "small.net", found)
    return found, data


HUGE = 1 << 31
BOMBS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "cannot be read"),
    "pickle": (pickle.dumps({"conv1": [1, 2, 3]}), "runs no code"),
    "zip": (b"PK\x03\x04" + b"\0" * 64, "runs no code"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 64, "HDF5"),
    "zeros": (b"\0" * 4096, "a field of number 0"),
    "text": (NETS["relu"].encode(), "damaged|no protobuf|cut off"),
    "claims a terabyte": (varint(100 << 3 | 2) + varint(1 << 40), "claims 1099511627776 bytes, 0 are left"),
    "claims 2^63": (chunk(100, chunk(7, varint(5 << 3 | 2) + varint((1 << 63) - 1) + b"1234")), "claims"),
    "endless number": (b"\xff" * 1000, "more than 64 bits"),
    "huge shape": (
        chunk(100, chunk(1, b"c1") + chunk(7, chunk(7, chunk(1, varint(HUGE - 1) * 3)) + chunk(5, b"1234"))),
        "2147483647×2147483647×2147483647 declared, 1 numbers there",
    ),
    "negative shape": (
        chunk(100, chunk(1, b"c1") + chunk(7, chunk(7, chunk(1, varint((1 << 64) - 5))) + chunk(5, b"1234"))),
        "a size that is no whole number",
    ),
    "a thousand axes": (
        chunk(100, chunk(1, b"c1") + chunk(7, chunk(7, chunk(1, b"\1" * 1000)) + chunk(5, b"1234"))),
        "more than 32",
    ),
    "old shape, too large": (
        chunk(100, chunk(1, b"c1") + chunk(7, number(1, 1 << 30) + number(2, 1 << 30) + chunk(5, b"1234"))),
        "declared, 1 numbers there",
    ),
    "no numbers": (chunk(100, chunk(1, b"c1") + chunk(7, chunk(7, chunk(1, b"\0")))), "holds no numbers"),
    "half a number": (chunk(100, chunk(1, b"c1") + chunk(7, chunk(5, b"12345"))), "not 4 bytes each"),
    "two kinds": (chunk(100, chunk(1, b"c1") + chunk(7, chunk(5, b"1234") + chunk(8, b"12345678"))), "numbers of two kinds"),
    "a name of a megabyte": (chunk(100, chunk(1, b"a" * (1 << 20))), "a name of 1048576 bytes"),
    "a name that is no text": (chunk(100, chunk(1, b"\xff\xfe")), "a name that is no text"),
    "too many fields": (chunk(1, b"") * 30_000, "more than 20000 fields"),
    "too many fields in a blob": (chunk(100, chunk(7, number(99, 1) * 30_000)), "more than 20000 fields"),
    "group": (b"\x0b\x0b\x0b", "wire type 3"),
    "no weights": (chunk(1, b"a net") + chunk(100, chunk(1, b"relu")), "without weights"),
    "twice": (model({"c1": [np.ones(2)]}) * 2, "two layers with weights are called 'c1'"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, tmp_path: Path):
    data, what = BOMBS[name]
    path = tmp_path / "bomb.caffemodel"
    path.write_bytes(data)
    said: list[str | None] = []
    _, read, most = peaks(iter([lambda: said.append(refused(lambda: read_caffemodel(path)))]))
    assert read == 1 and said[0] is not None and re.search(what, said[0]), said
    assert said[0].startswith(f"{path}: ")
    assert most < MEMORY


class Explosive:
    """Whoever unpickles it runs it."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_under_another_name_is_not_run(victim: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for protocol in range(6):
        path = tmp_path / "weights.caffemodel"
        path.write_bytes(pickle.dumps(Explosive(), protocol))
        assert refused(lambda path=path: read_caffe(victim[0], path)) is not None
    np.save(tmp_path / "mean.npy", np.array([Explosive()], dtype=object), allow_pickle=True)
    assert refused(lambda: read_caffe(*victim, mean=tmp_path / "mean.npy")) is not None
    assert not (tmp_path / "exploded").exists()


def test_weights_of_another_size(victim: tuple[Path, Path], tmp_path: Path):
    """Right names, wrong numbers: which layer, which blob, what it should be."""
    definition, _ = victim
    good = random_blobs(network(read_graph(definition), "x"))
    path = tmp_path / "wrong.caffemodel"
    nan = np.full_like(good["c1"][0], np.nan)
    for change, what in (({"c1": [good["c1"][0][:5]]}, "layer 'c1', blob 0: 5×3×3×3, but the .prototxt asks for 6×3×3×3"),
                         ({"c1": [good["c1"][0].transpose(1, 0, 2, 3)]}, "3×6×3×3, but"),
                         ({"c1": [*good["c1"], np.ones(6)]}, "layer 'c1' has 2 blobs; the .prototxt asks for 1"),
                         ({"c1": []}, "no weights for the layer 'c1'; the file has 'bn1', 's1', 'c2', 'bn2' …"),
                         ({"c1": [nan]}, "holds numbers that are no numbers"),
                         ({"s2": [*good["s2"], np.ones(5)]}, "layer 's2' has 2 blobs; the .prototxt asks for 1"),
                         ({"bn1": [good["bn1"][0], -good["bn1"][1], good["bn1"][2]]}, "a variance below 0"),
                         ({"bn1": [*good["bn1"][:2], np.array([np.inf])]}, "divided by inf")):  # fmt: skip
        path.write_bytes(model({**good, **change}))
        said = refused(lambda: read_caffe(definition, path))
        assert said is not None and said.startswith(f"{path}: ") and what in said, said


def test_a_huge_network_of_few_words(tmp_path: Path):
    """Sizes in a .prototxt are arithmetic until the weights are there: nothing is allocated for them."""
    text = NETS["relu"].replace("num_output: 6", "num_output: 2000000000").replace("input_dim: 13", "input_dim: 2000000")
    definition, weights = tmp_path / "huge.prototxt", tmp_path / "small.caffemodel"
    definition.write_text(text)
    weights.write_bytes(model({"c1": [np.ones((6, 3, 3, 3)), np.ones(6)], "fc": [np.ones((7, 6)), np.ones(7)]}))
    no, _, most = peaks(iter([lambda: read_caffe(definition, weights)]))
    assert no == 1 and most < MEMORY


def test_unknown_fields_are_passed_over(victim: tuple[Path, Path], tmp_path: Path):
    """A file of a newer Caffe, with fields that this reader has never heard of."""
    good = random_blobs(network(read_graph(victim[0]), "x"))
    path = tmp_path / "newer.caffemodel"
    spare = number(77, 5) + chunk(78, b"what") + varint(79 << 3 | 5) + b"1234" + varint(80 << 3 | 1) + b"12345678"
    body = b"".join(
        chunk(100, spare + chunk(1, name.encode()) + b"".join(chunk(7, spare + blob(a)) for a in arrays))
        for name, arrays in good.items()
    )
    path.write_bytes(spare + body)
    found = read_caffemodel(path)
    assert all(np.array_equal(a, b) for name in good for a, b in zip(good[name], found.layers[name], strict=True))
