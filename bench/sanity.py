"""What are the attribution methods worth? Weight randomisation, deletion and insertion of each, over rightly classified photos.

    python bench/sanity.py RUN PHOTOS [--n 24] [--weights 6] [--stages 6] [--samples 10] [--steps 20] [--keep FILE]

PHOTOS holds class folders, or pictures and labels.csv (file, class_index). Of those that RUN classifies rightly, n are taken,
evenly chosen. Deletion and insertion against the mean of three random orders of the same cells in the same steps, paired by
picture: mean difference with its 95 % interval (BCa), Wilcoxon's signed-rank test, one-sided. Of the n, `weights` pictures,
evenly chosen again, are tried by weight randomisation. --keep: figures are appended picture by picture, and gone on with.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from common import finish
from PIL import Image
from scipy.stats import wilcoxon

from neocog.evaluate.statistics import bootstrap
from neocog.explain.attribution.methods import METHODS
from neocog.explain.attribution.sanity import STAYS, randomisation
from neocog.explain.inside import input_of, pixels_of
from neocog.explain.occlusion.fade import by_chance, fading, order_of
from neocog.explain.targets import classes
from neocog.runs import load_predictor
from neocog.runs.predictor import Predictor

AREAS = ("deletion", "deletion_random", "insertion", "insertion_random")


def labelled(folder: Path, predictor: Predictor) -> Iterator[tuple[Path, int]]:
    """Every photo with its class's number."""
    table = folder / "labels.csv"
    if table.exists():
        with table.open(newline="", encoding="utf-8") as stream:
            yield from ((folder / row["file"], int(row["class_index"])) for row in csv.DictReader(stream))
        return
    numbers = {name: i for i, name in enumerate(predictor.classes)}
    for file in sorted(folder.glob("*/*")):
        if file.parent.name in numbers:
            yield file, numbers[file.parent.name]


def rightly(folder: Path, predictor: Predictor) -> list[tuple[Path, int]]:
    found = []
    for file, label in labelled(folder, predictor):
        with Image.open(file) as picture:
            scores = predictor.scores(pixels_of(predictor.model, picture.convert("RGB"))[None])
        if int(scores[0].argmax()) == label:
            found.append((file, label))
    return found


