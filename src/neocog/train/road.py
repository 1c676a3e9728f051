"""Which way a training goes: from scratch, on from weights, or a linear classifier on the features of a frozen network."""

from dataclasses import dataclass, fields, replace

from neocog.errors import UserError, nearest
from neocog.nets import Net, Recipe, resolve
from neocog.nets.card import Card
from neocog.pictures.augment.spec import without_mirroring
from neocog.pictures.sets import Dataset
from neocog.train.choose import SMALL, Choice, choose_recipe, default_net, fit
from neocog.train.frozen import backbones
from neocog.train.frozen.readout import readout
from neocog.train.optim.freeze import frozen_paths
from neocog.train.starts.start import OnProgress, Start, read_source, start
from neocog.train.wishes import Wishes
from neocog.weights.imported import Imported

AUTO = "quick"  # the recipe that leaves the way open
FEATURES = Recipe(
    name="features",
    learner="features",
    batch=16,
    epochs=1,
    augment=("flip",),
    source="the head is solved for, not trained in steps: rates mean nothing here",
)
FINETUNE = Recipe(
    name="finetune",
    lr=0.002,
    head_lr=10.0,
    nesterov=True,
    weight_decay=1e-4,
    label_smoothing=0.1,
    warmup=0.1,
    batch=16,
    epochs=15,
    augment=("flip", "crop"),
    source="the body at a tenth of the head's rate, which is about that of the quick recipes from scratch",
)
OWN = {recipe.name: recipe for recipe in (FEATURES, FINETUNE)}


@dataclass(frozen=True)
class Road:
    """A network fitted to the data, how it is trained, what it begins from (None: from chance), and why all that."""

    net: Net
    choice: Choice
    recipe: Recipe
    start: Start | None
    reasons: tuple[str, ...]


def choose(data: Dataset, wishes: Wishes, on_fetch: OnProgress | None = None) -> Road:
    """The road that `wishes` name, or that suits the data. Raises UserError or ShapeError for what cannot be.

    Weights alone, named or found, make the fast road: features and a linear head. With a network's name, a length or
    anything of a recipe beside them, the whole network is trained on, all of it unless something is frozen.
    """
    words, reasons = wishes.weights, []
    recipe = (dict(wishes.changes).get("learner") == "features" and FEATURES.name) or wishes.recipe
    plain = recipe == AUTO and not (wishes.epochs or wishes.steps or wishes.budget or wishes.changes)
    if words == backbones.NONE:
        words, found = None, backbones.Found(f"--weights {words}")
    elif words is not None:
        found = backbones.Found("", words, read_source(words, wishes.net, on_fetch))
    elif recipe in OWN and wishes.net is not None:
        raise UserError(f"--recipe {recipe} goes on from weights: name them (--weights RUN, FILE or pretrained)")
    elif recipe in OWN or (plain and wishes.alone and wishes.net is None and max(data.size[:2]) > SMALL):
        found = backbones.find(on_fetch)
    else:
        found = backbones.Found("")
    if found.source is None:
        if recipe in OWN:
            raise UserError(f"--recipe {recipe} goes on from weights: {found.why}")
        return _scratch(data, wishes, found.why)
    if recipe == AUTO:
        fast = plain and wishes.net is None and readout(found.source.arch) is not None
        recipe = FEATURES.name if fast else FINETUNE.name
        if fast:
            reasons.append(f"the fast road: the features of {found.source.net}, frozen, and a linear classifier on them"
                           + (f" ({found.why})" if found.why else "") + "; --recipe finetune trains all of it")  # fmt: skip
    if recipe == FEATURES.name and (wishes.epochs or wishes.steps or wishes.budget):
        raise UserError("the fast road looks at each picture once and has no length: leave out --epochs, --steps and --budget")
    channels = data.size[2] if recipe != FEATURES.name else None  # grey pictures are read as colour: exact, and as fast
    made = start(found.source, found.words, data.classes, channels, wishes.side)
    net = _net(found.source)
    choice = Choice(made.arch, made.preprocessing, False, made.notes)
    how = _changed(_recipe(net, recipe, data.flip), wishes, choice)
    if how.learner not in ("sgd", FEATURES.learner):
        raise UserError(f"--weights {found.words}: the learner {how.learner} begins from nothing; leave one of the two out")
    return Road(net, choice, how, made, tuple(reasons))


def _scratch(data: Dataset, wishes: Wishes, why_none: str) -> Road:
    name, why = (wishes.net, "") if wishes.net else default_net(data.size)
    net, reasons = resolve(name), [why_none] if why_none else []
    if why:
        reasons.append(f"net {name}: {why}; --net takes another")
    elif net.name != wishes.net and " " not in str(wishes.net):  # a line of text is only spelt another way
        reasons.append(f"{wishes.net} is {net.name} here")
    choice = fit(net, data.size, len(data.classes), wishes.side, alike=data.train.arrays is not None)
    recipe = _changed(choose_recipe(net, wishes.recipe, data.flip), wishes, choice)
    return Road(net, choice, recipe, None, tuple(reasons))


def _net(source: Imported) -> Net:
    """The network of some weights; one that is none of ours has a card that says so."""
    try:
        return resolve(source.net)
    except UserError:
        card = Card(source.net, source.net, "Imported", "from somebody else's files", 0, source.preprocessing)
        return Net(source.net, lambda: source.arch, card)


def _recipe(net: Net, name: str, flip: bool) -> Recipe:
    recipe = OWN.get(name)
    if recipe is None:
        return choose_recipe(net, name, flip)
    return recipe if flip else replace(recipe, augment=without_mirroring(recipe.augment))


def _changed(recipe: Recipe, wishes: Wishes, choice: Choice) -> Recipe:
    """The recipe with what the user wants otherwise; words for frozen layers become their paths."""
    changes = dict(wishes.changes)
    if changes.get("momentum") == 0 or changes.get("optimizer", "sgd") != "sgd":
        changes.setdefault("nesterov", False)  # there is nothing to look ahead along
    if changes.get("freeze"):
        changes["freeze"] = frozen_paths(choice.arch, changes["freeze"])
    known = {field.name for field in fields(recipe)} - {"name", "source"}
    for name in changes:
        if name not in known:
            near = nearest(name, known)
            hint = f": did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(sorted(known))}"
            raise UserError(f"a recipe has no field '{name}'{hint}")
    return replace(recipe, **changes)
