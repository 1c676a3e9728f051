"""Run folders made up by hand: a configuration, events, pictures on disk, and predictions that nobody has to compute."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.evaluate.predictions import Writer, log_softmax
from neocog.nets import Recipe, resolve
from neocog.nn import Model
from neocog.pictures import load_data
from neocog.report.run import run_report
from neocog.report.source import open_run
from neocog.runs.config import Config
from neocog.runs.folder import RunFolder

from ..cli.command import Server, shared_server

Make = Callable[..., Path]


@pytest.fixture(scope="session")
def neocog() -> Server:
    """Runs the command."""
    return shared_server()


def photo(rng: np.random.Generator, wide: int, tall: int) -> Image.Image:
    """Detail at every scale, as a photo has: what compresses well would say nothing of a size."""
    pixels = np.zeros((tall, wide, 3))
    for side in (2, 6, 18, 54):
        coarse = Image.fromarray(rng.integers(0, 255, (side, side, 3), np.uint8))
        pixels += np.asarray(coarse.resize((wide, tall), Image.Resampling.BICUBIC), float) * (1.3 / side**0.4)
    pixels += rng.normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(255 * (pixels - pixels.min()) / np.ptp(pixels), 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/ and test/ with four classes; 100 test pictures of 400×300."""
    root, rng = tmp_path_factory.mktemp("photos") / "photos", np.random.default_rng(0)
    for split, n, size in (("train", 3, (60, 40)), ("test", 25, (400, 300))):
        for name in ("ant", "bee", "cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for i in range(n):
                photo(rng, *size).save(root / split / name / f"{name}{i:02}.jpg", quality=92)
    return root


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A finished run on a folder of pictures, or on none (`names`, `labels` instead), with random answers."""

    def made(data: Path | None = None, classes: Sequence[str] = (), labels: np.ndarray | None = None, names: Sequence[str] = (),
             seed: int = 0, skill: float = 2.0, net: str = "lenet5.modern", at: Path | None = None,
             **about: Any) -> Path:  # fmt: skip
        folder = at or tmp_path_factory.mktemp("runs") / "run"
        told: dict[str, Any] = {"spec": "/nowhere", "name": "made up", "fingerprint": "f" * 64, "split_seed": 0}
        if data is not None:
            found = load_data(data)
            assert found.test is not None
            classes, labels = found.classes, found.test.labels
            names = [found.test.name(i) for i in range(len(found.test))]
            told |= {"spec": str(data), "name": found.name, "fingerprint": found.fingerprint}
        assert labels is not None
        counts = {"n_train": 12, "n_val": 40, "n_test": len(labels)}
        choice = resolve(net)
        arch = choice.build(num_classes=len(classes))
        config = Config(net=net, kind="sgd", arch=arch, preprocessing=choice.card.preprocessing, recipe=Recipe(),
                        classes=tuple(classes), data={**told, **counts, **about}, seed=seed, steps=40, steps_per_epoch=10,
                        precision="fp32", length="4 epochs", versions={"neocog": "0", "python": "3"},
                        asked={"epochs": 4.0, "lr": 0.05})  # fmt: skip
        RunFolder(folder).begin(config)
        drawn = Model(config.arch, torch.Generator().manual_seed(seed)).state_dict()
        RunFolder(folder).save_weights("last.safetensors", drawn, config, {})
        events: list[dict[str, Any]] = [{"event": "start", "step": 0, "steps": 40, "time": 100.0}]
        for step in range(1, 41):
            events.append(
                {"event": "step", "step": step, "lr": 0.1, "loss": 3 / step, "top1": 50 + step / 2, "time": 100 + step}
            )
            if step % 10 == 0:
                events.append({"event": "validation", "step": step, "loss": 2 / step, "top1": 40.0 + step, "best": step < 40,
                               "n": 40, "time": 100 + step})  # fmt: skip
        events += [{"event": "baseline", "step": 40, "name": name, "top1": top1, "n": 40, "learned": 12, "seconds": 1.0,
                    "time": 141} for name, top1 in (("chance", 25.0), ("hog-svm", 77.5))]  # fmt: skip
        events.append({"event": "trained", "step": 40, "best": {}, "failed": [], "time": 142.5})
        (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
        rng = np.random.default_rng(seed)
        scores = rng.normal(0, 1, (len(labels), len(classes)))
        scores[np.arange(len(labels)), labels] += skill
        evaluation = {"net": net, "classes": list(classes), "protocol": "pad-32", "data": {}}
        with Writer(folder / "test", evaluation, labels, names) as writer:
            writer.append(log_softmax(scores))
        return folder

    return made


@pytest.fixture(scope="session")
def photo_run(make: Make, photos: Path) -> Path:
    """The run on the photos: 100 test pictures, 25 of each of four classes."""
    return make(photos)


@pytest.fixture(scope="session")
def report(photo_run: Path) -> dict[str, Any]:
    """The data of its report."""
    return run_report(open_run(photo_run), "r.html")
