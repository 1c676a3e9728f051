"""Weight plans: which tensors of the old network make which of the new one, said without torch.

`neocog.weights.apply_plan` executes them. A plan follows its rewrite: `arch, plan = fold_bn(arch)`; two rewrites in a row
have the plan `first.then(second)`, and `rewritten(arch, …)` does both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture
from neocog.arch.record import Param


@dataclass(frozen=True, slots=True)
class Move:
    """new key ← op(old, args). What it reads are keys of the old network, or moves, when plans were joined.

    Operations: "copy" · "channels" (n): a weight spread over n input channels so that equal channels give the old response
    · "reshape" (shape) · "fold_weight", "fold_bias" (eps, roles): batch normalisation taken into the layer before it ·
    "unfold_weight", "unfold_bias": into the layer behind it (see `neocog.weights.plan`).
    """

    new: str
    old: tuple["str | Move", ...]
    op: str = "copy"
    args: tuple[float | int | str, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        """The keys of the old network that it needs."""
        return frozenset().union(*({source} if isinstance(source, str) else source.reads for source in self.old))


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """Moves for the tensors that carry over; every other tensor of the new architecture starts afresh."""

    moves: tuple[Move, ...]

    @property
    def kept(self) -> set[str]:
        """The new keys that have a move."""
        return {move.new for move in self.moves}

    def then(self, other: "WeightPlan") -> "WeightPlan":
        """First this plan, then the other, as one. What starts afresh on the way starts afresh at the end."""
        made = {move.new: move for move in self.moves}

        def follow(source: "str | Move") -> "str | Move | None":
            if isinstance(source, str):
                move = made.get(source)
                return move.old[0] if move is not None and move.op == "copy" else move
            inner = tuple(follow(s) for s in source.old)
            return None if None in inner else Move(source.new, inner, source.op, source.args)  # type: ignore[arg-type]

        def join() -> Iterator[Move]:
            for move in other.moves:
                sources = tuple(s for s in map(follow, move.old) if s is not None)
                if len(sources) == len(move.old):
                    only = sources[0]
                    plain = move.op == "copy" and isinstance(only, Move)
                    yield Move(move.new, only.old, only.op, only.args) if plain else Move(move.new, sources, move.op, move.args)  # type: ignore[union-attr]

        return WeightPlan(tuple(join()))


Rewrite = tuple[Architecture, WeightPlan]


def tensors(arch: Architecture) -> dict[str, Param]:
    """Every tensor of the network by its state_dict key, in order, auxiliary heads included."""
    return {f"{row.path}.{p.name}": p for row in analyse(arch).rows for p in row.tensors}


def carry_over(old: Architecture, new: Architecture) -> WeightPlan:
    """The plan that copies every tensor whose key and shape stayed."""
    before = tensors(old)
    return WeightPlan(
        tuple(Move(key, (key,)) for key, p in tensors(new).items() if key in before and before[key].shape == p.shape)
    )


def rewritten(arch: Architecture, *rewrites: Callable[[Architecture], Rewrite]) -> Rewrite:
    """One rewrite after another, with one plan for all: `rewritten(net, without_train_only, fold_bn)`."""
    plan = carry_over(arch, arch)
    for rewrite in rewrites:
        arch, more = rewrite(arch)
        plan = plan.then(more)
    return arch, plan
