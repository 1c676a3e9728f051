"""Weight files: what is read, what is refused, what is left behind when the disk is full."""

import contextlib
import io
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from neocog.errors import UserError
from neocog.files import write_bytes
from neocog.nn import create_model
from neocog.weights import apply_plan, load_weights, read_safetensors, read_tensors, write_safetensors
from tests.arch.cases import CASES
from tests.conftest import picture, rng


def lenet() -> dict[str, torch.Tensor]:
    return create_model("lenet5.modern", generator=rng()).state_dict()


def refused(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_tensors(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "th", "pt"])
def test_round_trip(tmp_path: Path, suffix: str):
    """Every tensor as it was: bits, type and shape."""
    path, state = tmp_path / f"w.{suffix}", lenet()
    if suffix == "safetensors":
        write_safetensors(path, state)
    else:
        torch.save(state, path)
    back = read_tensors(path)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[k], v) and back[k].dtype == v.dtype for k, v in state.items())
    model = create_model("lenet5.modern", weights=path)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("name", ["lenet5", "resnet8.cifar", "mlp"])
def test_round_trip_of_networks(tmp_path: Path, name: str):
    """Counters are int64, codes are no parameters that train; both must survive."""
    old, path = create_model(name, generator=rng()), tmp_path / "w.safetensors"
    write_safetensors(path, old.state_dict())
    new = create_model(name, generator=rng(1))
    assert load_weights(new, path) == set()
    assert all(torch.equal(v, old.state_dict()[k]) for k, v in new.state_dict().items())


def test_metadata(tmp_path: Path):
    """JSON values, the architecture among them; other writers' metadata is not ours and is passed over."""
    from neocog.arch import Architecture
    from neocog.nets import resolve

    path, arch = tmp_path / "w.safetensors", resolve("lenet5").build()
    write_safetensors(path, lenet(), {"arch": arch.to_json(), "classes": ["cat", "dög"], "steps": 3})
    tensors, meta = read_safetensors(path)
    assert Architecture.from_json(meta["arch"]) == arch
    assert (meta["classes"], meta["steps"]) == (["cat", "dög"], 3)
    assert tensors.keys() == lenet().keys()
    for foreign in ({"format": "pt"}, {"neocog": "no JSON"}, {"neocog": "[1]"}, None):
        save_file({"a": torch.ones(2)}, path, foreign)
        assert read_safetensors(path)[1] == {}
    written = []
    for name in ("one", "two"):
        write_safetensors(tmp_path / name, lenet(), {"b": 1, "a": 2, "c": {"d": 3}})
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1], "the same run twice gives the same bytes"


def test_views_and_shared_tensors(tmp_path: Path):
    """Slices and transposes of larger tensors are written as the numbers that they are."""
    whole = torch.arange(12.0).view(3, 4)
    values = {"part": whole[1:, 1:], "turned": whole.t(), "grad": whole.clone().requires_grad_()}
    write_safetensors(tmp_path / "w.safetensors", values)
    back, _ = read_safetensors(tmp_path / "w.safetensors")
    assert all(torch.equal(back[k], v) for k, v in values.items())


@pytest.mark.parametrize("around", ["state_dict", "model", "model_state_dict"])
def test_wrapped_files(tmp_path: Path, around: str):
    """Training scripts put a dict around the weights, and DataParallel a word before each key."""
    path = tmp_path / "w.pth"
    torch.save({around: OrderedDict(("module." + k, v) for k, v in lenet().items()), "epoch": 3, "best": 0.9}, path)
    assert read_tensors(path).keys() == lenet().keys()


