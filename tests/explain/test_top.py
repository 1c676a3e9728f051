"""Top-9: equals sorting everything, ties and all; goes on after a kill to the same bits; is kept for what it was made of."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.errors import UserError
from neocog.explain import natural_layers, spatial_layers, strongest, values_at
from neocog.explain.winners.search import Top
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures import load_data
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import ArrayPictures
from neocog.runs import Predictor
from tests.conftest import rng

TEXT = "INPUT 3x13x13 CONV 3x3 6 BN RELU POOL 3/2 CONV 3x3/2 7 RELU GAP FC 4"


def small(seed: int = 0) -> Model:
    model = Model(resolve(TEXT).build(), rng(seed)).eval()
    model.preprocessing = Preprocessing(13, 13, resize="none", mean=(0.5,), std=(0.25,))
    model.classes = ("a", "b", "c", "d")
    return model


def many(n: int = 70, seed: int = 0) -> ArrayPictures:
    """Noise; pictures 20 to 29 are 5 to 14 again, and 40 to 49 the same ones, backwards: ties to settle."""
    images = np.random.default_rng(seed).integers(0, 256, (70, 13, 13, 3), dtype=np.uint8)
    images[20:30], images[40:50] = images[5:15], images[14:4:-1]
    return ArrayPictures(images[:n], np.arange(n) % 4, ("a", "b", "c", "d"), "noise")


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pictures that are looked at together."""
    return lambda size: monkeypatch.setattr(Predictor, "batch", lambda self, height, width: size)


def equal(a: Top, b: Top) -> bool:
    fields = ("values", "pictures", "places", "answered")
    return list(a.layers) == list(b.layers) and all(
        np.array_equal(getattr(a.layers[path], name), getattr(b.layers[path], name)) for path in a.layers for name in fields
    )


def test_equals_sorting_everything(batches: Callable[[int], None]):
    """T13: every map of every layer, with batches that do not divide the pictures."""
    batches(16)
    model, pictures = small(), many()
    layers = spatial_layers(model.arch)
    top = strongest(model, pictures, layers)
    assert top.looked == 70 and list(top.layers) == list(layers)
    x = torch.from_numpy(model.preprocessing.normalise(pictures.arrays)).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        parts = [values_at(model, x[start : start + 16], layers) for start in range(0, 70, 16)]
    tied = 0
    for path in layers:
        maps = torch.cat([part[path] for part in parts]).numpy()
        winners = top.layers[path]
        for unit in range(maps.shape[1]):
            best = maps[:, unit].reshape(70, -1).max(1)
            order = sorted(range(70), key=lambda i, best=best: (-best[i], i))[:9]
            assert winners.pictures[unit].tolist() == order
            assert np.array_equal(winners.values[unit], best[order])
            assert winners.answered[unit] == (best > 0).sum()
            for (row, column), i in zip(winners.places[unit].tolist(), order, strict=True):
                first = int(maps[i, unit].reshape(-1).argmax())
                assert (row, column) == divmod(first, maps.shape[3])
            tied += sum(a == b for a, b in zip(best[order], best[order][1:], strict=False))
    assert tied > 20, "ties were planted"


def test_the_merging_does_not_depend_on_the_batch(batches: Callable[[int], None]):
    model, pictures, found = small(), many(), []
    for size in (1, 7, 64):
        batches(size)
        found.append(strongest(model, pictures))
    for other in found[1:]:
        for path, winners in found[0].layers.items():
            assert np.array_equal(winners.pictures, other.layers[path].pictures)
            assert np.allclose(winners.values, other.layers[path].values, atol=1e-5)


def test_fewer_pictures_than_winners_and_silent_maps():
    model = small()
    with torch.no_grad():
        model.get_submodule("bn1").bias[2] = -100.0
    top = strongest(model, many(4), ["relu1"])
    winners = top.layers["relu1"]
    assert winners.values.shape == (6, 4) and sorted(winners.pictures[0].tolist()) == [0, 1, 2, 3]
    assert winners.answered[2] == 0 and winners.pictures[2].tolist() == [0, 1, 2, 3] and (winners.values[2] == 0).all()


