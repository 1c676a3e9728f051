"""`create_model` as timm's users know it, for every network by what it can do."""

import re

import pytest
import torch
from torch import Tensor, nn

from neocog.arch import Conv2d, Dropout, analyse, smallest_input
from neocog.arch.rewrite import tensors
from neocog.errors import ShapeError, UnknownName, UserError
from neocog.nets import list_models, nets, resolve
from neocog.nn import Model, Outputs, create_model
from tests.conftest import check_declared, check_shapes, picture, rng

# One or two of each family are built in the quick tier, the others (of tens of millions of parameters) in the slow one.
QUICK = {"perceptron", "linear", "lenet5", "lenet5.modern", "lenet.caffe", "mlp", "mlp.300_100", "alexnet",
         "resnet18", "plain18", "resnet8.cifar", "plain20.cifar", "resnet20.cifar_b",
         "resnet20.cifar_c", "lecun1989.net3", "lenet1989", "allcnn_c", "highway10.mnist", "hog-svm", "sift-svm"}  # fmt: skip
# The context modules give maps for maps and have no classes; tests/nets/test_early.py has theirs.
NAMES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in nets() if not name.startswith("context.")
]


def least(name: str) -> int:
    """A small picture side that the network fits, a round number where it may be."""
    arch = resolve(name).build()
    if arch.input[1] <= 32:
        return arch.input[1]
    return max(smallest_input(arch, arch.input[0]) or 0, 32)


def calm(model: Model) -> Model:
    """Six hundred blocks that each double the variance overflow as long as nobody gathered statistics: let them add less."""
    if len(model.arch.nodes) > 1000:
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.weight.mul_(0.02)
    return model


def pictures(model: Model, n: int = 2) -> Tensor:
    return picture(model.arch, n)


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str):
    """One small model of each network through the whole face that training, evaluation and export stand on."""
    side = least(name)
    model = calm(create_model(name, num_classes=7, in_chans=2, img_size=side, generator=rng())).eval()
    arch = model.arch
    assert (model.num_classes, arch.input) == (7, (2, side, side))
    assert arch.name == name
    assert model.preprocessing is None, "another size or another number of channels than the card's"
    check_declared(model)
    x = pictures(model)
    check_shapes(model, x)  # every node is hooked, and fires

    with torch.no_grad():
        out = model(x)
        assert out.shape == (2, 7)
        features = model.forward_features(x)
        assert features.shape[:2] == (2, model.num_features)
        assert torch.equal(model.forward_head(features), out), "the two halves are the whole"
        before = model.forward_head(features, pre_logits=True)
        assert before.dim() == (4 if isinstance(arch.head.record, Conv2d) else 2), "a head that is a convolution reads maps"
        seen: list[Tensor] = []
        handle = model.get_classifier().register_forward_hook(lambda m, a, out: seen.append(a[0]))
        model(x)
        handle.remove()
        assert torch.equal(seen[0], before), "pre_logits are what the classifier reads"

    keys, kept = list(model.state_dict()), {k: v.clone() for k, v in model.state_dict().items()}
    heads = tuple(f"{mark.path}." for mark in arch.marked("head"))
    model.reset_classifier(3, generator=rng(1))
    assert model.num_classes == 3
    assert list(model.state_dict()) == keys
    assert all(torch.equal(v, kept[k]) for k, v in model.state_dict().items() if not k.startswith(heads))
    check_declared(model)
    with torch.no_grad():
        assert model(x).shape == (2, 3)
        assert torch.equal(model.forward_head(features, pre_logits=True), before)


TRAINED = [p for p in NAMES if not re.fullmatch(r"knn(\.\d+)?", str(getattr(p, "values", [p])[0]))]  # knn only remembers


@pytest.mark.parametrize("name", TRAINED)
def test_training_step(name: str):
    """Gradients reach every trained parameter, and nothing that is fixed."""
    model = create_model(name, num_classes=5, img_size=least(name), generator=rng()).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    out = model(pictures(model, 4))
    logits = [out.logits, *out.aux.values()] if isinstance(out, Outputs) else [out]
    sum(nn.functional.cross_entropy(scores, torch.tensor([0, 1, 2, 3])) for scores in logits).backward()
    for key, p in model.named_parameters():
        assert (p.grad is not None) == p.requires_grad, key
        assert p.grad is None or torch.isfinite(p.grad).all(), key
    fixed = {key for key, p in model.named_parameters() if not p.requires_grad}
    assert fixed == {key for key, p in tensors(model.arch).items() if p.role == "fixed"}


MAPLESS = re.compile(r"mlp.*|perceptron|linear|lecun1989\.net[12]|highway\d+\.fc|knn.*|sift-svm")
MAPS = [p for p in NAMES if not MAPLESS.fullmatch(str(getattr(p, "values", [p])[0]))]


