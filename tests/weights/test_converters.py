"""Random weights in their model and, through a converter, in ours: equal outputs, and the same tensors back."""

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neocog.arch import analyse
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model, create_model
from neocog.weights import write_safetensors
from neocog.weights.converters import Dialect, convert, dialect_for, dialects, export_as, recognise
from neocog.weights.converters.recognise import fits
from neocog.weights.foreign import find_match
from neocog.weights.keras_file import read_keras
from tests.conftest import Agree, error, randomise, rng, version

slow = pytest.mark.slow
QUICK = {"torchvision": ("squeezenet1_1", "mobilenet_v3_small"), "timm": ("resnet18", "mobilenetv3_small_100")}
TOLERANCE = 1e-5
CONVERTED = "equal outputs with the converted weights"


def cases(party: str) -> list[Any]:
    """Every network that the party has, a few small ones in the quick tier."""
    return [
        pytest.param(d, id=d.name, marks=() if d.name in QUICK.get(party, ()) else slow) for d in dialects() if d.party == party
    ]


def theirs(party: str, name: str, toolkits: dict[str, ModuleType]) -> nn.Module:
    """Their model with random weights; drawn here, since their own rules take most of the time."""
    with torch.device("meta"):
        if party == "timm":
            model = toolkits["timm"].create_model(name)
        else:
            more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
            model = getattr(toolkits["torchvision"].models, name)(weights=None, **more)
    model.to_empty(device="cpu")
    draws = rng(3)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.dim() > 1:
                value.normal_(0, (2 / value[0].numel()) ** 0.5 if value[0].numel() > 1 else 0.5, generator=draws)
            elif key.endswith("num_batches_tracked"):
                value.zero_()
            elif key.endswith("gamma"):
                value.uniform_(0.5, 1.5, generator=draws)
    randomise(model)
    return model.eval()


def check(dialect: Dialect, model: nn.Module, x: Tensor | None = None) -> float:
    """Equal answers; every tensor back as it was (variances that took another ε in: to within rounding)."""
    state = model.state_dict()
    arch, values = convert(state, dialect.net, dialect)
    ours = Model(arch, rng())
    ours.load_state_dict(values)
    x = torch.randn(2, *arch.input, generator=rng()) if x is None else x
    with torch.no_grad():
        found = error(ours.eval()(x), model(x))
    assert found <= TOLERANCE
    back = export_as(values, arch, dialect)
    assert back.keys() == state.keys()
    shifted = {key for key in state if key.endswith("running_var")} if dialect.eps else set()
    assert all(torch.equal(back[key], value) for key, value in state.items() if key not in shifted)
    assert all(torch.allclose(back[key], state[key], rtol=1e-6, atol=0) for key in shifted)
    return found


@pytest.mark.parametrize("dialect", cases("torchvision"))
def test_torchvision(torchvision: ModuleType, dialect: Dialect, agree: Agree):
    model = theirs("torchvision", dialect.name, {"torchvision": torchvision})
    if dialect.name in ("googlenet", "inception_v3"):
        setattr(model, "transform_input", False)  # noqa: B010  # on pictures as ours wants them
    agree(dialect.net, version("torchvision"), f"{CONVERTED} of its {dialect.name}", check(dialect, model))


@pytest.mark.parametrize("dialect", cases("timm"))
def test_timm(timm: ModuleType, dialect: Dialect, agree: Agree):
    small = dialect.name.startswith("efficientnet")  # b7's own 600×600 would take minutes and show nothing more
    x = torch.randn(1, 3, 160, 160, generator=rng()) if small else None
    found = check(dialect, theirs("timm", dialect.name, {"timm": timm}), x)
    agree(dialect.net, version("timm"), f"{CONVERTED} of its {dialect.name}", found)


KERAS = {
    "vgg16": "VGG16", "vgg19": "VGG19", "resnet50": "ResNet50", "resnet101": "ResNet101", "resnet152": "ResNet152",
    "densenet121": "DenseNet121", "densenet169": "DenseNet169", "densenet201": "DenseNet201", "mobilenet": "MobileNet",
    "xception": "Xception", "inception_v3": "InceptionV3", "inception_resnet_v2": "InceptionResNetV2",
    "convnext_tiny": "ConvNeXtTiny", "convnext_small": "ConvNeXtSmall", "convnext_base": "ConvNeXtBase",
    "convnext_large": "ConvNeXtLarge",
}  # fmt: skip


@pytest.fixture(scope="module")
def keras() -> ModuleType:
    """Keras on torch: a party in tests only."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("h5py")
    return pytest.importorskip("keras")


def keras_model(keras: ModuleType, name: str) -> Any:
    more = {"include_preprocessing": False} if name.startswith("convnext") else {}
    model = getattr(keras.applications, KERAS[name])(weights=None, classifier_activation=None, **more)
    draws = np.random.default_rng(0)
    for weight in model.weights:
        kind, shape = weight.path.rpartition("/")[2], weight.shape
        if kind in ("gamma", "moving_variance"):
            values = draws.uniform(0.5, 1.5, shape)
        elif len(shape) == 1:
            values = draws.normal(0, 0.1, shape)
        else:
            fan = shape[0] * shape[1] if "depthwise" in weight.path or "conv_dw" in weight.path else np.prod(shape[:-1])
            values = draws.normal(0, (2 / fan) ** 0.5, shape)
        weight.assign(values.astype(np.float32))
    return model


def legacy_file(keras: ModuleType, model: Any, path: Path) -> Path:
    """A file as those that are published."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


