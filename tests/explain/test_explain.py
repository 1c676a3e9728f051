"""Looking inside: the arrays are what the layers answered and what the weights are; the pictures show them truly."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.errors import UserError
from neocog.explain import (
    Planes,
    Templates,
    default_layers,
    draw_planes,
    draw_templates,
    planes,
    templates,
)
from neocog.explain.targets import layer_named
from neocog.figure.colours import diverging, positive
from neocog.figure.sheet import PAPER, Group
from neocog.figure.sheet import sheet as sheet_of
from neocog.nets import resolve
from neocog.nn import Model, create_model
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs.marks import weights_mark
from tests.conftest import rng


def ready(name: str, **options: int) -> Model:
    """A network with random weights, its card's preprocessing and named classes."""
    model = create_model(name, generator=rng(), **options).eval()
    model.preprocessing = resolve(name).card.preprocessing
    model.classes = tuple(f"c{i}" for i in range(model.num_classes))
    return model


def noise(side: int, channels: int) -> np.ndarray:
    shape = (side, side) if channels == 1 else (side, side, channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("name", ["neocognitron", "lenet5", "resnet8.cifar"])
def test_planes_are_what_the_layers_answer(name: str):
    """The last of them, followed to the end, gives the network's own answer."""
    model = ready(name)
    channels, height, _ = model.arch.input
    picture = noise(height, channels)
    found = planes(model, picture)
    assert [one.path for one in found] == list(default_layers(model.arch))
    assert all(one.maps.shape == tuple(model._shape(one.path)) and one.maps.dtype == np.float32 for one in found)
    x = torch.from_numpy(model.preprocessing.normalise(picture.reshape(1, height, height, channels)))
    with torch.no_grad():
        last = torch.from_numpy(found[-1].maps)[None]
        assert torch.equal(last, model.forward_features(x))
        assert torch.equal(model.forward_head(last), model(x))


def test_a_neocognitron_shows_every_s_and_c_layer():
    assert default_layers(resolve("neocognitron").build()) == ("S1", "C1", "S2", "C2", "S3", "C3")


def test_planes_of_wrong_layers_are_refused():
    model, picture = ready("lenet5"), noise(32, 1)
    assert planes(model, picture, ["C3"])[0].maps.shape == (16, 10, 10)
    with pytest.raises(UserError, match="no layer 'C33': did you mean C3"):
        planes(model, picture, ["C33"])
    with pytest.raises(UserError, match="'F6' gives 84 numbers"):
        planes(model, picture, ["F6"])
    with pytest.raises(UserError, match="first layer sees the whole picture"):
        planes(ready("linear"), noise(28, 1))


@pytest.mark.parametrize(("name", "path", "count"), [("linear", "fc", 10), ("perceptron", "fc", 10), ("mlp", "fc1", 300)])
def test_templates_are_the_weights(name: str, path: str, count: int):
    """The answer is the sum of template times picture, plus the bias."""
    model = ready(name)
    layer = model.get_submodule(path)
    with torch.no_grad():
        layer.weight.normal_(generator=rng(1))
    found = templates(model)
    assert (found.path, found.maps.shape) == (path, (count, 1, 28, 28))
    assert found.names[3] == ("unit 3" if name == "mlp" else "c3")
    x = torch.randn(1, 1, 28, 28, generator=rng(2))
    by_hand = (found.maps * x.numpy()).sum((1, 2, 3)) + layer.bias.detach().numpy()
    with torch.no_grad():
        assert np.allclose(by_hand, layer(x.flatten(1))[0].numpy(), atol=1e-3)


def test_templates_of_a_convolutional_net_are_refused():
    with pytest.raises(UserError, match="no full connection reads its pixels"):
        templates(ready("lenet5"))


def test_colours_say_zero_sign_and_size():
    """Zero is a neutral grey, equal sizes lie equally far from it in lightness, and more is never lighter."""
    row = diverging(np.array([[-1.0, -0.5, 0.0, 0.5, 1.0]]), 1.0)[0].astype(int)
    assert np.ptp(row[2]) <= 3 and row[2].mean() > 180
    assert row[0][2] > row[0][0] and row[4][0] > row[4][2], "negative is blue, positive is red"
    light = row @ (0.299, 0.587, 0.114)
    assert light[2] > max(light[1], light[3]) > min(light[1], light[3]) > max(light[0], light[4])
    ramp = positive(np.linspace(0, 2, 50)[None], 2.0)[0] @ (0.299, 0.587, 0.114)
    assert (np.diff(ramp) < 0).all()
    assert (positive(np.zeros((2, 2)), 0.0) == positive(np.zeros((2, 2)), 1.0)).all(), "a silent layer is empty, not a fault"
    rgb = diverging(np.stack([np.full((2, 2), v) for v in (1.0, 0.0, -1.0)]), 1.0)
    assert rgb.shape == (2, 2, 3) and rgb[0, 0].tolist() == [255, 128, 0]


def test_a_sheet_shows_each_tile_once_at_a_whole_zoom():
    """Tiles of colours of their own are found again, square by square, with the paper between them."""
    tiles = [np.full((4, 4, 3), (10 + 20 * i, 250 - 30 * i, 7), np.uint8) for i in range(7)]
    page = np.asarray(sheet_of("title", [Group("a", "seven", tiles, [f"tile {i}" for i in range(7)])], wide=4))
    boxes = []
    for tile in tiles:
        rows, columns = np.nonzero((page == tile[0, 0]).all(2))
        box = (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)
        assert len(rows) == (box[1] - box[0]) * (box[3] - box[2]) == 56 * 56
        boxes.append(box)
    assert len({b[0] for b in boxes}) == 2 and boxes[4][2] == boxes[0][2], "four in a row, then the next row"
    assert all(a[3] < b[2] for a, b in pairwise(boxes[:4]))
    assert tuple(page[0, 0]) == PAPER and page.shape[1] > boxes[3][3]


def test_drawings_name_what_they_leave_out():
    """Of 80 maps the 64 strongest; the rest is told. A name longer than its tile is cut, not laid over its neighbour."""
    maps = np.random.default_rng(0).random((80, 3, 3), np.float32)
    picture = noise(16, 1)[..., None]
    many = draw_planes("x", picture, [Planes("a", "conv", maps)])
    few = draw_planes("x", picture, [Planes("a", "conv", maps[:64])])
    assert many.height == few.height
    wide = draw_templates("x", Templates("fc", ("a name of a class that no tile is wide enough for",) * 3, maps[:3, None]))
    assert wide.width < 600


def test_the_command(neocog, idx, tmp_path):
    out = tmp_path / "run"
    neocog("train", idx, "--net", "linear", "--steps", 3, "--out", out, "--loss", "hinge").check(0)
    said = neocog("explain", out, "--method", "templates", "--out", tmp_path / "sub" / "t.png", "--json").check(0)
    facts = json.loads(said.out)
    assert facts["method"] == "templates" and facts["net"] == "linear" and facts["shape"][1:] == [1, 28, 28]
    with Image.open(facts["out"]) as picture:
        assert picture.mode == "RGB" and picture.width > 300
    neocog("explain", out, "--method", "planes", "--out", tmp_path / "p.png").complaint("planes", "picture")
    neocog("explain", out, "--method", "templates", "--out", tmp_path / "t.pdf").complaint("t.pdf", ".svg")
    neocog("explain", out, "--method", "templates", "--out", tmp_path / "t.svg").check(0)
    assert "<image" in (tmp_path / "t.svg").read_text()
    neocog("explain", "alexnet", tmp_path / "p.png", "--method", "planes", "--out", tmp_path / "q.png").complaint(
        "network's name", "trained"
    )
    neocog("explain", out, "--method", "template", "--out", tmp_path / "t.png").complaint("did you mean templates")
    neocog("explain", out, "--method", "dreams", "--out", tmp_path / "t.png").complaint("dreams")


def test_a_picture_is_whole_or_not_there(tmp_path, monkeypatch):
    """An interrupt while it is written leaves what lay there."""
    from neocog.figure.files import FORMATS, write_picture

    drawn = Image.fromarray(noise(20, 3))
    for suffix, kind in FORMATS.items():
        write_picture(tmp_path / f"p{suffix}", drawn)
        with Image.open(tmp_path / f"p{suffix}") as picture:
            assert picture.format == kind
    before = (tmp_path / "p.png").read_bytes()
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_picture(tmp_path / "p.png", Image.fromarray(noise(40, 3)))
    assert (tmp_path / "p.png").read_bytes() == before and len(list(tmp_path.iterdir())) == len(FORMATS)


def test_templates_are_in_the_colours_that_people_see():
    """Of a network that reads blue first, red weights are red."""
    model = create_model("linear", in_chans=3, num_classes=2, img_size=4, generator=rng()).eval()
    model.preprocessing = Preprocessing(4, 4, "BGR", "none")
    with torch.no_grad():
        weight = model.get_submodule("fc").weight.zero_().view(2, 3, 4, 4)
        weight[0, 2] = 1.0
    assert templates(model).maps[0, :, 0, 0].tolist() == [1, 0, 0]


def test_networks_without_maps_say_so():
    for words in ("fc1", "anything"):
        with pytest.raises(UserError, match="mlp has no maps"):
            layer_named(resolve("mlp").build(), words, maps=True)


def test_weights_of_every_kind_have_a_mark():
    """bfloat16 too, which numpy does not know; another bit is another mark."""
    layer = torch.nn.Linear(3, 2).to(torch.bfloat16)
    before = weights_mark(layer)
    assert before == weights_mark(layer)
    with torch.no_grad():
        layer.bias[1] += 1
    assert weights_mark(layer) != before


def test_which_pictures_is_asked_of_data_only(neocog, tmp_path):
    for option, value in (("--split", "test"), ("--pictures", 3)):
        neocog("explain", "lenet5", "--method", "filters", option, value, "--out", tmp_path / "f.svg").complaint("--data")
