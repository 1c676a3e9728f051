"""The residual unit: zero weights give the identity, and 0 in a plain one; and both asked to learn the identity."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import Architecture, Constant, Conv2d, HeNormal, Identity, ReLU, Sequential, Sum, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import AXIS, MARGIN, beside, board, boxed, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import percent, tiny
from neocog.explain.classroom.small_nets import train
from neocog.figure.parts import Series, key, lines
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nets.resnet import basic
from neocog.nn import Model

SOURCE = (
    "He, Zhang, Ren & Sun 2016, Deep residual learning, equations 1 and 2; Identity mappings in deep residual networks, "
    "equation 5 (for units without a ReLU behind the sum)."
)
MAPS, SIDE, DEPTH, UNITS, STEPS = 8, 6, 20, 2, 120
DECAYS = (0.0, 0.01)


def unit(plain: bool, batch_norm: bool = True) -> Sequential:
    """ResNet's own unit of two 3×3 convolutions; without `batch_norm` a bare one."""
    if batch_norm:
        return basic(MAPS, MAPS, 1, "A", plain)
    conv = Conv2d(MAPS, 3, padding=1, init=HeNormal(), bias_init=Constant(0.0))
    body = {"conv1": conv, "relu1": ReLU(), "conv2": conv}
    if plain:
        return Sequential(**body, relu2=ReLU())
    return Sequential(add=Sum(Sequential(**body), Identity()), relu2=ReLU())


def stack(plain: bool, count: int, batch_norm: bool) -> Architecture:
    """`count` units one after another on N×8×6×6."""
    return architecture("", (MAPS, SIDE, SIDE), Sequential(**{f"unit{i}": unit(plain, batch_norm) for i in range(count)}))


def pictures(count: int, seed: int) -> Tensor:
    """What a ReLU could have answered: N×8×6×6, never negative."""
    return torch.randn(count, MAPS, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)).relu()


def at_zero(plain: bool, seed: int) -> dict[str, float]:
    """One unit with all convolution weights 0: how far y is from x, how large y is, and |dx| for |dy| = 1, where x > 0."""
    model = Model(stack(plain, 1, True)).eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "conv" in key:
                value.zero_()
    x = pictures(4, seed).requires_grad_()
    y = model(x)
    assert isinstance(y, Tensor)
    up = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed + 1)) * (x > 0)
    (down,) = torch.autograd.grad(y, x, up)
    return {
        "from_identity": float((y - x).abs().max().detach()),
        "answer": float(y.abs().max().detach()),
        "gradient": float(down.norm() / up.norm()),
    }


def backwards(plain: bool, seed: int) -> list[float]:
    """|gradient| at the input of each of DEPTH fresh units, the last first, over that at the answer; batch statistics."""
    model = Model(stack(plain, DEPTH, True), torch.Generator().manual_seed(seed)).train()
    x = pictures(32, seed).requires_grad_()
    kept = [x]

    def keep(module: nn.Module, given: object, out: Tensor) -> None:
        kept.append(out)

    hooks = [model.get_submodule(f"unit{i}.relu2").register_forward_hook(keep) for i in range(DEPTH)]
    out = model(x)
    for hook in hooks:
        hook.remove()
    assert isinstance(out, Tensor)
    up = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed + 1))
    return [float(g.norm() / up.norm()) for g in reversed(torch.autograd.grad(out, kept, up))]


