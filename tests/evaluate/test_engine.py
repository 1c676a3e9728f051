"""Whole splits under a protocol: against plain loops, after kills, in several processes, with pictures that cannot be read."""

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import Conv2d, Flatten, Linear, ReLU, Sequential, architecture, head
from neocog.errors import BadPicture, UserError
from neocog.evaluate import Stopped, engine, evaluate, judged, predict_all, predict_together, read_predictions, scoring
from neocog.evaluate.calibration import calibrate
from neocog.evaluate.dense import Dense
from neocog.evaluate.predictions import FAILED, SCORES
from neocog.evaluate.protocol import parse_protocol
from neocog.evaluate.views import Scaled, views
from neocog.nn import Model
from neocog.pictures import ArrayPictures, FilePictures
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs import Predictor
from tests.conftest import rng

CLASSES = tuple("abcdefg")
RECORD = Preprocessing(12, 12, resize="shorter", resize_to=14, mean=(0.5,), std=(0.25,))


def predictor(classes: tuple[str, ...] = CLASSES, seed: int = 0, flip: bool = False) -> Predictor:
    arch = architecture("small", (3, 12, 12), Sequential(
        conv=Conv2d(4, 3, stride=2), relu=ReLU(), flatten=Flatten(), fc=head(Linear(len(classes)))))  # fmt: skip
    return Predictor(Model(arch, rng(seed)).eval(), RECORD, classes, "small", flip)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> FilePictures:
    """70 pictures of 11 sizes in files; two of them are damaged."""
    root, draws = tmp_path_factory.mktemp("album"), np.random.default_rng(0)
    paths = []
    for i in range(70):
        path = root / f"{i:02}.png"
        Image.fromarray(draws.integers(0, 256, (14 + i % 11, 25 - i % 11, 3), np.uint8)).save(path)
        paths.append(path)
    for i in (3, 40):
        paths[i].write_bytes(b"no picture")
    return FilePictures(paths, np.arange(70) % 7, CLASSES, root)


def by_hand(p: Predictor, picture: Image.Image, text: str) -> np.ndarray:
    """Probabilities under a protocol, one view at a time."""
    parts = []
    for term in parse_protocol(text).resolved(p.preprocessing).terms:
        shown = list(views(term, p.preprocessing, picture.height, picture.width))
        made = Scaled(picture, p.preprocessing, shown)
        plain = replace(p, flip=False)
        how = Dense(p).scores if term.kind == "dense" else p.scores if term.kind == "1crop" else plain.scores
        scores = [how(p.preprocessing.image(picture)[None])[0]] if term.plain else [how(made.cut(v)[None])[0] for v in shown]
        answers = torch.tensor(np.array(scores), dtype=torch.float64)
        parts.append(answers.mean(0).softmax(0) if term.scores else answers.softmax(1).mean(0))
    return torch.stack(parts).mean(0).numpy()


@pytest.mark.parametrize(
    "text",
    ["1crop", "10crop", "144crop", "dense@14,19", "10crop@16:scores", "dense:noflip:scores+50crop@15+1crop", "1crop@14,20"],
)
@pytest.mark.parametrize("flip", [False, True])
def test_equal_to_a_loop_over_views(album: FilePictures, text: str, flip: bool):
    some = album.subset([0, 1, 5, 9, 14, 40, 33])
    p = predictor(flip=flip)
    found = predict_all(p, some, text)
    assert found.protocol == parse_protocol(text).id(RECORD, flip) and found.answered.tolist() == [0, 1, 2, 3, 4, 6]
    assert [f.where for f in found.failed] == ["40.png"] and judged(found).n == 6
    for i in found.answered:
        np.testing.assert_allclose(np.exp(found.log_probabilities[i]), by_hand(p, some.picture(int(i)), text), atol=2e-3)
    assert found.names[5] == "40.png" and np.isnan(found.log_probabilities[5]).all()


def test_one_crop_judges_as_scoring_did(album: FilePictures):
    """The errors of a plain evaluation are those of the scores, flipped means included."""
    good = album.subset([i for i in range(70) if i not in (3, 40)])
    for flip in (False, True):
        p = predictor(seed=2, flip=flip)
        scored = p.score_all(good)
        found = predict_all(p, good)
        np.testing.assert_allclose(np.exp(found.log_probabilities), p.probabilities(scored.scores), atol=1e-6)
        assert evaluate(p, good).top1_error == pytest.approx(100 * (scored.scores.argmax(1) != good.labels).mean())


