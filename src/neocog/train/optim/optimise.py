"""Optimisers by name, and what is done to gradients and weights beside them."""

# torch's own optimisers stand on its _foreach_ functions
# pyright: reportPrivateImportUsage=false

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nn import Model
from neocog.nn.layers import LayerNorm2d
from neocog.train.optim.levenberg import DiagonalLM
from neocog.train.optim.muon import Muon

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, LayerNorm2d)
FUSED_FROM = 2**15  # numbers in a tensor, on average: torch's fused step starts its threads anew for each tensor


def make_optimizer(recipe: Recipe, model: Model) -> Optimizer:
    """The recipe's optimiser of the parameters that learn; of each group, `scale` is the multiple of the schedule's rate."""
    groups = parameter_groups(recipe, model)
    if not groups:
        raise UserError(f"{model.arch.name}: no weight of it learns; freeze fewer layers")
    fast = _fast([p for group in groups for p in group["params"]])
    if recipe.optimizer == "caffe-sgd":
        return CaffeSGD(groups, recipe.lr, recipe.momentum)
    if recipe.optimizer == "rmsprop":  # torch has no fused one
        return torch.optim.RMSprop(groups, recipe.lr, recipe.rho, recipe.eps, momentum=recipe.momentum, foreach=True)
    if recipe.optimizer == "tf-rmsprop":
        return TensorFlowRMSprop(groups, recipe.lr, recipe.rho, recipe.eps, recipe.momentum)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, recipe.lr, (recipe.momentum, recipe.rho), recipe.eps, **fast)
    if recipe.optimizer == "lm":
        return DiagonalLM(groups, recipe.lr, mu=recipe.eps)
    if recipe.optimizer == "muon":
        return Muon(groups, recipe.lr, recipe.momentum, recipe.rho)
    return torch.optim.SGD(groups, recipe.lr, recipe.momentum, nesterov=recipe.nesterov and recipe.momentum > 0, **fast)


def parameter_groups(recipe: Recipe, model: Model) -> list[dict[str, Any]]:
    """The parameters that learn, by the multiple of the rate and by decay, in the order of the model; frozen ones left out.

    A bias is what is called so, that of a normalisation too. "weights" are of two axes or more, which leaves out
    normalisations and factors for each map.
    """
    head = model.arch.head.path + "." if model.arch.head else None
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for path, module in model.named_modules():
        for name, param in module.named_parameters(recurse=False):
            if not param.requires_grad:
                continue
            bias = name == "bias"
            scale = (recipe.bias_lr if bias else 1.0) * (recipe.head_lr if f"{path}." == head else 1.0)
            decays = recipe.decay == "all" or not (bias or isinstance(module, NORMS) or param.ndim < 2)
            if recipe.decay == "not-depthwise" and _depthwise(module):
                decays = False
            groups.setdefault((scale, recipe.weight_decay if decays else 0.0), []).append(param)
    return [{"params": p, "scale": s, "lr": recipe.lr * s, "weight_decay": d} for (s, d), p in groups.items()]


def _depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1


def _fast(params: list[nn.Parameter]) -> dict[str, bool]:
    """One kernel a tensor for large tensors, else one for all: the same bits with any number of threads (measured)."""
    large = sum(p.numel() for p in params) >= FUSED_FROM * len(params)
    fused = all(p.is_floating_point() and (p.is_cuda or (large and p.device.type == "cpu")) for p in params)
    return {"fused": True} if fused else {"foreach": True}


class _Stepping(Optimizer):
    """An optimiser whose update of one group is `_update(group, params, gradients)`."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of all parameters that have gradients."""
        assert closure is None
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._update(group, params, [p.grad for p in params])

    def _update(self, group: dict[str, Any], params: list[Tensor], gradients: list[Tensor]) -> None:
        raise NotImplementedError

    def _kept(self, name: str, params: list[Tensor], start: float = 0.0) -> list[Tensor]:
        """What is remembered of each parameter, at first `start` everywhere."""
        for p in params:
            if name not in self.state[p]:
                self.state[p][name] = torch.full_like(p, start)
        return [self.state[p][name] for p in params]


class CaffeSGD(_Stepping):
    """v ← m·v + ε·(g + λ·w), w ← w − v: the rate inside the velocity (Krizhevsky et al. 2012, section 5; Caffe).

    torch's has it outside: the same as long as the rate stays, another for some 1/(1−m) steps after it falls, for Caffe's old
    velocity still carries the old rate.
    """

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def _update(self, group: dict[str, Any], params: list[Tensor], gradients: list[Tensor]) -> None:
        velocity = self._kept("velocity", params)
        torch._foreach_mul_(velocity, group["momentum"])
        torch._foreach_add_(velocity, gradients, alpha=group["lr"])
        if group["weight_decay"]:
            torch._foreach_add_(velocity, params, alpha=group["lr"] * group["weight_decay"])
        torch._foreach_sub_(params, velocity)


class TensorFlowRMSprop(_Stepping):
    """s ← ρ·s + (1−ρ)·g², v ← m·v + ε·g/√(s + eps), w ← w − v, with s = 1 at the start: TensorFlow 1's.

    torch's adds eps behind the root, starts from s = 0 and multiplies by the rate last. With the papers' eps of 1 the two
    places are far apart. Decay is added to the gradient, as the l2 losses of TF-slim do.
    """

    def __init__(self, params: Iterable[dict[str, Any]], lr: float, rho: float = 0.9, eps: float = 1e-10, momentum: float = 0.0,
                 weight_decay: float = 0.0):  # fmt: skip
        super().__init__(params, {"lr": lr, "rho": rho, "eps": eps, "momentum": momentum, "weight_decay": weight_decay})

    def _update(self, group: dict[str, Any], params: list[Tensor], gradients: list[Tensor]) -> None:
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, params, alpha=group["weight_decay"]))
        square = self._kept("square", params, 1.0)
        torch._foreach_mul_(square, group["rho"])
        torch._foreach_addcmul_(square, gradients, gradients, 1 - group["rho"])
        root = list(torch._foreach_add(square, group["eps"]))
        torch._foreach_sqrt_(root)
        if not group["momentum"]:
            torch._foreach_addcdiv_(params, gradients, root, -group["lr"])
            return
        velocity = self._kept("velocity", params)
        torch._foreach_mul_(velocity, group["momentum"])
        torch._foreach_addcdiv_(velocity, gradients, root, group["lr"])
        torch._foreach_sub_(params, velocity)


def clip(params: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients so that their norm together is at most `limit`; the norm it was."""
    return nn.utils.clip_grad_norm_(params, limit)


@torch.no_grad()
def limit_filters(model: Model, limit: float) -> None:
    """Scale back to `limit` the filters whose root mean square exceeds it (Zeiler & Fergus 2014, section 3.1)."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
            rms = module.weight.square().mean((1, 2, 3), keepdim=True).sqrt()
            module.weight.mul_((limit / rms).clamp(max=1.0))
