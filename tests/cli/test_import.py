"""Somebody else's weights → a run on which the other verbs work; weights out again."""

import json
import pickle
import shutil
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.nn import create_model
from tests.conftest import randomise, rng

from .command import Server

NET = "squeezenet1_1"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state_dict as torchvision's code saves one, for seven classes."""
    model = create_model(NET, num_classes=7, generator=rng())
    randomise(model)
    path = tmp_path_factory.mktemp("foreign") / "theirs.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in model.state_dict().items()}}, path)
    return path


@pytest.fixture(scope="module")
def imported(neocog: Server, foreign: Path) -> Path:
    run = foreign.parent / "run"
    neocog("import", foreign, "--net", NET, "--out", run).check(0)
    return run


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (250, 300, 3), dtype=np.uint8)).save(path)
    return path


def test_import_says_what_it_understood(neocog: Server, foreign: Path, tmp_path: Path):
    """Recognised by keys and shapes; named; the classes of a file of one's own."""
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\nf\ng\n")
    result = neocog("import", foreign, "--out", tmp_path / "run", "--labels", tmp_path / "names.txt", "--json").check(0).json()
    assert (result["net"], result["classes"], result["run"]) == (NET, 7, str(tmp_path / "run"))
    assert result["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
    assert any("the only network with these" in note for note in result["notes"])
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["kind"] == "imported" and config["classes"] == list("abcdefg")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["config.json", "events.jsonl", "last.safetensors"]


def test_every_verb_works_on_it(neocog: Server, imported: Path, photo: Path, tmp_path: Path):
    """show, predict, evaluate, load; and the answers are those of the Module."""
    assert "imported from theirs.pth" in neocog("show", imported).check(0).out
    (answer,) = neocog("predict", imported, photo, "--json").check(0).json()
    from neocog import load
    from neocog.pictures.decode import decode

    model = load(imported)
    assert model.preprocessing is not None and not model.training
    x = torch.from_numpy(model.preprocessing.transform()(decode(photo)))[None]
    with torch.no_grad():
        chances = model(x).softmax(1)[0]
    top = int(chances.argmax())
    assert answer["top"][0]["label"] == f"class {top}"
    assert answer["top"][0]["probability"] == pytest.approx(float(chances[top]), abs=1e-5)
    for i in (top, (top + 1) % 7):
        (tmp_path / "data" / f"class {i}").mkdir(parents=True)
        shutil.copy(photo, tmp_path / "data" / f"class {i}")
    assert neocog("evaluate", imported, tmp_path / "data", "--json").check(0).json()["top1_error"] == 50


def test_out_again(neocog: Server, imported: Path, foreign: Path, torchvision: ModuleType, tmp_path: Path):
    """Exported in torchvision's words, it loads there; and both files come back as the same classifier."""
    from safetensors.torch import load_file

    from neocog import load

    out = tmp_path / "tv.safetensors"
    neocog("export", imported, "--to", "safetensors", "--as", "torchvision", "--out", out).check(0)
    theirs = torchvision.models.squeezenet1_1(weights=None, num_classes=7)
    theirs.load_state_dict(load_file(out))
    want = torch.load(foreign, weights_only=True)["state_dict"]
    assert all(torch.equal(value, want[f"module.{key}"]) for key, value in theirs.state_dict().items())
    assert all(torch.equal(v, load(imported).state_dict()[k]) for k, v in load(out).state_dict().items())
    neocog("import", out, "--out", tmp_path / "run").check(0)
    assert load(tmp_path / "run").classes == load(imported).classes
    neocog("export", imported, "--as", "timm", "--out", tmp_path / "x.safetensors").complaint("timm has no network", NET)
    neocog("export", "lenet5", "--out", tmp_path / "lenet5.safetensors").check(0)
    assert load(tmp_path / "lenet5.safetensors").arch.name == "lenet5"


class Evil:
    def __reduce__(self):
        return (Path("executed").touch, ())


def nan(path: Path) -> None:
    state = create_model("lenet5.modern", generator=rng()).state_dict()
    next(iter(state.values())).view(-1)[3] = float("nan")
    torch.save(state, path)


BAD = {
    "empty.pth": lambda p: p.write_bytes(b""),
    "code.pth": lambda p: p.write_bytes(pickle.dumps({"w": Evil()})),
    "words.bin": lambda p: p.write_text("this is no weight file"),
    "cut.safetensors": lambda p: p.write_bytes(struct.pack("<Q", 1 << 40) + b"{"),
    "none.h5": lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "none.keras": lambda p: p.write_bytes(b"PK\x03\x04" + bytes(100)),
    "nan.pth": nan,
    "numbers.pth": lambda p: torch.save({"a": torch.zeros(3)}, p),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(neocog: Server, tmp_path: Path, name: str):
    """One line that names the file, exit 2, nothing executed and nothing left behind."""
    BAD[name](tmp_path / name)
    net = ("--net", "lenet5.modern") if name == "nan.pth" else ()
    neocog("import", tmp_path / name, *net, "--out", tmp_path / "run", cwd=tmp_path).complaint(name)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_cannot_be_imported(neocog: Server, foreign: Path, imported: Path, tmp_path: Path):
    run = tmp_path / "run"
    neocog("import", tmp_path / "no.pth", "--out", run).complaint("no.pth", "there is no such weight file")
    neocog("import", foreign, "--net", "resnet18", "--out", run).complaint(
        "theirs.pth", "not the weights of resnet18", "missing"
    )
    neocog("import", foreign, "--net", "rensnet18", "--out", run).complaint("rensnet18", "resnet18")
    neocog("import", foreign, tmp_path / "other.pth", "--out", run).complaint("2 files", "prototxt")
    neocog("import", foreign, "--net", NET, "--out", imported).complaint("holds a run already")
    (tmp_path / "names.txt").write_text("a\nb\n")
    neocog("import", foreign, "--net", NET, "--labels", tmp_path / "names.txt", "--out", run).complaint(
        "2 class names", "7 classes"
    )
    neocog("import", foreign, "--net", NET, "--mean", "red", "--out", run).complaint("--mean", "red")
    assert not run.exists()


def test_a_full_disk_leaves_nothing(neocog: Server, foreign: Path, tmp_path: Path):
    """The run is whole or was never there."""
    result = neocog("import", foreign, "--net", NET, "--out", tmp_path / "run", fsize=100_000)
    result.complaint("file")
    assert list(tmp_path.iterdir()) == []
