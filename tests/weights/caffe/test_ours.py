"""The authors' definitions are our networks, layer by layer; their published files give the published answers."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import Shape, analyse
from neocog.errors import UserError
from neocog.nets import nets, resolve
from neocog.nn import Model
from neocog.weights.caffe import network, read_caffe, read_caffemodel, read_graph
from neocog.weights.caffe.convert import values
from neocog.weights.caffe.graph import graph
from neocog.weights.caffe.pictures import HABITS
from neocog.weights.caffe.prototxt import parse
from neocog.weights.caffe.recognise import recognise
from neocog.weights.caffe.squeezenet_compressed import read_compressed
from tests.conftest import Agree

from .nets import NETS
from .writer import binaryproto, model, random_blobs

COLOUR, SMALL, DIGIT = (3, 227, 227), (3, 32, 32), (1, 28, 28)
# Every definition that the authors published: which network of ours it is, if any, and how many parameters it has.
# The training files' data layers say no channels, or no size at all.
DEFINITIONS: dict[str, tuple[str | None, int, Shape | None]] = {
    "bvlc_alexnet/deploy": ("alexnet.caffe", 60_965_224, None),
    "bvlc_alexnet/train_val": ("alexnet.caffe", 60_965_224, COLOUR),
    "bvlc_reference_caffenet/deploy": ("caffenet", 60_965_224, None),
    "bvlc_reference_caffenet/train_val": ("caffenet", 60_965_224, COLOUR),
    "bvlc_googlenet/deploy": ("googlenet", 6_998_552, None),
    "bvlc_googlenet/train_val": ("googlenet", 6_998_552, (3, 224, 224)),
    "lenet/lenet": ("lenet.caffe", 431_080, None),
    "lenet/lenet_train_test": ("lenet.caffe", 431_080, DIGIT),
    "cifar10_quick/cifar10_quick": (None, 145_578, None),
    "cifar10_quick/cifar10_quick_train_test": (None, 145_578, SMALL),
    "resnet/ResNet-50-deploy": ("resnet50.caffe", 25_557_096, None),  # conv1's 64 biases more than ours
    "resnet/ResNet-101-deploy": ("resnet101.caffe", 44_549_160, None),
    "resnet/ResNet-152-deploy": ("resnet152.caffe", 60_192_808, None),
    "squeezenet/v1.0_deploy": ("squeezenet1_0.caffe", 1_248_424, None),
    "squeezenet/v1.0_train_val": ("squeezenet1_0.caffe", 1_248_424, COLOUR),
    "squeezenet/v1.1_deploy": ("squeezenet1_1", 1_235_496, None),
    "mobilenet/mobilenet_deploy": ("mobilenet_v1", 4_231_976, None),
    "mobilenet/mobilenet_v2_deploy": (None, 3_505_960, None),  # ReLU for ReLU6, and strides elsewhere
}


def test_every_definition_is_here(shared: Path):
    found = {str(p.relative_to(shared / "prototxt").with_suffix("")) for p in (shared / "prototxt").rglob("*.prototxt")}
    assert {name for name in found if "solver" not in name} == set(DEFINITIONS)
    for name in found - set(DEFINITIONS):
        with pytest.raises(UserError, match="a solver, not a network; the network is"):
            read_graph(shared / "prototxt" / f"{name}.prototxt")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_definition(name: str, shared: Path, agree: Agree):
    """It parses, its parameters are counted, and it is the network of ours that it should be: every layer the same."""
    ours, params, shape = DEFINITIONS[name]
    found = network(read_graph(shared / "prototxt" / f"{name}.prototxt"), "theirs", shape).arch
    table = analyse(found)
    assert table.total("params") == params
    assert found.head is not None and table.output == (10 if params < 500_000 else 1000,)
    same = recognise(found)
    assert (same and same.arch.name) == ours
    if same is not None:
        mine = analyse(same.arch)
        assert mine.total("macs") == table.total("macs") and mine.receptive_field == table.receptive_field
        for a, b in same.theirs.items():
            assert np.prod(mine.by_path[a].output) == np.prod(table.by_path[b].output), (a, b)
        assert len(same.theirs) == sum(n.record.type not in ("Dropout", "Flatten") for n in same.arch.nodes)
        assert [tap.weight for tap in found.taps] == [tap.weight for tap in same.arch.taps]
        agree(same.arch.name, "Caffe definition", f"{name}.prototxt: what each of {len(same.theirs)} layers computes")


def test_auxiliary_heads_come_with_the_training_file(shared: Path):
    found = network(read_graph(shared / "prototxt" / "bvlc_googlenet" / "train_val.prototxt"), "theirs", (3, 224, 224)).arch
    assert [tap.weight for tap in found.taps] == [0.3, 0.3]
    assert analyse(found).params_aux == analyse(resolve("googlenet").build()).params_aux == 6_379_728


def two_files(definition: Path, folder: Path, version: int = 2) -> Path:
    """A .caffemodel of random numbers for a definition."""
    path = folder / "random.caffemodel"
    path.write_bytes(model(random_blobs(network(read_graph(definition), "theirs")), version))
    return path


def same_answers(definition: Path, weights: Path, name: str | None) -> float:
    """The largest difference between the network as the file has it and as ours, relative to the largest score."""
    there = network(read_graph(definition), "theirs")
    theirs = Model(there.arch).eval()
    theirs.load_state_dict(values(there, read_caffemodel(weights).layers, str(weights)))
    made = read_caffe(definition, weights)
    assert made.net == made.arch.name == name
    ours = Model(made.arch).eval()
    ours.load_state_dict(made.values)
    x = torch.from_numpy(np.random.default_rng(2).normal(0, 1, (1, *made.arch.input)).astype(np.float32))
    with torch.no_grad():
        a, b = ours(x), theirs(x)
    assert b.std() > 0
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize(
    "name",
    ["lenet/lenet", "squeezenet/v1.1_deploy", *(pytest.param(n, marks=pytest.mark.slow) for n in (
        "mobilenet/mobilenet_deploy", "bvlc_googlenet/deploy", "resnet/ResNet-50-deploy", "resnet/ResNet-101-deploy",
        "bvlc_alexnet/deploy", "bvlc_reference_caffenet/deploy"))],
)  # fmt: skip
def test_weights_go_where_they_belong(name: str, shared: Path, tmp_path: Path):
    """Random weights in their network and, moved, in ours: one function. ResNet-50's conv1 bias goes into the mean."""
    definition = shared / "prototxt" / f"{name}.prototxt"
    assert same_answers(definition, two_files(definition, tmp_path), DEFINITIONS[name][0]) < 1e-5


