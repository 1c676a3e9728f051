"""Changed pictures, the curves over them, and their chart."""

import io
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import Conv2d, Flatten, Linear, ReLU, Sequential, architecture, head
from neocog.errors import BadPicture, UserError
from neocog.evaluate import predict_all
from neocog.evaluate.changes import KINDS, changed, parse_kinds, some_of
from neocog.evaluate.robust_chart import draw
from neocog.evaluate.robustness import robustness
from neocog.nn import Model
from neocog.pictures import ArrayPictures
from neocog.pictures.augment.draws import generator
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs import Predictor


def photo(height: int = 40, width: int = 56, channels: int = 3, seed: int = 0) -> Image.Image:
    """Smooth and without an even border."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return small if channels == 3 else small.convert("L")


def array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def change(name: str, picture: Image.Image, amount: float, seed: int = 0) -> Image.Image:
    return KINDS[name].change(picture, amount, generator(seed))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_keeps_size_and_colours_and_says_the_same_twice(name, channels):
    kind, picture = KINDS[name], photo(channels=channels)
    for amount in kind.amounts:
        one = kind.change(picture, amount, generator(4, 7))
        assert one.size == picture.size and one.mode == picture.mode
        assert (array(one) == array(kind.change(picture, amount, generator(4, 7)))).all()
    gone = [
        np.abs(array(kind.change(picture, a, generator(1))) - array(picture)).mean()
        for a in (kind.amounts[0], kind.amounts[-1])
    ]
    assert max(gone) > 2, "the largest amounts change something"
    tiny = kind.change(Image.new("L", (1, 1), 90), kind.amounts[-1], generator(0))
    assert tiny.size == (1, 1)


def test_a_shift_moves_every_pixel_and_brings_in_the_reflection():
    picture = photo()
    before, seen = array(picture), set()
    for seed in range(40):
        after = array(change("shift", picture, 10, seed))  # 10 % of 40: 4 pixels
        mirrored = np.pad(before, ((4, 4), (4, 4), (0, 0)), "symmetric")
        ways = {(dy, dx): mirrored[4 - dy : 44 - dy, 4 - dx : 60 - dx] for dy, dx in ((0, 4), (4, 0), (0, -4), (-4, 0))}
        found = [way for way, expected in ways.items() if (after == expected).all()]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) == 4, "in every direction"


def test_a_digit_on_black_gets_black():
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 4:24] = 200
    for name, amount in (("shift", 50), ("scale", 0.5), ("rotation", 45)):
        out = array(change(name, Image.fromarray(pixels), amount))
        assert out.sum() <= 200 * 400 * 1.05, "nothing was mirrored in"
    half = array(change("scale", Image.fromarray(pixels), 0.5))
    assert half.sum() == pytest.approx(200 * 400 / 4, rel=0.05)


def test_a_quarter_turn_is_a_turn_of_the_pixels_and_back_again():
    square = photo(48, 48)
    turns = {tuple(array(change("rotation", square, 90, seed)).ravel()) for seed in range(8)}
    assert turns == {tuple(np.rot90(array(square), k).ravel()) for k in (1, 3)}
    there = change("rotation", square, 20, 0)
    back = [array(change("rotation", there, 20, seed))[12:36, 12:36] for seed in range(8)]
    assert min(np.abs(one - array(square)[12:36, 12:36]).mean() for one in back) < 3


def test_zooming_in_shows_the_middle():
    picture = photo(60, 60)
    middle = picture.crop((15, 15, 45, 45)).resize(
        (60, 60), Image.Resampling.BICUBIC
    )  # alike but for the edges, seen from inside
    assert np.abs(array(change("scale", picture, 2)) - array(middle))[4:-4, 4:-4].max() <= 1


def test_light_and_contrast_are_arithmetic():
    picture = photo(channels=1)
    pixels = np.asarray(picture).astype(float)
    assert np.abs(array(change("brightness", picture, 0.5)) - pixels / 2).max() <= 1
    assert (array(change("brightness", picture, 4)) == np.minimum(255, 4 * pixels)).all()
    low = array(change("contrast", picture, 0.2))
    assert np.abs(low - (pixels.mean() + 0.2 * (pixels - pixels.mean()))).max() <= 1.5


def test_noise_and_blur_have_the_deviation_they_say():
    grey = Image.new("RGB", (200, 200), (128, 128, 128))
    drawn = array(change("noise", grey, 10)) - 128
    assert drawn.std() == pytest.approx(25.5, rel=0.01) and abs(drawn.mean()) < 0.3
    assert np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1] < 0.03, "each channel by itself"
    point = np.zeros((101, 101), np.uint8)
    point[45:56, 45:56] = 255
    out = array(change("blur", Image.fromarray(point), 5)).astype(float)  # 5 % of 101: 5.05 pixels
    places = np.arange(101) - 50
    spread = (out.sum(0) * places**2).sum() / out.sum()
    assert math.sqrt(spread - (11**2 - 1) / 12) == pytest.approx(5.05, rel=0.05)
    large = change("noise", Image.new("L", (1200, 900)), 10)
    assert min(large.size) == 320, "noise of single camera pixels would vanish in the resizing"


def test_jpeg_is_pillows():
    picture, stream = photo(), io.BytesIO()
    picture.save(stream, "JPEG", quality=15, subsampling="4:2:0")
    assert (array(change("jpeg", picture, 15)) == array(Image.open(stream))).all()


def test_words_and_amounts_are_read_and_slips_are_told():
    assert [kind.name for kind, _ in parse_kinds("all")] == list(KINDS)
    assert [(kind.name, amounts) for kind, amounts in parse_kinds("noise=20:0:5:5, jpeg=10:50")] == [
        ("noise", (0, 5, 20)),
        ("jpeg", (50, 10)),
    ]
    for wrong, words in (("noize", "did you mean noise"), ("blur=x", "numbers from 0 to 50"), ("jpeg=0", "1 to 100"),
                         ("jpeg=50.5", "1 to 100"), ("scale=0", "0.1 to 10"), ("shift=", "numbers"),
                         ("", "unknown")):  # fmt: skip
        with pytest.raises(UserError, match=words):
            parse_kinds(wrong)


def pictures(n: int = 60) -> ArrayPictures:
    """Bright ones and dark ones, two classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    images = (60 + 90 * labels[:, None, None] + rng.integers(-40, 41, (n, 12, 12))).astype(np.uint8)
    return ArrayPictures(images, labels, ["dark", "bright"], "test")


