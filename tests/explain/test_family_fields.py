"""Receptive fields of the whole family against the gradient, pixel for pixel, on the running Modules.

Weights are positive, so that no two paths cancel; what may hide a path (maxima, rectifiers, normalisation over channels) is
made linear; gates that see the whole picture are cut. One axis of the picture is as short as the net permits: large nets run.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from neocog.arch import Architecture, DepthwiseConv2d, MaxPool2d, Mul, Node, Scale, analyse
from neocog.arch.account import fits, smallest_input
from neocog.explain import unit_field, unit_fields
from neocog.explain.fields.effective import until
from neocog.explain.fields.theoretical import coverage
from neocog.nets import resolve
from neocog.nn import Model

SMOOTH = {
    "ReLU",
    "ReLU6",
    "Sigmoid",
    "Tanh",
    "HardSigmoid",
    "HardSwish",
    "SiLU",
    "GELU",
    "Softmax",
    "LRN",
    "LayerNorm2d",
    "Dropout",
    "DropPath",
    "BatchNorm2d",
    "Power",
    "Affine",
}
SMALL = ("lenet5", "lecun1989.net5", "resnet8.cifar", "squeezenet1_1", "mobilenet_v1.w025", "shufflenet_v2.w050")
FAMILY = (
    "alexnet",
    "zfnet",
    "nin",
    "vgg16",
    "googlenet",
    "bn_inception",
    "inception_v3",
    "inception_v4",
    "inception_resnet_v2",
    "inception_resnet_v2.slim",
    "highway19.cifar",
    "resnet50",
    "resnet50.v1_5",
    "resnet34.a",
    "resnet56.cifar",
    "plain34",
    "preact_resnet50",
    "wrn16_8.cifar",
    "resnext50_32x4d",
    "densenet121",
    "squeezenet1_0",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "shufflenet_v1",
    "xception",
    "se_resnet50",
    "efficientnet_b0",
    "convnext_tiny",
    "allcnn_c",
    "context.basic",
    "airbench94",
)


def open_paths(arch: Architecture) -> Architecture:
    """The network up to its last map, linear, its gates cut, every path of it passing something on."""
    table = analyse(arch)
    assert table.last_map is not None
    nodes = []
    for node in until(arch, table.last_map.path).nodes:
        record, inputs = node.record, node.inputs
        known = tuple(name for name in inputs if name == "input" or table.by_path[name].field is not None)
        if isinstance(record, Mul) and len(known) < len(inputs):
            record, inputs = Scale(1.0), known
        elif isinstance(record, MaxPool2d):
            row = table.by_path[node.path]
            pads = []
            for window, n in zip(record.windows(*row.inputs), row.inputs[0][1:], strict=True):
                over = (window.output(n) - 1) * window.stride + window.extent - n - window.before
                pads.append((window.before, over))
            record = DepthwiseConv2d(record.kernel, record.stride, tuple(pads), record.dilation, bias=False)
        elif record.type in SMOOTH:
            record = Scale(1.0)
        nodes.append(Node(node.path, record, inputs))
    whole = Architecture(arch.name, arch.input, tuple(nodes), table.last_map.path)
    return until(whole, whole.output)


def support(arch: Architecture, places: list[tuple[int, int]]) -> list[np.ndarray]:
    """H×W for each place: where the gradient of all its channels is not zero."""
    model = Model(arch, torch.Generator().manual_seed(0)).eval().double()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1 / max(1, p[0].numel()))
    x = torch.ones(1, *arch.input, dtype=torch.double, requires_grad=True)
    out = model(x)
    found = []
    for k, (row, column) in enumerate(places):
        (slope,) = torch.autograd.grad(out[0, :, row, column].sum(), x, retain_graph=k + 1 < len(places))
        found.append(slope[0].abs().sum(0).numpy() > 0)
    return found


def strips(arch: Architecture, wide: bool) -> list[tuple[int, int, int]]:
    """Three sizes, one of them odd: the net's own, one and a half of it, and about twice; short along the other axis."""
    channels, side, _ = arch.input
    least = smallest_input(arch, channels) or side
    lengths = [side, side * 3 // 2 | 1, 2 * side + 3]
    found = []
    for n in lengths:
        shapes = ((channels, least, n + more) if wide else (channels, n + more, least) for more in range(64))
        found.append(next(shape for shape in shapes if fits(arch, shape)))  # some nets do not fit every size
    return found


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(n, marks=pytest.mark.slow) for n in FAMILY)])
def test_what_is_said_to_be_seen_is_what_the_gradient_reaches(name: str):
    """Masks, not only boxes: holes too. In the corners and in the middle of the last map, on three sizes each way."""
    arch = resolve(name).build()
    for wide in (True, False):
        for shape in strips(arch, wide):
            one = replace(arch, input=shape)
            last = analyse(one).last_map
            assert last is not None
            rows, columns = last.output[1:]
            places = list(dict.fromkeys([(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]))
            masks = support(open_paths(one), places)
            assert any(mask.any() for mask in masks)  # a corner may see nothing but padding
            for place, mask in zip(places, masks, strict=True):
                said = coverage(analyse(one), last.path, place)
                assert mask.any() and np.array_equal(said, mask), f"{name} on {shape} at {place}"
                field = unit_field(one, last.path, place)
                inside = field.whole.within(*shape[1:])
                assert (inside.top, inside.left) <= (field.seen.top, field.seen.left)
                assert (inside.bottom, inside.right) >= (field.seen.bottom, field.seen.right)


@pytest.mark.parametrize(
    "name",
    [
        "lenet5",
        "resnet8.cifar",
        pytest.param("vgg16", marks=pytest.mark.slow),
        pytest.param("googlenet", marks=pytest.mark.slow),
        pytest.param("resnet50", marks=pytest.mark.slow),
        pytest.param("inception_v3", marks=pytest.mark.slow),
    ],
)
def test_the_number_is_the_gradients_extent(name: str):
    """On a strip so long that nothing is cut off, the extent along it is the receptive field that `show` prints."""
    arch = resolve(name).build()
    table = analyse(arch)
    assert table.last_map is not None
    size, step = table.receptive_field[0], table.stride[0]
    least = smallest_input(arch, arch.input[0])
    assert least is not None
    for length in (size + 6 * step, size + 6 * step + 1, size + 9 * step + 3):  # three sizes, one of them odd
        one = replace(arch, input=(arch.input[0], length + length % 2 * (name == "lenet5"), least))
        last = analyse(one).last_map
        assert last is not None
        place = (last.output[1] // 2, 0)
        (mask,) = support(open_paths(one), [place])
        rows = np.flatnonzero(mask.any(1))
        assert rows[-1] - rows[0] + 1 == size


def test_boxes_of_several_layers_lie_in_each_other():
    arch = resolve("alexnet").build()
    found = unit_fields(arch, ["conv1", "pool2", "conv5", "pool5"], (3, 3))
    sizes = [one.size for one in found]
    assert sizes == [(11, 11), (67, 67), (163, 163), (195, 195)] and found[-1].place == (3, 3)
    for small, large in pairwise(found):
        a, b = small.whole, large.whole
        assert b.top <= a.top and b.left <= a.left and a.bottom <= b.bottom and a.right <= b.right
