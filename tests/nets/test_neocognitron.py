"""The Neocognitron as a value and as a Module, and the five digits that it is to learn."""

import numpy as np
import pytest
import torch

from neocog.arch import analyse
from neocog.nets import resolve
from neocog.nn import create_model
from neocog.pictures.stimuli import CLASSES, deformations, digit, five_digits, positions, shifted, shifts
from tests.conftest import rng


def test_the_layers_are_the_papers():
    """24 planes of 16×16, 10×10, 8×8, 6×6, 2×2 and 1×1 cells; 5×5 cells of each plane before feed an S-cell."""
    table = analyse(resolve("neocognitron").build())
    found = {row.path: (row.output, row.params) for row in table.rows}
    assert found == {
        "S1": ((24, 16, 16), 24 * 25 + 24),
        "C1": ((24, 10, 10), 0),
        "S2": ((24, 8, 8), 24 * 24 * 25 + 24),
        "C2": ((24, 6, 6), 0),
        "S3": ((24, 2, 2), 24 * 24 * 25 + 24),
        "C3": ((24, 1, 1), 0),
        "flatten": ((24,), 0),
        "readout": ((5,), 120),
    }
    assert (table.receptive_field, table.stride) == ([22, 22], [1, 1]), "an output cell sees the whole picture"
    cells = [node.record for node in table.arch.nodes if node.record.type == "SCell"]
    assert [(c.selectivity, c.speed, c.column, c.learning_selectivity) for c in cells] == [
        (4.0, 1.0, 5, None), (1.5, 16.0, 5, None), (1.5, 16.0, 2, None)]  # fmt: skip


def test_planes_start_with_weak_preferences_of_their_own():
    """Each S1-plane prefers another orientation: of 24 bars, turned by 7.5° each, every plane answers most to its own."""
    model = create_model("neocognitron")
    place = np.mgrid[:5, :5] - 2
    bars = [np.exp(-((place[0] * np.cos(t) - place[1] * np.sin(t)) ** 2)) for t in np.arange(24) * np.pi / 24]
    patches = torch.tensor(np.stack([bar / np.linalg.norm(bar) for bar in bars]), dtype=torch.float32)
    weight = model.get_submodule("S1").weight.detach()[:, 0]  # type: ignore[union-attr, operator]
    own = weight / weight.flatten(1).norm(dim=1)[:, None, None]
    assert torch.einsum("khw,nhw->kn", own, patches).argmax(1).tolist() == list(range(24))
    assert 0 < weight.max() <= 1e-3
    again = create_model("neocognitron", generator=rng(7)).state_dict()
    assert all(torch.equal(v, again[k]) for k, v in model.state_dict().items()), "nothing is random"


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (2, 2), (-2, 1)])
def test_maps_move_with_the_picture(shift: tuple[int, int]):
    """What stays off the margin answers the same, elsewhere: weights are shared over each plane."""
    model = create_model("neocognitron")
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.startswith("S"):
                value.uniform_(0, 1, generator=rng(len(key)))
    small = np.zeros((16, 16), np.uint8)
    small[5:11, 5:11] = np.random.default_rng(0).integers(0, 256, (6, 6))
    here, there = (torch.from_numpy(p.astype(np.float32))[None, None] / 255 for p in (small, shifted(small, *shift)))
    with torch.no_grad():
        s1 = [model.get_submodule("S1")(x) for x in (here, there)]
        c1 = [model.get_submodule("C1")(s) for s in s1]
    for one, other in (s1, c1):
        inside = one[:, :, 2:-2, 2:-2]
        rows, columns = (slice(2 + d, one.shape[2] - 2 + d) for d in shift)
        assert inside.max() > 0 and torch.allclose(inside, other[:, :, rows, columns], atol=1e-5)


def test_the_stimuli_are_five_digits_of_thin_lines():
    assert CLASSES == ("0", "1", "2", "3", "4")
    for number in range(5):
        picture = digit(number)
        assert picture.shape == (16, 16) and set(np.unique(picture)) == {0, 255}
        for down, right in positions():
            assert shifted(picture, down, right).sum() == picture.sum(), "there is room to move by two cells"
        ink = picture > 0
        assert not (ink[:-1, :-1] & ink[1:, :-1] & ink[:-1, 1:] & ink[1:, 1:]).any(), "lines are one cell wide"
    pictures, labels = shifts(positions())
    assert len(pictures) == 125 and np.bincount(labels).tolist() == [25] * 5
    assert len({p.tobytes() for p in pictures}) == 125


def test_deformations_are_mild_and_all_different():
    """Every one differs from the digit by some cells, and none is further from its own digit than from every other one."""
    pictures, labels = deformations(40, 3)
    assert len({p.tobytes() for p in pictures}) >= 198
    assert np.array_equal(pictures, deformations(40, 3)[0]), "the seed decides"
    plain, names = shifts(positions())
    ink = plain.reshape(125, -1) / 255.0
    overlap = (pictures.reshape(200, -1) / 255.0) @ ink.T / ink.sum(1)
    changed = [
        not any(np.array_equal(p, plain[i]) for i in np.flatnonzero(names == y)) for p, y in zip(pictures, labels, strict=True)
    ]
    assert np.mean(changed) > 0.95
    assert 0.4 < np.mean([overlap[i, names == y].max() for i, y in enumerate(labels)]) < 0.9


def test_what_is_learned_and_what_is_tested_do_not_overlap():
    data = five_digits()
    assert data.test is not None
    assert (len(data.train), len(data.test)) == (100, 160)
    learned = {p.tobytes() for p in data.train.arrays}  # type: ignore[union-attr]
    shared = sum(p.tobytes() in learned for p in data.test.arrays)  # type: ignore[union-attr]
    assert shared <= 3, "a deformation of a 1 may come out as another one, by chance"
