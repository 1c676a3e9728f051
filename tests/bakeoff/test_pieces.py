"""The rule of adapting, the choice of networks, the front, the recommendation and the chart, each by itself."""

import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.arch.drawing.measure import width
from neocog.bakeoff import menu, pool
from neocog.bakeoff.adapt import PASSES, adapt, choose_side
from neocog.bakeoff.bake import Where
from neocog.bakeoff.measure import interval, train_seconds
from neocog.bakeoff.pareto import draw, log_ticks, ticks
from neocog.bakeoff.plan import Entry, Length, Plan, run_folder
from neocog.bakeoff.prepare import steps_in
from neocog.bakeoff.rank import mark_front, standings
from neocog.bakeoff.recommend import recommend
from neocog.cli import bakeoff_show
from neocog.cli.progress import Progress
from neocog.evaluate.predictions import Predictions, log_softmax
from neocog.nets import resolve
from neocog.train.trial import Speed

SMALL, PHOTO = (28, 28, 1), (375, 500, 3)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "name, size, net, native, smallest",
    [
        ("resnet20.cifar", SMALL, "resnet20.cifar", None, None),  # for small pictures: as they are
        ("lenet5", SMALL, "lenet5", None, None),
        ("nin", SMALL, "nin.cifar10", None, None),  # the family has one for small pictures
        ("nin", PHOTO, "nin", None, 67),
        ("resnet18", SMALL, "resnet18", 224, 64),  # enlarged to its own size, or to as much as the budget allows
        ("resnet18", PHOTO, "resnet18", None, 64),
        ("xception", SMALL, "xception", 299, 75),  # in steps of its stride
        ("inception_v3", SMALL, "inception_v3", 299, None),  # its auxiliary head fits no smaller map
        ("alexnet", SMALL, "alexnet", None, None),  # full connections: one size only
    ],
)
def test_the_rule(name: str, size: tuple[int, int, int], net: str, native: int | None, smallest: int | None):
    found = adapt(name, size, 10)
    assert (found.net.name, found.native) == (net, native)
    assert (min(found.smaller) if found.smaller else None) == smallest
    assert bool(found.instead) == (net != name)


def test_the_side_is_the_largest_that_the_budget_allows():
    adapted = adapt("resnet18", SMALL, 10)
    for budget in (1.0, 10.0, 100.0, 1000.0, 10_000.0):
        side = choose_side(adapted, budget, 1000, lambda side: 1e-6 * side**2)
        assert side is not None
        taken = PASSES * 1000 * 1e-6 * side**2
        assert taken <= budget or side == min(adapted.smaller)
        larger = [s for s in (224, *adapted.smaller) if s > side]
        assert all(PASSES * 1000 * 1e-6 * s**2 > budget for s in larger)
    assert choose_side(adapted, None, 1000, lambda side: pytest.fail("nothing is to be measured")) == 224


@given(st.floats(1, 1e4), st.floats(1e-5, 10), st.floats(0, 20), st.integers(1, 500))
def test_steps_fill_the_budget(seconds: float, step: float, judging: float, per_epoch: int):
    steps = steps_in(seconds, Speed(step, judging), per_epoch)
    took = steps * step + min(steps / per_epoch, 40) * judging
    assert took <= seconds or steps == 1
    assert steps == 1 or took >= 0.9 * seconds - step or took + step + judging >= 0.9 * seconds


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9))
def test_the_front_by_brute_force(points: list[tuple[int, int]]):
    rows: list[dict[str, Any]] = [{"top1_error": e, "latency_ms": {"median": t}} for e, t in points]
    mark_front(rows)
    for row, (e, t) in zip(rows, points, strict=True):
        beaten = [other for other in points if other[0] <= e and other[1] <= t and other != (e, t)]
        assert row["pareto"] == (not beaten)


