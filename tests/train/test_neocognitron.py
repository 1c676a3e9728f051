"""The Neocognitron's learning: the rule against loops, resumption, a teacher, and what it recognises in the end."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.nn import Model, create_model
from neocog.pictures.stimuli import deformations, five_digits, lessons, positions, shifts
from neocog.runs import RunFolder, load, read_events, wrong_in_top
from neocog.runs.config import BEST, EVENTS, LAST
from neocog.train import Fitted, Interrupted, Wishes, reopen, resolve_run
from neocog.train import run as train_run
from neocog.train.neocognitron import Stage, head_of, names_of, organise, present, representatives, stages, teach, winners_of
from neocog.weights import read_safetensors
from tests.conftest import rng


def numbers(pixels: np.ndarray) -> Tensor:
    """uint8 N×16×16 as the network reads them."""
    return torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]


def representatives_by_loops(answers: np.ndarray, column: int) -> dict[int, tuple[int, int]]:
    """Each S-column names its strongest cell; a plane keeps the strongest that were named in it."""
    _, height, width = answers.shape
    rows, columns = min(column, height), min(column, width)
    best: dict[int, tuple[int, int]] = {}
    for top in range(height - rows + 1):
        for left in range(width - columns + 1):
            window = answers[:, top : top + rows, left : left + columns]
            k, i, j = np.unravel_index(window.argmax(), window.shape)
            if window[k, i, j] > 0:
                cell = (top + int(i), left + int(j))
                if int(k) not in best or answers[k][cell] > answers[k][best[int(k)]]:
                    best[int(k)] = cell
    return best


@pytest.mark.parametrize(("shape", "column"), [((6, 9, 7), 3), ((4, 8, 8), 5), ((24, 2, 2), 2), ((5, 3, 4), 5), ((3, 6, 6), 1)])
def test_representatives_against_loops(shape: tuple[int, int, int], column: int):
    for seed in range(20):
        answers = torch.rand(shape, generator=rng(seed)) - 0.7  # most cells are silent
        planes, places = representatives(answers.clamp_min(0), column)
        found = {int(k): divmod(int(p), shape[2]) for k, p in zip(planes, places, strict=True)}
        assert found == representatives_by_loops(answers.clamp_min(0).numpy(), column)
    assert len(representatives(torch.zeros(shape), column)[0]) == 0, "nobody answers, nobody learns"


def stage_of(name: str = "neocognitron", number: int = 0) -> tuple[Model, Stage]:
    model = create_model(name)
    return model, stages(model)[number]


def test_only_the_representatives_planes_grow_and_by_what_they_see():
    model, stage = stage_of(number=1)
    x = torch.rand(1, 24, 10, 10, generator=rng(1))
    with torch.no_grad():
        planes, places = representatives(stage.cell(x)[0], stage.record.column)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert present(stage, x) == len(planes) > 0
    q, c = stage.record.speed, stage.cell.mask[0]
    padded = torch.nn.functional.pad(x[0], (1, 1, 1, 1))
    for k in range(24):
        grown = stage.cell.weight[k] - before["S2.weight"][k]
        if k not in planes.tolist():
            assert not grown.any() and stage.cell.bias[k] == before["S2.bias"][k]
            continue
        i, j = divmod(int(places[planes.tolist().index(k)]), 8)
        seen = padded[:, i : i + 5, j : j + 5]
        assert torch.allclose(grown, q * c * seen, atol=1e-6)
        assert torch.allclose(stage.cell.bias[k], q / 2 * (c * seen**2).sum().sqrt(), atol=1e-6)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items() if not k.startswith("S2."))


def test_a_cell_that_learned_much_answers_by_the_angle_between_pictures():
    """For large weights u → r·φ((1 + 1/r)·cos − 1), the cosine being weighted by c: 1 for what it learned, 0 below r/(1+r)."""
    _, stage = stage_of()
    learned = torch.rand(1, 1, 16, 16, generator=rng(2))
    planes, places = representatives(stage.cell(learned)[0].detach(), 5)
    k, place = int(planes[0]), int(places[0])
    for _ in range(3):
        present(stage, learned, rate=1e4)
    i, j = divmod(place, 16)
    r, c = stage.record.selectivity, stage.cell.mask[0, 0]

    def window(x: Tensor) -> Tensor:
        return torch.nn.functional.pad(x[0, 0], (2, 2, 2, 2))[i : i + 5, j : j + 5]

    for other in (learned, 3 * learned, learned + 0.3 * torch.rand(1, 1, 16, 16, generator=rng(3)), torch.rand_like(learned)):
        a, b = window(learned), window(other)
        cosine = float((c * a * b).sum() / ((c * a * a).sum() * (c * b * b).sum()).sqrt())
        with torch.no_grad():
            answer = float(stage.cell(other)[0, k, i, j])
        assert answer == pytest.approx(max(0.0, r * ((1 + 1 / r) * cosine - 1)), abs=0.02)


def test_planes_are_named_by_the_class_they_win_most():
    winners = torch.tensor([0, 0, 0, 2, 2, -1, 3, 3])
    labels = torch.tensor([1, 1, 0, 0, 2, 2, 2, 0])
    names = names_of(winners, labels, 3, 5)
    assert names.tolist() == [[0, 0, 1, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]], "ties go to the earlier class"


def test_the_teacher_picks_the_winner():
    """A class's own plane learns if it is the strongest; else a plane without a name does, until the class has its share."""
    _, stage = stage_of(number=2)
    names = torch.zeros(5, 24)
    first, second = (torch.rand(1, 24, 6, 6, generator=rng(s)) for s in (4, 5))
    assert teach(stage, first, 0, names) == 1 and names.sum() == names[0].sum() == 1
    own = int(names[0].argmax())
    grown = stage.cell.bias[own].item()
    teach(stage, first, 0, names)
    assert names.sum() == 1 and stage.cell.bias[own].item() == pytest.approx(2 * grown), "its own plane answers most: it learns"
    teach(stage, first, 3, names)
    assert names[3].sum() == 1 and names[0].sum() == 1 and names[3, own] == 0, "another class gets a plane of its own"
    for s in range(6, 40):
        teach(stage, torch.rand(1, 24, 6, 6, generator=rng(s)) ** 6, s % 2, names)
    assert names[0].sum() <= 4 and names[1].sum() <= 4 and names.sum(0).max() == 1, "24 planes, 5 classes: four each"
    assert teach(stage, second, 2, torch.ones(5, 24) * torch.eye(5)[:1].T) == 0, "no plane is left for it"


