"""The log of a run: what a kill leaves of it, and which events count."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import UserError
from neocog.runs import EventLog, RunFolder, load, load_predictor, read_events
from neocog.train import Wishes, resolve_run
from neocog.train import run as train_run
from neocog.weights import read_safetensors, write_safetensors


def steps(path, kind="step"):
    return [e["step"] for e in read_events(path) if e["event"] == kind]


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 12)), min_size=1, max_size=5))
def test_after_any_number_of_kills_each_step_counts_once(tmp_path_factory, attempts):
    """An attempt logs `far` steps, the last line perhaps cut off; the next goes on from a checkpoint before that, or anew."""
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    done = 0
    for far, cut in attempts:
        log = EventLog(path)
        log.append({"event": "resume" if path.stat().st_size else "start", "step": done})
        for step in range(done + 1, done + far + 1):
            log.append({"event": "step", "step": step})
        log.close()
        raw = path.read_bytes()
        path.write_bytes(raw[: len(raw) - min(cut, 11)])
        done = max(0, done + far - 2)
    seen = steps(path)
    assert seen == sorted(set(seen)) and all(isinstance(e, dict) for e in read_events(path))


def test_a_second_start_begins_anew(tmp_path):
    log = EventLog(tmp_path / "e")
    for event in (
        {"event": "start", "step": 0},
        {"event": "step", "step": 1},
        {"event": "step", "step": 2},
        {"event": "start", "step": 0},
        {"event": "step", "step": 1},
    ):
        log.append(event)
    log.close()
    assert steps(tmp_path / "e") == [1]


def test_lines_that_are_no_events_are_passed_over(tmp_path):
    path = tmp_path / "e"
    path.write_bytes(b'\n7\nnull\n[]\n"x"\n\xff\xfe\n{"event": "resume"}\n{"event": "step", "step": 3}\n{"event": "st')
    log = EventLog(path)
    log.append({"event": "step", "step": 4})
    log.close()
    assert steps(path) == [3, 4]
    assert list(read_events(tmp_path / "none")) == []


def test_events_are_json_that_any_parser_reads(tmp_path):
    log = EventLog(tmp_path / "e")
    log.append({"event": "step", "step": 1, "loss": float("nan"), "top1": float("inf")})
    log.close()
    line = (tmp_path / "e").read_text()
    json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, dots):
    out = tmp_path_factory.mktemp("runs") / "run"
    resolved = resolve_run(dots, "dots", Wishes("linear", side=4, steps=30, changes=(("batch", 16),)))
    folder = RunFolder(out)
    folder.begin(resolved.config)
    train_run(resolved, dots, out, lambda event: None, lambda: False, "cpu")
    return folder


def test_a_run_folder_says_what_determined_it(run, dots):
    config = run.config()
    plain = json.loads((run.path / "config.json").read_text())
    assert plain["schema"] == 1 and set(plain["versions"]) >= {"neocog", "torch", "numpy", "python"}
    assert (config.net, config.kind, config.steps, config.seed, config.classes) == ("linear", "sgd", 30, 0, dots.classes)
    assert config.data["fingerprint"] == dots.fingerprint and config.arch.input == (1, 4, 4)
    assert type(config).from_json(plain) == config
    assert run.finished and run.exists and not run.path.joinpath("state.safetensors").exists()
    with pytest.raises(UserError, match="--resume"):
        run.check_free()


def test_a_weight_file_is_enough_by_itself(run, dots, tmp_path):
    moved = tmp_path / "elsewhere.safetensors"
    moved.write_bytes((run.path / "best.safetensors").read_bytes())
    one, two = load_predictor(run.path), load_predictor(moved)
    pixels = dots.test.arrays
    assert np.array_equal(one.scores(pixels), two.scores(pixels))
    assert (two.classes, two.net, two.preprocessing) == (dots.classes, "linear", run.config().preprocessing)
    model = load(run.path)
    assert not model.training and model.classes == dots.classes and model.preprocessing == two.preprocessing
    assert one.scores(pixels).shape == (len(dots.test), 2)
    chances = one.probabilities(np.array([[1000.0, -1000.0], [0.0, 0.0]], np.float32))
    assert np.allclose(chances, [[1, 0], [0.5, 0.5]])
    assert (one.score_all(dots.test).scores.argmax(1) == dots.test.labels).mean() > 0.9


def test_scoring_leaves_the_model_as_it_was(run, dots):
    predictor = load_predictor(run.path)
    predictor.model.train()
    predictor.scores(dots.test.arrays)
    assert predictor.model.training


def test_the_same_weights_make_the_same_file(tmp_path):
    """To the byte: checksums tell people whether two runs agree. (Rust orders its hash maps anew each time.)"""
    import torch

    values, meta = {f"w{i}": torch.full((3,), float(i)) for i in range(9)}, {f"key{i}": {"i": i} for i in range(9)}
    for i in range(6):
        write_safetensors(tmp_path / f"{i}", values, meta)
    assert len({(tmp_path / f"{i}").read_bytes() for i in range(6)}) == 1
    assert read_safetensors(tmp_path / "0")[1] == meta
