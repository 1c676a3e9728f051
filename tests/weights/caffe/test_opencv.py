"""Networks that are none of ours, with every type of layer, beside OpenCV's dnn; what OpenCV lacks, beside its formula."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

from neocog.arch import Architecture
from neocog.nn import Model
from neocog.weights.caffe import Network, network, read_caffemodel, read_graph
from neocog.weights.caffe.convert import values
from neocog.weights.caffe.layers import HANDLERS

from .nets import NETS, act, pool
from .writer import model, random_blobs

# OpenCV 4 has no Bias layer, ignores Log's numbers and LRN's k, and does not know round_mode.
LACKING = {"bias", "log", "lrn_across", "pool_floor"}
EXTRA = {"lrn_k1": NETS["lrn_across"].replace("k: 2", "k: 1")}


@pytest.fixture(scope="module")
def cv2() -> ModuleType:
    found = pytest.importorskip("cv2", reason="OpenCV below 5, for its dnn that reads Caffe's files")
    if not hasattr(found.dnn, "readNetFromCaffe"):
        pytest.skip("OpenCV 5 does not read Caffe's files any more")
    found.setNumThreads(1)
    return found


def both(text: str, folder: Path, version: int = 2, style: str = "shape") -> tuple[Path, Path, Network, Model]:
    """The two files on disk, and our network of them with the file's weights."""
    definition, weights = folder / "net.prototxt", folder / "net.caffemodel"
    definition.write_text(text)
    found = network(read_graph(definition), "net")
    weights.write_bytes(model(random_blobs(found), version, style))
    ours = Model(found.arch).eval()
    ours.load_state_dict(values(found, read_caffemodel(weights).layers, str(weights)))
    return definition, weights, found, ours


def pictures(arch: Architecture) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (2, *arch.input)).astype(np.float32)


@pytest.mark.parametrize("name", [*(n for n in NETS if n not in LACKING), *EXTRA])
def test_probabilities(name: str, cv2: ModuleType, tmp_path: Path):
    definition, weights, found, ours = both({**NETS, **EXTRA}[name], tmp_path, 1 if name == "v1" else 2)
    x = pictures(found.arch)
    theirs = cv2.dnn.readNetFromCaffe(str(definition), str(weights))
    theirs.setInput(x)
    want = theirs.forward()
    with torch.no_grad():
        got = ours(torch.from_numpy(x)).softmax(1).numpy()
    assert found.softmax
    assert np.ptp(want) > 1e-3, "equal probabilities for everything show nothing"
    np.testing.assert_allclose(got, want.reshape(got.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("version", "style"), [(2, "four"), (2, "double"), (2, "unpacked"), (2, "pieces"), (1, "four"), (0, "four")]
)
def test_ways_of_writing(version: int, style: str, tmp_path: Path):
    """The same numbers, however the file keeps them."""
    *_, found, ours = both(NETS["bn_scale"], tmp_path)
    *_, again = both(NETS["bn_scale"], tmp_path, version, style)
    for key, value in ours.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
    assert len(found.sources) == 6


def at(model: Model, path: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """(what a node reads, what it gives)."""
    seen: dict[str, Tensor] = {}

    def hook(module: torch.nn.Module, args: tuple[Tensor, ...], out: Tensor) -> None:
        seen.update(a=args[0], b=out)

    model.get_submodule(path).register_forward_hook(hook)
    with torch.no_grad():
        model(x)
    return seen["a"], seen["b"]


def test_without_opencv(tmp_path: Path):
    *_, ours = both(NETS["bias"], tmp_path)
    x = torch.from_numpy(pictures(ours.arch))
    a, b = at(ours, "f", x)
    bias = ours.get_parameter("f.bias")
    assert torch.equal(b, a + bias.view(1, -1, 1, 1)) and bias.abs().min() > 0
    a, b = at(both(NETS["log"], tmp_path)[3], "f", x)
    assert torch.allclose(b, torch.log10(0.5 + 2 * a), atol=1e-6)
    a, b = at(both(NETS["lrn_across"], tmp_path)[3], "n", x)
    squares = torch.nn.functional.pad(a**2, (0, 0, 0, 0, 2, 2))
    total = sum(squares[:, i : i + a.shape[1]] for i in range(5))
    assert torch.allclose(b, a / (2 + 0.3 / 5 * total) ** 0.6, atol=1e-6)
    ours = both(NETS["pool_floor"], tmp_path)[3]
    a, b = at(ours, "p", torch.from_numpy(pictures(ours.arch)))
    assert torch.equal(b, torch.nn.functional.max_pool2d(a, 3, 2)) and b.shape[-1] == 6


def test_every_layer_type_is_compared():
    used = {kind for kind in HANDLERS if any(f'type: "{kind}"' in text for text in NETS.values())}
    assert used == set(HANDLERS)


def test_scaled_in_the_test_phase(tmp_path: Path):
    """scale_train: false, as in DeepLab's Caffe: nothing is scaled in training, everything by 1 - ratio afterwards."""
    text = act("Dropout", "dropout_param { dropout_ratio: 0.3 scale_train: false }")
    *_, ours = both(text, tmp_path)
    a, b = at(ours, "f_scale", torch.from_numpy(pictures(ours.arch)))
    assert torch.allclose(b, a * 0.7)


def test_published_example(shared: Path, cv2: ModuleType, tmp_path: Path):
    """Caffe's cifar10_quick with random weights: not in the zoo."""
    path = shared / "prototxt" / "cifar10_quick" / "cifar10_quick.prototxt"
    definition, weights, found, ours = both(path.read_text(), tmp_path)
    x = pictures(found.arch)
    theirs = cv2.dnn.readNetFromCaffe(str(definition), str(weights))
    theirs.setInput(x)
    with torch.no_grad():
        np.testing.assert_allclose(ours(torch.from_numpy(x)).softmax(1).numpy(), theirs.forward(), atol=1e-5)


def test_windows_that_caffe_leaves_empty():
    from neocog.errors import UserError
    from neocog.weights.caffe.graph import graph
    from neocog.weights.caffe.prototxt import parse

    with pytest.raises(UserError, match="empty last window on 14 positions"):
        network(graph(parse(pool("subsample", "kernel_size: 1 stride: 2", 14, 14), "f")), "net")
    assert network(graph(parse(pool("subsample", "kernel_size: 1 stride: 2", 13, 13), "f")), "net").arch.nodes
