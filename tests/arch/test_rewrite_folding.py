"""Batch normalisation folded: fewer layers, the same function, and a reason for each that stays."""

import pytest
import torch

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Ref,
    ReLU,
    Sequential,
    Sum,
    analyse,
    architecture,
    head,
)
from neocog.arch.rewrite import fold_bn, not_folded, rewritten, tensors, with_channels, with_classes, without_train_only
from neocog.nets import nets
from neocog.nn import Model
from tests.conftest import error, picture, randomise, rng

from .rewriting import answer, build, every_net, exactly, model, moved


def norms(arch: Architecture) -> list[str]:
    return [n.path for n in arch.nodes if isinstance(n.record, BatchNorm2d)]


WITH_BN = [name for name in nets() if norms(nets()[name].build())]


@pytest.mark.parametrize("name", every_net(WITH_BN))
def test_the_same_function(name: str):
    with exactly(name):
        old = model(name)
        new = moved(old, fold_bn(old.arch))
        assert set(tensors(new.arch)) == fold_bn(old.arch)[1].kept
        x = picture(old.arch, 1)
        assert error(answer(new, x), answer(old, x)) <= 1e-5


@pytest.mark.parametrize("name", every_net(WITH_BN))
def test_what_stays_has_a_reason(name: str):
    arch = build(name)
    new, plan = fold_bn(arch)
    assert [path for path, _ in not_folded(arch)] == norms(new)
    assert all(why for _, why in not_folded(arch))
    assert fold_bn(new)[0] == new
    assert plan.kept == set(tensors(new))
    assert analyse(new).output == analyse(arch).output


def folded(net: Sequential, input: tuple[int, ...] = (4, 9, 9)) -> tuple[list[str], list[str]]:
    """(normalisations that stay, reasons), after checking that the function is the same."""
    old = Model(architecture("net", input, net), rng()).eval()
    randomise(old)
    new = moved(old, fold_bn(old.arch))
    x = picture(old.arch)
    assert error(answer(new, x), answer(old, x)) <= 1e-5
    return norms(new.arch), [why for _, why in not_folded(old.arch)]


@pytest.mark.parametrize("before", [
    Conv2d(6, 3, padding=1, groups=2), Conv2d(6, 3, bias=False), DepthwiseConv2d(3, multiplier=2),
    DepthwiseConv2d(3, bias=False),
], ids=lambda r: r.describe())  # fmt: skip
@pytest.mark.parametrize("affine", [True, False])
def test_into_the_layer_before(before, affine: bool):
    assert folded(Sequential(c=before, bn=BatchNorm2d(affine=affine, eps=1e-3), r=ReLU(), p=MaxPool2d(2, 2))) == ([], [])
    assert folded(Sequential(f=Flatten(), c=Linear(5, bias=False), bn=BatchNorm2d(affine=affine), r=ReLU())) == ([], [])


@pytest.mark.parametrize("behind", [
    Conv2d(6, 3, groups=2), Conv2d(6, 1, bias=False), DepthwiseConv2d(3, multiplier=2), DepthwiseConv2d(3, bias=False),
], ids=lambda r: r.describe())  # fmt: skip
def test_into_the_layer_behind(behind):
    """Nothing before takes it in, and the layer behind pads nothing."""
    assert folded(Sequential(r=ReLU(), bn=BatchNorm2d(), c=behind)) == ([], [])
    assert folded(Sequential(r=ReLU(), bn=BatchNorm2d(affine=False), f=Flatten(), c=Linear(5, bias=False))) == ([], [])


def test_before_and_behind_at_once():
    """One layer takes in the normalisation behind it and the one before it."""
    assert folded(Sequential(r=ReLU(), a=BatchNorm2d(), c=Conv2d(5, 3), b=BatchNorm2d(), d=Conv2d(3, 1), e=BatchNorm2d())) == (
        [], [])  # fmt: skip


