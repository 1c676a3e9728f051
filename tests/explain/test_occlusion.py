"""Occlusion: what the map says is what the network says of the picture with the square, for every fill, size and place."""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest, wilcoxon
from torch import Tensor, nn

from neocog.cli.evaluate_split import Split
from neocog.cli.explain import add_arguments
from neocog.cli.looking.look import Look
from neocog.cli.looking.occlusion import _others
from neocog.cli.progress import Progress
from neocog.errors import UserError
from neocog.explain.inside import undisturbed
from neocog.explain.occlusion.cone import Cone, stages
from neocog.explain.occlusion.figure import draw_occlusion
from neocog.explain.occlusion.hidden import Box, below, deletion, mask_of, object_and_rest, read_boxes, some_of
from neocog.explain.occlusion.slide import corners, importance, occlude, occluding
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import class_named
from neocog.figure.parts import number
from neocog.nn import Model, create_model
from neocog.pictures.embedded import digits
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import ArrayPictures
from neocog.runs import Predictor
from neocog.weights.importing import import_files
from tests.conftest import rng

BOXES = Path(__file__).parent / "object_boxes.tsv"


def ready(name: str, color: str = "RGB", **options) -> Model:
    """A network with random weights, and statistics that are not those of no training at all."""
    model = create_model(name, generator=rng(), **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=rng(1))
            module.running_var.uniform_(0.5, 2, generator=rng(2))
    _, height, width = model.arch.input
    model.preprocessing = Preprocessing(height, width, color, "squash", mean=(0.4,), std=(0.25,))
    model.classes = tuple(f"c{i}" for i in range(model.num_classes))
    return model


def by_hand(model: nn.Module, x: Tensor, cover: Tensor, size: int, stride: int) -> Tensor:
    """R×C×classes, one picture after the other."""
    rows = []
    for top in corners(x.shape[1], size, stride):
        line = []
        for left in corners(x.shape[2], size, stride):
            one = x.clone()
            one[:, top : top + size, left : left + size] = cover[:, top : top + size, left : left + size]
            line.append(model(one[None])[0])
        rows.append(torch.stack(line))
    return torch.stack(rows).detach()


SMALL = "INPUT 3x23x30 CONV 5x5/2 8 p1 RELU POOL 3/2 CONV 3x3 12 p1 RELU FC 5"


@pytest.mark.parametrize(
    ("net", "size", "stride"),
    [(SMALL, 6, 4), (SMALL, 5, 5), (SMALL, 23, 23), (SMALL, 40, 7), (SMALL, 2, 2), ("resnet8.cifar", 7, 5), ("lenet5", 9, 4)],
)
def test_the_map_is_the_network_on_every_covered_picture(net: str, size: int, stride: int):
    """Oblong, strides that do not fit, squares over the border and larger than the picture, residual joins, no ReLU."""
    model = ready(net)
    x = torch.randn(*model.arch.input, generator=rng(3))
    found = occlude(model, x, 2, size, stride, batch=7)
    with torch.no_grad():
        want = by_hand(model, x, torch.zeros_like(x), size, stride)
    assert found.probability.shape == want.shape[:2]
    assert np.allclose(found.probability, want.softmax(2)[..., 2], atol=1e-5)
    assert np.allclose(found.logit, want[..., 2], atol=1e-4)
    top2 = want.topk(2).values
    sure = (top2[..., 0] - top2[..., 1] > 1e-4).numpy()
    assert (found.label == want.argmax(2).numpy())[sure].all()


@pytest.mark.parametrize(
    "net",
    [
        "squeezenet1_0",
        *(
            pytest.param(net, marks=pytest.mark.slow)
            for net in ("googlenet", "alexnet", "zfnet", "mobilenet_v2", "mobilenet_v3_large", "densenet121", "resnet18")
        ),
    ],
)
def test_computing_only_what_changes_changes_nothing(net: str):
    """At corners and within, against the whole network, in double precision. Gates that see everything end the shortcut."""
    model = ready(net, img_size=111, num_classes=7).double()
    size, output = 21, model.arch.output
    found = stages(model.arch, (111, 111), (size, size), (output,))
    assert found and any(stage.rows.crop < stage.rows.n for stage in found), "nothing was gained"
    x = torch.randn(1, 3, 111, 111, generator=rng(3), dtype=torch.float64) * 9
    offsets = [(0, 0), (90, 90), (45, 7), (0, 88), (61, 30)]
    blocks = torch.randn(len(offsets), 3, size, size, generator=rng(4), dtype=torch.float64) * 9
    with undisturbed(model), torch.inference_mode():
        got = Cone(model, x, (size, size), (output,))(blocks, offsets)[output]
        whole = x.repeat(len(offsets), 1, 1, 1)
        for one, block, (i, j) in zip(whole, blocks, offsets, strict=True):
            one[:, i : i + size, j : j + size] = block
        want, clean = model(whole), model(x)
    moved = (want - clean).abs().amax(1)
    assert (moved > 0).all() and ((got - want).abs().amax(1) < 1e-6 * moved).all()


