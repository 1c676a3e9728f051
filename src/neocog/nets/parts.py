"""Pieces of layers that several papers' networks share."""

from neocog.arch import BatchNorm2d, Conv2d, HeNormal, Init, ReLU, Sequential, Tanh
from neocog.arch.record import Pair
from neocog.arch.window import pair

HE = HeNormal("fan_in")


def squash() -> Tanh:
    """1.7159·tanh(2x/3): ±1 at ±1, where its second derivative is greatest (LeCun et al. 1998, appendix A)."""
    return Tanh(1.7159, 2 / 3)


def conv(out: int, kernel: int, stride: int = 1, groups: int = 1) -> Conv2d:
    """A convolution without bias that keeps the map's size at stride 1 (ResNet, section 3.4; DenseNet, section 4.2).

    It starts as in He et al. 2015.
    """
    return Conv2d(out, kernel, stride, padding=kernel // 2, groups=groups, bias=False, init=HE)


def conv_bn(
    out: int, kernel: Pair, stride: int = 1, padding: Pair | None = None, eps: float = 1e-3, init: Init = HE
) -> Sequential:
    """Inception's unit since BN-Inception: convolution without bias (its section 3.2: β does its work), BN, ReLU.

    Padded by half the kernel unless told otherwise.
    """
    rows, columns = pair(kernel)
    around = (rows // 2, columns // 2) if padding is None else pair(padding)
    return Sequential(
        conv=Conv2d(out, (rows, columns), stride, around, bias=False, init=init),
        bn=BatchNorm2d(eps=eps),
        relu=ReLU(),
    )
