"""Output-size arithmetic of a sliding window along one axis (Dumoulin & Visin 2016, section 4; Caffe's ceil rule)."""

from dataclasses import dataclass

from neocog.errors import ShapeError, UserError

Shape = tuple[int, ...]
"""The shape of one value without its batch axis: (C, H, W) for maps, (F,) for features."""

Padding = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]] | str


@dataclass(frozen=True, slots=True)
class Window:
    """A window of `kernel` taps, `dilation` apart, moved by `stride` over one axis padded by `before` and `after`."""

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """How many positions the window spans: d(k-1)+1."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def reads_everything(self) -> bool:
        """Whether neighbouring windows leave no position unread between them."""
        return self.dilation == 1 and self.kernel >= self.stride

    def output(self, n: int) -> int:
        """How many places the window takes on `n` positions. Raises ShapeError where it fits nowhere."""
        room = n + self.before + self.after - self.extent
        if room < 0:
            padded = f" with {self.before}+{self.after} of padding" if self.before or self.after else ""
            raise ShapeError(f"a window that spans {self.extent} does not fit {n} positions{padded}")
        if not self.ceil:
            return room // self.stride + 1
        out = -(-room // self.stride) + 1
        # Caffe and torch drop a last window that would start in the padding behind the map.
        return out - 1 if (out - 1) * self.stride >= n + self.before else out

    def leftover(self, n: int) -> int:
        """Positions behind the last window, padding included; 0 means that the window fits exactly."""
        return n + self.before + self.after - self.extent - (self.output(n) - 1) * self.stride

    def unread_behind(self, n: int) -> int:
        """How many *real* positions at the end no window reads (`leftover` less the padding there)."""
        return max(0, self.leftover(n) - self.after)

    def reads(self, n: int) -> set[int]:
        """The positions 0 ≤ i < n that some window reads."""
        if self.reads_everything:
            first = max(0, -self.before)
            return set(range(first, min(n, (self.output(n) - 1) * self.stride - self.before + self.extent)))
        starts = range(-self.before, -self.before + self.output(n) * self.stride, self.stride)
        return {p for s in starts for p in range(s, s + self.extent, self.dilation) if 0 <= p < n}


def pair(value: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """One number for both axes, or (rows, columns)."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def normal_padding(padding: Padding) -> tuple[tuple[int, int], tuple[int, int]] | str:
    """((top, bottom), (left, right)), or "same" for TensorFlow's rule, which needs the size of the map.

    Negative padding cuts the margin off, as the Neocognitron's first C-layer does.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise UserError(f"padding is a number, a pair, ((top, bottom), (left, right)), 'same' or 'valid'; not {padding!r}")
        return "same" if padding == "same" else ((0, 0), (0, 0))
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return (pair(rows), pair(columns))


def same_padding(n: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME: the output has ceil(n/stride) places; the odd position of padding goes behind the map."""
    extent = dilation * (kernel - 1) + 1
    total = max((-(-n // stride) - 1) * stride + extent - n, 0)
    return total // 2, total - total // 2


def size(shape: Shape) -> int:
    """The number of elements of one value."""
    total = 1
    for n in shape:
        total *= n
    return total


def times(shape: Shape) -> str:
    """`3×224×224`."""
    return "×".join(map(str, shape))