def test_other_classes_and_sizes(shared: Path, tmp_path: Path):
    """A net of ours fine-tuned by somebody: 20 classes, another size."""
    text = (shared / "prototxt" / "squeezenet" / "v1.1_deploy.prototxt").read_text()
    definition = tmp_path / "deploy.prototxt"
    definition.write_text(text.replace("num_output: 1000", "num_output: 20").replace("dim: 227", "dim: 131"))
    assert same_answers(definition, two_files(definition, tmp_path), "squeezenet1_1") < 1e-5
    made = read_caffe(definition, tmp_path / "random.caffemodel", labels=[f"c{i}" for i in range(20)])
    assert made.classes == tuple(f"c{i}" for i in range(20)) and made.arch.input == (3, 131, 131)
    with pytest.raises(UserError, match="3 class names, but the network tells 20"):
        read_caffe(definition, tmp_path / "random.caffemodel", labels=["a", "b", "c"])


def test_another_network_by_name(shared: Path, tmp_path: Path):
    definition = shared / "prototxt" / "lenet" / "lenet.prototxt"
    weights = two_files(definition, tmp_path)
    assert read_caffe(definition, weights, net="lenet.caffe").net == "lenet.caffe"
    with pytest.raises(
        UserError, match=r"not lenet5\.modern: pictures of 1×28×28 .*it is lenet\.caffe: use --net lenet\.caffe"
    ):
        read_caffe(definition, weights, net="lenet5.modern")
    alexnet = shared / "prototxt" / "squeezenet" / "v1.0_deploy.prototxt"
    with pytest.raises(UserError, match=r"conv10 is conv 1×1/1 p1 to 1000×15×15 where squeezenet1_0 has classifier\.1"):
        read_caffe(alexnet, two_files(alexnet, tmp_path), net="squeezenet1_0")


