"""Several networks side by side, and the pictures that each of them reads: of --data, else noise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neocog.cli.looking.look import Look, fresh
from neocog.errors import BadPicture, UserError
from neocog.explain.feeding import Batch, batches, noise, some
from neocog.runs import Predictor, load_predictor

if TYPE_CHECKING:
    from neocog.nn import Model
    from neocog.pictures.sets import Pictures

MOST = 6  # networks in one figure


@dataclass(frozen=True)
class Member:
    """A network, what to call it, and whether its weights were learned."""

    name: str
    predictor: Predictor
    trained: bool

    @property
    def model(self) -> "Model":
        """Its Module."""
        return self.predictor.model

    @property
    def statistics(self) -> str:
        """What its BN normalises by: a fresh network has no running means to speak of."""
        return "running" if self.trained else "batch"


def member(run: str, seed: int) -> Member:
    """Of a run, a weight file of one, or a network by name or text with the weights that it begins with."""
    if not Path(run).exists() and not run.startswith("hf:"):
        found = fresh(run, seed)
        return Member(f"{short(found.net)}, at its start", found, False)
    found = load_predictor(run)
    path = Path(run)
    at = f" at {path.stem}" if path.parent.name == "snapshots" else ""
    return Member(f"{short(found.net)}, trained{at}", found, True)


def beginning(one: Member, seed: int) -> Member:
    """The same network with weights as its records draw them."""
    import torch

    from neocog.nn import Model

    of = one.predictor
    model = Model(of.model.arch, torch.Generator().manual_seed(seed)).eval()
    model.preprocessing, model.classes = of.preprocessing, of.classes
    again = Predictor(model, of.preprocessing, of.classes, of.net)
    return Member(f"{short(of.net)}, at its start", again, False)


def members(look: Look, with_start: bool = False) -> list[Member]:
    """RUN and all of --against. with_start: a run alone is set beside its own beginning."""
    seed = look.args.seed or 0
    names = [look.args.run, *(look.args.against or ())]
    if len(names) > MOST:
        raise UserError(f"{len(names)} networks: a figure takes {MOST} at most")
    found = [member(name, seed) for name in names]
    if with_start and len(found) == 1 and found[0].trained:
        found = [beginning(found[0], seed), *found]
    return found


def short(name: str, most: int = 48) -> str:
    """The beginning of a long name: that of a network in the text form."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


@dataclass
class Feed:
    """The pictures of one call: n of the split of --data, drawn by --seed, the same for every network; or as many of noise."""

    look: Look
    n: int | None
    failed: list[BadPicture] = field(default_factory=list)

    @property
    def real(self) -> bool:
        """Whether they are pictures."""
        return self.look.args.data is not None

    @cached_property
    def chosen(self) -> np.ndarray:
        """Which of the split's pictures."""
        return some(len(self.look.split.pictures), self.n, self.look.args.seed or 0)

    @property
    def count(self) -> int:
        """How many."""
        return len(self.chosen) if self.real else self.n or 0

    @property
    def bad(self) -> tuple[BadPicture, ...]:
        """Those that could not be read, once each."""
        return (*self.look.split.skipped, *{bad.where: bad for bad in self.failed}.values()) if self.real else ()

    @property
    def words(self) -> str:
        """What they are."""
        if not self.real:
            return f"{self.count:,} pictures of noise"
        split = self.look.split
        of = f" of {len(split.pictures):,}" if self.count < len(split.pictures) else ""
        return f"{self.count:,}{of} pictures of {Path(split.data['spec']).name} ({split.what})"

    def of(self, one: Member, size: int | None = None, words: str = "", begin: int = 0) -> Iterator[Batch]:
        """Batches for one network, from picture `begin` of the order on. Ctrl-C ends them as KeyboardInterrupt."""
        if self.real:
            source = batches(one.model, labelled(one, self.look.split.pictures), self.chosen, size, begin, self.failed)
        else:
            source = noise(one.model, self.count, size, self.look.args.seed or 0)
        return watched(self.look, source, self.count, words or one.name)


def watched(look: Look, source: Iterator[Batch], total: int, words: str) -> Iterator[Batch]:
    """The batches, with the progress bar moved after each; KeyboardInterrupt once Ctrl-C or SIGTERM asked."""
    tell = look.tell(words)
    for batch in source:
        if look.stop():
            raise KeyboardInterrupt
        yield batch
        tell(batch.end, total)


def labelled(one: Member, pictures: "Pictures") -> "Pictures":
    """A split's pictures under the network's own class numbers. A fresh network takes the data's numbers for its own."""
    from neocog.evaluate.judge import match_classes

    if one.trained:
        return match_classes(pictures, one.predictor.classes)
    if len(pictures.classes) > one.model.num_classes:
        few = f"{one.predictor.net} tells {one.model.num_classes} classes apart"
        raise UserError(f"{few}; the data have {len(pictures.classes)}")
    return pictures
