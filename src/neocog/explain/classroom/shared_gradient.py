"""The gradient of a shared weight is the sum of the gradients that every place would give its own copy of it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import grid, named, sign, tinted, window
from neocog.explain.classroom.numbers import gap, normal, tiny, whole
from neocog.figure.sketch import SMALL
from neocog.nn.local import LocallyConnected2d

N, K = 5, 3
SOURCE = (
    "LeCun et al. 1989 (shared weights: one sums the gradients of all connections that share); CS231n's notes on "
    "convolutional networks, parameter sharing. The unshared layer is neocog's LocallyConnected2d."
)


def separate(x: Tensor, w: Tensor, g: Tensor, stride: int = 1) -> tuple[Tensor, Tensor]:
    """Gradients of a locally connected layer whose places all have the filters w, O×C×k×k, but each a copy of its own.

    x C×H×W, g O×H'×W' at the output → weights places×O×C×k×k, biases places×O.
    """
    out, channels, kernel, _ = w.shape
    layer = LocallyConnected2d(
        channels, out, (g.shape[1], g.shape[2]), (kernel, kernel), (stride, stride), ((0, 0), (0, 0)), True
    )
    layer = layer.double()
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(w.flatten(1).expand_as(layer.weight))
        layer.bias.zero_()
    weights, biases = torch.autograd.grad(layer(x[None]), (layer.weight, layer.bias), g[None])
    return weights.unflatten(2, (channels, kernel, kernel)), biases


def together(x: Tensor, w: Tensor, g: Tensor, stride: int = 1) -> tuple[Tensor, Tensor]:
    """The same of the convolution: O×C×k×k and O."""
    w, bias = w.detach().requires_grad_(), torch.zeros(len(w), dtype=w.dtype, requires_grad=True)
    weights, biases = torch.autograd.grad(F.conv2d(x[None], w, bias, stride), (w, bias), g[None])
    return weights, biases


def show(asked: Asked) -> Lesson:
    x, w, g = whole(asked.seed, N, N, low=0, high=4), whole(asked.seed + 1, K, K), whole(asked.seed + 2, N - K + 1, N - K + 1)
    if not g.any():
        g[0, 0] = 1  # nothing to add up otherwise
    own, own_bias = separate(x[None], w[None, None], g[None])
    own, (shared, shared_bias) = own[:, 0, 0], together(x[None], w[None, None], g[None])
    shared = shared[0, 0]
    wide = normal(asked.seed, 3, 9, 8), normal(asked.seed + 1, 4, 3, K, K), normal(asked.seed + 2, 4, 4, 3)
    large, large_bias = separate(*wide, stride=2)
    right, right_bias = together(*wide, stride=2)
    facts = {
        "gradient_of_each_place": own.tolist(),
        "sum": own.sum(0).tolist(),
        "shared": shared.tolist(),
        "max_difference": gap(own.sum(0), shared),
        "bias_max_difference": gap(own_bias.sum(0), shared_bias),
        "large_max_difference": max(gap(large.sum(0), right), gap(large_bias.sum(0), right_bias)),
        "correlation_max_difference": gap(F.conv2d(x[None, None], g[None, None])[0, 0], shared),
        "places": len(own),
    }
    proved = [
        f"Sum over the {len(own)} places and autograd's gradient of the shared filter differ by "
        f"{tiny(facts['max_difference'])}, of the shared bias by {tiny(facts['bias_max_difference'])} (it is Σ ∂L/∂y); with 3 "
        f"maps in, 4 out and stride 2 by {tiny(facts['large_max_difference'])}.",
        "So ∂L/∂w is itself a convolution: the input under the filter ∂L/∂y (difference "
        f"{tiny(facts['correlation_max_difference'])}).",
    ]
    title = "Shared weights add up their gradients"
    about = (
        "If every place had its own copy of the filter, each copy's gradient would be its ∂L/∂y times the patch it saw. "
        "Sharing adds the copies' gradients."
    )
    page, y = board(title, about)
    cell, top = 30, y + 20
    marked = int(g.abs().argmax())
    row, column = divmod(marked, N - K + 1)
    named(page, MARGIN, top, "input x")
    grid(page, MARGIN, top, x, cell, tinted(x, 0.25))
    window(page, MARGIN, top, row, column, (K, K), cell, "k2")
    low = top + N * cell + 54
    named(page, MARGIN, low, "∂L/∂y")
    grid(page, MARGIN, low, g, cell, tinted(g))
    window(page, MARGIN, low, row, column, (1, 1), cell, "k2")
    left, small = MARGIN + N * cell + 62, 25
    step = 3 * small + 44
    named(page, left, top, "what each place's own copy would get", "∂L/∂y · patch (LocallyConnected2d)")
    for place, values in enumerate(own):
        i, j = divmod(place, N - K + 1)
        at = (left + j * step, top + 14 + i * (3 * small + 30))
        grid(page, *at, values, small, tinted(own, 0.5))
        if place == marked:
            page.frame(at[0] - 4, at[1] - 4, 3 * small + 8, 3 * small + 8, "k2", 2.5)
        if j < N - K:
            sign(page, at[0] + 3 * small + 22, at[1] + 1.5 * small, "+", 18)
        elif i < N - K:
            sign(page, left + step + 1.5 * small, at[1] + 3 * small + 15, "+", 18)
    middle = top + 14 + 1.5 * (3 * small + 30) - 15
    left += 3 * step + 26
    sign(page, left - 34, middle, "=")
    named(page, left, middle - 1.5 * 38, "∂L/∂w", "of the one shared filter")
    grid(page, left, middle - 1.5 * 38, shared, 38, tinted(shared))
    page.text(left, middle + 1.5 * 38 + 22, "what autograd gives the convolution;", SMALL, ink="soft")
    page.text(left, middle + 1.5 * 38 + 38, f"difference from the sum: {tiny(facts['max_difference'])}", SMALL, ink="soft")
    y = top + 14 + 3 * (3 * small + 30) + 10
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)
