"""Operations, magnitudes and policies are torchvision's, to the pixel."""

from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from neocog.pictures.augment import auto
from neocog.pictures.augment.draws import Draws, generator

SIZE = (40, 53)


@pytest.fixture(scope="module")
def theirs(torchvision: ModuleType) -> ModuleType:
    from torchvision.transforms import autoaugment

    return autoaugment


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 200, (5, 6, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", auto.OPERATIONS)
def test_each_operation_is_torchvisions(name: str, wide: bool, grey: bool, theirs: ModuleType, picture: np.ndarray):
    from torchvision.transforms import InterpolationMode

    pixels = picture[..., :1] if grey else picture
    source = Image.fromarray(pixels[..., 0] if grey else pixels)
    for level in (0, 1, 9, 17, 30):
        by = auto.magnitude(name, level / 30, *SIZE, wide)
        for sign in (1, -1) if name in auto.SIGNED else (1,):
            want = np.asarray(theirs._apply_op(source, name, sign * by, InterpolationMode.NEAREST, None))
            got = auto.apply(pixels[None], [[(name, sign * by)]])[0]
            assert np.array_equal(got, want.reshape(got.shape)), (name, sign * by)


@pytest.mark.parametrize("which", ["RandAugment", "TrivialAugmentWide", "AutoAugment"])
def test_magnitudes_are_torchvisions(which: str, theirs: ModuleType):
    bins, wide = (10 if which == "AutoAugment" else 31), which == "TrivialAugmentWide"
    space = getattr(theirs, which)()._augmentation_space(*((bins,) if wide else (bins, SIZE)))
    assert set(space) == set(auto.OPERATIONS) - {"Identity" if which == "AutoAugment" else "Invert"}
    for name, (magnitudes, signed) in space.items():
        assert signed == (name in auto.SIGNED)
        for level in range(bins if magnitudes.ndim else 0):
            want = float(magnitudes[level])
            assert auto.magnitude(name, level / (bins - 1), *SIZE, wide) == pytest.approx(want, abs=1e-4), (name, level)


@pytest.mark.parametrize(("name", "mine"), [("imagenet", auto.IMAGENET), ("cifar10", auto.CIFAR)])
def test_policies_are_torchvisions(name: str, mine: tuple[auto.Pair, ...], theirs: ModuleType):
    assert list(mine) == theirs.AutoAugment(theirs.AutoAugmentPolicy(name)).policies


def test_draws_take_every_operation_sign_and_level_as_often():
    n, shape = 14_000, (14_000, 8, 8, 3)
    for uses, each in (
        (auto.randaugment_uses(shape, Draws.of(generator(0), n), 2, 9), 2),
        (auto.trivialaugment_uses(shape, Draws.of(generator(0), n)), 1),
    ):
        assert {len(todo) for todo in uses} == {each}
        names, counts = np.unique([name for todo in uses for name, _ in todo], return_counts=True)
        assert len(names) == 14 and counts.min() > 900 * each * 0.98 and counts.max() < 1100 * each * 1.02
        turned = [by for todo in uses for name, by in todo if name == "Rotate"]
        assert 0.42 < np.mean(np.array(turned) > 0) < 0.55
    assert {abs(round(by, 6)) for todo in uses for name, by in todo if name == "Rotate"} == {4.5 * k for k in range(31)}


def test_halves_of_a_pair_are_done_with_their_own_probability():
    uses = auto.autoaugment_uses((20_000, 8, 8, 3), Draws.of(generator(0), 20_000), auto.IMAGENET[3:4])
    first = np.mean([bool(todo) and todo[0] == ("Posterize", 8 - round(4 * 7 / 9)) for todo in uses])
    assert np.mean([len(todo) for todo in uses]) == pytest.approx(1.2, abs=0.02)
    assert first >= 0.6 - 0.02
