"""The effective receptive field against what convolutions of uniform kernels give exactly."""

import argparse
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import Conv2d, MaxPool2d, ReLU, Sequential, architecture
from neocog.cli.explain import add_arguments
from neocog.cli.looking.effective import run
from neocog.cli.looking.look import Look
from neocog.cli.progress import Progress
from neocog.errors import UserError
from neocog.explain import draw_effective, effective_field, initial_field
from neocog.nets import resolve
from neocog.nn import Model
from tests.conftest import rng

from .test_explain import ready


def stack(n: int, kernel: int = 3) -> Model:
    """n layers of uniform kernels, exactly as large as their field."""
    side = n * (kernel - 1) + 1
    arch = architecture("stack", (1, side, side), Sequential(*(Conv2d(1, kernel, bias=False) for _ in range(n))))
    model = Model(arch).double()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1 / kernel**2)
    return model


@pytest.mark.parametrize(("n", "std"), [(5, 1.8257), (10, 2.5820), (20, 3.6515), (40, 5.1640)])
def test_uniform_layers_spread_as_the_root_of_their_number(n: int, std: float):
    """√(n(k²−1)/12) (Luo et al. 2016, section 2), while the theoretical field grows with n."""
    model = stack(n)
    x = torch.randn(2, *model.arch.input, dtype=torch.double, generator=rng())
    found = effective_field(model, model.arch.output, [x[:1], x[1:]])
    assert found.n == 2 and found.field.size == (2 * n + 1, 2 * n + 1)
    assert found.std == (pytest.approx(std, abs=5e-5), pytest.approx(std, abs=5e-5))
    assert std == pytest.approx((n * (3**2 - 1) / 12) ** 0.5, abs=5e-5)
    assert found.ratio == pytest.approx({5: 0.75, 10: 0.56, 20: 0.39, 40: 0.28}[n], abs=0.03)


def test_of_a_gaussian_the_size_is_4_41_deviations():
    """What LEVEL cuts off of 40 layers, which are a Gaussian but for their tails: a disc of radius √(−2 ln 0.0455)·σ."""
    found = effective_field(stack(40), "39", [torch.zeros(1, 1, 81, 81, dtype=torch.double)])
    radius = (-2 * np.log(1 - 0.9545)) ** 0.5
    assert found.size / found.std[0] == pytest.approx(np.pi**0.5 * radius, rel=0.02)


def test_it_is_the_mean_of_absolute_gradients():
    """By hand, one picture at a time, at a place of its own."""
    arch = architecture("two", (2, 9, 11), Sequential(a=Conv2d(3, 3), r=ReLU(), p=MaxPool2d(2, 2), b=Conv2d(2, 2)))
    model = Model(arch, rng(3))
    x = torch.randn(5, 2, 9, 11, generator=rng(4))
    found = effective_field(model, "b", [x[:2], x[2:]], (1, 2))
    by_hand = np.zeros((9, 11))
    for one in x:
        leaf = one[None].clone().requires_grad_()
        model(leaf)[0, :, 1, 2].sum().backward()
        assert leaf.grad is not None
        by_hand += leaf.grad[0].abs().sum(0).double().numpy() / 5
    assert np.allclose(found.map, by_hand, rtol=1e-5, atol=1e-9)
    model.zero_grad()
    box = found.field.seen
    outside = found.map.copy()
    outside[box.top : box.bottom, box.left : box.right] = 0
    assert not outside.any()


def test_at_the_start_every_batch_has_weights_of_its_own():
    arch = resolve("resnet8.cifar").build()
    x = torch.randn(3, 3, 32, 32, generator=rng())
    found = initial_field(arch, "layer1.0.relu2", [x[:1], x[1:]], seed=7)
    again = initial_field(arch, "layer1.0.relu2", [x[:1], x[1:]], seed=7)
    assert (found.n, found.draws) == (3, 2) and np.array_equal(found.map, again.map)
    alone = initial_field(arch, "layer1.0.relu2", [x[:1]], seed=7)
    other = initial_field(arch, "layer1.0.relu2", [x[:1]], seed=8)
    assert not np.allclose(alone.map / alone.map.max(), other.map / other.map.max())


def test_the_network_is_left_as_it_was_and_bad_questions_are_answered():
    model = ready("resnet8.cifar").train()
    x = torch.randn(2, 3, 32, 32, generator=rng())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    effective_field(model, "layer2.0.relu2", [x])
    assert model.training and all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    with pytest.raises(UserError, match="sees everything"):
        effective_field(model, model.arch.output, [x])
    with pytest.raises(UserError, match="there are none"):
        effective_field(model, "layer2.0.relu2", [])


def test_the_figure_has_both():
    found = effective_field(stack(5), "4", [torch.zeros(1, 1, 11, 11, dtype=torch.double)])
    text = draw_effective("a title", [("as trained", found), ("at the start", found)], "n pictures").svg()
    for words in ("as trained: mean of 1 picture", "at the start", "deviation 1.83 px across", "11×11 pixels", "logarithmic"):
        assert words in text


def test_the_command_goes_on_where_it_was_left(tmp_path):
    """Stopped after two of four draws, it gives in the end what an undisturbed one gives, to the bit."""

    def look(cache: str, stop: Callable[[], bool]) -> Look:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        args = parser.parse_args(["lenet5", "--method", "effective-field", "--layer", "C3", "--n", "4", "--out", "x.png",
                                  "--cache", str(tmp_path / cache)])  # fmt: skip
        return Look(args, Progress(quiet=True), stop)

    whole = run(look("a", lambda: False)).arrays["at_the_start"]
    asked, times = iter([False, False, True, True]), []
    with pytest.raises(KeyboardInterrupt):
        run(look("b", lambda: times.append(1) or next(asked)))
    again = run(look("b", lambda: False))
    assert len(times) == 4 and np.array_equal(again.arrays["at_the_start"], whole)
    assert again.facts["at_the_start"]["draws"] == again.facts["at_the_start"]["n"] == 4
    assert np.array_equal(run(look("b", lambda: False)).arrays["at_the_start"], whole), "all of it was kept"


def test_the_command_tells_of_what_it_cannot_do(neocog, tmp_path):
    """Pictures left out are named; a network without fields, and a run that is not there, are told as such."""
    folder = tmp_path / "photos"
    for i in range(6):
        kind = folder / "ab"[i % 2]
        kind.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 12, 3), 40 * i, np.uint8)).save(kind / f"{i}.png")
    broken = folder / "a" / "2.png"
    broken.write_bytes(broken.read_bytes()[:45])

    def explain(net: object, *more: object):
        common = ("--n", 6, "--cache", tmp_path / "kept", "--out", tmp_path / "e.svg")
        return neocog("explain", net, "--method", "effective-field", *more, *common)

    said = explain("lenet5", "--layer", "C1", "--data", folder)
    assert "2.png" in said.check(3).err
    explain("mlp").complaint("mlp: its first layer sees the whole picture at once")
    explain(tmp_path / "no-run").complaint("no such run folder")
