"""Does bf16 learn as fp32 does? The same steps of the same seeds in both, on real pictures: losses and final accuracy.

    python bench/curves.py [--nets squeezenet1_1,mobilenet_v2] [--data fashion-mnist] [--steps 300] [--seeds 3]

A curve is the mean loss of each tenth of the steps. The difference between the precisions (mean over seeds) is set beside the
standard deviation between the seeds of fp32: within it, no one who sees a curve can tell which precision made it. A processor
without bf16 computes it by conversion: as exact, and slow. One thread for each figure unless --threads says otherwise.
"""

import argparse
from typing import Any

import numpy as np
import torch
from common import finish

from neocog.pictures.named import load_data
from neocog.pictures.sets import Dataset
from neocog.runs import Predictor, wrong_in_top
from neocog.train import Wishes, machine, resolve_run
from neocog.train.batches import Ahead, Batches
from neocog.train.sgd import begin, new_model, new_trainer

TENTHS = 10
CPU = torch.device("cpu")


def train(net: str, data: Dataset, spec: str, args: argparse.Namespace, seed: int, precision: str) -> tuple[np.ndarray, float]:
    """(the loss of each step, accuracy in percent on the first test pictures)."""
    changes = (("batch", args.batch),)
    wishes = Wishes(
        net=net, steps=args.steps, seed=seed, side=args.side, device="cpu", precision=precision, weights="none", changes=changes
    )
    resolved = resolve_run(data, spec, wishes)
    config = resolved.config
    model, batches = new_model(config, CPU), Batches(resolved.stores["train"], config.recipe, seed, CPU)
    trainer = new_trainer(config, model, config.steps)
    begin(model, config, batches)
    trainer.begin()
    with Ahead(batches, config.steps) as ahead:
        losses = [float(trainer.step(step, ahead.get(step))[0]) for step in range(config.steps)]
    assert data.test is not None
    some = data.test.subset(range(min(args.judged, len(data.test))))
    scored = Predictor(trainer.judged, config.preprocessing, config.classes, config.net).score_all(some)
    return np.array(losses), 100 * (1 - float(wrong_in_top(scored.scores, scored.labels, 1).mean()))


def compared(curves: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> dict[str, Any]:
    """Differences of the precisions beside the spread of the seeds; curves: seeds×tenths, right: seeds."""
    gap, spread = np.abs((curves["bf16"] - curves["fp32"]).mean(0)), curves["fp32"].std(0, ddof=1)
    accuracy_gap, accuracy_spread = float((right["bf16"] - right["fp32"]).mean()), float(right["fp32"].std(ddof=1))
    return {
        "n": len(right["fp32"]),
        "loss_difference": np.round(gap, 4).tolist(),
        "loss_spread": np.round(spread, 4).tolist(),
        "tenths_within": int((gap <= spread).sum()),
        "accuracy": {name: [round(float(v), 2) for v in values] for name, values in right.items()},
        "accuracy_difference": round(accuracy_gap, 2),
        "accuracy_spread": round(accuracy_spread, 2),
    }


def main() -> None:
    """Run, print, sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default="squeezenet1_1,mobilenet_v2")
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--judged", type=int, default=2000, help="test pictures")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    machine.keep_freed_memory()
    data, figures = load_data(args.data), {}
    for net in args.nets.split(","):
        curves: dict[str, list[np.ndarray]] = {"fp32": [], "bf16": []}
        right: dict[str, list[float]] = {"fp32": [], "bf16": []}
        for seed in range(args.seeds):
            for precision in curves:
                losses, accuracy = train(net, data, args.data, args, seed, precision)
                curves[precision].append(np.array([part.mean() for part in np.array_split(losses, TENTHS)]))
                right[precision].append(accuracy)
                shown = " ".join(f"{v:.3f}" for v in curves[precision][-1])
                print(f"  {net} seed {seed} {precision}: {shown} · {accuracy:.2f} % right", flush=True)
        figures[net] = c = compared({k: np.array(v) for k, v in curves.items()}, {k: np.array(v) for k, v in right.items()})
        print(
            f"{net}: bf16 within the spread of fp32's seeds in {c['tenths_within']} of {TENTHS} tenths; accuracy differs by "
            f"{c['accuracy_difference']:+.2f} points (spread {c['accuracy_spread']:.2f}, n {c['n']})"
        )
    finish("curves", figures)


if __name__ == "__main__":
    main()