# --- through runs -----------------------------------------------------------------------------------------------------


def train(out: Path, learner: str = "neocognitron", stop=lambda: False, net: str = "neocognitron") -> Fitted:
    data = five_digits()
    resolved = resolve_run(data, "five-digits", Wishes(net, epochs=1, changes=(("learner", learner),)))
    RunFolder(out).begin(resolved.config)
    return train_run(resolved, data, out, lambda event: None, stop, "cpu")


@pytest.mark.parametrize("learner", ["neocognitron", "neocognitron-taught"])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, learner: str):
    train(tmp_path / "whole", learner)
    asked = iter(range(10**6))
    with pytest.raises(Interrupted):
        train(tmp_path / "parts", learner, stop=lambda: next(asked) == 14)  # within the second layer
    data, folder = five_digits(), RunFolder(tmp_path / "parts")
    for at in (9, None):  # stopped again, within the third
        asked, left = iter(range(10**6)), at
        again = reopen(folder, data)
        try:
            train_run(again, data, folder.path, lambda event: None, lambda: next(asked) == left, "cpu")  # noqa: B023
        except Interrupted:
            assert at is not None
    one, other = (read_safetensors(tmp_path / name / LAST)[0] for name in ("whole", "parts"))
    assert all(torch.equal(one[k], other[k]) for k in one) and one["readout.weight"].sum() > 4
    events = list(read_events(tmp_path / "parts" / EVENTS))
    assert [e["layer"] for e in events if e["event"] == "layer"] == ["S1", "S2", "S3"]
    assert (tmp_path / "parts" / BEST).is_file() and folder.finished
    model = load(tmp_path / "parts")
    pixels, labels = data.train.arrays, data.train.labels
    scores = model(torch.from_numpy(model.preprocessing.normalise(pixels))).detach().numpy()  # type: ignore[union-attr]
    assert wrong_in_top(scores, labels, 1).mean() < 0.3


