"""The recipes of a network: the quick one and the paper's, which its card has, and a modern one, worked out."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from neocog.nets.recipe import Recipe

if TYPE_CHECKING:
    from neocog.nets.registry import Net

SMALL = 64  # pixels: up to here pictures are padded and cropped; larger ones are cut from what they are

# torchvision's second recipe for ResNet-50: SGD, 0.5 for batches of 1024, five epochs of warm-up, a cosine, TrivialAugment,
# erasing, mixup or cutmix, smoothing, no decay of normalisation, a mean of the weights with 0.99998 every 32 steps.
MODERN = Recipe(
    name="modern",
    label_smoothing=0.1,
    lr=0.125,
    momentum=0.9,
    weight_decay=5e-5,
    decay="weights",
    ema=0.9994,
    schedule="cosine",
    warmup=0.05,
    batch=256,
    epochs=100,
    augment=("resized-crop=0.08:1", "flip", "trivialaugment", "erasing=0.1", "mixup=0.2", "cutmix=1"),
    source="torchvision's second recipe of 2021 for ResNet-50 (600 epochs, decay 2e-5), in RSB A3's 100 epochs; decay ours",
)
SMALL_MODERN = replace(
    MODERN,
    lr=0.1,
    nesterov=True,
    weight_decay=5e-4,
    ema=0.999,
    batch=128,
    augment=("crop", "flip", "trivialaugment", "erasing=0.25", "cutmix=1:0.5"),
    source="torchvision's second recipe of 2021, for small pictures: rate and decay of Wide ResNet; the rest ours",
)
DIGITS = ("shift", "erasing=0.25", "mixup=0.2:0.5")  # grey pictures have no colours to change, and rarely another side


def recipes(net: "Net") -> dict[str, Recipe]:
    """All recipes of a network by their names, "quick" first."""
    card = net.card
    found = {"quick": card.quick}
    if card.paper_recipe is not None:
        found["paper"] = card.paper_recipe
    if (recipe := modern(net)) is not None:
        found["modern"] = recipe
    return found


def modern(net: "Net") -> Recipe | None:
    """A strong recipe of today: for convolutional nets that learn by cross-entropy, others have none.

    Without batch normalisation the rate that it allows would not do: AdamW then, as ConvNeXt has it, with smaller steps.
    """
    from neocog.arch import BatchNorm2d, Conv2d, DepthwiseConv2d, LayerNorm2d

    card = net.card
    if card.quick.learner != "sgd" or card.quick.loss != "cross_entropy":
        return None
    arch = net.build()
    records = {type(node.record) for node in arch.nodes}
    if arch.head is None or not records & {Conv2d, DepthwiseConv2d}:
        return None
    small = max(card.preprocessing.height, card.preprocessing.width) <= SMALL
    recipe = SMALL_MODERN if small else MODERN
    if card.preprocessing.color == "L":
        recipe = replace(recipe, augment=DIGITS)
    if BatchNorm2d in records:
        return recipe
    lr = 1e-3 if LayerNorm2d in records else 3e-4
    return replace(
        recipe,
        optimizer="adamw",
        lr=lr,
        nesterov=False,
        rho=0.999,
        weight_decay=0.05,
        clip=1.0,
        source=f"{recipe.source}. Without batch normalisation: AdamW and its decay from ConvNeXt's, rate and clipping ours",
    )


def used(recipe: Recipe) -> Iterator[str]:
    """The fields that change anything under this recipe, in their order."""
    first = recipe.optimizer in ("sgd", "caffe-sgd")
    falls, sgd = recipe.schedule == "step", recipe.learner == "sgd"
    needs = {
        "competition": recipe.loss == "map",
        "label_smoothing": recipe.loss == "cross_entropy",
        "momentum": recipe.optimizer != "lm",
        "nesterov": recipe.optimizer == "sgd",
        "rho": not first and recipe.optimizer != "lm",
        "eps": not first and recipe.optimizer != "muon",
        "decay": recipe.weight_decay > 0,
        "warmup_hold": recipe.warmup > 0,
        "milestones": falls,
        "factors": falls and bool(recipe.factors),
        "gamma": (falls and not recipe.factors) or recipe.schedule in ("exponential", "inv", "plateau"),
        "power": recipe.schedule in ("poly", "inv"),
        "patience": recipe.schedule == "plateau",
    }
    always = ("name", "learner", "lr", "batch", "epochs", "augment", "source")
    for field in fields(recipe):
        if (sgd and needs.get(field.name, True)) or field.name in always:
            yield field.name
