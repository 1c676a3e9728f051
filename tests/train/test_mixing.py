"""Mixup and cutmix: pixels and labels by the papers' formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neocog.pictures.augment.draws import generator
from neocog.pictures.augment.spec import parse, parse_all
from neocog.train.mixing import cutmix, mix, mixup

TEXTS = ("mixup", "mixup=0.8:0.5", "mixup=1:1:1", "cutmix", "cutmix=1:0.5", "cutmix=0.3:1:1")


def pictures(n: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture k has k + 1 everywhere, and label k modulo 5."""
    x = (torch.arange(n, dtype=torch.float32) + 1).reshape(-1, 1, 1, 1).expand(n, 3, height, width).contiguous()
    return x, torch.arange(n) % 5


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 12),
       st.integers(0, 2**32))  # fmt: skip
def test_labels_are_shares_of_the_pixels(texts: list[str], n: int, height: int, width: int, seed: int):
    x, y = pictures(n, height, width)
    specs = tuple(map(parse, texts))
    mixed, shares = mix(x, y, specs, 5, generator(seed))
    assert mixed.shape == x.shape and shares.shape == (n, 5) and shares.dtype == torch.float32
    assert torch.allclose(shares.sum(1), torch.ones(n)) and (shares >= 0).all()
    assert torch.equal(x, pictures(n, height, width)[0]), "the pictures that were given are left alone"
    again = mix(x, y, specs, 5, generator(seed))
    assert torch.equal(mixed, again[0]) and torch.equal(shares, again[1])
    if n == 1:
        assert torch.equal(mixed, x)


@pytest.mark.parametrize("text", ["mixup=1:1", "cutmix=1:1", "mixup=1:1:1", "cutmix=1:1:1"])
def test_every_label_counts_for_what_its_picture_gave(text: str):
    """With as many classes as pictures of one colour each, the mean of a mixed picture is the mean by its label."""
    x, _ = pictures(8, 31, 24)
    lambdas = set()
    for seed in range(40):
        mixed, shares = mix(x, torch.arange(8), (parse(text),), 8, generator(seed))
        assert torch.allclose(mixed.mean((1, 2, 3)), shares @ (torch.arange(8.0) + 1), rtol=1e-4)
        own = shares.diagonal()
        assert ((shares > 0).sum(1) <= 2).all()
        alone = (shares > 0).sum(1) == 1
        lambdas |= {round(float(v), 5) for v in own[~alone]}
        if text == "mixup=1:1":
            assert own[~alone].max() - own[~alone].min() < 1e-6, "one λ a batch"
    assert len(lambdas) > (100 if text == "mixup=1:1:1" else 20)


def test_lambda_is_beta_and_mixup_is_linear():
    x, y = pictures(3, 2, 2)
    found = []
    for seed in range(1500):
        _, shares = mix(x, y, (parse("mixup=0.4"),), 5, generator(seed))
        if shares[0, 0] < 1:
            found.append(float(shares[0, 0]))
    assert stats.kstest(found, stats.beta(0.4, 0.4).cdf).pvalue > 0.01
    a, share, partner = torch.randn(4, 3, 5, 5), np.array([0.0, 0.25, 0.5, 1.0]), torch.tensor([2, 3, 3, 0])
    got, left = mixup(a, partner, share)
    weight = torch.tensor(share, dtype=torch.float32).reshape(4, 1, 1, 1)
    assert torch.allclose(got, weight * a + (1 - weight) * a[partner], atol=1e-6) and np.array_equal(left, share)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(0, 1), st.floats(0, 1, exclude_max=True),
       st.floats(0, 1, exclude_max=True))  # fmt: skip
def test_cutmix_is_the_authors_box(height: int, width: int, share: float, down: float, right: float):
    """rand_bbox of clovaai/CutMix-PyTorch, and λ adjusted to the pixels that were pasted."""
    x = torch.stack([torch.zeros(3, height, width), torch.ones(3, height, width)])
    places = np.array([[down, right], [0.5, 0.5]])
    mixed, left = cutmix(x, torch.tensor([1, 0]), np.array([share, share]), places)
    rows, columns = int(height * np.sqrt(1 - share)), int(width * np.sqrt(1 - share))
    cy, cx = int(down * height), int(right * width)
    want = torch.zeros(height, width)
    want[max(0, cy - rows // 2) : cy + rows // 2, max(0, cx - columns // 2) : cx + columns // 2] = 1
    assert torch.equal(mixed[0], want.expand(3, -1, -1))
    assert left[0] == pytest.approx(1 - want.mean().item(), abs=1e-6)


def test_of_two_kinds_each_is_drawn_half_of_the_time_and_probability_is_kept():
    x, y = pictures(6, 8, 8)
    kinds = {"mixup": 0, "cutmix": 0, "none": 0}
    for seed in range(1000):
        mixed, _ = mix(x, y, parse_all(["cutmix=1:0.5", "mixup=1:0.5"]), 5, generator(seed))
        whole = torch.equal(mixed, x)
        mild = bool((mixed.amax((1, 2, 3)) == mixed.amin((1, 2, 3))).all())
        kinds["none" if whole else "mixup" if mild else "cutmix"] += 1
    assert 420 < kinds["none"] < 600 and 190 < kinds["mixup"] < 310 and 190 < kinds["cutmix"] < 310
