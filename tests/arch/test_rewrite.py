"""Rewrites: the new value, and the plan that carries the weights over, executed on real Modules."""

import pytest
import torch

from neocog.arch import (
    GELU,
    Activation,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Product,
    Ref,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Sum,
    Tanh,
    analyse,
    architecture,
    head,
)
from neocog.arch.rewrite import (
    Rewrite,
    WeightPlan,
    carry_over,
    drop,
    replace,
    tensors,
    with_activation,
    with_channels,
    with_classes,
    with_dropout,
    with_input,
    without_taps,
)
from neocog.errors import ShapeError, UserError
from neocog.nets import nets, resolve
from neocog.nn import Model
from neocog.weights import apply_plan
from tests.conftest import error, picture, randomise, rng

from .cases import CASES
from .rewriting import every_net

SMALL = ["lenet5", "lenet5.modern", "lenet.caffe", "mlp", "resnet8.cifar", "plain20.cifar", "resnet20.cifar_b"]


def moved(old: Model, rewrite: Rewrite) -> Model:
    """The new network with what the plan makes of the old one's tensors; the rest starts afresh."""
    arch, plan = rewrite
    new = Model(arch, rng(7)).eval()
    made = apply_plan(plan, old.state_dict(), tensors(arch))
    assert set(made) == plan.kept
    missing, unexpected = new.load_state_dict(made, strict=False)
    assert not unexpected
    assert set(missing) == set(tensors(arch)) - plan.kept
    return new


def model(name: str) -> Model:
    built = Model(CASES[name].build() if name in CASES else resolve(name).build(), rng()).eval()
    randomise(built)
    return built


@pytest.mark.parametrize("name", SMALL)
def test_identity(name: str):
    old = model(name)
    new = moved(old, (old.arch, carry_over(old.arch, old.arch)))
    x = picture(old.arch)
    assert torch.equal(new(x), old(x))


@pytest.mark.parametrize("name", ["resnet8.cifar", "plain20.cifar", "resnet20.cifar_b"])
def test_with_input_of_a_convolutional_net(name: str):
    """Global pooling: all weights stay, and the picture may be oblong."""
    old = model(name)
    new = moved(old, with_input(old.arch, (3, 40, 56)))
    assert analyse(new.arch).output == (10,)
    x = torch.randn(2, 3, 40, 56, generator=rng(3))
    assert torch.equal(new(x), old(x)), "a Module of another declared size computes the same"


def test_with_input_behind_full_connections():
    """The first full connection has another number of weights and starts afresh; convolutions stay."""
    arch = resolve("alexnet").build()
    new, plan = with_input(arch, (3, 259, 259))
    lost = set(tensors(new)) - plan.kept
    assert lost == {"fc6.weight"}
    assert tensors(new)["fc6.weight"].shape == (4096, 256 * 7 * 7)
    with pytest.raises(ShapeError, match="the smallest square picture that fits is 67×67"):
        with_input(arch, (3, 30, 30))


@pytest.mark.parametrize("name", ["lenet5", "lenet5.modern", "lenet.caffe", "resnet8.cifar", "se_block", "neocognitron"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 7])
def test_with_channels(name: str, channels: int):
    """Equal channels give the old response: grey given to a colour net as one channel, or to a grey net as three."""
    old = model(name)
    new = moved(old, with_channels(old.arch, channels))
    assert new.arch.input == (channels, *old.arch.input[1:])
    grey = picture(old.arch)[:, :1]
    x, y = (grey.expand(-1, n, -1, -1) for n in (old.arch.input[0], channels))
    assert error(new(y), old(x)) <= 1e-5
    assert set(tensors(new.arch)) == with_channels(old.arch, channels)[1].kept


def test_with_channels_of_grouped_first_layers():
    """Depthwise weights have one plane for each map: nothing there can be summed, and none may be taken over wrongly."""
    arch = architecture("dw", (3, 8, 8), Sequential(dw=DepthwiseConv2d(3, padding=1), pw=Conv2d(4, 1)))
    new, plan = with_channels(arch, 6)
    old = Model(arch, rng()).eval()
    made = apply_plan(plan, old.state_dict(), tensors(new))
    assert all(tuple(v.shape) == tensors(new)[k].shape for k, v in made.items())


@pytest.mark.parametrize("name", [*SMALL, "googlenet_small"])
@pytest.mark.parametrize("classes", [2, 37])
def test_with_classes(name: str, classes: int):
    """Only the heads start afresh; what the head reads is what it was."""
    old = model(name)
    new = moved(old, with_classes(old.arch, classes))
    assert analyse(new.arch).output == (classes,)
    heads = {m.path for m in old.arch.marked("head")}
    assert {k.rpartition(".")[0] for k in set(tensors(new.arch)) - with_classes(old.arch, classes)[1].kept} == heads
    x = picture(old.arch)
    assert torch.equal(
        new.forward_head(new.forward_features(x), pre_logits=True), old.forward_head(old.forward_features(x), pre_logits=True)
    )
    assert new(x).shape == (2, classes)


