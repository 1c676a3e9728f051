"""Images per CPU-second from JPEG files to normalised batches, in turns with torchvision's and timm's loaders.

    python bench/loading.py [--rounds 15] [--pictures 300] [--photos FOLDER] [--root FOLDER]

One process an engine, one thread each, CPU seconds of the process and its children; every engine reads the same files, 64 a
batch, short side 256, centre crop 224, bilinear with antialiasing, ImageNet's mean and deviation. ImageNet-like JPEGs
(500×375) are pieced together from the photos of a folder (--photos; $NEOCOG_DATA/photos/nips17 when that is set), or
drawn; 12-megapixel ones are those enlarged. --root: a folder of class folders of one's own instead. A peer that is not
installed is left out.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from common import finish, in_turns, paired_ratio
from PIL import Image

BATCH, MEAN, STD = 64, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Pass = Callable[[], int]  # reads every picture once; how many there were


def cpu() -> float:
    """CPU seconds of this process and of those it waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def neocog(root: Path, exact: bool = True, cached: bool = False, crops: bool = False, short: int | None = None) -> Pass:
    """Ours, as `train` and `evaluate` use it."""
    import torch

    from neocog.nn.resample import torch_resize
    from neocog.pictures.augment.crops import resized_crop
    from neocog.pictures.sets import FilePictures
    from neocog.pictures.store import Store
    from neocog.train.machine import keep_freed_memory

    keep_freed_memory()
    paths = sorted(root.glob("*/*.jpg"))
    pictures = FilePictures(paths, np.zeros(len(paths), int), ("all",), root)
    store = Store(pictures, record(), limit=0, resize=torch_resize, exact=exact, short=short, cache=root.parent / "cache",
                  slow=0.0 if cached else math.inf)  # fmt: skip
    store.fill()
    place = partial(resized_crop) if crops else None

    def run() -> int:
        seen = 0
        for start in range(0, len(pictures), BATCH):
            pixels, kept = store.get(np.arange(start, min(start + BATCH, len(pictures))), place, (start,))
            x = torch.from_numpy(store.preprocessing.normalise(pixels))
            assert x.is_contiguous(memory_format=torch.channels_last)
            seen += len(kept)
        return seen

    return run


def record():
    """Short side 256, crop 224."""
    from neocog.pictures.preprocessing import Preprocessing

    return Preprocessing(224, 224, resize_to=256, mean=MEAN, std=STD)


