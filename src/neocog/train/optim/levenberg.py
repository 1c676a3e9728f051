"""The stochastic diagonal Levenberg-Marquardt method that LeNet-5 learns by (LeCun et al. 1998, section III and appendix C).

Each weight has a rate of its own, η/(μ + h), h being an estimate of the loss's second derivative with respect to it. It is
propagated back like a gradient, with weights and slopes squared (Gauss-Newton: curvature of activations is left out, so that
h ≥ 0; of the Hessian between units of a layer only the diagonal is kept), and summed over all connections that share a weight.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.nn import functional as F
from torch.optim import Optimizer

from neocog.errors import UserError
from neocog.nn import Model, layers, local
from neocog.train.optim.losses import Loss

PATTERNS = 500  # pictures of an estimate (appendix C)
CHUNK = 100  # of them at a time

BILINEAR = (nn.Conv2d, layers.TableConv2d, nn.Linear, local.LocallyConnected2d)  # in their input and their weights
ROUTES = (nn.Flatten, nn.ReLU, nn.Identity, nn.Dropout, layers.MaxPool2d, layers.Add, layers.Cat, layers.PadChannels,
          layers.Slice, local.PlaceBias, local.ConstantPad2d)  # fmt: skip
CURVES = (nn.Tanh, nn.Sigmoid, layers.ScaledTanh, layers.Scale)


class DiagonalLM(Optimizer):
    """w ← w − η/(μ + h)·g. `estimate` makes h before each pass over the data; it is kept as the state "h"."""

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, mu: float = 0.02, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "mu": mu, "weight_decay": weight_decay})

    def due(self, step: int, per_epoch: int) -> bool:
        """Whether the estimate is to be made anew before this step: at the start of each pass."""
        return step % max(1, per_epoch) == 0

    def estimate(self, model: Model, loss: Loss, x: Tensor, y: Tensor) -> None:
        """h from these pictures and labels; the paper takes 500 (`PATTERNS`)."""
        found = curvature(model, loss, x, y)
        for name, param in model.named_parameters():
            if param.requires_grad:
                self.state[param]["h"] = found[name]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update."""
        assert closure is None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                gradient = p.grad.add(p, alpha=group["weight_decay"]) if group["weight_decay"] else p.grad
                p.addcdiv_(gradient, self.state[p]["h"] + group["mu"], value=-group["lr"])


def curvature(model: Model, loss: Loss, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The estimate h of each parameter that learns, by name; the mean over the N pictures of x, in eval mode.

    Raises UserError for a network with layers through which no second derivatives are known here.
    """
    training = model.training
    model.eval()
    total = {name: torch.zeros_like(p) for name, p in model.named_parameters() if p.requires_grad}
    try:
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            for name, h in _once(model, loss, x[part], y[part], list(total)).items():
                total[name].add_(h, alpha=len(x[part]) / len(x))
    finally:
        model.train(training)
    return total


def _once(model: Model, loss: Loss, x: Tensor, y: Tensor, names: list[str]) -> dict[str, Tensor]:
    """Squared distances to codes belong to the loss: it is their input whose second derivatives start the way back."""
    values, steps, modules = {"input": x}, list(model._steps), dict(model.named_modules())
    end = next((i for i, step in enumerate(steps) if isinstance(modules[step.output], layers.RBF)), len(steps))
    cut = steps[end].inputs[0] if end < len(steps) else model._output
    learners = {name.rpartition(".")[0] for name in names}
    behind = [step.output for step in steps[end:] if step.output in learners]
    if behind:
        raise UserError(f"optimizer lm: {behind[0]} of {model.arch.name} is part of the loss; only fixed codes may be")
    with torch.enable_grad():
        for step in steps[:end]:
            values[step.output] = _forward(step.output, modules[step.output], *[values[name] for name in step.inputs])
        last, z = values[cut], values[cut].detach().requires_grad_()
        values[cut] = z
        for step in steps[end:]:
            values[step.output] = modules[step.output](*[values[name] for name in step.inputs])
        start = diagonal(loss(values[model._output], y), z)
    params = dict(model.named_parameters())
    found = torch.autograd.grad(last, [params[name] for name in names], start, allow_unused=True)
    return {name: torch.zeros_like(params[name]) if h is None else h for name, h in zip(names, found, strict=True)}


def diagonal(value: Tensor, z: Tensor) -> Tensor:
    """∂²value/∂z², for z of N×F… whose rows do not meet in `value`; at least 0."""
    (first,) = torch.autograd.grad(value, z, create_graph=True)
    if not first.requires_grad:  # a loss of straight lines
        return torch.zeros_like(z)
    flat = first.flatten(1)
    columns = [torch.autograd.grad(flat[:, j].sum(), z, retain_graph=True)[0].flatten(1)[:, j] for j in range(flat.shape[1])]
    return torch.stack(columns, 1).view_as(z).clamp_min(0)


def _forward(path: str, module: nn.Module, *xs: Tensor) -> Tensor:
    """The module's output; on the way back through it, second derivatives are what is carried."""
    if isinstance(module, layers.Subsampling):
        total = F.avg_pool2d(layers.pad(xs[0], module.pads), module.kernel, module.stride, divisor_override=1)
        return _call(_Squared, _times_plus, total, module.weight, module.bias)
    if isinstance(module, BILINEAR):
        named = dict(module.named_parameters())

        def linear(x: Tensor, *params: Tensor) -> Tensor:
            return functional_call(module, dict(zip(named, params, strict=True)), (x,))

        return _call(_Squared, linear, *xs, *named.values())
    if isinstance(module, CURVES):
        return _call(_Curve, module, *xs)
    if isinstance(module, ROUTES):
        return module(*xs)
    raise UserError(f"optimizer lm: no second derivatives are known through {path} ({type(module).__name__}); take another")


def _call(kind: type[torch.autograd.Function], function: Callable[..., Tensor], *xs: Tensor) -> Tensor:
    out = kind.apply(function, *xs)
    assert isinstance(out, Tensor)
    return out


def _times_plus(total: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return total * weight[:, None, None] + bias[:, None, None]


class _Squared(torch.autograd.Function):
    """y = f(x, w), linear in each; back goes h through f's own backward pass at x² and w²: h_x = Σ w²·h_y, h_w = Σ x²·h_y."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], *xs: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(*xs)
        return function(*xs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        with torch.enable_grad():
            squares = [x.detach().square().requires_grad_() for x in ctx.saved_tensors]
            return None, *torch.autograd.grad(ctx.function(*squares), squares, outer[0])


class _Curve(torch.autograd.Function):
    """y = f(a) for each unit by itself; back goes h_a = f'(a)²·h_y."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], a: Tensor) -> Tensor:
        ctx.function = function
        ctx.save_for_backward(a)
        return function(a)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[None, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        with torch.enable_grad():
            a = ctx.saved_tensors[0].detach().requires_grad_()
            y = ctx.function(a)
            (slope,) = torch.autograd.grad(y, a, torch.ones_like(y))
        return None, outer[0] * slope.square()
