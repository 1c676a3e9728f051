"""MACs of the layer table against what torch counts while the running Module computes (T12: torch.utils.flop_counter)."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from neocog.arch import analyse
from neocog.nets import nets, resolve
from neocog.nn import Model

SOME = (
    "lenet5.modern",
    "alexnet",
    "nin",
    "vgg16",
    "googlenet",
    "inception_v3",
    "resnet50",
    "densenet121",
    "squeezenet1_0",
    "mobilenet_v2",
    "shufflenet_v1",
    "efficientnet_b0",
    "convnext_tiny",
    "highway10.mnist",
)
# What these multiply by is no matrix product or convolution to torch: templates, tables, codes, cells, own windows.
OTHERWISE = {
    "SCell",
    "CCell",
    "TableConv2d",
    "Subsampling",
    "RBF",
    "LocallyConnected2d",
    "HOG",
    "SIFT",
    "VisualWords",
    "Neighbours",
    "L2Pool2d",
}


def counted(name: str) -> list[str]:
    """Where the name is a network of nothing but convolutions and full connections, itself; else nothing."""
    arch = resolve(name).build()
    return [] if {node.record.type for node in arch.nodes} & OTHERWISE else [name]


def check(name: str) -> None:
    arch = resolve(name).build()
    with torch.device("meta"):  # no memory, no numbers: only shapes flow
        model = Model(arch).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(2, *arch.input))
    assert counter.get_total_flops() == 2 * 2 * analyse(arch).total("macs"), name


@pytest.mark.parametrize("name", SOME)
def test_macs_are_half_of_what_torch_counts(name: str):
    check(name)


@pytest.mark.slow
def test_of_every_network():
    every = [name for known in nets() for name in counted(known)]
    assert len(every) > 100
    for name in every:
        check(name)
