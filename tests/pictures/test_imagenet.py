"""ImageNet's layouts, made here with small pictures: whichever list has the truth, a picture's label is that of its number."""

from pathlib import Path

import numpy as np
import pytest

from neocog.errors import DataError
from neocog.pictures import load_data
from neocog.pictures.imagenet import find_validation
from neocog.pictures.synsets import ilsvrc, names_of, synset_of, titles_of
from neocog.weights.classes import imagenet

from .conftest import picture

# Three classes whose names all toolkits write alike, and the crane that there are two of.
GOLDFISH, TENCH, CRANE, HAMMERHEAD = "n01443537", "n01440764", "n02012849", "n01494475"
SHOWN = {3: TENCH, 5: GOLDFISH, 8: CRANE, 9: GOLDFISH, 12: HAMMERHEAD, 20: TENCH}
"""Which synset the picture of each number shows; the other numbers have no picture here."""
NAMES = {TENCH: "tench", GOLDFISH: "goldfish", CRANE: "crane (n02012849)", HAMMERHEAD: "hammerhead"}


def flat(folder: Path, numbers=tuple(SHOWN), ending: str = "JPEG") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture(20 + number, 16, seed=number).save(folder / f"ILSVRC2012_val_{number:08d}.{ending}", "JPEG")
    return folder


def number_of(synset: str) -> int:
    return list(ilsvrc()).index(synset)


def kaggle(path: Path) -> None:
    rows = [f"ILSVRC2012_val_{number:08d},{synset} 10 20 30 40 {synset} 1 2 3 4 " for number, synset in reversed(SHOWN.items())]
    path.write_text("ImageId,PredictionString\n" + "\n".join(rows) + "\n")


def caffe(path: Path) -> None:
    path.write_text("".join(f"ILSVRC2012_val_{n:08d}.JPEG {number_of(s)}\n" for n, s in SHOWN.items()))


def tensorflow(path: Path) -> None:
    path.write_text("".join(SHOWN.get(i, HAMMERHEAD) + "\n" for i in range(1, 31)))


KIT_ORDER = (CRANE, HAMMERHEAD, TENCH, GOLDFISH)  # not that of the ids


def kit(path: Path) -> None:
    """With its meta.mat, written by scipy: four leaves, and an inner node that is no class."""
    savemat = pytest.importorskip("scipy.io").savemat
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    rows = [(i, synset, "words", "gloss", 0) for i, synset in enumerate(KIT_ORDER, 1)] + [(5, "n00001740", "entity", "", 4)]
    savemat(path.parent / "meta.mat", {"synsets": np.array(rows, fields)[:, None]})
    path.write_text("".join(f"{KIT_ORDER.index(SHOWN.get(i, CRANE)) + 1}\n" for i in range(1, 31)))


LISTS = {"LOC_val_solution.csv": kaggle, "val.txt": caffe, "imagenet_2012_validation_synset_labels.txt": tensorflow,
         "ILSVRC2012_validation_ground_truth.txt": kit}  # fmt: skip


def shown(pictures) -> dict[int, str]:
    """{number of the picture: name of its class}"""
    return {int(pictures.name(i)[-13:-5]): pictures.classes[label] for i, label in enumerate(pictures.labels)}


@pytest.mark.parametrize("place", ["beside", "above", "kit"])
@pytest.mark.parametrize("name", LISTS)
def test_every_list_gives_the_same_labels(tmp_path: Path, name: str, place: str):
    root = tmp_path / "imagenet"
    folder = flat(root / "val")
    where = {"beside": folder, "above": root, "kit": root / "ILSVRC2012_devkit_t12" / "data"}[place]
    where.mkdir(parents=True, exist_ok=True)
    LISTS[name](where / name)
    data = load_data(root, val_fraction=0, test_fraction=0)
    assert (data.val, data.test) == (None, None)
    assert shown(data.train) == {number: NAMES[synset] for number, synset in SHOWN.items()}
    assert data.classes == tuple(NAMES[synset] for synset in sorted(NAMES)), (
        "in the order of the ids, which is the weights' order"
    )
    assert any(name in note for note in data.notes)
    if place != "kit":
        assert load_data(folder, val_fraction=0, test_fraction=0).train.labels.tolist() == data.train.labels.tolist()


