"""airbench94 against a network built as the author's file builds it, and what its starts are good for."""

import pytest
import torch
from torch import Tensor, nn

from neocog.arch import analyse
from neocog.nets import resolve
from neocog.nn import Model
from tests.conftest import Agree, error, picture, randomise, rng


class Group(nn.Module):
    """The author's ConvGroup."""

    def __init__(self, before: int, maps: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, maps, 3, padding="same", bias=False)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding="same", bias=False)
        self.norm1, self.norm2 = (nn.BatchNorm2d(maps, eps=1e-12, momentum=0.4) for _ in range(2))
        self.pool, self.act = nn.MaxPool2d(2), nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm1(self.pool(self.conv1(x))))
        return self.act(self.norm2(self.conv2(x)))


def published(scale: float) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 24, 2), nn.GELU(), Group(24, 64), Group(64, 256), Group(256, 256), nn.MaxPool2d(3),
                         nn.Flatten(), nn.Linear(256, 10, bias=False))  # fmt: skip


@pytest.mark.parametrize(("name", "scale"), [("airbench94", 1 / 9), ("airbench94.muon", 1 / 256)])
def test_same_function_as_the_published_file(name: str, scale: float, agree: Agree):
    """Outputs in training and in evaluation; the author's untrained scales are the only numbers that are not ours."""
    ours, theirs = Model(resolve(name).build(), rng()), published(scale)
    randomise(ours)
    with torch.no_grad():
        theirs[0].load_state_dict(ours.whiten.state_dict())
        for number in (1, 2, 3):
            mine, other = ours.get_submodule(f"group{number}"), theirs[number + 1]
            for k in "12":
                other.get_submodule("conv" + k).weight.copy_(mine.get_submodule("conv" + k).weight)
                norm, stats = other.get_submodule("norm" + k), mine.get_submodule("norm" + k)
                norm.bias.copy_(mine.get_submodule("shift" + k).bias)
                norm.running_mean.copy_(stats.running_mean)
                norm.running_var.copy_(stats.running_var)
        theirs[7].load_state_dict(ours.fc.state_dict())
    x = picture(ours.arch, 4)
    worst = 0.0
    for training in (False, True, False):  # the last: with what both have put into their running means
        got, want = ours.train(training)(x), theirs.train(training)(x) * scale
        worst = max(worst, error(got, want))
    assert worst <= 1e-5
    scales = sum(m.weight.numel() for m in theirs.modules() if isinstance(m, nn.BatchNorm2d))
    count = sum(p.numel() for p in theirs.parameters())
    assert analyse(ours.arch).total("params") == count - scales == 1_972_792 - 1_152
    agree(name, "a network built as the author's file builds it", "outputs in training and evaluation; parameters", worst)


def test_work_by_hand():
    """Places × weights of each layer: maps of 31, 15, 7 and 3 pixels; the convolution before a pool sees the larger one."""
    table = analyse(resolve("airbench94").build())
    groups = 9 * (24 * 64 * 31**2 + 64 * 64 * 15**2 + 64 * 256 * 15**2 + 256 * 256 * (7**2 + 7**2 + 3**2))
    assert table.total("macs") == 12 * 24 * 31**2 + groups + 2560
    assert (table.receptive_field, table.stride) == ([67, 67], [24, 24])


def test_groups_pass_their_input_on_at_first():
    """Section 3.3: the first filters of each convolution copy a map, the others are as torch draws them."""
    weight = Model(resolve("airbench94").build(), rng()).get_submodule("group1.conv1").weight
    x = torch.randn(2, 24, 9, 9, generator=rng(1))
    out = nn.functional.conv2d(x, weight, padding=1)
    assert torch.equal(out[:, :24], x)
    rest = weight[24:]
    assert float(rest.detach().abs().max()) <= 1 / (24 * 9) ** 0.5
    assert float(rest.detach().std()) == pytest.approx((1 / (24 * 9) ** 0.5) / 3**0.5, rel=0.05)
    square = Model(resolve("airbench94").build(), rng()).get_submodule("group1.conv2").weight
    assert torch.equal(square, nn.init.dirac_(torch.empty_like(square)))


@pytest.mark.parametrize(("name", "shape"), [("air.grey", (1, 28, 28)), ("air.colour", (3, 32, 32))])
def test_quick_nets_read_pictures_of_any_size(name: str, shape: tuple[int, int, int]):
    model = Model(resolve(name).build(), rng()).eval()
    assert model.arch.input == shape
    for more in (0, 3, 20):
        assert model(torch.zeros(2, shape[0], shape[1] + more, shape[2] + more)).shape == (2, 10)