@pytest.mark.parametrize("dialect", [pytest.param(d, id=d.name, marks=slow) for d in dialects() if d.party == "keras"])
def test_keras(keras: ModuleType, dialect: Dialect, tmp_path: Path, agree: Agree):
    """Through files, old and new; asymmetric padding, ReLU6, biases before normalisation, ε and lacking scales included."""
    model = keras_model(keras, dialect.name)
    found = read_keras(legacy_file(keras, model, tmp_path / "old.h5"))
    model.save_weights(tmp_path / "new.weights.h5")
    new = read_keras(tmp_path / "new.weights.h5")
    found, new = ({today: read[key] for key, today in dialect.today(read).items()} for read in (found, new))
    assert found.keys() == new.keys() and all(torch.equal(new[key], value) for key, value in found.items())
    arch, values = convert(found, dialect.net, dialect)
    ours = Model(arch, rng())
    ours.load_state_dict(values)
    x = torch.randn(1, *arch.input, generator=rng())
    with torch.no_grad():
        far = error(ours.eval()(x), model(x.permute(0, 2, 3, 1), training=False))
    assert far <= TOLERANCE
    back = export_as(values, arch, dialect)
    assert back.keys() == found.keys()
    again = convert(back, dialect.net, dialect)[1]  # a bias that went into the mean stays there
    assert all(torch.allclose(again[key], value, rtol=1e-6, atol=1e-7) for key, value in values.items())
    agree(dialect.net, version("keras"), f"{CONVERTED} of its {KERAS[dialect.name]}", far)


SMALL = {
    "c": "kernel bias",
    "b": "beta moving_mean moving_variance",
    "d": "kernel bias",
    "s": "depthwise_kernel pointwise_kernel bias",
    "n": "gamma beta moving_mean moving_variance",
    "f": "kernel bias",
}


def test_small_keras_layers(keras: ModuleType, tmp_path: Path):
    """Every kind of layer whose tensors Keras names in its own way, through all of its kinds of files."""
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="c"), layers.BatchNormalization(scale=False, name="b"),
        layers.DepthwiseConv2D(3, name="d"), layers.SeparableConv2D(5, 3, name="s"), layers.BatchNormalization(name="n"),
        layers.Flatten(), layers.Dense(3, name="f")])  # fmt: skip
    model.save(tmp_path / "whole.h5")
    model.save(tmp_path / "whole.keras")
    model.save_weights(tmp_path / "w.weights.h5")
    legacy_file(keras, model, tmp_path / "legacy.h5")
    want = {f"{layer}/{kind}" for layer, kinds in SMALL.items() for kind in kinds.split()}
    read = [read_keras(tmp_path / name) for name in ("whole.h5", "whole.keras", "w.weights.h5", "legacy.h5")]
    assert all(found.keys() == want for found in read)
    assert all(torch.equal(found[key], read[0][key]) for found in read for key in want)
    assert torch.equal(read[0]["c/kernel"], torch.from_numpy(model.get_layer("c").get_weights()[0]))


def test_nested_keras_names():
    """ConvNeXt's stem in published files, by the group that it is; in files of Keras 3, by its layers."""
    old = ("stem/kernel", "stem/gamma", "downsampling_block_2/bias", "downsampling_block_2/beta",
           "stage_1_block_0_layer_scale/Variable")  # fmt: skip
    new = ("stem_conv/kernel", "stem_layernorm/gamma", "downsampling_conv_2/bias", "downsampling_layernorm_2/beta",
           "stage_1_block_0_layer_scale/gamma")  # fmt: skip
    today = dialect_for("convnext_tiny", "keras").today([f"convnext_tiny_{key}" for key in (*old, *new)])
    assert [key.removeprefix("convnext_tiny_") for key in today.values()] == [*new, *new]


