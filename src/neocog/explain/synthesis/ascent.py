"""Adam on pixels: what inversion and activation maximisation share. The picture keeps to the bytes that a picture can have."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.errors import UserError
from neocog.explain.inside import device_of, record_of
from neocog.explain.resuming import State
from neocog.nn import Model

AMPLITUDE = 80.0
"""How far from grey a picture's pixels lie, about; the unit of `range_norm`, and 1/6.5 of it that of `variation`
(Mahendran & Vedaldi's B and V as they give them in their paper of 2016). Both priors take the mean over the colours where the
paper has their sum, so that a weight means the same for grey pictures."""

OnStep = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Canvas:
    """Pixels N×C×H×W from 0 to 255, as floats, and what the network reads of them."""

    gain: Tensor
    offset: Tensor
    middle: Tensor  # the network's mean pixel

    @staticmethod
    def of(model: Model) -> "Canvas":
        record, device = record_of(model), device_of(model)
        mean, std = (torch.tensor(v, dtype=torch.float32).expand(record.channels) for v in (record.mean, record.std))
        gain, offset = record.scale / std, -mean / std
        middle = (mean / record.scale).clamp(0, 255)
        shaped = [t.reshape(1, -1, 1, 1).to(device) for t in (gain, offset, middle)]
        return Canvas(*shaped)

    def read(self, pixels: Tensor) -> Tensor:
        """What the network reads."""
        return pixels * self.gain + self.offset

    def start(self, shape: tuple[int, ...], deviation: float, seed: int) -> Tensor:
        """The mean pixel with a little noise, N×C×H×W."""
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(self.middle.device)
        return (self.middle + deviation * noise).clamp(0, 255)


def bytes_of(pixels: Tensor) -> np.ndarray:
    """uint8 N×H×W×C: the picture as a file holds it."""
    return pixels.detach().round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def climb(pixels: Tensor, loss_of: Callable[[Tensor, int], Tensor], steps: int, rate: float, *,
          after: Callable[[Tensor, int], None] | None = None, state: State | None = None, on_step: OnStep | None = None,
          stop: Callable[[], bool] | None = None) -> tuple[Tensor, np.ndarray]:  # fmt: skip
    """(pixels, losses of every step) after `steps` steps of Adam with a rate that falls to 0 as a cosine, in pixel values.

    loss_of(pixels, step): N losses or one. after(pixels, step) may change them in place. A run that `stop` ended, or that was
    killed, goes on from `state` to the same end. Raises KeyboardInterrupt once `stop()`.
    """
    pixels = pixels.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([pixels], lr=rate, betas=(0.9, 0.99))
    losses: list[np.ndarray] = []
    first = _resume(state, pixels, optimiser, losses)
    for step in range(first, steps):
        if stop is not None and stop():
            _keep(state, pixels, optimiser, losses, step, now=True)
            raise KeyboardInterrupt
        optimiser.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        with torch.enable_grad():
            loss = loss_of(pixels, step)
            (pixels.grad,) = torch.autograd.grad(loss.sum(), pixels)
        optimiser.step()
        losses.append(loss.detach().reshape(-1).double().cpu().numpy())
        with torch.no_grad():
            if after is not None:
                after(pixels, step)
            pixels.clamp_(0, 255)
        _keep(state, pixels, optimiser, losses, step + 1, now=step + 1 == steps)
        if on_step is not None:
            on_step(step + 1, steps)
    return pixels.detach(), np.array(losses)


def _resume(state: State | None, pixels: Tensor, optimiser: torch.optim.Adam, losses: list[np.ndarray]) -> int:
    kept = None if state is None else state.read()
    if kept is None:
        return 0
    with torch.no_grad():
        pixels.copy_(torch.from_numpy(kept["pixels"]))
    one = optimiser.state[pixels]
    one["step"] = torch.tensor(float(kept["step"]))
    for name in ("exp_avg", "exp_avg_sq"):
        one[name] = torch.from_numpy(kept[name]).to(pixels.device)
    losses += list(kept["losses"])
    return int(kept["step"])


def _keep(state: State | None, pixels: Tensor, optimiser: torch.optim.Adam, losses: list[np.ndarray], step: int,
          now: bool) -> None:  # fmt: skip
    if state is None or not step:
        return
    one = {name: optimiser.state[pixels][name].cpu().numpy() for name in ("exp_avg", "exp_avg_sq")}
    state.write({"pixels": pixels.detach().cpu().numpy(), "losses": np.array(losses), "step": np.array(step), **one}, now)


def with_slope(model: Model, values: Tensor) -> Tensor:
    """The values as they are. Raises UserError where no gradient leads from them to the pixels."""
    if not values.requires_grad:
        raise UserError(
            f"{model.arch.name}: no small change of a pixel moves these numbers a little; there is nothing to climb"
        )
    return values


def range_norm(pixels: Tensor, middle: Tensor, alpha: float = 6.0) -> Tensor:
    """N: the mean over places of (|pixel − mean pixel| / AMPLITUDE)^α, |…| the root mean square over its colours."""
    length = ((pixels - middle) / AMPLITUDE).square().mean(1).clamp_min(1e-12).sqrt()
    return (length**alpha).flatten(1).mean(1)


def variation(pixels: Tensor, beta: float = 2.0) -> Tensor:
    """N: total variation, the mean over places of ((Δx² + Δy²) / V²)^(β/2), squares averaged over the colours."""
    scaled = pixels / (AMPLITUDE / 6.5)
    across = F.pad(scaled[..., :, 1:] - scaled[..., :, :-1], (0, 1))
    down = F.pad(scaled[..., 1:, :] - scaled[..., :-1, :], (0, 0, 0, 1))
    squares = (across.square() + down.square()).mean(1)
    return (squares if beta == 2 else squares.clamp_min(1e-12) ** (beta / 2)).flatten(1).mean(1)


def jittered(pixels: Tensor, most: int, seed: int) -> Tensor:
    """The pictures moved round by up to `most` pixels each way, drawn anew for every seed."""
    if most <= 0:
        return pixels
    dy, dx = np.random.default_rng(seed).integers(-most, most + 1, 2)
    return torch.roll(pixels, (int(dy), int(dx)), (2, 3))


def blurred(pixels: Tensor, sigma: float) -> Tensor:
    """A Gaussian of `sigma` pixels, edges repeated."""
    if sigma <= 0:
        return pixels
    reach = max(1, math.ceil(3 * sigma))
    at = torch.arange(-reach, reach + 1, device=pixels.device, dtype=pixels.dtype)
    line = torch.exp(-(at**2) / (2 * sigma**2))
    line = (line / line.sum()).expand(pixels.shape[1], 1, -1)
    out = F.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    out = F.conv2d(out, line[:, :, None, :], groups=pixels.shape[1])
    return F.conv2d(out, line[:, :, :, None], groups=pixels.shape[1])
