"""Beside Captum: the same where it is right, and what it gives where it is not."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import LRN, AdaptiveAvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, architecture
from neocog.explain import classes
from neocog.explain.deconvnet.rules import backward
from neocog.explain.inside import values_at
from neocog.explain.targets import Target
from neocog.nn import Model, create_model

attr = pytest.importorskip("captum.attr", reason="Captum is one of the peers")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Function(nn.Module):
    """A ReLU called as a function: it is no nn.ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


def plain(lrn: bool = False) -> Model:
    between = (LRN(5, 0.5, 0.75, 1.0),) if lrn else ()
    net = Sequential(
        Conv2d(8, 5, padding=2), ReLU(), *between, MaxPool2d(3, 2), Conv2d(8, 3, padding=1), ReLU(), MaxPool2d(3, 2),
        Conv2d(9, 3), ReLU(), AdaptiveAvgPool2d(1), Flatten(), Linear(4))  # fmt: skip
    return Model(architecture("plain", (3, 25, 21), net), torch.Generator().manual_seed(0)).double().eval()


def with_functions(model: Model) -> Model:
    twin = copy.deepcopy(model)
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, Function())
    return twin


def noise(model: Model) -> Tensor:
    return torch.randn(2, *model.arch.input, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def quiet(way: object, *args: object, **named: object) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return way.attribute(*args, **named).detach()  # type: ignore[attr-defined]


@pytest.mark.parametrize("net", ["plain", "resnet8.cifar", "squeezenet1_1"])
def test_it_agrees_where_relus_are_modules_and_nothing_is_normalised(net: str):
    model = plain() if net == "plain" else create_model(net, img_size=33, generator=torch.Generator().manual_seed(0)).double()
    model.eval()
    x, chosen = noise(model), [1, 3]
    target = classes(chosen)
    for rule, kind in (("deconvnet", attr.Deconvolution), ("guided", attr.GuidedBackprop)):
        theirs = quiet(kind(model), x.clone().requires_grad_(), target=chosen)
        ours = backward(model, x, target, rule)
        assert ours.any() and torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12 * float(theirs.abs().max())), rule
    saliency = quiet(attr.Saliency(model), x.clone().requires_grad_(), target=chosen)
    assert torch.allclose(backward(model, x, target, "gradient").abs(), saliency, rtol=1e-9, atol=1e-15)


def test_it_agrees_on_a_unit_of_a_layer():
    model = plain()
    x = noise(model)
    with torch.no_grad():
        channel = int(values_at(model, x, ("4",))["4"][:, :, 1, 2].amin(0).argmax())  # alive in both pictures
    target = Target("4", torch.tensor([channel] * 2), torch.tensor([[1, 2]] * 2))
    for rule, kind in (("deconvnet", attr.NeuronDeconvolution), ("guided", attr.NeuronGuidedBackprop)):
        theirs = quiet(kind(model, model.get_submodule("4")), x.clone().requires_grad_(), (channel, 1, 2))
        ours = backward(model, x, target, rule)
        assert ours.any() and torch.allclose(ours, theirs, rtol=1e-9, atol=1e-15), rule


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_functional_relus_turn_captum_into_the_plain_gradient_without_a_word(rule: str):
    """It hooks modules of the type nn.ReLU; ours does not care."""
    model = plain()
    twin, x, chosen = with_functions(model), noise(model), [0, 2]
    kind = attr.Deconvolution if rule == "deconvnet" else attr.GuidedBackprop
    theirs = quiet(kind(twin), x.clone().requires_grad_(), target=chosen)
    assert torch.allclose(theirs, backward(model, x, classes(chosen), "gradient"), rtol=1e-9, atol=1e-15)
    ours = backward(twin, x, classes(chosen), rule)
    assert torch.equal(ours, backward(model, x, classes(chosen), rule))
    assert float(F.cosine_similarity(ours.flatten(), theirs.flatten(), 0)) < 0.9


def test_captum_goes_back_through_local_response_normalisation():
    """The paper leaves it out on the way down (ECCV text, section 2.1); a gradient does not."""
    model, bare = plain(lrn=True), plain()
    x, chosen = noise(model), [0, 2]
    ours = backward(model, x, classes(chosen), "deconvnet")
    theirs = quiet(attr.Deconvolution(model), x.clone().requires_grad_(), target=chosen)
    assert ours.any() and float((ours - theirs).norm() / ours.norm()) > 0.1
    without = backward(bare, x, classes(chosen), "deconvnet")
    other = quiet(attr.Deconvolution(bare), x.clone().requires_grad_(), target=chosen)
    assert torch.allclose(without, other, rtol=1e-9, atol=1e-15)
