"""The recipes of the networks: what the papers print about rates, worked out at the step; no torch."""

import subprocess
import sys
from dataclasses import replace

import pytest

from neocog.nets import Recipe, nets, resolve
from neocog.nets.recipes import modern, recipes, used
from neocog.nets.schedule import learning_rate
from neocog.pictures.augment.spec import parse_all

LEVENBERG = [5e-4] * 2 + [2e-4] * 3 + [1e-4] * 3 + [5e-5] * 4 + [1e-5] * 8
# (network, steps of the training, {step: rate}) as the papers and solver files print them
PRINTED = [
    ("lenet5", 20, dict(enumerate(LEVENBERG))),
    ("lenet.caffe", 10_000, {0: 0.01, 5000: 0.01 * 1.5**-0.75, 9999: 0.01 * 1.9999**-0.75}),
    ("caffenet", 450_000, {99_999: 0.01, 100_000: 1e-3, 200_000: 1e-4, 300_000: 1e-5, 449_999: 1e-6}),
    ("googlenet", 10_000_000, {319_999: 0.01, 320_000: 0.0096, 3_200_000: 0.01 * 0.96**10}),
    ("inception_v3", 1000, {19: 0.045, 20: 0.045 * 0.94, 999: 0.045 * 0.94**49}),
    ("resnet56.cifar", 64_000, {0: 0.1, 31_999: 0.1, 32_000: 0.01, 48_000: 0.001}),
    ("resnet110.cifar", 64_000, {0: 0.01, 399: 0.01, 400: 0.1, 32_000: 0.01}),
    ("resnet50", 600_000, {0: 0.1, 599_999: 0.001}),
    ("wrn28_10.cifar", 200, {59: 0.1, 60: 0.02, 120: 0.004, 160: 0.0008}),
    ("squeezenet1_0", 170_000, {0: 0.04, 85_000: 0.02, 169_999: 0.04 / 170_000}),
    ("shufflenet_v1", 300_000, {0: 0.5, 150_000: 0.25}),
    ("highway19.cifar", 400, {199: 0.025, 200: 0.0025, 300: 0.00025}),
    ("se_resnet50", 100, {29: 0.6, 30: 0.06, 60: 0.006}),
    ("densenet121", 90, {29: 0.1, 30: 0.01, 60: 0.001}),
    ("mobilenet_v2", 300, {0: 0.045, 1: 0.0441, 10: 0.045 * 0.98**10}),
    ("efficientnet_b0", 3500, {0: 0.256 / 50, 49: 0.256 * 0.97**2, 71: 0.256 * 0.97**2, 72: 0.256 * 0.97**3}),
    ("convnext_tiny", 300, {0: 4e-3 / 20, 19: 4e-3, 20: 4e-3, 160: 2e-3}),
    ("allcnn_c", 350, {199: 0.05, 200: 0.005, 250: 5e-4, 300: 5e-5}),
]


@pytest.mark.parametrize(("name", "steps", "rates"), PRINTED, ids=lambda v: v if isinstance(v, str) else "")
def test_rates_are_the_printed_ones(name: str, steps: int, rates: dict[int, float]):
    recipe = resolve(name).card.paper_recipe
    assert recipe is not None
    for step, rate in rates.items():
        assert learning_rate(recipe, step, steps) == pytest.approx(rate, rel=2e-3), step


# what else the papers print: (network, field, value)
FACTS = [
    ("alexnet", "optimizer", "caffe-sgd"), ("alexnet", "schedule", "plateau"), ("alexnet", "batch", 128),
    ("alexnet", "weight_decay", 5e-4), ("zfnet", "filter_rms", 0.1), ("zfnet", "epochs", 70), ("vgg16", "batch", 256),
    ("vgg16", "epochs", 74), ("googlenet", "bias_lr", 2.0), ("inception_v3", "eps", 1.0), ("inception_v3", "clip", 2.0),
    ("inception_v3", "label_smoothing", 0.1), ("inception_v4", "clip", 0.0), ("inception_v4", "optimizer", "tf-rmsprop"),
    ("mobilenet_v1", "decay", "not-depthwise"), ("mobilenet_v3_large", "batch", 4096), ("lenet5", "optimizer", "lm"),
    ("lenet5", "eps", 0.02), ("lenet5", "batch", 1), ("xception", "weight_decay", 1e-5), ("resnext50_32x4d", "lr", 0.1),
    ("convnext_base", "weight_decay", 0.05), ("wrn28_10.cifar", "nesterov", True), ("bn_inception", "lr", 0.0075),
]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "value"), FACTS)
def test_numbers_are_the_printed_ones(name: str, field: str, value: object):
    assert getattr(resolve(name).card.paper_recipe, field) == value