def test_with_training_folders(tmp_path: Path):
    root = tmp_path / "imagenet"
    flat(root / "val")
    kaggle(root / "LOC_val_solution.csv")
    for synset in NAMES:
        (root / "train" / synset).mkdir(parents=True)
        for i in range(3):
            picture(30, 20, seed=i).save(root / "train" / synset / f"{synset}_{i}.JPEG", "JPEG")
    data = load_data(root)
    assert data.val is not None and data.test is None
    assert (len(data.train), len(data.val)) == (12, 6)
    assert data.classes == data.val.classes == tuple(NAMES[synset] for synset in sorted(NAMES))
    assert shown(data.val) == {number: NAMES[synset] for number, synset in SHOWN.items()}
    assert data.train.name(0) == f"train/{TENCH}/{TENCH}_0.JPEG"


def test_kaggles_archive_and_a_part_of_it(tmp_path: Path):
    root = tmp_path / "kaggle"
    flat(root / "ILSVRC/Data/CLS-LOC/val", (5, 12))
    (root / "ILSVRC/Data/CLS-LOC/test").mkdir()
    kaggle(root / "LOC_val_solution.csv")
    (root / "LOC_synset_mapping.txt").write_text(f"{GOLDFISH} goldfish, Carassius auratus\n")
    data = load_data(root, val_fraction=0, test_fraction=0)
    assert shown(data.train) == {5: "goldfish", 12: "hammerhead"}


def test_a_list_that_lacks_pictures_or_is_of_others(tmp_path: Path):
    folder = flat(tmp_path / "val", (*SHOWN, 40, 41))
    kaggle(folder / "LOC_val_solution.csv")
    data = load_data(folder, val_fraction=0, test_fraction=0)
    assert shown(data.train).keys() == SHOWN.keys()
    assert any(
        "2 files that LOC_val_solution.csv does not name left out, the first: ILSVRC2012_val_00000040" in n for n in data.notes
    )
    other = flat(tmp_path / "other" / "val", (40, 41))
    kaggle(other / "LOC_val_solution.csv")
    with pytest.raises(DataError, match="says nothing of the pictures"):
        load_data(other)


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path):
    folder = flat(tmp_path / "val")
    kaggle(folder / "LOC_val_solution.csv")
    (folder / "ILSVRC2012_val_00000005.JPEG").write_bytes(b"not a picture")
    data = load_data(folder, val_fraction=0, test_fraction=0)
    assert [bad.where for bad in data.skipped] == ["ILSVRC2012_val_00000005.JPEG"] and 5 not in shown(data.train)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda f: None, "no list says what they show: put LOC_val_solution.csv, val.txt"),
        (
            lambda f: (f / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n" * 30),
            "own order, which only its meta.mat tells",
        ),
        (lambda f: (f / "val.txt").write_text("ILSVRC2012_val_00000003.JPEG 1000\n"), "counted from 0: is it another list"),
        (lambda f: (f / "val.txt").write_text("ILSVRC2012_val_00000003.JPEG\n"), "line 1 is not a file's name and a number"),
        (lambda f: (f / "LOC_val_solution.csv").write_text("h,h\nILSVRC2012_val_00000003,tench\n"), "row 1 names no synset"),
        (lambda f: (f / "imagenet_2012_validation_synset_labels.txt").write_text("65\n"), "row 1 names no synset"),
    ],
)
def test_nothing_is_guessed(tmp_path: Path, write, words: str):
    folder = flat(tmp_path / "val")
    write(folder)
    with pytest.raises(DataError, match=words) as caught:
        load_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_kit(tmp_path: Path):
    folder = flat(tmp_path / "val")
    kit(folder / "ILSVRC2012_validation_ground_truth.txt")
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n5\n")  # 5 is an inner node
    with pytest.raises(DataError, match="line 2 is no number from 1 to 4: '5'"):
        load_data(folder)
    (folder / "meta.mat").write_bytes(b"MATLAB 5.0, or so it says")
    with pytest.raises(DataError, match=r"meta.mat: not the development kit's table of synsets"):
        load_data(folder)


