"""From a unit back to the pixels: the gradient, and the rules that change what it does at a ReLU.

The rules work on autograd's graph, so it does not matter how a ReLU was written: module, function, in place, used twice,
clamp(min=0). `deconvnet` is Zeiler & Fergus 2014, section 2.1: at a ReLU what comes down is rectified, whatever the ReLU let
through on the way up; local response normalisation is left out on the way down; gates (SE's and highway's sigmoid) are held as
constants. `guided` (Springenberg et al. 2015, section 3.4) rectifies what comes down and lets through only what the ReLU let
through; all else is the gradient's. Both take for granted what autograd does for the other layers: a max pool's gradient puts a
value back where the maximum was (switches), and adds up where windows overlap; those of convolutions, full connections,
average pools, sums, concatenations and batch normalisation (eval) are their transposes. The pixels are not rectified.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from neocog.arch import HOG, SIFT, Architecture
from neocog.errors import UserError
from neocog.explain.deconvnet.kinds import GATE, NORM, RECTIFY, Step, graph_of, lacking, steps_of
from neocog.explain.inside import undisturbed
from neocog.explain.targets import Target, value_of
from neocog.nn import Model
from neocog.nn.local import LRNWithinChannel

RULES = ("gradient", "deconvnet", "guided")


def backward(model: nn.Module, x: Tensor, target: Target, rule: str = "gradient") -> Tensor:
    """What `rule` gives at the pixels for the target's unit of each picture: N×C×H×W → N×C×H×W.

    A unit starts with 1, as for a derivative; all three rules are positively homogeneous, so ZFNet's start with the unit's
    value only scales. Raises UserError where the rule is not defined for the network (`undefined`).
    """
    return explained(model, x, target, rule)[1]


def explained(model: nn.Module, x: Tensor, target: Target, rule: str = "gradient") -> tuple[Tensor, Tensor]:
    """The units' values, N, and what `backward` gives, N×C×H×W."""
    if len(x) != len(target):
        raise UserError(f"{len(x)} pictures and {len(target)} units: each picture has its own")
    if isinstance(model, Model) and (why := undefined(model, rule, target.path)) is not None:
        raise UserError(why)
    leaf = _leaf(x)
    with _watched(model) as hidden:
        target = Target(target.path, target.channels.clone(), None if target.places is None else target.places.clone())
        values = value_of(model, leaf, target)
        steps = graph_of(values.grad_fn, leaf) if values.grad_fn is not None else ()
        if not steps:
            raise UserError(f"{_name(model)}: this unit does not depend on the picture by anything that has a derivative")
        if rule != "gradient":
            _impose(rule, steps, hidden, _name(model))
        (maps,) = torch.autograd.grad(values.sum(), leaf, materialize_grads=True)
    return values.detach(), maps.detach()


def undefined(model: nn.Module | Architecture, rule: str, path: str | None = None, x: Tensor | None = None) -> str | None:
    """Why the rule means nothing for this network; None where it is defined.

    path: only for units of this layer. A network of ours is judged by its layers; another Module by the graph of its answer to
    x (N×C×H×W), and not before it is run: without x the answer is None, and `backward` may still refuse.
    """
    if rule not in RULES:
        raise UserError(f"no rule '{rule}': there are {', '.join(RULES)}")
    arch = model if isinstance(model, Architecture) else model.arch if isinstance(model, Model) else None
    if rule == "gradient":
        return None if arch is None else _no_slope(arch, path)
    if arch is not None:
        return _judged(arch, arch.name, rule, path)
    if x is None or isinstance(model, Architecture):
        return None
    leaf = _leaf(x[:1])
    with _watched(model) as hidden:
        root = value_of(model, leaf, Target(path, torch.zeros(1, dtype=torch.long))).grad_fn
        return None if root is None else _refusal(_name(model), rule, graph_of(root, leaf), hidden)


def _no_slope(arch: Architecture, path: str | None) -> str | None:
    """HOG's and SIFT's norms are square roots, which have no slope where the picture is flat: NaN, and not only there."""
    needed = arch.ancestors(path or arch.output) if path != "input" else set()
    roots = [node for node in arch.nodes if node.path in needed and isinstance(node.record, HOG | SIFT)]
    if not roots:
        return None
    words = f"{roots[0].record.describe()} at '{roots[0].path}'"
    return f"{arch.name}: no gradient goes through {words}, which has none where the picture is flat; use occlusion"