def predictor() -> Predictor:
    """Adds up the pixels: dark or bright."""
    net = Sequential(conv=Conv2d(2, 3, padding=1), relu=ReLU(), flatten=Flatten(), fc=head(Linear(2)))
    model = Model(architecture("adder", (1, 12, 12), net))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.get_parameter("conv.weight")[0, 0, 1, 1] = 1.0
        model.get_parameter("fc.weight")[1, :144] = 0.2
        model.get_parameter("fc.bias")[0] = 0.2 * 144 * 105 / 255
    return Predictor(model.eval(), Preprocessing(12, 12, color="L", resize="none"), ("dark", "bright"), "adder")


@pytest.fixture(scope="module")
def curves():
    return robustness(predictor(), pictures(), parse_kinds("brightness,shift=0:25,jpeg=90:5"), layers=("relu", "fc"))


def test_at_the_neutral_amount_it_is_the_plain_evaluation_bit_for_bit():
    split, net = pictures(), predictor()
    plain = predict_all(net, split)
    for name, kind in KINDS.items():
        if kind.neutral is not None:
            assert changed(split, kind, kind.neutral) is split, name
    assert (predict_all(net, changed(split, KINDS["noise"], 0)).log_probabilities == plain.log_probabilities).all()


def test_what_is_drawn_belongs_to_the_picture_not_to_its_place():
    split, noise = pictures(), KINDS["noise"]
    all_of_them, some = changed(split, noise, 20), changed(split, noise, 20).subset([7, 3])
    assert (array(some.picture(0)) == array(all_of_them.picture(7))).all() and some.name(0) == split.name(7)
    assert (array(changed(split, noise, 20).picture(7)) != array(changed(split, noise, 20, seed=1).picture(7))).any()
    once, twice = (array(changed(split, noise, amount).picture(7)) for amount in (4, 8))
    inside = (twice > 0) & (twice < 255)
    before = array(split.picture(7))
    assert np.abs((twice - before) - 2 * (once - before))[inside].max() <= 2, "the same noise, twice as much"


def test_curves_say_what_happened(curves):
    bright, shift, jpeg = curves
    by_amount = {point.amount: point for point in bright.points}
    assert by_amount[1].error == bright.plain.error == 0 and by_amount[1].changed == by_amount[1].moved == 0
    labels = pictures().labels
    assert by_amount[0.25].error == pytest.approx(100 * labels.mean()), "everything is dark now"
    assert by_amount[0.25].changed == pytest.approx(100 * labels.mean())
    assert by_amount[4].error == pytest.approx(100 * (1 - labels.mean())), "and now bright"
    low, high = by_amount[4].ci95
    assert low < by_amount[4].error < high and by_amount[4].n == 60
    assert by_amount[4].rise[0] == pytest.approx(by_amount[4].error) and by_amount[4].rise[1] > 0
    assert shift.points[1].error < 10 and shift.points[1].distance["relu"] > 0.3
    assert jpeg.neutral is None and [point.amount for point in jpeg.points] == [90, 5]
    assert by_amount[1].distance == {"relu": 0.0, "fc": 0.0}
    away = [by_amount[a].distance["fc"] for a in (1.25, 1.6, 2.5)]
    assert away == sorted(away) and away[0] > 0
    plain = json.loads(json.dumps([curve.to_json() for curve in curves]))
    assert plain[0]["points"][4]["amount"] == 1 and set(plain[0]) == {"kind", "unit", "words", "neutral", "plain", "points"}


