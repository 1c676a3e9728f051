"""From data and wishes to a resolved run, and through it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from neocog.arch import analyse
from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing, mean_std
from neocog.pictures.sets import Dataset, Pictures
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine, neocognitron, perceptron, road, sgd
from neocog.train.checks import check_recipe, engine_of, normalised, refuse_bad, what_the_doctor_says
from neocog.train.frozen import features, solved
from neocog.train.length import for_few, with_length
from neocog.train.session import Fitted, OnEvent
from neocog.train.starts.start import Start, start_again, write_start
from neocog.train.stores import open_stores
from neocog.train.together.world import ALONE, World
from neocog.train.wishes import Progress, Wishes

LEARNERS = {
    "sgd": sgd.fit,
    features.KIND: features.fit,
    "perceptron": perceptron.fit,
    "neocognitron": neocognitron.fit,
    neocognitron.TAUGHT: neocognitron.fit,
    solved.SVM: solved.fit,
    solved.NEIGHBOURS: solved.fit,
}
HALF_FROM = 5_000_000  # MACs a picture: smaller nets gain nothing from bfloat16


@dataclass(frozen=True)
class Resolved:
    """A run ready to start: its configuration, the pixels, and one line for each decision taken on the way."""

    config: Config
    stores: dict[str, Store]
    reasons: tuple[str, ...]
    start: Start | None = None  # the weights that it begins from, if not from chance


def resolve_run(data: Dataset, spec: str, wishes: Wishes, on_progress: Progress | None = None) -> Resolved:
    """Decide all that `wishes` leaves open. Raises UserError or ShapeError for what cannot be."""
    reasons = list(data.notes)
    way = road.choose(
        data, wishes, None if on_progress is None else lambda done, total: on_progress("fetching weights", done, total or done)
    )
    net, choice, recipe = way.net, way.choice, way.recipe
    reasons += way.reasons
    preprocessing = _measured(data.train, choice.preprocessing) if choice.measure else choice.preprocessing
    stores = open_stores(data, preprocessing, recipe.augment, on_progress, wishes.workers)
    refuse_bad(data, stores, wishes.max_bad)
    reasons += what_the_doctor_says(data)
    reasons += [note for store in stores.values() for note in store.notes]
    count = len(stores["train"].good)
    labels = data.train.labels[stores["train"].good]
    for number, name in enumerate(data.classes):
        if number not in labels:
            raise UserError(
                f"{data.name}: not one training picture of class '{name}' can be read; mend them or remove the class"
            )
    if "val" in stores and not len(stores["val"].good):  # nothing could be told better than anything else
        raise UserError(f"{data.name}: not one validation picture can be read; mend or replace them")
    if recipe.name == "quick" and "batch" not in dict(wishes.changes) and recipe.learner == "sgd":
        recipe, note = for_few(recipe, count, keep_rate="lr" in dict(wishes.changes))
        reasons += note
    check_recipe(recipe, choice.arch, min(recipe.batch, count))
    where = machine.device(wishes.device)
    precision = wishes.precision
    if precision == "auto":
        macs = analyse(choice.arch).total("macs")
        precision = "bf16" if machine.bf16_helps(where) and macs >= HALF_FROM and recipe.loss == "cross_entropy" else "fp32"
    per_epoch = max(1, count // min(recipe.batch, count))
    engine = engine_of(wishes, choice.arch, recipe, count, where)
    if engine["pieces"] > 1:
        reasons.append(
            f"batches of {min(recipe.batch, count)} in {engine['pieces']} pieces"
            + ("" if wishes.pieces else ", to fit into memory")
            + ("; batch normalisation sees each piece by itself" if normalised(choice.arch) else "")
        )
    config = Config(
        net=net.name,
        kind=recipe.learner,
        arch=choice.arch,
        preprocessing=preprocessing,
        recipe=recipe,
        classes=data.classes,
        data={
            "spec": spec,
            "name": data.name,
            "fingerprint": data.fingerprint,
            "split_seed": wishes.seed,
            "n_train": count,
            "n_val": len(data.val) if data.val else 0,
            "n_test": len(data.test) if data.test else 0,
        },
        seed=wishes.seed,
        steps=1,
        steps_per_epoch=per_epoch,
        precision=precision,
        length="",
        versions=machine.versions(),
        engine=engine,
        weights=way.start.source if way.start else "",
    )
    made = with_length(config, wishes, stores, on_progress)
    return Resolved(made, stores, (*reasons, *choice.reasons), way.start)


def _measured(pictures: Pictures, preprocessing: Preprocessing) -> Preprocessing:
    """Mean and standard deviation of up to 2,000 of the training pictures, evenly spaced; without the black of a padding."""
    sample = pictures.subset(pictures.sample(2000))
    plain = replace(preprocessing, scale=1 / 255, mean=(0.0,), std=(1.0,))
    if preprocessing.resize == "pad" and sample.arrays is not None:
        mean, std = mean_std(sample.arrays)
    else:
        pixels, _ = Store(sample, plain).get(range(len(sample)))
        if not len(pixels):
            raise UserError("none of the training pictures can be read")
        mean, std = mean_std(pixels)
    return replace(plain, mean=tuple(round(v, 4) for v in mean), std=tuple(max(round(v, 4), 1e-3) for v in std))


def check_same_data(config: Config, data: Dataset, spec: str, folder: RunFolder) -> None:
    """Raises UserError if the data is not what the run was begun with."""
    if data.fingerprint != config.data["fingerprint"]:
        raise UserError(
            f"{spec} is not the data that {folder.path} was begun with ({config.data['name']}): "
            "pictures were added, removed or changed; begin a new run"
        )


def reopen(run: RunFolder | Config, data: Dataset, on_progress: Progress | None = None, workers: int = 0) -> Resolved:
    """A run that was begun on this data, ready to go on. Raises UserError where not the same number of pictures can be read:
    the batches would be others."""
    config = run if isinstance(run, Config) else run.config()
    stores = open_stores(data, config.preprocessing, config.recipe.augment, on_progress, workers)
    now, before = len(stores["train"].good), config.data["n_train"]
    if now != before:
        raise UserError(
            f"{data.name}: {now:,} training pictures can be read, and {before:,} could when the run was begun; "
            "put that right to go on, or begin a new run"
        )
    return Resolved(config, stores, ())


def run(
    resolved: Resolved,
    data: Dataset,
    out: str | Path,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
    world: World = ALONE,
) -> Fitted:
    """Train to the end in the run folder `out`. Raises Interrupted when `stop()` turns true; the run can then be resumed."""
    world.check(resolved.config.recipe)
    if world.main and (start := resolved.start or start_again(resolved.config, RunFolder(out))) is not None:
        write_start(RunFolder(out), start)
    world.wait()
    kind, given = resolved.config.kind, (resolved.config, data, resolved.stores, RunFolder(out), on_event, stop, device)
    if kind == "sgd":
        return sgd.fit(*given, world)
    return LEARNERS[kind](*given)
