"""A start from which every map has mean 0 and deviation 1 over some pictures (Krähenbühl et al. 2016, section 3.1).

Deep networks without batch normalisation can start so that nothing but rounding reaches the classifier; then the loss stays
at ln(classes). One pass of one batch mends that: each layer is scaled and shifted as the batch comes by.
"""

import torch
from torch import Tensor, nn

from neocog.nn import Model

LEAST = 1e-12  # a map that differs by less has nothing to scale


@torch.no_grad()
def unit_variance(model: Model, x: Tensor) -> int:
    """Scale the filters of every convolution and full connection, and set their biases, so that each map or unit has mean 0
    and deviation 1 for x (N×C×H×W). Without a bias, the deviation only. The classifier is left as it was: its scores shall
    start undecided. Returns how many layers were changed.
    """
    heads = {model.get_submodule(mark.path) for mark in model.arch.marked("head")}
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and m not in heads]

    def scale(module: nn.Module, args: tuple[Tensor, ...], out: Tensor) -> Tensor:
        assert isinstance(module, (nn.Conv2d, nn.Linear))
        axes = [axis for axis in range(out.dim()) if axis != 1]
        deviation, mean = torch.std_mean(out.float(), axes)
        gain = torch.where(deviation > LEAST, 1 / deviation.clamp(min=LEAST), torch.ones_like(deviation)).to(out.dtype)
        module.weight.mul_(gain.reshape(-1, *[1] * (module.weight.dim() - 1)))
        shape = [-1 if axis == 1 else 1 for axis in range(out.dim())]
        if module.bias is None:
            return out * gain.reshape(shape)
        shift = -mean.to(out.dtype) * gain
        module.bias.mul_(gain).add_(shift)
        return out * gain.reshape(shape) + shift.reshape(shape)

    hooks = [layer.register_forward_hook(scale) for layer in layers]
    was = model.training
    try:
        model.eval()(x)
    finally:
        model.train(was)
        for hook in hooks:
            hook.remove()
    return len(layers)