def test_lengths_are_the_printed_numbers_of_steps():
    pictures = {"imagenet": 1_281_167, "cifar": 45_000}
    known = {"resnet152": 600_000, "vgg19": 370_000, "caffenet": 450_000, "squeezenet1_0": 170_000, "resnet20.cifar": 64_000,
             "shufflenet_v2": 300_000, "googlenet": 10_000_000}  # fmt: skip
    for name, steps in known.items():
        recipe = resolve(name).card.paper_recipe
        assert recipe is not None
        assert recipe.epochs * pictures["cifar" if "cifar" in name else "imagenet"] / recipe.batch == pytest.approx(
            steps, rel=0.01
        ), name


def test_every_network_has_recipes_that_can_be_told_and_kept():
    """Every recipe of a paper or of today says where it is from, survives JSON, and cuts and flips at most once."""
    count = {"quick": 0, "paper": 0, "modern": 0}
    for net in nets().values():
        for name, recipe in recipes(net).items():
            count[name] += 1
            assert recipe.name == name or name == "quick"
            assert Recipe.from_json(recipe.to_json()) == recipe
            parse_all(recipe.augment)
            assert recipe.source or name == "quick" or recipe.learner != "sgd", net.name
    assert count["quick"] == len(nets()) and count["paper"] >= 149 and count["modern"] >= 150, count


def test_a_modern_recipe_suits_the_network():
    """SGD where normalisation allows its rate, AdamW where not; none for what has no convolution or another loss."""
    assert {name: (r.optimizer if (r := modern(resolve(name))) else None) for name in (
        "resnet50", "resnet20.cifar", "vgg16", "vgg16_bn", "convnext_tiny", "lenet5", "lenet5.modern", "perceptron", "mlp",
        "neocognitron", "context.basic")} == {
        "resnet50": "sgd", "resnet20.cifar": "sgd", "vgg16": "adamw", "vgg16_bn": "sgd", "convnext_tiny": "adamw",
        "lenet5": None, "lenet5.modern": "adamw", "perceptron": None, "mlp": None, "neocognitron": None,
        "context.basic": None}  # fmt: skip
    small, large, grey = (modern(resolve(name)) for name in ("resnet20.cifar", "resnet18", "lenet5.modern"))
    assert small and large and grey
    assert "crop" in small.augment and "resized-crop=0.08:1" in large.augment and "trivialaugment" not in grey.augment
    own = resolve("INPUT 3x48x48 [CONV 16 RELU POOL]*2 FC 10")
    assert set(recipes(own)) == {"quick", "modern"}


def test_only_what_matters_is_told():
    assert "milestones" not in set(used(Recipe())) and "momentum" in set(used(Recipe()))
    step = Recipe(schedule="step", milestones=(0.5,))
    assert {"milestones", "gamma"} <= set(used(step)) and "gamma" not in set(used(replace(step, factors=(0.3,))))
    assert {"rho", "eps"} <= set(used(Recipe(optimizer="tf-rmsprop"))) and not {"rho", "eps"} & set(used(Recipe()))
    assert "ema" not in set(used(Recipe(learner="neocognitron")))


def test_recipes_need_no_torch():
    code = ("import sys; from neocog.nets import resolve; from neocog.nets.recipes import recipes; recipes(resolve('resnet50'))"
            "; print([m for m in ('torch', 'numpy') if m in sys.modules])")  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