@pytest.mark.parametrize("word", ["_orig_mod.", "model.", "module._orig_mod."])
def test_words_before_every_key(tmp_path: Path, word: str):
    """torch.compile and Lightning put theirs before the keys."""
    torch.save({word + k: v for k, v in lenet().items()}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth").keys() == lenet().keys()


def test_one_key_without_the_word(tmp_path: Path):
    """Only where all keys have it: a layer may be called "module"."""
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth").keys() == {"module.a", "b"}


class Evil:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("name", ["w.pth", "w.th", "w.bin", "w.safetensors", "w"])
@pytest.mark.parametrize("how", ["torch", "torch, legacy", "pickle"])
def test_code_does_not_run(tmp_path: Path, name: str, how: str):
    """A pickle that calls os.system: refused, whatever it is called, and the command never runs."""
    path, trace = tmp_path / name, tmp_path / "ran"
    payload = {"state_dict": lenet(), "evil": Evil(trace)}
    if how == "pickle":
        path.write_bytes(pickle.dumps({"evil": Evil(trace)}))
    else:
        torch.save(payload, path, _use_new_zipfile_serialization=how == "torch")
    message = refused(path)
    assert not trace.exists()
    if name != "w.safetensors":
        assert "Python objects" in message or "not a weight file" in message
    with pytest.raises(UserError):
        create_model("lenet5.modern", weights=path)
    assert not trace.exists()
    assert pickle.loads(pickle.dumps(Evil(trace))) == 0, "the payload is live: it runs where it is unpickled"
    assert trace.exists()


def damaged() -> dict[str, bytes]:
    """What interrupted downloads, proxies and typing errors leave."""
    zipped, legacy = io.BytesIO(), io.BytesIO()
    torch.save(lenet(), zipped)
    torch.save(lenet(), legacy, _use_new_zipfile_serialization=False)
    new, old, safe = zipped.getvalue(), legacy.getvalue(), save(lenet())
    return {
        "empty.pth": b"",
        "cut.pth": new[: len(new) // 2],
        "cut_in_the_tensors.th": old[:-100],
        "cut_in_the_header.th": old[:400],
        "cut_at_once.th": old[:30],
        "text.pth": b"<!DOCTYPE html><html>404</html>",
        "words.pth": b"Not Found",
        "noise.pth": bytes(range(256)) * 40,
        "zeros.pth": bytes(5000),
        "photo.pth": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "empty.safetensors": b"",
        "cut.safetensors": safe[: len(safe) // 2],
        "text.safetensors": b"version https://git-lfs.github.com/spec/v1\n",
        "huge.safetensors": b"\xff" * 8 + b"{}",
    }


DAMAGED = damaged()


@pytest.mark.parametrize("name", list(DAMAGED))
def test_damaged_files(tmp_path: Path, name: str):
    """One line each, never a traceback."""
    (tmp_path / name).write_bytes(DAMAGED[name])
    refused(tmp_path / name)


def test_folders_and_nothing(tmp_path: Path):
    (tmp_path / "folder.pth").mkdir()
    assert "is a folder" in refused(tmp_path / "folder.pth")
    assert "there is no such weight file" in refused(tmp_path / "nowhere.pth")


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False])
def test_any_damage(tmp_path: Path, zipped: bool):
    """Bytes changed or cut off anywhere: read, or refused in one line; nothing else."""
    buffer = io.BytesIO()
    torch.save({"a.weight": torch.ones(3, 4), "b": torch.ones(2)}, buffer, _use_new_zipfile_serialization=zipped)
    whole, draw, path = buffer.getvalue(), random.Random(0), tmp_path / "w.pth"
    for i in range(3000):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 1, 2, 5))):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(bytes(data[: draw.randrange(len(data))] if i % 3 == 0 else data))
        with contextlib.suppress(UserError):
            read_tensors(path)


def test_a_zip_that_is_no_weight_file(tmp_path: Path):
    path = tmp_path / "photos.pth"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cat.jpg", b"x")
    refused(path)


def test_a_compressed_file(tmp_path: Path):
    """torch stores; what is compressed may become any number of gigabytes."""
    torch.save(lenet(), tmp_path / "stored.pth")
    path = tmp_path / "packed.pth"
    with zipfile.ZipFile(tmp_path / "stored.pth") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, bytes(len(old.read(name))))
    assert "claims to hold" in refused(path)


