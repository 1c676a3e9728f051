"""Folders of class folders: every layout, everything that is left out and said, every mistake in one line."""

import os

import pytest

from neocog.errors import UserError
from neocog.pictures import load_data, load_folder

CATS_AND_DOGS = [f"{name}/{i}.png" for name in ("cats", "dogs") for i in range(10)]


def names(pictures) -> list[str]:
    return [pictures.name(i) for i in range(len(pictures))]


def test_class_folders_are_split_by_class_and_nothing_is_in_two_splits(make):
    data = load_folder(make(*CATS_AND_DOGS))
    assert (data.name, data.classes, data.flip, data.skipped) == ("photos", ("cats", "dogs"), True, ())
    splits = [data.train, data.val, data.test]
    assert [len(split) for split in splits] == [14, 2, 4]
    assert sorted(name for split in splits for name in names(split)) == sorted(CATS_AND_DOGS)
    for split in splits:
        assert [data.classes[label] for label in split.labels] == [name.split("/")[0] for name in names(split)]
    assert any("test: 4 pictures carved" in note for note in data.notes)
    assert data.train.picture(0).mode == "RGB"


def test_the_fingerprint_knows_the_data_and_not_the_seed_or_the_place(make, tmp_path):
    first = load_folder(make(*CATS_AND_DOGS))
    again = load_folder(make(*CATS_AND_DOGS, root=tmp_path / "elsewhere"), seed=5, val_fraction=0)
    assert first.fingerprint == again.fingerprint and again.val is None
    assert names(first.test) != names(again.test)
    root = make("cats/more.png")
    assert load_folder(root).fingerprint != first.fingerprint
    (root / "cats" / "more.png").rename(root / "dogs" / "more.png")
    assert load_folder(root).fingerprint not in (first.fingerprint, load_folder(tmp_path / "elsewhere").fingerprint)


@pytest.mark.parametrize(
    ("splits", "sizes"),
    [
        ({"train": 10, "val": 4, "test": 3}, (20, 8, 6)),
        ({"Train": 10, "Validation": 4, "TEST": 3}, (20, 8, 6)),
        ({"train": 10, "valid": 4}, (20, 8, None)),
        ({"train": 10, "test": 3}, (18, 2, 6)),
        ({"train": 10}, (14, 2, 4)),
    ],
)
def test_split_folders_are_used_as_they_are(make, splits, sizes):
    root = make(*(f"{split}/{name}/{i}.jpg" for split, n in splits.items() for name in "xy" for i in range(n)))
    data = load_folder(root)
    found = [None if one is None else len(one) for one in (data.train, data.val, data.test)]
    assert tuple(found) == sizes
    if "valid" in splits:
        assert any(note.startswith("test: none") for note in data.notes)


def test_odds_and_ends_are_counted_and_damaged_pictures_named(make):
    root = make(*CATS_AND_DOGS, "cats/deep/er/1.jpg", "cats/.hidden.png", ".git/x.png", "__MACOSX/cats/1.png", "stray.png")
    (root / "cats" / "empty.jpg").touch()
    (root / "dogs" / "page.JPG").write_text("<html>not found</html>")
    (root / "dogs" / "gone.png").symlink_to("nowhere.png")
    (root / "dogs" / "Thumbs.db").write_text("x")
    (root / "cats" / "labels.txt").write_text("x")
    (root / "dogs" / "up").symlink_to(root)  # a loop
    (root / "dogs" / "self").symlink_to("self")
    data = load_folder(root, test_fraction=0, val_fraction=0)
    assert (
        sorted(names(data.train)) == sorted([*CATS_AND_DOGS, "cats/deep/er/1.jpg"]) and data.val is None and data.test is None
    )
    assert {bad.where: bad.why for bad in data.skipped} == {
        "cats/empty.jpg": "empty file",
        "dogs/gone.png": "no such file",
        "dogs/page.JPG": "not a picture (it starts like a web page)",
    }
    assert any("1 file outside the class folders ignored" in note for note in data.notes)
    assert any("3 files that are not pictures ignored" in note for note in data.notes)
    assert any("skipped as unreadable, the first: cats/empty.jpg: empty file" in note for note in data.notes)


def test_whole_numbers_are_sorted_as_numbers_and_characters_are_not_mirrored(make):
    data = load_folder(make(*(f"{name}/1.png" for name in ("10", "9", "2"))))
    assert data.classes == ("2", "9", "10") and data.flip
    digits = load_folder(make(*(f"{name}/1.png" for name in "019"), root=make() / "digits"))
    assert not digits.flip and any("characters" in note for note in digits.notes)
    turns = load_folder(make("turn_left/1.png", "turn_right/1.png", root=make() / "turns"))
    assert not turns.flip and load_folder(make("bright/1.png", "cleft/1.png", root=make() / "words")).flip


def test_a_class_that_is_called_train_among_others_is_a_class(make):
    data = load_folder(make("train/1.png", "train/steam/2.png", "bus/1.png", "car/1.png"))
    assert data.classes == ("bus", "car", "train")


