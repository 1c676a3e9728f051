"""Windows that torch lacks, beside loops over places written from the papers' formulas, and beside torch where it has them."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import (
    ConstantPad2d,
    GroupIdentity,
    L2Pool2d,
    LocalContrastNorm,
    LocallyConnected2d,
    LRNWithinChannel,
    PlaceBias,
    Sequential,
    TableConv2d,
    analyse,
    architecture,
)
from neocog.arch.record import Leaf, Param
from neocog.errors import ShapeError, UserError
from neocog.nn import Model
from neocog.nn.initialise import draw
from tests.conftest import check_declared, error, rng


def layer(record: Leaf, *shape: int) -> Model:
    """A network of one layer."""
    return Model(architecture("one", shape, record), rng()).eval()


def only(model: Model) -> nn.Module:
    (leaf,) = model.children()
    return leaf


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=rng(seed))


# --- local connection -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), ((1, 2), ((0, 1), (2, 0)))])
def test_local_connection_place_by_place(stride: object, padding: object):
    record = LocallyConnected2d(4, (3, 2), stride, padding)
    model = layer(record, 2, 6, 7)
    check_declared(model)
    leaf, x = only(model), noise(3, 2, 6, 7)
    rows, columns = record.windows((2, 6, 7))
    padded = F.pad(x, (columns.before, columns.after, rows.before, rows.after)).numpy()
    weight, bias = (leaf.get_parameter(n).detach().numpy() for n in ("weight", "bias"))
    got = model(x)
    want = np.zeros(got.shape, np.float32)
    height, width = got.shape[2:]
    for r in range(height):
        for c in range(width):
            window = padded[:, :, r * rows.stride : r * rows.stride + 3, c * columns.stride : c * columns.stride + 2]
            want[:, :, r, c] = window.reshape(3, -1) @ weight[r * width + c].T + bias[r * width + c]
    assert error(got, torch.from_numpy(want)) <= 1e-5


def test_local_connection_with_one_filter_is_a_convolution():
    """Sharing is all that tells the two apart: the same work, the places' number times the weights."""
    model = layer(LocallyConnected2d(5, 3, 2, 1), 2, 8, 8)
    leaf, filters, biases = only(model), noise(5, 2, 3, 3), noise(5, seed=2)
    with torch.no_grad():
        leaf.get_parameter("weight").copy_(filters.flatten(1).expand(16, -1, -1))
        leaf.get_parameter("bias").copy_(biases.expand(16, -1))
    x = noise(2, 2, 8, 8)
    assert error(model(x), F.conv2d(x, filters, biases, 2, 1)) <= 1e-5
    model(x).sum().backward()
    assert (leaf.get_parameter("weight").grad != 0).any(2).all(), "every place learns"
    with pytest.raises(ShapeError, match="img_size=10"):
        model(noise(1, 2, 10, 10))


def test_shared_weights_and_biases_of_ones_own():
    """1989's H2: a table of maps without a bias, then a bias for each place."""
    table = ((0, 2), (1,))
    net = Sequential(border=ConstantPad2d(((2, 1), (0, 1)), -1.0), units=TableConv2d(table, 3, 2, bias=False), bias=PlaceBias())
    model = Model(architecture("h2", (3, 6, 6), net), rng()).eval()
    check_declared(model)
    units, bias = model.get_submodule("units"), model.get_submodule("bias").get_parameter("bias")
    with torch.no_grad():
        bias.copy_(noise(*bias.shape))
    dense = torch.zeros(2, 3, 3, 3)
    dense[0, 0], dense[0, 2], dense[1, 1] = units.get_parameter("weight").detach()
    x = noise(2, 3, 6, 6)
    want = F.conv2d(nn.ConstantPad2d((0, 1, 2, 1), -1.0)(x), dense, None, 2) + bias
    assert error(model(x), want) <= 1e-5
    assert analyse(model.arch).by_path["border"].output == (3, 9, 7)
    (rows, columns) = analyse(model.arch).by_path["units"].field
    assert (rows.first, rows.last, columns.first, columns.last) == (-2, 0, 0, 2), "the border belongs to the picture"