def test_with_the_same_classes_nothing_starts_afresh():
    arch = resolve("lenet5").build()
    new, plan = with_classes(arch, 10)
    assert new is arch
    assert plan.kept == set(tensors(arch))


def test_lenet5s_codes_are_for_ten_digits():
    """Other classes get random codes of ±1; going back does not bring the digits' bitmaps back."""
    arch, _ = with_classes(resolve("lenet5").build(), 26)
    assert arch.head.record.out == 26
    assert set(Model(arch, rng()).output.weight.unique().tolist()) == {-1.0, 1.0}
    assert str(arch.head.record.init) == "random ±1 codes"


def test_classes_refused():
    arch = resolve("lenet5").build()
    for classes in (1, 0, -3):
        with pytest.raises(UserError, match="two or more classes"):
            with_classes(arch, classes)
    with pytest.raises(UserError, match="no layer is marked as its head"):
        with_classes(CASES["se_block"].build(), 5)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "googlenet_small"])
def test_with_dropout_where_there_is_some(name: str):
    arch = resolve(name).build() if name in nets() else CASES[name].build()
    new, plan = with_dropout(arch, 0.1)
    assert {n.record.p for n in new.nodes if isinstance(n.record, Dropout)} == {0.1}
    assert len(new.nodes) == len(arch.nodes)
    assert plan.kept == set(tensors(arch)) == set(tensors(new))


@pytest.mark.parametrize("name", SMALL)
def test_with_dropout_where_there_is_none(name: str):
    """One before the head; in evaluation the function and the keys stay."""
    old = model(name)
    arch, plan = with_dropout(old.arch, 0.3)
    (added,) = (n for n in arch.nodes if isinstance(n.record, Dropout))
    assert added.inputs == old.arch.head.inputs
    assert arch.head.inputs == (added.path,)
    assert list(tensors(arch)) == list(tensors(old.arch))
    x = picture(old.arch)
    assert torch.equal(moved(old, (arch, plan))(x), old(x))
    assert with_dropout(old.arch, 0)[0] == old.arch


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_dropout_refused(p: float):
    with pytest.raises(UserError, match="at least 0 and below 1"):
        with_dropout(resolve("alexnet").build(), p)


def test_without_taps_of_a_net_without_taps():
    arch = resolve("lenet5").build()
    assert without_taps(arch)[0] == arch


def test_replace_by_type_path_and_test():
    old = model("resnet8.cifar")
    new = moved(old, replace(old.arch, ReLU, GELU()))
    assert {n.record.type for n in new.arch.nodes if n.record.type in ("ReLU", "GELU")} == {"GELU"}
    assert [n.path for n in new.arch.nodes] == [n.path for n in old.arch.nodes]
    back = moved(new, replace(new.arch, GELU, ReLU()))
    x = picture(old.arch)
    assert back.arch == old.arch
    assert torch.equal(back(x), old(x))
    assert not torch.equal(new(x), old(x))
    one, _ = replace(old.arch, "relu", Tanh())
    assert [n.path for n in one.nodes if isinstance(n.record, Tanh)] == ["relu"]
    pools, _ = replace(resolve("lenet.caffe").build(), lambda n: isinstance(n.record, MaxPool2d), AvgPool2d(2, 2))
    assert [n.path for n in pools.nodes if isinstance(n.record, AvgPool2d)] == ["pool1", "pool2"]


def test_replace_refused():
    arch = resolve("lenet5").build()
    with pytest.raises(UserError, match="nothing to replace by ReLU"):
        replace(arch, BatchNorm2d, ReLU())
    with pytest.raises(UserError, match="nothing to replace"):
        replace(arch, "nowhere", ReLU())
    with pytest.raises(ShapeError):
        replace(arch, "S2", MaxPool2d(20, 20))


def test_replace_of_a_layer_with_weights():
    """Weights of another shape start afresh, the others stay."""
    arch = resolve("lenet5.modern").build()
    new, plan = replace(arch, "conv1", Conv2d(6, 3, padding=1, stride=1))
    assert {"conv1.weight", "conv2.weight"} & plan.kept == {"conv2.weight"}
    assert isinstance(plan, WeightPlan)
    assert tensors(new)["conv1.weight"].shape == (6, 1, 3, 3)


