"""Which network for these pictures? Train several alike, test each once, rank them with intervals, recommend one.

Every network is adapted to the pictures by one rule, trained for the same time and on the same split, with several seeds,
and tested at its end. Errors come with 95 % intervals and every pair is compared; latency, memory and size are
measured here. DATA is as for `neocog train`. Without --nets some are chosen, and it says why.

examples:
  neocog bakeoff photos/                                         chooses networks and a budget
  neocog bakeoff fashion-mnist --nets linear,lenet5.modern,resnet8.quick --budget 2m --seeds 3
  neocog bakeoff photos/ --nets resnet18,mobilenet_v2 --budget 10m --jobs 2 --out bakeoffs/photos
  neocog bakeoff photos/ --out bakeoffs/photos --resume          goes on after Ctrl-C or a crash
  neocog bakeoff photos/ --out bakeoffs/photos --resume --nets squeezenet1_1     one more network
  neocog bakeoff photos/ --ray local                             or the address of a Ray cluster
"""

import argparse
import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, INTERRUPTED, SOME_FAILED, StopSignals
from neocog.cli.bakeoff_show import Board, plan_lines, table
from neocog.cli.progress import Progress
from neocog.cli.train_options import count, positive, seconds, whole
from neocog.errors import UserError
from neocog.evaluate.protocol import parse_protocol
from neocog.nets import resolve

if TYPE_CHECKING:
    from neocog.bakeoff.plan import Plan
    from neocog.pictures.sets import Dataset

SEEDS, PROTOCOL = 3, "1crop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("data", metavar="DATA", help="a folder or a name, as for train")
    parser.add_argument("--nets", action="append", metavar="A,B,C", help="networks' names (`neocog list`); may be repeated")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--budget", type=seconds, help="time for each training, 90s or 10m: becomes steps, once (default: 2m)")
    length.add_argument("--epochs", type=positive, help="passes over the training pictures instead")
    length.add_argument("--steps", type=count, help="updates instead")
    parser.add_argument("--seeds", type=count, metavar="N", help=f"trainings of each network (default: {SEEDS})")
    parser.add_argument("--protocol", metavar="P", help=f"how they are tested, as for evaluate (default: {PROTOCOL})")
    parser.add_argument("--out", metavar="DIR", help="the folder of the bake-off (default: bakeoffs/DATA)")
    parser.add_argument("--resume", action="store_true", help="go on with the one in --out; --nets and --seeds add to it")
    parser.add_argument("--jobs", type=count, metavar="K", help="trainings at a time, in processes that share the processor")
    parser.add_argument("--ray", metavar="ADDRESS", help="on the Ray cluster there, or `local` (pip install 'neocog[ray]')")
    parser.add_argument("--threads", type=count, metavar="T", help="of each training: results depend on it in the last bits")
    parser.add_argument("--seed", type=whole, metavar="S", help="of the split that all trainings share (default: 0)")
    parser.add_argument("--device", help="auto, cpu, cuda (default: auto)")
    parser.add_argument("--json", action="store_true", help="one object: ranking, pairs, recommendation, …")


def run(args: argparse.Namespace) -> int:
    """Plan, train, test, rank; say what came out."""
    if args.ray and args.jobs:
        raise UserError("--jobs is for this machine, --ray for a cluster, which knows its own processors: give one of them")
    if args.resume and not args.out:
        raise UserError("--resume needs the bake-off to go on with: --out DIR")
    nets = tuple(dict.fromkeys(resolve(name).name for words in args.nets or () for name in _names(words)))
    if args.nets and not nets:  # this, and what is misspelt, is told before data is read
        raise UserError("--nets names no network; leave it out for a choice, or see `neocog list`")
    if args.protocol:
        parse_protocol(args.protocol)
    with Progress(quiet=args.json) as progress, StopSignals() as signals:
        return _bake(args, nets, progress, signals)


def _bake(args: argparse.Namespace, nets: tuple[str, ...], progress: Progress, signals: StopSignals) -> int:
    from neocog.bakeoff.bake import Where, conclude, train_all
    from neocog.bakeoff.plan import is_bakeoff, merge, read_plan, write_plan
    from neocog.bakeoff.prepare import prepare
    from neocog.pictures import load_data
    from neocog.pictures.sealed import sealed
    from neocog.train import Interrupted

    folder: Path | None = None

    def watch(name: str, done: int, total: int) -> None:
        if signals.asked():
            raise Interrupted(0)
        progress.update(name, done, total)

    try:
        old = read_plan(args.out) if args.out and is_bakeoff(args.out) else None
        if args.resume and old is None:
            raise UserError(f"{args.out} holds no bake-off to go on with")
        split = args.seed if args.seed is not None else old.data["split_seed"] if old else 0
        data = load_data(args.data, seed=split, on_progress=lambda done, total: watch("fetching", done, total or done))
        data = sealed(data)
        new = _plan(args, nets, data, split, old)
        folder, old = (Path(args.out), old) if args.out else _free(data.name, new)
        with _alone(folder, old):
            if (read_plan(folder) if is_bakeoff(folder) else None) != old:
                raise UserError(f"{folder} was changed by another process just now: give the command again")
            plan = merge(old, new, folder, args.resume) if old else new
            if plan != old:
                write_plan(folder, plan)
            for line in (*data.notes, *(plan.why if old is None else ())):
                progress.say(f"· {line}")
            plan = prepare(folder, plan, data, watch)
            progress.clear()
            where = Where(args.jobs or 1, args.ray)
            for line in plan_lines(plan, folder, where):
                progress.say(line)
            if not plan.trainings:
                raise UserError(f"no network can be trained: {plan.entries[0].failed}")
            with Board(progress, plan, folder) as board:
                outcomes = train_all(folder, plan, data, where, board.event, board.done, signals.asked)
            found = conclude(folder, plan, data, outcomes, watch)
    except Interrupted:
        progress.clear()
        if folder is None:
            progress.say("stopped before anything began")
        else:
            progress.say("stopped; nothing is lost. Go on with:")
            progress.say(f"  neocog bakeoff {quote(args.data)} --out {quote(str(folder))} --resume{_elsewhere(args)}")
        return INTERRUPTED if signals.signal == signal.SIGINT else DONE
    progress.clear()
    return _tell(args, folder, found)