# --- L2 pooling -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "stride", "ceil"), [(2, 2, False), (3, 2, True), ((2, 3), (1, 2), False), (3, 1, False)])
def test_l2_pooling_is_torchs(kernel: object, stride: object, ceil: bool):
    x = noise(2, 3, 8, 9)
    want = nn.LPPool2d(2, kernel, stride, ceil)(x)  # type: ignore[arg-type]
    got = layer(L2Pool2d(kernel, stride, ceil=ceil), 3, 8, 9)(x)
    if ceil:  # torch divides by the windows' real size and multiplies by the whole: its last windows are too large
        got, want = got[:, :, :-1], want[:, :, :-1]
    assert error(got, want) <= 1e-5


@pytest.mark.parametrize("sigma", [None, 0.8])
@pytest.mark.parametrize("padding", [0, 1, ((1, 0), (0, 1))])
@pytest.mark.parametrize("ceil", [False, True])
def test_l2_pooling_window_by_window(sigma: float | None, padding: object, ceil: bool):
    """Means and Gaussian means of squares, with padding as zeros and Caffe's rounding."""
    record = L2Pool2d((3, 2), 2, padding, ceil, mean=sigma is None, sigma=sigma)
    x = noise(1, 2, 8, 6)
    (rows, columns) = record.windows((2, 8, 6))
    got = layer(record, 2, 8, 6)(x)
    assert got.shape[2:] == (rows.output(8), columns.output(6))
    weights = {}
    for i in range(3):
        for j in range(2):
            weights[i, j] = 1.0 if sigma is None else math.exp(-((i - 1) ** 2 + (j - 0.5) ** 2) / (2 * sigma**2))
    total = sum(weights.values())
    want = torch.zeros_like(got)
    for r in range(got.shape[2]):
        for c in range(got.shape[3]):
            for (i, j), w in weights.items():
                y, z = 2 * r + i - rows.before, 2 * c + j - columns.before
                if 0 <= y < 8 and 0 <= z < 6:
                    want[:, :, r, c] += w / total * x[:, :, y, z] ** 2
    assert error(got, want.sqrt()) <= 1e-5


@pytest.mark.parametrize("record", [L2Pool2d(2, 2), L2Pool2d(2, 2, mean=True), L2Pool2d(2, 2, sigma=1.0)])
def test_l2_pooling_learns_past_zero(record: Leaf):
    """√'s slope at 0 is infinite."""
    x = torch.zeros(1, 2, 4, 4, requires_grad=True)
    out = layer(record, 2, 4, 4)(x)
    out.sum().backward()
    assert torch.equal(out, torch.zeros_like(out))
    assert torch.equal(x.grad, torch.zeros_like(x))


@pytest.mark.parametrize(
    "record", [L2Pool2d(2, 1), L2Pool2d(3, 2, 1, sigma=1.0), LocalContrastNorm(3, 1.0), LRNWithinChannel(3, 0.5)]
)
def test_gradients(record: Leaf):
    leaf = only(layer(record, 2, 4, 4)).double()
    assert torch.autograd.gradcheck(leaf, noise(1, 2, 4, 4).double().requires_grad_())


# --- normalisation within a window ------------------------------------------------------------------------------------


def window_mean(values: np.ndarray, weights: np.ndarray, r: int, c: int) -> tuple[float, float]:
    """Σ w·v around a place of a rows × columns map, and the Σ w of what lies on the map."""
    half, total, mass = weights.shape[0] // 2, 0.0, 0.0
    for i in range(-half, half + 1):
        for j in range(-half, half + 1):
            if 0 <= r + i < values.shape[0] and 0 <= c + j < values.shape[1]:
                total += weights[i + half, j + half] * values[r + i, c + j]
                mass += weights[i + half, j + half]
    return total, mass


@pytest.mark.parametrize(("size", "alpha", "beta", "k"), [(3, 5.0, 0.75, 1.0), (5, 1e-2, 0.5, 2.0), (1, 1.0, 1.0, 1.0)])
def test_lrn_within_maps(size: int, alpha: float, beta: float, k: float):
    """Caffe: the mean of squares over size×size places, those beyond the border counted as zeros."""
    x = 3 * noise(2, 3, 5, 7)
    squares, want = x.double().numpy() ** 2, np.zeros(x.shape)
    for n, m, r, c in np.ndindex(*x.shape):
        mean, _ = window_mean(squares[n, m], np.full((size, size), 1 / size**2), r, c)
        want[n, m, r, c] = x[n, m, r, c] / (k + alpha * mean) ** beta
    model = layer(LRNWithinChannel(size, alpha, beta, k), 3, 5, 7)
    assert error(model(x).double(), torch.from_numpy(want)) <= 1e-5
    assert analyse(model.arch).receptive_field == [size, size], "it sees its neighbours"


