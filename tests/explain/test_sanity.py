"""The badges: what they measure is what they say, and they tell a method that reads the weights from one that does not."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.errors import UserError
from neocog.explain import METHODS, Method, badge, classes, randomisation
from neocog.explain.attribution.likeness import similarity, spearman
from neocog.explain.occlusion.fade import area, by_chance, cell_side, fading, order_of, random_orders
from neocog.nn import Model, create_model
from neocog.pictures.embedded import digits
from tests.conftest import picture, rng


def edges(model: nn.Module, x: Tensor, target: object) -> Tensor:
    """What an edge detector says, whatever the network."""
    return (x - F.avg_pool2d(x, 3, 1, 1)).abs().sum(1)


EDGES = Method("edges", "Edges", "none", edges, lambda model: None, signed=False)


@pytest.fixture(scope="module")
def trained() -> tuple[Model, Tensor, Tensor]:
    """A small ReLU network after some seconds on digits; pictures that it takes rightly, and their classes."""
    model = create_model("lenet5.modern", generator=rng()).train()
    images, labels = digits()
    x = F.pad(torch.from_numpy(images[:, None]).float() / 255, (2, 2, 2, 2)) - 0.1
    y = torch.from_numpy(labels.astype(np.int64))
    draws, speed = rng(1), [torch.zeros_like(p) for p in model.parameters()]
    for _ in range(80):
        some = torch.randint(len(x), (64,), generator=draws)
        slopes = torch.autograd.grad(F.cross_entropy(model(x[some]), y[some]), list(model.parameters()))
        with torch.no_grad():
            for p, v, slope in zip(model.parameters(), speed, slopes, strict=True):
                p -= 0.1 * v.mul_(0.9).add_(slope)
    model.eval()
    with torch.no_grad():
        right = (model(x[::250]).argmax(1) == y[::250]).nonzero()[:, 0][:12]
    assert len(right) == 12, "it learned"
    return model, x[::250][right], y[::250][right]


def test_likeness_is_scipys_and_scikit_images():
    stats, metrics = pytest.importorskip("scipy.stats"), pytest.importorskip("skimage.metrics")
    draws = np.random.default_rng(0)
    a, b = draws.random((20, 17)), draws.random((20, 17)).round(1)
    b[:9] = a[:9]
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    want = metrics.structural_similarity(a / a.max(), b / b.max(), data_range=1.0, win_size=7)
    assert similarity(a, b) == pytest.approx(want, abs=1e-6)  # of windows that lie inside, as there
    assert spearman(a, a) == pytest.approx(1) and similarity(a, a) == pytest.approx(1)
    assert spearman(a, -a) == pytest.approx(-1) and spearman(a, np.ones_like(a)) == 0


def test_weights_are_drawn_anew_from_the_scores_down(trained):
    """T11. What does not read the weights stays the same and fails; guided backprop stays longer than the gradient on every
    picture, and that longer than what reads the last maps. The network itself is not touched.

    On digits the gradient stays too (ρ 0.7): nothing depends on the empty ground, whatever the upper weights."""
    model, x, y = trained
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = {
        m.name: randomisation(m, model, x, classes(y))
        for m in (EDGES, METHODS["gradient"], METHODS["hirescam"], METHODS["guided-backprop"])
    }
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    plain = found["gradient"]
    assert plain.layers[0] == model.arch.head.path and plain.layers[-1] == model.arch.nodes[0].path
    assert plain.shares[-1] == 1 and (np.diff(plain.shares) > 0).all() and plain.rho.shape == (12, len(plain.layers))
    assert np.allclose(found["edges"].rho, 1) and np.allclose(found["edges"].ssim, 1) and not found["edges"].passes.any()
    guided, weighed = found["guided-backprop"], found["hirescam"]
    assert (guided.upper > plain.upper).all() and guided.upper.mean() > plain.upper.mean() + 0.1
    assert (weighed.upper < plain.upper).all() and weighed.upper.mean() < 0.5 and not guided.passes.any()
    assert np.allclose(plain.upper, plain.rho[:, 1:3].mean(1)), "2 and 3 of its 5 layers with weights"
    again = randomisation(METHODS["gradient"], model, x, classes(y), seed=0)
    other = randomisation(METHODS["gradient"], model, x, classes(y), seed=1)
    assert np.array_equal(again.rho, plain.rho, equal_nan=True) and not np.allclose(other.rho, plain.rho, equal_nan=True)


def test_fading_is_what_is_done_by_hand():
    """A linear network: the probability after each step, computed from the weights and the cells that are left."""
    model = create_model("linear").eval()
    with torch.no_grad():
        model.get_submodule("fc").weight.normal_(0, 0.3, generator=rng(1))
    x = picture(model.arch, 2)
    order = random_orders(x, seed=3, orders=1)[0]
    found = fading(model, x, classes([4, 6]), order, steps=7, fill="mean", canvas="mean")
    assert cell_side(x) == 2 and order.shape == (2, 14, 14) and found.deletion.shape == (2, 8)
    pixels = order.numpy().repeat(2, 1).repeat(2, 2)[:, None]
    weight, bias = (v.detach().numpy() for v in model.get_submodule("fc").parameters())
    for n, number in enumerate((4, 6)):
        for step in range(8):
            for curve, left in ((found.deletion, pixels[n] >= 28 * step), (found.insertion, pixels[n] < 28 * step)):
                scores = weight @ (x[n].numpy() * left).ravel() + bias
                chance = np.exp(scores - scores.max())
                assert curve[n, step] == pytest.approx(chance[number] / chance.sum(), rel=1e-3)
    assert area(np.array([[1.0, 0.0, 0.0]])) == pytest.approx(0.25)


def test_orders_rank_cells_by_their_mean_and_equal_ones_by_lot():
    x = torch.zeros(1, 1, 28, 28)
    one = torch.zeros(1, 28, 28)
    one[0, 4:6, 8:10], one[0, 20:22, 0:2] = 3.0, -1.0
    order = order_of(one, x)[0]
    assert order[2, 4] == 0 and order[10, 0] == 195 and sorted(order.flatten().tolist()) == list(range(196))
    middle = order.flatten()[(order.flatten() > 0) & (order.flatten() < 195)].double()
    assert abs(np.corrcoef(middle, np.arange(194))[0, 1]) < 0.2, "no place is favoured"
    coarse = order_of(torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), x)[0]
    assert coarse[:5, :5].double().mean() < coarse[9:, 9:].double().mean()
    assert order_of(torch.rand(1, 30, 45), torch.zeros(1, 3, 30, 45)).shape == (1, 15, 23), "a last cell may be smaller"


def test_what_contributes_fades_the_class_sooner_than_chance(trained):
    model, x, y = trained
    chance = by_chance(model, x, classes(y))
    method = METHODS["integrated-gradients"]
    order = order_of(method.one_map(method.run(model, x, classes(y), steps=10)), x)
    gone, come = fading(model, x, classes(y), order).areas
    assert (gone < chance.areas[0]).mean() > 0.9 and (come > chance.areas[1]).mean() > 0.8
    assert not gone.any() or gone.mean() < chance.areas[0].mean() - 0.1


def test_a_badge_says_what_was_measured(trained):
    model, x, y = trained
    steps: list[tuple[int, int]] = []
    one = badge(EDGES, model, x[:1], classes(y[:1]), stages=3, on_step=lambda done, total: steps.append((done, total)))
    assert one.words.startswith("FAILS weight randomisation (ρ 1.00) · deletion 0.") and "(random 0." in one.words
    assert steps[-1] == (8, 8) and steps == sorted(steps)
    assert one.facts["randomisation"]["passes"] is False and one.facts["steps"] == 14
    flat = Method("flat", "Flat", "none", lambda m, x, t: torch.zeros(len(x), 5, 5), lambda m: None)
    assert badge(flat, model, x[:1], classes(y[:1]), stages=2).words == "the map is the same everywhere: nothing to check"
    with pytest.raises(UserError, match="of one picture"):
        badge(EDGES, model, x[:2], classes(y[:2]))
    with pytest.raises(UserError, match="records say how"):
        randomisation(EDGES, nn.Flatten(), x[:1], classes(y[:1]))