def torchvision(root: Path, crops: bool = False) -> Pass:
    """ImageFolder + DataLoader without workers, which cost it CPU seconds."""
    import torch

    define_operators()
    from torchvision import datasets, transforms

    cut = [transforms.RandomResizedCrop(224)] if crops else [transforms.Resize(256), transforms.CenterCrop(224)]
    way = transforms.Compose([*cut, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    loader = torch.utils.data.DataLoader(datasets.ImageFolder(str(root), way), batch_size=BATCH)
    return lambda: sum(len(y) for _, y in loader)


def timm(root: Path) -> Pass:
    """create_loader with its prefetcher (uint8 to the end, normalised a batch at a time), which is its faster way."""
    import torch

    define_operators()
    from timm.data.dataset import ImageDataset
    from timm.data.loader import create_loader

    loader = create_loader(ImageDataset(str(root)), (3, 224, 224), BATCH, is_training=False, use_prefetcher=True,
                           interpolation="bilinear", mean=MEAN, std=STD, num_workers=0, crop_pct=0.875,
                           device=torch.device("cpu"), persistent_workers=False, pin_memory=False)  # fmt: skip
    return lambda: sum(len(y) for _, y in loader)


def define_operators() -> None:
    """torchvision's import looks for operators that only its compiled part has; loading pictures needs none of them."""
    import torch

    try:
        import torchvision  # noqa: F401
    except (RuntimeError, AttributeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        global _library
        _library = torch.library.Library("torchvision", "FRAGMENT")
        for signature in ("nms(Tensor d, Tensor s, float t) -> Tensor", "qnms(Tensor d, Tensor s, float t) -> Tensor"):
            _library.define(signature)


ENGINES: dict[str, Callable[[Path], Pass]] = {
    "neocog": neocog,
    "neocog, training": partial(neocog, exact=False),
    "neocog, crops": partial(neocog, exact=False, crops=True),
    "neocog, cached": partial(neocog, cached=True),
    "neocog, cached crops": partial(neocog, exact=False, crops=True, cached=True, short=256),
    "torchvision": torchvision,
    "torchvision, crops": partial(torchvision, crops=True),
    "timm": timm,
}


class Engine:
    """A process that reads every picture once whenever it is told to."""

    def __init__(self, name: str, root: Path):
        one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self.process = subprocess.Popen([sys.executable, __file__, "--engine", name, "--root", str(root)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **one})  # fmt: skip
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip() == "ready"

    def __call__(self) -> float:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(name: str, root: Path) -> None:
    """What such a process does."""
    import torch

    torch.set_num_threads(1)
    run = ENGINES[name](root)
    print("ready", flush=True)
    for _ in sys.stdin:
        before = cpu()
        seen = run()
        print(seen / (cpu() - before), flush=True)


def make(root: Path, photos: Path | None, n: int, size: tuple[int, int], seed: int = 0) -> float:
    """n JPEGs in class folders; their mean size in KB. Two photos (or two drawn fields of waves and grain) side by side."""
    rng = np.random.default_rng(seed)
    sources = sorted(photos.glob("*.png")) + sorted(photos.glob("*.jpg")) if photos else []
    sizes = []
    for i in range(n):
        long, short = size
        width, height = (long, short) if rng.random() < 0.75 else (short, long)
        whole = Image.new("RGB", (width, height))
        for part in range(2):
            half = (width // 2 + 1, height) if width > height else (width, height // 2 + 1)
            if sources:
                one = Image.open(sources[int(rng.integers(len(sources)))]).convert("RGB")
                scale = max(half[0] / one.width, half[1] / one.height)
                one = one.resize((math.ceil(one.width * scale), math.ceil(one.height * scale)), Image.Resampling.BICUBIC)
            else:
                y, x = np.mgrid[: half[1], : half[0]]
                waves = [128 + 90 * np.sin(x / rng.uniform(5, 40) + y / rng.uniform(5, 40)) for _ in range(3)]
                grain = rng.normal(0, 8, (half[1], half[0], 3))
                one = Image.fromarray(np.clip(np.stack(waves, 2) + grain, 0, 255).astype(np.uint8))
            whole.paste(one, (part * (half[0] - 1), 0) if width > height else (0, part * (half[1] - 1)))
        # The grain of a sensor, without which enlarged photos are smaller files than those of cameras.
        grainy = np.asarray(whole, np.int16) + rng.normal(0, 3, (height, width, 1)).astype(np.int16)
        file = root / f"class{i % 5}" / f"{i:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8)).save(file, quality=96)
        sizes.append(file.stat().st_size)
    return sum(sizes) / len(sizes) / 1000


def differences(root: Path, exact: bool) -> tuple[int, float]:
    """(largest, mean) difference, of 255, between what the store gives and Pillow's full decoding and resizing."""
    from neocog.nn.resample import torch_resize
    from neocog.pictures.decode import decode
    from neocog.pictures.making import Maker
    from neocog.pictures.source import File

    maker, most, total = Maker(record(), exact=exact, resize=torch_resize), 0, []
    for path in sorted(root.glob("*/*.jpg")):
        found = abs(maker.image(File(path), path.name).astype(int) - record().image(decode(path)))
        most = max(most, int(found.max()))
        total.append(float(found.mean()))
    return most, sum(total) / len(total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    data = os.environ.get("NEOCOG_DATA")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--photos", type=Path, default=Path(data) / "photos" / "nips17" if data else None)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.engine:
        serve(given.engine, given.root)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    """Everything, and the table."""
    from neocog.pictures import fast

    result: dict[str, object] = {"decoder": f"simplejpeg {fast.version()}" if fast.version() else "Pillow"}
    small = given.root or folder / "small"
    if given.root is None:
        result["mean_kb"] = round(make(small, given.photos, given.pictures, (500, 375)), 1)
    result["big_mean_kb"] = round(make(folder / "big", given.photos, 8, (4000, 3000)))
    most, mean = differences(small, exact=True)
    result |= {"max_eval_pixel_difference": most, "mean_eval_pixel_difference": round(mean, 5), "pictures": given.pictures}
    result["big_training_pixel_difference"] = [round(float(v), 3) for v in differences(folder / "big", exact=False)]
    result["big_max_eval_pixel_difference"] = differences(folder / "big", exact=True)[0]
    print(json.dumps(result, indent=1))
    tables = (
        (small, given.rounds, "torchvision", {"cold": "neocog", "cached": "neocog, cached"}),
        (small, given.rounds, "timm", {"cold": "neocog", "cached": "neocog, cached"}),
        (small, given.rounds, "torchvision, crops", {"crops": "neocog, crops", "cached_crops": "neocog, cached crops"}),
        (folder / "big", given.rounds, "torchvision", {"big": "neocog, training", "big_exact": "neocog"}),
    )
    print(f"{'images per CPU-second, median':<34}{'ours':>8}{'peer':>8}{'ratio':>8}   95 % interval, n = {given.rounds}")
    for root, rounds, peer, ours in tables:
        engines = [Engine(name, root) for name in (*ours.values(), peer)]
        if not engines[-1].ready:
            print(f"{peer}: not installed, left out")
            continue
        if not all(engine.ready for engine in engines):
            raise SystemExit("an engine of ours does not start")
        *figures, theirs = in_turns(engines, rounds)
        for engine in engines:
            engine.process.kill()
        for what, own in zip(ours, figures, strict=True):
            ratio = paired_ratio(own, theirs)
            result[f"{what}_vs_{peer.split(',')[0]}"] = ratio
            middle = (sorted(own)[len(own) // 2], sorted(theirs)[len(theirs) // 2])
            print(f"{what + ' vs ' + peer:<34}{middle[0]:>8.0f}{middle[1]:>8.0f}{ratio['ratio']:>8.2f}"
                  f"   {ratio['low']:.2f} to {ratio['high']:.2f}")  # fmt: skip
    finish("loading", result)


if __name__ == "__main__":
    main()
