"""`explain --method effective-field`: how much each pixel moves the middle unit of a layer, trained and at the start."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from neocog.arch import Architecture, analyse
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, kept_in
from neocog.errors import BadPicture, UserError
from neocog.explain.feeding import batches, noise, some
from neocog.explain.fields.effective import LEVEL, EffectiveField, beginning, effective_field, joined
from neocog.explain.fields.effective_figure import draw_effective, sentence
from neocog.explain.fields.theoretical import growing, unit_field
from neocog.explain.resuming import State
from neocog.explain.targets import place_in
from neocog.nn import Model
from neocog.runs.marks import pictures_mark, weights_mark

PICTURES, DRAWS = 32, 8  # looked at where no number was named; draws of weights among which they are shared out


def run(look: Look) -> Shown:
    """As trained, where RUN is one, and at the start of its network."""
    model, args = look.model, look.args
    if not look.args.layer and usual(model.arch) is None:
        raise UserError(f"{look.net}: its first layer sees the whole picture at once, so no unit has a field")
    path = look.layer(usual(model.arch))
    place = None if args.place is None else place_in(model, path, args.place)
    chunks = _Chunks(look)
    found: list[tuple[str, EffectiveField]] = []
    if look.trained:
        found.append(("as trained", _gather(look, chunks, model, path, place, 0)))
    found.append(("at the start", _gather(look, chunks, model, path, place, len(chunks))))
    title = f"Effective receptive field of {path} · {look.net}"
    facts: dict[str, Any] = {"layer": path, "pictures": chunks.words, "level": round(LEVEL, 4)}
    arrays: dict[str, np.ndarray] = {}
    for words, one in found:
        key = words.replace(" ", "_")
        arrays[key] = one.map
        facts[key] = {
            "n": one.n,
            "draws": one.draws,
            "size": round(one.size, 3),
            "ratio": round(one.ratio, 4),
            "std": [round(v, 4) for v in one.std],
            "receptive_field": list(one.field.size or ()),
        }
    words = [sentence(name, one) for name, one in found]
    return Shown(draw_effective(title, found, chunks.words), facts, words, arrays, chunks.left_out)


def usual(arch: Architecture) -> str | None:
    """The deepest layer whose field the picture can hold; else the first one that has a field."""
    table = analyse(arch)
    paths = growing(table)
    fit = [path for path in paths if not any(unit_field(arch, path).exceeds)]
    return (fit or list(paths[:1]) or [None])[-1]


class _Chunks:
    """The pictures in pieces, each of which can be had again by its number."""

    def __init__(self, look: Look):
        self.look, self.seed = look, look.args.seed or 0
        self.real = look.args.data is not None
        self.n = look.args.n or PICTURES
        if self.real:
            self.among = some(len(look.split.pictures), self.n, self.seed)
            self.n = len(self.among)
        if not self.n:
            raise UserError(f"{look.args.data}: there are no pictures in it")
        self.each = max(1, -(-self.n // DRAWS))
        self.failed: dict[str, BadPicture] = {}

    def __len__(self) -> int:
        return -(-self.n // self.each)

    def __getitem__(self, i: int) -> Tensor | None:
        """N×C×H×W; None where none of them can be read."""
        if self.real:
            among = self.among[i * self.each : (i + 1) * self.each]
            failed: list[BadPicture] = []
            try:
                every = list(batches(self.look.model, self.look.split.pictures, among, len(among), failed=failed))
            except UserError:
                every = []
            self.failed |= {bad.where: bad for bad in failed}
            return every[0].x if every else None
        count = min(self.each, self.n - i * self.each)
        return next(noise(self.look.model, count, count, self.seed * 1000 + i)).x

    @property
    def words(self) -> str:
        """What they are."""
        return f"{self.n} pictures of {Path(self.look.args.data).name}" if self.real else f"{self.n} pictures of noise"

    @property
    def left_out(self) -> tuple[BadPicture, ...]:
        """Those that could not be read, once each."""
        return (*self.look.split.skipped, *self.failed.values()) if self.real else ()

    @property
    def mark(self) -> str:
        """What tells them from others."""
        return pictures_mark(self.look.split.pictures) if self.real else "noise"


def _gather(look: Look, chunks: _Chunks, model: Model, path: str, place: tuple[int, int] | None, draws: int) -> EffectiveField:
    """The mean over all chunks, by `model` or, with `draws`, each by fresh weights; goes on where it was left."""
    about = {
        "arch": model.arch.to_json(), "weights": "" if draws else weights_mark(model), "path": path, "place": place,
        "record": look.predictor.preprocessing.to_json(), "pictures": chunks.mark, "n": chunks.n, "seed": chunks.seed,
        "real": chunks.real, "draws": draws,
    }  # fmt: skip
    state = State(kept_in(look), "effective", about)
    kept, found, done = state.read(), None, 0
    name = "at the start" if draws else "as trained"
    for i in range(len(chunks)):
        if kept is not None and i < int(kept["done"]):
            continue
        x = chunks[i]
        if x is not None:
            net = beginning(model.arch, path, chunks.seed + i).to(x.device) if draws else model
            one = replace(effective_field(net, path, [x], place), draws=int(draws > 0))
            if kept is not None:
                one = joined(replace(one, map=kept["map"], n=int(kept["n"]), draws=int(kept["draws"])), one)
                kept = None
            found = one if found is None else joined(found, one)
        done = i + 1
        look.progress.update(name, done, len(chunks))
        if found is not None:
            arrays = {"map": found.map, "n": np.array(found.n), "draws": np.array(found.draws), "done": np.array(done)}
            state.write(arrays, now=look.stop() or done == len(chunks))
        if look.stop():
            raise KeyboardInterrupt
    if found is None and kept is not None:  # all of it was there
        found = EffectiveField(kept["map"], int(kept["n"]), int(kept["draws"]), unit_field(model.arch, path, place))
    if found is None:
        raise UserError(f"{look.args.data}: none of the pictures can be read")
    return found