def test_distances_are_by_hand(curves):
    """relu gives the pixel itself: distances between pictures over those between different pictures."""
    split = pictures()
    pixels = split.arrays[..., 0].reshape(60, -1) / 255
    darker = np.stack([array(changed(split, KINDS["brightness"], 0.6).picture(i)).ravel() / 255 for i in range(60)])
    order = generator(0, 60, 1).permutation(60)
    unit = np.linalg.norm(pixels[order[:30]] - pixels[order[30:]], axis=1).mean()
    at = next(point for point in curves[0].points if point.amount == 0.6)
    assert at.distance["relu"] == pytest.approx(np.linalg.norm(pixels - darker, axis=1).mean() / unit, rel=1e-4)


def test_a_blocks_path_stands_for_what_comes_out_of_it():
    block = Sequential(conv=Conv2d(2, 3, padding=1), relu=ReLU())
    model = Model(architecture("blocked", (1, 12, 12), Sequential(first=block, flatten=Flatten(), fc=head(Linear(2)))))
    net = Predictor(model.eval(), Preprocessing(12, 12, color="L", resize="none"), ("dark", "bright"), "blocked")
    (curve,) = robustness(net, pictures(20), parse_kinds("noise=20"), layers=("first", "first.relu", "first.conv"))
    away = curve.points[0].distance
    assert away["first"] == away["first.relu"] > 0 and away["first"] != away["first.conv"]


def test_known_plain_predictions_are_not_computed_again_and_progress_comes_to_its_end():
    split, net, told = pictures(20), predictor(), []
    plain = predict_all(net, split)
    found = robustness(net, split, parse_kinds("noise=0:10"), plain=plain, on_progress=lambda *at: told.append(at))
    again = robustness(net, split, parse_kinds("noise=0:10"))
    assert [curve.to_json() for curve in found] == [curve.to_json() for curve in again]
    assert told[-1] == (20, 20)
    with pytest.raises(UserError, match="one network"):
        robustness([net, net], split, parse_kinds("noise"), layers=("relu",))
    with pytest.raises(UserError, match="did you mean relu"):
        robustness(net, split, parse_kinds("noise"), layers=("rleu",))
    assert [len(some_of(split, n)) for n in (None, 5, 99)] == [20, 5, 20]
    assert some_of(split, 5).name(0) == some_of(split, 5).name(0)


class Damaged(ArrayPictures):
    """The third cannot be read."""

    def picture(self, i: int) -> Image.Image:
        if i == 2:
            raise BadPicture(self.name(i), "empty file")
        return super().picture(i)

    @property
    def arrays(self):  # pyright: ignore
        return None


def test_a_picture_that_cannot_be_read_is_left_out_of_every_point():
    whole = pictures(20)
    split = Damaged(whole.arrays, whole.labels, whole.classes, "test")
    (curve,) = robustness(predictor(), split, parse_kinds("noise=0:10"), layers=("fc",))
    assert [point.n for point in (curve.plain, *curve.points)] == [19, 19, 19]


def test_the_chart_is_one_self_contained_file_that_shows_every_point(curves):
    sheet = draw({"adder": curves}, "adder & co", "percent", pictures().subset([0]))
    svg = sheet.svg()
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    points = sum(len(curve.points) for curve in curves)
    assert len(root.findall(f".//{space}circle")) == 3 * points  # error, and two layers
    assert all(image.attrib["href"].startswith("data:image/") for image in root.findall(f".//{space}image"))
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "") and "prefers-color-scheme:dark" in svg
    assert "noise" not in svg and "100.00 % error" not in svg and "brightness ×4" in svg
    width, height = (float(v) for v in root.attrib["viewBox"].split()[2:])
    for text in root.findall(f".//{space}text"):
        assert 0 <= float(text.attrib["x"]) <= width and 0 <= float(text.attrib["y"]) <= height
    drawn = sheet.pixels()
    assert drawn.size == (round(2 * sheet.wide), round(2 * sheet.high)) and np.asarray(drawn).std() > 10
    bare = [replace(curve, plain=replace(curve.plain, distance={})) for curve in curves]
    two = ET.fromstring(draw({"one": bare, "two": bare}, "two", "percent").svg())
    assert len(two.findall(f".//{space}circle")) == 2 * points
