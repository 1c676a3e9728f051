"""The preprocessing record: geometry against torchvision to the pixel, numbers against their definition."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neocog.errors import DataError, UserError
from neocog.pictures.preprocessing import COLORS, INTERPOLATIONS, Preprocessing, mean_std

from .conftest import picture

sides = st.integers(1, 90)


@st.composite
def records(draw) -> Preprocessing:
    height, width = draw(sides), draw(sides)
    resize = draw(st.sampled_from(["shorter", "squash", "pad", "none"]))
    to = {"shorter": st.none() | sides, "squash": st.none() | st.integers(max(height, width), 100)}
    color = draw(st.sampled_from(sorted(COLORS)))
    n = draw(st.sampled_from([1, COLORS[color]]))
    return Preprocessing(
        height,
        width,
        color,
        resize,
        draw(to.get(resize, st.none())),
        draw(st.sampled_from(INTERPOLATIONS)),
        draw(st.sampled_from([1.0, 1 / 255, 2 / 255])),
        tuple(draw(st.lists(st.floats(-200, 200), min_size=n, max_size=n))),
        tuple(draw(st.lists(st.floats(0.01, 100), min_size=n, max_size=n))),
    )


@settings(max_examples=150, deadline=None)
@given(records(), sides, sides, st.sampled_from(["L", "RGB", "RGBA", "P", "1"]))
def test_every_picture_comes_out_in_the_size_asked_for_and_every_record_survives_json(record, w, h, mode):
    pixels = record.image(picture(w, h, mode=mode))
    assert pixels.shape == (record.height, record.width, record.channels)
    assert pixels.dtype == np.uint8 and pixels.flags.writeable and pixels.flags.c_contiguous
    batch = record.normalise(pixels[None])
    assert batch.shape == (1, record.channels, record.height, record.width) and batch.dtype == np.float32
    wanted = (pixels.astype(np.float64) * record.scale - record.mean) / record.std
    np.testing.assert_allclose(batch[0].transpose(1, 2, 0), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max() + 1e-6)
    assert Preprocessing.from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.fixture(scope="module")
def transforms():
    torch = pytest.importorskip("torch")
    try:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor d, Tensor s, float t) -> Tensor")
        library.define("qnms(Tensor d, Tensor s, float t) -> Tensor")
        import torchvision.transforms as oracle
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision cannot be loaded: {error}")
    return oracle


@pytest.mark.parametrize(("to", "size"), [(256, 224), (224, 224), (235, 224), (33, 32), (73, 64), (36, 50)])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_shorter_equals_torchvision_to_the_pixel_on_real_photos(transforms, shared, to, size, interpolation):
    mode = transforms.InterpolationMode(interpolation)
    theirs = transforms.Compose([transforms.Resize(to, mode), transforms.CenterCrop(size)])
    ours = Preprocessing(size, size, resize_to=to, interpolation=interpolation)
    for path in [shared / "photos" / "cat.jpg", shared / "photos" / "fish-bike.jpg"]:
        photo = Image.open(path).convert("RGB")
        for one in (photo, photo.transpose(Image.Transpose.ROTATE_90), photo.crop((3, 5, 300, 202))):
            assert np.array_equal(ours.image(one), np.asarray(theirs(one)))


@settings(max_examples=80, deadline=None)
@given(w=st.integers(1, 300), h=st.integers(1, 300), to=st.integers(1, 100), ch=sides, cw=sides)
def test_shorter_equals_torchvision_for_any_sizes(transforms, w, h, to, ch, cw):
    one = picture(w, h)
    theirs = transforms.Compose([transforms.Resize(to), transforms.CenterCrop((ch, cw))])
    assert np.array_equal(Preprocessing(ch, cw, resize_to=to).image(one), np.asarray(theirs(one)))


def test_grey_is_torchvisions_grey_and_bgr_is_rgb_backwards(transforms, shared):
    photo = Image.open(shared / "photos" / "cat.jpg").convert("RGB").crop((0, 0, 99, 99))
    rgb, bgr, grey = (Preprocessing(99, 99, color, "none").image(photo) for color in ("RGB", "BGR", "L"))
    assert np.array_equal(rgb, np.asarray(photo)) and np.array_equal(bgr, rgb[:, :, ::-1])
    assert np.array_equal(grey[:, :, 0], np.asarray(transforms.Grayscale()(photo)))
    again = Preprocessing(99, 99, "RGB", "none").image(Image.fromarray(grey[:, :, 0]))
    assert np.array_equal(again, np.repeat(grey, 3, 2))


def test_pad_keeps_the_pixels_in_the_middle_and_shrinks_only_what_is_larger():
    digit = picture(28, 28, mode="L")
    padded = Preprocessing(32, 32, "L", "pad").image(digit)[:, :, 0]
    assert np.array_equal(padded[2:30, 2:30], np.asarray(digit)) and padded.sum() == np.asarray(digit).sum()
    wide = Preprocessing(32, 32, "L", "pad").image(Image.new("L", (640, 320), 200))[:, :, 0]
    assert (wide[8:24] == 200).all() and not wide[:8].any() and not wide[24:].any()


def test_squash_then_crop_is_the_way_of_caffe():
    photo = picture(300, 200)
    pixels = Preprocessing(227, 227, "BGR", "squash", 256).image(photo)
    square = np.asarray(photo.resize((256, 256), Image.Resampling.BILINEAR))
    assert np.array_equal(pixels, square[14:241, 14:241, ::-1])


def test_a_strip_a_hundred_thousand_pixels_long_costs_no_gigabytes():
    strip = np.random.default_rng(0).integers(0, 256, (3, 100_001, 3), np.uint8)
    strip[:, 50_000:50_004] = [[[10, 20, 30], [200, 20, 30], [10, 220, 30], [90, 20, 130]]]
    middle = Image.fromarray(strip).crop((49_990, 0, 50_011, 3))
    record = Preprocessing(224, 224, resize_to=256)
    for turn in (None, Image.Transpose.ROTATE_90):
        long, short = (one if turn is None else one.transpose(turn) for one in (Image.fromarray(strip), middle))
        difference = record.image(long).astype(int) - record.image(short)
        assert np.abs(difference).max() <= 3  # of a gradient of 190 over 85 pixels: the long side, rounded down


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (Preprocessing(224, 224, resize_to=256), "1crop-256-224-bilinear-aa"),
        (Preprocessing(224, 192, resize_to=256, interpolation="bicubic"), "1crop-256-224x192-bicubic-aa"),
        (Preprocessing(32, 32), "1crop-32-32-bilinear-aa"),
        (Preprocessing(32, 32, interpolation="nearest"), "1crop-32-32-nearest"),
        (Preprocessing(224, 224, resize="squash"), "squash-224-bilinear-aa"),
        (Preprocessing(227, 227, resize="squash", resize_to=256), "1crop-squash256-227-bilinear-aa"),
        (Preprocessing(32, 32, "L", "pad"), "pad-32"),
        (Preprocessing(28, 28, "L", "none"), "native-28"),
        (Preprocessing(28, 28, "L", "none", interpolation="box"), "native-28-box-aa"),
    ],
)
def test_the_protocol_id_says_what_was_done(record, name):
    assert record.id == name


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "RGB"}, "unknown key 'colour'"),
        ({"height": None}, "height must be a whole number"),
        ({"height": 0}, "height must be a whole number"),
        ({"width": 3.5}, "width must be a whole number"),
        ({"color": "CMYK"}, "color must be one of RGB, BGR, L, not 'CMYK'"),
        ({"resize": ["shorter"]}, "resize must be one of"),
        ({"interpolation": "cubic"}, "interpolation must be one of"),
        ({"mean": [0.1, 0.2]}, "mean must have 1 number or 3"),
        ({"mean": "0.5"}, "mean must be a list of numbers"),
        ({"std": [0.1, 0.0, 0.1]}, "std must be above 0"),
        ({"std": [float("nan")]}, "std must be a list of numbers"),
        ({"scale": True}, "scale must be a number"),
        ({"scale": 0}, "scale must be a number above 0"),
        ({"resize": "pad", "resize_to": 40}, "resize_to=40 has no meaning"),
        ({"resize": "squash", "resize_to": 20}, "smaller than"),
    ],
)
def test_a_bad_record_is_refused_with_one_line_that_names_the_key(change, words):
    with pytest.raises(UserError, match=words) as caught:
        Preprocessing.from_json({"height": 32, "width": 32} | change)
    assert "\n" not in str(caught.value)
    for bad in ({"height": 32}, [1, 2]):
        with pytest.raises(UserError):
            Preprocessing.from_json(bad)  # pyright: ignore[reportArgumentType]


def test_normalise_refuses_what_image_did_not_make():
    record = Preprocessing(8, 8)
    for wrong in (np.zeros((2, 3, 8, 8), np.uint8), np.zeros((8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.float32)):
        with pytest.raises(DataError, match="normalise needs uint8 pixels N×H×W×3"):
            record.normalise(wrong)


def test_mean_and_std_are_exact_and_a_constant_channel_has_nothing_to_scale():
    images = np.random.default_rng(0).integers(0, 256, (700, 40, 50, 3), np.uint8)
    images[..., 2] = 51
    mean, std = mean_std(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(std[:2], (images[..., :2] / 255).std((0, 1, 2)), rtol=1e-9)
    assert std[2] == 1 and mean[2] == pytest.approx(0.2)
    with pytest.raises(DataError, match="at least one picture"):
        mean_std(images[:0])


def test_mnists_published_mean_and_std(shared):
    from neocog.pictures import read_idx

    mean, std = mean_std(read_idx(shared / "mnist" / "train-images-idx3-ubyte.gz")[..., None])
    assert (round(mean[0], 4), round(std[0], 4)) == (0.1307, 0.3081)


def test_reading_records_imports_neither_numpy_nor_pillow():
    code = (
        "import sys, neocog.pictures, neocog.pictures.preprocessing as p; "
        "neocog.pictures.Preprocessing.from_json(p.Preprocessing(32, 32).to_json()).id; "
        "neocog.pictures.NAMED['mnist']; "
        "print(sorted({'numpy', 'PIL', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_public_name_is_there():
    import neocog.pictures as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018
