"""Dense SIFT against OpenCV at the same keypoints, and what a descriptor is meant to be indifferent to."""

import numpy as np
import pytest
import torch

from neocog.arch import SIFT, analyse
from neocog.nets import resolve
from neocog.nn import Model
from neocog.nn.sift import VisualWords, sift


def scene(side: int = 96, seed: int = 0) -> np.ndarray:
    """uint8 side×side: ellipses and bars over a slope, with a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side].astype(float)
    picture = 60 + 0.8 * x
    for _ in range(12):
        cy, cx, a, b = *rng.uniform(0, side, 2), *rng.uniform(4, 22, 2)
        picture[((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1] = rng.uniform(20, 240)
    return (picture + rng.normal(0, 4, picture.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("cell", [2, 4, 8])
def test_as_in_opencv(cell: int):
    """Cells of three deviations, angle 0. OpenCV rounds to whole numbers of 1/512, and approximates angles and exponentials."""
    cv2 = pytest.importorskip("cv2")
    pixels, stride = scene(), 7
    found = sift(torch.from_numpy(pixels)[None, None] / 255.0, cell, stride, floor=1e-6)[0]
    rows, columns = found.shape[1:]
    places = [(2 * cell + r * stride, 2 * cell + c * stride) for r in range(rows) for c in range(columns)]
    points = [cv2.KeyPoint(float(x), float(y), 2 * cell / 3, 0.0, 1.0, 0, -1) for y, x in places]
    kept, theirs = cv2.SIFT_create(sigma=cell / 3).compute(pixels, points)
    assert [(round(p.pt[1]), round(p.pt[0])) for p in kept] == places
    ours = found.flatten(1).T.numpy()
    theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    likeness = (ours * theirs).sum(1)

    assert likeness.min() > 0.9999
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9999


def test_the_descriptors_form():
    """128 numbers of length 1, none above what clipping leaves, at the places that the record says."""
    found = sift(torch.rand(2, 3, 40, 57), cell=4, stride=5)
    assert found.shape == (2, 128, (40 - 17) // 5 + 1, (57 - 17) // 5 + 1)
    assert found.shape[1:] == SIFT(cell=4, stride=5).output((3, 40, 57))
    assert torch.allclose(found.norm(dim=1), torch.ones(2, *found.shape[2:]), atol=1e-5)
    assert float(found.min()) >= 0 and float(found.max()) < 0.4
    with pytest.raises(ValueError, match="holds no window"):
        sift(torch.rand(1, 1, 16, 40), cell=4)


def test_brightness_contrast_and_colour_do_not_matter_and_flat_places_stay_flat():
    grey = torch.from_numpy(scene())[None, None].double() / 255
    assert torch.allclose(sift(grey, floor=1e-9), sift(0.5 * grey + 0.2, floor=1e-9), atol=1e-9)
    assert torch.allclose(sift(grey), sift(grey.expand(1, 3, -1, -1)), atol=1e-9)
    flat = 0.5 + 1e-4 * torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    assert float(sift(flat).norm(dim=1).max()) < 0.1


def test_a_turned_picture_has_turned_descriptors():
    """A quarter turn moves cells and turns directions: the same numbers in another order."""
    picture = torch.rand(1, 1, 33, 33, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    one = sift(picture, 4, 4)[0, :, 0, 0].view(4, 4, 8)  # the window of the whole picture's first place
    turned = torch.rot90(picture, 1, (2, 3))
    other = sift(turned, 4, 4)[0, :, -1, 0].view(4, 4, 8)
    assert torch.allclose(torch.rot90(one, 1, (0, 1)).roll(2, 2), other, atol=1e-9)


def test_words_are_the_nearest():
    layer = VisualWords(5, 7)
    with torch.no_grad():
        layer.weight.normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(1))
    said = layer(x)
    want = torch.cdist(x.flatten(2).transpose(1, 2), layer.weight).argmin(-1)
    assert torch.equal(said.flatten(2).argmax(1), want) and torch.equal(said.sum(1), torch.ones(2, 3, 4))


def test_a_bag_counts_words_in_the_whole_and_in_the_quarters():
    model = Model(resolve("sift-svm").build()).eval()
    x = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        words = model.fine.words(model.fine.sift(x))
        read = model.forward_head(model.forward_features(x), pre_logits=True)
    counts = words.mean((2, 3))
    assert torch.allclose(read[:, :200], counts.sqrt(), atol=1e-6)
    corner = words[:, :, :14, :14].mean((2, 3)) / 4
    assert torch.allclose(read[:, 200:1000].view(2, 200, 2, 2)[:, :, 0, 0], corner.sqrt(), atol=1e-6)
    assert torch.allclose(read.square().sum(1), torch.full((2,), 4.0), atol=1e-4), "two levels, two scales, a weight of 1 each"


@pytest.mark.parametrize(
    ("shape", "length"), [((1, 28, 28), 1296), ((3, 64, 64), 1764), ((3, 128, 128), 8100), ((3, 128, 64), 3780)]
)
def test_hogs_length_in_the_table(shape, length):
    table = analyse(resolve("hog-svm").build(), shape)
    assert table.by_path["flatten"].output == (length,)
