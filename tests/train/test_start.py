"""Training on from weights of other classes, sizes and colours; layers that keep their weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model, create_model
from neocog.pictures.preprocessing import Preprocessing
from neocog.train.frozen import heads
from neocog.train.frozen.readout import features, readout, set_head
from neocog.train.optim.freeze import freeze, frozen_paths, hold
from neocog.train.starts.start import read_source, start
from neocog.weights import write_safetensors
from neocog.weights.imported import Imported
from tests.conftest import randomise, rng


def source(name: str, classes: int = 10, side: int | None = None) -> Imported:
    model = create_model(name, num_classes=classes, img_size=side, generator=rng(0))
    randomise(model)
    channels, height, width = model.arch.input
    record = Preprocessing(height, width, "L" if channels == 1 else "RGB", mean=(0.3,), std=(0.2,))
    return Imported(model.arch, model.state_dict(), record, name, tuple(f"old {i}" for i in range(classes)))


def built(made) -> Model:
    model = Model(made.arch, rng(1))
    model.load_state_dict(made.values, strict=False)
    return model.eval()


@pytest.mark.parametrize("name", ["resnet8.cifar", "googlenet", "squeezenet1_1", "nin.cifar10", "lenet5.modern"])
def test_all_but_the_heads_is_carried_over(name):
    old = source(name, side={"googlenet": 96, "squeezenet1_1": 64}.get(name))
    made = start(old, "old.pth", ("a", "b", "c"))
    heads_ = {mark.path for mark in old.arch.marked("head")}
    assert set(made.fresh) == heads_ and len(heads_) == (3 if name == "googlenet" else 1)
    assert {k for k in old.values if k.rpartition(".")[0] not in heads_} == set(made.values)
    assert all(torch.equal(old.values[k], v) for k, v in made.values.items())
    x = torch.rand(2, *made.arch.input)
    old_model = Model(old.arch)
    old_model.load_state_dict(old.values)
    assert torch.equal(built(made).forward_features(x), old_model.eval().forward_features(x))
    assert (
        built(made)(x).shape == (2, 3)
        and made.preprocessing == old.preprocessing
        and heads_ <= set(" ".join(made.notes).replace(",", "").split())
    )


def test_the_same_number_of_other_classes_begins_the_head_anew_and_the_same_classes_keep_it():
    old = source("resnet8.cifar")
    other = start(old, "old.pth", tuple("abcdefghij"))
    assert other.fresh == (old.arch.head.path,) and f"{old.arch.head.path}.weight" not in other.values
    same = start(old, "old.pth", old.classes)
    assert same.fresh == () and set(same.values) == set(old.values)


def test_grey_pictures_in_a_colour_network_answer_as_grey_ones_in_colour():
    old = source("resnet8.cifar")
    made = start(old, "old.pth", ("a", "b"), channels=1)
    assert made.preprocessing.color == "L" and made.arch.input[0] == 1
    grey = torch.rand(2, 1, 32, 32)
    colour = start(old, "old.pth", ("a", "b"))
    assert torch.allclose(
        built(made).forward_features(grey), built(colour).forward_features(grey.expand(-1, 3, -1, -1)), atol=1e-4
    )
    back = start(source("lenet5.modern"), "old.pth", ("a", "b"), channels=3)
    assert back.preprocessing.color == "RGB" and back.arch.input[0] == 3


def test_another_side_where_weights_allow_it():
    made = start(source("resnet8.cifar"), "old.pth", ("a", "b"), side=48)
    assert made.arch.input == (3, 48, 48) and (made.preprocessing.height, made.preprocessing.width) == (48, 48)
    with pytest.raises(UserError, match="belong to pictures of 32×32"):
        start(source("lenet5.modern"), "old.pth", ("a", "b"), side=48)


def test_what_is_no_source_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(UserError, match="no such run or weight file"):
        read_source(str(tmp_path / "nothing.pth"))
    with pytest.raises(UserError, match="say which with --net"):
        read_source("pretrained")
    (tmp_path / "w.caffemodel").write_bytes(b"x")
    with pytest.raises(UserError, match="prototxt beside it"):
        read_source(str(tmp_path / "w.caffemodel"))


def test_a_weight_file_of_ours_says_what_it_is(tmp_path: Path):
    old = source("resnet8.cifar")
    meta = {
        "net": old.net,
        "arch": old.arch.to_json(),
        "classes": list(old.classes),
        "preprocessing": old.preprocessing.to_json(),
    }
    write_safetensors(tmp_path / "w.safetensors", old.values, meta)
    read = read_source(str(tmp_path / "w.safetensors"))
    assert (read.net, read.classes, read.preprocessing) == (old.net, old.classes, old.preprocessing)
    with pytest.raises(UserError, match="not resnet14"):
        read_source(str(tmp_path / "w.safetensors"), "resnet14.cifar")


@pytest.mark.parametrize("name", ["resnet8.cifar", "squeezenet1_0.caffe", "nin.cifar10", "allcnn_c", "vgg11_bn",
                                  "lenet5.modern", "mobilenet_v3_small", "densenet121", "shufflenet_v2"])  # fmt: skip
def test_a_linear_head_on_the_features_is_the_networks_own(name):
    """Also where a ReLU stands behind it, and where its padding counts in the mean."""
    arch = resolve(name).build()
    model = create_model(name, num_classes=4, img_size=64 if max(arch.input) > 64 else None, generator=rng(0)).eval()
    randomise(model)
    how = readout(model.arch)
    assert how is not None
    x = torch.rand(3, *model.arch.input, generator=rng(2))
    with torch.no_grad():
        read, norm = features(model, how, x)
        head = heads.Linear(
            torch.randn(4, read.shape[1], generator=rng(3)) / read.abs().mean(), torch.randn(4, generator=rng(4))
        )
        set_head(model, how, head, float(norm.max()))
        got, want = model(x), torch.from_numpy(head.scores(read.numpy()))
    got, want = (scores - scores.mean(1, keepdim=True) for scores in (got, want))
    assert float((got - want).abs().max()) < 2e-4 * max(1.0, float(want.abs().max()), float(norm.max() * head.weight.norm()))


def test_scores_that_are_not_linear_have_no_readout():
    assert readout(resolve("lenet5").build()) is None and readout(resolve("lecun1989.net5").build()) is None


def test_words_for_layers_become_paths():
    arch = resolve("resnet18").build()
    assert frozen_paths(arch, ["layer[12]", "conv1"]) == ("layer1", "layer2", "conv1")
    assert frozen_paths(arch, ["layer1.0", "layer1"]) == ("layer1",)
    assert set(frozen_paths(arch, ["all-but-head"])) == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}
    assert frozen_paths(arch, frozen_paths(arch, ["layer*"])) == frozen_paths(arch, ["layer*"])
    squeeze = frozen_paths(resolve("squeezenet1_1").build(), ["all-but-head"])
    assert squeeze == ("features",)
    with pytest.raises(UserError, match="unknown layer 'layre1'"):
        frozen_paths(arch, ["layre1"])
    with pytest.raises(UserError, match="nothing to learn"):
        frozen_paths(arch, ["*"])


def test_frozen_batch_normalisation_neither_learns_nor_counts():
    model = create_model("resnet8.cifar", generator=rng(0))
    paths = frozen_paths(model.arch, ["all-but-head"])
    freeze(model, paths)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    model.train()
    hold(model, paths)
    learns = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {name.rpartition(".")[0] for name in learns} == {model.arch.head.path}
    model(torch.rand(8, 3, 32, 32)).sum().backward()
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert all(p.grad is None for n, p in model.named_parameters() if n not in learns)
    assert np.all([not model.get_submodule(path).training for path in paths]) and model.training