def test_names_of_folders_do_not_leave_the_bakeoff_or_meet():
    names = ["lenet5", "INPUT 1x28x28 -> FC 10", "INPUT 1x28x28 -> FC  10", "../../etc", "a/b", "a-b"]
    paths = [run_folder("x", name, seed) for name in names for seed in (0, 1)]
    assert len(set(paths)) == 12 and all(path.parent == Path("x/runs") for path in paths)


def test_the_menu_names_networks_that_exist():
    for size in (SMALL, (32, 32, 3), PHOTO):
        for pictures in (100, 50_000):
            for budget in (20.0, 600.0):
                nets, reasons = menu.choose(size, pictures, budget)
                assert 4 <= len(nets) <= 6 and len(reasons) == len(nets)
                for net in nets:
                    resolve(net)
                assert "baseline" in reasons[0]


def test_train_seconds_leave_out_the_time_between_a_kill_and_going_on(tmp_path: Path):
    (tmp_path / "events.jsonl").write_text(
        '{"time": 10, "event": "start"}\n{"time": 14.5, "event": "step"}\n{"ti\n'
        '{"time": 1000, "event": "resume"}\n{"time": 1003, "event": "trained"}\n{"time": 2000, "event": "test"}\n'
    )
    assert train_seconds(tmp_path) == 7.5


def test_the_median_and_its_interval():
    found = interval([float(v) for v in range(41, 0, -1)])
    assert (found["median"], found["n"]) == (21, 41) and found["low"] < 16 and found["high"] > 26


def plan_of(nets: tuple[str, ...], seeds: int) -> Plan:
    entries = tuple(Entry(net, net, "sgd", 10, 1.0, macs=i) for i, net in enumerate(nets))
    data = {"spec": "x", "name": "x", "fingerprint": "f", "split_seed": 0, "n_train": 9, "n_val": 0, "n_test": 9}
    return Plan(data, ("a", "b"), "1crop", Length(steps=10), tuple(range(seeds)), 1, "cpu", nets, entries)


def ranked(errors: dict[str, float], times: dict[str, float], seeds: int = 2, n: int = 4000) -> dict[str, Any]:
    """A result over made-up answers: each network wrong on its share of the pictures, at random."""
    rng, plan = np.random.default_rng(0), plan_of(tuple(errors), seeds)
    labels = rng.integers(0, 2, n)
    tests = {}
    for net, error in errors.items():
        made = []
        for _ in range(seeds):
            wrong = rng.random(n) < error
            scores = np.zeros((n, 2), np.float32)
            scores[np.arange(n), np.where(wrong, 1 - labels, labels)] = 1
            made.append(Predictions(log_softmax(scores), labels, [str(i) for i in range(n)], plan.classes, "1crop", net))
        tests[net] = made
    ranking, pairs = standings(plan, tests)
    for row in ranking:
        row["latency_ms"] = {"median": times[row["net"]], "low": times[row["net"]], "high": times[row["net"]], "n": 9}
    mark_front(ranking)
    found = {"ranking": ranking, "pairs": pairs, "majority_error": 50.0, "seeds": list(range(seeds)), "data": plan.data,
             "protocol": "1crop", "length": "10 steps", "machine": {"cpu": "x"}}  # fmt: skip
    return {**found, "recommendation": recommend(found)}


@pytest.mark.parametrize(
    "errors, times, first, words, words_zh",
    [
        ({"a": 0.05, "b": 0.15, "c": 0.3}, {"a": 1, "b": 2, "c": 3}, "a", ["beyond chance", "the fastest"], ["非偶然", "最快"]),
        ({"a": 0.05, "b": 0.15}, {"a": 9, "b": 1}, "a", ["Where time counts", "b answers in 1.00 ms"], ["更看重速度"]),
        ({"a": 0.10, "b": 0.103}, {"a": 1, "b": 2}, "", ["cannot be told", "not settled"], ["无法确认", "尚无定论"]),
        ({"a": 0.5, "b": 0.5}, {"a": 1, "b": 2}, "", ["Take none"], ["不建议"]),
        ({"a": 0.1}, {"a": 1}, "a", ["the only network"], ["只训练了"]),
    ],
)
def test_the_recommendation(errors: Any, times: Any, first: str, words: list[str], words_zh: list[str]):
    found = ranked(errors, times)
    said = found["recommendation"]
    assert len(re.findall(r"[.)] (?=[A-Z])", said["en"])) == 1 and said["en"].endswith(".")
    assert said["zh"].count("。") == 2
    assert all(word in said["en"] for word in words), said["en"]
    assert all(word in said["zh"] for word in words_zh), said["zh"]
    if first:
        assert said["en"].startswith(f"Take {first}:") and found["ranking"][0]["net"] == first


