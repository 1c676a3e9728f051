"""The classroom's first half: what each lesson says is what an independent computation gives, and its drawing is whole."""

import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from neocog.arch import Conv2d, Sequential, analyse, architecture
from neocog.cli import main
from neocog.errors import UserError
from neocog.explain import LESSONS, Lesson, lesson
from neocog.explain.classroom import (
    COURSE,
    LOOKING,
    MOVING,
    backward,
    down_scaling,
    kernels,
    one_by_one,
    separable,
    shared_gradient,
    sparse_matrix,
    stacked,
    unpooling,
)
from neocog.explain.classroom.convolution import convolved
from neocog.explain.classroom.picture import seen
from neocog.figure.fonts import font
from neocog.figure.sketch import Sketch

OURS = ("kernels", "convolution", "sparse-matrix", "backward", "shared-gradient", "one-by-one", "unpooling", "down-scaling",
        "stacked", "counts", "separable")  # fmt: skip
FILMS = {"convolution": 25 + 9 + 4, "backward": 25}
assert set(FILMS) == set(MOVING) & set(OURS)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shown() -> dict[str, Lesson]:
    return {name: lesson(name, seed=3) for name in OURS}


def rounding(facts: object, keys: tuple[str, ...]) -> list[float]:
    """Every number under a key that ends in one of `keys`, at any depth."""
    found = []
    if isinstance(facts, dict):
        for key, value in facts.items():
            if key.endswith(keys) and isinstance(value, int | float):
                found.append(float(value))
            found += rounding(value, keys)
    return found


@pytest.mark.parametrize("name", OURS)
def test_a_lesson_has_a_whole_drawing_and_true_numbers(shown: dict[str, Lesson], name: str):
    one = shown[name]
    assert one.name == name
    assert one.words
    assert one.facts
    json.dumps(one.facts, allow_nan=False)
    for page in (one.figure, *one.frames[:1], *one.frames[-1:]):
        root = ElementTree.fromstring(page.svg())
        assert root.tag.endswith("svg")
        assert outside(page) == []
        assert overlapping(page) == []
    assert len(one.frames) == FILMS.get(name, 0)
    claims = rounding(one.facts, ("max_difference", "flipped_filters", "transposed_matrix", "conv_transpose2d"))
    pillow = one.facts.get("pillow_max_difference", 0)  # rounds to whole numbers
    assert all(value < 1e-10 or value == pillow for value in claims)


def boxes(page: Sketch) -> list[tuple[float, float, float, float, str]]:
    found = []
    for mark in page.marks:
        if mark[0] == "text" and mark[3].strip():
            _, x, y, words, size, anchor, _, _ = mark
            long = font(100).getlength(words) * size / 100
            left = x - {"start": 0, "middle": long / 2, "end": long}[anchor]
            found.append((left, y - 0.72 * size, left + long, y, words))
    return found


def outside(page: Sketch) -> list[str]:
    return [words for x0, y0, x1, y1, words in boxes(page) if x0 < 2 or y0 < 2 or x1 > page.wide - 2 or y1 > page.high - 2]


def overlapping(page: Sketch) -> list[tuple[str, str]]:
    every = boxes(page)
    b = np.array([one[:4] for one in every])
    slack = 0.5
    meet = (np.minimum(b[:, None, 2], b[None, :, 2]) - np.maximum(b[:, None, 0], b[None, :, 0]) > slack) & (
        np.minimum(b[:, None, 3], b[None, :, 3]) - np.maximum(b[:, None, 1], b[None, :, 1]) > slack
    )
    return [(every[i][4], every[j][4]) for i, j in zip(*np.nonzero(np.triu(meet, 1)), strict=True)]


@pytest.mark.parametrize("name", ["convolution", "backward", "separable"])
def test_a_seed_changes_the_numbers_and_not_the_truth(shown: dict[str, Lesson], name: str):
    other, again = lesson(name, seed=8), lesson(name, seed=3)
    assert json.dumps(again.facts) == json.dumps(shown[name].facts)
    assert json.dumps(other.facts) != json.dumps(again.facts)
    assert all(v < 1e-10 for v in rounding(other.facts, ("max_difference", "flipped_filters", "transposed_matrix")))


def test_a_film_is_a_gif_that_moves(shown: dict[str, Lesson]):
    one = replace(shown["backward"], frames=shown["backward"].frames[:3])
    with Image.open(io.BytesIO(one.film(100))) as film:
        assert (getattr(film, "n_frames", 1), film.info["duration"]) == (3, 100)
        assert film.size == (one.frames[0].wide, one.frames[0].high)
    with pytest.raises(UserError, match="does not move"):
        shown["counts"].film()


