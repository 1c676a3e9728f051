"""A training step of ours beside a plain fp32 loop over torchvision's network: images/s, the same batch, in strict turns.

    python bench/step.py [--nets alexnet.owt,vgg16] [--rounds 7] [--threads 2]

Each engine has a process of its own, which does one step when it is told to and sleeps otherwise. Ours: `neocog.train`'s own
trainer, as `neocog train` sets it up (channels last, freed memory kept, bf16 where the processor has it). The peer:
torchvision's network as it comes, NCHW, torch.optim.SGD, the allocator as it comes. A bound that was set on a processor with
bf16 is told beside the ratio, and left undecided where there is none. Needs torchvision, whose missing operators are defined
first.
"""

import argparse
import os
import subprocess
import sys
import time

from common import finish, in_turns, machine, paired_ratio

BOUNDS = {"alexnet.owt": (32, 1.6), "vgg16": (8, 2.3), "squeezenet1_1": (32, 2.6), "resnet50.v1_5": (16, 2.7),
          "googlenet.tv": (32, 3.0), "mobilenet_v2": (32, 3.3)}  # fmt: skip
PEERS = {"alexnet.owt": "alexnet", "resnet50.v1_5": "resnet50", "googlenet.tv": "googlenet"}
CLASSES, RATE = 1000, 0.01


def ours(net: str, batch: int, threads: int):
    """One step of ours, as a function."""
    import torch

    from neocog.nets import Recipe
    from neocog.nn import create_model
    from neocog.train import machine as here
    from neocog.train.batches import Batch
    from neocog.train.trainer import Trainer

    torch.set_num_threads(threads)
    here.keep_freed_memory()
    half = here.bf16_helps(torch.device("cpu"))
    model = create_model(net).to(memory_format=torch.channels_last)
    trainer = Trainer(model, Recipe(lr=RATE, schedule="constant", warmup=0.0), 10**6, 0, "bf16" if half else "fp32")
    x = torch.randn(batch, *model.arch.input).contiguous(memory_format=torch.channels_last)
    data = Batch(x, torch.arange(batch) * 7 % CLASSES, batch)
    count = iter(range(10**6))
    return lambda: float(trainer.step(next(count), data)[0])


def peer(net: str, batch: int, threads: int):
    """One step of a plain loop over torchvision's network."""
    import torch

    lib = torch.library.Library("torchvision", "DEF")
    lib.define("nms(Tensor d, Tensor s, float t) -> Tensor")
    lib.define("qnms(Tensor d, Tensor s, float t) -> Tensor")
    import torchvision

    torch.set_num_threads(threads)
    name = PEERS.get(net, net)
    extra = {"aux_logits": True, "init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(name, weights=None, **extra).train()
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=5e-4)
    x, y = torch.randn(batch, 3, 224, 224), torch.arange(batch) * 7 % CLASSES
    entropy = torch.nn.functional.cross_entropy

    def step() -> float:
        out = model(x)
        loss = entropy(out, y) if torch.is_tensor(out) else entropy(out[0], y) + 0.3 * (entropy(out[1], y) + entropy(out[2], y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def work(engine: str, net: str, batch: int, threads: int) -> None:
    """Serve: a line in, one step, its seconds out."""
    step = {"ours": ours, "peer": peer}[engine](net, batch, threads)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


class Engine:
    """A process that steps when asked."""

    def __init__(self, engine: str, net: str, batch: int, threads: int):
        command = [sys.executable, __file__, "--work", engine, "--nets", net, "--batch", str(batch), "--threads", str(threads)]
        spin = {"GOMP_SPINCOUNT": "20000"} if engine == "ours" else {}  # as the command `neocog` sets it
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **spin}
        )
        assert self._line() == "ready", f"{engine} of {net} did not start"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def seconds(self) -> float:
        """Of one step."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def compare(net: str, batch: int, rounds: int, threads: int) -> dict[str, object]:
    """Steps in turns; the ratio of images/s, pair by pair."""
    engines = [Engine(engine, net, batch, threads) for engine in ("peer", "ours")]
    try:
        theirs, mine = in_turns([engine.seconds for engine in engines], rounds)
    finally:
        for engine in engines:
            engine.close()
    middle = [sorted(times)[len(times) // 2] for times in (theirs, mine)]
    return {**paired_ratio(theirs, mine), "batch": batch, "images_per_s": round(batch / middle[1], 2),
            "peer_images_per_s": round(batch / middle[0], 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default=",".join(BOUNDS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--work", choices=("ours", "peer"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        work(args.work, args.nets, args.batch, args.threads)
        return
    half = bool({"avx512_bf16", "amx_bf16"} & set(machine()["features"]))
    figures = {}
    print(f"{'net':<16}{'batch':>6}{'ours':>9}{'peer':>9}  ratio (95 % interval)      bound with bf16")
    for net in args.nets.split(","):
        batch, bound = BOUNDS[net]
        batch = args.batch or batch
        f = figures[net] = compare(net, batch, args.rounds, args.threads)
        holds = ("holds" if f["low"] >= 0.97 * bound else "does not hold") if half else "undecided: no bf16 here"
        interval = f"{f['ratio']:.2f} ({f['low']:.2f} to {f['high']:.2f})"
        speeds = f"{batch:>6}{f['images_per_s']:>9.1f}{f['peer_images_per_s']:>9.1f}"
        print(f"{net:<16}{speeds}  {interval:<25}{bound:g} {holds}", flush=True)
    finish("step", figures)


if __name__ == "__main__":
    main()