def test_one_that_is_as_good_and_much_faster_is_taken():
    rng, n = np.random.default_rng(1), 4000
    found = ranked({"slow": 0.1, "fast": 0.1}, {"slow": 10, "fast": 1}, n=n)
    best, other = found["ranking"]
    best["net"], other["net"] = "slow", "fast"  # whichever chance put first
    best["latency_ms"]["median"], other["latency_ms"]["median"] = 10, 1
    other["vs_best"]["ci95"] = [-0.3, 0.4]
    for pair in found["pairs"]:
        pair["a"], pair["b"] = "slow", "fast"
    said = recommend(found)["en"]
    assert said.startswith("Take fast:") and "10.0 times as fast" in said and "0.40 points" in said, (said, rng)


def test_equal_errors_are_ranked_by_work_and_are_ties():
    found = ranked({"heavy": 0.0, "light": 0.0}, {"heavy": 2, "light": 1}, n=50)
    assert [row["net"] for row in found["ranking"]] == ["heavy", "light"]  # plan_of: fewer MACs first
    assert all(row["tied_with_best"] for row in found["ranking"]) and found["ranking"][1]["vs_best"]["p_holm"] == 1


def test_a_network_judged_on_other_pictures_is_refused():
    from neocog.errors import UserError

    plan, labels = plan_of(("a", "b"), 1), np.zeros(5, np.int64)
    rows = np.zeros((5, 2), np.float32)
    one = Predictions(rows, labels, list("vwxyz"), ("a", "b"), "1crop", "a")
    with pytest.raises(UserError, match="different pictures"):
        standings(plan, {"a": [one], "b": [replace(one, names=list("vwxy1"))]})


def chart(points: dict[str, tuple[float, float]]) -> str:
    rows = [
        {"net": net, "top1_error": e, "ci95": [max(0, e - 0.5), e + 0.5], "n": 100,
         "latency_ms": {"median": t, "low": t * 0.98, "high": t * 1.02, "n": 9}}
        for net, (e, t) in points.items()
    ]  # fmt: skip
    mark_front(rows)
    found = {
        "ranking": rows,
        "data": {"name": "<x>"},
        "protocol": "1crop",
        "length": "2 s",
        "seeds": [0],
        "machine": {"cpu": "c"},
    }
    return draw(found)


def test_labels_of_the_chart_do_not_meet():
    """Seven networks, some of them close together: no name lies on another, or on a point."""
    points = {"hog-svm": (10.1, 2.1), "linear": (15.4, 0.21), "lenet5.modern": (9.4, 0.62), "air.grey": (7.8, 1.3),
              "resnet8.quick": (7.42, 2.2), "resnet20.cifar": (7.1, 5.4), "mobilenet_v2.w050": (7.9, 6.1)}  # fmt: skip
    tree = ElementTree.fromstring(chart(points))
    boxes = []
    for node in tree.iter(f"{SVG}text"):
        if (words := node.text) in points:
            left, base, size = float(node.attrib["x"]), float(node.attrib["y"]), float(node.attrib["font-size"])
            boxes.append((left, base - 0.7 * size, left + width(words, size), base + 0.2 * size))
    assert len(boxes) == len(points)
    dots = [(float(d.attrib["cx"]), float(d.attrib["cy"])) for d in tree.iter(f"{SVG}circle")]
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
    assert not [(box, dot) for box in boxes for dot in dots if box[0] < dot[0] < box[2] and box[1] < dot[1] < box[3]]


