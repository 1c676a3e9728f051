"""Top-9 of every map of a network over a data set in one pass, and the projections of the winners, timed apart.

    python bench/top9.py [RUN] [--data cifar10] [--layers all|natural] [--threads 2] [--rounds 3]

RUN: a run folder; by default the published CIFAR ResNet-20 below $NEOCOG_DATA/weights. The pass is over the test split. In
every round it is also cut off half-way and gone on with: the answer must be the same to the bit. Its state is kept as
`neocog explain --method top9` keeps it, so writing it is in the figures.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import finish

from neocog.errors import UserError
from neocog.explain import exemplars, natural_layers, spatial_layers, strongest
from neocog.explain.winners.search import Top
from neocog.nets import resolve
from neocog.nn import Model, create_model
from neocog.pictures import load_data
from neocog.runs import load

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("run", nargs="?", help="a run folder")
parser.add_argument("--data", default="cifar10")
parser.add_argument("--layers", choices=("all", "natural"), default="all")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
args = parser.parse_args()
torch.set_num_threads(args.threads)


def network() -> Model:
    """The run's, or the published one."""
    if args.run:
        return load(args.run)
    found = sorted(Path(os.environ.get("NEOCOG_DATA", "none"), "weights", "cifar-resnet").glob("resnet20-*.th"))
    if not found:
        raise UserError("no $NEOCOG_DATA/weights/cifar-resnet/resnet20-*.th: name a run folder")
    model = create_model("resnet20.cifar", weights=found[0]).eval()
    model.preprocessing = model.preprocessing or resolve("resnet20.cifar").card.preprocessing
    return model


class Halfway:
    """Knows when half of the pictures were looked at."""

    share = 0.0

    def told(self, done: int, total: int) -> None:
        self.share = done / total

    def reached(self) -> bool:
        return self.share >= 0.5


def same(a: Top, b: Top) -> bool:
    """To the bit."""
    fields = ("values", "pictures", "places", "answered")
    return all(np.array_equal(getattr(a.layers[p], f), getattr(b.layers[p], f)) for p in a.layers for f in fields)


model = network()
pictures = load_data(args.data).test
if pictures is None:
    raise UserError(f"{args.data} has no test split")
layers = spatial_layers(model.arch) if args.layers == "all" else natural_layers(model.arch)
drawn = natural_layers(model.arch)
passes, cpus, projections, resumed = [], [], [], []
maps = projected = 0
for _ in range(args.rounds):
    with tempfile.TemporaryDirectory() as name:
        begun, busy = time.perf_counter(), time.process_time()
        top = strongest(model, pictures, layers, folder=Path(name))
        passes.append(time.perf_counter() - begun)
        cpus.append(time.process_time() - busy)
    maps = sum(len(winners.values) for winners in top.layers.values())
    with tempfile.TemporaryDirectory() as name:
        halfway = Halfway()
        try:
            strongest(model, pictures, layers, folder=Path(name), on_progress=halfway.told, stop=halfway.reached)
        except KeyboardInterrupt:
            resumed.append(same(top, strongest(model, pictures, layers, folder=Path(name))))
    begun = time.perf_counter()
    for path in drawn:
        exemplars(model, pictures, top.layers[path], range(len(top.layers[path].values)))
    projections.append(time.perf_counter() - begun)
    projected = sum(top.layers[path].pictures.size for path in drawn)
seconds, cpu, down = (statistics.median(values) for values in (passes, cpus, projections))
print(f"{model.arch.name}, {args.data} test: {len(pictures):,} pictures, {len(layers)} layers, {maps:,} maps")
print(f"{args.threads} threads, median of {args.rounds}")
print(f"  the pass           {seconds:8.1f} s (of {min(passes):.1f} to {max(passes):.1f}), {cpu:.1f} CPU s, "
      f"{len(pictures) / seconds:,.0f} pictures/s")  # fmt: skip
print(f"  cut and gone on    the same to the bit in {sum(resumed)} of {len(resumed)}")
print(f"  projections        {down:8.1f} s for {projected:,} winners of all maps of {', '.join(drawn)}")
finish(
    "top9",
    {
        "net": model.arch.name, "pictures": len(pictures), "layers": len(layers), "maps": maps, "n": args.rounds,
        "threads": args.threads, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
        "projections": projected, "projection_seconds": round(down, 2), "resumed_same": all(resumed) and bool(resumed),
    },
)  # fmt: skip
