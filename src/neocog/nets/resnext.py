"""ResNeXt (Xie, Girshick, Dollár, Tu & He 2016): bottlenecks whose 3×3 is split into groups."""

from dataclasses import replace

from neocog.arch import Architecture, Sequential
from neocog.nets.card import Card, Result
from neocog.nets.registry import register
from neocog.nets.resnet import DEPTHS, FACEBOOK, bottleneck, on_imagenet, stages, stride_at
from neocog.nets.usual import IMAGENET, QUICK


def resnext(name: str, depth: int, cardinality: int, width: int, num_classes: int = 1000) -> Architecture:
    """Table 1, form (c) of figure 3: `cardinality` groups, `width` maps each in the first stage ("32×4d").

    The stride stands in the 3×3, as in fb.resnet.torch (section 4). N×3×224×224 → N×classes.
    """

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        out = 256 * 2**i
        inner = cardinality * width * 2**i
        return bottleneck(before, inner, stride_at(i, j), out=out, groups=cardinality), out

    return on_imagenet(name, stages(64, DEPTHS[depth], unit), num_classes)


# Section 4: a tenth three times, as in fb.resnet.torch; the 100 passes are those of the authors' code.
PAPER_RECIPE = replace(
    FACEBOOK,
    milestones=(0.3, 0.6, 0.9),
    epochs=100,
    source="Section 4: a tenth three times, as in fb.resnet.torch, whose pictures these are; the 100 epochs are unverified",
)
# Tables 3 and 4 and the authors' repository: depth, groups, maps in each, error; torchvision's resize, errors.
NETS = {
    "resnext50_32x4d": (50, 32, 4, 22.2, (256, 22.382, 6.302)),
    "resnext101_32x4d": (101, 32, 4, 21.2, None),
    "resnext101_64x4d": (101, 64, 4, 20.4, (232, 16.754, 3.546)),
    "resnext101_32x8d": (101, 32, 8, None, (256, 20.688, 5.474)),
}


def _register(name: str) -> None:
    depth, cardinality, width, error, published = NETS[name]
    results = [Result("ILSVRC-2012 val", "1 centre crop", error)] if error else []
    notes = ["The network of the ResNet paper with the stride in the 3×3 and groups; as much work at 32×4d."]
    if error is None:
        notes.append("No net of the paper, though in its form: the width that later work trained on unlabelled pictures.")
    if published:
        crop = f"1 centre crop of 224 from {published[0]}, torchvision's weights"
        results.append(Result("ILSVRC-2012 val", crop, *published[1:]))
    register(
        name,
        lambda: resnext(name, depth, cardinality, width),
        Card(
            title=f"ResNeXt-{depth} ({cardinality}×{width}d)",
            paper="Aggregated residual transformations for deep neural networks",
            authors="S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He",
            venue="CVPR 2017 (arXiv 1611.05431)",
            year=2016,
            preprocessing=IMAGENET,
            results=tuple(results),
            paper_recipe=PAPER_RECIPE,
            quick=QUICK,
            notes=tuple(notes),
            same_as=((f"tv:{name}",) if published else ()) + (f"timm:{name}",),
        ),
    )


for _name in NETS:
    _register(_name)