@pytest.mark.parametrize(("change", "what"), [
    (lambda t: torch.zeros(1).expand(10**9, *t.shape), "claims"),
    (lambda t: t.to_sparse(), "sparse"),
    (lambda t: torch.complex(t, t), "complex"),
])  # fmt: skip
def test_tensors_that_are_not_plain(tmp_path: Path, change, what: str):
    """A view may claim any size of one number; a sparse or a complex tensor has no place in our networks."""
    state = lenet()
    state["fc2.weight"] = change(state["fc2.weight"])
    torch.save(state, tmp_path / "w.pth")
    assert what in (message := refused(tmp_path / "w.pth")) and "fc2.weight" in message


@pytest.mark.parametrize(("key", "change", "what"), [
    ("conv1.weight", lambda t: t * float("nan"), "NaN"),
    ("bn1.running_var", lambda t: -t, "variance below 0"),
    ("conv1.weight", lambda t: (t * 100).to(torch.int8), "whole numbers"),
])  # fmt: skip
def test_numbers_with_which_no_network_works(tmp_path: Path, key: str, change, what: str):
    state = create_model("resnet8.cifar", generator=rng()).state_dict()
    state[key] = change(state[key])
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(UserError, match=what) as caught:
        create_model("resnet8.cifar", weights=tmp_path / "w.pth")
    assert key in str(caught.value)


def test_a_file_that_says_it_is_another_network(tmp_path: Path):
    """A plain net and its residual twin have the same keys and shapes: only the header tells them apart."""
    state = create_model("resnet20.cifar", generator=rng()).state_dict()
    write_safetensors(tmp_path / "w.safetensors", state, {"net": "resnet20.cifar"})
    with pytest.raises(UserError, match=r"not the weights of plain20.cifar: they are of resnet20.cifar"):
        create_model("plain20.cifar", weights=tmp_path / "w.safetensors")
    create_model("resnet20.cifar", weights=tmp_path / "w.safetensors")
    write_safetensors(tmp_path / "w.safetensors", state, {"net": "my own"})
    create_model("plain20.cifar", weights=tmp_path / "w.safetensors")  # a name that is none of ours says nothing


def test_a_file_named_as_a_network_that_only_fits(tmp_path: Path):
    """timm's networks of TensorFlow's origin have the keys and shapes of those that pad as torch does."""
    from neocog.weights.importing import import_files

    path = tmp_path / "tf_efficientnet_b0_aa-827b6e33.pth"
    torch.save({"conv_stem.weight": torch.zeros(32, 3, 3, 3)}, path)
    for read in (lambda: import_files([path]), lambda: import_files([path], "efficientnet_b0")):
        with pytest.raises(UserError, match="pads as TensorFlow does"):
            read()


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(2)], torch.ones(3), {"state_dict": {}}, 5, None, "x"])
def test_files_without_tensors_by_name(tmp_path: Path, content: object):
    torch.save(content, tmp_path / "w.pth")
    assert "holds no tensors by name" in refused(tmp_path / "w.pth")


def test_wrong_shapes_are_named(tmp_path: Path):
    path, state = tmp_path / "w.safetensors", lenet()
    state["conv2.weight"] = torch.zeros(16, 6, 3, 3)
    write_safetensors(path, state)
    with pytest.raises(UserError, match=r"not the weights of lenet5.modern: conv2.weight is 16×6×3×3, not 16×6×5×5"):
        create_model("lenet5.modern", weights=path)
    del state["conv2.weight"], state["conv1.bias"]
    state["wings"] = torch.ones(1)
    write_safetensors(path, state)
    with pytest.raises(UserError, match=r"missing conv1.bias, conv2.weight; unknown wings"):
        create_model("lenet5.modern", weights=path)


def test_nothing_is_loaded_from_a_wrong_file(tmp_path: Path):
    """All or nothing: a refused file leaves the model as it was."""
    path, state = tmp_path / "w.safetensors", lenet()
    del state["fc2.bias"]
    write_safetensors(path, state)
    model = create_model("lenet5.modern", generator=rng(9))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(UserError):
        load_weights(model, path)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("classes", [2, 10, 37])
