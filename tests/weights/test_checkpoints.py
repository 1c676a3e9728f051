"""Published weights give their published accuracy, to the digit."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model, create_model
from neocog.weights import load_weights, read_tensors
from tests.conftest import Agree, rng

CHECKPOINTS = {20: "resnet20-12fca82f.th", 44: "resnet44-014dd654.th"}


@pytest.fixture(scope="module")
def checkpoints(shared: Path) -> Path:
    folder = shared / "weights" / "cifar-resnet"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return folder


@pytest.fixture(scope="module")
def cifar_test(shared: Path) -> tuple[Tensor, Tensor]:
    """Pictures as the checkpoints were trained on (RGB in [0, 1], ImageNet's mean and std) and labels, read here anew."""
    path = shared / "cifar10" / "test_batch.bin"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    data = path.read_bytes()
    assert hashlib.md5(data).hexdigest().startswith("803d5f7f")
    rows = np.frombuffer(data, np.uint8).reshape(10_000, 3073)
    x = torch.from_numpy(rows[:, 1:].copy()).view(-1, 3, 32, 32).float() / 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return (x - mean) / std, torch.from_numpy(rows[:, 0].astype(np.int64))


def hits(model: Model, x: Tensor, y: Tensor) -> int:
    with torch.inference_mode():
        return sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(x.split(250), y.split(250), strict=True))


def published(depth: int, checkpoints: Path) -> Model:
    model = create_model(f"resnet{depth}.cifar", weights=checkpoints / CHECKPOINTS[depth])
    return model.eval()


def test_resnet20_on_a_thousand(checkpoints: Path, cifar_test: tuple[Tensor, Tensor]):
    """The full set below gives the published figure; these are its first thousand."""
    x, y = cifar_test
    assert hits(published(20, checkpoints), x[:1000], y[:1000]) == 915


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "correct"), [(20, 9173), (44, 9310)])
def test_published_accuracy(checkpoints: Path, cifar_test: tuple[Tensor, Tensor], depth: int, correct: int, agree: Agree):
    """91.73 % and 93.10 %: the publisher's own table. The zero maps of option A lie half before and half behind."""
    assert hits(published(depth, checkpoints), *cifar_test) == correct
    agree(
        f"resnet{depth}.cifar",
        "published weights",
        f"{CHECKPOINTS[depth]}: {correct:,} of CIFAR-10's 10,000 test pictures right",
    )


def test_the_other_padding_of_option_a_is_another_network(checkpoints: Path, cifar_test: tuple[Tensor, Tensor]):
    """All zeros behind, as ImageNet's option A has them: the same keys and shapes, and no longer these weights' function."""
    from dataclasses import replace

    from neocog.arch import Node, PadChannels

    arch = resolve("resnet20.cifar").build()
    behind = replace(arch, nodes=tuple(
        Node(n.path, PadChannels(0, n.record.before + n.record.after), n.inputs) if isinstance(n.record, PadChannels) else n
        for n in arch.nodes))  # fmt: skip
    assert behind != arch
    model = Model(behind, rng()).eval()
    assert load_weights(model, checkpoints / CHECKPOINTS[20]) == set()
    x, y = cifar_test
    assert hits(model, x[:500], y[:500]) < 400


def test_a_checkpoint_for_another_number_of_classes(checkpoints: Path):
    """Fine-tuning: all but the head is loaded, and the head is named as fresh."""
    path = checkpoints / CHECKPOINTS[20]
    model = create_model("resnet20.cifar", num_classes=4, generator=rng())
    fresh = model.linear.weight.clone()
    assert load_weights(model, path, source=resolve("resnet20.cifar").build()) == {"linear.weight", "linear.bias"}
    assert torch.equal(model.linear.weight, fresh)
    assert torch.equal(model.layer1[0].conv1.weight, read_tensors(path)["layer1.0.conv1.weight"])
    same = create_model("resnet20.cifar", num_classes=4, weights=path, generator=rng())
    assert torch.equal(same.layer1[0].conv1.weight, model.layer1[0].conv1.weight)


@pytest.mark.parametrize("classes", [None, 4])
def test_a_colour_checkpoint_for_grey_pictures(checkpoints: Path, classes: int | None):
    """in_chans=1: the three colour planes summed, so that a grey picture gives the answer it gave in colour."""
    path = checkpoints / CHECKPOINTS[20]
    grey = create_model("resnet20.cifar", in_chans=1, num_classes=classes, weights=path).eval()
    colour = published(20, checkpoints)
    x = torch.randn(3, 1, 32, 32, generator=rng())
    with torch.no_grad():
        want = colour.forward_features(x.expand(-1, 3, -1, -1))
        assert torch.allclose(grey.forward_features(x), want, rtol=1e-4, atol=1e-4)


def test_features_of_a_checkpoint(checkpoints: Path):
    """A backbone takes its part of the file."""
    model = create_model("resnet20.cifar", weights=checkpoints / CHECKPOINTS[20], features_only=True).eval()
    whole = published(20, checkpoints)
    x = torch.randn(1, 3, 32, 32, generator=rng())
    with torch.no_grad():
        assert torch.equal(model(x)[-1], whole.forward_features(x))


@pytest.mark.parametrize("name", ["resnet44.cifar", "resnet20.cifar_b", "plain20.cifar", "lenet5", "resnet8.cifar", "mlp"])
def test_another_networks_file(checkpoints: Path, name: str):
    """One line: which file, which network, what is missing or too much. The plain twin, which the file fits since option A has
    no parameters, is told by the file's name."""
    with pytest.raises(UserError) as caught:
        create_model(name, weights=checkpoints / CHECKPOINTS[20])
    message = str(caught.value)
    assert "\n" not in message
    assert f"{CHECKPOINTS[20]}: not the weights of {name}: " in message
    assert any(word in message for word in ("missing", "unknown", "they are of resnet20.cifar"))
    assert len(message) < 600


def test_old_files_lack_the_counters(checkpoints: Path):
    """`num_batches_tracked` came after these files; it starts at zero."""
    assert not [k for k in read_tensors(checkpoints / CHECKPOINTS[20]) if "num_batches" in k]
    assert published(20, checkpoints).bn1.num_batches_tracked == 0
