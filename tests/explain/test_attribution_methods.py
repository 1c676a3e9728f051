"""Attribution methods against what they must equal: contributions, sums, each other, and Captum where it is right."""

import copy

import pytest
import torch
from torch import Tensor, nn

from neocog.errors import UserError
from neocog.explain import METHODS, Target, classes
from neocog.explain.attribution.cam import cam_layer, maps_and_slopes, pooled_head
from neocog.explain.attribution.gradients import integrated_gradients, smoothgrad
from neocog.explain.inside import values_at
from neocog.explain.occlusion.baselines import baseline_of
from neocog.nn import Model, create_model
from tests.conftest import picture, randomise, rng

QUICK = {"smoothgrad": {"samples": 3}, "integrated-gradients": {"steps": 3}, "occlusion": {"size": 12, "stride": 8}}


def net(name: str = "resnet8.cifar") -> Model:
    model = create_model(name, generator=rng()).eval()
    randomise(model)
    return model


def run(method: str, model: nn.Module, x: Tensor, target: Target, **settings: object) -> Tensor:
    return METHODS[method].run(model, x, target, **settings)


@pytest.mark.parametrize("name", list(METHODS))
def test_a_batch_is_one_by_one_and_the_model_is_left_as_it_was(name: str):
    """Modes, hooks, wishes for gradients, gradients and every number (T14); each picture has a class of its own."""
    model, method, settings = net(), METHODS[name], QUICK.get(name, {})
    model.train()
    model.get_classifier().eval()
    for i, p in enumerate(model.parameters()):
        p.grad = torch.full_like(p, 0.5) if i % 2 else None
        p.requires_grad_(i % 3 > 0)

    def state() -> dict:
        return {
            "modes": [m.training for m in model.modules()],
            "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.modules()],
            "wishes": [p.requires_grad for p in model.parameters()],
        }

    was, numbers = state(), copy.deepcopy(model.state_dict())
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    assert method.undefined(model) is None
    x, numbers_of = picture(model.arch, 3), [1, 7, 4]
    x_was = x.clone()
    found = method.run(model, x, classes(numbers_of), **settings)
    assert state() == was and torch.equal(x, x_was) and not found.requires_grad
    assert all(torch.equal(v, numbers[k]) for k, v in model.state_dict().items())
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert (p.grad is None) == (grad is None) and (grad is None or torch.equal(p.grad, grad))
    alone = torch.cat([method.run(model, x[i : i + 1], classes([n]), **settings) for i, n in enumerate(numbers_of)])
    assert torch.allclose(found, alone, rtol=1e-3, atol=1e-4 * float(alone.abs().max())) and alone.abs().max() > 0
    assert method.one_map(found).dim() == 3 and (method.signed or found.min() >= 0)


def test_of_a_linear_network_input_times_gradient_is_each_pixels_contribution():
    model = net("linear")
    layer = model.get_submodule("fc")
    with torch.no_grad():
        layer.weight.normal_(generator=rng(1))
    x = picture(model.arch, 2)
    for name, settings in (("input-x-gradient", {}), ("integrated-gradients", {"steps": 2})):
        found = run(name, model, x, classes([3, 5]), **settings)
        want = layer.weight[[3, 5]].view(2, 1, 28, 28) * x
        assert torch.allclose(found, want, atol=1e-5), name
        scores = model(x)[[0, 1], [3, 5]]
        assert torch.allclose(found.flatten(1).sum(1) + layer.bias[[3, 5]], scores, atol=1e-3)


def test_integrated_gradients_add_up():
    """The more steps, the nearer to the difference of the scores; and the record says by how much it is missed."""
    model, x = net("lenet5.modern"), picture(create_model("lenet5.modern").arch, 3)
    gaps = []
    for steps in (2, 20, 200):
        found = integrated_gradients(model, x, classes([1, 2, 3]), steps)
        with torch.no_grad():
            difference = (model(x) - model(torch.zeros_like(x)))[range(3), [1, 2, 3]]
        assert torch.allclose(found.difference, difference, atol=1e-6)
        assert torch.allclose(found.gap, (found.maps.sum((1, 2, 3)) - difference).abs(), atol=1e-6)
        gaps.append(float(found.missed.max()))
    assert gaps[0] > 3 * gaps[1] > 6 * gaps[2] and gaps[2] < 0.01
    other = integrated_gradients(model, x, classes([1, 2, 3]), 20, baseline="blur")
    assert not torch.allclose(other.maps, found.maps, atol=1e-3) and other.missed.max() < 0.1
    itself = integrated_gradients(model, x, classes([1, 2, 3]), 4, baseline=x)
    assert not itself.maps.any() and not itself.difference.any()


