"""VGG (Simonyan & Zisserman 2014): the configurations A, A-LRN, B, C, D and E of table 1, and the later ones with BN."""

from neocog.arch import (
    LRN,
    Architecture,
    BatchNorm2d,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    GlorotUniform,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import IMAGENET, QUICK_PLAIN

# Table 1, stage by stage; -n is a 1×1 convolution to n maps.
CONFIGS: dict[str, tuple[tuple[int, ...], ...]] = {
    "A": ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    "B": ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    "C": ((64, 64), (128, 128), (256, 256, -256), (512, 512, -512), (512, 512, -512)),
    "D": ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    "E": ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}


def vgg(name: str, config: str, lrn: bool = False, bn: bool = False, num_classes: int = 1000) -> Architecture:
    """3×3 convolutions of stride 1, a 2×2 pool after each stage, three full connections; torchvision's paths.

    Start (section 3.1): Glorot's rule, which the paper found to do as well as growing the deeper nets from A; biases 0.
    """
    zero = Constant(0.0)
    start = {"init": GlorotUniform(), "bias_init": zero}
    features: list[object] = []
    for stage in CONFIGS[config]:
        for width in stage:
            one = width < 0
            features.append(Conv2d(abs(width), 1 if one else 3, padding=0 if one else 1, **start))
            features += [BatchNorm2d()] if bn else []
            features.append(ReLU())
            features += [LRN()] if lrn and len(features) == 2 else []
        features.append(MaxPool2d(2, 2))
    return architecture(name, (3, 224, 224), Sequential(
        features=Sequential(*features), flatten=Flatten(),
        classifier=Sequential(
            Linear(4096, **start), ReLU(), Dropout(0.5),
            Linear(4096, **start), ReLU(), Dropout(0.5), head(Linear(num_classes, **start)))))  # fmt: skip


STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="plateau",
    patience=5,
    warmup=0.0,
    batch=256,
    epochs=74,
    augment=("scale-jitter=256:512", "flip", "lighting=0.1"),
    source="Section 3.1: a tenth when the validation accuracy stalls, three times in 370,000 steps; how long to wait is ours. "
    "The nets of one training scale have scale-jitter=256:256 or 384:384",
)

# Table 3: one scale, dense evaluation; the best row of each configuration, which for C, D and E has scale jitter in training.
ERRORS = {
    "A": (29.6, 10.4),
    "A-LRN": (29.7, 10.5),
    "B": (28.7, 9.9),
    "C": (27.3, 8.8),
    "D": (25.6, 8.1),
    "E": (25.5, 8.0),
}
# Tables 3 to 7.
MORE = {
    "D": (Result("ILSVRC-2012 val", "dense, one scale of 256, trained at 256", 27.0, 8.8),
          Result("ILSVRC-2012 val", "dense, one scale of 384, trained at 384", 26.8, 8.7),
          Result("ILSVRC-2012 val", "dense, three scales", 24.8, 7.5),
          Result("ILSVRC-2012 val", "150 crops of three scales", 24.6, 7.5),
          Result("ILSVRC-2012 val", "150 crops and dense together", 24.4, 7.2)),
    "E": (Result("ILSVRC-2012 val", "dense, one scale of 256, trained at 256", 27.3, 9.0),
          Result("ILSVRC-2012 val", "dense, one scale of 384, trained at 384", 26.9, 8.7),
          Result("ILSVRC-2012 val", "dense, three scales", 24.8, 7.5),
          Result("ILSVRC-2012 val", "150 crops of three scales", 24.6, 7.4),
          Result("ILSVRC-2012 val", "150 crops and dense together", 24.4, 7.1),
          Result("ILSVRC-2012 test", "150 crops and dense together", None, 7.0),
          Result("ILSVRC-2012 val", "seven nets of configurations C, D and E, dense", 24.7, 7.5, nets=7),
          Result("ILSVRC-2014 test", "seven nets of configurations C, D and E, dense", None, 7.3, nets=7),
          Result("ILSVRC-2012 val", "two nets, D and E, crops and dense together", 23.7, 6.8, nets=2),
          Result("ILSVRC-2012 test", "two nets, D and E, crops and dense together", None, 6.8, nets=2)),
}  # fmt: skip


def _one_scale(label: str) -> Result:
    scale = "384, trained on scales of 256 to 512" if label in ("C", "D", "E") else "256, trained at 256"
    return Result("ILSVRC-2012 val", f"dense, one scale of {scale}", *ERRORS[label])


for _name, _config, _lrn, _bn in (
    ("vgg11", "A", False, False), ("vgg11.lrn", "A", True, False), ("vgg13", "B", False, False),
    ("vgg16.c", "C", False, False), ("vgg16", "D", False, False), ("vgg19", "E", False, False),
    ("vgg11_bn", "A", False, True), ("vgg13_bn", "B", False, True), ("vgg16_bn.c", "C", False, True),
    ("vgg16_bn", "D", False, True), ("vgg19_bn", "E", False, True),
):  # fmt: skip
    _label = "A-LRN" if _lrn else _config
    _notes = ("Batch normalisation is not in the paper; it came with later toolkits.",) if _bn else ()
    if _name == "vgg11":
        _notes = ("The paper first started A from N(0, 0.1²), which diverges here; Glorot's rule is its own later advice.",)
    if _name == "vgg11.lrn":
        _notes = ("LRN after the first convolution: the paper finds that it does not help.",)
    _same = (f"tv:{_name}", f"timm:{_name}") if "." not in _name else ()
    register(
        _name,
        lambda n=_name, c=_config, x=_lrn, b=_bn: vgg(n, c, x, b),
        Card(
            title=f"VGG-{_label}" + (" with BN" if _bn else ""),
            paper="Very deep convolutional networks for large-scale image recognition",
            authors="K. Simonyan, A. Zisserman",
            venue="ICLR 2015 (arXiv 1409.1556)",
            year=2014,
            preprocessing=IMAGENET,
            results=() if _bn else (_one_scale(_label), *MORE.get(_label, ())),
            paper_recipe=STEPS,
            quick=QUICK_PLAIN,
            notes=_notes,
            same_as=_same,
            deviations=(
                "torchvision starts from He's fan-out rule and subtracts mean and std; the paper only the mean pixel.",
            ),
        ),
    )