def test_of_a_linear_model_the_drop_is_the_weight_times_what_was_taken():
    """T9. A square of the whole picture gives f(baseline); covering with the picture itself gives nothing, exactly."""
    weight = torch.randn(4, 3 * 11 * 8, generator=rng(1), dtype=torch.float64)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 11 * 8, 4)).double()
    model[1].weight.data.copy_(weight)
    x, cover = torch.randn(2, 3, 11, 8, generator=rng(2), dtype=torch.float64)
    found = occlude(model, x, 3, 4, 3, cover)
    taken = weight[3].view(3, 11, 8) * (x - cover)
    for i, top in enumerate(found.tops):
        for j, left in enumerate(found.lefts):
            drop = float(taken[:, top : top + 4, left : left + 4].sum())
            assert found.clean.logit - found.logit[i, j] == pytest.approx(drop, abs=1e-5)
    whole = occlude(model, x, 3, 11, 11, cover)
    assert whole.logit.shape == (1, 1) and whole.logit[0, 0] == pytest.approx(
        float(model(cover[None])[0, 3].detach()), abs=1e-5
    )
    same = occlude(model, x, 3, 4, 3, x)
    assert (same.drop == 0).all()
    spread = importance(found)
    assert spread.shape == (11, 8) and spread[0, 0] == pytest.approx(float(found.drop[0, 0]))


def test_the_record_of_bytes_colours_and_fills():
    """What covers is what its name says, in the network's own order of colours, as pixels and as numbers."""
    pixels = np.random.default_rng(0).integers(0, 256, (23, 30, 3), dtype=np.uint8)
    for color in ("RGB", "BGR", "L"):
        model = ready(SMALL if color != "L" else SMALL.replace("3x23", "1x23"), color)
        record = model.preprocessing
        own = record.image(Image.fromarray(pixels))
        for fill in ("grey", "black", "white", "blur", "200,100,0", "mean"):
            made = veil(model, own, fill, 6)
            assert made.pixels.shape == own.shape
            if fill != "mean":  # 0.4 is no whole number of 255
                assert np.array_equal(made.values.numpy(), record.normalise(made.pixels[None])[0])
        assert (veil(model, own, "mean").values == 0).all()
        red = veil(model, own, "200,100,0").pixels[0, 0].tolist()
        assert red == {"RGB": [200, 100, 0], "BGR": [0, 100, 200], "L": [118]}[color]
        assert np.ptp(veil(model, own, "blur", 12).pixels[..., 0].astype(int)) < np.ptp(own[..., 0].astype(int))
        found = occlude(model, Image.fromarray(pixels), None, 8, 8, "white")
        x = torch.from_numpy(record.normalise(own[None]))[0]
        cover = torch.from_numpy(record.normalise(np.full_like(own, 255)[None]))[0]
        with torch.no_grad():
            want = by_hand(model, x, cover, 8, 8)
        assert found.target == int(model(x[None]).argmax()) and "white" in found.fill
        assert np.allclose(found.logit, want[..., found.target], atol=1e-4)


