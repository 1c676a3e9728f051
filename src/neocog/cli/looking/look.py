"""What the methods of `neocog explain` are given: the network, the picture, the pictures of a data set, and the wishes."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from neocog.cli.looking import WAYS
from neocog.cli.looking.named_picture import named_picture
from neocog.cli.progress import Progress
from neocog.errors import UserError
from neocog.explain.inside import pixels_of, shown
from neocog.explain.targets import class_named, layer_named, map_numbered
from neocog.files import cache_folder
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs import Predictor, load_predictor

if TYPE_CHECKING:
    from PIL import Image

    from neocog.arch import Architecture
    from neocog.cli.evaluate_split import Split
    from neocog.nets import Net
    from neocog.nn import Model
    from neocog.pictures.sets import Pictures


@dataclass
class Look:
    """One call of the command. `stop()` turns true once Ctrl-C or SIGTERM asked."""

    args: argparse.Namespace
    progress: Progress
    stop: Callable[[], bool] = lambda: False

    @property
    def method(self) -> str:
        """Its name."""
        return self.args.method

    @property
    def trained(self) -> bool:
        """Whether RUN is (or, by its slashes, would be) weights, not the name or text of a network."""
        run = self.args.run
        return Path(run).exists() or run.startswith("hf:") or ("/" in run and " " not in run)

    @cached_property
    def predictor(self) -> Predictor:
        """The classifier. A network's name stands for fresh weights where the method can do without trained ones."""
        if not self.trained and WAYS[self.method].untrained:
            return fresh(self.args.run, self.args.seed or 0)
        if not self.trained and is_name(self.args.run):
            raise UserError(
                f"{self.args.run} is a network's name, and --method {self.method} looks at trained weights: give the folder "
                "of a run (`neocog train`, `neocog import`); the methods marked * in --help take names"
            )
        return load_predictor(self.args.run)

    @property
    def model(self) -> "Model":
        """Its Module."""
        return self.predictor.model

    @property
    def net(self) -> str:
        """Its network's name."""
        return self.predictor.net

    @property
    def name(self) -> str:
        """The picture's file name."""
        return Path(self.args.image).name

    @cached_property
    def picture(self) -> "Image.Image":
        """The picture as it lies on disk, or in the data that its name is of."""
        return named_picture(self.args.image, self.args.run, self.args.data)

    @cached_property
    def pixels(self) -> np.ndarray:
        """The picture as the network gets it, uint8 H×W×C."""
        return pixels_of(self.model, self.picture)

    @property
    def view(self) -> np.ndarray:
        """The same as people look at it, uint8 H×W×3."""
        return shown(self.model, self.pixels)

    @cached_property
    def scores(self) -> np.ndarray:
        """What the network says of the picture, one number a class."""
        return self.predictor.scores(self.pixels[None])[0]

    @property
    def answer(self) -> int:
        """The class that it takes the picture for."""
        return int(np.argmax(self.scores))

    @property
    def target_class(self) -> int:
        """The class of --class, else the network's answer."""
        return self.answer if self.args.target is None else class_named(self.predictor.classes, self.args.target)

    @property
    def chance(self) -> np.ndarray:
        """The classes' probabilities."""
        return self.predictor.probabilities(self.scores[None])[0]

    def layer(self, default: str | None = None, maps: bool = True) -> str:
        """The one layer of --layer. Raises UserError for none or several where there is no default."""
        named = self.args.layer or ([default] if default else [])
        if len(named) != 1:
            raise UserError(f"--method {self.method} looks at one layer: name it with --layer, as `neocog show` lists them")
        return layer_named(self.model, named[0], maps)

    def layers(self, default: "tuple[str, ...]" = (), maps: bool = True) -> tuple[str, ...]:
        """All layers of --layer."""
        return tuple(layer_named(self.model, path, maps) for path in self.args.layer or default)

    def unit(self, path: str) -> int | None:
        """The map of --unit; None where none was named."""
        return None if self.args.unit is None else map_numbered(self.model, path, self.args.unit)

    @cached_property
    def split(self) -> "Split":
        """The pictures of --data: of the run's own data its test split, unless --split says another."""
        from neocog.cli.evaluate_split import choose_split

        return choose_split(self.args.run, [], self.args.data, self.args.split)

    def tell(self, name: str) -> Callable[[int, int], None]:
        """A function of (done, total) that moves the progress bar."""
        return lambda done, total: self.progress.update(name, done, total)


def is_name(run: str) -> bool:
    """Whether it is the name, or the text, of a network."""
    from neocog.nets import resolve

    try:
        resolve(run)
    except UserError:
        return False
    return True


def fresh(name: str, seed: int) -> Predictor:
    """A network by name or text with the weights that it begins with."""
    import torch

    from neocog.nets import resolve
    from neocog.nn import Model

    found = resolve(name)
    model = Model(found.build(), torch.Generator().manual_seed(seed)).eval()
    record = record_for(found, model.arch)
    names = tuple(f"class {i}" for i in range(model.num_classes))
    model.preprocessing, model.classes = record, names
    return Predictor(model, record, names, name)


def record_for(net: "Net", arch: "Architecture") -> Preprocessing:
    """How a network without weights gets its pictures: as its card says, else squashed to its size."""
    channels, *sides = arch.input if len(arch.input) == 3 else (0,)
    if not sides:
        raise UserError(f"{net.name} reads {arch.input[0]} numbers, no pictures")
    card = net.card.preprocessing
    if card is not None and [card.channels, card.height, card.width] == [channels, *sides]:
        return card
    return Preprocessing(sides[0], sides[1], "L" if channels == 1 else "RGB", "squash", mean=(0.5,), std=(0.25,))


def chosen_pictures(look: Look) -> "Pictures":
    """All of the split, or so many of them as --pictures says, evenly."""
    found = look.split.pictures
    some = look.args.pictures
    if some is None or some >= len(found):
        return found
    return found.subset(np.unique(np.linspace(0, len(found) - 1, some).round().astype(int)))


def kept_in(look: Look) -> Path:
    """Where long work is kept."""
    return Path(look.args.cache) if look.args.cache else cache_folder() / "explain"


def short(name: str) -> str:
    """A network's name; of a text that is one, its beginning."""
    return name if len(name) <= 60 else name[:57].rstrip() + "…"


def data_words(look: Look) -> str:
    """Which pictures: "cifar10, test"."""
    name = look.split.data.get("name") or look.args.data
    some = look.args.pictures
    some = f", {some:,} evenly chosen" if some and some < len(look.split.pictures) else ""
    return f"{name}, {look.split.what}{some}"
