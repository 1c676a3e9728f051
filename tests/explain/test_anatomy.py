"""Anatomy in motion: gradients through depth, responses, normalisation, idle units, histograms, neighbours, maps."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from neocog.cli.explain import _known
from neocog.errors import UserError
from neocog.explain import (
    dead_units,
    draw_flow,
    draw_histograms,
    draw_norms,
    gradient_flow,
    layer_responses,
    moment,
    nearest_pictures,
    norm_layers,
    normalisation,
)
from neocog.explain.anatomy.counting import Counter
from neocog.explain.anatomy.histograms import together
from neocog.explain.anatomy.joins import gates, joins
from neocog.explain.feeding import Batch, batch_statistics, batches, noise, some
from neocog.explain.inside import values_at
from neocog.explain.kinship.nearest import feature_layer
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import ArrayPictures
from tests.conftest import rng

SIGMOIDS = "INPUT 1x6x6 FC 36 SIGMOID FC 36 SIGMOID FC 36 SIGMOID FC 36 SIGMOID FC 10"
MIXED = "INPUT 3x20x20 CONV 5x5 8 RELU LRN POOL 3/2 CONV 3x3 8 TANH GAP FC 12 SIGMOID FC 10"


def ready(name: str) -> Model:
    """Fresh weights, pixels around 0, ten named classes."""
    model = Model(resolve(name).build(), rng()).eval()
    channels, height, width = model.arch.input
    color = "L" if channels == 1 else "RGB"
    model.preprocessing = Preprocessing(height, width, color, "squash", mean=(0.5,), std=(0.25,))
    model.classes = tuple(f"c{i}" for i in range(model.num_classes))
    return model


def batch(model: Model, n: int, seed: int = 0) -> Batch:
    return next(noise(model, n, n, seed))


# Gradients


def test_a_sigmoid_chain_with_unit_weights_loses_three_quarters_a_layer():
    """Weights orthogonal, so every norm is 1; at inputs of 0 a sigmoid's slope is 1/4 exactly: the bound is reached. Elsewhere
    the gradient is below it."""
    model = ready(SIGMOIDS)
    layers = [model.get_submodule(f"fc{i}") for i in range(1, 6)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.copy_(torch.linalg.qr(torch.randn(36, 36, generator=rng(1)))[0][: len(layer.weight)])
            layer.bias.zero_()
        for layer in layers[1:]:  # takes back what σ(0) = 1/2 adds
            layer.bias.copy_(-0.5 * layer.weight.sum(1))
    zero = Batch(torch.zeros(1, 1, 6, 6), torch.tensor([3]), np.array([-1]), 1)
    flow = gradient_flow(model, [zero])
    assert flow.outputs[0, 1:-1] / flow.outputs[0, 2:] == pytest.approx([0.25] * 3, rel=1e-4)
    assert flow.quarter == pytest.approx(flow.outputs[0, -1] * 0.25 ** np.arange(4, -1, -1), rel=1e-4)
    assert flow.bound == pytest.approx(flow.quarter, rel=1e-4)  # the product of the norms is that of the sigmoids alone
    other = gradient_flow(model, noise(model, 16, 8))
    assert (other.outputs[:, :-1] < 0.25 * other.outputs[:, 1:] * (1 + 1e-5)).all()
    assert other.ratio < 0.25**4


@pytest.mark.parametrize("text", [MIXED, "INPUT 3x17x15 CONV 5x5/2 p2 8 TANH POOL 3/2 CONV 3x3 8 RELU POOL avg 2/2 FC 10"])
def test_the_product_of_the_norms_bounds_every_gradient(text: str):
    model = ready(text)
    flow = gradient_flow(model, [batch(model, 4, seed) for seed in range(3)])
    known = np.isfinite(flow.bound)
    assert known[-1] and known.sum() >= 2
    assert (np.median(flow.outputs, 0)[known] <= flow.bound[known] * (1 + 1e-5)).all()


def test_flow_is_what_backward_gives():
    """Against .backward() and hooks, BN by the batch, for a residual network."""
    model = ready("resnet8.cifar")
    some_batch = batch(model, 4)
    flow = gradient_flow(model, [some_batch])
    held: dict[str, torch.Tensor] = {}

    def hook(path: str):
        return lambda module, inputs, out: (out.retain_grad(), held.__setitem__(path, out))[1]

    for path in flow.paths:
        model.get_submodule(path).register_forward_hook(hook(path))
    model.zero_grad()
    with batch_statistics(model):
        F.cross_entropy(model(some_batch.x), some_batch.labels, reduction="sum").backward()
    outputs = [float(held[path].grad.norm()) / 2 for path in flow.paths]
    weights = [float(model.get_submodule(path).weight.grad.norm()) / 4 for path in flow.paths]
    assert flow.outputs[0] == pytest.approx(outputs, rel=1e-4)
    assert flow.weights[0] == pytest.approx(weights, rel=1e-4)
    assert flow.depths == tuple(range(1, 9)) and flow.n == 4


def test_the_shortcuts_share_by_hand():
    """g = J_Fᵀ∂L/∂y + ∂L/∂y at the entrance of an identity block: both ways' shares add up to 1. A plain twin has none."""
    model = ready("resnet8.cifar")
    one = batch(model, 2)
    join = joins(model.arch)[0]
    values = values_at(model, one.x, (join.entrance, join.branch, join.path, model.arch.output))
    loss = F.cross_entropy(values[model.arch.output], one.labels)
    above, whole = torch.autograd.grad(loss, [values[join.path], values[join.entrance]], retain_graph=True)
    branch = torch.autograd.grad(values[join.branch], values[join.entrance], above)[0]
    assert torch.allclose(above + branch, whole, atol=1e-6 * float(whole.abs().max()))
    share, rest = (float((part * whole).sum() / whole.square().sum()) for part in (above, branch))
    assert share + rest == pytest.approx(1, abs=1e-5)
    assert gradient_flow(model, [one], "running").shares[0, 0] == pytest.approx(share, rel=1e-3)
    plain = gradient_flow(ready("plain20.cifar"), [one])
    assert plain.blocks == () and plain.shares.shape == (1, 0)


