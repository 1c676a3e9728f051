"""Optimisers, curvature, running means and limits, against formulas written out."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import (
    RBF,
    BatchNorm2d,
    Codes,
    Conv2d,
    DepthwiseConv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Normal,
    ReLU,
    Scale,
    Sequential,
    Softmax,
    Subsampling,
    TableConv2d,
    Tanh,
    architecture,
    head,
)
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nn import Model
from neocog.train.optim.ema import Average
from neocog.train.optim.levenberg import DiagonalLM, curvature
from neocog.train.optim.losses import make_loss
from neocog.train.optim.optimise import clip, limit_filters, make_optimizer

RATES = [0.1, 0.1, 0.01, 0.01, 0.01]  # the rate falls in the middle: there Caffe's and torch's part


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(seed: int = 0) -> Model:
    """All kinds of parameters: convolutions, one of them depthwise, normalisation, a full connection, biases."""
    net = architecture("small", (3, 8, 8), Sequential(
        conv=Conv2d(6, 3), bn=BatchNorm2d(), relu=ReLU(), dw=DepthwiseConv2d(3), pool=MaxPool2d(2, 2), flatten=Flatten(),
        fc=head(Linear(4)),
    ))  # fmt: skip
    return Model(net, seeded(seed))


def gradients(model: Model, step: int) -> None:
    """Some gradients, the same for everyone."""
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=seeded(step), dtype=torch.float64).to(p.dtype)


def walk(recipe: Recipe, double: bool = True) -> tuple[Model, dict[str, Tensor]]:
    """(the model after the steps of RATES, its weights before)."""
    model = small().double() if double else small()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = make_optimizer(recipe, model)
    for step, rate in enumerate(RATES):
        gradients(model, step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        optimizer.step()
    return model, before


def by_hand(recipe: Recipe, weight: Tensor, decay: float, scale: float = 1.0) -> Tensor:
    """The same steps of one weight, number by number, from the definitions."""
    w, m = weight.flatten().tolist(), recipe.momentum
    velocity, square = [0.0] * len(w), [1.0 if recipe.optimizer == "tf-rmsprop" else 0.0] * len(w)
    for step, rate in enumerate(RATES):
        given, lr = torch.randn(weight.shape, generator=seeded(step), dtype=torch.float64).flatten().tolist(), rate * scale
        for i, g in enumerate(given):
            g += decay * w[i]
            square[i] = recipe.rho * square[i] + (1 - recipe.rho) * g * g
            if recipe.optimizer == "sgd":
                velocity[i] = m * velocity[i] + g if step else g
                w[i] -= lr * (g + m * velocity[i] if recipe.nesterov else velocity[i])
            elif recipe.optimizer == "caffe-sgd":
                velocity[i] = m * velocity[i] + lr * g
                w[i] -= velocity[i]
            elif recipe.optimizer == "rmsprop":
                velocity[i] = m * velocity[i] + g / (math.sqrt(square[i]) + recipe.eps)
                w[i] -= lr * velocity[i]
            elif recipe.optimizer == "tf-rmsprop":
                velocity[i] = m * velocity[i] + lr * g / math.sqrt(square[i] + recipe.eps)
                w[i] -= velocity[i]
    return torch.tensor(w, dtype=torch.float64).view_as(weight)


RULES = [
    Recipe(optimizer="sgd", weight_decay=0.1),
    Recipe(optimizer="sgd", weight_decay=0.1, nesterov=True),
    Recipe(optimizer="caffe-sgd", weight_decay=0.1),
    Recipe(optimizer="rmsprop", weight_decay=0.1, eps=0.3),
    Recipe(optimizer="tf-rmsprop", weight_decay=0.1, eps=1.0),
    Recipe(optimizer="tf-rmsprop", weight_decay=0.1, eps=1e-3, momentum=0.0),
]


@pytest.mark.parametrize("recipe", RULES, ids=lambda r: f"{r.optimizer}-{r.momentum:g}{'-nesterov' * r.nesterov}")
def test_updates_are_their_formulas(recipe: Recipe):
    model, before = walk(recipe)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.detach(), by_hand(recipe, before[name], 0.1), rtol=1e-10, atol=1e-12)


def test_where_the_rate_stands_matters_once_it_falls():
    """Equal while the rate is constant, different afterwards: the velocity of Caffe carries the old rate on."""
    one, other = (small().double() for _ in range(2))
    optimizers = [make_optimizer(Recipe(optimizer=o), m) for o, m in (("sgd", one), ("caffe-sgd", other))]
    for step, rate in enumerate(RATES):
        for model, optimizer in zip((one, other), optimizers, strict=True):
            gradients(model, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        far = (one.fc.weight - other.fc.weight).abs().max()  # type: ignore[operator, union-attr]
        assert far < 1e-12 if rate == RATES[0] else far > 1e-3


def test_adamw_decays_beside_the_gradient():
    recipe = Recipe(optimizer="adamw", momentum=0.9, rho=0.99, eps=1e-6, weight_decay=0.3, decay="weights")
    model, before = walk(recipe)
    peer = before["fc.weight"].clone().requires_grad_()
    adam = torch.optim.Adam([peer], betas=(0.9, 0.99), eps=1e-6)
    for step, rate in enumerate(RATES):
        with torch.no_grad():
            peer.mul_(1 - rate * 0.3)
        peer.grad = torch.randn(peer.shape, generator=seeded(step), dtype=torch.float64)
        adam.param_groups[0]["lr"] = rate
        adam.step()
    torch.testing.assert_close(model.get_parameter("fc.weight").detach(), peer.detach())


def test_what_decays_and_at_which_rate():
    recipe = Recipe(optimizer="caffe-sgd", weight_decay=0.1, decay="weights", bias_lr=2.0, head_lr=10.0)
    model, before = walk(recipe)
    for name, p in model.named_parameters():
        decay = 0.1 if name in ("conv.weight", "dw.weight", "fc.weight") else 0.0
        scale = (2 if name.endswith("bias") else 1) * (10 if name.startswith("fc") else 1)
        torch.testing.assert_close(p.detach(), by_hand(recipe, before[name], decay, scale), rtol=1e-10, atol=1e-12)
    model = small()
    groups = make_optimizer(replace(recipe, decay="not-depthwise"), model).param_groups
    decayed = {id(p) for g in groups if g["weight_decay"] for p in g["params"]}
    assert decayed == {id(model.get_parameter("conv.weight")), id(model.get_parameter("fc.weight"))}


def test_frozen_weights_are_left_out_and_a_net_that_cannot_learn_is_refused():
    model = small()
    model.get_parameter("conv.weight").requires_grad_(False)
    listed = [p for g in make_optimizer(Recipe(), model).param_groups for p in g["params"]]
    assert len(listed) == len(list(model.parameters())) - 1 and all(p.requires_grad for p in listed)
    with pytest.raises(UserError, match="learns"):
        make_optimizer(Recipe(), model.requires_grad_(False))
    with pytest.raises(UserError, match="nesterov"):
        Recipe(optimizer="caffe-sgd", nesterov=True)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_fused_steps_are_the_same_bits_with_any_number_of_threads_and_layout(name: str, monkeypatch: pytest.MonkeyPatch):
    recipe, threads = Recipe(optimizer=name, lr=0.01), torch.get_num_threads()
    ends = []
    try:
        for count, layout in ((1, torch.contiguous_format), (2, torch.contiguous_format), (1, torch.channels_last)):
            torch.set_num_threads(count)
            monkeypatch.setattr("neocog.train.optim.optimise.FUSED_FROM", 1)
            model = small().to(memory_format=layout)  # type: ignore[call-overload]
            optimizer = make_optimizer(recipe, model)
            assert optimizer.defaults["fused"]
            for step in range(3):
                optimizer.zero_grad()
                given = {n: torch.randn(p.shape, generator=seeded(step)) for n, p in model.named_parameters()}
                sum((p * given[n]).sum() for n, p in model.named_parameters()).backward()  # type: ignore[union-attr]
                optimizer.step()
            ends.append({k: v.clone() for k, v in model.state_dict().items()})
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])
    assert all(torch.equal(ends[0][k], ends[2][k]) for k in ends[0])


# Curvature: LeCun et al. 1998, appendix C.


def digits_like() -> Model:
    """LeNet-5 in the small: shared weights, a table, trained sub-sampling, a squash, distances to codes."""
    net = architecture("little", (1, 8, 8), Sequential(
        C1=Conv2d(2, 3), f1=Tanh(1.7159, 2 / 3), S2=Subsampling(2, 2), f2=Tanh(1.7159, 2 / 3),
        C3=TableConv2d(((0,), (0, 1)), 2), f3=Tanh(1.7159, 2 / 3), flatten=Flatten(), F6=Linear(5), f6=Tanh(1.7159, 2 / 3),
        out=head(RBF(3, init=Codes())), score=Scale(-1),
    ))  # fmt: skip
    return Model(net, seeded()).double()


def test_curvature_is_the_recursion_connection_by_connection():
    """The same from loops over units and connections: h_a = f'(a)²·Σ u²·h, h_u = x²·h, summed where weights are shared."""
    model = digits_like()
    x, y = torch.randn(4, 1, 8, 8, dtype=torch.float64, generator=seeded(1)), torch.tensor([0, 1, 2, 1])
    loss = make_loss(Recipe(loss="map", competition=1.0))
    want = {name: torch.zeros_like(p) for name, p in model.named_parameters() if p.requires_grad}
    state = {name: p.detach() for name, p in model.named_parameters()}
    for one, label in zip(x, y, strict=True):
        acts: dict[str, Tensor] = {}
        hooks = [m.register_forward_hook(lambda m, i, o, n=n, acts=acts: acts.update({n: o.detach()[0]}))  # type: ignore[misc]
                 for n, m in model.named_children()]  # fmt: skip
        model.eval()(one[None])
        for hook in hooks:
            hook.remove()

        def slope(name: str, acts: dict[str, Tensor] = acts) -> Tensor:
            return (1.7159 * 2 / 3 * (1 - torch.tanh(2 / 3 * acts[name]) ** 2)) ** 2

        def end(z: Tensor, label: Tensor = label) -> Tensor:
            return loss(-(z[None] - state["out.weight"]).square().sum(1)[None], label[None])

        h = torch.autograd.functional.hessian(end, acts["f6"]).diagonal() * slope("F6")  # type: ignore[union-attr]
        flat = acts["flatten"]
        for i in range(5):
            want["F6.bias"][i] += h[i] / 4
            for j in range(len(flat)):
                want["F6.weight"][i, j] += h[i] * flat[j] ** 2 / 4
        h = (state["F6.weight"] ** 2 * h[:, None]).sum(0).view_as(acts["C3"]) * slope("C3")
        below, links = torch.zeros_like(acts["f2"]), [(0, 0), (1, 0), (1, 1)]
        for m in range(2):
            want["C3.bias"][m] += h[m].sum() / 4
        for link, (m, source) in enumerate(links):
            for r in range(h.shape[1]):
                for c in range(h.shape[2]):
                    for a in range(2):
                        for b in range(2):
                            want["C3.weight"][link, a, b] += h[m, r, c] * acts["f2"][source, r + a, c + b] ** 2 / 4
                            below[source, r + a, c + b] += h[m, r, c] * state["C3.weight"][link, a, b] ** 2
        h = below * slope("S2")
        below = torch.zeros_like(acts["f1"])
        for m in range(2):
            want["S2.bias"][m] += h[m].sum() / 4
            for r in range(3):
                for c in range(3):
                    window = acts["f1"][m, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2]
                    want["S2.weight"][m] += h[m, r, c] * window.sum() ** 2 / 4
                    below[m, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2] += h[m, r, c] * state["S2.weight"][m] ** 2
        h = below * slope("C1")
        for m in range(2):
            want["C1.bias"][m] += h[m].sum() / 4
            for r in range(6):
                for c in range(6):
                    want["C1.weight"][m, 0] += h[m, r, c] * one[0, r : r + 3, c : c + 3] ** 2 / 4
    found = curvature(model, loss, x, y)
    assert found.keys() == want.keys() and not any(name.startswith("out") for name in found)
    for name, h in want.items():
        torch.testing.assert_close(found[name], h, rtol=1e-9, atol=1e-12)
        assert (h >= 0).all() and h.sum() > 0


