"""Random windows, layers and small networks for the property tests."""

import random

from hypothesis import strategies as st

from neocog.arch import (
    Add,
    Architecture,
    AvgPool2d,
    Cat,
    Conv2d,
    DepthwiseConv2d,
    MaxPool2d,
    Mul,
    Node,
    ReLU,
    Slice,
    Window,
    analyse,
)
from neocog.arch.record import Leaf
from neocog.errors import ShapeError

windows = st.builds(
    Window,
    kernel=st.integers(1, 5),
    stride=st.integers(1, 5),
    before=st.integers(0, 4),
    after=st.integers(0, 4),
    dilation=st.integers(1, 3),
    ceil=st.booleans(),
)
two = st.tuples(st.integers(1, 4), st.integers(1, 4))
uneven = st.tuples(st.tuples(st.integers(0, 3), st.integers(0, 3)), st.tuples(st.integers(0, 3), st.integers(0, 3)))
paddings = st.one_of(st.integers(0, 3), st.tuples(st.integers(0, 3), st.integers(0, 3)), uneven, st.just("same"))
sides = st.tuples(st.integers(1, 14), st.integers(1, 14))
dilations = st.tuples(st.integers(1, 2), st.integers(1, 2))

convs = st.builds(Conv2d, st.integers(1, 3), two, two, paddings, dilations)
depthwise = st.builds(DepthwiseConv2d, two, two, paddings, dilations, st.integers(1, 2))
max_pools = st.builds(MaxPool2d, two, two, paddings, dilations, st.booleans())
avg_pools = st.builds(AvgPool2d, two, two, paddings, st.booleans(), st.booleans())


def layer(draw: random.Random, most: int = 3) -> Leaf:
    """A convolution or a pool with small numbers, often not square."""
    kernel = (draw.randint(1, most), draw.randint(1, most))
    stride = (draw.choice((1, 1, 2, 3)), draw.choice((1, 1, 2, 3)))
    padding = draw.choice((0, 1, (0, 1), ((1, 0), (0, 2)), "same"))
    dilation = draw.choice((1, 1, (2, 1)))
    match draw.randrange(3):
        case 0:
            return MaxPool2d(kernel, stride, padding, dilation, draw.random() < 0.3)
        case 1:
            return AvgPool2d(kernel, stride, padding, draw.random() < 0.3, draw.random() < 0.5)
    return Conv2d(2, kernel, stride, padding, dilation, bias=draw.random() < 0.5)


def chain(draw: random.Random, length: int, shape: tuple[int, int, int] = (2, 23, 19)) -> Architecture:
    """Layers one after another, those that do not fit left out."""
    nodes: list[Node] = []
    for i in range(length):
        nodes.append(Node(f"n{i}", layer(draw), (nodes[-1].path if nodes else "input",)))
        try:
            analyse(Architecture("chain", shape, tuple(nodes), nodes[-1].path))
        except ShapeError:
            nodes.pop()
    return Architecture("chain", shape, tuple(nodes) or (Node("n", ReLU(), ("input",)),), nodes[-1].path if nodes else "n")


def graph(draw: random.Random, size: int, shape: tuple[int, int, int] = (2, 13, 11)) -> Architecture:
    """Any nodes over any before them: joins where shapes allow, of sizes that fit."""
    nodes: list[Node] = []
    while len(nodes) < size:
        names = ["input", *(n.path for n in nodes)]
        path = f"n{len(nodes)}"
        if len(nodes) > 1 and draw.random() < 0.4:
            sources = tuple(draw.choice(names[-6:]) for _ in range(draw.choice((2, 2, 3))))
            node = Node(path, draw.choice((Add(), Cat(), Mul())), sources)
        elif draw.random() < 0.2:
            node = Node(path, draw.choice((ReLU(), Slice(0, 1), Slice(1, 2, of=2))), (draw.choice(names),))
        else:
            node = Node(path, layer(draw), (draw.choice(names[-4:]),))
        try:
            table = analyse(Architecture("graph", shape, (*nodes, node), path))
        except ShapeError:
            continue
        if table.output[0] <= 12:
            nodes.append(node)
    return Architecture("graph", shape, tuple(nodes), nodes[-1].path)