def test_a_model_is_left_as_it_was():
    model = small().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    strongest(model, many(8))
    assert model.training and all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_is_kept_for_its_weights_pictures_layers_and_k(tmp_path: Path, batches: Callable[[int], None]):
    batches(16)
    model, pictures = small(), many()
    looks = []

    def look(model: Model = model, pictures: ArrayPictures = pictures, layers: list[str] | None = None, k: int = 9) -> int:
        """How many pictures had to be looked at."""
        seen: list[int] = []
        looks.append(strongest(model, pictures, layers, k, tmp_path, lambda done, total: seen.append(done)))
        return len(seen)

    assert look() > 1 and look() == 1
    assert equal(looks[0], looks[1])
    other = many()
    other.arrays[69, 0, 0, 0] ^= 1  # one bit of one pixel
    assert look(small(1)) > 1 and look(pictures=other) > 1 and look(layers=["conv1"]) > 1 and look(k=3) > 1
    record = model.preprocessing
    model.preprocessing = replace(record, std=(0.3,))
    assert look() > 1
    model.preprocessing = record
    assert look() == 1
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-30])
    assert look() > 1 and equal(looks[0], looks[-1])


def test_stops_and_goes_on(tmp_path: Path, batches: Callable[[int], None]):
    batches(8)
    model, pictures, asked = small(), many(), iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        strongest(model, pictures, folder=tmp_path, stop=lambda: next(asked))
    seen: list[int] = []
    again = strongest(model, pictures, folder=tmp_path, on_progress=lambda done, total: seen.append(done))
    assert seen[0] == 32
    assert equal(again, strongest(model, pictures))


KILLED = """
import sys, time
from pathlib import Path
from tests.explain import test_top
from neocog.explain import strongest
from neocog.runs import Predictor
Predictor.batch = lambda self, height, width: 8
slowly = lambda done, total: time.sleep(0.05)
strongest(test_top.small(), test_top.many(), folder=Path(sys.argv[1]), every=0, on_progress=slowly)
"""


def test_a_killed_pass_goes_on_to_the_same_bits(tmp_path: Path, batches: Callable[[int], None]):
    """SIGKILL while it works; the next pass begins in the middle and ends with what an undisturbed one gives."""
    batches(8)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=Path(__file__).parents[2], env=environment)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not any(tmp_path.glob("top-*.npz")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was killed while it worked"
    seen: list[int] = []
    again = strongest(small(), many(), folder=tmp_path, on_progress=lambda done, total: seen.append(done))
    assert 8 < seen[0] < 70
    assert equal(again, strongest(small(), many()))


def test_pictures_that_cannot_be_read_are_left_out_and_named(tmp_path: Path):
    for i in range(12):
        folder = tmp_path / "data" / ("a" if i % 2 else "b")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(many().arrays[i]).save(folder / f"{i:02}.png")
    pictures = load_data(str(tmp_path / "data"), val_fraction=0, test_fraction=0).train
    names = [pictures.name(i) for i in range(len(pictures))]
    broken = next(tmp_path.glob("data/*/05.png"))
    broken.write_bytes(broken.read_bytes()[:100])
    top = strongest(small(), pictures, folder=tmp_path / "kept")
    assert top.looked == 11 and [bad.where for bad in top.failed] == [name for name in names if "05" in name]
    gone = next(i for i, name in enumerate(names) if "05" in name)
    assert all(gone not in winners.pictures for winners in top.layers.values())
    assert [str(bad) for bad in strongest(small(), pictures, folder=tmp_path / "kept").failed] == [str(b) for b in top.failed]


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("zfnet", ("relu1", "relu2", "relu5")),
        ("resnet20.cifar", ("layer1.2.relu2", "layer2.2.relu2", "layer3.2.relu2")),
        ("squeezenet1_0", ("features.1", "features.5.cat", "features.10.cat", "features.12.cat")),
        ("neocognitron", ("S1", "C1", "S2", "C2", "S3", "C3")),
    ],
)
def test_natural_layers(name: str, layers: tuple[str, ...]):
    """What detects, before what pools, normalises and drops; all joins whole."""
    assert natural_layers(resolve(name).build()) == layers


def test_bad_wishes_are_told():
    with pytest.raises(UserError, match="no layer 'relu9': did you mean"):
        strongest(small(), many(4), ["relu9"])
    with pytest.raises(UserError, match="no pictures"):
        strongest(small(), many(4).subset([]))
    mlp = Model(resolve("mlp").build(), rng())
    mlp.preprocessing = resolve("mlp").card.preprocessing
    with pytest.raises(UserError, match="has no maps"):
        strongest(mlp, many(4))
