"""What a dense pass costs beside crops, from the layer table. No torch."""

from dataclasses import dataclass

from neocog.arch import Architecture, analyse
from neocog.arch.rewrite import fully_convolutional, one_answer
from neocog.errors import ShapeError, UserError
from neocog.evaluate.protocol import Protocol


@dataclass(frozen=True)
class Cost:
    """What one dense pass over a square picture costs: the places of its map, its MACs, and those of a crop for each place.

    averaged: the pool because of which the network gives one answer; places are then those of the map that it averages.
    """

    side: int
    places: tuple[int, int]
    macs: int
    crop_macs: int
    averaged: str = ""

    @property
    def saving(self) -> float:
        """How many times fewer MACs than a crop at each place would cost."""
        return self.places[0] * self.places[1] * self.crop_macs / self.macs

    def sentence(self) -> str:
        """In words."""
        high, wide = self.places
        if self.averaged:
            return (
                f"dense at {self.side}: one answer from {high}×{wide} places that '{self.averaged}' averages, "
                f"{self.macs:,} MACs, as many as {self.macs / self.crop_macs:.2f} crops"
            )
        return (
            f"dense at {self.side}: {high}×{wide} places for {self.macs:,} MACs, {self.saving:.2f}× fewer than the "
            f"{high * wide * self.crop_macs:,} of {high * wide} crops"
        )


def cost(arch: Architecture, side: int) -> Cost:
    """Of a network, from its layer table. Raises UserError if it cannot be made convolutional or the picture is too small."""
    dense, _ = fully_convolutional(arch)
    try:
        table = analyse(dense, (arch.input[0], side, side))
    except ShapeError as error:
        raise UserError(f"protocol dense@{side}: too small for {arch.name}: {error}") from None
    macs, own = table.total("macs"), analyse(arch).total("macs")
    if pools := one_answer(dense):
        shape = table.by_path[pools[0]].inputs[0]
        return Cost(side, (shape[1], shape[2]), macs, own, pools[0])
    _, *places = table.output
    return Cost(side, (places[0], places[1]), macs, own)


def dense_sides(protocol: Protocol) -> list[int]:
    """The short sides at which a resolved protocol passes whole pictures."""
    return sorted({side for term in protocol.terms if term.kind == "dense" for side in term.scales})
