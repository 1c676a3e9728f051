"""Weights' gradients by matrix products against the library's: whole training steps in turns, and layer by layer.

    python bench/weight_gradient.py [--nets vgg16,resnet50.v1_5] [--rounds 7] [--threads 2] [--layers]

The step is `neocog train`'s own (bench/step.py), with `neocog.nn.weight_gradient` and without; the ratio is of wall time.
--layers: of every kind of convolution that takes it, thousand million operations a second of the forward pass, of the library's
gradient and of ours (medians of CPU time, so of all threads together).
"""

import argparse
import time
from collections.abc import Callable

import torch
from common import finish, in_turns, paired_ratio
from step import BOUNDS, ours

from neocog.nn import create_model, layers, weight_gradient
from neocog.train import machine


def steps(net: str, rounds: int, threads: int) -> dict[str, float]:
    """How much faster a training step is."""
    step = ours(net, BOUNDS[net][0], threads)

    def timed(helps: bool) -> Callable[[], float]:
        def once() -> float:
            weight_gradient.HELPS = helps
            start = time.perf_counter()
            step()
            return time.perf_counter() - start

        return once

    return paired_ratio(*in_turns([timed(False), timed(True)], rounds))


def each(net: str, rounds: int) -> None:
    """A line for each kind of convolution."""
    batch, seen = BOUNDS[net][0], {}

    def note(layer: layers.Conv2d, x: tuple[torch.Tensor], y: torch.Tensor) -> None:
        seen.setdefault((x[0].shape, repr(layer)), (layer, x[0].shape, y.shape))

    model = create_model(net).train()
    for layer in model.modules():
        if isinstance(layer, layers.Conv2d):
            layer.register_forward_hook(note)
    model(torch.randn(batch, *model.arch.input))
    weight_gradient.HELPS = True
    for layer, given, made in seen.values():
        x, above = (torch.randn(shape).contiguous(memory_format=torch.channels_last) for shape in (given, made))
        with weight_gradient.quick():
            if not weight_gradient.gains(layer, x):
                continue
        w = layer.weight.detach().contiguous(memory_format=torch.channels_last)
        way = (layer.stride, layer.padding)

        def forward(x=x, w=w, way=way) -> object:
            return torch.conv2d(x, w, None, *way)

        def theirs(above=above, x=x, w=w, way=way) -> object:
            return torch.ops.aten.convolution_backward(above, x, w, None, *way, (1, 1), False, (0, 0), 1, (False, True, False))

        def mine(above=above, x=x, w=w, way=way) -> object:
            return weight_gradient.weight_gradient(above, x, w.shape[2:], *way)

        work = 2 * above.numel() * w[0].numel() / 1e9
        found = in_turns([cpu_seconds(f) for f in (forward, theirs, mine)], rounds)
        speeds = "".join(f"{work / sorted(one)[rounds // 2]:9.0f}" for one in found)
        print(
            f"  {'×'.join(map(str, given)):<17} → {layer.out_channels:>4}  {'×'.join(map(str, layer.kernel_size))}{speeds}",
            flush=True,
        )


def cpu_seconds(what: Callable[[], object]) -> Callable[[], float]:
    """What it takes, over all threads."""

    def once() -> float:
        start = time.process_time()
        what()
        return time.process_time() - start

    return once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default=",".join(BOUNDS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layers", action="store_true")
    args = parser.parse_args()
    machine.keep_freed_memory()
    torch.set_num_threads(args.threads)
    figures = {}
    for net in args.nets.split(","):
        f = figures[net] = steps(net, args.rounds, args.threads)
        print(f"{net:<16}a step is {f['ratio']:.2f} ({f['low']:.2f} to {f['high']:.2f}) times as fast, n {f['n']}", flush=True)
        if args.layers:
            print(f"  {'maps':<30}{'forward':>9}{'library':>9}{'ours':>9}")
            each(net, args.rounds)
    finish("weight_gradient", figures)


if __name__ == "__main__":
    main()
