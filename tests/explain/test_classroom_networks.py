"""The classroom's lessons on networks and learning: their numbers are what an independent computation gives."""

import json
import math
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from neocog.arch import analyse
from neocog.arch.drawing.measure import width
from neocog.errors import UserError
from neocog.explain.classroom import (
    LESSONS,
    MOVING,
    Lesson,
    activations,
    batch_norm,
    c3,
    code_training,
    dropout,
    gates,
    groups,
    lesson,
    losses,
    lrn,
    rbf_codes,
    residual,
    walk_through,
)
from neocog.explain.classroom.small_nets import split_digits, train
from neocog.figure.sketch import Sketch
from neocog.nets import resolve
from neocog.nn import Model
from neocog.train.optim import losses as trained_with

COUNTED = (
    "groups",
    "c3",
    "bottleneck",
    "inception",
    "grid-reduction",
    "activations",
    "walk-through",
    "losses",
    "lrn",
    "batch-norm",
)
TRAINED = ("rbf-codes", "dropout", "residual", "gates")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


BRIEF: dict[str, Lesson] = {}
"""Lessons of a few steps, by name: several tests look at the same."""


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch):
    """Trainings of a few steps: for what does not hang on how well a net has learned."""
    for module in (dropout, gates, residual):
        monkeypatch.setattr(module, "STEPS", 20)
    monkeypatch.setattr(code_training, "STEPS", 40)
    monkeypatch.setattr(dropout, "LOOK", 20)
    monkeypatch.setattr(batch_norm, "STEPS", 10)


def words_of(sheet: Sketch) -> list[tuple[str, float, float, float, float]]:
    """Each text with its left, top, right and bottom."""
    found = []
    for kind, x, y, *rest in sheet.marks:
        if kind == "text":
            words, size, anchor, _, bold = rest
            if words:
                wide = 0.93 * width(words, size, bold)  # the table of widths has the wider of two fonts, rounded up
                left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
                found.append((words, left, y - 0.7 * size, left + wide, y + 0.05 * size))
    return found


def check_drawing(found: Lesson) -> None:
    """It parses, has a title, and no words leave the sheet or lie on other words."""
    for sheet in (found.figure, *found.frames):
        root = ElementTree.fromstring(sheet.svg())
        assert root.tag.endswith("svg") and root[0].text
    for sheet in (found.figure, *found.frames[-1:]):
        texts = words_of(sheet)
        for words, left, top, right, low in texts:
            assert left >= 0 and right <= sheet.wide and top >= 0 and low <= sheet.high, (found.name, words)
        for a, b in combinations(texts, 2):
            apart = a[3] <= b[1] or b[3] <= a[1] or a[4] <= b[2] or b[4] <= a[2]
            assert apart, (found.name, a, b)


@pytest.mark.parametrize("name", [*COUNTED, *TRAINED])
def test_every_lesson_draws_and_tells(name: str, brief: None):
    told: dict[str, list[tuple[int, int]]] = {}
    found = lesson(name, on_progress=lambda words, done, total: told.setdefault(words, []).append((done, total)))
    BRIEF[name] = found
    assert found.name == name and found.facts and len(found.words) > 2
    json.dumps(found.facts, allow_nan=False)
    assert bool(found.frames) == (name in MOVING)
    assert bool(told) == (name in TRAINED)  # what takes its time says how far it is, from 1 to the end
    assert all(steps == [(i + 1, len(steps)) for i in range(len(steps))] for steps in told.values())
    check_drawing(found)


def test_errors_name_what_there_is():
    with pytest.raises(UserError, match="no lesson 'drop-out': did you mean dropout"):
        lesson("drop-out")
    assert set(COUNTED) | set(TRAINED) <= set(LESSONS)


