"""Rewrites of a Module: a new one with the same weights where the rewrite carries them over."""

from collections.abc import Callable

from neocog.arch import Architecture
from neocog.arch import rewrite as rewrites
from neocog.arch.rewrite import Rewrite, tensors
from neocog.nn.model import Model


def rewritten(model: Model, *steps: Callable[[Architecture], Rewrite]) -> Model:
    """`model` after these rewrites, in the mode it is in: `rewritten(model, without_train_only, fold_bn)`.

    The old Module stays as it is. What the rewrites start afresh is drawn from torch's generator.
    """
    from neocog.weights import apply_plan

    arch, plan = rewrites.rewritten(model.arch, *steps)
    new = Model(arch)
    like = next(iter(model.parameters()), None)
    if like is not None:
        new.to(like.device, like.dtype)
    new.load_state_dict(apply_plan(plan, model.state_dict(), tensors(arch)), strict=False)
    if arch.input == model.arch.input:
        new.preprocessing = model.preprocessing
    if new.num_classes == model.num_classes:
        new.classes = model.classes
    return new.train(model.training)


def to_conv(model: Model, slide: bool = False) -> Model:
    """`model` with its full connections as convolutions: N×classes×1×1 at the native size, N×classes×h×w on larger pictures.

    slide: global averages become sliding ones of their native size; without it they give one answer for any picture.
    """
    return rewritten(model, lambda arch: rewrites.fully_convolutional(arch, slide))