def test_other_folders_are_none_of_this(make):
    root = make("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/2.png", "stray.png", "val.png")
    assert find_validation(root) is None
    (root / "val.txt").write_text("stray.png 1\n")
    assert find_validation(root) is None, "class folders win"
    splits = make(
        *(f"{s}/{c}/{i}.png" for s in ("train", "val") for c in "ab" for i in "12"), "val/stray.png", root=root.parent / "s"
    )
    assert find_validation(splits) is None and load_data(splits).classes == ("a", "b")


def test_synsets_have_the_names_of_imported_weights():
    """So a folder and a classifier of the thousand agree by name, which is then to agree by synset."""
    assert tuple(names_of(ilsvrc()).values()) == imagenet() and len(set(imagenet())) == 1000
    assert all(synset_of(name) == synset for synset, name in names_of(ilsvrc()).items())
    assert synset_of("n01440764 tench, Tinca tinca") == TENCH and synset_of("no such thing") is None


@pytest.mark.parametrize("theirs", [lambda s, words: s, lambda s, words: f"{s} {words}", lambda s, words: f"{words} [{s}]"])
def test_a_classifier_with_other_names_is_matched_by_synset(tmp_path: Path, theirs):
    """Ids alone, or the lines of synset_words.txt, as `import --labels` takes them; in any order."""
    from neocog.errors import UserError
    from neocog.evaluate import match_classes

    folder = flat(tmp_path / "val")
    kaggle(folder / "LOC_val_solution.csv")
    pictures = load_data(folder, val_fraction=0, test_fraction=0).train
    names = tuple(reversed([theirs(synset, words) for synset, words in ilsvrc().items()]))
    matched = match_classes(pictures, names)
    assert matched.classes == names
    order = list(reversed(ilsvrc()))
    assert {number: order[names.index(name)] for number, name in shown(matched).items()} == SHOWN
    assert shown(pictures) == {number: NAMES[synset] for number, synset in SHOWN.items()}, "the first set is as it was"
    with pytest.raises(UserError, match="knows no class 'tench'"):
        match_classes(pictures, tuple(name for name in names if TENCH not in name))
    with pytest.raises(UserError, match="two classes called 'goldfish'"):
        match_classes(pictures, (*imagenet(), "goldfish"))


def test_class_folders_by_synset(make, tmp_path: Path):
    root = make(*(f"{synset}/{i}.png" for synset in (TENCH, CRANE, "n09999998", "n09999999") for i in range(4)))
    (root / "words.txt").write_text("n09999999\tcrane, a made-up one\nnonsense\n")
    data = load_data(root)
    assert data.classes == ("tench", "crane (n02012849)", "n09999998", "crane")
    assert any("classes: 3 of 4 synsets by ImageNet's names and words.txt" in note for note in data.notes)
    assert titles_of(("cats", TENCH), root) == (("cats", TENCH), []), "only where all are synsets"


@pytest.mark.slow
def test_imported_weights_on_a_flat_folder(shared: Path, tmp_path: Path):
    """The authors' SqueezeNet, and 200 photos as Caffe would list them: 50.5 and 76.5 % right, as OpenCV finds."""
    import csv

    from neocog.evaluate import evaluate
    from neocog.nn import Model
    from neocog.runs import Predictor
    from neocog.weights.importing import import_files

    photos, weights = shared / "photos" / "nips17", shared / "weights" / "squeezenet1_0"
    if not (photos / "labels.csv").is_file() or not weights.is_dir():
        pytest.skip(f"{photos} and {weights} are not here")
    (tmp_path / "val").mkdir()
    lines = []
    with (photos / "labels.csv").open(newline="") as file:
        for i, row in enumerate(csv.DictReader(file), 1):
            name = f"ILSVRC2012_val_{7 * i:08d}.JPEG"
            (tmp_path / "val" / name).symlink_to(photos / row["file"])
            lines.append(f"{name} {row['class_index']}\n")
    (tmp_path / "val.txt").write_text("".join(lines))
    data = load_data(tmp_path, val_fraction=0, test_fraction=0)
    assert len(data.train) == 200 and len(data.classes) < 200

    made = import_files([weights / "SqueezeNet_deploy.prototxt", weights / "decompressed_SqueezeNet.caffemodel"])
    model = Model(made.arch).eval()
    model.load_state_dict(made.values)
    judgement = evaluate(Predictor(model, made.preprocessing, made.classes, made.net), data.train)
    assert (judgement.top1_error, judgement.top5_error, judgement.n) == (49.5, 23.5, 200)
