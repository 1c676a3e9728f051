"""Does a classifier look at the object? Hiding it against hiding as much of the rest, and deletion by occlusion against chance.

    python bench/objects.py RUN PHOTOS [--boxes tests/explain/object_boxes.tsv] [--placements 8] [--deletion N]

Over all photographs that RUN classifies rightly and whose object has a box: what hiding the object takes from its class,
against hiding as many pixels of the rest (mean over placements), paired by picture: median difference, Wilcoxon's signed-rank
test and the sign test, one-sided. Then N pictures (0: all): the area under the class's probability while the picture is
covered cell by cell, in the order of its occlusion map, against random orders.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from common import finish
from PIL import Image
from scipy.stats import binomtest, wilcoxon

from neocog.explain.occlusion.hidden import below, deletion, object_and_rest, read_boxes
from neocog.explain.occlusion.slide import importance, occlude
from neocog.explain.targets import class_named
from neocog.runs import load_predictor


def paired(name: str, differences: np.ndarray) -> dict:
    """The line of a table, and the same as figures."""
    n, above = len(differences), int((differences > 0).sum())
    found = {
        "n": n,
        "median": round(float(np.median(differences)), 4),
        "positive": above,
        "wilcoxon_p": float(wilcoxon(differences, alternative="greater").pvalue),
        "sign_p": float(binomtest(above, int((differences != 0).sum()), alternative="greater").pvalue),
    }
    print(
        f"{name:<58} n {n:>3}  median {found['median']:+.4f}  above 0: {above:>3}  "
        f"Wilcoxon p {found['wilcoxon_p']:.1e}  sign p {found['sign_p']:.1e}",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("photos", type=Path, help="a folder that holds the files that the boxes name")
    parser.add_argument("--boxes", type=Path, default=Path(__file__).parents[1] / "tests/explain/object_boxes.tsv")
    parser.add_argument("--placements", type=int, default=8)
    parser.add_argument("--deletion", type=int, default=0, metavar="N", help="pictures, evenly chosen (0: all)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    predictor = load_predictor(args.run)
    model, marks = predictor.model, defaultdict(list)
    for mark in read_boxes(args.boxes):
        marks[mark.file].append(mark)
    figures: dict = {"net": predictor.net, "fill": "mean", "placements": args.placements, "pictures": len(marks)}
    right, found = [], {}
    for file, many in marks.items():
        with Image.open(args.photos / file) as opened:
            picture = opened.convert("RGB")
        target = class_named(predictor.classes, many[0].what)
        if int(predictor.scores(predictor.preprocessing.image(picture)[None])[0].argmax()) != target:
            continue
        right.append((file, picture, target))
        boxes = [mark.box for mark in many if mark.box is not None]
        if boxes and (one := object_and_rest(model, picture, boxes, target, placements=args.placements)) is not None:
            found[file] = one
    figures["right"] = len(right)
    unmarked = sum(mark[0].box is None for file, mark in marks.items() if file in {f for f, _, _ in right})
    print(f"{len(marks)} photographs with marks, {len(right)} classified rightly; {unmarked} of them have no box (a scene, or")
    print(
        f"an object that cannot be seen), {len(right) - unmarked - len(found)} an object that leaves less than a tenth of them"
    )
    small = {file: one for file, one in found.items() if one.object_share <= 0.5}
    groups = {
        "object hidden whole, or the rest if that is smaller": list(found.values()),
        "objects of at most half the picture": list(small.values()),
    }
    for name, some in groups.items():
        key = "all" if name.startswith("object hidden") else "small"
        for what in ("probability", "score"):
            differences = np.array([getattr(c.object, what) - getattr(c.rest, what) for c in some])
            figures[f"{key}_{what}"] = paired(f"{name}: {what}", differences)
    shapes = [c for c in found.values() if c.moved is not None]
    figures["moved_probability"] = paired(
        "the object's own shape elsewhere: probability",
        np.array([c.object.probability - c.moved.probability for c in shapes if c.moved]),
    )
    for what in ("object", "rest"):
        figures[f"median_{what}"] = round(float(np.median([getattr(c, what).probability for c in found.values()])), 4)
    print(f"median fall of the probability: object {figures['median_object']}, rest {figures['median_rest']}")
    chosen = right if not args.deletion else [right[i] for i in np.linspace(0, len(right) - 1, args.deletion).astype(int)]
    ours, chance = [], []
    for file, picture, target in chosen:
        curve, random = deletion(model, picture, target, importance(occlude(model, picture, target)))
        ours.append(float(below(curve)[0]))
        chance.append(float(below(random).mean()))
        print(f"  {file} {predictor.classes[target]}: {ours[-1]:.3f} against {chance[-1]:.3f}", flush=True)
    figures["deletion"] = paired("deletion: area of random orders less that of the map's", np.array(chance) - np.array(ours))
    figures["deletion"] |= {
        "median_area": round(float(np.median(ours)), 4),
        "median_chance": round(float(np.median(chance)), 4),
    }
    finish("objects", figures)


if __name__ == "__main__":
    main()