@pytest.mark.parametrize("name", every_net())
def test_with_activation(name: str):
    """Every unit of every network gets the new function; gates, which must stay between 0 and 1, keep theirs."""
    arch = resolve(name).build()
    before = [n for n in arch.nodes if isinstance(n.record, Activation)]
    if not before:
        with pytest.raises(UserError, match="nothing to replace by tanh"):
            with_activation(arch, Tanh())
        return
    new, plan = with_activation(arch, Tanh())
    kept = {n.record.type for n in new.nodes if isinstance(n.record, Activation) and n.record != Tanh()}
    assert kept <= {"Sigmoid", "HardSigmoid", "Softmax"}
    assert plan.kept == set(tensors(new)) == set(tensors(arch))
    assert [(n.path, n.inputs) for n in new.nodes] == [(n.path, n.inputs) for n in arch.nodes]


def test_gates_keep_their_function():
    new, _ = with_activation(CASES["se_block"].build(), GELU())
    assert {n.record.type for n in new.nodes if isinstance(n.record, Activation)} == {"GELU", "Sigmoid"}
    gate = Sequential(out=Sum(Product(Sequential(H=Linear(5), s=Sigmoid()), T=Sequential(Linear(5), Sigmoid())),
                              Product(Identity(), Sequential(Ref("T"), Scale(-1, 1)))))  # fmt: skip
    highway, _ = with_activation(architecture("h", (5,), Sequential(a=Tanh(), b=gate)), ReLU())
    assert [n.path for n in highway.nodes if isinstance(n.record, ReLU)] == ["a"], "H's sigmoid is multiplied too"


def test_drop_a_node():
    """LRN out of vgg11.lrn is vgg11, by value and not only by counts."""
    lrn = resolve("vgg11.lrn").build()
    (path,) = (n.path for n in lrn.nodes if n.record.type == "LRN")
    new, plan = drop(lrn, path)
    assert [n.record for n in new.nodes] == [n.record for n in resolve("vgg11").build().nodes]
    assert plan.kept == set(tensors(lrn))


def test_drop_a_scope():
    """A residual block whose input and output have one shape: the net is one block shorter, and still computes."""
    old = model("plain20.cifar")
    new = moved(old, drop(old.arch, "layer2.1"))
    assert not [n for n in new.arch.nodes if n.path.startswith("layer2.1")]
    assert new.arch.by_path["layer2.2.conv1"].inputs == ("layer2.0.relu2",)
    assert "layer2.1" not in {m.path for m in new.arch.marks}
    x = picture(old.arch)
    replaced = old.layer2[1]
    for name in ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2"):
        setattr(replaced, name, torch.nn.Identity())
    assert torch.equal(new(x), old(x))


def test_drop_the_last_node():
    arch = resolve("lenet5").build()
    new, _ = drop(arch, "score")
    assert new.output == "output"


def test_drop_a_residual_scope():
    """The scope of a whole block has one way in and one way out, though its inside branches."""
    arch = resolve("resnet20.cifar").build()
    new, _ = drop(arch, "layer1.1")
    assert analyse(new).total("params") == analyse(arch).total("params") - 4_672


def test_drop_refused():
    arch = resolve("resnet20.cifar").build()
    with pytest.raises(UserError, match="there is no 'wings' to drop"):
        drop(arch, "wings")
    with pytest.raises(UserError, match="2 inputs and 1 outputs; only one of each can be bridged"):
        drop(arch, "layer1.0.add")
    with pytest.raises(ShapeError):
        drop(arch, "layer2.0")


def test_drop_everything():
    """Nothing would be left: refused, not a broken value."""
    arch = architecture("one", (3, 4, 4), Sequential(a=ReLU()))
    with pytest.raises(UserError):
        drop(arch, "a")


def test_rewrites_leave_the_old_value_alone():
    before = CASES["googlenet_small"].build()
    data = before.to_json()
    rewrites = [with_input(before, (8, 11, 11)), with_channels(before, 3), with_classes(before, 4)]
    for rewrite in (*rewrites, with_dropout(before, 0.2), without_taps(before), replace(before, ReLU, GELU())):
        new, plan = rewrite
        assert isinstance(new, Architecture)
        assert plan.kept <= set(tensors(new))
        assert all(set(m.old) <= set(tensors(before)) for m in plan.moves)
    assert before.to_json() == data


def test_rewrites_compose():
    """Classes, channels, size and dropout in one go, as `create_model` takes them; keys that can stay do."""
    arch = architecture("net", (3, 16, 16), Sequential(
        conv=Conv2d(4, 3, padding=1), add=Sum(Identity(), Sequential(c=Conv2d(4, 3, padding=1))), flatten=Flatten(),
        fc=head(Linear(10))))  # fmt: skip
    new = with_dropout(with_classes(with_input(with_channels(arch, 1)[0], (1, 8, 8))[0], 3)[0], 0.5)[0]
    assert (new.input, analyse(new).output) == ((1, 8, 8), (3,))
    assert list(tensors(new)) == list(tensors(arch))