def killed(p: Predictor, album: FilePictures, out: Path, protocol: str, after: int) -> None:
    """A process of its own that kills itself once so many pictures are done."""
    child = os.fork()
    if child == 0:

        def watch(done: int, total: int) -> None:
            if done >= after:
                os.kill(os.getpid(), signal.SIGKILL)

        predict_all(p, album, protocol, watch, out)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize(("protocol", "after"), [("10crop", 1), ("10crop", 33), ("dense@14,17+10crop", 69)])
def test_killed_and_gone_on_with_it_ends_the_same(album: FilePictures, tmp_path: Path, protocol: str, after: int):
    p = predictor()
    predict_all(p, album, protocol, out=tmp_path / "whole")
    whole = (tmp_path / "whole" / SCORES).read_bytes()
    killed(p, album, tmp_path / "part", protocol, after)
    left = (tmp_path / "part" / SCORES).read_bytes()
    assert len(left) < len(whole) and whole.startswith(left)
    with pytest.raises(UserError, match="of 70 pictures were judged; run the same evaluation again"):
        read_predictions(tmp_path / "part")
    with (tmp_path / "part" / SCORES).open("ab") as file:  # a kill in the middle of a write
        file.write(whole[len(left) : len(left) + 5 * 28 + 3])
    asked: list[int] = []
    found = predict_all(p, album, protocol, lambda done, total: asked.append(done), tmp_path / "part")
    assert (tmp_path / "part" / SCORES).read_bytes() == whole and min(asked) >= len(left) // 28
    assert [f.where for f in found.failed] == ["03.png", "40.png"] and len(found.answered) == 68
    # once more: nothing is left to do
    assert len(predict_all(p, album, protocol, lambda *_: pytest.fail("done already"), tmp_path / "part")) == 70
    assert len((tmp_path / "part" / FAILED).read_text().splitlines()) <= 3


def test_a_class_without_a_chance_is_no_broken_network(album: FilePictures, monkeypatch: pytest.MonkeyPatch):
    """-inf for one class leaves the others as they are; NaN, +inf or -inf for all say nothing, and that is an error."""
    rows = np.tile(np.array([0, 3, 1, -np.inf, 0, 2, 1], np.float32), (5, 1))
    rows[1, 2], rows[2, 1], rows[3] = np.nan, np.inf, -np.inf
    monkeypatch.setattr(Predictor, "scores", lambda self, pixels: rows[: len(pixels)])
    found = predict_all(predictor(), album.subset([1, 8, 15, 22, 29]))  # all of class 1
    assert np.isneginf(found.log_probabilities[[0, 4], 3]).all() and found.log_probabilities[0].argmax() == 1
    assert (found.log_probabilities[1:4] == np.float32(-np.log(7))).all()
    assert judged(found).top1_error == 60
    assert calibrate(replace(found, labels=np.full(5, 3))).to_json()["nll"] is None


def test_a_folder_takes_no_other_evaluation(album: FilePictures, tmp_path: Path):
    predict_all(predictor(), album, out=tmp_path / "e")
    for other in (
        lambda: predict_all(predictor(seed=1), album, out=tmp_path / "e"),
        lambda: predict_all(predictor(), album, "10crop", out=tmp_path / "e"),
        lambda: predict_all(predictor(), album.subset(range(69, -1, -1)), out=tmp_path / "e"),
    ):
        with pytest.raises(UserError, match="an evaluation of something else: choose another --out"):
            other()


def test_two_processes_do_not_fill_one_folder(album: FilePictures, tmp_path: Path):
    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(UserError, match="another process is at this evaluation"):
            predict_all(predictor(), album, out=tmp_path / "e")

    assert len(predict_all(predictor(), album, on_progress=meanwhile, out=tmp_path / "e").answered) == 68


def test_asked_to_stop_it_stops_and_keeps_what_is_done(album: FilePictures, tmp_path: Path):
    calls = iter(range(1000))
    with pytest.raises(Stopped) as stopped:
        predict_all(predictor(), album, "10crop", out=tmp_path / "e", stop=lambda: next(calls) >= 2)
    assert stopped.value.total == 70 and stopped.value.done < 70
    assert len(predict_all(predictor(), album, "10crop", out=tmp_path / "e").answered) == 68


class Shared:
    """Two processes, as threads: what one gives is put together with what the other does."""

    def __init__(self, size: int = 2):
        self.size, self.barrier, self.slots = size, threading.Barrier(size), [None] * size

    def exchange(self, rank: int, value: Any) -> list[Any]:
        self.slots[rank] = value
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found