def test_where_it_is_not_exact():
    conv = Conv2d(4, 3, padding=1)
    assert folded(Sequential(r=ReLU(), bn=BatchNorm2d(), c=conv)) == (
        ["bn"], ["ReLU stands before it, and the layer behind it pads"])  # fmt: skip
    assert folded(Sequential(bn=BatchNorm2d(), r=ReLU())) == (["bn"], ["it normalises the picture"])
    assert folded(Sequential(j=Concat(Identity(), Sequential(c=conv)), bn=BatchNorm2d(), r=ReLU())) == (
        ["bn"], ["it follows a concatenation"])  # fmt: skip
    assert folded(Sequential(c=conv, bn=BatchNorm2d(), r=ReLU(), s=Sum(Identity(), Ref("c")))) == (
        ["bn"], ["'c' before it is also read by s"])  # fmt: skip
    assert folded(Sequential(c=conv, p=MaxPool2d(2, 2), bn=BatchNorm2d(), r=ReLU()))[1] == [
        "it follows 'p' (max 2×2/2), which has no weights to take it in"]  # fmt: skip
    two = Sequential(c=conv, s=Sum(Sequential(a=BatchNorm2d(), r=ReLU()), Sequential(b=BatchNorm2d())))
    assert len(folded(two)[0]) == 2


def test_normalisation_that_two_read():
    """A later reader may still be another node; the layer before is what counts."""
    assert folded(Sequential(c=Conv2d(4, 3, padding=1), bn=BatchNorm2d(), s=Sum(Sequential(r=ReLU()), Identity()))) == ([], [])


def test_the_keys_stay():
    arch, _ = fold_bn(build("resnet8.cifar"))
    assert list(tensors(arch))[:4] == ["conv1.weight", "conv1.bias", "layer1.0.conv1.weight", "layer1.0.conv1.bias"]
    assert norms(arch) == []


@pytest.mark.parametrize("name", every_net())
def test_train_only_parts_removed(name: str):
    old = model(name)
    arch, plan = without_train_only(old.arch)
    assert not arch.taps
    assert not {"Dropout", "DropPath"} & {n.record.type for n in arch.nodes}
    assert {n.path for n in arch.nodes} <= old.arch.main
    if arch != old.arch:
        x = picture(old.arch, 1)
        assert answer(moved(old, (arch, plan)), x).equal(answer(old, x))


def test_dropout_between_convolution_and_normalisation():
    """What stands between them in training only need not keep them apart."""
    net = architecture("net", (4, 9, 9), Sequential(
        c=Conv2d(6, 3), d=Dropout(0.5), bn=BatchNorm2d(), g=AdaptiveAvgPool2d(1), f=Flatten(), fc=head(Linear(3))))  # fmt: skip
    assert [path for path, _ in not_folded(net)] == ["bn"]
    old = Model(net, rng()).eval()
    randomise(old)
    new = moved(old, rewritten(net, without_train_only, fold_bn))
    assert norms(new.arch) == []
    x = picture(net)
    assert error(answer(new, x), answer(old, x)) <= 1e-5


def test_plans_compose():
    """Step by step or in one plan: the same tensors, bit for bit; what starts afresh on the way does so at the end."""
    old = model("resnet8.cifar")
    steps = (without_train_only, lambda a: with_channels(a, 1), fold_bn, lambda a: with_classes(a, 4))
    one_by_one = old
    for step in steps:
        one_by_one = moved(one_by_one, step(one_by_one.arch))
    arch, plan = rewritten(old.arch, *steps)
    at_once = moved(old, (arch, plan))
    assert at_once.arch == one_by_one.arch
    assert set(tensors(arch)) - plan.kept == {"linear.weight", "linear.bias"}
    for key in plan.kept:
        assert torch.equal(at_once.state_dict()[key], one_by_one.state_dict()[key]), key
    assert all(move.reads <= set(tensors(old.arch)) for move in plan.moves)