def test_the_sums_on_the_board_are_the_layers_answers(shown: dict[str, Lesson]):
    facts = shown["convolution"].facts
    x, w = np.array(facts["input"]), np.array(facts["filter"])
    right = np.einsum("ijab,ab->ij", sliding_window_view(np.pad(x, 1), (3, 3)), w)
    assert np.array_equal(right, facts["output"])
    for step, page in enumerate(shown["convolution"].frames[:25]):
        said = f"= {right.reshape(-1)[step]:g}".replace("-", "−")
        assert said in [mark[3] for mark in page.marks if mark[0] == "text"]
    spectrum = np.fft.rfft2(x, (7, 7)) * np.fft.rfft2(w, (7, 7))  # of the true convolution, by its theorem
    assert np.allclose(np.fft.irfft2(spectrum, (7, 7)), convolved(torch.tensor(x), torch.tensor(w)), atol=1e-9)
    sizes = facts["sizes"]
    assert [one["places"] for one in sizes.values()] == [one["layer"] for one in sizes.values()] == [5, 3, 2, 3, 7]
    assert sizes["stride 3, padding 1"]["leftover"] == 1


def test_kernels_are_what_their_names_say():
    step = torch.zeros(9, 9, dtype=torch.float64)
    step[:, 5:] = 1.0
    across, down = (kernels.filtered(step, kernels.kernel(f"Sobel {way}")) for way in ("across", "down"))
    assert (across[:, 4] == 4).all()  # a bright right side is positive: laid on as it stands, not flipped
    assert not down.any()
    assert (
        kernels.filtered(step, kernels.kernel("sharpen")).max()
        > 1
        > kernels.filtered(step, kernels.kernel("box blur"))[:, 5].max()
    )
    grey = torch.from_numpy(seen(None, 0)).double()
    for name in kernels.KERNELS:
        windows = sliding_window_view(np.pad(grey.numpy(), 1, mode="edge"), (3, 3))
        right = np.einsum("ijab,ab->ij", windows, kernels.kernel(name).numpy())
        assert np.allclose(kernels.filtered(grey, kernels.kernel(name)), right, atol=1e-9)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 1), (3, 0)])
