"""The deconvnet beside the ways in which it is often computed: how far each is off, in one run.

    python bench/deconvnet.py [RUN …] [--nets zfnet.he,alexnet.he] [--pictures FOLDER] [--units 12] [--threads 1]

Of each network, `--units` units: of the deepest map layer the map that answers most to a picture, at its strongest place. What
is right is the loop that the tests write out (tests/explain/oracle.py), in float64. The figures are medians over the units of
the cosine with it and of the relative error, |found − right| / |right|. RUNs are trained networks, looked at with pictures of
a folder; --nets draws weights (He's deviations, so that answers stay of one size through depth) and noise for pictures.

Captum is measured where it is installed: on the network as it is, whose ReLUs are modules, and with the same ReLUs called as
functions. `switches shared`: how many windows' maxima are another window's too.
"""

import argparse
import copy
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import finish
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.explain import oracle

from neocog.arch import MaxPool2d, ReLU, analyse, layers
from neocog.arch.record import pair
from neocog.explain.deconvnet.rules import backward
from neocog.explain.inside import input_of, pixels_of, values_at
from neocog.explain.targets import Target, classes
from neocog.explain.winners.search import natural_layers
from neocog.nn import Model, create_model


class Unpooled(oracle.Loop):
    """Unpooled by F.max_unpool2d: of several values for one place the last one written stays, where they should add up."""

    def layer(self, path: str, record: object, x: Tensor) -> tuple[Tensor, oracle.Down]:
        y, down = super().layer(path, record, x)
        if not isinstance(record, MaxPool2d):
            return y, down
        pads, _ = oracle._fitted(record, x)
        padded = F.pad(x, pads, value=float("-inf"))
        kernel, stride = pair(record.kernel), pair(record.stride)
        _, switches = F.max_pool2d(padded, kernel, stride, return_indices=True)
        size = list(padded.shape[2:])
        return y, lambda g: F.pad(
            F.max_unpool2d(g, switches, kernel, stride, 0, size), tuple(-p for p in pads)  # type: ignore[arg-type]
        )  # fmt: skip


class NotRectified(oracle.Loop):
    """Transposed filters and switches, but no ReLU on the way down."""

    def layer(self, path: str, record: object, x: Tensor) -> tuple[Tensor, oracle.Down]:
        y, down = super().layer(path, record, x)
        return y, (lambda g: g) if isinstance(record, ReLU) else down


class Normalised(oracle.Loop):
    """The derivative of local response normalisation, where the paper leaves it out."""

    def layer(self, path: str, record: object, x: Tensor) -> tuple[Tensor, oracle.Down]:
        y, down = super().layer(path, record, x)
        if not isinstance(record, layers.LRN):
            return y, down

        def derivative(g: Tensor) -> Tensor:
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                return torch.autograd.grad(oracle._lrn(record, leaf), leaf, g)[0]

        return y, derivative


class Whole(nn.Module):
    """A whole map summed up, as DeepVis' live mode starts from."""

    def __init__(self, model: Model, path: str, channel: int):
        super().__init__()
        self.model, self.path, self.channel = model, path, channel

    def forward(self, x: Tensor) -> Tensor:
        return values_at(self.model, x, (self.path,))[self.path][:, self.channel].sum((1, 2))[:, None]


class Function(nn.Module):
    """A ReLU as a function: the module is no nn.ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


def with_functions(model: Model) -> Model:
    """A copy whose ReLUs are called as functions."""
    twin = copy.deepcopy(model)
    for module in list(twin.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, Function())
    return twin


def network(name: str, pictures: Path | None, count: int) -> tuple[Model, Tensor]:
    """The network in float64, and its pictures N×C×H×W."""
    if Path(name).exists():
        from neocog.pictures.decode import decode
        from neocog.runs import load_predictor

        model = load_predictor(name).model.double().eval()
        if pictures is None:
            raise SystemExit("a trained network is looked at with pictures: --pictures FOLDER")
        files = sorted(f for f in pictures.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png"))[:count]
        return model, input_of(model, np.stack([pixels_of(model, decode(file)) for file in files])).double()
    draw = torch.Generator().manual_seed(0)
    model = create_model(name.removesuffix(".he"), generator=draw).double().eval()
    if name.endswith(".he"):
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.data.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=draw)
                module.bias.data.zero_()  # type: ignore[union-attr]
    x = torch.randn(count, *model.arch.input, generator=draw, dtype=torch.float64)
    return model, 60 * F.avg_pool2d(x, 5, 1, 2) * 5  # smooth, of the size of pixels less their mean


def shared(loop: oracle.Loop) -> dict[str, float]:
    """Of each max pool, the share of windows whose maximum is also another's."""
    found = {}
    for node in loop.arch.nodes:
        if isinstance(node.record, MaxPool2d) and node.path in loop.arch.main:
            x = loop.values[node.inputs[0]]
            padded = F.pad(x, oracle._fitted(node.record, x)[0], value=float("-inf"))
            _, at = F.max_pool2d(padded, pair(node.record.kernel), pair(node.record.stride), return_indices=True)
            flat = at.flatten(2)[0]
            once = sum(int(row.unique().numel()) for row in flat)
            found[node.path] = round(1 - once / flat.numel(), 3)
    return found


