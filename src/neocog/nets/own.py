"""A network of the user's own: a line in the text form, as a network that every verb takes."""

from collections.abc import Callable
from datetime import date
from functools import partial

from neocog.arch import Architecture, Shape
from neocog.arch.textform import INPUT, TextError, canonical, input_of, parse, read
from neocog.nets.card import Card
from neocog.nets.recipe import Recipe
from neocog.pictures.preprocessing import Preprocessing


def own(text: str) -> tuple[str, Callable[[], Architecture], Card, Callable[[Shape], Architecture] | None]:
    """(name, build, card, build for another size) of a line. The last is None where the line says its size.

    The name is the line itself, written in one way, so that the same line names the same network. Raises TextError.
    """
    line = read(text)
    said = input_of(line)
    shape, name = said or INPUT, canonical(line)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise TextError(text, line.input.column, f"pictures are grey (1) or in colour (3), not of {shape[0]} channels")
    parse(text)  # what is wrong is told now, with its column
    card = Card(
        title="A network of your own",
        paper=name,
        authors="In the text form",
        venue=f"For pictures of {'x'.join(map(str, shape))}" + ("" if said else ", or what the data has"),
        year=date.today().year,
        preprocessing=Preprocessing(shape[1], shape[2], "L" if shape[0] == 1 else "RGB", mean=(0.5,), std=(0.25,)),
        quick=Recipe(lr=0.02, nesterov=True, weight_decay=5e-4, batch=64, label_smoothing=0.1, augment=("flip",)),
        notes=("Starts from He et al. 2015; a recipe that suits small nets with or without batch normalisation.",),
    )
    return name, partial(parse, name), card, None if said else partial(parse, name)
