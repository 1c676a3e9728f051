"""What convolutional networks replaced: near neighbours, and linear classifiers of HOG and of SIFT's visual words.

Architectures like any other: descriptors are layers without weights, a codebook and known pictures are weights that are not
learned by gradients, and the classifier is the head. What learns them is named by the recipe.
"""

from collections.abc import Callable
from dataclasses import replace

from neocog.arch import (
    HOG,
    SIFT,
    AdaptiveAvgPool2d,
    Architecture,
    Concat,
    Flatten,
    Linear,
    Neighbours,
    Power,
    Scale,
    Sequential,
    Shape,
    VisualWords,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

LEAST, LARGE_ENOUGH = 24, 32  # pixels: smaller pictures are enlarged to at least so many
WORDS = 200  # Lazebnik et al. 2006: 200 or 400
KNOWN = 10_000  # pictures, before a training says how many it has
SVM = Recipe(learner="svm", augment=(), epochs=1.0, batch=1)
NEAREST = Recipe(learner="neighbours", augment=(), epochs=1.0, batch=1)


def hog_svm(num_classes: int = 10) -> Architecture:
    """One descriptor of the picture, one linear SVM a class. N×3×128×128 → 8,100 numbers → N×classes."""
    return architecture("hog-svm", (3, 128, 128), Sequential(hog=HOG(), flatten=Flatten(), svm=head(Linear(num_classes))))


def sift_svm(num_classes: int = 10) -> Architecture:
    """At two scales: descriptors, the nearest of 200 words, how often each stands in the whole and in each quarter, and the
    root of that; one linear SVM a class on all. N×3×128×128 → 2,000 numbers → N×classes."""
    return architecture("sift-svm", (3, 128, 128), Sequential(
        bags=Concat(fine=bag(1), coarse=bag(2)),
        svm=head(Linear(num_classes)),
    ))  # fmt: skip


def bag(times: int) -> Sequential:
    """Descriptors of `times` the smallest cells → the root of a two-level pyramid of word counts, 5·words numbers.

    A quarter counts a quarter, so that both levels weigh the same (Lazebnik et al. 2006, equation 3 with L = 1).
    """
    return Sequential(
        sift=SIFT(times=times),
        words=VisualWords(WORDS),
        pyramid=Concat(
            whole=Sequential(pool=AdaptiveAvgPool2d(1), flatten=Flatten()),
            quarters=Sequential(pool=AdaptiveAvgPool2d(2), flatten=Flatten(), share=Scale(0.25)),
        ),
        root=Power(0.5),
    )


def knn(name: str, k: int, num_classes: int = 10) -> Architecture:
    """The classes of the k nearest known pictures, pixel by pixel. N×3×32×32 → N×classes."""
    layers = Sequential(flatten=Flatten(), nearest=head(Neighbours(num_classes, KNOWN, k)))
    return architecture(name, (3, 32, 32), layers)


def sized(build: Callable[[], Architecture], least: int = 1) -> Callable[[Shape], Architecture]:
    """The same for pictures of another shape; those with a side below `least` are taken a whole number of times as large."""

    def at(shape: Shape) -> Architecture:
        channels, height, width = shape
        times = -(-LARGE_ENOUGH // min(height, width)) if min(height, width) < least else 1
        return replace(build(), input=(channels, height * times, width * times))

    return at


def _pictures(side: int) -> Preprocessing:
    return Preprocessing(side, side, resize="squash")


register("hog-svm", hog_svm, Card(
    title="HOG + linear SVM",
    paper="Histograms of oriented gradients for human detection",
    authors="N. Dalal, B. Triggs", venue="CVPR 2005", year=2005,
    preprocessing=_pictures(128), quick=SVM,
    notes=(
        "The paper's default descriptor: [−1, 0, 1] without smoothing, the channel with the largest gradient, 9 unsigned "
        "orientations, cells of 8×8 pixels, overlapping blocks of 2×2 cells under a Gaussian, L2-hys. 64×128, its window of a "
        "person, gives 3,780 numbers (--input 3x128x64).",
        "Pictures of up to 64 pixels are read at their own size, with cells of 4 where the shorter side is below 64 and "
        "enlarged to 32 or more where it is below 24; larger ones are squashed to 128×128, which a detector need not.",
        "The paper's SVM tells persons from the rest; here one a class does, against all others (squared hinge, biases "
        "regularised, as in LIBLINEAR), with the strength that loses least on held-out pictures.",
    ),
), sized(hog_svm, LEAST))  # fmt: skip

register("sift-svm", sift_svm, Card(
    title="SIFT words + linear SVM",
    paper="Beyond bags of features: spatial pyramid matching for recognizing natural scene categories",
    authors="S. Lazebnik, C. Schmid, J. Ponce", venue="CVPR 2006", year=2006,
    preprocessing=_pictures(128), quick=SVM,
    notes=(
        "SIFT is Lowe's (IJCV 2004), upright and on a dense grid; words are those of Csurka et al. (2004): 200 by k-means of "
        "descriptors of training pictures, for each scale its own; the pyramid is the paper's with L = 1: whole and quarters.",
        "Windows of 16 and 32 pixels every 4 (the paper's: 16 every 8, one scale, of larger pictures), of half that where the "
        "shorter side is below 64. Pictures of up to 64 pixels are read at their own size, enlarged to 32 or more where it is "
        "below 24; larger ones are squashed to 128×128.",
        "The paper's SVM has the pyramid's intersection kernel, which every training picture takes part in. Here it is linear "
        "in the roots of the counts, which is Hellinger's kernel and close to that one (Vedaldi & Zisserman 2012).",
    ),
), sized(sift_svm, LEAST))  # fmt: skip


def _register_knn(name: str, k: int) -> None:
    def build() -> Architecture:
        return knn(name, k)

    register(name, build, Card(
        title=f"{k} nearest neighbours" if k > 1 else "The nearest neighbour",
        paper="Nearest neighbor pattern classification",
        authors="T. Cover, P. Hart", venue="IEEE Transactions on Information Theory 13(1), 21–27", year=1967,
        preprocessing=_pictures(32), quick=NEAREST,
        results=(Result("MNIST", "one picture as it is, LeCun et al. 1998", 5.0, verified=False),) if k > 1 else (),
        notes=(
            "Pictures of up to 64 pixels are compared pixel by pixel as they are; larger ones are squashed to 32×32 first, as "
            "Torralba et al. (2008) had them.",
            "Nothing is learned: the training pictures are the parameters, a byte a pixel, up to 60,000 of them and 200 "
            "million bytes, of every class its share. The list counts 10,000 in colour.",
            "Scores are logarithms of the shares of the votes, so that probabilities are shares.",
        ),
    ), sized(build))  # fmt: skip


_register_knn("knn", 5)
_register_knn("knn.1", 1)