def test_coarse_to_fine_ends_where_one_pass_does():
    """Every step is a whole map, every position is asked once, and what was computed stays."""
    model = ready(SMALL)
    x = torch.randn(*model.arch.input, generator=rng(3))
    told: list[tuple[int, int]] = []
    maps = list(occluding(model, x, 1, 4, 1, on_progress=lambda done, total: told.append((done, total)), batch=13))
    last = maps[-1]
    assert len(maps) >= 3 and [m.computed.sum() for m in maps] == sorted({m.computed.sum() for m in maps})
    assert last.computed.all() and told[-1] == (last.computed.size, last.computed.size)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    for one in maps:
        assert np.isfinite(one.probability).all()
        assert np.array_equal(one.probability[one.computed], last.probability[one.computed])
    first = maps[0]
    step = 2 ** (len(maps) - 1)
    rows, columns = (np.arange(n) // step * step for n in first.probability.shape)
    assert np.array_equal(first.probability, last.probability[np.ix_(rows, columns)])
    other = occlude(model, x, 1, 4, 1, batch=64)
    assert np.allclose(other.probability, last.probability, atol=1e-6), "the batch does not matter"


def test_it_stops_when_asked():
    model, asked = ready(SMALL), iter([False, False, True])
    with pytest.raises(KeyboardInterrupt):
        occlude(model, torch.zeros(3, 23, 30), 1, 4, 1, stop=lambda: next(asked), batch=5)
    assert next(asked, "used up") == "used up"


def test_the_strongest_map_is_summed_over_space():
    """Panel b: of the layer's maps the one with the largest answer on the picture as it is. Modules of others too."""
    model = ready(SMALL)
    path = model.arch.nodes[4].path
    x = torch.randn(*model.arch.input, generator=rng(3))
    plain = nn.Sequential(*(model.get_submodule(node.path) for node in model.arch.nodes)).eval()
    for one, layer in ((model, path), (plain, "4")):
        found = occlude(one, x, 1, 7, 6, layer=layer)
        assert found.activation is not None and found.clean.activation is not None
        with torch.no_grad():
            clean = plain[:5](x[None])[0]
            assert found.unit == int(clean.amax((1, 2)).argmax())
            covered = x.clone()
            covered[:, 6:13, 12:19] = 0
            want = plain[:5](covered[None])[0, found.unit].sum()
        assert found.clean.activation == pytest.approx(float(clean[found.unit].sum()), rel=1e-5)
        assert found.activation[1, 2] == pytest.approx(float(want), rel=1e-5)
    assert occlude(model, x, 1, 7, 6, layer=path, unit=3).unit == 3
    assert occlude(plain, x, 1, 7, 6).activation is None


def test_the_network_is_left_as_it_was():
    model = ready("resnet8.cifar").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    occlude(model, torch.randn(3, 32, 32, generator=rng(1)), 0, 10, 8)
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(not m._forward_hooks for m in model.modules())


def test_what_does_not_fit_is_told():
    model, x = ready(SMALL), torch.zeros(3, 23, 30)
    with pytest.raises(UserError, match=r"steps of 9 leave pixels .* --stride 4"):
        occlude(model, x, 0, 4, 9)
    with pytest.raises(UserError, match="no class 5: the network tells 5 apart"):
        occlude(model, x, 5)
    with pytest.raises(UserError, match="no fill 'pink': there are mean, grey"):
        occlude(model, np.zeros((23, 30, 3), np.uint8), 0, fill="pink")
    with pytest.raises(UserError, match="no fill '300,0,0'"):
        occlude(model, np.zeros((23, 30, 3), np.uint8), 0, fill="300,0,0")
    with pytest.raises(UserError, match="needs pixels"):
        occlude(model, x, 0, fill="grey")
    with pytest.raises(UserError, match="no layer 'conv9'"):
        occlude(model, x, 0, layer="conv9")


def test_the_command_draws_five_panels(neocog, idx, digit, tmp_path):
    run, out = tmp_path / "run", tmp_path / "o.svg"
    neocog(
        "train", idx, "--net", "INPUT 1x28x28 CONV 5x5 4 RELU POOL 2 CONV 3x3 6 RELU FC 10", "--steps", 3, "--out", run
    ).check(0)
    common = ("explain", run, digit, "--method", "occlusion", "--out", out)
    said = neocog(*common, "--size", 7, "--stride", 7, "--fill", "black", "--json", "--arrays", tmp_path / "o.npz").check(0)
    facts = json.loads(said.out)
    assert facts["positions"] == [4, 4] and facts["fill"].startswith("black") and facts["unit"] is not None
    assert sum(one["positions"] for one in facts["labels"]) == 16
    words = out.read_text()
    assert all(f">({panel})" in words for panel in "abcde") and "black (0 of 255)" in words and "7×7 of 28×28 px" in words
    with np.load(tmp_path / "o.npz") as arrays:
        assert arrays["probability"].min() == pytest.approx(facts["lowest"], abs=1e-5)
        assert arrays["projection"].shape == (1, 28, 28)
    neocog(*common, "--class", "zebra").complaint("zebra")
    neocog(*common, "--fill", "pink").complaint("pink", "blur")
    neocog(*common, "--size", 3, "--stride", 5).complaint("--stride 3")


@pytest.mark.slow
def test_captum_finds_the_same_map():
    """Its windows are ours, and it averages where they overlap."""
    captum = pytest.importorskip("captum.attr")
    model, x = ready(SMALL), torch.randn(3, 23, 30, generator=rng(3))
    for size, stride in ((6, 4), (5, 5), (7, 2)):
        with torch.no_grad():
            theirs = captum.Occlusion(model).attribute(x[None], (3, size, size), (3, stride, stride), 0, 2)[0, 0].numpy()
        found = occlude(model, x, 2, size, stride)
        total, count = np.zeros((23, 30)), np.zeros((23, 30))
        for i, top in enumerate(found.tops):
            for j, left in enumerate(found.lefts):
                total[top : top + size, left : left + size] += found.clean.logit - found.logit[i, j]
                count[top : top + size, left : left + size] += 1
        assert np.allclose(total / count, theirs, atol=1e-4)


def marked(path: Path) -> dict[str, tuple[str, list[Box]]]:
    """file → class and boxes."""
    found: dict[str, tuple[str, list[Box]]] = defaultdict(lambda: ("", []))
    for mark in read_boxes(path):
        found[mark.file] = (mark.what, [*found[mark.file][1], *([mark.box] if mark.box else [])])
    return dict(found)


@pytest.fixture(scope="module")
def squeezenet(shared: Path) -> Predictor:
    """The authors' SqueezeNet 1.0."""
    folder = shared / "weights" / "squeezenet1_0"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    made = import_files([folder / "SqueezeNet_deploy.prototxt", folder / "decompressed_SqueezeNet.caffemodel"])
    model = Model(made.arch)
    model.load_state_dict(made.values)
    model.preprocessing, model.classes = made.preprocessing, made.classes
    return Predictor(model.eval(), made.preprocessing, made.classes, made.net)


@pytest.fixture(scope="module")
def photos(shared: Path, squeezenet: Predictor) -> list[tuple[Image.Image, int, list[Box]]]:
    """The photographs that it takes for what they show, their class, and where the object is."""
    root = shared / "photos" / "nips17"
    if not root.is_dir():
        pytest.skip(f"{root} is not here")
    found = []
    for file, (name, boxes) in marked(BOXES).items():
        with Image.open(root / file) as opened:
            picture = opened.convert("RGB")
        target = class_named(squeezenet.classes, name)
        assert squeezenet.scores(squeezenet.preprocessing.image(picture)[None])[0].argmax() == target
        found.append((picture, target, boxes))
    assert len(found) == 101
    return found


@pytest.mark.slow
def test_hiding_the_object_costs_more_than_hiding_as_much_of_the_rest(squeezenet: Predictor, photos):
    """Over all photographs with an object that leaves room beside it, paired; and over those whose object is at most half."""
    compared = [object_and_rest(squeezenet.model, picture, boxes, target) for picture, target, boxes in photos if boxes]
    fair = [one for one in compared if one is not None]
    assert len(fair) == 79
    for some in (fair, [one for one in fair if one.object_share <= 0.5]):
        for what in ("probability", "score"):
            more = np.array([getattr(one.object, what) - getattr(one.rest, what) for one in some])
            assert np.median(more) > (0.2 if what == "probability" else 3)
            assert wilcoxon(more, alternative="greater").pvalue < 1e-6
            assert binomtest(int((more > 0).sum()), len(more), alternative="greater").pvalue < 1e-4
    elsewhere = np.array([one.object.probability - one.moved.probability for one in fair if one.moved])
    assert len(elsewhere) > 20 and wilcoxon(elsewhere, alternative="greater").pvalue < 0.01, "the same shape, moved"


@pytest.mark.slow
def test_deletion_by_the_map_beats_random_orders(squeezenet: Predictor, photos):
    """Every sixth photograph, whatever it shows; bench/objects.py takes all."""
    gains = []
    for picture, target, _ in photos[::6]:
        found = occlude(squeezenet.model, picture, target, 45, 22)
        curve, random = deletion(squeezenet.model, picture, target, importance(found), orders=2)
        gains.append(float(below(random).mean() - below(curve)[0]))
    assert np.median(gains) > 0 and wilcoxon(gains, alternative="greater").pvalue < 0.05


def test_equal_areas_are_equal_and_the_object_is_found():
    """A network that reads one corner: hiding the corner costs, hiding as much elsewhere costs nothing."""

    class Corner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            corner = x[:, :, 4:12, 6:16].mean((1, 2, 3))
            return torch.stack([corner * 20, -corner * 20], 1)

    model = ready(SMALL)
    picture = Image.fromarray(np.full((46, 60, 3), 250, np.uint8))  # twice the network's size
    record = model.preprocessing
    inner = Corner()
    inner.preprocessing = record
    box = (12, 8, 32, 24)
    assert mask_of(inner, [box], picture.size).sum() == 8 * 10
    one = object_and_rest(inner, picture, [box], 0, placements=5)
    assert one is not None and one.hidden_share == pytest.approx(80 / 690)
    assert one.object.score == pytest.approx(20 * (250 / 255 - 0.4) / 0.25, rel=1e-4) and one.rest.score == 0 == one.moved.score
    large = object_and_rest(inner, picture, [(0, 0, 60, 40)], 0, placements=5)
    assert large is not None and large.hidden_share == pytest.approx(1 - large.object_share) and large.moved is None
    assert object_and_rest(inner, picture, [(0, 0, 60, 45)], 0) is None, "nothing is left beside it"
    draws = np.random.default_rng(0)
    among = np.zeros((9, 9), bool)
    among[:, :6] = True
    parts = some_of(among, 10, 4, draws)
    assert all(part.sum() == 10 and not (part & ~among).any() for part in parts)


def test_tables_of_boxes(tmp_path):
    path = tmp_path / "b.tsv"
    path.write_text(
        "# made by hand\nfile\tclass\tleft\ttop\tright\tbottom\na.png\tcat\t1\t2\t5\t9\nb.png\tpuck\tunseen\t\t\t\n"
    )
    first, second = read_boxes(path)
    assert first.box == (1, 2, 5, 9) and first.what == "cat" and second.box is None and second.note == "unseen"
    for words, message in (
        ("file,left,top,right,bottom\n", "no column part"),
        ("file,part,left,top,right,bottom\na,b,1,2,x,4\n", "line 2: .* whole numbers"),
        ("file,part,left,top,right,bottom\na,b,5,2,5,4\n", "line 2: .* holds nothing"),
        ("", "holds no boxes"),
    ):
        path.write_text(words)
        with pytest.raises(UserError, match=message):
            read_boxes(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_boxes(tmp_path / "c.tsv")


def test_maps_of_other_modules_that_are_not_there_are_told():
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    x = torch.zeros(3, 8, 8)
    for layer, unit, message in (
        ("1", 4, "'1' has 4 maps, numbered 0 to 3; there is no 4"),
        ("7", None, "Sequential has no '7'"),
        ("3", None, "'3' gives no maps"),
        (None, 1, "of which layer"),
    ):
        with pytest.raises(UserError, match=message):
            occlude(plain, x, 0, 4, 4, layer=layer, unit=unit)
    assert not any(module._forward_hooks for module in plain.modules())


def test_a_map_below_zero_is_drawn_with_its_sign():
    """Before a ReLU sums may be negative: the scale then goes from − to +, and no cell is taken for 0."""
    model = ready(SMALL)
    with torch.no_grad():
        model.get_parameter("conv2.bias").fill_(-50.0)
    found = occlude(model, torch.randn(3, 23, 30, generator=rng(3)), 1, 8, 8, layer="conv2", unit=2)
    assert found.activation is not None and found.activation.max() < 0
    view = np.zeros((23, 30, 3), np.uint8)
    sheet = draw_occlusion("t", view, view, found, [f"c{i}" for i in range(5)], "no projection")
    words = [mark[3] for mark in sheet.marks if mark[0] == "text"]
    top = max(float(np.abs(found.activation).max()), abs(found.clean.activation or 0))
    assert number(-top) in words and "+" + number(top) in words
    marks = [mark[1] for mark in sheet.marks if mark[0] == "area" and mark[2] == "ink"]
    left = 28 + 236 + 24  # of panel b
    assert any(left <= place[0][0] < left + 236 / 2 for place in marks), "the mark stands on the negative half"


def test_elsewhere_is_not_the_picture_itself(neocog, idx, digit, tmp_path):
    """With the picture's own data named, what the map answers most elsewhere is answers to other pictures."""
    run = tmp_path / "run"
    neocog("train", idx, "--net", "INPUT 1x28x28 CONV 5x5 4 RELU FC 10", "--steps", 2, "--out", run).check(0)
    images, labels = digits()
    rows = np.array([3600, 100, 700, 1500])  # `digit` is the first of them
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    given = [str(run), str(digit), "--method", "occlusion", "--out", "x.png", "--cache", str(tmp_path / "kept")]
    look = Look(parser.parse_args(given), Progress(quiet=True))
    look.split = Split(ArrayPictures(images[rows], labels[rows], tuple("0123456789"), "four"), "test", {}, ())
    found = occlude(look.model, look.picture, size=9, stride=9)
    others, top = _others(look, found)
    assert others is not None and top.looked == 4 and 0 in top.layers[str(found.layer)].pictures[int(found.unit or 0)]
    assert sorted(others.pictures[0].tolist()) == [1, 2, 3]
