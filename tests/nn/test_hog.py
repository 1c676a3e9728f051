"""Histograms of oriented gradients: against scikit-image where both do the same, and the paper's own choices by themselves."""

import numpy as np
import pytest
import torch

from neocog.nn.hog import hog, hog_length


@pytest.mark.parametrize(("size", "choices"), [((40, 56), {}), ((37, 50), {"orientations": 6, "cell": 5, "block": 3})])
def test_as_in_scikit_image(size, choices):
    feature = pytest.importorskip("skimage.feature")
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    n, cell, block = choices.get("orientations", 9), choices.get("cell", 8), choices.get("block", 2)
    theirs = feature.hog(pixels.astype(float), n, (cell, cell), (block, block), "L2-Hys", channel_axis=2)
    ours = hog(torch.from_numpy(pixels).permute(2, 0, 1)[None].double(), **choices, interpolate=False)[0].numpy()
    assert ours.shape == theirs.shape == (hog_length(*size, **choices),)
    assert np.abs(ours - theirs).max() < 1e-6  # they sum at 32 bits


def test_the_papers_detection_window_has_3780_numbers():
    """Dalal & Triggs 2005, section 6.4: 64×128, cells of 8, blocks of 2×2 cells, 9 bins."""
    assert hog_length(128, 64) == 3780 == hog(torch.rand(1, 3, 128, 64)).shape[1]
    assert hog_length(8, 64) == 0
    with pytest.raises(ValueError, match="holds no block"):
        hog(torch.rand(1, 1, 8, 64))


def test_votes_are_shared_between_neighbouring_bins():
    """A ramp whose gradient points at 20 degrees lies on the border of the bins around 10 and 30: each gets half. Turned a
    little, the description changes a little, which it does not without interpolation."""

    def ramp(degrees: float, interpolate: bool) -> torch.Tensor:
        y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
        angle = torch.tensor(degrees).deg2rad()
        found = hog((x * angle.cos() + y * angle.sin())[None, None], interpolate=interpolate)
        return found.view(3, 3, 2, 2, 9)[1, 1, 0, 0]

    middle = ramp(20.0, True)
    assert middle[0] == pytest.approx(float(middle[1]), rel=1e-3) and float(middle[2:].abs().max()) < 1e-4
    near, far = ((ramp(20.5, how) - ramp(19.5, how)).abs().max() for how in (True, False))
    assert float(near) < 0.05 < 0.2 < float(far)


def test_brightness_and_contrast_do_not_matter():
    pixels = torch.rand(2, 3, 48, 48, dtype=torch.float64) * 200
    assert torch.allclose(hog(pixels), hog(0.5 * pixels + 40), atol=1e-6)
