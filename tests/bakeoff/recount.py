"""An independent recount of a bake-off from the files that it left: plain numpy, none of the product's statistics.

python -m tests.bakeoff.recount BAKEOFF
"""

import json
import sys
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np


def wrong(test: Path) -> np.ndarray:
    """bool [N]: which pictures of an evaluation folder are wrong; a tie with another class is wrong."""
    about = json.loads((test / "evaluation.json").read_text())
    labels = np.array([int(line.split("\t")[0]) for line in (test / "pictures.tsv").read_text("utf-8").split("\n")[:-1]])
    scores = np.fromfile(test / "scores.f32", "<f4").reshape(-1, len(about["classes"]))
    assert len(scores) == len(labels) == about["n"]
    own = scores[np.arange(len(labels)), labels]
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -np.inf
    return own <= others.max(1)


def recount(folder: Path) -> dict[str, Any]:
    """{net: error in percent over its seeds}, the order, and the exact McNemar p-values where there is one seed."""
    found = json.loads((folder / "result.json").read_text("utf-8"))
    tables: dict[str, np.ndarray] = {}
    for run in sorted((folder / "runs").iterdir()):
        net = json.loads((run / "config.json").read_text("utf-8"))["net"]
        if (run / "test").is_dir() and net in {row["net"] for row in found["ranking"]}:
            tables[net] = np.vstack([*([tables[net]] if net in tables else []), wrong(run / "test")])
    errors = {net: 100 * float(table.mean()) for net, table in tables.items()}
    ps = {}
    for a, b in combinations(tables, 2):
        one, two = int((tables[a][0] & ~tables[b][0]).sum()), int((tables[b][0] & ~tables[a][0]).sum())
        tail = sum(comb(one + two, k) for k in range(min(one, two) + 1)) / 2 ** (one + two)
        ps[frozenset((a, b))] = min(1.0, 2 * tail)
    return {"errors": errors, "p": ps, "seeds": {net: len(table) for net, table in tables.items()}}


def check(folder: Path) -> str:
    """Compare with result.json; AssertionError where they differ."""
    found, mine = json.loads((folder / "result.json").read_text("utf-8")), recount(folder)
    rows = found["ranking"]
    assert {row["net"] for row in rows} == set(mine["errors"]) and rows
    for row in rows:
        assert mine["seeds"][row["net"]] == row["seeds"] == len(found["seeds"])
        assert abs(mine["errors"][row["net"]] - row["top1_error"]) < 1e-3, row["net"]
        assert row["ci95"][0] <= row["top1_error"] <= row["ci95"][1]
    errors = [mine["errors"][row["net"]] for row in rows]
    assert errors == sorted(errors), "not ranked by error"
    for pair in found["pairs"]:
        assert abs(pair["difference"] - (mine["errors"][pair["a"]] - mine["errors"][pair["b"]])) < 1e-3
        if len(found["seeds"]) == 1:
            assert abs(pair["p"] - mine["p"][frozenset((pair["a"], pair["b"]))]) < 1e-9
    return f"{len(rows)} networks, {len(found['pairs'])} pairs: the ranking and all differences are confirmed"


if __name__ == "__main__":
    print(check(Path(sys.argv[1])))
