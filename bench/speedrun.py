"""Time to accuracy: how many CPU seconds of training a network needs from nothing to 90, 92 and 93 % of a test set.

Each target has a network and a recipe of fixed length. Network and rates were settled on 10,000 training pictures held back;
the lengths by arithmetic, from the promised seconds and the fastest step seen. --held-out judges on training pictures held
back, too: a sixth of them, while the others train. Without it all train, and the test set judges once, at the end.

The clock runs from before the network's start is made to after the last step, over all threads; data lies in memory as bytes,
libraries are loaded, judging is not counted. Beside it, in turns, the network and training of PyTorch's MNIST example.

python bench/speedrun.py [--target fashion-mnist:92] [--seeds 3] [--threads 2] [--peer 0] [--held-out]
"""

import argparse
import statistics
import time
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from common import finish
from torch import nn
from torch.nn import functional as F

from neocog.pictures.named import load_data
from neocog.pictures.sets import Dataset
from neocog.runs import Predictor, wrong_in_top
from neocog.train import Wishes, machine, resolve_run
from neocog.train.batches import Ahead, Batches
from neocog.train.sgd import begin, new_model, new_trainer


@dataclass(frozen=True)
class Target:
    """A test accuracy in percent, and how it is reached."""

    data: str
    accuracy: int
    net: str
    epochs: float
    bound: float  # seconds that the project has promised; CPU seconds, for CIFAR-10 of wall time
    changes: tuple[tuple[str, Any], ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.data}:{self.accuracy}"


TARGETS = (
    Target("fashion-mnist", 90, "air.grey", 1, 25),
    Target("fashion-mnist", 92, "air.grey", 3, 60),
    Target("fashion-mnist", 93, "air.grey", 7, 140),
    Target("cifar10", 90, "air.colour", 20, 900),
)
EXAMPLE_EPOCHS, EXAMPLE_BATCH = 2, 64
HELD_OUT = 1 / 6  # of the training pictures; the same ones always


@dataclass(frozen=True)
class Outcome:
    """One training: seconds of all threads together and of the clock on the wall, test accuracy in percent."""

    cpu: float
    wall: float
    accuracy: float


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self) -> tuple[float, float]:
        """(of all threads together, of the clock on the wall)."""
        return time.process_time() - self.cpu, time.perf_counter() - self.wall


def ours(target: Target, data: Dataset, seed: int) -> Outcome:
    """One training by neocog's own batches, trainer and recipe."""
    wishes = Wishes(net=target.net, epochs=target.epochs, seed=seed, device="cpu", changes=target.changes)
    resolved = resolve_run(data, target.data, wishes)
    config, where = resolved.config, torch.device("cpu")
    model = new_model(config, where)
    batches = Batches(resolved.stores["train"], config.recipe, seed, where)
    trainer = new_trainer(config, model, config.steps)
    watch = Watch()
    begin(model, config, batches)
    trainer.begin()
    with Ahead(batches, config.steps) as ahead:
        for step in range(config.steps):
            trainer.step(step, ahead.get(step))
    spent = watch.read()
    assert data.test is not None
    predictor = Predictor(trainer.judged, config.preprocessing, config.classes, config.net, config.recipe.test_flip)
    scored = predictor.score_all(data.test)
    return Outcome(*spent, 100 * (1 - float(wrong_in_top(scored.scores, scored.labels, 1).mean())))


def held_out(name: str) -> Dataset:
    """The set with a sixth of its training pictures in place of its test set."""
    data = load_data(name, val_fraction=HELD_OUT)
    return replace(data, val=None, test=data.val)


