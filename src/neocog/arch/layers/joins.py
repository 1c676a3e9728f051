"""Where branches meet."""

from neocog.arch.record import Leaf
from neocog.arch.window import Shape, size, times
from neocog.errors import ShapeError


class Add(Leaf):
    """The sum of its inputs, which have one shape."""

    joins = True

    def describe(self) -> str:
        return "sum"

    def output(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) != 1:
            raise ShapeError("cannot add " + " and ".join(map(times, inputs)))
        return inputs[0]


class Cat(Leaf):
    """Its inputs' maps one after another."""

    joins = True

    def describe(self) -> str:
        return "concatenation"

    def output(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) != 1:
            raise ShapeError("cannot concatenate " + " and ".join(map(times, inputs)))
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


class Mul(Leaf):
    """The product of its inputs; a gate of C×1×1 counts for the whole map (Hu et al. 2018, figure 2)."""

    joins = True

    def describe(self) -> str:
        return "product"

    def output(self, *inputs: Shape) -> Shape:
        full = max(inputs, key=size)
        for shape in inputs:
            if shape not in (full, (full[0], *(1 for _ in full[1:]))):
                raise ShapeError("cannot multiply " + " and ".join(map(times, inputs)))
        return full
