"""Augmentations, pictures per CPU-second, beside torchvision's v1 transforms on Pillow pictures, in strict turns.

    python bench/augment.py [--rounds 7] [--size 224] [--n 64]

Ours takes a batch uint8 N×H×W×C, as the pipeline hands it on; theirs takes one picture after another, as ImageFolder does. The
same N pictures, one process, one thread. Needs torchvision, whose missing operators are defined first.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from common import finish, in_turns, paired_ratio
from PIL import Image

from neocog.pictures.augment.draws import Draws, generator
from neocog.pictures.augment.policy import policy

lib = torch.library.Library("torchvision", "DEF")
lib.define("nms(Tensor d, Tensor s, float t) -> Tensor")
lib.define("qnms(Tensor d, Tensor s, float t) -> Tensor")
from torchvision import transforms  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--size", type=int, default=224)
parser.add_argument("--n", type=int, default=64)
args = parser.parse_args()
torch.set_num_threads(1)

PAIRS: dict[tuple[str, ...], Callable | None] = {
    ("flip",): transforms.RandomHorizontalFlip(),
    ("flip-alternating",): None,
    ("crop",): transforms.RandomCrop(args.size, padding=args.size // 8),
    ("crop-reflect",): transforms.RandomCrop(args.size, padding=args.size // 16, padding_mode="reflect"),
    ("jitter",): transforms.ColorJitter(0.4, 0.4, 0.4),
    ("hue",): transforms.ColorJitter(hue=0.1),
    ("lighting",): None,
    ("jitter", "lighting"): None,
    ("randaugment",): transforms.RandAugment(),
    ("trivialaugment",): transforms.TrivialAugmentWide(),
    ("autoaugment",): transforms.AutoAugment(),
    ("cutout",): None,
    ("erasing",): None,
}
coarse = np.random.default_rng(0).integers(0, 256, (args.n, 8, 8, 3), dtype=np.uint8)
pictures = [Image.fromarray(one).resize((args.size, args.size), Image.Resampling.BICUBIC) for one in coarse]
batch = np.stack([np.asarray(picture) for picture in pictures])
result = {}
print(f"{'augmentation':<20}{'ours':>12}{'torchvision':>14}{'ratio (95 %)':>22}   images per CPU-second, n = {args.rounds}")
for names, theirs in PAIRS.items():
    operations, count = policy(names).pixels, iter(range(10**6))

    def ours(operations=operations, count=count) -> float:
        begin, pixels, draws = time.process_time(), batch, Draws.of(generator(next(count)), args.n)
        for operation in operations:
            pixels = operation(pixels, draws)
        return args.n / (time.process_time() - begin)

    def peer(theirs=theirs) -> float:
        assert theirs is not None
        begin = time.process_time()
        for picture in pictures:
            np.asarray(theirs(picture))
        return args.n / (time.process_time() - begin)

    found = in_turns([ours, peer] if theirs else [ours], args.rounds)
    row = {"images_per_cpu_s": round(statistics.median(found[0])), **(paired_ratio(*found) if theirs else {"n": args.rounds})}
    result["+".join(names)] = row
    other = f"{statistics.median(found[1]):>14,.0f}{row['ratio']:>10.2f} ({row['low']:.2f}–{row['high']:.2f})" if theirs else ""
    print(f"{'+'.join(names):<20}{row['images_per_cpu_s']:>12,}{other}")
finish("augment", {"size": args.size, **result})