class Example(nn.Module):
    """The network of PyTorch's MNIST example. N×1×28×28 → N×10 scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = F.dropout(x, 0.25, self.training).flatten(1)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), 0.5, self.training))


def example(data: Dataset, seed: int) -> Outcome:
    """The example's training: Adadelta at 1, 0.7 times that after each epoch, batches of 64; pixels are in memory."""
    assert data.train.arrays is not None
    assert data.test is not None
    assert data.test.arrays is not None
    torch.manual_seed(seed)
    x, tests = (((torch.from_numpy(a).permute(0, 3, 1, 2).float() / 255) - 0.1307) / 0.3081
                for a in (data.train.arrays, data.test.arrays))  # fmt: skip
    y = torch.from_numpy(data.train.labels)
    model = Example()
    optimizer = torch.optim.Adadelta(model.parameters(), 1.0)
    watch = Watch()
    for _ in range(EXAMPLE_EPOCHS):
        for chosen in torch.randperm(len(x)).split(EXAMPLE_BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.7
    spent = watch.read()
    model.eval()
    with torch.inference_mode():
        answers = torch.cat([model(part).argmax(1) for part in tests.split(500)])
    return Outcome(*spent, 100 * float((answers == torch.from_numpy(data.test.labels)).float().mean()))


def summary(outcomes: list[Outcome], bound: float | None = None) -> dict[str, Any]:
    """Means and spread of some trainings."""
    cpu, wall, accuracy = ([getattr(o, name) for o in outcomes] for name in ("cpu", "wall", "accuracy"))

    def deviation(values: list[float]) -> float:
        return round(statistics.stdev(values), 3) if len(values) > 1 else 0.0

    found = {"cpu_seconds": round(statistics.mean(cpu), 1), "n": len(cpu), "sd": deviation(cpu),
             "wall_seconds": round(statistics.mean(wall), 1), "accuracy": round(statistics.mean(accuracy), 3),
             "accuracy_sd": deviation(accuracy), "accuracies": [round(a, 2) for a in accuracy]}  # fmt: skip
    return found | ({"bound": bound} if bound is not None else {})


def line(name: str, s: dict[str, Any]) -> str:
    """A row of the table."""
    return (f"{name:<26}{s['cpu_seconds']:8.1f} ± {s['sd']:<6.1f}{s['wall_seconds']:8.1f}{s['accuracy']:9.2f} ± "
            f"{s['accuracy_sd']:<6.2f}{s['n']:3}")  # fmt: skip


def main() -> None:
    """Run, print, sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=[str(t) for t in TARGETS], help="again and again; else all")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--held-out", action="store_true", help="judge on training pictures held back, not on the test set")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", help="a folder that holds the set, instead of its name (with targets of one set)")
    parser.add_argument("--peer", type=int, default=1, help="trainings of PyTorch's example for each set it can read; 0: none")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    machine.keep_freed_memory()
    chosen = [t for t in TARGETS if not args.target or str(t) in args.target]
    outcomes: dict[Target, list[Outcome]] = {t: [] for t in chosen}
    peers: list[Outcome] = []
    sets = {
        name: held_out(args.data or name) if args.held_out else load_data(args.data or name, val_fraction=0.0)
        for name in {t.data for t in chosen}
    }
    for seed in range(args.first, args.first + args.seeds):
        for target in chosen:
            outcomes[target].append(ours(target, sets[target.data], seed))
            print(f"  {target} seed {seed}: {outcomes[target][-1]}", flush=True)
        if seed - args.first < args.peer and "fashion-mnist" in sets:
            peers.append(example(sets["fashion-mnist"], seed))
            print(f"  PyTorch's example, {EXAMPLE_EPOCHS} epochs, seed {seed}: {peers[-1]}", flush=True)
    figures: dict[str, dict[str, Any]] = {}
    print(f"{'':<26}{'CPU s':>8}{'':9}{'wall s':>8}{'right %':>9}{'':9}{'n':>3}")
    for target, found in outcomes.items():
        s: dict[str, Any] = summary(found, target.bound) | {"net": target.net, "epochs": target.epochs}
        figures.setdefault(target.data, {})[str(target.accuracy)] = s
        print(line(f"{target} {target.net}", s), "" if s["accuracy"] >= target.accuracy else "  short of the target")
    if peers:
        figures["fashion-mnist"]["pytorch-example"] = s = summary(peers)
        print(line(f"PyTorch's example, {EXAMPLE_EPOCHS} epochs", s))
    finish("speedrun-held-out" if args.held_out else "speedrun", figures)


if __name__ == "__main__":
    main()