def test_joins_and_gates_are_found():
    assert [len(joins(resolve(n).build())) for n in ("resnet20.cifar", "plain20.cifar", "highway10.fc", "resnet50")] == [
        9,
        0,
        9,
        16,
    ]
    highway = resolve("highway10.fc").build()
    assert gates(highway)[0] == "fc2.gate.sigmoid" and len(gates(highway)) == 9
    assert gates(resolve("se_resnet50").build()) == ()  # a gate, but nothing is carried by 1 − T


# Responses


def test_responses_equal_a_plain_loop():
    model = ready("resnet8.cifar")
    some_batches = [batch(model, n, seed) for seed, n in enumerate((3, 5))]
    found = layer_responses(model, some_batches)
    x = torch.cat([one.x for one in some_batches])
    joined = joins(model.arch)
    with torch.no_grad():
        values = values_at(model, x, (*found.paths, *(p for j in joined for p in (j.branch, j.shortcut))))
    assert found.paths[:3] == ("bn1", "layer1.0.bn1", "layer1.0.bn2") and len(found.paths) == 7  # the classifier is left out
    assert found.std == pytest.approx([float(values[p].std(unbiased=False)) for p in found.paths], rel=1e-5)
    assert found.mean == pytest.approx([float(values[p].mean()) for p in found.paths], abs=1e-5)
    ratio = [values[j.branch].flatten(1).norm(dim=1) / values[j.shortcut].flatten(1).norm(dim=1) for j in joined]
    assert found.ratios[:, 0] == pytest.approx([float(r.mean()) for r in ratio], rel=1e-5)


def test_gates_open_as_their_biases_say():
    """Weights of 0: T is σ(−2) everywhere."""
    model = ready("highway10.fc")
    with torch.no_grad():
        for path in gates(model.arch):
            model.get_submodule(path.replace("sigmoid", "T")).weight.zero_()
    found = layer_responses(model, noise(model, 6, 4))
    assert np.concatenate(found.gates) == pytest.approx(1 / (1 + np.exp(2)), rel=1e-5)
    assert len(found.gates) == 9 and found.gates[0].shape == (50,)


# Normalisation


def test_norms_see_what_comes_and_what_goes():
    model = ready("resnet8.cifar")
    one = batch(model, 8)
    with torch.no_grad():
        values = values_at(model, one.x, ("conv1",))["conv1"]
        model.get_submodule("bn1").running_mean.copy_(values.mean((0, 2, 3)))
        model.get_submodule("bn1").running_var.copy_(values.var((0, 2, 3), unbiased=False))
    (found,) = normalisation(model, [one], ["bn1"])
    assert found.seen[:, 0] == pytest.approx(values.mean((0, 2, 3)).numpy(), abs=1e-5)
    assert found.drift < 1e-4 and found.after.std == pytest.approx(1, abs=1e-3)
    assert found.before.n == found.after.n == values.numel()
    with pytest.raises(UserError, match=r"'conv1' is neither BN nor LRN; those are: bn1, layer1\.0\.bn1"):
        normalisation(model, [one], ["conv1"])


