"""Local response normalisation: ours against torch's, forward and backward, in turns on the same maps.

python bench/lrn.py [--rounds 15] [--threads 2]
"""

import argparse
import statistics
import time

import torch
from common import finish, in_turns, paired_ratio

from neocog.nn.layers import LRN

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rounds", type=int, default=15)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
result = {}
for shape in ((1, 96, 55, 55), (32, 96, 55, 55)):
    x = torch.randn(shape, requires_grad=True)
    ours, theirs = LRN(5, 5e-4, 0.75, 2.0, True), torch.nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
    difference = float((ours(x) - theirs(x)).detach().abs().max())

    def timed(layer: torch.nn.Module, x: torch.Tensor = x) -> float:
        begin = time.perf_counter()
        layer(x).sum().backward()
        return time.perf_counter() - begin

    a, b = in_turns([lambda: timed(theirs), lambda: timed(ours)], args.rounds)  # noqa: B023  # called in this turn of the loop
    name = "×".join(map(str, shape))
    result[name] = {**paired_ratio(a, b), "max_difference": difference}
    print(f"{name:<16} torch {1e3 * statistics.median(a):8.2f} ms   neocog {1e3 * statistics.median(b):8.2f} ms   "
          f"ratio {result[name]['ratio']:.2f} ({result[name]['low']:.2f} to {result[name]['high']:.2f}), n {args.rounds}, "
          f"largest difference {difference:.1g}")  # fmt: skip
finish("lrn", result)
