"""One tensor of ours and the one that another toolkit keeps for it, convertible both ways."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from neocog.arch.window import Shape, times
from neocog.errors import UserError

NO_VOTE = -1e4  # the logit of a class that nobody may choose: its probability is 0 in float32


@dataclass(frozen=True, slots=True)
class Pair:
    """`ours` ← `theirs`, and back.

    Their tensor, of `their_shape`, is viewed as `view`, its axes are ordered as `order`, and the result has our `shape`:
    (kh, kw, in, out) becomes (out, in, kh, kw) by the order (3, 2, 0, 1), a full connection behind maps flattened as H, W, C
    is viewed as (H, W, C, out) first. theirs None: they keep no such tensor, it is `fill` throughout. background: their
    last axis begins with a class that we have not. shift: added to theirs (their ε of batch normalisation less ours).
    minus: a tensor of theirs that is taken off, their convolution's bias from the mean that follows: exact, and we need
    no bias there.
    """

    ours: str
    shape: Shape
    theirs: str | None = None
    their_shape: Shape = ()
    view: Shape = ()
    order: tuple[int, ...] = ()
    fill: float = 0.0
    free: bool = False
    background: bool = False
    shift: float = 0.0
    minus: str | None = None

    def expects(self) -> dict[str, Shape]:
        """What their file holds for it: shapes by key."""
        found = {self.theirs: self.their_shape} if self.theirs else {}
        return found | ({self.minus: self.shape} if self.minus else {})

    def read(self, theirs: Mapping[str, Tensor]) -> Tensor:
        """Our tensor from theirs."""
        if self.theirs is None:
            return torch.full(self.shape, self.fill, dtype=_dtype(self.ours))
        value = theirs[self.theirs]
        if self.background:
            value = value[..., 1:]
        value = value.reshape(self.view).permute(self.order).reshape(self.shape).contiguous()
        if self.minus:
            value = value - theirs[self.minus]
        return value + self.shift if self.shift else value

    def write(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Their tensors from ours. Raises UserError where they have no place for our numbers."""
        value = ours[self.ours]
        if self.theirs is None:
            if not self.free and bool((value != self.fill).any()):
                raise UserError(
                    f"{self.ours} is not {self.fill:g} throughout, and the other toolkit's network has no place for it"
                )
            return {}
        if self.shift:
            value = value - self.shift
        back = [0] * len(self.order)
        for place, axis in enumerate(self.order):
            back[axis] = place
        their = value.reshape([self.view[axis] for axis in self.order]).permute(back)
        plain = (*self.their_shape[:-1], self.their_shape[-1] - 1) if self.background else self.their_shape
        their = their.reshape(plain)
        if self.background:
            first = torch.full((*plain[:-1], 1), NO_VOTE if self.ours.endswith("bias") else 0.0, dtype=their.dtype)
            their = torch.cat([first, their], -1)
        made = {self.theirs: their.contiguous()}
        return made | ({self.minus: torch.zeros(self.shape, dtype=value.dtype)} if self.minus else {})


def same(ours: str, shape: Shape, theirs: str, their_shape: Shape | None = None) -> Pair:
    """The same numbers in the same order, perhaps with other axes of length 1."""
    return arranged(ours, shape, theirs, their_shape or shape)


def arranged(
    ours: str, shape: Shape, theirs: str, their_shape: Shape, view: Shape | None = None, order: Iterable[int] | None = None
) -> Pair:
    """Their numbers in another order."""
    view = view or their_shape
    if math.prod(their_shape) != math.prod(shape):
        raise AssertionError(f"{ours}: {times(shape)} is no rearrangement of {times(their_shape)}")
    return Pair(ours, shape, theirs, their_shape, view, tuple(order) if order else tuple(range(len(view))))


def _dtype(key: str) -> torch.dtype:
    return torch.long if key.endswith("num_batches_tracked") else torch.get_default_dtype()