@pytest.mark.parametrize("name", MAPS)
def test_features_only(name: str):
    """One map for each stride, coarser and coarser, as `feature_info` says; no module behind the last of them."""
    side = least(name)
    model = calm(create_model(name, img_size=side, features_only=True, generator=rng())).eval()
    info = model.feature_info
    with torch.no_grad():
        maps = model(pictures(model))
    assert len(maps) == len(info) >= 1
    table = analyse(model.arch)
    for found, said in zip(maps, info, strict=True):
        assert said.keys() == {"num_chs", "reduction", "module"}
        assert tuple(found.shape[1:]) == table.by_path[said["module"]].output
        assert found.shape[1] == said["num_chs"]
        assert [said["reduction"]] * 2 == table.by_path[said["module"]].stride
    reductions = [said["reduction"] for said in info]
    assert reductions == sorted(set(reductions))
    assert reductions[-1] == table.stride[0]
    whole = set(tensors(model.arch))
    assert set(model.state_dict()) < whole
    assert not any(key.startswith(model.arch.head.path + ".") for key in model.state_dict())
    seen = []
    for said in info:
        model.get_submodule(said["module"]).register_forward_hook(lambda m, a, out: seen.append(out))
    model(pictures(model))
    assert all(torch.equal(a, b) for a, b in zip(seen, maps, strict=True))


@pytest.mark.parametrize(
    ("name", "channels", "reductions"),
    [
        ("resnet18", [64, 64, 128, 256, 512], [2, 4, 8, 16, 32]),
        ("resnet50", [64, 256, 512, 1024, 2048], [2, 4, 8, 16, 32]),
        ("resnet50.v1_5", [64, 256, 512, 1024, 2048], [2, 4, 8, 16, 32]),
        ("vgg11", [64, 128, 256, 512, 512, 512], [1, 2, 4, 8, 16, 32]),
        ("resnet20.cifar", [16, 32, 64], [1, 2, 4]),
    ],
)
def test_features_are_timms(name: str, channels: list[int], reductions: list[int]):
    """The channels and reductions of timm's models of these names, which segmentation heads are built on."""
    model = create_model(name, img_size=64 if "cifar" not in name else 32, features_only=True)
    assert [f["num_chs"] for f in model.feature_info] == channels
    assert [f["reduction"] for f in model.feature_info] == reductions


@pytest.mark.parametrize("name", ["perceptron", "linear", "mlp", "knn", "sift-svm"])
def test_features_of_a_net_without_maps(name: str):
    with pytest.raises(UserError, match="no maps to give"):
        create_model(name, features_only=True)


@pytest.mark.parametrize(("name", "features"), [("mlp", 300), ("mlp.300_100", 100)])
def test_forward_features_of_a_net_without_maps(name: str, features: int):
    """What its docstring says, and what `num_features` promises a probe that trains on them."""
    model = create_model(name, generator=rng()).eval()
    assert model.num_features == features
    assert model.forward_features(pictures(model)).shape == (2, features)


@pytest.mark.parametrize("name", NAMES)
def test_drop_rate(name: str):
    """Every dropout at that rate, one before the head where the paper has none; keys and evaluation stay."""
    side = least(name)
    model = calm(create_model(name, img_size=side, num_classes=4, drop_rate=0.25, generator=rng()))
    drops = [m for m in model.modules() if isinstance(m, nn.Dropout)]
    assert drops
    assert {m.p for m in drops} == {0.25}
    assert {n.record.p for n in model.arch.nodes if isinstance(n.record, Dropout)} == {0.25}
    plain = calm(create_model(name, img_size=side, num_classes=4, generator=rng()))
    assert list(model.state_dict()) == list(plain.state_dict())
    x = pictures(plain)
    with torch.no_grad():
        assert torch.equal(model.eval()(x), plain.eval()(x))


@pytest.mark.parametrize("name", ["lenet5", "resnet8.cifar", "mlp"])
def test_one_seed_one_network(name: str):
    """The generator alone decides; torch's own is neither read nor moved."""
    side = least(name)
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    one = create_model(name, img_size=side, generator=rng(5)).state_dict()
    assert torch.equal(state, torch.random.get_rng_state())
    torch.manual_seed(2)
    same = create_model(name, img_size=side, generator=rng(5)).state_dict()
    other = create_model(name, img_size=side, generator=rng(6)).state_dict()
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)
    torch.manual_seed(3)
    first = create_model(name, img_size=side).state_dict()
    torch.manual_seed(3)
    assert all(torch.equal(v, first[k]) for k, v in create_model(name, img_size=side).state_dict().items())