def test_a_class_that_a_later_split_lacks_is_noted_and_an_unlabelled_test_folder_left_alone(make):
    data = load_folder(make(*(f"train/{n}/{i}.png" for n in "xy" for i in range(9)), "val/x/1.png"))
    assert "val: no pictures of 'y'" in data.notes
    root = make(*(f"train/{n}/{i}.png" for n in "xy" for i in range(10)), "test/1.png", root=make() / "kaggle")
    data = load_folder(root)
    assert len(data.test) == 4 and any(note.startswith("'test' beside the split folders") for note in data.notes)


def one_line(path, **options) -> str:
    with pytest.raises(UserError) as caught:
        load_data(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mistakes_are_told_in_one_line(make, tmp_path, monkeypatch):
    root = make(*CATS_AND_DOGS)
    assert one_line(tmp_path / "photo") == f"{tmp_path / 'photo'} does not exist: did you mean {root}?"
    assert "does not exist: check the path" in one_line("/no/such/place/at/all")
    archive = tmp_path / "photos.zip"
    archive.write_bytes(b"PK")
    assert one_line(archive) == f"{archive} is a file, not a folder: unpack it first"
    assert "is a file, not a folder: give a folder of class folders" in one_line(root / "cats" / "1.png")
    assert "one folder per class" in one_line(root / "cats") and "10 files lie directly in it" in one_line(root / "cats")
    (tmp_path / "nothing").mkdir()
    assert "it holds no class folders" in one_line(tmp_path / "nothing")
    lonely = make("cats/1.png", root=tmp_path / "lonely")
    assert one_line(lonely).endswith("a classifier needs two or more classes; found only 'cats'")
    wrapped = make(*(f"inner/{name}" for name in CATS_AND_DOGS), root=tmp_path / "wrapped")
    assert one_line(wrapped).endswith(f"found only 'inner'; did you mean {wrapped / 'inner'}?")
    (root / "foxes").mkdir()
    assert one_line(root) == f"{root / 'foxes'}: no usable picture of class 'foxes': add pictures or remove the folder"
    (root / "foxes" / "a.jpg").touch()
    assert "'foxes' (1 file skipped, the first: foxes/a.jpg: empty file): add pictures or" in one_line(root)
    monkeypatch.chdir(root / "cats")
    assert "lie directly in it" in one_line(".")
    assert "fraction from 0 up to" in one_line(make("x/1.png", "y/1.png", root=tmp_path / "two"), val_fraction=1.0)
    assert "name too long" in one_line("/" + "a" * 5000)
    assert "does not exist" in one_line("~nobody-here/photos")


def test_mistakes_in_split_folders(make, tmp_path):
    split = make("train/cats/1.png", "train/dogs/1.png", "val/cat/1.png", root=tmp_path / "a")
    assert one_line(split) == f"{split / 'val' / 'cat'}: class 'cat' is unknown to train: did you mean cats?"
    split = make("val/cats/1.png", "test/cats/1.png", root=tmp_path / "b")
    assert "found 'test' and 'val' but no 'train' folder" in one_line(split)
    split = make("train/cat.1.png", "train/dog.1.png", "test/1.png", root=tmp_path / "c")
    assert "'test' and 'train' hold no class folders: put the pictures in one folder per class" in one_line(split)
    split = make("train/x/1.png", "train/y/1.png", "val/x/1.png", "valid/x/1.png", root=tmp_path / "d")
    assert "val and valid are the same split: keep one of them" in one_line(split)


def test_the_working_directory_is_called_by_its_name(make, monkeypatch):
    monkeypatch.chdir(make(*CATS_AND_DOGS))
    data = load_data(".")
    assert data.name == "photos" and "cats" in data.train.name(0)


def test_a_folder_that_may_not_be_read(make):
    root = make(*CATS_AND_DOGS, "cats/locked/1.png")
    (root / "cats" / "locked").chmod(0)
    try:
        if os.access(root / "cats" / "locked", os.R_OK):
            pytest.skip("this user may read everything")
        assert str(load_folder(root).skipped[0]) == "cats/locked: permission denied"
    finally:
        (root / "cats" / "locked").chmod(0o755)


def test_real_photos(shared, tmp_path):
    for path in (shared / "photos" / "stubs").glob("*.jpg"):
        kind = "animals" if path.stem in ("beagle", "gazelle", "koala", "malamute", "marmoset") else "things"
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / path.name).symlink_to(path)
    data = load_data(tmp_path)
    assert len(data.train) + len(data.val or ()) + len(data.test) == 16 and not data.skipped
    height, width, channels = data.size
    assert height >= 100 and width >= 100 and channels == 3


def test_a_bare_word_that_is_nothing_is_offered_names_and_folders(make, monkeypatch, tmp_path):
    make(*CATS_AND_DOGS)
    monkeypatch.chdir(tmp_path)
    assert "did you mean fashion-mnist" in one_line("fashion-mnits")
    assert "did you mean photos" in one_line("photo")
    assert load_data("photos/").classes == load_data("photos").classes == ("cats", "dogs")
