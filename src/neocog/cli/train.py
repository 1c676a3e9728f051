"""Train a network on pictures, test it once, and leave a run folder.

DATA is a folder with one sub-folder of pictures for each class (with or without train/val/test above them), a folder of
idx files or of CIFAR's binary files, a folder of tar shards or of parquet files, hf:OWNER/NAME, or a name: mnist,
fashion-mnist, cifar10, cifar100, digits (comes with neocog). stream:hf:OWNER/NAME and stream:PARQUET fetch pictures as they are
needed, from sets that are larger than the disk.

With weights at hand (--weights, NEOCOG_WEIGHTS) and nothing else said, photos are learned on the fast road: a linear
classifier on what the pretrained network sees, in seconds.

examples:
  neocog train photos/                                 picks a net and says why
  neocog train fashion-mnist --net lenet5.modern --budget 120s
  neocog train photos/ --net resnet18 --epochs 20 --out runs/flowers
  neocog train photos/ --net resnet18 --recipe modern --dry-run
  neocog train photos/ --weights runs/squeezenet       the fast road
  neocog train photos/ --out runs/flowers --resume     goes on after Ctrl-C or a crash
"""

import argparse
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neocog.cli import DONE, INTERRUPTED, StopSignals
from neocog.cli.progress import Progress, TrainingDisplay
from neocog.cli.together import remember, same_pictures, started_as, take_up, told_config, world_of
from neocog.cli.train_options import add_arguments as add_arguments
from neocog.cli.train_options import asked, check_same_wishes, wishes
from neocog.cli.train_outcome import headline, report, test_once
from neocog.cli.train_trial import dry_run, find_rate
from neocog.errors import BadPicture, UserError
from neocog.nets import resolve

if TYPE_CHECKING:
    from neocog.pictures import Dataset
    from neocog.runs import Config, RunFolder
    from neocog.train import Resolved
    from neocog.train.together.world import World

    Watch = Callable[[str, int, int], None]


def run(args: argparse.Namespace) -> int:
    """Train; test; say what came out."""
    if args.net is not None:
        resolve(args.net)  # an unknown name is told before data is read
    if args.track:
        from neocog.runs.trackers import check

        check(args.track)
    if args.resume and not args.out:
        raise UserError("--resume needs the run to go on with: --out RUN")
    if args.resume and (args.dry_run or args.find_lr):
        raise UserError("--dry-run and --find-lr are for a run that has not begun: leave --resume out")
    with Progress(quiet=args.json) as progress, StopSignals() as signals:
        return _train(args, progress, signals)