@lru_cache(maxsize=256)
def _judged(arch: Architecture, name: str, rule: str, path: str | None) -> str | None:  # equal values may differ in name
    whole = steps_of(arch)
    if path is not None and any(step.kind == RECTIFY for step in whole):
        lacks = lacking(steps_of(arch, path))  # below the first ReLU there need be none
        return _words(name, rule, [step.words for step in lacks]) if lacks else None
    return _refusal(name, rule, whole)


def _refusal(name: str, rule: str, steps: Sequence[Step], hidden: Sequence[str] = ()) -> str | None:
    lacks = [*hidden, *(step.words for step in lacking(steps))]
    if lacks:
        return _words(name, rule, lacks)
    if all(step.kind != RECTIFY for step in steps):
        return f"{name} has no ReLU, and its {rule} would be its gradient under another name: use gradient or occlusion"
    return None


def _words(name: str, rule: str, lacks: Sequence[str]) -> str:
    more = f" and {len(lacks) - 1} more of its layers" if len(lacks) > 1 else ""
    return f"{name}: {rule} is not defined for {lacks[0]}{more}; use gradient or occlusion"


def _name(model: nn.Module) -> str:
    return model.arch.name if isinstance(model, Model) else type(model).__name__


def _leaf(x: Tensor) -> Tensor:
    """A copy that gradients are wanted by, wherever x was made; strides of its own would put another node into the graph."""
    with torch.inference_mode(False):
        return x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()


def _impose(rule: str, steps: Sequence[Step], hidden: Sequence[str], name: str) -> None:
    """Hooks on the nodes of this one graph, which dies with its use: the model knows nothing of them."""
    lacks = [*hidden, *(step.words for step in lacking(steps))]
    if lacks:
        raise UserError(_words(name, rule, lacks))
    for step in steps:
        assert isinstance(step.key, Node)
        if step.kind == RECTIFY:
            step.key.register_hook(_rectified if rule == "deconvnet" else _rectified_twice)
        elif step.kind == NORM and rule == "deconvnet":
            step.key.register_hook(_through)
        elif step.kind == GATE and rule == "deconvnet":
            step.key.register_hook(_nothing)


# A node's hook gets (gradients of its inputs, gradients of its outputs) and gives other gradients of its inputs.
Gradients = tuple[Tensor | None, ...]


def _rectified(below: Gradients, above: Gradients) -> Gradients:
    return (None if above[0] is None else above[0].clamp(min=0), *below[1:])


def _rectified_twice(below: Gradients, above: Gradients) -> Gradients:
    return (None if below[0] is None else below[0].clamp(min=0), *below[1:])


def _through(below: Gradients, above: Gradients) -> Gradients:
    return (above[0], *below[1:])


def _nothing(below: Gradients, above: Gradients) -> Gradients:
    return tuple(None if one is None else torch.zeros_like(one) for one in below)


class _Normalised(torch.autograd.Function):
    """A normalisation as one node of the graph, with its own derivative: many nodes could not be told from other arithmetic."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.function = function
        return function(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            (below,) = torch.autograd.grad(ctx.function(leaf), leaf, gradients[0])
        return below, None


class _Watch(TorchFunctionMode):
    """torch's local response normalisation, by whatever module or function, becomes one node; comparisons are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.local_response_norm:
            x, others, named = args[0], args[1:], kwargs or {}
            return _Normalised.apply(x, lambda x: func(x, *others, **named))
        name = getattr(func, "__name__", "").strip("_")
        if name in COMPARISONS and any(isinstance(arg, Tensor) and arg.requires_grad for arg in args):
            self.hidden.append(f"a comparison ({name}) of what depends on the picture, which its graph does not show")
        return func(*args, **(kwargs or {}))


COMPARISONS = frozenset(("gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal", "sign", "heaviside"))


@contextmanager
def _watched(model: nn.Module) -> Iterator[list[str]]:
    """The model undisturbed, as it was written, with a graph; what the graph will not show comes into the list."""

    def again(module: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> Tensor:
        found = _Normalised.apply(inputs[0], module.forward)
        assert isinstance(found, Tensor)
        return found

    watch = _Watch()
    with undisturbed(model), torch.inference_mode(False), torch.enable_grad(), _eager(), watch:
        hooks = [module.register_forward_hook(again) for module in model.modules() if isinstance(module, LRNWithinChannel)]
        try:
            yield watch.hidden
        finally:
            for hook in hooks:
                hook.remove()


def _eager() -> Any:
    """Compiled modules hide their graph: they run as they were written. Where nothing was compiled, nothing is loaded."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
