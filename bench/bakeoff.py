"""Which network for Fashion-MNIST, and for a folder of photos? Two bake-offs, each recounted from what the runs left behind.

    python bench/bakeoff.py [--photos FOLDER] [--out DIR] [--budget 90s] [--seeds 2] [--jobs 1]

Four networks and two baselines on Fashion-MNIST, of which every training of a network takes the budget: with 90 s and two seeds
some 12 minutes and what the baselines take. The last line is JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from common import finish

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.bakeoff.recount import check

FASHION = "hog-svm,knn,lenet5.modern,air.grey,resnet8.quick,resnet20.cifar"
PHOTOS = "hog-svm,knn,resnet14.cifar,resnet8.quick,mobilenet_v2.w050"


def bake(data: str, nets: str, args: argparse.Namespace, out: Path) -> dict[str, object]:
    """One bake-off by the command; its ranking and what the recount says."""
    command = [sys.executable, "-m", "neocog", "bakeoff", data, "--nets", nets, "--out", str(out)]
    command += ["--budget", args.budget, "--seeds", str(args.seeds), *(["--jobs", str(args.jobs)] if args.jobs > 1 else [])]
    begin = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    if code not in (0, 3):
        sys.exit(code)
    minutes = (time.monotonic() - begin) / 60
    words = check(out)
    print(f"{words}; {minutes:.1f} minutes\n")
    found = json.loads((out / "result.json").read_text("utf-8"))
    kept = ("net", "top1_error", "ci95", "spread", "n", "seeds", "latency_ms", "train_seconds", "tied_with_best")
    rows = [{key: row[key] for key in kept} for row in found["ranking"]]
    return {"minutes": round(minutes, 1), "recount": words, "ranking": rows, "recommendation": found["recommendation"]["en"]}


def main() -> None:
    """Run both; the photos only where a folder is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos")
    parser.add_argument("--out", default="bakeoffs")
    parser.add_argument("--budget", default="90s")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    found = {"fashion-mnist": bake("fashion-mnist", FASHION, args, Path(args.out) / "fashion-mnist")}
    if args.photos:
        found["photos"] = bake(args.photos, PHOTOS, args, Path(args.out) / "photos")
    finish("bakeoff", found)


if __name__ == "__main__":
    main()