def _train(args: argparse.Namespace, progress: Progress, signals: StopSignals) -> int:
    from neocog.pictures import load_data
    from neocog.runs import RunFolder
    from neocog.runs.learned import write_learned
    from neocog.train import Interrupted, reopen, resolve_run

    def watch(name: str, done: int, total: int) -> None:
        if signals.asked():
            raise Interrupted(0)
        progress.update(name, done, total)

    world = world_of(args.device, args.shard)
    args.out, args.resume = take_up(world, args.out, args.resume, progress.say)
    if world.size > 1 and (args.dry_run or args.find_lr):
        raise UserError("--dry-run and --find-lr need one process: leave launch out")
    folder = RunFolder(args.out) if args.out else None
    config = told_config(world, folder.config() if world.main else None) if folder is not None and args.resume else None
    if folder is not None and config is None and world.main:
        folder.check_free()
    try:
        seed = config.data["split_seed"] if config else args.seed or 0
        data = load_data(args.data, seed=seed, on_progress=lambda done, total: watch("fetching", done, total or done))
        world.same(f"the data ({args.data})", data.fingerprint)
        if config is not None and folder is not None:
            failed = _go_on(args, config, folder, data, progress, watch, signals, world)
        else:
            if world.main:
                resolved = resolve_run(data, args.data, replace(wishes(args), alone=world.size == 1), watch)
                resolved = replace(resolved, config=replace(resolved.config, asked=asked(args)))
                if args.dry_run or args.find_lr:
                    return (dry_run if args.dry_run else find_rate)(args, resolved, progress, watch)
                folder = folder or RunFolder(free_name(data.name, resolved.config.net))
                folder.begin(resolved.config)
                remember(folder)
                write_learned(folder.path, data.train, data.val)
                for line in (*resolved.reasons, headline(resolved.config, folder)):
                    progress.say(f"· {line}")
                told_config(world, resolved.config)
            else:
                resolved = reopen(told_config(world), data, watch, args.workers or 0)
            folder = RunFolder(world.say(str(folder.path) if folder else None))
            failed = _fit(args, folder, data, resolved, progress, signals, world)
        steps = folder.config().steps if world.main else 0

        def testing(done: int, total: int) -> None:
            if world.size == 1 and signals.asked():  # of several, one that stopped would leave the others waiting
                raise Interrupted(steps)
            progress.update("testing", done, total)

        judgement = test_once(folder, data, testing, world, args.device)
    except Interrupted as stop:
        progress.clear()
        if folder is not None and world.main and folder.exists:
            progress.say(f"stopped at step {stop.step:,}; nothing is lost. Go on with:")
            progress.say(f"  neocog {started_as()}train {args.data} --out {folder.path} --resume")
        else:
            progress.say("stopped before training began")
        return INTERRUPTED if signals.signal == signal.SIGINT else DONE  # of several processes, some may not have been told
    progress.clear()
    if not world.main:
        return DONE
    return report(args, folder, data, judgement, [*data.skipped, *failed, *(judgement.failed if judgement else ())])


def _fit(
    args: argparse.Namespace,
    folder: "RunFolder",
    data: "Dataset",
    resolved: "Resolved",
    progress: Progress,
    signals: StopSignals,
    world: "World",
) -> tuple[BadPicture, ...]:
    """Train to the end; the pictures that could not be read."""
    from neocog.runs.trackers import Trackers, trackers
    from neocog.train import run as train_run

    config = resolved.config
    same_pictures(world, resolved.stores)
    display = TrainingDisplay(progress, config.net, config.steps, config.steps_per_epoch)
    with Trackers(trackers(args.track, folder.path, config) if world.main else [], progress.say) as track:

        def show(event: dict) -> None:
            display(event)
            track(event)

        return train_run(resolved, data, folder.path, show, signals.asked, args.device, world).failed


def _go_on(
    args: argparse.Namespace,
    config: "Config",
    folder: "RunFolder",
    data: "Dataset",
    progress: Progress,
    watch: "Watch",
    signals: StopSignals,
    world: "World",
) -> tuple[BadPicture, ...]:
    """Resume a run, which may be finished already."""
    from neocog.runs import read_events
    from neocog.runs.config import EVENTS
    from neocog.runs.learned import LEARNED, write_learned
    from neocog.train import check_same_data, reopen

    check_same_wishes(asked(args), config, folder)
    check_same_data(config, data, args.data, folder)
    finished = world.say(folder.finished if world.main else None)
    progress.say(
        f"· {folder.path}: {config.net} on {config.data['name']}, {config.length}" + (", finished" if finished else "")
    )
    if world.main and not (folder.path / LEARNED).exists():  # stopped before it was written
        write_learned(folder.path, data.train, data.val)
    if not finished:
        return _fit(args, folder, data, reopen(config, data, watch, args.workers or 0), progress, signals, world)
    trained = [event for event in read_events(folder.path / EVENTS) if event.get("event") == "trained"]
    return tuple(BadPicture(f["file"], f["error"]) for event in trained[-1:] for f in event.get("failed", ()))


def free_name(data: str, net: str) -> Path:
    """runs/DATA-NET, or with the first number that is free."""
    stem = re.sub(r"[^\w.-]+", "-", f"{data}-{net}")[:80].strip("-")  # the name of a net may be a line of text
    names = (Path("runs") / (stem + (f"-{i}" if i > 1 else "")) for i in range(1, 10**6))
    return next(path for path in names if not path.exists())
