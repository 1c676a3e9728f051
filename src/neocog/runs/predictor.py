"""A trained classifier: pictures in, scores out. Whatever learned it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from neocog.arch.rewrite import tensors
from neocog.errors import BadPicture, UserError
from neocog.nn import Model
from neocog.nn.resample import torch_resize
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs.folder import RunFolder
from neocog.weights import check_keys, hub, read_safetensors
from neocog.weights.converters import convert
from neocog.weights.header import OWN, read_header

BATCH = 256  # pictures that are answered together at most
PIXELS = 16 * 224 * 224  # that are answered together on a processor; a GPU takes 16 times as many


@dataclass
class Predictor:
    """A network with the classes it tells apart and the record of how it wants its pictures."""

    model: Model
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    net: str
    flip: bool = False  # the mean of the scores of the picture and its mirror image

    @property
    def protocol(self) -> str:
        """The id that stands beside every figure."""
        return self.preprocessing.id + ("-flip" if self.flip else "")

    def batch(self, height: int, width: int, most: int = BATCH) -> int:
        """How many pictures of this size to ask about at a time, so that the maps of a large network fit into memory."""
        where = next(self.model.parameters(), None)
        room = PIXELS * (16 if where is not None and where.device.type == "cuda" else 1)
        return max(1, min(most, room // (height * width)))

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 N×H×W×C, as the record makes them → float32 N×classes scores; the largest is the answer."""
        was, device = self.model.training, next(self.model.parameters()).device
        self.model.eval()
        try:
            with torch.inference_mode():
                x = torch.from_numpy(self.preprocessing.normalise(pixels)).to(device)
                x = x.contiguous(memory_format=torch.channels_last)
                out = self.model(x)
                if self.flip:
                    out = (out + self.model(x.flip(3))) / 2
        finally:
            self.model.train(was)
        assert isinstance(out, torch.Tensor)
        return out.float().cpu().numpy()

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Softmax of N×classes scores. For LeNet-5's distances: exp(-y)/Σ, the posterior of its MAP loss without j."""
        shifted = np.exp(scores - scores.max(1, keepdims=True))
        return shifted / shifted.sum(1, keepdims=True)

    def score_all(
        self,
        pictures: Pictures,
        on_progress: Callable[[int, int], None] | None = None,
        store: Store | None = None,
        among: np.ndarray | None = None,
    ) -> "Scored":
        """Every picture of a split, or those `among`, a batch at a time."""
        store = store or Store(pictures, self.preprocessing, limit=0, resize=torch_resize)
        wanted = np.arange(len(pictures)) if among is None else among
        scores, indices, size = [], [], self.batch(self.preprocessing.height, self.preprocessing.width)
        for start in range(0, len(wanted), size):
            store.soon(wanted, start)
            pixels, kept = store.get(wanted[start : start + size])
            if len(kept):
                scores.append(self.scores(pixels))
                indices.append(kept)
            if on_progress is not None:
                on_progress(min(start + size, len(wanted)), len(wanted))
        found = np.concatenate(indices) if indices else np.empty(0, np.int64)
        return Scored(
            np.concatenate(scores) if scores else np.empty((0, len(self.classes)), np.float32),
            pictures.labels[found],
            found,
            tuple(store.failed[i] for i in sorted(store.failed)),
        )


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores N×classes and labels N of the pictures at `indices`; those that could not be read, with their reasons."""

    scores: np.ndarray
    labels: np.ndarray
    indices: np.ndarray
    failed: tuple[BadPicture, ...]


def load(run: str | Path) -> Model:
    """The trained Module of a run folder (its best weights), of a weight file that a run or an export wrote, or of a
    repository of the hub (`hf:owner/name`), in eval mode.

    It carries `preprocessing` and `classes`. Raises UserError for what is no run, or a damaged one.
    """
    return load_predictor(run).model


def load_predictor(run: str | Path) -> Predictor:
    """As `load`, with the record and the classes beside the Module."""
    path, flip = hub.fetch(str(run)) if hub.is_hub(run) else Path(run), False
    if path.suffix != ".safetensors":
        folder = RunFolder(path)
        flip = folder.config().recipe.test_flip  # a damaged or missing run is told as such
        path = folder.weights()
    elif not path.is_file():
        raise UserError(f"{path}: there is no such weight file")
    values, meta = read_safetensors(path)
    header = read_header(meta, path)
    arch = header.arch
    if header.keys != OWN:  # exported in another toolkit's words
        arch, values = convert(values, arch.renamed(header.net), header.keys, str(path))
    check_keys(values, tensors(arch), f"{path}: not the weights of the network it names")
    model = Model(arch)
    model.load_state_dict(values)
    model.preprocessing, model.classes = header.preprocessing, header.classes
    return Predictor(model.eval(), header.preprocessing, header.classes, header.net, flip)
