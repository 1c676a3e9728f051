"""Initialisations as values. `neocog.nn.initialise` draws them; here they are only named."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Init:
    """How one parameter starts. fan_in and fan_out are those the parameter declares."""

    types: ClassVar[dict[str, type["Init"]]] = {}

    def __init_subclass__(cls) -> None:
        Init.types[cls.__name__] = cls


@dataclass(frozen=True, slots=True)
class Constant(Init):
    """Every number is `value`."""

    value: float = 0.0

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Normal(Init):
    """N(mean, std²)."""

    std: float
    mean: float = 0.0

    def __str__(self) -> str:
        return f"N({self.mean:g}, {self.std:g}²)"


@dataclass(frozen=True, slots=True)
class Uniform(Init):
    """U(low, high)."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"U({self.low:g}, {self.high:g})"


@dataclass(frozen=True, slots=True)
class HeNormal(Init):
    """N(0, gain²/fan); He et al. 2015, eq. 10 (fan_in) and 14 (fan_out), gain √2 for ReLU."""

    fan: str = "fan_in"
    gain: float = 2**0.5

    def __str__(self) -> str:
        return f"He ({self.fan.replace('_', '-')})"


@dataclass(frozen=True, slots=True)
class GlorotUniform(Init):
    """U(±√(6/(fan_in+fan_out))); Glorot & Bengio 2010, eq. 16."""

    def __str__(self) -> str:
        return "Glorot"


@dataclass(frozen=True, slots=True)
class CaffeXavier(Init):
    """U(±√(3/fan_in)): what Caffe's filler "xavier" does unless told otherwise."""

    def __str__(self) -> str:
        return "Caffe's xavier"


@dataclass(frozen=True, slots=True)
class FanInUniform(Init):
    """U(±scale/fan_in); LeCun et al. 1998, appendix A, with scale 2.4."""

    scale: float = 2.4

    def __str__(self) -> str:
        return f"U(±{self.scale:g}/fan-in)"


@dataclass(frozen=True, slots=True)
class TorchDefault(Init):
    """U(±1/√fan_in): what torch.nn gives convolutions and linear layers when nothing is said."""

    def __str__(self) -> str:
        return "U(±1/√fan-in)"


@dataclass(frozen=True, slots=True)
class GroupIdentity(Init):
    """A convolution that passes its maps on (Yu & Koltun 2016, equation 4; equation 5 where their number changes).

    Maps fall into `groups` equal runs. The middle tap from an input map to an output map of the same run is
    groups/out, every other number N(0, std²), which tells the maps of one run apart.
    """

    groups: int
    std: float = 0.0

    def __str__(self) -> str:
        return f"identity of {self.groups} maps" + (f" + N(0, {self.std:.2g}²)" if self.std else "")


@dataclass(frozen=True, slots=True)
class Dirac(Init):
    """The first filters of a convolution pass its maps on, one each, as long as there are; the others as TorchDefault.

    Jordan 2024, section 3.2; Zagoruyko & Komodakis 2017 for the idea.
    """

    def __str__(self) -> str:
        return "identity, then U(±1/√fan-in)"


@dataclass(frozen=True, slots=True)
class Codes(Init):
    """Fixed rows of -1 and +1 (LeNet-5's output codes); each code is a row of bits, most significant first."""

    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "fixed codes" if self.rows else "random ±1 codes"


@dataclass(frozen=True, slots=True)
class Oriented(Init):
    """The Neocognitron's start: each plane weakly prefers an orientation of its own, and nothing is random (Fukushima 1980).

    Plane k of K prefers a line through the centre at the angle πk/K, and of C input planes κ those with κ/C near k/K:
    a = scale · exp(−distance from the line²) · (1 − |κ/C − k/K|), without the last factor where C is 1. The paper names these
    dependences; the form is ours.
    """

    scale: float = 1e-3

    def __str__(self) -> str:
        return f"oriented, up to {self.scale:g}"
