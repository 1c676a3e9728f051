"""The engine of gradient descent: what it keeps between steps, pieces of batches, checkpointing, starts that learn nothing."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neocog.errors import UserError
from neocog.nn import Model, create_model
from neocog.pictures.arrays import array_dataset
from neocog.pictures.embedded import digits
from neocog.pictures.sets import Dataset
from neocog.runs import RunFolder, read_events
from neocog.train import Interrupted, Wishes, reopen, resolve_run, stuck
from neocog.train import run as train_run
from neocog.train.batches import Ahead, Batch, Batches
from neocog.train.memory import _control_group, fit_pieces, fixed_bytes, out_of_memory, picture_bytes
from neocog.train.starts.unit_variance import unit_variance
from neocog.train.trainer import Trainer
from neocog.train.trial import rate_range, speed
from neocog.weights import read_safetensors
from tests.train.test_runs import weights


@pytest.fixture(scope="module")
def few() -> Dataset:
    """334 digits to train on, 100 to test on."""
    images, labels = digits()
    at, test = np.arange(0, 5000, 15), np.arange(7, 5000, 50)
    return array_dataset("few", [str(i) for i in range(10)], (images[at], labels[at]), (images[test], labels[test]), flip=False,
                         val_fraction=0.1)  # fmt: skip


def batch(n: int, shape: tuple[int, ...], classes: int = 10, seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    return Batch(torch.randn(n, *shape, generator=g), torch.randint(0, classes, (n,), generator=g), n)


def begin(data: Dataset, out: Path, wishes: Wishes, stop=lambda: False):
    resolved = resolve_run(data, data.name, wishes)
    RunFolder(out).begin(resolved.config)
    return train_run(resolved, data, out, lambda event: None, stop, "cpu")


KEPT = {
    "caffe-sgd": (("optimizer", "caffe-sgd"), ("bias_lr", 2.0), ("filter_rms", 0.1)),
    "nesterov, mean": (("nesterov", True), ("ema", 0.9), ("clip", 0.5)),
    "rmsprop": (("optimizer", "rmsprop"), ("lr", 0.001), ("momentum", 0.5)),
    "tf-rmsprop": (("optimizer", "tf-rmsprop"), ("lr", 0.01), ("eps", 1.0), ("decay", "weights")),
    "adamw": (("optimizer", "adamw"), ("lr", 0.001), ("rho", 0.99), ("augment", ("shift",))),
    "whitened, muon": (("start", "whiten"), ("optimizer", "muon"), ("augment", ("flip-alternating", "shift"))),
    "plateau": (("schedule", "plateau"), ("patience", 1), ("lr", 0.3), ("gamma", 0.5)),
}


@pytest.mark.parametrize("changes", KEPT.values(), ids=KEPT)
@pytest.mark.parametrize("at", [3, 20])
def test_every_optimiser_goes_on_to_the_last_bit(few, tmp_path, changes, at):
    """Stopped within an epoch or behind the first validation; 19 steps an epoch, batch normalisation and dropout."""
    wishes = Wishes("resnet8.cifar", side=8, steps=42, changes=(("batch", 16), *changes))
    begin(few, tmp_path / "whole", wishes)
    asked = iter(range(100))
    with pytest.raises(Interrupted):
        begin(few, tmp_path / "run", wishes, stop=lambda: next(asked) == at)
    folder = RunFolder(tmp_path / "run")
    train_run(reopen(folder, few), few, folder.path, lambda event: None, lambda: False, "cpu")
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    logs = [read_events(path / "events.jsonl") for path in (folder.path, tmp_path / "whole")]
    rates = [[e["lr"] for e in log if e["event"] == "step"] for log in logs]
    assert rates[0] == rates[1] and (changes != KEPT["plateau"] or len(set(rates[0])) > 1)


def test_the_mean_of_the_weights_is_what_is_judged_and_kept(few, tmp_path):
    wishes = Wishes("linear", steps=30, changes=(("batch", 16), ("ema", 0.9)))
    fitted = begin(few, tmp_path / "mean", wishes)
    begin(few, tmp_path / "plain", replace(wishes, changes=(("batch", 16),)))
    mean, plain = (read_safetensors(tmp_path / name / "last.safetensors")[0]["fc.weight"] for name in ("mean", "plain"))
    assert not torch.equal(mean, plain) and torch.equal(fitted.predictor.model.state_dict()["fc.weight"], mean)
    # a training of its own, the mean written out
    resolved = resolve_run(few, "few", replace(wishes, changes=(("batch", 16),)))
    config = resolved.config
    model = Model(config.arch, torch.Generator().manual_seed(config.seed))
    batches = Batches(resolved.stores["train"], config.recipe, config.seed, torch.device("cpu"))
    trainer, average = Trainer(model, config.recipe, 30, config.seed), model.state_dict()["fc.weight"].clone()
    for step in range(30):
        trainer.step(step, batches.get(step))
        decay = min(0.9, (1 + step) / (10 + step))  # TensorFlow's, so that the start does not linger
        average = decay * average + (1 - decay) * model.state_dict()["fc.weight"]
    assert torch.allclose(mean, average, atol=1e-6)


def test_a_batch_in_pieces_is_the_batch():
    """Without batch normalisation the gradient is the same, whatever the sizes of the pieces."""
    ends = []
    for pieces in (1, 3, 5):
        model = create_model("lenet5.modern", generator=torch.Generator().manual_seed(0))
        from neocog.nets import Recipe

        trainer = Trainer(model, Recipe(lr=0.1, schedule="constant", warmup=0.0), 3, 0, pieces=pieces)
        told = [trainer.step(step, batch(11, model.arch.input, seed=step)) for step in range(3)]
        ends.append((model.state_dict(), told))
    for state, told in ends[1:]:
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ends[0][0].values(), state.values(), strict=True))
        assert all(torch.allclose(a, c, atol=1e-5) and b == d for (a, b), (c, d) in zip(ends[0][1], told, strict=True))


def test_out_of_memory_halves_the_pieces_and_goes_on():
    from neocog.nets import Recipe

    model = create_model("lenet5.modern")
    trainer, seen = Trainer(model, Recipe(lr=0.1), 3, 0), []
    whole = trainer._loss

    def poor(x, y):
        seen.append(len(x))
        if len(x) > 3:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried …")
        return whole(x, y)

    trainer._loss = poor  # type: ignore[method-assign]
    trainer.step(0, batch(11, model.arch.input))
    assert seen == [11, 6, 3, 3, 3, 2] and trainer.pieces == 4
    trainer._loss = lambda x, y: (_ for _ in ()).throw(RuntimeError("shapes differ"))  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes"):
        trainer.step(1, batch(11, model.arch.input))
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory")) and not out_of_memory(ValueError("no"))


@pytest.mark.parametrize("name", ["resnet20.cifar", "googlenet", "highway19.cifar", "lenet5"])
def test_checkpointing_changes_no_number(name):
    """Running statistics too, which computing a stretch again must not move; auxiliary heads and dropout among them."""
    from neocog.nets import resolve

    size = 96 if name == "googlenet" else None
    ends = []
    for checkpointed in (False, True):
        try:
            model = create_model(name, generator=torch.Generator().manual_seed(0), **({"img_size": size} if size else {}))
        except UserError:
            pytest.skip(f"{name} is not here")
        if checkpointed:
            model.set_grad_checkpointing()
            assert len(model._stretches) > 1
        trainer = Trainer(model, replace(resolve(name).card.quick, lr=1e-3), 2, 0)
        told = [float(trainer.step(step, batch(4, model.arch.input, model.num_classes, step))[0]) for step in range(2)]
        ends.append((told, model.state_dict()))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-6)
    for key, value in ends[0][1].items():
        assert torch.allclose(value, ends[1][1][key], rtol=1e-4, atol=1e-6), key


def test_pieces_are_as_many_as_memory_asks_for():
    arch = create_model("vgg11", num_classes=10).arch
    one, fixed = picture_bytes(arch), fixed_bytes(arch, "sgd")
    assert fit_pieces(arch, 64, "sgd", False, 10 * (fixed + 64 * one)) == 1
    tight = fit_pieces(arch, 64, "sgd", False, int((fixed + 16.5 * one) / 0.7))
    assert tight == 4
    assert fit_pieces(arch, 64, "sgd", False, 1) == 64 and fixed_bytes(arch, "adamw", True) > fixed


def test_a_containers_page_cache_is_memory_that_is_free(tmp_path):
    assert _control_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    assert _control_group(tmp_path) == 100
    (tmp_path / "memory.stat").write_text("anon 250\nfile 650\ninactive_file 600\nactive_file 50\n")
    assert _control_group(tmp_path) == 700


def test_pieces_are_no_more_than_pictures_and_none_too_small_to_normalise(few):
    wishes = Wishes("resnet8.cifar", side=8, steps=1, changes=(("batch", 16),))
    assert resolve_run(few, "few", replace(wishes, pieces=99)).config.engine["pieces"] == 16
    with pytest.raises(UserError, match="fewer --pieces"):
        resolve_run(few, "few", replace(wishes, side=4, pieces=9))
    with pytest.raises(UserError, match="--mend, --snapshots: for gradient descent"):
        resolve_run(few, "few", Wishes("perceptron", mend=True, snapshots=2))


def test_what_is_made_ahead_is_what_was_asked_for(few):
    resolved = resolve_run(few, "few", Wishes("linear", changes=(("batch", 32), ("augment", ("shift",)))))
    batches = Batches(resolved.stores["train"], resolved.config.recipe, 0, torch.device("cpu"))
    with Ahead(batches, 12) as ahead:
        for step in range(3, 12):
            assert torch.equal(ahead.get(step).x, batches.get(step).x)
        assert not ahead._waiting


def test_a_start_that_fades_is_recognised_explained_and_mended(few, tmp_path):
    """A plain net of tanh units whose weights are far too small: the loss stays at ln 10 until the start is mended."""
    net = "INPUT 1x28x28 -> [CONV 4 3x3 -> SIGMOID]*6 -> FC 10"
    wishes = Wishes(net, steps=240, changes=(("batch", 16), ("lr", 0.05)))
    said: list[dict] = []
    try:
        resolved = resolve_run(few, "few", wishes)
    except UserError as error:
        pytest.fail(str(error))
    RunFolder(tmp_path / "run").begin(resolved.config)
    train_run(resolved, few, tmp_path / "run", said.append, lambda: False, "cpu")
    told = [e for e in said if e["event"] == "stuck"]
    assert len(told) == 1 and told[0]["step"] == 120 and told[0]["loss"] == pytest.approx(np.log(10), abs=0.1)
    assert "fades" in told[0]["why"] and "unit-variance" in told[0]["advice"]
    mended = resolve_run(few, "few", replace(wishes, mend=True))
    RunFolder(tmp_path / "mended").begin(mended.config)
    fitted = train_run(mended, few, tmp_path / "mended", lambda event: None, lambda: False, "cpu")
    config = RunFolder(tmp_path / "mended").config()
    assert config.recipe.start == "unit-variance" and len(config.mended) >= 1
    assert fitted.best_top1 is not None and fitted.best_top1 > 20


def test_a_sound_start_is_left_in_peace(few, tmp_path):
    said: list[dict] = []
    resolved = resolve_run(few, "few", Wishes("lenet5.modern", steps=120, changes=(("batch", 16),)))
    RunFolder(tmp_path / "run").begin(resolved.config)
    train_run(resolved, few, tmp_path / "run", said.append, lambda: False, "cpu")
    assert not [e for e in said if e["event"] == "stuck"]
    assert stuck.guessing(np.repeat(np.arange(10), 5), 10) == pytest.approx(np.log(10))
    assert stuck.guessing(np.array([0, 0, 0, 1]), 2) == pytest.approx(0.5623, abs=1e-4)
    assert stuck.when(80) is None and stuck.when(120) == 60 and stuck.when(10**6) == stuck.LOOK


def test_unit_variance_is_what_it_says():
    model = create_model("vgg11", num_classes=10, img_size=32, generator=torch.Generator().manual_seed(0))
    x = torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    figures: list[tuple[float, float, float]] = []

    def look(module, args, out):
        deviation, mean = torch.std_mean(out.detach(), [axis for axis in range(out.dim()) if axis != 1])
        figures.append((deviation.min().item(), deviation.max().item(), mean.abs().max().item()))

    assert unit_variance(model, x) == 10  # all but the classifier
    layers = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    hooks = [m.register_forward_hook(look) for m in layers]
    model.eval()(x)
    for hook in hooks:
        hook.remove()
    assert all(low > 0.99 and high < 1.01 and off < 1e-3 for low, high, off in figures[:-1])


def test_snapshots_are_kept_evenly(few, tmp_path):
    begin(few, tmp_path / "run", Wishes("linear", steps=30, snapshots=3, changes=(("batch", 16),)))
    kept = sorted(p.name for p in (tmp_path / "run" / "snapshots").iterdir())
    assert kept == [f"step-{n:07}.safetensors" for n in (10, 20, 30)]
    last = weights(tmp_path / "run")
    again = read_safetensors(tmp_path / "run" / "snapshots" / kept[-1])[0]
    assert {k: v.numpy().tobytes() for k, v in again.items()} == last


def test_the_rate_range_finds_a_rate_that_learns(few):
    resolved = resolve_run(few, "few", Wishes("lenet5.modern", changes=(("batch", 16),)))
    found = rate_range(resolved.config, resolved.stores, 60)
    assert list(found.rates) == sorted(found.rates) and found.rates[0] == pytest.approx(1e-5)
    assert 1e-3 < found.suggested < 1 and found.losses[0] == pytest.approx(np.log(10), rel=0.2)
    assert min(found.losses) < found.losses[0]


def test_rates_are_tried_from_the_weights_that_the_run_begins_from(few, tmp_path):
    changes = (("batch", 16), ("augment", ()), ("lr", 0.01))
    begin(few, tmp_path / "learned", Wishes("linear", steps=60, changes=changes))
    resolved = resolve_run(few, "few", Wishes("linear", weights=str(tmp_path / "learned"), steps=9, changes=changes))
    config = replace(resolved.config, recipe=replace(resolved.config.recipe, label_smoothing=0.0))
    known, fresh = (rate_range(config, resolved.stores, 10, start=start).losses[0] for start in (resolved.start, None))
    assert fresh > 2 and known < 0.6 * fresh


def test_what_is_estimated_once_a_pass_counts_in_a_budget(few, monkeypatch):
    resolved = resolve_run(few, "few", Wishes("linear", steps=1, changes=(("batch", 128), ("optimizer", "lm"))))

    def slowly(self, model, loss, x, y) -> None:
        time.sleep(0.4)
        for param in model.parameters():
            self.state[param]["h"] = torch.ones_like(param)

    monkeypatch.setattr("neocog.train.optim.levenberg.DiagonalLM.estimate", slowly)
    assert resolved.config.steps_per_epoch == 2 and speed(resolved.config, resolved.stores, 0.1).step > 0.2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_steps_are_the_same_steps(few, tmp_path):
    """Within rounding; and a run that was begun compiled goes on compiled, to the last bit."""
    wishes = Wishes("lenet5.modern", steps=6, changes=(("batch", 16), ("augment", ("shift",))))
    begin(few, tmp_path / "plain", wishes)
    begin(few, tmp_path / "compiled", replace(wishes, compile=True))
    plain, compiled = (read_safetensors(tmp_path / name / "last.safetensors")[0] for name in ("plain", "compiled"))
    assert all(torch.allclose(plain[key], compiled[key], atol=1e-5) for key in plain)
    asked = iter(range(100))
    with pytest.raises(Interrupted):
        begin(few, tmp_path / "run", replace(wishes, compile=True), stop=lambda: next(asked) == 3)
    folder = RunFolder(tmp_path / "run")
    assert folder.config().engine["compile"]
    train_run(reopen(folder, few), few, folder.path, lambda event: None, lambda: False, "cpu")
    assert weights(tmp_path / "run") == weights(tmp_path / "compiled")
