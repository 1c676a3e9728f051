"""LeCun's nets of 1989: five that share more and more weights on 16×16 digits, and the zip-code net."""

from neocog.arch import (
    Architecture,
    ConstantPad2d,
    Conv2d,
    FanInUniform,
    Flatten,
    Linear,
    LocallyConnected2d,
    PlaceBias,
    Sequential,
    TableConv2d,
    Uniform,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import squash
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

INIT = FanInUniform(2.4)  # uniform in ±2.4/fan-in, biases as other weights


def border(kernel: int) -> ConstantPad2d:
    """What a window that moves by two needs beyond the map to give half its rows and columns: the background, -1."""
    before = kernel // 2
    after = kernel - 2 - before
    return ConstantPad2d(((before, after), (before, after)), -1.0)


def local(kernel: int) -> Sequential:
    """One map of units that each see a window of their own and share nothing."""
    return Sequential(border=border(kernel), units=LocallyConnected2d(1, kernel, 2, init=INIT, bias_init=INIT), squash=squash())


def shared(maps: int | tuple[tuple[int, ...], ...], kernel: int, inputs: int) -> Sequential:
    """Maps whose units share weights and have biases of their own; `maps` may be a table of the maps that each reads."""
    units = (
        Conv2d(maps, kernel, 2, bias=False, init=INIT)
        if isinstance(maps, int)
        else TableConv2d(maps, kernel, 2, bias=False, init=INIT)
    )
    bound = 2.4 / (inputs * kernel * kernel)
    return Sequential(border=border(kernel), units=units, bias=PlaceBias(Uniform(-bound, bound)), squash=squash())


def fc(out: int) -> Linear:
    """A full connection with the papers' start."""
    return Linear(out, init=INIT, bias_init=INIT)


# Hidden layers of Net-1 to Net-5.
HIDDEN = (
    {"flatten": Flatten()},
    {"flatten": Flatten(), "H1": fc(12), "H1_squash": squash()},
    {"H1": local(3), "H2": local(5), "flatten": Flatten()},
    {"H1": shared(2, 3, 1), "H2": local(5), "flatten": Flatten()},
    {"H1": shared(2, 3, 1), "H2": shared(4, 5, 2), "flatten": Flatten()},
)


def net(number: int, num_classes: int = 10) -> Architecture:
    """Net-1 to Net-5. N×1×16×16 → N×classes."""
    return architecture(f"lecun1989.net{number}", (1, 16, 16), Sequential(
        **HIDDEN[number - 1], output=head(fc(num_classes)), output_squash=squash(),
    ))  # fmt: skip


# Each map of H2 reads eight of H1's twelve; the paper does not say which. Here each block of four maps leaves out a third.
EIGHT_OF_TWELVE = tuple(tuple(m for m in range(12) if m // 4 != out) for out in (2, 0, 1) for _ in range(4))


def lenet1989(num_classes: int = 10) -> Architecture:
    """The zip-code net: 1,256 units, 64,660 connections, 9,760 weights. N×1×16×16 → N×classes."""
    return architecture("lenet1989", (1, 16, 16), Sequential(
        H1=shared(12, 5, 1), H2=shared(EIGHT_OF_TWELVE, 5, 8), flatten=Flatten(),
        H3=fc(30), H3_squash=squash(), output=head(fc(num_classes)), output_squash=squash(),
    ))  # fmt: skip


DIGITS = Preprocessing(16, 16, color="L", resize="squash", mean=(0.5,), std=(0.5,))  # background -1, ink 1
QUICK = Recipe(lr=0.02, weight_decay=0.0, batch=16, augment=())
LEARNED = ("The paper minimises the squared distance to targets of ±1, example by example, with a diagonal estimate of the "
           "second derivatives; the recipe here is cross-entropy on the same outputs.")  # fmt: skip

TITLES = ("no hidden layer", "12 hidden units", "locally connected", "shared weights in the first layer",
          "shared weights in both layers")  # fmt: skip
for _number, (_title, _error) in enumerate(zip(TITLES, (20.0, 13.0, 11.5, 6.0, 1.6), strict=True), 1):
    register(f"lecun1989.net{_number}", lambda n=_number: net(n), Card(
        title=f"Net-{_number}: {_title}", paper="Generalization and network design strategies", authors="Y. LeCun",
        venue="Connectionism in Perspective, Elsevier", year=1989, preprocessing=DIGITS,
        results=(Result("480 drawn digits of 16×16: 160 tested", "one picture as it is, 320 trained", _error, verified=False),),
        quick=QUICK,
        notes=(LEARNED, *(("Windows move by two in both layers; the -1 beyond the border is the zip-code net's.",)
                          if _number > 2 else ())),
    ))  # fmt: skip

register("lenet1989", lenet1989, Card(
    title="LeNet of 1989 (zip codes)", paper="Backpropagation applied to handwritten zip code recognition",
    authors="Y. LeCun, B. Boser, J. S. Denker, D. Henderson, R. E. Howard, W. Hubbard, L. D. Jackel",
    venue="Neural Computation 1(4), 541–551", year=1989, preprocessing=DIGITS,
    results=(Result("zip codes, 2,007 digits tested", "one picture as it is, 7,291 digits trained, 23 passes", 5.0),),
    quick=QUICK,
    notes=(LEARNED, "H2 reads eight of H1's twelve maps; the paper does not say which. Here they go four at a time."),
    deviations=("Many ports share one bias a map: 936 fewer numbers.",),
))  # fmt: skip