def test_groups_are_blocks_and_the_towers_meet_where_the_paper_says():
    for count in (1, 2, 3, 4):
        seen = groups.who_sees_whom(groups._chain(1, count))
        assert np.array_equal(seen, np.kron(np.eye(count), np.ones((12 // count, 12 // count))) > 0)
        assert np.array_equal(groups.who_sees_whom(groups._chain(2, count)), seen)
    assert groups.who_sees_whom(groups._chain(2, 3, True)).all()
    facts = lesson("groups").facts
    assert {path for path, yes in facts["crosses"].items() if yes} == {"conv3", "fc6", "fc7", "fc8", "norm1", "norm2"}
    assert facts["alexnet"]["conv2"] == [
        2,
        5 * 5 * 48 * 256 + 256,
        5 * 5 * 96 * 256 + 256,
        5 * 5 * 48 * 256 * 27 * 27,
        5 * 5 * 96 * 256 * 27 * 27,
    ]


def test_c3_is_table_one():
    facts = lesson("c3").facts
    table = [tuple(row) for row in facts["table"]]
    assert Counter(c3.kind(row, 6) for row in table) == {0: 6, 1: 6, 2: 3, 3: 1}
    assert facts["ours"] == {"links": 60, "params": 1516, "connections": 151_600, "macs": 150_000}
    assert facts["full"]["params"] == 16 * (6 * 25 + 1) and facts["read_by"] == [10] * 6
    assert facts["difference_from_zeros"] < 1e-5


def test_equal_codes_are_free_under_mle_and_a_guess_under_map(brief: None):
    facts = (BRIEF.get("rbf-codes") or lesson("rbf-codes")).facts
    assert facts["collapsed_loss"]["MLE"] == 0
    assert facts["collapsed_loss"]["MAP"] == pytest.approx(math.log(10 + math.exp(-10)), rel=1e-6)


def test_a_masked_net_is_what_dropout_draws_and_the_scaled_net_the_geometric_mean():
    """What torch's own dropout layer draws is one of the enumerated nets, each of them about as often as another."""
    x, y, test, labels = split_digits()
    for deep in (False, True):
        model = Model(dropout.net(deep), torch.Generator().manual_seed(3))
        train(model, x, y, F.cross_entropy, 20, 0.02)
        found = dropout.ensemble(model, test[:3], labels[:3])
        model.train()
        with torch.no_grad():
            for seed in range(8):
                torch.manual_seed(seed)
                drawn = F.softmax(model(test[:1].double()), 1).numpy()  # one picture: one mask
                assert np.abs(found.each[:, 0] - drawn).max(1).min() < 1e-12
        logs = np.log(found.each).mean(0)
        by_hand = np.exp(logs) / np.exp(logs).sum(1, keepdims=True)
        assert np.abs(found.geometric - by_hand).max() < 1e-12
        gap = np.abs(found.scaled - by_hand).max()
        assert gap > 1e-4 if deep else gap < 1e-12
        assert np.abs(found.scaled - found.arithmetic).max() > 1e-3


def test_codes_lie_four_times_their_differing_pixels_apart():
    found = rbf_codes.codes()
    differ = (found[:, None] != found[None]).sum(2)
    assert found.shape == (10, 84) and set(np.unique(found)) == {-1.0, 1.0}
    assert np.array_equal(rbf_codes.distances(found), 4.0 * differ)


def test_losses_are_those_of_training_and_their_slopes_those_of_differences():
    scores = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 5
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    assert torch.equal(losses.mle_loss(scores, labels), trained_with.mle(scores, labels))
    assert torch.equal(losses.map_loss(scores, labels, 10.0), trained_with.map_loss(scores, labels, 10.0))
    x = np.linspace(-3.03, 12.02, 40)
    for one in ("cross-entropy", "hinge", "MLE of right", "MAP of right", "MLE of wrong", "MAP of wrong"):
        slope = (losses.curve(one, x + 1e-6)[0] - losses.curve(one, x - 1e-6)[0]) / 2e-6
        assert np.abs(losses.curve(one, x)[1] - slope).max() < 1e-7
        assert np.abs(losses.by_hand(one, x) - slope).max() < 1e-7


@pytest.mark.parametrize("seed", range(4))
def test_the_walk_agrees_with_autograd_and_with_differences(seed: int):
    model, x = walk_through.network(seed)
    w, v = (model.get_parameter(f"{key}.weight").detach().numpy() for key in ("conv", "fc"))
    picture, w = x[0, 0].numpy() + np.random.default_rng(seed).normal(0, 0.01, (6, 6)), w[0, 0]  # no ties: differences exist
    modules, loss = walk_through.by_hand(picture, w, v, 1)
    theirs, torch_loss = walk_through.autograd(model, torch.from_numpy(picture)[None, None], 1)
    assert abs(loss - torch_loss) < 1e-12
    for one in modules:
        assert np.abs(one.d_input.ravel() - theirs[f"d {one.name}"].ravel()).max() < 1e-12
    for at, values in (("w", w), ("v", v), ("x", picture)):
        for place in ((0, 0), (1, 1), (2, 2)):
            ends = []
            for sign in (1, -1):
                moved = {"w": w, "v": v, "x": picture} | {at: values + sign * 1e-6 * _one(values.shape, place)}
                ends.append(walk_through.by_hand(moved["x"], moved["w"], moved["v"], 1)[1])
            gradient = {"w": modules[0].d_weight, "v": modules[3].d_weight, "x": modules[0].d_input}[at]
            assert gradient is not None and abs(gradient[place] - (ends[0] - ends[1]) / 2e-6) < 1e-6
    assert max(lesson("walk-through", seed=seed).facts["differences"].values()) < 1e-12  # with its ties


def _one(shape: tuple[int, ...], place: tuple[int, int]) -> np.ndarray:
    found = np.zeros(shape)
    found[place] = 1
    return found


def test_activations_bend_as_their_formulas_do():
    x = np.linspace(-5, 5, 11) + 0.25
    s = 1 / (1 + np.exp(-x))
    expected = {
        "ReLU": (x > 0) * 1.0,
        "sigmoid": s * (1 - s),
        "tanh": 1 - np.tanh(x) ** 2,
        "1.7159·tanh(2x/3)": 1.7159 * 2 / 3 * (1 - np.tanh(2 * x / 3) ** 2),
    }
    for kind, slope in expected.items():
        assert np.abs(activations.values(activations.KINDS[kind][0], x)[1] - slope).max() < 1e-12
    facts = lesson("activations").facts
    assert facts["largest_slope"]["sigmoid"] == 0.25
    assert facts["bends_most_at"] == pytest.approx(
        1.5 * math.atanh(math.sqrt(1 / 3)), abs=1e-3
    )  # (tanh)″ is largest at tanh² = ⅓
    assert activations.values(activations.KINDS["1.7159·tanh(2x/3)"][0], np.array([1.0]))[0][0] == pytest.approx(1, abs=1e-4)
    assert facts["gradient"]["sigmoid"][-1] < 1e-8 < 1e-2 < facts["gradient"]["ReLU"][-1]


def test_lrn_is_the_formula_and_caffes_is_torchs():
    facts = lesson("lrn").facts
    assert max(f["difference_by_hand"] for f in facts.values()) < 1e-10
    paper, caffe = facts.values()
    assert paper["alpha"] == pytest.approx(5 * caffe["alpha"]) and (paper["k"], caffe["k"]) == (2, 1)
    before = torch.tensor(caffe["before"], dtype=torch.float64)[None, :, None]
    theirs = F.local_response_norm(before, caffe["n"], 5 * caffe["alpha"], caffe["beta"], caffe["k"])[0, :, 0]
    assert np.abs(theirs.numpy() - np.array(caffe["after"])).max() < 1e-9
    quiet, beside, strong = paper["quiet_beside_strong_keep"]
    assert quiet > 0.7 > 0.5 > beside > 0.9 * strong and 0.999 < paper["small_answers_keep"] < 1
    b, matrix = lrn.damping(resolve("alexnet").build().nodes[2].record, np.linspace(20, 200, 12))  # type: ignore[arg-type]
    i, j = np.indices(matrix.shape)
    assert (matrix[(i != j) & (abs(i - j) <= 2)] < 0).all() and not matrix[abs(i - j) > 2].any() and (b > 0).all()


def test_batch_norm_is_algorithm_one(brief: None):
    facts = (BRIEF.get("batch-norm") or lesson("batch-norm")).facts
    assert facts["difference_by_hand"] < 1e-5 and facts["running_difference_by_hand"] < 1e-6
    gaps = list(facts["train_eval_gap"].values())
    assert gaps[0] > gaps[3] > gaps[-1]


def test_zero_weights_are_the_identity_in_a_residual_unit_only():
    assert residual.at_zero(False, 0) | {"answer": 0} == {"from_identity": 0.0, "answer": 0, "gradient": 1.0}
    plain = residual.at_zero(True, 0)
    assert plain["answer"] == 0 and plain["gradient"] == 0 and plain["from_identity"] > 1


def test_units_cost_what_the_claims_say():
    facts = lesson("bottleneck").facts
    assert list(facts["weights"].values()) == [2 * 9 * 256 * 256, 256 * 64 + 9 * 64 * 64 + 64 * 256, 2 * 9 * 64 * 64]
    assert (round(facts["ratio"], 2), round(facts["real_ratio"], 2)) == (16.94, 1.06)
    for net, block, unit in (("resnet34", "layer1.1", 2), ("resnet50", "layer1.1", 1)):  # both at 56×56, as they really are
        rows = [row for row in analyse(resolve(net).build()).rows if row.path.startswith(f"{block}.conv")]
        assert sum(row.params for row in rows) == list(facts["weights"].values())[unit] and rows[-1].output[1:] == (56, 56)
    facts = lesson("inception").facts
    assert list(facts["weights"].values()) == [819_200, 208_896] and round(facts["ratio"], 2) == 3.92
    assert facts["module_3a"] == {
        "naive": {"macs": 303_464_448, "maps": 416},
        "with reductions": {"macs": 128_049_152, "maps": 256},
    }
    first, pooled, beside = lesson("grid-reduction").facts.values()
    assert first["macs"] == 35 * 35 * 9 * 320 * 640 and pooled["macs"] == 17 * 17 * 9 * 320 * 640 == 2 * beside["macs"]
    assert first["output"] == pooled["output"] == beside["output"] == [640, 17, 17]
    assert pooled["narrowest"] == 320 * 17 * 17 < beside["narrowest"] == 640 * 17 * 17
    assert math.isclose(first["macs"] / beside["macs"], 2 * (35 / 17) ** 2)


def test_gates_start_near_their_bias_and_a_layer_is_the_papers_equation():
    model = Model(resolve(gates.NET).build(), torch.Generator().manual_seed(1)).eval()
    x = split_digits()[2][:50]
    found = gates.gates(model, x)
    assert found.shape == (50, 9, 50) and abs(found.mean() - 1 / (1 + math.exp(2))) < 0.1
    assert max(gates.by_hand(model, x, f"fc{i}") for i in range(2, 11)) < 1e-4
    with torch.no_grad():
        for key, value in model.named_parameters():
            if key.endswith("gate.T.weight"):
                value.zero_()
            if key.endswith("gate.T.bias"):
                value.fill_(-200.0)
        shut = model.get_submodule("relu1")(model.get_submodule("fc1")(x.flatten(1)))
        assert torch.equal(model(x), model.get_submodule("fc")(shut))  # carried to the end


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_trained_lessons_show_what_they_claim(name: str):
    found = lesson(name)
    check_drawing(found)
    facts = found.facts
    if name == "rbf-codes":
        mle, map_ = (facts["trained"][one] for one in ("MLE", "MAP"))
        assert mle["code_distance"][-1] < 1 < 10 < map_["code_distance"][-1]
        assert mle["loss"][-1] < 0.1 and mle["error"] > 2 * map_["error"]
    elif name == "dropout":
        one, deep = facts["softmax layer"], facts["ReLUs, softmax layer"]
        assert one["geometric"] < 1e-12 < 0.01 < deep["geometric"] and min(one["agree"], deep["agree"]) > 95
        assert one["scaled_error"] < one["single_error"] and facts["monte_carlo"]["softmax layer"][-1] < 0.05
    elif name == "residual":
        assert facts["identity"]["residual, decay 0.01"]["error"] < 0.05 < 0.3 < facts["identity"]["plain, decay 0.01"]["error"]
        assert facts["gradient"]["plain"][-1] > 5 * facts["gradient"]["residual"][-1]
    else:
        assert facts["error_trained"] < 15 < 80 < facts["error_start"] and facts["difference_by_hand"] < 1e-4


BOOK = Path(__file__).parents[2] / "docs" / "classroom.ipynb"


def code_cells() -> list[str]:
    book = json.loads(BOOK.read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert len(set(ids)) == len(ids) and all(cell.get("outputs", []) == [] for cell in book["cells"])
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_has_every_lesson_in_their_order():
    calls = [call for cell in code_cells() for call in re.findall(r'lesson\("([\w-]+)"\)', cell)]
    assert calls == list(LESSONS)
    titles = [cell for cell in json.loads(BOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "markdown"]
    assert len(titles) == len(LESSONS) + 1


@pytest.mark.slow
def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]):
    names: dict = {}
    for cell in code_cells():
        exec(compile(cell, str(BOOK), "exec"), names)
        if "found" in names:
            assert names["found"]._repr_svg_().startswith("<svg") and capsys.readouterr().out.strip()