def test_a_network_of_its_own(tmp_path: Path):
    """None of ours: its own name, runnable paths, and every assumption said."""
    definition, weights = tmp_path / "n.prototxt", tmp_path / "n.caffemodel"
    definition.write_text(NETS["grouped"])
    found = network(read_graph(definition), "x")
    weights.write_bytes(model({**random_blobs(found), "spare": [np.ones(3)]}))
    made = read_caffe(definition, weights)
    assert made.net == made.arch.name == "grouped"
    assert [n.path for n in made.arch.nodes] == ["a_3x3_s2", "a_relu", "b", "fc_flatten", "fc"]
    assert made.arch.head is not None and made.arch.head.path == "fc"
    said = "\n".join(made.notes)
    for words in ("none of our networks", "not used, since the .prototxt has no such layer: spare", "softmax", "BGR",
                  "assumed: mean 104, 117, 123", "assumed: scale 1", "assumed: pictures are squashed to 13×13"):  # fmt: skip
        assert words in said, words
    assert made.preprocessing.color == "BGR" and made.preprocessing.resize == "squash"


def test_preprocessing_of_the_file(tmp_path: Path):
    """transform_param, --mean as numbers, .npy and .binaryproto: (pixel - mean) · scale, blue first."""
    data = ('layer { name: "data" type: "Data" top: "data" top: "label" include { phase: TEST } transform_param { scale: 0.5 '
            'crop_size: 13 mean_value: 10 mean_value: 20 mean_value: 30 } }')  # fmt: skip
    body = NETS["relu"].partition("\n")[2]
    definition, weights = tmp_path / "n.prototxt", tmp_path / "n.caffemodel"
    definition.write_text(NETS["relu"])
    weights.write_bytes(model(random_blobs(network(read_graph(definition), "x"))))
    definition.write_text(data + body)
    made = read_caffe(definition, weights)
    assert made.preprocessing.scale == 0.5 and made.preprocessing.mean == (5.0, 10.0, 15.0)
    assert made.arch.input == (3, 13, 13), "the channels are the first convolution's"
    image = np.arange(3 * 4 * 5, dtype=np.float32).reshape(3, 4, 5)
    np.save(tmp_path / "mean.npy", image)
    (tmp_path / "mean.binaryproto").write_bytes(binaryproto(image))
    for mean in ("9.5,29.5,49.5", tmp_path / "mean.npy", tmp_path / "mean.binaryproto"):
        assert read_caffe(definition, weights, mean=mean).preprocessing.mean == (4.75, 14.75, 24.75)
    np.save(tmp_path / "wrong.npy", image[:2])
    (tmp_path / "not.npy").write_bytes(b"\x93NUMPY nonsense")
    for bad in ("1,2", "one", tmp_path / "wrong.npy", tmp_path / "not.npy", tmp_path / "n.prototxt"):
        with pytest.raises(UserError) as caught:
            read_caffe(definition, weights, mean=bad)
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def squeezenet(shared: Path) -> tuple[Path, Path, Path]:
    folder = shared / "weights" / "squeezenet1_0"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    return (folder / "SqueezeNet_deploy.prototxt", folder / "decompressed_SqueezeNet.caffemodel",
            folder / "compressed_SqueezeNet.net")  # fmt: skip


def test_compressed_is_the_same_to_the_bit(squeezenet: tuple[Path, Path, Path]):
    definition, weights, compressed = squeezenet
    whole, small = read_caffe(definition, weights), read_caffe(definition, compressed)
    assert whole.net == small.net == "squeezenet1_0.caffe"
    assert sum(v.numel() for v in whole.values.values()) == 1_248_424
    assert whole.values.keys() == small.values.keys()
    assert all(torch.equal(whole.values[key], small.values[key]) for key in whole.values)
    assert whole.preprocessing == small.preprocessing
    assert whole.preprocessing.id == "1crop-squash256-227-bilinear" and whole.preprocessing.mean == (104.0, 117.0, 123.0)