def test_the_matrix_is_what_unit_pictures_give(stride: int, padding: int):
    """Column by column, the answer to a picture that is 1 in one place; and the way back is its transpose."""
    w = torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    unit = torch.eye(2 * 7 * 6, dtype=torch.float64).reshape(-1, 2, 7, 6)
    columns = torch.nn.functional.conv2d(unit, w, stride=stride, padding=padding)
    matrix = sparse_matrix.matrix_of(w, (7, 6), stride, padding)
    assert torch.equal(matrix, columns.flatten(1).T)
    g = torch.randn(columns.shape[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(backward.to_input(g, w, (7, 6), stride, padding).reshape(-1), matrix.T @ g.reshape(-1), atol=1e-12)


def test_the_census_of_a_matrix_is_a_count_of_its_entries(shown: dict[str, Lesson]):
    layers = shown["sparse-matrix"].facts["layers"]
    matrix = sparse_matrix.matrix_of(torch.ones(6, 1, 5, 5), (32, 32))
    found = layers["lenet5 C1"]
    assert (found["rows"], found["columns"], found["not_zero"]) == (*matrix.shape, int(matrix.count_nonzero()))
    first = layers["alexnet conv1"]
    assert (first["rows"], first["columns"], first["not_zero"], first["weights"]) == (290_400, 154_587, 105_415_200, 34_848)
    padded = analyse(architecture("padded", (2, 8, 7), Sequential(c=Conv2d(3, 3, 2, 1)))).rows[0]
    right = sparse_matrix.matrix_of(torch.ones(3, 2, 3, 3), (8, 7), 2, 1)
    assert sparse_matrix.census(padded)["not_zero"] == int(right.count_nonzero()) < padded.macs  # padding: no entries


def test_each_copys_gradient_is_its_patch_times_its_signal(shown: dict[str, Lesson]):
    rng = np.random.default_rng(0)
    x, w, g = rng.normal(size=(2, 6, 5)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=(3, 4, 3))
    own, bias = shared_gradient.separate(torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(g))
    patches = sliding_window_view(x, (3, 3), (1, 2))  # 2 × 4 × 3 × 3 × 3
    right = np.einsum("oij,cijab->ijocab", g, patches).reshape(12, 3, 2, 3, 3)
    assert np.allclose(own, right, atol=1e-12)
    assert np.allclose(bias, g.reshape(3, 12).T)
    facts = shown["shared-gradient"].facts
    assert np.array_equal(np.sum(facts["gradient_of_each_place"], 0), facts["shared"])


def test_one_by_one_is_a_product_of_matrices(shown: dict[str, Lesson]):
    facts = shown["one-by-one"].facts
    assert facts["pillow_max_difference"] <= 1.01
    usual, real = facts["reductions"].values()
    assert (usual["params"], usual["params_reduced"]) == (819_200, 208_896)
    assert (real["macs"], real["macs_reduced"]) == (120_422_400, 9_633_792 // 4 + 10_035_200)
    x, weights, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((2, 4, 3, 5), (3, 4), (3,)))
    layer = one_by_one.mixer(weights, bias)
    right = np.einsum("oc,nchw->nohw", weights, x) + bias.numpy()[:, None, None]
    for way in (one_by_one.per_pixel(x, layer), layer(x)):
        assert np.allclose(way.detach(), right, atol=1e-12)


def test_unpooling_adds_where_windows_share_a_maximum():
    """By hand: 4×4, windows of 3 one apart; the 9 is in all four, each sends its gradient there."""
    x = torch.tensor([[1.0, 2, 3, 0], [4, 9, 5, 1], [6, 7, 8, 2], [0, 1, 3, 2]], dtype=torch.float64)[None, None]
    g = torch.tensor([[1.0, 10], [100, 1000]], dtype=torch.float64)[None, None]
    values, switches = unpooling.pooled(x, 3, 1)
    assert (values == 9).all()
    restored = unpooling.unpooled(g, switches, (4, 4))[0, 0]
    assert restored[1, 1] == 1111
    assert restored.sum() == 1111
    facts = lesson("unpooling", seed=5).facts
    for words, kernel in (("2×2, stride 2", 2), ("3×3, stride 2", 3)):
        one = facts[words]
        x = np.array(one["input"])
        windows = sliding_window_view(x, (kernel, kernel))[::2, ::2]
        assert np.array_equal(one["pooled"], windows.max((2, 3)))
        sent = np.zeros_like(x)
        for n, (i, j) in enumerate(np.ndindex(2, 2), 1):
            sent[np.nonzero(x == windows[i, j].max())] += n  # all numbers differ
        assert np.array_equal(one["gradient"], sent)
    assert facts["3×3, stride 2"]["max_unpool2d"][2][2] in (1, 2, 3, 4)  # any one of them: it depends on torch's threads
    assert facts["3×3, stride 2"]["max_unpool2d_difference"] > 0 == facts["2×2, stride 2"]["max_unpool2d_difference"]
    assert 0.3 < facts["maps of 55×55"]["repeated_switches"] < 0.45


def test_means_are_those_of_pillow(shown: dict[str, Lesson]):
    grey = seen(None, 0)
    for s in down_scaling.FACTORS:
        right = np.asarray(Image.fromarray(grey).reduce(s))  # rounds to whole numbers
        assert np.abs(down_scaling.means(torch.from_numpy(grey).double(), s).numpy() - right).max() <= 0.5
    facts = shown["down-scaling"].facts["factors"]["4"]
    assert facts["false_waves_picked"] > 4 * facts["false_waves_means"]


def test_stacks_see_as_far_for_fewer_weights(shown: dict[str, Lesson]):
    facts = shown["stacked"].facts
    for words, n, size in (("2 of 3×3, or 5×5", 2, 5), ("3 of 3×3, or 7×7", 3, 7)):
        one = facts[words]
        assert one["stack"]["receptive_field"] == one["one"]["receptive_field"] == size
        assert one["seen_by_gradient"] == [size, size]
        assert set(one["ratio"].values()) == {9 * n / size**2}
        assert (one["stack"]["rectifiers"], one["one"]["rectifiers"]) == (n, 1)
    assert facts["with_rectifiers_differs_by"] > 1
    a, b = np.arange(9.0).reshape(3, 3), np.array([[1.0, 0, 2], [0, 3, 0], [4, 0, 5]])
    spectrum = np.fft.rfft2(a, (5, 5)) * np.fft.rfft2(b, (5, 5))
    assert np.allclose(stacked.merged([torch.tensor(a), torch.tensor(b)]), np.fft.irfft2(spectrum, (5, 5)), atol=1e-9)


def test_the_counts_of_the_ladder(shown: dict[str, Lesson]):
    steps, real = shown["counts"].facts.values()
    assert [one["weights"] for one in steps.values()] == [10**12, 10**8, 100, 10**4]
    assert [one["macs"] for one in steps.values()] == [10**12, 10**8, 10**8, 10**10]
    assert [one["biases"] for one in steps.values()] == [10**6, 10**6, 1, 100]
    assert real["local"]["weights"] + real["local"]["biases"] == 105_705_600
    assert real["shared"]["weights"] + real["shared"]["biases"] == 34_944
    assert real["local"]["macs"] == real["shared"]["macs"] == 105_415_200


def test_filters_are_sums_of_columns_times_rows(shown: dict[str, Lesson]):
    for w in (*separable.FILTERS.values(), torch.randn(5, 5, dtype=torch.float64)):
        parts = separable.terms(w)
        assert len(parts) == np.linalg.matrix_rank(w.numpy())
        for whole in (False, True):
            pairs = [separable.balanced(*part, whole) for part in parts]
            assert np.allclose(sum(np.outer(*pair) for pair in pairs), w, atol=1e-12)
    facts = shown["separable"].facts
    draws = np.random.default_rng(1).normal(size=(20_000, 3, 3))
    energy = np.linalg.svd(draws, compute_uv=False) ** 2
    assert facts["random_3x3_first_term_keeps"] == pytest.approx((energy[:, 0] / energy.sum(1)).mean(), abs=0.01)
    assert len(facts["mobilenet_v1"]) == 13
    assert all(one["share"] == pytest.approx(1 / one["maps"] + 1 / 9, rel=1e-12) for one in facts["mobilenet_v1"])
    assert facts["inception_v3"]["pair"] == 7 * 128 * 128 + 7 * 128 * 192


def test_pictures_of_the_readers(shown: dict[str, Lesson]):
    mine = Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8))
    for name in LOOKING:
        assert lesson(name, mine).facts != shown[name].facts
    with pytest.raises(UserError, match=r"looks at no picture; kernels, .* do$"):
        lesson("counts", mine)
    with pytest.raises(UserError, match="at least 8×8"):
        lesson("kernels", Image.new("RGB", (5, 40)))
    with pytest.raises(UserError, match="did you mean kernels"):
        lesson("kernel")
    with pytest.raises(UserError, match="0 or more"):
        lesson("kernels", seed=-1)