def test_files_of_another_number_of_classes(tmp_path: Path, classes: int):
    """The file's own head tells how many it was trained for."""
    path, old = tmp_path / "w.safetensors", create_model("lenet5.modern", num_classes=classes, generator=rng(1))
    write_safetensors(path, old.state_dict())
    new = create_model("lenet5.modern", num_classes=5, weights=path, generator=rng())
    assert torch.equal(new.conv1.weight, old.conv1.weight)
    assert new.num_classes == 5
    again = create_model("lenet5.modern", num_classes=classes, weights=path)
    assert torch.equal(again.fc2.weight, old.fc2.weight), "as many classes: the head is loaded as well"


def test_lenet5_for_other_classes(tmp_path: Path):
    """Its codes have no bias and are not trained; a file of 26 letters brings its own."""
    path, old = tmp_path / "w.safetensors", create_model("lenet5", num_classes=26, generator=rng(1))
    write_safetensors(path, old.state_dict())
    same = create_model("lenet5", num_classes=26, weights=path, generator=rng(2))
    assert torch.equal(same.output.weight, old.output.weight)


def test_auxiliary_heads_may_be_missing(tmp_path: Path):
    """Published GoogLeNet files come with and without them."""
    arch = CASES["googlenet_small"].build()
    old = create_model(arch, generator=rng(1))
    x = picture(arch)
    for name, keep in (("with", lambda k: True), ("without", lambda k: not k.startswith("aux"))):
        path = tmp_path / f"{name}.safetensors"
        write_safetensors(path, {k: v for k, v in old.state_dict().items() if keep(k)})
        new = create_model(arch, generator=rng(2))
        fresh = load_weights(new, path)
        assert {key.split(".")[0] for key in fresh} == (set() if name == "with" else {"aux1", "aux2"})
        assert torch.equal(new.eval()(x), old.eval()(x))


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str):
    """The old file stays whole, the new one was never there, and no temporary file remains."""
    path = tmp_path / "w.safetensors"
    write_safetensors(path, {"a": torch.ones(3)})
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(os, "fsync", full)
        elif step == "replace":
            patch.setattr(Path, "replace", full)
        else:
            real = os.fdopen

            def broken(handle: int, mode: str) -> object:
                file = real(handle, mode)
                file.close()
                return type("File", (), {"__enter__": lambda s: s, "__exit__": lambda s, *a: None, "write": full})()

            patch.setattr(os, "fdopen", broken)
        with pytest.raises(OSError, match="No space left on device") as caught:
            write_safetensors(path, {"a": torch.zeros(5)})
        assert caught.value.filename == str(path), "the user is told which file, not a temporary name"
    assert [p.name for p in tmp_path.iterdir()] == ["w.safetensors"]
    assert path.read_bytes() == before


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "w", b"x")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(OSError) as caught:
        write_bytes(tmp_path / "no" / "w", b"x")
    assert caught.value.filename == str(tmp_path / "no" / "w")


def test_written_files_can_be_read_by_others(tmp_path: Path):
    """mkstemp's 0600 would hide a run from the rest of the group."""
    write_bytes(tmp_path / "w", b"x")
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o644


# --- plans ------------------------------------------------------------------------------------------------------------


def test_plans_check_their_shapes():
    """A plan whose result is not what the new network declares is our fault, and must not be loaded."""
    from neocog.arch.record import Param
    from neocog.arch.rewrite import Move, WeightPlan

    with pytest.raises(AssertionError, match="declared"):
        apply_plan(WeightPlan((Move("a", ("b",)),)), {"b": torch.ones(3)}, {"a": Param("a", (4,))})
    assert apply_plan(WeightPlan((Move("a", ("b",)),)), {}, {"a": Param("a", (4,))}) == {}


def test_half_precision_files(tmp_path: Path):
    """Half-size files of the hub load into a float network; counters stay whole numbers."""
    path, old = tmp_path / "w.safetensors", create_model("resnet8.cifar", generator=rng())
    write_safetensors(path, {k: v.half() if v.is_floating_point() else v for k, v in old.state_dict().items()})
    new = create_model("resnet8.cifar", weights=path)
    assert {v.dtype for v in new.state_dict().values()} == {torch.float32, torch.int64}
    assert torch.equal(new.conv1.weight, old.conv1.weight.half().float())
