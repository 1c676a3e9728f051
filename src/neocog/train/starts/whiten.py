"""A first convolution that whitens: its answers are uncorrelated and of deviation 1 (Page 2019; Jordan 2024, section 3.1).

Neighbouring pixels are nearly equal, so the patches that a convolution reads lie in a narrow cigar, and gradient descent is
slow along its short axes. Dividing by the patches' principal axes makes it a ball; that is known without any learning.
"""

import torch
from torch import Tensor, nn

from neocog.arch import Architecture, Conv2d, analyse
from neocog.arch.window import pair
from neocog.errors import UserError
from neocog.nn import Model

EPS = 5e-4  # added to variances: axes along which nothing but noise lies are not blown up to 1


def whitening(x: Tensor, kernel: tuple[int, int], axes: int, eps: float = EPS) -> Tensor:
    """Filters axes × C × kh × kw for pictures N×C×H×W: their patches' principal axes, longest first, over √(variance + eps).

    The pictures are taken as normalised: patches have a mean near 0, and none is taken off.
    """
    rows, columns = kernel
    patches = x.unfold(2, rows, 1).unfold(3, columns, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * rows * columns)
    variances, vectors = torch.linalg.eigh((patches.T @ patches).double() / len(patches))  # ascending
    scaled = (vectors / (variances.clamp(min=0) + eps).sqrt()).T.flip(0)[:axes]
    return scaled.reshape(-1, x.shape[1], rows, columns).to(x.dtype)


def first_convolution(arch: Architecture) -> str:
    """The path of the convolution that reads the picture. Raises UserError where there is none that can whiten."""
    for row in analyse(arch).rows:
        if row.tensors:
            record = row.node.record
            patch = row.inputs[0][0] * pair(record.kernel)[0] * pair(record.kernel)[1] if isinstance(record, Conv2d) else 0
            if isinstance(record, Conv2d) and record.groups == 1 and record.out % 2 == 0 and record.out <= 2 * patch:
                return row.path
            break
    raise UserError(
        f"{arch.name} cannot start with whitening: its first layer is no convolution of one group with two maps at most for "
        "each number of a patch, one for either sign"
    )


@torch.no_grad()
def whiten(model: Model, x: Tensor, eps: float = EPS) -> None:
    """Turn the first convolution into the whitening of its patches of x (N×C×H×W, normalised) and let it learn no more.

    Half of its maps are the principal axes; the others are the same with the other sign, of which a rectifier lets one pass.
    """
    layer = model.get_submodule(first_convolution(model.arch))
    assert isinstance(layer, nn.Conv2d)
    half = whitening(x, (layer.kernel_size[0], layer.kernel_size[1]), layer.out_channels // 2, eps)
    layer.weight.copy_(torch.cat([half, -half]))
    if layer.bias is not None:
        layer.bias.zero_()
    layer.weight.requires_grad_(False)
