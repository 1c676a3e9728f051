"""The strongest answers so far, as a pass over the pictures goes on, and the file that keeps them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.arch import analyse
from neocog.errors import BadPicture
from neocog.explain.inside import record_of
from neocog.explain.resuming import State
from neocog.nn import Model
from neocog.pictures.sets import Pictures
from neocog.runs.marks import pictures_mark, weights_mark


@dataclass
class Ranking:
    """What is known after `done` pictures: of each layer values, pictures and flat places, k×M, and answers above 0, M."""

    layers: dict[str, list[Tensor]]
    k: int
    done: int
    failed: list[BadPicture]

    @staticmethod
    def fresh(model: Model, layers: Sequence[str], k: int) -> "Ranking":
        table, start = analyse(model.arch).by_path, {}
        for path in layers:
            shape = k, table[path].output[0]
            start[path] = [
                torch.full(shape, -torch.inf),
                torch.full(shape, -1),
                torch.zeros(shape, dtype=torch.long),
                torch.zeros(shape[1], dtype=torch.long),
            ]
        return Ranking(start, k, 0, [])

    def merge(self, path: str, out: Tensor, numbers: Tensor) -> None:
        """A batch's maps, N×M×H×W, of the pictures `numbers`."""
        values, pictures, places, answered = self.layers[path]
        best = torch.nan_to_num(out.amax((2, 3)).float(), nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf).cpu()
        answered += (best > 0).sum(0)
        best, rows = best.sort(dim=0, descending=True, stable=True)
        best, rows = best[: self.k], rows[: self.k]
        if not (best[0] > values[-1]).any():
            return
        merged, order = torch.cat([values, best]).sort(dim=0, descending=True, stable=True)
        merged, order = merged[: self.k], order[: self.k]
        self.layers[path][:3] = merged, torch.cat([pictures, numbers[rows]]).gather(0, order), places
        where = torch.cat([places, torch.zeros_like(rows)]).gather(0, order)
        rank, unit = (order >= self.k).nonzero(as_tuple=True)
        if len(rank):
            row = rows[order[rank, unit] - self.k, unit]
            where[rank, unit] = out[row.to(out.device), unit.to(out.device)].flatten(1).argmax(1).cpu()
        self.layers[path][2] = where

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, for a file."""
        about = {"done": self.done, "failed": [[bad.where, bad.why] for bad in self.failed]}
        every = {f"{i}.{j}": tensor.numpy() for i, ts in enumerate(self.layers.values()) for j, tensor in enumerate(ts)}
        return {"about": np.array(json.dumps(about)), **every}

    def resumed(self, kept: Mapping[str, np.ndarray] | None) -> "Ranking":
        """What was kept, of the same layers; itself, fresh, where nothing was."""
        if kept is None:
            return self
        about = json.loads(str(kept["about"]))
        layers = {path: [torch.from_numpy(kept[f"{i}.{j}"]) for j in range(4)] for i, path in enumerate(self.layers)}
        return Ranking(layers, self.k, about["done"], [BadPicture(*words) for words in about["failed"]])


def state_of(folder: Path | None, model: Model, pictures: Pictures, layers: Sequence[str], k: int, size: int) -> State:
    """Where a ranking is kept, by all that it depends on. size: of the batches, with which the last bits may change."""
    if folder is None:
        return State(None, "top", {})
    about = {"schema": 2, "arch": model.arch.to_json(), "weights": weights_mark(model), "k": k, "batch": size}
    about |= {"preprocessing": record_of(model).to_json(), "pictures": pictures_mark(pictures), "layers": list(layers)}
    return State(folder, "top", about)
