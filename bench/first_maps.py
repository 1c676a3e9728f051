"""How long a person waits for the first maps of a network that is in memory: a photo in, arrays of maps out.

    python bench/first_maps.py [NET …] [--threads 2] [--rounds 11]

From the decoded picture on: preprocessing, the layers up to those that are shown, arrays. Once for the first convolution's
maps, once for the last map of each size (which `neocog explain --method planes` shows unasked).
"""

import argparse
import statistics
import time

import numpy as np
import torch
from common import finish
from PIL import Image

from neocog.explain import default_layers, planes
from neocog.nets import resolve
from neocog.nn import Model

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("nets", nargs="*", default=["alexnet"])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=11)
args = parser.parse_args()
torch.set_num_threads(args.threads)

photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (375, 500, 3), np.uint8))
found = {}
for name in args.nets:
    model = Model(resolve(name).build(), torch.Generator().manual_seed(0)).eval()
    model.preprocessing = resolve(name).card.preprocessing
    first = next(node.path for node in model.arch.nodes)
    for what, layers in (("first", (first,)), ("each size", default_layers(model.arch))):
        seconds = []
        for _ in range(args.rounds + 1):
            begun = time.perf_counter()
            planes(model, photo, layers)
            seconds.append(time.perf_counter() - begun)
        cold, *warm = seconds
        found[f"{name}, {what}"] = {
            "median": round(statistics.median(warm), 4), "least": round(min(warm), 4), "most": round(max(warm), 4),
            "very_first": round(cold, 4), "n": len(warm), "layers": list(layers),
        }  # fmt: skip
        print(f"{name}, {what}: {statistics.median(warm):.3f} s ({min(warm):.3f} to {max(warm):.3f}, n {len(warm)}); "
              f"the very first {cold:.3f} s")  # fmt: skip
finish("first_maps", {"threads": args.threads, "nets": found})