def test_curvature_of_a_last_layer_is_the_second_derivative_itself():
    """Nothing is left out there: by autograd's Hessian. And along a chain of single units, Gauss-Newton is J²·E''."""
    net = architecture("last", (6,), Sequential(fc1=Linear(4), act=Tanh(), fc2=head(Linear(3))))
    model = Model(net, seeded()).double()
    x, y = torch.randn(7, 6, dtype=torch.float64, generator=seeded(1)), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    found = curvature(model, make_loss(Recipe()), x, y)
    hidden = torch.tanh(x @ model.get_parameter("fc1.weight").T + model.get_parameter("fc1.bias")).detach()
    w, b = model.get_parameter("fc2.weight").detach(), model.get_parameter("fc2.bias").detach()
    full = torch.autograd.functional.hessian(lambda v: F.cross_entropy(hidden @ v.view(3, 4).T + b, y), w.flatten())
    torch.testing.assert_close(found["fc2.weight"].flatten(), full.diagonal())  # type: ignore[union-attr]

    chain = Model(architecture("chain", (1,), Sequential(
        one=Linear(1, init=Normal(1.0)), act=Tanh(), two=Linear(1, init=Normal(1.0)), out=head(RBF(1, init=Codes())),
        minus=Scale(-1))), seeded(3)).double()  # fmt: skip
    x, y = torch.tensor([[0.7], [-0.4]], dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    found = curvature(chain, make_loss(Recipe(loss="mle")), x, y)
    for name in ("one.weight", "one.bias", "two.weight", "two.bias"):
        squares = 0.0
        for row in x:
            z = chain.two(torch.tanh(chain.one(row)))  # type: ignore[operator]
            (slope,) = torch.autograd.grad(z.sum(), chain.get_parameter(name))
            squares += 2 * float(slope.sum()) ** 2 / 2  # the loss is (z − w)², its second derivative 2; the mean of two
        assert float(found[name].sum()) == pytest.approx(squares, rel=1e-10)


def test_levenberg_steps_by_a_rate_for_each_weight(monkeypatch: pytest.MonkeyPatch):
    model = digits_like()
    optimizer = make_optimizer(Recipe(optimizer="lm", lr=0.01, eps=0.02, momentum=0.0, weight_decay=0.0), model)
    assert isinstance(optimizer, DiagonalLM)
    assert [step for step in range(10) if optimizer.due(step, 4)] == [0, 4, 8]
    x, y = torch.randn(12, 1, 8, 8, dtype=torch.float64, generator=seeded(1)), torch.randint(3, (12,), generator=seeded(2))
    loss = make_loss(Recipe(loss="map"))
    monkeypatch.setattr("neocog.train.optim.levenberg.CHUNK", 5)
    model.train()
    optimizer.estimate(model, loss, x, y)
    assert model.training
    whole, before = curvature(model, loss, x, y), copy.deepcopy(model.state_dict())
    each = [curvature(model, loss, x[i : i + 1], y[i : i + 1]) for i in range(12)]
    for name, h in whole.items():
        torch.testing.assert_close(h, sum(one[name] for one in each) / 12)  # a mean, in parts or whole
    loss(model(x), y).backward()
    optimizer.step()
    for name, p in model.named_parameters():
        if p.requires_grad:
            assert p.grad is not None
            torch.testing.assert_close(p.detach(), before[name] - 0.01 / (0.02 + whole[name]) * p.grad)
            assert torch.equal(optimizer.state[p]["h"], whole[name])
    other = Model(architecture("other", (4,), Sequential(fc=head(Linear(3)), soft=Softmax())), seeded())
    with pytest.raises(UserError, match="soft"):
        curvature(other, make_loss(Recipe()), torch.randn(2, 4), torch.tensor([0, 1]))


# Beside the optimiser.


def test_the_mean_of_the_weights_follows_them():
    model, decay = small(), 0.9
    average = Average(model, decay)
    want = {k: v.detach().clone() for k, v in model.state_dict().items()}
    for step in range(3):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=seeded(step)))
        model.get_submodule("bn").running_mean += 1  # type: ignore[operator]
        model.get_submodule("bn").num_batches_tracked += 1  # type: ignore[operator]
        average.update(model)
        for key, value in model.state_dict().items():
            want[key] = decay * want[key] + (1 - decay) * value if value.is_floating_point() else value.clone()
    for key, value in average.model.state_dict().items():
        torch.testing.assert_close(value, want[key])
    assert not average.model.training and not any(p.requires_grad for p in average.model.parameters())
    early = Average(small(), 0.9999)
    early.update(model, step=0)  # a tenth of the start is left
    torch.testing.assert_close(early.model.get_parameter("fc.weight"),
                               (0.1 * small().fc.weight + 0.9 * model.fc.weight).detach())  # type: ignore[operator, union-attr]  # fmt: skip


def test_limits_on_gradients_and_filters():
    model = small()
    gradients(model, 0)
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()  # type: ignore[union-attr]
    assert clip(model.parameters(), 2.0) == pytest.approx(float(norm), rel=1e-5)
    assert torch.cat([p.grad.flatten() for p in model.parameters()]).norm() == pytest.approx(2.0, rel=1e-4)  # type: ignore[union-attr]
    assert clip(model.parameters(), 5.0) == pytest.approx(2.0, rel=1e-4)
    assert torch.cat([p.grad.flatten() for p in model.parameters()]).norm() == pytest.approx(2.0, rel=1e-4)  # type: ignore[union-attr]
    conv = model.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    with torch.no_grad():
        conv.weight[0], conv.weight[1] = 0.05 * torch.sign(conv.weight[0]), 0.3 * torch.sign(conv.weight[1])
    kept, fc = conv.weight[0].clone(), model.get_parameter("fc.weight").detach().clone()
    limit_filters(model, 0.1)
    assert torch.equal(conv.weight[0], kept) and torch.equal(model.get_parameter("fc.weight"), fc)
    torch.testing.assert_close(conv.weight[1].abs(), torch.full_like(kept, 0.1))
