"""`neocog augment`: the sheet, the list, and wishes that cannot be granted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .command import Server


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 90×60 pixels, every column of another colour."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    across, down = np.arange(90), np.arange(60)[:, None]
    pixels = np.stack(np.broadcast_arrays(across * 2, down * 4, 255 - across), 2).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_sheet_shows_each_augmentation_and_all_together(neocog: Server, photo: Path, tmp_path: Path):
    out = tmp_path / "new" / "sheet.png"
    asked = ("--with", "jitter,square-crop,flip", "--n", 5, "--size", 56, "--seed", 3, "--out", out, "--json")
    said = neocog("augment", photo, *asked).check(0).json()
    assert [row["name"] for row in said["rows"]] == ["square-crop", "flip", "jitter", "together"]
    cut = said["rows"][0]
    assert cut["values"] == {"side": 256, "crop": 224} and "Krizhevsky" in cut["source"]
    assert len(cut["boxes"]) == 5 and all(top >= 0 and left >= 15 - 1e-6 for top, left, _, _ in cut["boxes"])  # middle square
    assert "9 × 9 windows, 162 inputs" in cut["remark"]
    assert (said["size"], said["n"], said["seed"]) == ([56, 56], 5, 3)
    with Image.open(out) as sheet:
        sheet.load()
        assert sheet.format == "PNG" and sheet.width > 5 * 100
        first = np.asarray(sheet)
    neocog("augment", photo, *asked[:-1]).check(0)
    with Image.open(out) as sheet:
        assert np.array_equal(np.asarray(sheet), first), "the same seed, the same sheet"


def test_without_a_wish_it_shows_all_and_mixes_where_there_are_two(neocog: Server, photo: Path, digit: Path, tmp_path: Path):
    from neocog.pictures.augment.spec import KNOWN

    alone = neocog("augment", digit, "--n", 2, "--out", tmp_path / "a.png", "--json").check(0).json()
    names = [name for name, kind in KNOWN.items() if kind.stage != "mix"]
    assert [row["name"] for row in alone["rows"]] == names and alone["size"] == [28, 28]
    two = neocog("augment", photo, digit, "--n", 2, "--size", 48, "--out", tmp_path / "b.webp", "--json").check(0).json()
    assert [row["name"] for row in two["rows"]] == list(KNOWN)


def test_a_recipe_is_shown_at_its_networks_size(neocog: Server, photo: Path, tmp_path: Path):
    said = neocog("augment", photo, "--net", "lenet5", "--n", 2, "--out", tmp_path / "a.png", "--json").check(0).json()
    assert (said["size"], [row["name"] for row in said["rows"]]) == ([32, 32], ["shift"])


def test_the_list_names_every_augmentation_with_its_source(neocog: Server):
    from neocog.pictures.augment.spec import KNOWN

    text = neocog("augment", "--list").check(0).out
    rows = neocog("augment", "--list", "--json").check(0).json()
    assert [row["name"] for row in rows] == list(KNOWN)
    for row in rows:
        assert row["spec"] in text and row["help"] in text and row["source"] in text


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("--with wobble --out a.png", "wobble"),
        ("--with mixup --out a.png", "second one"),
        ("--with crop,shift --out a.png", "both move"),
        ("--with flip --net lenet5 --out a.png", "give one"),
        ("--recipe paper --out a.png", "--net"),
        ("--net mlp --out a.png", "augments nothing"),
        ("--n 0 --out a.png", "--n goes from 1"),
        ("--size 9000 --out a.png", "--size"),
        ("--out a.txt", ".png"),
        ("", "--out"),
    ],
)
def test_wishes_that_cannot_be_granted_are_told_in_one_line(neocog: Server, photo: Path, wish: str, words: str):
    neocog("augment", photo, *wish.split()).complaint(words)


def test_a_file_that_is_no_picture_is_told(neocog: Server, tmp_path: Path):
    (tmp_path / "a.png").write_text("no picture")
    neocog("augment", tmp_path / "a.png", "--out", tmp_path / "b.png").complaint("a.png", "not a picture")


def test_the_document_names_every_augmentation_and_its_example_runs(capsys: pytest.CaptureFixture[str]):
    from neocog.pictures.augment.spec import KNOWN, Spec

    text = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text("utf-8")
    for name, kind in KNOWN.items():
        assert f"`{Spec(name, kind.defaults)}`" in text, name
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(code, {})  # our own document
    assert capsys.readouterr().out.strip() == code.strip().rpartition("# ")[2]