def test_a_link_out_of_a_keras_file(keras: ModuleType, tmp_path: Path):
    """A file that points into another one, or claims more than it holds, is refused before anything is read."""
    import h5py

    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones(3, np.float32)
    for name, spoil in {
        "link.h5": lambda group: group.__setitem__("kernel:0", h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")),
        "large.h5": lambda group: group.create_dataset("kernel:0", (1 << 20, 1 << 14), "f4", chunks=(64, 64)),
        "words.h5": lambda group: group.create_dataset("kernel:0", data=np.array([b"a", b"b"])),
    }.items():
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs["layer_names"] = ["c"]
            group = file.create_group("c")
            group.attrs["weight_names"] = ["kernel:0"]
            spoil(group)
        with pytest.raises(UserError, match=r"link|claims|not numbers") as caught:
            read_keras(tmp_path / name)
        assert "\n" not in str(caught.value) and name in str(caught.value)


def test_a_small_keras_file_that_becomes_large(keras: ModuleType, tmp_path: Path):
    """Compressed zeros, one tensor under many names, a packed .keras, a group that holds itself."""
    import zipfile

    import h5py

    with h5py.File(tmp_path / "zeros.weights.h5", "w") as file:
        file.create_group("layers/conv2d/vars").create_dataset(
            "0", (1 << 24,), "f4", chunks=(1 << 20,), compression="gzip", data=np.zeros(1 << 24, np.float32))  # fmt: skip
    with h5py.File(tmp_path / "shared.h5", "w") as file:
        group = file.create_group("c")
        group["k"] = np.ones(100_000, np.float32)
        file.attrs["layer_names"], group.attrs["weight_names"] = ["c"] * 100, ["k"]
    with zipfile.ZipFile(tmp_path / "packed.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(1 << 22))
    for name in ("zeros.weights.h5", "shared.h5", "packed.keras"):
        with pytest.raises(UserError, match="claims to hold"):
            read_keras(tmp_path / name)
    with h5py.File(tmp_path / "loop.h5", "w") as file:
        group = file.create_group("layers")
        group["again"] = group
    with pytest.raises(UserError, match="holds no weights of layers"):
        read_keras(tmp_path / "loop.h5")


def test_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The line names what to install."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "w.h5").write_bytes(b"x")
    with pytest.raises(UserError, match=r"w\.h5: reading Keras's files needs h5py: pip install 'neocog\[keras\]'"):
        read_keras(tmp_path / "w.h5")


@pytest.fixture(scope="module")
def small() -> dict[str, Tensor]:
    model = create_model("resnet18", generator=rng())
    randomise(model)
    return model.state_dict()


def test_tensors_are_recognised(small: dict[str, Tensor]):
    """By keys and shapes alone; another number of classes does not hide them, a changed shape does."""
    shapes = {key: tuple(value.shape) for key, value in small.items()}
    assert [
        (m.dialect.net, analyse(m.arch).output[0]) for m in recognise(shapes | {"fc.weight": (7, 512), "fc.bias": (7,)})
    ] == [("resnet18", 7)]
    arch, dialect = resolve("resnet18").build(), dialect_for("resnet18", "timm")
    assert fits(arch, dialect, shapes | {"conv1.weight": (64, 3, 5, 5)}) is None
    assert fits(arch, dialect, shapes | {"more.weight": (1,)}) is None


def test_several_networks_fit():
    """The paper's ResNet-50 and the one of the toolkits have the same tensors; the message says whose is which."""
    values = {key: torch.zeros(param.shape) for key, param in shapes_of("resnet50").items()}
    with pytest.raises(UserError, match=r"w\.pth: fits \d networks.*: resnet50, .*resnet50\.v1_5 \(torchvision's.*--net"):
        find_match(values, None, "w.pth")
    assert find_match(values, "tv:resnet50", "w.pth").dialect.net == "resnet50.v1_5"


def shapes_of(name: str) -> dict[str, Any]:
    from neocog.arch.rewrite import tensors

    return tensors(resolve(name).build())


def test_a_converters_complaint(small: dict[str, Tensor]):
    """Which file, whose network, what is missing, unknown, or of another shape."""
    bad = {key: value for key, value in small.items() if key != "layer1.0.conv1.weight"} | {"x": torch.zeros(1)}
    with pytest.raises(UserError, match=r"f\.pth: not the weights of torchvision's resnet18: missing layer1.*; unknown x$"):
        convert(bad, "resnet18", "torchvision", "f.pth")
    with pytest.raises(UserError, match="timm has no network that is lenet5"):
        dialect_for("lenet5", "timm")


def test_old_densenet_keys():
    """torchvision's files of 2017 have a dot before the number."""
    dialect = dialect_for("densenet121", "torchvision")
    shapes = {key: torch.zeros(p.shape) for key, p in shapes_of("densenet121").items() if "num_batches" not in key}
    old = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in shapes.items()}
    assert old.keys() != shapes.keys()
    assert convert(old, "densenet121", dialect)[1].keys() == shapes_of("densenet121").keys()


def test_foreign_files_load_as_they_are(timm: ModuleType, tmp_path: Path):
    """create_model reads timm's file: keys, shapes, and a head for other classes started afresh."""
    model = theirs("timm", "mobilenetv2_035", {"timm": timm})
    write_safetensors(tmp_path / "w.safetensors", model.state_dict())
    torch.save(model.state_dict(), tmp_path / "w.pth")
    x = torch.randn(1, 3, 224, 224, generator=rng())
    for name in ("w.safetensors", "w.pth"):
        ours = create_model("mobilenet_v2.w035", weights=tmp_path / name).eval()
        with torch.no_grad():
            assert error(ours(x), model(x)) <= TOLERANCE
    few = create_model("mobilenet_v2.w035", num_classes=3, weights=tmp_path / "w.pth", generator=rng()).eval()
    with torch.no_grad():
        assert error(few.forward_features(x), ours.forward_features(x)) <= TOLERANCE