def test_an_inner_unit_without_a_place_stays_where_it_was():
    """The strongest place of the clean picture is explained all along the way, and completeness holds for it."""
    model = net()
    x = picture(model.arch, 2)
    target = Target(_inner(model), torch.tensor([3, 5]))
    found = integrated_gradients(model, x, target, 60)
    assert found.difference.abs().min() > 0 and found.missed.max() < 0.05
    with torch.no_grad():
        maps = values_at(model, x, (target.path,))[target.path][[0, 1], target.channels]
    best = maps.flatten(1).argmax(1)
    there = Target(target.path, target.channels, torch.stack([best // maps.shape[2], best % maps.shape[2]], 1))
    assert torch.equal(smoothgrad(model, x, target, 6, noise=0.5), smoothgrad(model, x, there, 6, noise=0.5))
    assert not torch.equal(maps, maps.flip(2)), "the place matters"


def _inner(model: Model) -> str:
    return [n.path for n in model.arch.nodes if n.record.type == "ReLU"][3]


def test_smoothgrad_without_noise_is_the_gradient_and_its_draws_are_its_seeds():
    model = net("lenet5.modern")
    x = picture(model.arch, 2)
    plain = run("gradient", model, x, classes([1, 2]))
    assert torch.allclose(smoothgrad(model, x, classes([1, 2]), 3, noise=0.0), plain, atol=1e-6)
    odd = net("INPUT 1x9x11 CONV 3x3 4 RELU FC 5")  # torch draws other numbers when it draws sizes like this one together
    three = picture(odd.arch, 3)
    together = smoothgrad(odd, three, classes([1, 2, 3]), 12)
    alone = torch.cat([smoothgrad(odd, three[i : i + 1], classes([i + 1]), 12) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-6)
    first, again, other = (smoothgrad(model, x, classes([1, 2]), 20, seed=s) for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=1e-4)


def test_cam_is_the_score_taken_apart_and_grad_cam_is_cam():
    """T10: its mean plus the bias is the score; Grad-CAM · H·W = ReLU(CAM), HiResCAM · H·W = CAM, at the averaged maps."""
    model = net()
    x, target = picture(model.arch, 3), classes([1, 7, 4])
    head = pooled_head(model.arch)
    assert head.weights == model.arch.head.path and cam_layer(model) == head.maps
    found = run("cam", model, x, target)
    with torch.no_grad():
        scores = model(x)[range(3), [1, 7, 4]]
    bias = model.get_classifier().bias[[1, 7, 4]]
    assert torch.allclose(found.mean((1, 2)) + bias, scores, atol=1e-5)
    places = found[0].numel()
    assert torch.allclose(run("grad-cam", model, x, target) * places, found.relu(), atol=1e-4)
    assert torch.allclose(run("hirescam", model, x, target) * places, found, atol=1e-4)


def test_where_the_averaged_maps_are_the_classes_own_cam_is_the_class_s_map():
    """NIN's and SqueezeNet's case: a 1×1 convolution, then the mean."""
    model = create_model("nin.cifar10", generator=rng()).eval()
    assert pooled_head(model.arch).weights is None
    x = picture(model.arch, 2)
    with torch.no_grad():
        assert torch.allclose(run("cam", model, x, classes([3, 8])).mean((1, 2)), model(x)[[0, 1], [3, 8]], atol=1e-6)


class Two(nn.Module):
    """A score that is linear in two maps of 2×2 but for ReLUs: exp of it has the derivatives that Grad-CAM++ takes."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(x))


def test_cams_are_their_formulas():
    """Grad-CAM++'s weights from the true first, second and third derivatives of exp(score), element by element."""
    torch.manual_seed(3)
    model, x = Two().double(), torch.rand(1, 1, 2, 2, dtype=torch.float64) + 0.5
    with torch.no_grad():
        model.maps[0].weight.copy_(torch.tensor([0.7, 1.3]).view(2, 1, 1, 1))
    maps = model.maps(x).detach()

    def y(values: Tensor) -> Tensor:
        return model.head(values)[0, 1].exp()

    first, second, third = (torch.zeros_like(maps) for _ in range(3))
    for place in range(maps.numel()):
        at = maps.flatten()[place].clone().requires_grad_()
        value = y(torch.cat([maps.flatten()[:place], at[None], maps.flatten()[place + 1 :]]).view_as(maps))
        (one,) = torch.autograd.grad(value, at, create_graph=True)
        (two,) = torch.autograd.grad(one, at, create_graph=True)
        (three,) = torch.autograd.grad(two, at)
        first.view(-1)[place], second.view(-1)[place], third.view(-1)[place] = one.detach(), two.detach(), three
    alpha = second / (2 * second + maps.sum((2, 3), keepdim=True) * third)
    want = ((alpha.nan_to_num() * first.relu()).sum((2, 3), keepdim=True) * maps).sum(1).relu() / y(maps)
    found = run("grad-cam++", model, x, classes([1]), layer="maps")
    assert torch.allclose(found, want.detach()) and want.max() > 0
    seen, slopes = maps_and_slopes(model, x, classes([1]), "maps")
    assert torch.equal(seen, maps) and torch.allclose(slopes * y(maps), first)
    assert torch.equal(run("layer-cam", model, x, classes([1]), layer="maps"), (slopes.relu() * maps).sum(1).relu())


def test_occlusion_is_a_map_of_falls():
    """Of a network that looks at one corner only, hiding that corner takes the class away, and hiding another does nothing."""
    model = net("linear")
    with torch.no_grad():
        weight = model.get_submodule("fc").weight
        weight.zero_()
        weight.view(10, 28, 28)[4, :7, :7] = 1
    found = run("occlusion", model, torch.ones(1, 1, 28, 28), classes([4]), size=7, stride=7)[0]
    assert found.shape == (28, 28) and found[:4, :4].min() > 0.85 and found[11:, 11:].abs().max() < 1e-6


def test_baselines():
    model = net("lenet5.modern")
    record, model.preprocessing = model.preprocessing, None
    with pytest.raises(UserError, match="preprocessing record"):
        baseline_of(model, picture(model.arch), "black")
    model.preprocessing = record
    x = picture(model.arch, 2)
    assert not baseline_of(model, x, "mean").any()
    black, white = (baseline_of(model, x, fill) for fill in ("black", "255,255,255"))
    assert black.shape == x.shape and len(black.unique()) == len(white.unique()) == 1 and not torch.equal(black, white)
    soft = baseline_of(model, x, "blur")
    assert soft.std() < 0.8 * x.std() and torch.allclose(soft.mean(), x.mean(), atol=0.05)
    with pytest.raises(UserError, match="no fill 'gray'"):
        baseline_of(model, x, "gray")


@pytest.mark.parametrize(
    ("name", "method", "words"),
    [
        ("lenet5", "guided-backprop", "tanh"),
        ("linear", "grad-cam", "no maps of more than one place"),
        ("lenet5.modern", "cam", "relu4 .* grad-cam, which needs no such head"),
        ("knn", "gradient", "has no derivative; occlusion"),
        ("sift-svm", "integrated-gradients", "has no derivative; occlusion"),
    ],
)
def test_where_a_method_means_nothing_it_says_why(name: str, method: str, words: str):
    import re

    assert re.search(words, METHODS[method].undefined(create_model(name).eval()) or "nothing was said")


def test_wrong_layers_are_told():
    model = net()
    x = picture(model.arch)
    with pytest.raises(UserError, match="no maps to weigh"):
        run("grad-cam", model, x, classes([1, 2]), layer=model.arch.head.path)
    first, last = _inner(model), cam_layer(model)
    with pytest.raises(UserError, match="does not lead there"):
        run("grad-cam", model, x, Target(first, torch.tensor([0, 0]), torch.tensor([[1, 1], [2, 2]])), layer=last)
    assert cam_layer(model, Target(first, torch.tensor([0]))) != last, "maps before the unit's own layer"
    with pytest.raises(UserError, match="name the layer"):
        run("grad-cam", nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()), x, classes([1, 2]))


def test_captum_agrees():
    """On a Module whose ReLUs are modules, where Captum's own hooks reach them."""
    captum = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(12 * 16, 20), nn.ReLU(), nn.Linear(20, 5),
    ).eval()  # fmt: skip
    x, target, numbers = torch.randn(2, 3, 25, 25), classes([3, 1]), torch.tensor([3, 1])
    draws = torch.Generator().manual_seed(0)
    noise = torch.stack([torch.randn(3, 25, 25, generator=draws) for _ in range(4)])
    theirs = {
        "gradient": captum.Saliency(model).attribute(x, target=numbers, abs=False),
        "saliency": captum.Saliency(model).attribute(x, target=numbers).amax(1),
        "input-x-gradient": captum.InputXGradient(model).attribute(x.clone(), target=numbers),
        "integrated-gradients": captum.IntegratedGradients(model).attribute(x, target=numbers, n_steps=20),
        "guided-backprop": captum.GuidedBackprop(model).attribute(x.clone(), target=numbers),
        "grad-cam": captum.LayerGradCam(model, model[4]).attribute(x, target=numbers, relu_attributions=True)[:, 0],
    }
    settings = {"integrated-gradients": {"steps": 20}, "grad-cam": {"layer": "4"}}
    for name, want in theirs.items():
        found = run(name, model, x, target, **settings.get(name, {}))
        error = float((found - want.detach()).abs().max() / want.detach().abs().max())
        assert error < 1e-4, f"{name}: {error}"
    sigma = 0.15 * (x[0].max() - x[0].min())
    want = torch.stack([captum.Saliency(model).attribute((x[:1] + sigma * n), target=3, abs=False)[0] for n in noise]).mean(0)
    assert torch.allclose(smoothgrad(model, x[:1], classes([3]), 4)[0], want, rtol=1e-4, atol=1e-6)
