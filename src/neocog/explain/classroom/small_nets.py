"""The small nets that lessons train: digits to learn from, plain gradient descent, answers, errors."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from neocog.pictures.embedded import digits

EVERY = 5  # every fifth digit is kept for testing


def split_digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(pictures N×1×28×28 in 0 … 1, labels N) to learn from, 4,000, and the same of the other 1,000."""
    images, labels = digits()
    x, y = torch.from_numpy(images)[:, None].float() / 255, torch.from_numpy(labels)
    test = torch.arange(len(y)) % EVERY == 0
    return x[~test], y[~test], x[test], y[test]


def train(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    lr: float,
    seed: int = 0,
    batch: int = 64,
    decay: float = 0.0,
    watch: Callable[[int, float], None] | None = None,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> list[float]:
    """Gradient descent with momentum 0.9 on random batches; the loss of every step. The model is left in eval mode.

    watch(step, loss) is called before each step, the model being in eval mode; on_step(done, steps) after it.
    """
    generator = Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, weight_decay=decay)
    losses = []
    for step in range(steps):
        rows = torch.randint(len(y), (batch,), generator=generator)
        model.train()
        value = loss(model(x[rows]), y[rows])
        losses.append(value.item())
        if watch is not None:
            model.eval()
            watch(step, losses[-1])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        on_step(step + 1, steps)
    model.eval()
    return losses


def answer(model: nn.Module, x: Tensor) -> Tensor:
    """What a network without auxiliary heads gives."""
    out = model(x)
    assert isinstance(out, Tensor)
    return out


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Percent of pictures whose largest score is of another class."""
    with torch.no_grad():
        return 100 * float((model(x).argmax(1) != y).float().mean())