def evenly(items: list, count: int) -> list:
    return [items[i * len(items) // count] for i in range(count)] if 0 < count < len(items) else items


def against(differences: np.ndarray) -> dict:
    """Of differences of which those above 0 are good: mean, interval, test."""
    low, high = bootstrap(differences) if len(differences) > 1 else (float("nan"),) * 2
    p = float(wilcoxon(differences, alternative="greater").pvalue) if np.any(differences) else 1.0
    return {"mean": round(float(differences.mean()), 4), "low": round(low, 4), "high": round(high, 4), "p": p}


def table(rows: list[dict], names: list[str]) -> dict:
    """Print it; give the figures."""
    print(f"{'method':<22}{'ρ upper half':>13}{'ρ all':>7}{'pass':>7}{'n':>4} | {'deletion':>9}{'random':>8}"
          f"{'gain (95 %)':>27}{'p':>9} | {'insertion':>9}{'random':>8}{'gain (95 %)':>27}{'p':>9}{'n':>5}")  # fmt: skip
    found = {}
    for name in names:
        mine = [row for row in rows if row["method"] == name]
        areas = {key: np.array([row[key] for row in mine]) for key in AREAS}
        tried = [row for row in mine if row["rho"] is not None]
        upper = np.array([row["upper"] for row in tried], float)
        known = ~np.isnan(upper)
        last = np.array([row["rho"][-1] for row in tried], float)
        gone = against(areas["deletion_random"] - areas["deletion"])
        come = against(areas["insertion"] - areas["insertion_random"])
        one = {
            "rho_upper": round(float(upper[known].mean()), 3) if known.any() else None,
            "rho_all": round(float(np.nanmean(last)), 3) if np.isfinite(last).any() else None,
            "rho_by_stage": np.nanmean(np.array([row["rho"] for row in tried], float), 0).round(3).tolist() if tried else [],
            "ssim_by_stage": np.nanmean(np.array([row["ssim"] for row in tried], float), 0).round(3).tolist() if tried else [],
            "passes": int((upper[known] < STAYS).sum()), "n_weights": int(known.sum()),
            "flat": sum(row["flat"] for row in mine),
            **{key: round(float(value.mean()), 4) for key, value in areas.items()},
            "deletion_gain": gone, "insertion_gain": come, "n": len(mine),
        }  # fmt: skip
        found[name] = one
        said = [f"{g['mean']:+.3f} ({g['low']:+.3f} to {g['high']:+.3f})" for g in (gone, come)]
        rho = [f"{v:.2f}" if v is not None else "–" for v in (one["rho_upper"], one["rho_all"])]
        print(f"{name:<22}{rho[0]:>13}{rho[1]:>7}{one['passes']:>5}/{one['n_weights']:<1}{one['n_weights']:>4} | "
              f"{one['deletion']:>9.3f}{one['deletion_random']:>8.3f}{said[0]:>27}{gone['p']:>9.1e} | {one['insertion']:>9.3f}"
              f"{one['insertion_random']:>8.3f}{said[1]:>27}{come['p']:>9.1e}{one['n']:>5}"
              + (f"   {one['flat']} maps flat" if one["flat"] else ""))  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--n", type=int, default=24, help="pictures (0: all that are classified rightly)")
    parser.add_argument("--weights", type=int, default=6, help="of them, tried by weight randomisation")
    parser.add_argument("--stages", type=int, default=6)
    parser.add_argument("--samples", type=int, default=10, help="noisy copies of SmoothGrad")
    parser.add_argument("--steps", type=int, default=20, help="of integrated gradients")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    predictor = load_predictor(args.run)
    model, names = predictor.model, args.methods.split(",")
    for name in [name for name in names if METHODS[name].undefined(model)]:
        print(f"{name}: {METHODS[name].undefined(model)}")
        names.remove(name)
    wishes = {"smoothgrad": {"samples": args.samples, "seed": args.seed}, "integrated-gradients": {"steps": args.steps}}
    right = rightly(args.photos, predictor)
    chosen = evenly(right, args.n)
    tried = set(evenly(chosen, args.weights)) if args.weights else set()
    print(f"{predictor.net}: {len(right)} photos classified rightly, {len(chosen)} of them tried, "
          f"{len(tried)} with weights drawn anew", flush=True)  # fmt: skip
    kept = [json.loads(line) for line in args.keep.read_text("utf-8").splitlines()] if args.keep and args.keep.exists() else []
    have, rows = {(row["file"], row["method"]): row for row in kept}, []
    for i, (file, label) in enumerate(sorted(chosen, key=lambda one: one not in tried)):
        with Image.open(file) as picture:
            x = input_of(model, pixels_of(model, picture.convert("RGB"))).contiguous()
        target, chance = classes([label]), None
        for name in names:
            row = have.get((file.name, name))
            if row is None or ((file, label) in tried and row["rho"] is None):
                chance = chance or by_chance(model, x, target, args.seed)
                method, settings = METHODS[name], wishes.get(name, {})
                maps = method.one_map(method.run(model, x, target, **settings))
                gone, come = fading(model, x, target, order_of(maps, x, args.seed)).areas
                lot_gone, lot_come = chance.areas
                row = {"file": file.name, "method": name, "flat": bool(maps.amax() <= maps.amin()),
                       "deletion": float(gone[0]), "deletion_random": float(lot_gone[0]),
                       "insertion": float(come[0]), "insertion_random": float(lot_come[0]),
                       "rho": None, "ssim": None, "upper": None}  # fmt: skip
                if (file, label) in tried and not row["flat"]:
                    test = randomisation(method, model, x, target, settings, args.stages, args.seed)
                    row |= {"rho": test.rho[0].tolist(), "ssim": test.ssim[0].tolist(), "upper": float(test.upper[0])}
                if args.keep:
                    with args.keep.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps(row) + "\n")
            rows.append(row)
        print(f"{i + 1}/{len(chosen)} {file.name}", flush=True)
    figures = table(rows, names)
    settings = {"stages": args.stages, "samples": args.samples, "steps": args.steps, "seed": args.seed}
    finish("sanity", {"net": predictor.net, "right": len(right), "n": len(chosen), **settings, "methods": figures})


if __name__ == "__main__":
    main()