class Member:
    def __init__(self, shared: Shared, rank: int):
        self.shared, self.rank, self.size = shared, rank, shared.size

    def gather(self, array: np.ndarray) -> np.ndarray:
        return np.concatenate(self.shared.exchange(self.rank, array))

    def collect(self, words: list[Any]) -> list[Any]:
        return [word for part in self.shared.exchange(self.rank, words) for word in part]

    def say(self, words: Any = None) -> Any:
        return self.shared.exchange(self.rank, words)[0]

    def any(self, flag: bool) -> bool:
        return any(self.shared.exchange(self.rank, flag))


def test_several_processes_give_the_same_and_each_picture_once(album: FilePictures, tmp_path: Path):
    for protocol in ("1crop", "dense@14+10crop"):
        want = predict_all(predictor(), album, protocol)
        shared, found = Shared(), {}

        def work(rank: int, shared=shared, found=found, protocol=protocol) -> None:
            found[rank] = predict_together(Member(shared, rank), predictor(), album, protocol, out=tmp_path / protocol)

        threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert found[1] is None and len(found[0]) == 70
        assert found[0].log_probabilities.tobytes() == want.log_probabilities.tobytes()
        assert [str(f) for f in found[0].failed] == [str(f) for f in want.failed]


def test_an_ensemble_is_the_mean_of_probabilities_by_class_name(album: FilePictures):
    turned = CLASSES[::-1]
    one, two = predictor(), predictor(turned, seed=5)
    parts = [predict_all(p, album).log_probabilities for p in (one, two)]
    found = predict_all([one, two], album)
    want = (np.exp(parts[0]) + np.exp(parts[1][:, ::-1])) / 2
    np.testing.assert_allclose(np.exp(found.log_probabilities), want, atol=1e-6)
    assert found.classes == CLASSES and found.net == "small + small" and len(found.failed) == 2
    assert found.protocol == f"ensemble of 2: {RECORD.id}"
    with pytest.raises(UserError, match="only some of these runs know 'g', 'x'"):
        predict_all([one, predictor((*CLASSES[:6], "x"))], album)


def test_many_answers_lie_in_a_file_and_are_the_same(album: FilePictures, monkeypatch: pytest.MonkeyPatch):
    want = predict_all(predictor(), album).log_probabilities
    monkeypatch.setattr(engine, "IN_MEMORY", 0)
    found = predict_all(predictor(), album).log_probabilities
    assert isinstance(found, np.memmap) and found.tobytes() == want.tobytes()


def test_only_some_pictures_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch):
    """However long the split is: never more than a chunk of resized pictures."""
    held, most = 0, 0

    class Counting(Scaled):
        def __init__(self, *given: Any):
            nonlocal held, most
            super().__init__(*given)
            held += 1
            most = max(most, held)

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    monkeypatch.setattr(scoring, "Scaled", Counting)
    pictures = ArrayPictures(np.random.default_rng(0).integers(0, 256, (200, 14, 14, 3), np.uint8), [0] * 200, CLASSES, "x")
    predict_all(predictor(), pictures, "10crop")
    assert scoring.CHUNK <= most <= 2 * scoring.CHUNK and held <= scoring.CHUNK


def test_a_broken_network_is_not_right(album: FilePictures):
    p = predictor()
    with torch.no_grad():
        p.model.get_parameter("fc.bias")[0] = float("nan")
    good = album.subset(range(4, 40))
    for protocol in ("1crop", "10crop", "dense:scores"):
        found = judged(predict_all(p, good, protocol))
        assert (found.top1_error, found.n) == (100.0, 36)


def test_nothing_to_judge_and_classes_that_it_does_not_know():
    one = ArrayPictures(np.zeros((1, 14, 14, 3), np.uint8), [0], ["zebra"], "x")
    with pytest.raises(UserError, match="knows no class 'zebra'"):
        predict_all(predictor(), one, "10crop")
    none = predict_all(predictor(), ArrayPictures(np.zeros((0, 14, 14, 3), np.uint8), [], CLASSES, "x"), "10crop")
    with pytest.raises(UserError, match="nothing to judge"):
        judged(none)


def test_a_dense_scale_that_is_too_small_is_told_before_anything_is_read(tmp_path: Path):
    lost = FilePictures([tmp_path / "gone.png"], [0], CLASSES, tmp_path)
    with pytest.raises(UserError, match="dense@10: too small for small"):
        predict_all(predictor(), lost, "dense@10")
    assert isinstance(predict_all(predictor(), lost, "dense@12").failed[0], BadPicture)