def test_the_page_names_every_lesson_and_its_pictures_exist():
    docs = Path(__file__).parents[2] / "docs"
    page = (docs / "classroom.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)`", page, re.MULTILINE) == list(LESSONS)
    assert re.findall(r"^## (.+)", page, re.MULTILINE)[: len(COURSE)] == list(COURSE)
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert pictures
    assert all((docs / name).stat().st_size <= 40_000 for name in pictures)


def test_the_list_needs_no_torch():
    code = (
        "import sys; from neocog.cli.lesson import LESSONS; print(len(LESSONS), 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out == [str(len(LESSONS)), "False", "False"]


def test_the_command_writes_what_it_says(shown: dict[str, Lesson], tmp_path, capsys, monkeypatch):
    short = replace(shown["backward"], frames=shown["backward"].frames[:2])
    monkeypatch.setattr("neocog.cli.lesson.lesson", lambda name, *rest: short if name == "backward" else lesson(name, *rest))
    for ending, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".gif", b"GIF8")):
        out = tmp_path / "new" / f"f{ending}"
        assert main(["lesson", "backward", "--out", str(out)]) == 0
        assert out.read_bytes().startswith(start)
        assert f"{out}: written" in capsys.readouterr().out
    assert main(["lesson", "stacked", "--out", str(tmp_path / "f.gif")]) == 2
    assert "does not move" in capsys.readouterr().err
    assert main(["lesson", "counts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["1000×1000, grey"]["full"]["weights"] == 10**12
    assert main(["lesson", "counts"]) == 0
    assert "neocog lesson counts --out counts.svg" in capsys.readouterr().out
    assert main(["lesson", "--out", "f.svg"]) == 2
    assert capsys.readouterr().err == "neocog: --out of which lesson? `neocog lesson` lists them\n"


def test_the_list_names_chapters_films_and_pictures(capsys):
    assert main(["lesson"]) == 0
    said = capsys.readouterr().out
    for chapter, lessons in COURSE.items():
        assert f"\n{chapter}\n" in said
        assert all(f"\n  {name} " in said for name in lessons)
    assert (said.count("[film]"), said.count("[your picture]")) == (len(MOVING), len(LOOKING))
    assert main(["lesson", "--json"]) == 0
    assert [(one["name"], one["moves"]) for one in json.loads(capsys.readouterr().out)] == [(n, n in MOVING) for n in LESSONS]


def test_ctrl_c_is_one_line(capsys, monkeypatch):
    """It comes while a lesson trains: the bar goes, nothing is written."""

    def interrupted(name, picture, seed, on_progress):
        on_progress("training", 1, 10)
        raise KeyboardInterrupt

    monkeypatch.setattr("neocog.cli.lesson.lesson", interrupted)
    assert main(["lesson", "gates", "--out", "never.svg"]) == 130
    assert capsys.readouterr().err.split() == ["neocog:", "interrupted"]
    assert not Path("never.svg").exists()