def _elsewhere(args: argparse.Namespace) -> str:
    return f" --jobs {args.jobs}" if args.jobs else f" --ray {args.ray}" if args.ray else ""


def _tell(args: argparse.Namespace, folder: Path, found: dict[str, Any]) -> int:
    if not found["ranking"]:
        raise UserError(f"no training came to its end: {found['failed'][0]['net']}: {found['failed'][0]['error']}")
    if args.json:
        print(json.dumps({"bakeoff": str(folder), **found}))
    else:
        print("\n".join(table(found)))
        if any(bad["seed"] is not None for bad in found["failed"]):
            print(f"\nwhat failed is tried again: neocog bakeoff {quote(args.data)} --out {quote(str(folder))} --resume")
        print(f"\n{folder}: result.json · pareto.svg · runs/   next: neocog report {folder} --out report.html")
    return SOME_FAILED if found["failed"] or found["left_out"] else DONE


def _plan(args: argparse.Namespace, nets: tuple[str, ...], data: "Dataset", split: int, old: "Plan | None") -> "Plan":
    """What the arguments ask for, what they leave open as it was, or chosen."""
    from neocog.bakeoff import menu
    from neocog.bakeoff.plan import Length, Plan
    from neocog.train import machine

    if data.test is None or not len(data.test):
        raise UserError(f"{args.data} has no test pictures, and a bake-off is judged by them: add a test/ folder")
    why: list[str] = []
    length = Length(args.budget, args.epochs, args.steps)
    if length == Length():
        length = old.length if old else Length(menu.BUDGET)
        if not old:
            why.append(f"--budget: {menu.BUDGET:g} s a training, as nothing was said; the ranking holds for that")
    if not nets:
        nets, reasons = (old.nets, ()) if old else menu.choose(data.size, len(data.train), length.budget)
        why += [f"net {reason}" for reason in reasons]
    protocol = args.protocol or (old.protocol if old else PROTOCOL)
    device = machine.device(args.device or (old.device if old else "auto"))
    threads = 1 if args.ray else max(1, (os.cpu_count() or 1) // (args.jobs or 1))
    return Plan(
        data={
            "spec": _lasting(args.data),
            "name": data.name,
            "fingerprint": data.fingerprint,
            "split_seed": split,
            "n_train": len(data.train),
            "n_val": len(data.val) if data.val else 0,
            "n_test": len(data.test),
        },
        classes=data.classes,
        protocol=protocol,
        length=length,
        seeds=tuple(range(args.seeds)) if args.seeds else old.seeds if old else tuple(range(SEEDS)),
        threads=args.threads or (old.threads if old else threads),
        device=str(device),
        nets=nets,
        why=tuple(why),
        versions=machine.versions(),
    )


def _names(words: str) -> list[str]:
    """`A,B,C`; a line of text is one network, commas and all."""
    from neocog.nets.registry import looks_like_text

    return [words] if looks_like_text(words) else [name.strip() for name in words.split(",") if name.strip()]


def _lasting(spec: str) -> str:
    """A folder by its whole path, which other processes find from wherever they are; names stay names."""
    from neocog.pictures.named import NAMED

    kind = "stream:" if spec.startswith("stream:") else ""
    place = spec.removeprefix(kind)
    return spec if spec in NAMED or place.startswith("hf:") else kind + str(Path(place).expanduser().resolve())


def _free(name: str, new: "Plan") -> tuple[Path, "Plan | None"]:
    """bakeoffs/DATA, or with the first number that is free, or that holds what is asked for now and is to be gone on with."""
    from neocog.bakeoff.plan import is_bakeoff, read_plan

    stem = re.sub(r"[^\w.-]+", "-", name)[:80].strip("-.") or "data"
    for i in range(1, 10**6):
        folder = Path("bakeoffs") / (stem + (f"-{i}" if i > 1 else ""))
        if not folder.exists():
            return folder, None
        if is_bakeoff(folder) and _same(old := read_plan(folder), new):
            return folder, old
    raise UserError("bakeoffs/ is full: choose an --out")


def _same(old: "Plan", new: "Plan") -> bool:
    asked = ("data", "classes", "protocol", "length", "seeds", "device", "nets")
    return all(getattr(old, name) == getattr(new, name) for name in asked)


@contextmanager
def _alone(folder: Path, old: "Plan | None") -> Iterator[None]:
    """The folder, made if need be, for this process alone. Raises UserError if it holds something else or is in use."""
    from filelock import FileLock, Timeout

    if old is None and folder.exists() and (not folder.is_dir() or any(f.name != ".lock" for f in folder.iterdir())):
        raise UserError(f"{folder} holds something else already: choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{folder}: another process is at work on this bake-off; wait for it, or choose another --out"
        ) from None
    try:
        yield
    finally:
        lock.release()
