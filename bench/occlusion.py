"""An occlusion map of ours beside Captum's: the same network, picture, window, stride, baseline and threads, in strict turns.

    python bench/occlusion.py [RUN …] [--nets squeezenet1_0.caffe,resnet20.cifar] [--rounds 5] [--threads 2] [--together 1,16]

Each engine has a process of its own, which makes one map when it is told to and sleeps otherwise. Ours:
`neocog.explain.occlude`, which gives the class's probability and score, the most probable label and a map's sum at every
position. Captum: `Occlusion` on the same Module, which gives the score; with its own setting of one perturbation at a time, and
with batches (`--together`): the ratio that counts is that to the faster. Both cover with 0. Runs are trained networks; --nets
draws weights. The maps are compared first: Captum averages where windows overlap, and so ours are averaged for that.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import finish, in_turns, paired_ratio


def network(net: str):
    """The Module of a run or a name, and a picture for it, 1×C×H×W: a run's own answer is explained."""
    import torch

    from neocog.nn import create_model
    from neocog.runs import load_predictor

    if Path(net).exists():
        model = load_predictor(net).model
    else:
        model = create_model(net, generator=torch.Generator().manual_seed(0)).eval()
    x = torch.randn(1, *model.arch.input, generator=torch.Generator().manual_seed(1))
    record = model.preprocessing
    return model, x * (60 * record.scale / min(record.std) if record else 1)


def work(engine: str, net: str, size: int, stride: int, threads: int) -> None:
    """Serve: the name of a file in, one map into it, its seconds out."""
    import torch

    torch.set_num_threads(threads)
    model, x = network(net)
    with torch.no_grad():
        target = int(model(x)[0].argmax())
    if engine == "ours":
        from neocog.explain.occlusion.slide import occlude
        from neocog.train.machine import keep_freed_memory

        keep_freed_memory()  # as the command does

        def one() -> np.ndarray:
            found = occlude(model, x[0], target, size, stride)
            total, count = np.zeros(found.sides), np.zeros(found.sides)
            for i, top in enumerate(found.tops):
                for j, left in enumerate(found.lefts):
                    total[top : top + size, left : left + size] += found.clean.logit - found.logit[i, j]
                    count[top : top + size, left : left + size] += 1
            return total / count
    else:
        from captum.attr import Occlusion

        channels = x.shape[1]

        def one() -> np.ndarray:
            with torch.no_grad():
                found = Occlusion(model).attribute(x, (channels, size, size), (channels, stride, stride), 0, target,
                                                   perturbations_per_eval=int(engine))  # fmt: skip
            return found[0, 0].numpy()

    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        found = one()
        print(time.perf_counter() - start, flush=True)
        if line.strip() != "-":
            np.save(line.strip(), found)


class Engine:
    """A process that makes a map when asked."""

    def __init__(self, engine: str, net: str, size: int, stride: int, threads: int):
        command = [sys.executable, __file__, "--work", engine, "--nets", net, "--size", str(size), "--stride", str(stride)]
        self.process = subprocess.Popen(
            [*command, "--threads", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "ready", f"{engine} of {net} did not start"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self, file: str = "-") -> float:
        """Of one map."""
        assert self.process.stdin is not None
        self.process.stdin.write(file + "\n")
        self.process.stdin.flush()
        return float(self._line())

    def map(self) -> np.ndarray:
        """One map; not timed, but warm afterwards."""
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/map.npy"
            self.seconds(file)
            for _ in range(1000):  # written after its seconds were told
                time.sleep(0.01)
                try:
                    return np.load(file)
                except (OSError, ValueError, EOFError):
                    continue
        raise AssertionError("no map came")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def compare(net: str, size: int | None, stride: int | None, together: list[str], rounds: int, threads: int) -> dict:
    """Maps in turns; the ratio of seconds, pair by pair."""
    from neocog.explain.occlusion.slide import corners, usual_window

    model, x = network(net)
    height, width = x.shape[2:]
    usual = usual_window(height, width)
    size, stride = size or usual[0], stride or usual[1]
    positions = len(corners(height, size, stride)) * len(corners(width, size, stride))
    name, engines = model.arch.name or net, [Engine(e, net, size, stride, threads) for e in (*together, "ours")]
    try:
        maps = [engine.map() for engine in engines]
        off = max(float(np.abs(one - maps[-1]).max()) for one in maps[:-1]) / float(np.abs(maps[-1]).max())
        *theirs, mine = in_turns([engine.seconds for engine in engines], rounds)
    finally:
        for engine in engines:
            engine.close()
    ratios = {f"vs_{e}": paired_ratio(times, mine) for e, times in zip(together, theirs, strict=True)}
    best = min(ratios.values(), key=lambda one: one["ratio"])
    found = {
        **best, "size": size, "stride": stride, "positions": positions, "seconds": round(float(np.median(mine)), 3),
        "captum_seconds": [round(float(np.median(times)), 3) for times in theirs], "largest_difference": off, **ratios,
    }  # fmt: skip
    told = "  ".join(f"{s:.2f}" for s in found["captum_seconds"])
    grid = f"{width}×{height}, {size}/{stride}, {positions} positions"
    print(
        f"{name[:24]:<24} {grid}: ours {found['seconds']:.2f} s, Captum {told} s; "
        f"{best['ratio']:.2f} ({best['low']:.2f} to {best['high']:.2f}), n {rounds}; maps differ by {off:.1g} of the largest",
        flush=True,
    )
    return {name: found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--nets", default="")
    parser.add_argument("--size", type=int)
    parser.add_argument("--stride", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--together", default="1,16", help="Captum's perturbations at a time")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.nets, args.size, args.stride, args.threads)
        return
    figures = {}
    for net in [*args.runs, *(net for net in args.nets.split(",") if net)]:
        figures |= compare(net, args.size, args.stride, args.together.split(","), args.rounds, args.threads)
    finish("occlusion", figures)


if __name__ == "__main__":
    main()
