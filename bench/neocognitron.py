"""Five digits learned without labels, 20 presentations each: percent right of 125 shifts and of 500 deformations, ten seeds.

    python bench/neocognitron.py [--seeds 10]

Each seed draws its own lessons, order and test deformations. A tie or no answer is wrong.
"""

import argparse
import time

import numpy as np
import torch

from neocog import create_model
from neocog.pictures.stimuli import deformations, lessons, positions, shifts
from neocog.train.neocognitron import organise

RUNS = (("neocognitron", 1), ("neocognitron", 4), ("neocognitron.two_thresholds", 1))


def numbers(pixels: np.ndarray) -> torch.Tensor:
    """Pictures N×16×16 of bytes as N×1×16×16 from 0 to 1."""
    return torch.from_numpy(pixels.astype(np.float32) / 255)[:, None]


def right(model: torch.nn.Module, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Percent whose class has the largest score."""
    with torch.no_grad():
        return 100 * float((model(numbers(pixels)).argmax(1).numpy() == labels).mean())


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    for name, passes in RUNS:
        found, seconds = [], 0.0
        for seed in range(seeds):
            model = create_model(name).eval()
            pixels, labels = lessons(seed)
            order = np.random.default_rng(seed).permutation(len(labels))
            start = time.process_time()
            organise(model, numbers(pixels[order]), torch.from_numpy(labels[order]), passes=passes)
            seconds += time.process_time() - start
            found.append((right(model, *shifts(positions())), right(model, *deformations(100, 1000 + seed))))
        shifted, bent = zip(*found, strict=True)
        words = "  ".join(f"{np.mean(v):.1f} ({min(v):.1f} to {max(v):.1f})" for v in (shifted, bent))
        print(f"{name:<28} {passes} passes  {words}  {seconds / seeds:.1f} s of processor time, n = {seeds} seeds", flush=True)


if __name__ == "__main__":
    main()