def learn_identity(
    plain: bool, decay: float, seed: int, on_step: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """UNITS bare units told to answer what they are shown: relative error of every step, and the weights' norm at the end."""
    model = Model(stack(plain, UNITS, False), torch.Generator().manual_seed(seed))
    x = pictures(256, seed)
    power = float(x.square().mean())
    losses = train(model, x, x, lambda y, t: F.mse_loss(y, t) / power, STEPS, 0.02, seed, 16, decay, on_step=on_step)
    norm = float(torch.stack([p.square().sum() for p in model.parameters()]).sum().sqrt().detach())
    return {"losses": losses, "last": sum(losses[-20:]) / 20, "norm": norm}


def show(asked: Asked) -> Lesson:
    """The two units drawn with their numbers at zero weights; gradients through twenty; the race to the identity."""
    kinds = {"plain": True, "residual": False}
    zero = {what: at_zero(plain, asked.seed) for what, plain in kinds.items()}
    flow = {what: backwards(plain, asked.seed) for what, plain in kinds.items()}
    race = {
        (what, decay): learn_identity(plain, decay, asked.seed, partial(asked.on_progress, f"{what} units, decay {decay:g}"))
        for what, plain in kinds.items()
        for decay in DECAYS
    }
    heads = (
        "unit",
        "y at zero weights",
        "|dx| / |dy| there",
        f"gradient {DEPTH} units back",
        *(f"error, decay {d:g}" for d in DECAYS),
    )
    rows = [
        (
            what,
            "x, exactly" if z["from_identity"] == 0 else "0" if z["answer"] == 0 else "neither",
            f"{z['gradient']:g}",
            f"×{flow[what][-1]:.3g}",
            *(f"{race[what, d]['last']:.4f}" for d in DECAYS),
        )
        for what, z in zero.items()
    ]
    told = (
        "Weight decay pulls towards zero weights. For a residual unit that is the identity: doing nothing costs nothing. A "
        f"plain unit has to build the identity out of its weights: after {STEPS} steps {UNITS} of them still miss "
        f"{percent(race['plain', 0.0]['last'])} of the picture's power, {percent(race['plain', DECAYS[-1]]['last'])} with "
        f"decay; {UNITS} residual ones {percent(race['residual', 0.0]['last'], 2)} and "
        f"{percent(race['residual', DECAYS[-1]]['last'], 2)}. With batch normalisation fresh gradients do not fade but grow: "
        f"×{flow['plain'][-1]:.0f} through {DEPTH} plain units, ×{flow['residual'][-1]:.0f} through {DEPTH} residual ones."
    )
    facts = {
        "at_zero": zero,
        "gradient": flow,
        "identity": {f"{w}, decay {d:g}": {"error": r["last"], "weights": r["norm"]} for (w, d), r in race.items()},
    }
    return Lesson(asked.name, _draw(zero, flow, race, heads, rows, told), (*printed(heads, rows), "", told), facts)


def _unit(sheet: Sketch, x: float, y: float, what: str, numbers: dict[str, float]) -> None:
    """x → conv, BN, ReLU, conv, BN → + → ReLU → y, with the arc of the shortcut where there is one."""
    residual, ink = what == "residual", "k0" if what == "residual" else "k1"
    caption(sheet, x, y, f"{what} unit, all weights 0", ink=ink)
    steps = ("conv 3×3", "BN, ReLU", "conv 3×3", "BN") + (("+",) if residual else ()) + ("ReLU",)
    at, middle, points = x, y + 58, []
    sheet.text(at, middle + 5, "x", NORMAL, bold=True)
    at += 18
    for one in steps:
        wide = 34 if one == "+" else 72 if one in ("BN", "ReLU") else 96
        sheet.arrow([(at, middle), (at + 24, middle)])
        at += 26
        boxed(sheet, at, middle - 15, wide, 30, one, ink="k5" if one in ("+", "ReLU") else ink)
        points.append((at, wide))
        at += wide
    sheet.arrow([(at, middle), (at + 24, middle)])
    sheet.text(at + 32, middle + 5, "y = x" if numbers["from_identity"] == 0 else "y = 0", NORMAL, bold=True)
    if residual:
        plus = points[-2][0] + points[-2][1] / 2
        sheet.arrow([(x + 28, middle), (x + 28, middle - 34), (plus, middle - 34), (plus, middle - 17)], ink, 1.8)
    sheet.text(
        x,
        middle + 38,
        f"largest |y − x| {tiny(numbers['from_identity'])}, largest |y| {tiny(numbers['answer'])}, |dx| / |dy| "
        f"{numbers['gradient']:g}",
        SMALL,
        ink="soft",
    )


def _draw(zero: dict, flow: dict, race: dict, heads: tuple, rows: list, told: str) -> Sketch:
    sheet, y = board(
        "The residual unit: doing nothing is easy",
        "y = ReLU(F(x) + x): what a unit learns is the difference from doing nothing. x ≥ 0 here, as behind any ReLU.",
    )
    _unit(sheet, MARGIN, y + 16, "plain", zero["plain"])
    _unit(sheet, MARGIN, y + 150, "residual", zero["residual"])
    y += 296
    left, right = beside(sheet, y + 52, 200)
    caption(sheet, MARGIN, y, f"Gradients back through {DEPTH} fresh units")
    caption(sheet, right.x - AXIS, y, f"{UNITS} units are to learn the identity", f"dashed: weight decay {DECAYS[-1]:g}")
    inks = {"plain": "k1", "residual": "k0"}
    chart(
        sheet,
        left,
        [Series(what, list(range(DEPTH + 1)), g, inks[what], dots=True) for what, g in flow.items()],
        "units passed on the way back",
        "|gradient|, 1 at the answer",
        logarithmic=True,
    )
    every = list(range(0, STEPS, 5))
    series = [Series(what, every, [race[what, d]["losses"][i] for i in every], inks[what], dashed=d > 0) for what, d in race]
    lines(sheet, right, series, "training steps", "error / power of the picture", logarithmic=True, legend=False)
    key(sheet, right.x, right.y - 28, list(inks.items()), across=True)
    y = table(sheet, MARGIN, y + 52 + 200 + 66, heads, rows, gap=18)
    return close(sheet, y + 6, [told], SOURCE)
