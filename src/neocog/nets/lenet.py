"""LeNet-5 as published in 1998, and the two nets that usually go by its name."""

from dataclasses import replace

from neocog.arch import (
    RBF,
    Architecture,
    CaffeXavier,
    Codes,
    Constant,
    Conv2d,
    FanInUniform,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Scale,
    Sequential,
    Subsampling,
    TableConv2d,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import squash
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import MNIST
from neocog.pictures.preprocessing import Preprocessing

PAPER = "Gradient-based learning applied to document recognition"
AUTHORS = "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner"

# Table I: the maps of S2 that each map of C3 reads.
C3 = ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
      (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
      (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5))  # fmt: skip

# Figure 3: ten digits as 7×12 bitmaps, one hexadecimal byte a row from the top, seven bits each. From a public
# transcription; the lone top bars of 0, 2, 4 and 5 may belong to the figure, not to the codes.
BITMAPS = (
    "3e 00 1c 36 63 63 63 63 36 1c 00 00", "0c 1c 3c 0c 0c 0c 0c 0c 0c 3f 00 00", "3e 00 3e 63 43 06 1c 30 60 7f 00 00",
    "7f 03 06 0c 1e 03 03 03 63 3e 00 00", "3e 00 00 33 33 73 63 63 67 3f 03 03", "3e 00 7f 60 60 3c 1e 03 63 3e 00 00",
    "1e 30 60 60 7e 73 63 63 73 3e 00 00", "7f 03 03 06 0c 0c 18 18 18 18 00 00", "3e 63 63 63 3e 63 63 63 63 3e 00 00",
    "3e 67 63 63 67 3f 03 03 06 3c 00 00",
)  # fmt: skip
CODES = Codes(tuple("".join(f"{int(row, 16):07b}" for row in bitmap.split()) for bitmap in BITMAPS))


def lenet5(num_classes: int = 10) -> Architecture:
    """LeCun et al. 1998, section II.B: 60,000 trained parameters, 340,908 connections. N×1×32×32 → N×classes scores.

    The RBF units give squared distances to fixed codes; their negative is the score.
    """
    init = FanInUniform(2.4)  # appendix A; fan-in counts the links of each unit

    return architecture("lenet5", (1, 32, 32), Sequential(
        C1=Conv2d(6, 5, init=init, bias_init=init), C1_squash=squash(),
        S2=Subsampling(2, 2, init=init, bias_init=init), S2_squash=squash(),
        C3=TableConv2d(C3, 5, init=init, bias_init=init), C3_squash=squash(),
        S4=Subsampling(2, 2, init=init, bias_init=init), S4_squash=squash(),
        C5=Conv2d(120, 5, init=init, bias_init=init), C5_squash=squash(),
        flatten=Flatten(),
        F6=Linear(84, init=init, bias_init=init), F6_squash=squash(),
        output=head(RBF(num_classes, init=CODES if num_classes == 10 else Codes())),
        score=Scale(-1),
    ))  # fmt: skip


def lenet5_modern(num_classes: int = 10) -> Architecture:
    """What most code calls LeNet-5: full C3, ReLU, max pooling, a linear layer under softmax. 61,706 parameters."""
    return architecture("lenet5.modern", (1, 32, 32), Sequential(
        conv1=Conv2d(6, 5), relu1=ReLU(), pool1=MaxPool2d(2, 2),
        conv2=Conv2d(16, 5), relu2=ReLU(), pool2=MaxPool2d(2, 2),
        conv3=Conv2d(120, 5), relu3=ReLU(), flatten=Flatten(),
        fc1=Linear(84), relu4=ReLU(),
        fc2=head(Linear(num_classes)),
    ))  # fmt: skip


def lenet_caffe(num_classes: int = 10) -> Architecture:
    """Caffe's examples/mnist/lenet.prototxt: 20 and 50 maps, one ReLU, 431,080 parameters."""
    start = {"init": CaffeXavier(), "bias_init": Constant(0.0)}
    return architecture("lenet.caffe", (1, 28, 28), Sequential(
        conv1=Conv2d(20, 5, **start), pool1=MaxPool2d(2, 2, ceil=True),
        conv2=Conv2d(50, 5, **start), pool2=MaxPool2d(2, 2, ceil=True), flatten=Flatten(),
        ip1=Linear(500, **start), relu1=ReLU(),
        ip2=head(Linear(num_classes, **start)),
    ))  # fmt: skip


# Section II.B: background -0.1, ink 1.175, so that a mean picture is 0 and the variance 1. 28×28 digits lie in 32×32.
LECUN = Preprocessing(32, 32, color="L", resize="pad", mean=(0.1 / 1.275,), std=(1 / 1.275,))

# From appendix A's start next to nothing reaches F6, h is tiny there and the first rates too high: the loss climbs from 84 to
# 210 within 250 pictures and stays. From unit variance it falls at once.
# One picture at a time, 20 passes: η for passes 1-2, 3-5, 6-8, 9-12 and the rest. μ = 0.02, second derivatives of 500 pictures.
LEVENBERG = Recipe(
    name="paper", loss="map", competition=10.0, optimizer="lm", lr=5e-4, momentum=0.0, eps=0.02, weight_decay=0.0,
    schedule="step", warmup=0.0, milestones=(0.1, 0.25, 0.4, 0.6), factors=(0.4, 0.2, 0.1, 0.02), batch=1, epochs=20,
    augment=(), start="unit-variance",
    source="Section III.B and appendix C (μ and the last rates unverified). The paper gives no j for eq. 9, and says nothing "
    "of unit variance, without which the first rates are too high here",
)  # fmt: skip
# Caffe's "inv" with gamma = 1e-4 over 10,000 steps.
SOLVER = Recipe(
    name="paper", optimizer="caffe-sgd", lr=0.01, momentum=0.9, weight_decay=5e-4, bias_lr=2.0, schedule="inv", warmup=0.0,
    gamma=1.0, power=0.75, batch=64, epochs=10.7, augment=(), source="Caffe's lenet_solver and lenet_train_test files",
)  # fmt: skip

register("lenet5", lenet5, Card(
    title="LeNet-5", paper=PAPER, authors=AUTHORS, venue="Proc. IEEE 86(11), 2278–2324", year=1998,
    preprocessing=LECUN,
    results=(Result("MNIST", "one picture as it is", 0.95),
             Result("MNIST", "one picture as it is, trained on 540,000 distorted pictures too", 0.8)),
    paper_recipe=LEVENBERG,
    quick=Recipe(loss="map", competition=10.0, lr=0.006, weight_decay=0.0, batch=64, epochs=10, augment=("shift",)),
    notes=("Trainable sub-sampling, the C3 table, 1.7159·tanh(2x/3), fixed RBF codes. 60,000 trained parameters and 840 fixed.",
           "Losses: MAP with j (eq. 9) by default, `mle` (eq. 8) on request. The quick recipe is SGD with momentum.",
           "The digits' bitmaps come from a public transcription that was not compared with the paper's figure."),
    deviations=("Most code called LeNet-5 is `lenet5.modern`: full C3, ReLU, max pooling, softmax.",
                "Caffe's `lenet` is another net: see lenet.caffe."),
))  # fmt: skip

register("lenet5.modern", lenet5_modern, Card(
    title="LeNet-5, modernised", paper=PAPER, authors=AUTHORS, venue="Proc. IEEE 86(11), 2278–2324", year=1998,
    preprocessing=replace(MNIST, height=32, width=32),
    quick=Recipe(lr=0.1, nesterov=True, weight_decay=5e-4, batch=128, epochs=10, augment=()),
    notes=("Not the paper's network: its layer sizes with today's parts. `neocog diff lenet5 lenet5.modern` shows how.",),
))  # fmt: skip

register("lenet.caffe", lenet_caffe, Card(
    title="LeNet (Caffe)", paper="Caffe, examples/mnist", authors="Berkeley Vision and Learning Center", venue="BVLC/caffe",
    year=2013, preprocessing=Preprocessing(28, 28, color="L", resize="pad", scale=1 / 256),
    paper_recipe=SOLVER,
    quick=Recipe(lr=0.05, nesterov=True, weight_decay=5e-4, batch=64, epochs=10, augment=()),
    notes=("20-50-500-10 with max pooling and a single ReLU; pixels are scaled by 1/256.",),
))  # fmt: skip