@pytest.mark.parametrize("bad", ["cut", "long", "counts"])
def test_damaged_compressed_file(bad: str, squeezenet: tuple[Path, Path, Path], tmp_path: Path):
    data = squeezenet[2].read_bytes()
    data = {"cut": data[:-5], "long": data + b"1234", "counts": b"\xff" * 104 + data[104:]}[bad]
    path = tmp_path / "bad.net"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"cut off|bytes too many|codes for the"):
        read_compressed(path, network(read_graph(squeezenet[0]), "x"))


@pytest.mark.slow
def test_authors_squeezenet_on_photographs(squeezenet: tuple[Path, Path, Path], shared: Path, agree: Agree):
    """50.5 and 76.5 %, from both files; each picture's probabilities are OpenCV's."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV below 5, for its dnn that reads Caffe's files")
    definition, weights, compressed = squeezenet
    folder = shared / "photos" / "nips17"
    rows = list(csv.DictReader((folder / "labels.csv").open()))
    truth = np.array([int(row["class_index"]) for row in rows])
    theirs = cv2.dnn.readNetFromCaffe(str(definition), str(weights))
    made, small = read_caffe(definition, weights), read_caffe(definition, compressed)
    assert all(torch.equal(value, small.values[key]) for key, value in made.values.items())
    ours = Model(made.arch).eval()
    ours.load_state_dict(made.values)
    right, worst = np.zeros(2), 0.0
    for row, label in zip(rows, truth, strict=True):
        x = made.preprocessing.transform()(Image.open(folder / row["file"]))[None]
        with torch.no_grad():
            got = ours(torch.from_numpy(x)).softmax(1).numpy()[0]
        theirs.setInput(x)
        scores = theirs.forward().reshape(-1)
        want = np.exp(scores - scores.max())
        worst = max(worst, float(np.abs(got - want / want.sum()).max()))
        best = np.argsort(-got)[:5]
        right += (best[0] == label, label in best)
    assert len(rows) == 200
    assert (right / 2).tolist() == [50.5, 76.5]
    assert worst < 1e-4
    agree(made.net, "published weights", "50.5 and 76.5 % of 200 photographs right, first and within five", worst)
    agree(made.net, "OpenCV", "each photograph's probabilities with the published weights", worst)


def test_vgg16_in_the_style_of_2014():
    """VGG's own definition is of V1 layers; here it is written anew from the paper's column D."""
    text, bottom = 'input: "data" input_dim: 10 input_dim: 3 input_dim: 224 input_dim: 224\n', "data"

    def add(name: str, kind: str, top: str, param: str = "") -> None:
        nonlocal text, bottom
        text += f'layers {{ bottom: "{bottom}" top: "{top}" name: "{name}" type: {kind} {param} }}\n'
        bottom = top

    for stage, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for i in range(1, count + 1):
            conv = f"conv{stage}_{i}"
            add(conv, "CONVOLUTION", conv, f"convolution_param {{ num_output: {width} pad: 1 kernel_size: 3 }}")
            add(f"relu{stage}_{i}", "RELU", conv)
        add(f"pool{stage}", "POOLING", f"pool{stage}", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
    for name, width in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        add(name, "INNER_PRODUCT", name, f"inner_product_param {{ num_output: {width} }}")
        if width == 4096:
            add(f"relu_{name}", "RELU", name)
            add(f"drop_{name}", "DROPOUT", name, "dropout_param { dropout_ratio: 0.5 }")
    add("prob", "SOFTMAX", "prob")
    same = recognise(network(graph(parse(text, "vgg")), "theirs").arch)
    assert same is not None and same.arch.name == "vgg16"
    assert HABITS["vgg16"].mean == (103.939, 116.779, 123.68)
    assert set(HABITS) <= set(nets())