def test_lrn_within_maps_is_opencvs():
    """OpenCV reads Caffe's own definition; the layer has no weights."""
    cv2 = pytest.importorskip("cv2")
    text = """name: "x" input: "data" input_shape { dim: 1 dim: 3 dim: 9 dim: 8 }
    layer { name: "n" type: "LRN" bottom: "data" top: "n"
            lrn_param { local_size: 3 alpha: 5 beta: 0.75 norm_region: WITHIN_CHANNEL } }"""
    net = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8))
    x = 3 * noise(1, 3, 9, 8)
    net.setInput(x.numpy())
    want = torch.from_numpy(net.forward())
    assert error(layer(LRNWithinChannel(3, 5.0, 0.75), 3, 9, 8)(x), want) <= 1e-5


def test_local_contrast_is_the_papers_formula():
    """Jarrett et al. 2009, section 2, term by term: subtract, then divide by max(c, σ), c the mean of σ of that picture."""
    size, sigma = 5, 1.3
    x = noise(2, 3, 6, 7) * torch.tensor([0.01, 4.0])[:, None, None, None] + 2
    axis = np.arange(size) - size // 2
    weights = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * sigma**2))
    want = np.zeros(x.shape)
    for n in range(2):
        picture = x[n].double().numpy()

        def around(values: np.ndarray, r: int, c: int) -> float:
            total, mass = window_mean(values.mean(0), weights, r, c)
            return total / mass

        places = list(np.ndindex(6, 7))
        centred = picture - np.array([around(picture, r, c) for r, c in places]).reshape(6, 7)
        spread = np.sqrt([around(centred**2, r, c) for r, c in places]).reshape(6, 7)
        want[n] = centred / np.maximum(spread, spread.mean())
    model = layer(LocalContrastNorm(size, sigma), 3, 6, 7)
    assert error(model(x).double(), torch.from_numpy(want)) <= 1e-4
    assert analyse(model.arch).receptive_field == [2 * size - 1] * 2
    flat = torch.full((1, 3, 6, 7), 0.7, requires_grad=True)
    out = model(flat)
    assert out.abs().max() < 0.01, "rounding errors are no contrast"
    out.sum().backward()
    assert flat.grad.abs().max() <= 1 / LocalContrastNorm().floor
    bright = 5 * x + 11
    assert error(model(bright), model(x)) <= 1e-3, "neither brightness nor contrast gets through"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LRNWithinChannel(4), "size is odd, not 4"),
        (lambda: LocalContrastNorm(8), "size is odd, not 8"),
        (lambda: LocalContrastNorm(9, 0.0), "sigma and floor are above 0, not 0 and"),
        (lambda: L2Pool2d(2, 2, mean=True, sigma=1.0), "its weights take the place of the mean"),
        (lambda: ConstantPad2d("same"), "padding is in numbers"),
    ],
)
def test_records_refuse(wrong: object, message: str):
    with pytest.raises(UserError, match=message):
        wrong()  # type: ignore[operator]


# --- the identity as a start ------------------------------------------------------------------------------------------


def test_group_identity():
    """Equation 5 for four maps to six in two groups: 2/6 where the halves match, noise elsewhere."""
    tensor = torch.empty(6, 4, 3, 3)
    draw(tensor, Param("weight", (6, 4, 3, 3), GroupIdentity(2, 1e-3)), rng())
    middle = tensor[:, :, 1, 1]
    assert torch.equal(middle[:3, :2], torch.full((3, 2), 2 / 6))
    assert torch.equal(middle[3:, 2:], torch.full((3, 2), 2 / 6))
    rest = tensor.clone()
    rest[:3, :2, 1, 1] = rest[3:, 2:, 1, 1] = math.nan
    rest = rest[~rest.isnan()]
    assert 0 < rest.abs().max() < 5e-3
    assert rest.std().item() == pytest.approx(1e-3, rel=0.15)
    with pytest.raises(UserError, match="no identity of 4 groups from 4 maps to 6"):
        draw(tensor, Param("weight", (6, 4, 3, 3), GroupIdentity(4)), rng())