def test_wishes_that_make_no_sense_are_refused():
    data = five_digits()
    for wishes, words in (
        (Wishes("linear", changes=(("learner", "neocognitron"),)), "reinforces S-cells"),
        (Wishes("neocognitron", changes=(("learner", "perceptron"),)), "one full connection"),
        (Wishes("neocognitron", budget=5.0), "give --epochs"),
        (Wishes("neocognitron", side=20), "one cell each"),
    ):
        with pytest.raises(UserError, match=words):
            resolve_run(data, "five-digits", wishes)


def test_the_command_learns_real_digits_with_a_teacher(neocog, idx, digit, tmp_path):
    """450 MNIST digits, one pass: the names of the classes reach the answer, and it is far better than chance (10 %)."""
    done = neocog("train", idx, "--net", "neocognitron.two_thresholds", "--learner", "neocognitron-taught", "--epochs", 1,
                  "--out", tmp_path / "run", "--json").check(0)  # fmt: skip
    print(done.json()["test"])
    assert done.json()["test"]["top1_error"] < 60
    judged = neocog("evaluate", tmp_path / "run", idx, "--json").check(0).json()
    assert judged["top1_error"] == done.json()["test"]["top1_error"]
    answer = neocog("predict", tmp_path / "run", digit, "--json").check(0).json()
    assert len(answer[0]["top"]) == 5
    shown = (
        neocog("explain", tmp_path / "run", digit, "--method", "planes", "--out", tmp_path / "p.png", "--json").check(0).json()
    )
    assert [one["path"] for one in shown["layers"]] == ["S1", "C1", "S2", "C2", "S3", "C3"]


# --- what it recognises -----------------------------------------------------------------------------------------------


def right(model: Model, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Percent whose class alone has the largest score; a tie, or no answer at all, is wrong."""
    with torch.no_grad():
        return 100 * (1 - float(wrong_in_top(model(numbers(pixels)).numpy(), labels, 1).mean()))


def test_five_digits_shifted_and_deformed():
    """Twenty presentations of each, no labels: ≥ 95 % of all 125 shifts by up to ±2 cells (60 of them never seen) and ≥ 80 %
    of 500 other mild deformations, in the mean of five seeds, each with an order and deformations of its own."""
    found = []
    for seed in range(5):
        model = create_model("neocognitron.two_thresholds").eval()
        pixels, labels = lessons(seed)
        order = np.random.default_rng(seed).permutation(len(labels))
        organise(model, numbers(pixels[order]), torch.from_numpy(labels[order]), passes=1)
        found.append((right(model, *shifts(positions())), right(model, *deformations(100, 1000 + seed))))
        assert winners_of(model, torch.zeros(1, 1, 16, 16)).tolist() == [-1], "an empty picture is nothing"
        assert head_of(model).sum(1).min() >= 1, "every digit has a plane"
    print("percent of 125 shifts and of 500 deformations:", found)
    shifted, bent = np.mean(found, 0)
    assert shifted >= 95
    assert bent >= 80
    assert (np.min(found, 0) >= (90, 75)).all(), "no seed fails by much"


def test_the_guide_runs(capsys: pytest.CaptureFixture[str]):
    text = (Path(__file__).resolve().parents[2] / "docs" / "neocognitron.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    exec(code, {})  # our own document
    shifted, bent = map(int, re.findall(r"(\d+) of \d+", capsys.readouterr().out))
    assert shifted >= 0.95 * 125
    assert bent >= 0.8 * 500