@given(st.lists(st.tuples(st.floats(1, 60), st.floats(0.05, 500)), min_size=1, max_size=8))
def test_the_chart_names_every_network(points: list[tuple[float, float]]):
    svg = chart({f"net<{i}>&": point for i, point in enumerate(points)})
    tree = ElementTree.fromstring(svg)
    texts = ["".join(node.itertext()) for node in tree.iter(f"{SVG}text")]
    assert {f"net<{i}>&" for i in range(len(points))} <= set(texts)
    assert "prefers-color-scheme: dark" in svg and "NaN" not in svg and "nan" not in svg.split("</style>")[1]


def test_a_worker_that_says_much_or_is_stopped_by_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """More than a pipe holds on stderr does not hold it up; whoever was told to stop by others is told as such."""
    talks = 'import sys; sys.stderr.write(\'x\' * 300_000); print(\'{"net": "a", "seed": 0, "error": null}\')'
    stops = "import sys; sys.exit(130)"
    killed = "import os; os.kill(os.getpid(), 9)"
    fails = "import sys; sys.exit('why it failed')"
    scripts, found = {"a": talks, "b": stops, "c": killed, "d": fails}, []
    real = subprocess.Popen

    def start(command: list[str], **kwargs: Any) -> Any:
        return real([sys.executable, "-c", scripts[command[-2]]], **kwargs)

    monkeypatch.setattr(pool.subprocess, "Popen", start)
    monkeypatch.setattr(pool, "POLL", 0.01)
    pool.in_processes(tmp_path, [(net, 0) for net in scripts], 4, 1, lambda *_: None, found.append, lambda: False)
    said = {outcome.net: outcome.error for outcome in found}
    assert (
        said["a"] is None and "told to stop" in said["b"] and "signal 9; memory" in said["c"] and "why it failed" in said["d"]
    )


def test_the_words_count_right():
    assert Length(steps=1).words == "1 step a training" and Length(epochs=1).words.startswith("1 pass through")
    found = ranked({"a": 0.3, "b": 0.3, "c": 0.4}, {"a": 1, "b": 2, "c": 3})
    for row in found["ranking"]:
        row |= {"memory_mb": 9.0, "memory_before_mb": 8.0, "size_mb": 1.0, "train_seconds": 1.0}
        if row["vs_best"]:
            row["vs_best"] |= {"difference": 0.0, "ci95": [-0.001, 0.001]}
    found |= {"failed": [], "left_out": []}
    said = "\n".join(bakeoff_show.table(found))
    assert "+0.00 (0.00 to 0.00)" in said and "-0.00" not in said and "−0.00" not in said
    assert "two trainings say little" in said and "two trainings" not in "\n".join(
        bakeoff_show.table({**found, "seeds": [0, 1, 2]})
    )
    assert "\N{NO-BREAK SPACE}%" in found["recommendation"]["zh"] and " %" not in found["recommendation"]["zh"]


def test_how_long_a_solved_one_takes_is_estimated():
    few, none = (plan_of(("a", "b"), 2) for _ in range(2))
    few = replace(few, entries=(replace(few.entries[0], seconds=30.0), replace(few.entries[1], kind="svm", seconds=20.0)))
    assert "2 networks × 2 seeds: about 1:50 ·" in bakeoff_show.plan_lines(few, Path("x"), Where())[-1]
    assert bakeoff_show.Board(Progress(quiet=True), none, Path("x"))._left() == "0 of 4 trainings done"
    lines = bakeoff_show.plan_lines(
        replace(few, entries=(few.entries[0], replace(none.entries[1], kind="perceptron"))), Path("x"), Where()
    )
    assert lines[-1].split(" · ")[0].endswith("about 1:10 without b") and "without a budget" in lines[-3]


def test_ticks_are_round():
    assert ticks(6.9, 16.2) == [8, 10, 12, 14, 16] and ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert log_ticks(0.15, 12) == [0.2, 0.5, 1, 2, 5, 10]