def test_both_readings_of_alpha():
    model = ready(MIXED)
    one = batch(model, 4)
    (found,) = normalisation(model, [one], norm_layers(model))
    r = model.arch.by_path[found.path].record
    with torch.no_grad():
        before = values_at(model, one.x, ("relu1",))["relu1"]
    live = before > 1e-20
    for row, alpha in enumerate((r.alpha, r.alpha / r.size)):
        squares = F.pad(before.square(), (0, 0, 0, 0, r.size // 2, r.size // 2)).unfold(1, r.size, 1).sum(-1)
        assert found.mean[row] == pytest.approx(float(((r.k + alpha * squares) ** -r.beta)[live].mean()), rel=1e-5)
    assert found.factors.sum(1).tolist() == [int(live.sum())] * 2 and found.most == pytest.approx(r.k**-r.beta)


# Idle units


def test_planted_dead_and_saturated_units_are_found():
    model = ready(MIXED)
    with torch.no_grad():
        first, second = (model.get_submodule(f"conv{i}") for i in (1, 2))
        first.bias[5] = -1e3
        second.bias[2] = 50.0
        model.get_submodule("fc1").bias[7] = -30.0
    tally: list = []
    some_batches = [*noise(model, 10, 4)]
    found = dead_units(model, some_batches, keep=lambda state: tally.append({k: v.copy() for k, v in state.items()}))
    relu, tanh, sigmoid = found.layers
    assert relu.dead.tolist() == [5] and tanh.saturated.tolist() == [2] and sigmoid.saturated.tolist() == [7]
    assert (found.dead, found.saturated, found.units, found.n) == (1, 2, 28, 10)
    with torch.no_grad():
        answers = values_at(model, torch.cat([b.x for b in some_batches]), (relu.path,))[relu.path]
    assert relu.zeros == pytest.approx(float((answers == 0).float().mean()))
    assert relu.top == pytest.approx(answers.amax((0, 2, 3)).numpy())
    again = dead_units(model, some_batches[2:], tally[1])  # gone on with after two batches
    assert again.n == 10 and all(np.array_equal(a.live, b.live) for a, b in zip(again.layers, found.layers, strict=True))
    with pytest.raises(UserError, match="has no ReLU, sigmoid or tanh"):
        dead_units(ready("linear"), [])


# Histograms


def test_counts_are_numpys_however_the_range_grows():
    draws = np.random.default_rng(0)
    parts = [draws.normal(0, scale, 1000).astype(np.float32) for scale in (1e-3, 2.0, 0.5, 700.0)]
    parts.append(np.array([0, 0, 512.0, -1024.0, np.nan], np.float32))
    counter = Counter()
    for part in parts:
        counter.add(part)
    found, every = counter.found, np.concatenate(parts)
    every = every[np.isfinite(every)]
    assert found.counts.sum() == found.n == len(every) and found.odd == 1 and found.zeros == 2
    assert np.array_equal(found.counts, np.histogram(every, 256, (-found.top, found.top))[0])
    assert found.rms == pytest.approx(np.sqrt(np.square(every, dtype=np.float64).mean()))
    assert np.array_equal(found.to(found.top * 4).counts, np.histogram(every, 256, (-4 * found.top, 4 * found.top))[0])


def test_numbers_that_are_not_finite_are_counted_and_drawn(tmp_path):
    """A training that diverged: its last moment holds nothing finite."""
    model = ready("resnet8.cifar")
    one = batch(model, 4)
    found = [moment(model, [one], "first")]
    with torch.no_grad():
        model.get_submodule("conv1").weight.fill_(float("nan"))
    found.append(moment(model, [one], "last"))
    lost = found[1].counts["outputs"][0]
    assert lost.n == 0 < lost.odd and np.isnan(lost.rms)
    rows, top = together(found, "outputs", 0)
    assert top == found[0].counts["outputs"][0].top and rows.sum(1).tolist() == [found[0].counts["outputs"][0].n, 0]
    sketch = draw_histograms("about", found)
    assert f"{lost.odd:,} not finite" in sketch.svg() and sketch.pixels(1)
    for drawn in (
        draw_norms("about", normalisation(model, [one], ["bn1"])),
        draw_flow([("x", gradient_flow(model, [one]))], "a"),
    ):
        assert ">nan" not in drawn.svg().replace(">nan<", "") and drawn.pixels(1)


def test_histograms_hold_every_number():
    model = ready("resnet8.cifar")
    one = batch(model, 4)
    found = [moment(model, [one], "first")]
    weight = model.get_submodule("conv1").weight
    first = found[0].counts["weights"][0]
    assert first.n == weight.numel() and np.array_equal(
        first.counts, np.histogram(weight.detach().numpy(), 256, (-first.top, first.top))[0]
    )
    model.zero_grad()
    with batch_statistics(model):
        F.cross_entropy(model(one.x), one.labels).backward()
    assert found[0].counts["gradients"][0].rms == pytest.approx(float(weight.grad.square().mean().sqrt()), rel=1e-4)
    with torch.no_grad():
        weight.mul_(64)
    found.append(moment(model, [one], "second"))
    rows, top = together(found, "weights", 0)
    assert rows.sum(1).tolist() == [weight.numel()] * 2 and top == found[1].counts["weights"][0].top


# Neighbours


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_nearest_are_those_of_brute_force(distance: str):
    model = ready("resnet8.cifar")
    many = [b._replace(indices=np.arange(10 * i, 10 * i + len(b.x))) for i, b in enumerate(noise(model, 33, 10))]
    x, labels = torch.cat([b.x for b in many]), torch.cat([b.labels for b in many])
    asked = x[[4, 20]]
    found = nearest_pictures(model, asked, many, 5, distance=distance, beside=np.array([4, -1]))
    with torch.no_grad():
        own, every = (values_at(model, v, (found.path,))[found.path].double().numpy() for v in (asked, x))
    assert found.path == feature_layer(model) == "flatten" and own.shape == (2, 64)
    if distance == "cosine":
        own, every = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (own, every))
        far = 1 - own @ every.T
    else:
        far = np.linalg.norm(own[:, None] - every[None], axis=2)
    assert found.indices[1, 0] == 20 and found.distances[1, 0] == pytest.approx(0, abs=1e-6)  # itself, where it counts
    far[0, 4] = np.inf
    order = np.argsort(far, 1)[:, :5]
    assert np.array_equal(found.indices, order) and np.array_equal(found.labels, labels.numpy()[order])
    assert found.distances == pytest.approx(np.take_along_axis(far, order, 1), abs=1e-5)
    few = nearest_pictures(model, asked[:1], many[:1], 20, distance=distance, beside=np.array([4]))
    assert few.indices.shape == (1, 9) and np.isfinite(few.distances).all() and 4 not in few.indices, "never itself"
    kept: list = []
    nearest_pictures(model, asked, many, 5, distance=distance, keep=lambda state: kept.append(dict(state)))
    again = nearest_pictures(model, asked, many[2:], 5, distance=distance, begun=kept[1])  # gone on with after two batches
    assert again.n == 33 and np.array_equal(again.indices[1], found.indices[1])
    assert found.agreement(labels.numpy()[[4, 20]])[1] >= 0.2


@pytest.mark.slow
def test_a_map_is_made_and_judged(monkeypatch):
    pytest.importorskip("sklearn")
    from neocog.explain import draw_map, map_features

    model = ready("resnet8.cifar")
    with pytest.raises(UserError, match="tells no pictures apart"):
        map_features(model, [batch(model, 40)._replace(x=torch.zeros(40, 3, 32, 32))])
    found = map_features(model, noise(model, 40, 16))
    monkeypatch.setattr("neocog.explain.kinship.feature_map.MOST", 39)
    with pytest.raises(UserError, match="a map takes 39 pictures at most"):
        map_features(model, noise(model, 40, 16))
    assert found.places.shape == (40, 2) and 0 < found.trust <= 1 and found.perplexity == 13
    svg = draw_map("noise", found, model.classes).svg()
    assert f"Trustworthiness {found.trust:.3f}" in svg and f"wrong: {int(found.wrong.sum())} of 40" in svg


# All of them


def test_the_network_is_left_as_it_was():
    """T14: modes, hooks, wishes, gradients, parameters and running statistics, bit for bit; what tracked still tracks."""
    model = ready("resnet8.cifar").train()
    model.get_submodule("bn1").eval()
    model.get_submodule("conv1").weight.requires_grad_(False)
    F.cross_entropy(model(batch(model, 4).x), torch.zeros(4, dtype=torch.long)).backward()

    def marks() -> list:
        each = [
            (n, m.training, len(m._forward_hooks), getattr(m, "track_running_stats", None)) for n, m in model.named_modules()
        ]
        wishes = [(n, p.requires_grad, p.grad is None, p._version) for n, p in model.named_parameters()]
        return [each, wishes]

    before, tensors = marks(), {k: v.clone() for k, v in model.state_dict().items()}
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    few = [batch(model, 4)]
    for statistics in ("batch", "running"):
        gradient_flow(model, few, statistics)
        layer_responses(model, few, statistics)
        normalisation(model, few, ["bn1"], statistics)
    dead_units(model, few)
    moment(model, few)
    nearest_pictures(model, few[0].x, few)
    assert marks() == before
    assert all(torch.equal(v, tensors[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(dict(model.named_parameters())[n].grad, g) for n, g in gradients.items())


def test_a_wrong_layer_of_a_foreign_module_leaves_no_hook():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    with pytest.raises(UserError, match="Sequential has no '7'"):
        values_at(model, torch.zeros(1, 3, 8, 8), ("0", "7"))
    assert not model[0]._forward_hooks


def test_a_single_picture_has_no_statistics_of_maps_of_one_place():
    model = ready("INPUT 3x8x8 CONV 8x8 p0 4 BN RELU GAP FC 10")
    with pytest.raises(UserError, match="a batch of one picture has no statistics"):
        gradient_flow(model, [batch(model, 1)])
    assert model.get_submodule("bn1").track_running_stats and not model.get_submodule("bn1").training


def test_batches_come_to_every_picture_once():
    model = ready("resnet8.cifar")
    pixels = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), np.uint8)
    pictures = ArrayPictures(pixels, np.arange(11) % 10, model.classes, "x")
    found = list(batches(model, pictures, size=4))
    order = np.concatenate([b.indices for b in found])
    assert sorted(order) == list(range(11)) and [b.end for b in found] == [4, 8, 11]
    assert all(torch.equal(b.labels, torch.from_numpy(pictures.labels[b.indices])) for b in found)
    rest = list(batches(model, pictures, size=4, begin=found[0].end))
    assert np.array_equal(np.concatenate([b.indices for b in rest]), order[4:])
    assert len(some(100, 7, 3)) == len(set(some(100, 7, 3).tolist())) == 7 and np.array_equal(some(5, None), np.arange(5))


def test_the_command_draws_them(neocog, tmp_path):
    """Each method writes its figure and its numbers, from names and from bundled data."""
    net = "INPUT 1x28x28 FC 12 SIGMOID FC 12 RELU FC 10"
    data = ("--data", "digits")
    more_of = {"flow": ("--against", "highway10.fc"), "responses": (), "dead": (*data, "--cache", tmp_path), "histograms": data}
    for method, more in more_of.items():
        figure, arrays = tmp_path / f"{method}.svg", tmp_path / f"{method}.npz"
        done = neocog("explain", net, "--method", method, "--n", 16, "--out", figure, "--arrays", arrays, "--json", *more)
        assert done.code == 0, done.err
        said = json.loads(done.out)
        assert said["method"] == method and figure.read_text().startswith("<svg") and len(np.load(arrays).files) > 1
    done = neocog("explain", net, "--method", "norms", "--out", tmp_path / "n.svg")
    assert done.code == 2 and "normalises nothing by batch (BN)" in done.err


def test_the_command_finds_neighbours_but_never_the_picture_itself(neocog, idx, tmp_path):
    """IMAGE by its name in the data, or as a file of it; and what it does not take is told."""
    net, digits_of = "INPUT 1x28x28 FC 12 RELU FC 10", tmp_path / "photos"
    draws = np.random.default_rng(0)
    for kind in "ab":
        (digits_of / kind).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(draws.integers(0, 256, (28, 28), np.uint8)).save(digits_of / kind / f"{i}.png")
    ask = ("--method", "nearest", "--n", 20, "--cache", tmp_path, "--out", tmp_path / "n.svg", "--json")
    said = json.loads(neocog("explain", net, "train[5]", "--data", idx, *ask).check(0).out)
    assert all(one["file"] != "train[5]" and one["distance"] > 0 for one in said["pictures"][0]["nearest"])
    said = json.loads(neocog("explain", net, digits_of / "a" / "2.png", "--data", digits_of, *ask).check(0).out)
    near = said["pictures"][0]["nearest"]
    assert said["n"] == 8 and len(near) == 7 and not any(one["file"].endswith("a/2.png") for one in near)
    neocog("explain", net, "--data", idx, *ask, "--layer", "fc1", "--layer", "fc2").complaint("one layer")


def test_what_is_no_number_is_null_in_json():
    """A sanity check that could not be tried, a histogram of nothing finite: JSON knows no NaN."""
    told = {"rho": [0.5, float("nan")], "of": ({"low": float("-inf")}, 3, "nan", None, True)}
    assert _known(told) == {"rho": [0.5, None], "of": [{"low": None}, 3, "nan", None, True]}
