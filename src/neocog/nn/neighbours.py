"""Near neighbours as a layer, and how they vote."""

import torch
from torch import Tensor, nn

AT_ONCE = 8192  # known pictures whose distances are held at a time


def ballots(classes: Tensor, count: int) -> Tensor:
    """N×k classes of neighbours, nearest first → N×count votes. Of classes with as many, the one with the nearest neighbour is
    ahead by less than a thousandth of a vote, so that no two that have any tie."""
    k = classes.shape[1]
    bonus = torch.arange(k, 0, -1, device=classes.device, dtype=torch.float32) * (1e-3 / k)
    votes = torch.zeros(len(classes), count, device=classes.device)
    nearest = votes.scatter_reduce(1, classes, bonus.expand_as(classes), "amax")
    return votes.scatter_add_(1, classes, torch.ones_like(bonus).expand_as(classes)) + nearest


class Neighbours(nn.Module):
    """N×F → N×out, the logarithms of the classes' shares of the k nearest's votes; see `neocog.arch.Neighbours`.

    weight: the known pictures, uint8, which stand for grid[0] + grid[1]·weight. labels: their classes.
    """

    def __init__(self, features: int, out: int, pictures: int, k: int):
        super().__init__()
        self.out, self.k = out, k
        self.weight = nn.Parameter(torch.empty(pictures, features, dtype=torch.uint8), requires_grad=False)
        self.labels = nn.Parameter(torch.empty(pictures, dtype=torch.int64), requires_grad=False)
        self.grid = nn.Parameter(torch.empty(2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        first, step = self.grid.unbind()
        asked = (x - first) / torch.where(step == 0, torch.ones_like(step), step)
        best = asked.new_full((len(x), 0), torch.inf)
        who = torch.empty(len(x), 0, dtype=torch.int64, device=x.device)
        for start in range(0, len(self.weight), AT_ONCE):
            known = self.weight[start : start + AT_ONCE].to(asked.dtype)
            far = known.square().sum(1) - 2 * asked @ known.T  # the square of the distance but for what all have in common
            near, at = far.topk(min(self.k, len(known)), dim=1, largest=False)
            best, who = torch.cat([best, near], 1), torch.cat([who, at + start], 1)
            best, order = best.sort(dim=1, stable=True)
            best, who = best[:, : self.k], who.gather(1, order[:, : self.k])
        votes = ballots(self.labels[who], self.out).to(x.dtype)
        return torch.log((votes + 1 / self.out) / (votes.sum(1, keepdim=True) + 1))

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.out}, pictures={len(self.weight)}, k={self.k}"