def test_what_does_not_fit_takes_no_memory(monkeypatch: pytest.MonkeyPatch):
    """VGG-19 on 16×16 pictures: refused with the diagnosis before any of its 20 million convolution weights exist."""

    def forbidden(*args: object, **kwargs: object) -> Tensor:
        raise AssertionError("memory was asked for")

    with monkeypatch.context() as patch:
        for name in ("empty", "empty_like", "zeros", "zeros_like", "randn", "tensor"):
            patch.setattr(torch, name, forbidden)
        with pytest.raises(ShapeError) as caught:
            create_model("vgg19", img_size=16)
        assert "layer 'features.36' (max 2×2/2) on 512×1×1" in str(caught.value)
        assert "the smallest square picture that fits is 32×32" in str(caught.value)
        with pytest.raises(AssertionError, match="memory was asked for"):
            create_model("lenet5")
    assert create_model("lenet5").num_classes == 10


def test_oblong_pictures():
    model = create_model("resnet8.cifar", img_size=(24, 40), generator=rng()).eval()
    assert model.arch.input == (3, 24, 40)
    assert model(pictures(model)).shape == (2, 10)
    with pytest.raises(ShapeError):
        create_model("alexnet", img_size=(227, 30))


def test_other_sizes_at_run_time():
    """Global pooling reads any size that fits; full connections say what to do."""
    free = create_model("resnet8.cifar", generator=rng()).eval()
    assert free(torch.randn(1, 3, 50, 44)).shape == (1, 10)
    fixed = create_model("lenet5.modern", generator=rng()).eval()
    with pytest.raises(ShapeError, match=r"lenet5.modern was built for N×1×32×32; it cannot read 1×1×40×40: "
                                         r"build it with img_size=40"):  # fmt: skip
        fixed(torch.randn(1, 1, 40, 40))
    with pytest.raises(ShapeError, match="the smallest square picture that fits is 32×32"):
        fixed(torch.randn(1, 1, 8, 8))
    for wrong in (torch.randn(1, 3, 32, 32), torch.randn(1, 32, 32), torch.randn(32, 32)):
        with pytest.raises(ShapeError, match=r"lenet5\.modern reads N×1×32×32, not"):
            fixed(wrong)


def test_names():
    with pytest.raises(UnknownName, match="did you mean lenet5"):
        create_model("lenett5")
    assert create_model("tv:resnet18", num_classes=2, img_size=32).arch.name == "resnet18"
    model = create_model(resolve("lenet5").build(), num_classes=3)
    assert (model.num_classes, model.preprocessing) == (3, None)
    assert create_model("lenet5").preprocessing == resolve("lenet5").card.preprocessing
    assert "lenet5" in list_models()


@pytest.mark.parametrize("bad", [{"num_classes": 1}, {"num_classes": 0}, {"drop_rate": 1.0}, {"drop_rate": -0.1}])
def test_impossible_wishes(bad: dict):
    with pytest.raises(UserError):
        create_model("lenet5", **bad)


@pytest.mark.parametrize("bad", [{"in_chans": 0}, {"img_size": 0}, {"img_size": -3}, {"img_size": (32, 0)}])
def test_impossible_pictures(bad: dict):
    with pytest.raises(UserError):
        create_model("lenet.caffe", **bad)


def test_a_model_goes_through_deepcopy_and_state_dict():
    """What EMA and checkpoints do."""
    import copy

    model = create_model("lenet5", generator=rng()).eval()
    twin = copy.deepcopy(model)
    other = create_model("lenet5", generator=rng(1)).eval()
    x = pictures(model)
    assert torch.equal(twin(x), model(x))
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


def test_scopes_are_plain_containers():
    """`model.layer1[0].conv1` as in torchvision, and a repr that reads like the network."""
    model = create_model("resnet8.cifar", generator=rng())
    assert model.layer1[0].conv1.weight.shape == (16, 16, 3, 3)
    assert len(model.layer1) == 1
    assert [type(m).__name__ for m in model.layer2[0].downsample] == ["AvgPool2d", "PadChannels"]
    assert "conv1" in repr(model)
    assert model.get_submodule("layer3.0.add") is model.layer3[0].add


def test_float64_and_half():
    """`model.to(dtype)` as for any Module; the table convolution and the codes follow."""
    for name in ("lenet5", "resnet8.cifar"):
        model = create_model(name, generator=rng()).eval()
        x = pictures(model)
        want = model(x)
        got = model.double()(x.double())
        assert got.dtype == torch.double
        assert torch.allclose(got.float(), want, rtol=1e-3, atol=1e-3)
        assert model.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
        model.float().reset_classifier(4)
        assert model(x).shape == (2, 4)


def test_a_new_head_is_in_the_mode_of_its_network():
    model = create_model("resnet8.cifar").eval()
    model.reset_classifier(3)
    assert not any(module.training for module in model.modules())