def captum_ways(model: Model, twin: Model, path: str) -> dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]]:
    """Captum's methods for a unit of a layer, with ReLUs as modules and as functions."""
    try:
        from captum.attr import NeuronDeconvolution, NeuronGuidedBackprop
    except ImportError:
        return {}
    ways: dict[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = {}
    for words, net in (("ReLU modules", model), ("ReLU functions", twin)):
        for name, kind in (("deconvnet", NeuronDeconvolution), ("guided", NeuronGuidedBackprop)):
            way = kind(net, net.get_submodule(path))
            ways[f"Captum {name}, {words}"] = lambda x, unit, way=way: way.attribute(x, unit).detach()
    return ways


def compare(found: Tensor, right: Tensor) -> tuple[float, float]:
    """(cosine, relative error)."""
    a, b = found.flatten(), right.flatten()
    return float(a @ b / (a.norm() * b.norm()).clamp_min(1e-300)), float((a - b).norm() / b.norm())


def measure(name: str, pictures: Path | None, units: int) -> dict[str, Any]:
    """Every way on every unit, beside the loop, and the gradient's own twins beside the gradient."""
    model, x = network(name, pictures, units)
    twin = with_functions(model)
    path = [layer for layer in natural_layers(model.arch) if max(analyse(model.arch).by_path[layer].output[1:]) > 1][-1]
    captum = captum_ways(model, twin, path)
    figures: dict[str, list[tuple[float, float]]] = {}
    for i in range(len(x)):
        one = x[i : i + 1]
        loop = oracle.Loop(model, one)
        channel = int(loop.values[path][0].flatten(1).amax(1).argmax())
        place = oracle.strongest_place(loop, path, channel)
        target = Target(path, torch.tensor([channel]), torch.tensor([place]))
        value, right = loop.project(path, channel, place)
        if not right.any():
            continue
        gradient, guided = (backward(model, one, target, rule) for rule in ("gradient", "guided"))
        seen = {
            "neocog deconvnet": backward(model, one, target, "deconvnet"),
            "neocog deconvnet, ReLU functions": backward(twin, one, target, "deconvnet"),
            "max_unpool2d instead of sums": Unpooled(model, one).project(path, channel, place)[1],
            "no ReLU on the way down": NotRectified(model, one).project(path, channel, place)[1],
            "the whole map, not one unit": backward(Whole(model, path, channel), one, classes([0]), "deconvnet"),
            "plain gradient": gradient,
            "guided backprop": guided,
        }
        if any(isinstance(node.record, layers.LRN) for node in model.arch.nodes):
            seen["LRN's derivative"] = Normalised(model, one).project(path, channel, place)[1]
        ours = {"deconvnet": right, "guided": guided}
        for words, way in captum.items():
            kind = words.split(",")[0].split()[1]
            found = way(one, (channel, *place))
            seen[words] = found
            if kind == "guided":
                figures.setdefault(f"{words} | guided", []).append(compare(found, ours[kind]))
            figures.setdefault(f"{words} | gradient", []).append(compare(found, gradient))
        for words, found in seen.items():
            figures.setdefault(f"{words} | deconvnet", []).append(compare(found, right))
        figures.setdefault("scale", []).append((1.0, float(value.abs())))
    loop = oracle.Loop(model, x[:1])
    scale = [error for _, error in figures.pop("scale")]
    told = {
        words: {
            "cosine": round(statistics.median(c for c, _ in pairs), 4),
            "error": float(f"{statistics.median(e for _, e in pairs):.3g}"),
            "worst": float(f"{max(e for _, e in pairs):.3g}"),
        }
        for words, pairs in figures.items()
    }
    return {"layer": path, "n": len(scale), "switches_shared": shared(loop), "than": told}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--nets", default="zfnet.he")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--units", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    result = {}
    for name in (*args.runs, *(n for n in args.nets.split(",") if n)):
        short = Path(name).name
        result[short] = found = measure(name, args.pictures, args.units)
        print(f"{short}: units of {found['layer']}, n {found['n']}; switches shared {found['switches_shared']}")
        for against in ("deconvnet", "guided", "gradient"):
            print(f"  beside {'the loop' if against == 'deconvnet' else against}")
            for words, figure in found["than"].items():
                if words.endswith(f"| {against}"):
                    numbers = f"cosine {figure['cosine']:7.4f}   relative error {figure['error']:8.2g}"
                    print(f"    {words.split(' |')[0]:<36} {numbers}   worst {figure['worst']:8.2g}")
    finish("deconvnet", result)


if __name__ == "__main__":
    main()
