"""The fast way of a picture's bytes to pixels gives what the plain way gives: `preprocessing.image(decode(…))`, to ±1."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neocog.errors import BadPicture
from neocog.pictures import fast
from neocog.pictures.augment.crops import Box
from neocog.pictures.decode import decode
from neocog.pictures.making import Maker
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.resample import cut, pillow_resize
from neocog.pictures.source import File, Span


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> Image.Image:
    """Edges, slopes and grain: what JPEG and filters get wrong if they can."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / (3 + 5 * c) + y / 17) + 30 * ((x // 9 + y // 7) % 2) for c in range(channels)]
    pixels = np.clip(np.stack(waves, 2) + rng.normal(0, 12, (height, width, channels)), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])


def jpeg(picture: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


class Bytes:
    """A source that is in memory."""

    path = Path("here.jpg")

    def __init__(self, data: bytes):
        self.data = data

    def read(self) -> bytes:
        return self.data

    def stamp(self) -> str:
        return ""


def plain(data: bytes, record: Preprocessing) -> np.ndarray:
    return record.image(decode(data)).astype(int)


RECORDS = [
    Preprocessing(224, 224, resize_to=256),
    Preprocessing(64, 96, resize_to=120, interpolation="bicubic"),
    Preprocessing(50, 50, resize="squash", resize_to=60, interpolation="lanczos"),
    Preprocessing(40, 30, resize="squash", color="BGR", interpolation="box"),
    Preprocessing(33, 33, color="L", interpolation="hamming"),
    Preprocessing(64, 64, resize="pad"),
    Preprocessing(227, 227, resize="squash", resize_to=256, antialias=False, color="BGR"),
    Preprocessing(32, 32, interpolation="nearest"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{record.id}-{record.color}")
def test_evaluation_pixels_are_pillows(record):
    shapes = [(375, 500), (500, 333), (61, 47), (224, 224), (37, 999), (700, 90)]
    for seed, (height, width) in enumerate(shapes):
        for channels in (3, 1):
            data = jpeg(photo(height, width, channels, seed))
            made = Maker(record).image(Bytes(data), "it")
            assert made.shape == (record.height, record.width, record.channels) and made.dtype == np.uint8
            assert abs(made - plain(data, record)).max() <= 1, (height, width, channels)


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_obeyed(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    data = jpeg(photo(90, 140), exif=exif)
    assert np.array_equal(fast.pixels(data, "it").pixels, np.asarray(decode(data)))
    record = Preprocessing(60, 60)
    assert abs(Maker(record).image(Bytes(data), "it") - plain(data, record)).max() <= 1


def test_all_sorts_of_files_decode_as_ever():
    """Progressive, subsampled and not, restart markers, RGB and CMYK JPEGs, a PNG with transparency, 16 bits."""
    some = photo(57, 83)
    files = {
        "progressive": jpeg(some, progressive=True), "4:4:4": jpeg(some, subsampling=0), "4:2:2": jpeg(some, subsampling=1),
        "rgb": jpeg(some, keep_rgb=True), "cmyk": jpeg(some.convert("CMYK")), "restarts": jpeg(some, restart_marker_rows=1),
        "icc": jpeg(some, icc_profile=b"x" * 70000), "comment": jpeg(some, comment=b"\xff\xc0" * 30),
        "quality 1": jpeg(some, quality=1),
    }  # fmt: skip
    for kind, picture in {
        "rgba": some.convert("RGBA"),
        "16": Image.fromarray(np.arange(6000, dtype=np.uint16).reshape(60, 100)),
    }.items():
        file = io.BytesIO()
        picture.save(file, "PNG")
        files[kind] = file.getvalue()
    for kind, data in files.items():
        want = np.asarray(decode(data))
        found = fast.pixels(data, kind).pixels
        assert np.array_equal(found[:, :, 0] if want.ndim == 2 else found, want), kind


def test_damaged_files_get_the_same_verdict():
    """Cut off or with bytes changed at many places: the same pixels, or the same words."""
    whole = jpeg(photo(64, 80))
    rng = np.random.default_rng(1)
    damaged = [whole[:cut] for cut in rng.integers(0, len(whole), 60)] + [b"", b"\xff\xd8\xff", whole[:-1], whole[:-2]]
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, len(whole), 3):
            data[at] = rng.integers(0, 256)
        damaged.append(bytes(data))
    refused = 0
    for data in damaged:
        try:
            want = np.asarray(decode(data, "it"))
        except BadPicture as error:
            refused += 1
            with pytest.raises(BadPicture, match="it: ") as other:
                fast.pixels(data, "it")
            assert other.value.why == error.why
        else:
            found = fast.pixels(data, "it").pixels
            assert np.array_equal(found[:, :, 0] if want.ndim == 2 else found, want)
    assert 60 < refused < len(damaged)


def test_files_that_are_none(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    for name, why in (("absent.jpg", "no such file"), ("folder.jpg", "a folder")):
        with pytest.raises(BadPicture, match=f"{name}: {why}"):
            fast.fetch(File(tmp_path / name), name)


def test_a_stretch_of_a_larger_file(tmp_path):
    """A picture in a shard; one that the shard ends within is a bad picture, by name."""
    data = jpeg(photo(60, 80))
    shard = tmp_path / "shard.tar"
    shard.write_bytes(b"x" * 100 + data)
    maker = Maker(Preprocessing(32, 32))
    assert np.array_equal(maker.image(Span(shard, 100, len(data)), "it"), maker.image(Bytes(data), "it"))
    with pytest.raises(BadPicture, match="it: its shard is cut off"):
        maker.image(Span(shard, 100, len(data) + 1), "it")


@pytest.mark.parametrize("size", [(48, 120), (40, 122), (304, 24), (64, 15), (49, 40), (84, 60)])
def test_what_judges_is_pillows_whatever_the_proportions(size):
    """Noise, enlarged and reduced: where rounding in another order than for the whole shows most."""
    from neocog.nn.resample import torch_resize

    noise = Image.fromarray(np.random.default_rng(0).integers(0, 2, (*size, 3)).astype(np.uint8) * 255)
    file = io.BytesIO()
    noise.save(file, "PNG")
    for way in ("bilinear", "bicubic", "box", "hamming"):
        for side, to in ((32, 36), (48, 54), (64, 73)):
            for resize in ("shorter", "squash"):
                record = Preprocessing(side, side, resize=resize, resize_to=to, interpolation=way)
                want = record.image(noise).astype(int)
                for by in (pillow_resize, torch_resize):
                    found = Maker(record, resize=by).image(Bytes(file.getvalue()), "it")
                    assert np.abs(found - want).max() <= (1 if by is torch_resize else 0), (way, side, resize, by)


boxes = st.tuples(st.floats(0, 0.7), st.floats(0, 0.7), st.floats(0.02, 1), st.floats(0.02, 1))


@given(st.integers(5, 300), st.integers(5, 300), st.integers(1, 90), st.integers(1, 90), boxes,
       st.sampled_from(["bilinear", "bicubic", "lanczos", "box"]))  # fmt: skip
def test_a_cut_is_pillows_resize_of_the_box(height, width, rows, columns, shares, way):
    """Up and down in size, odd proportions: the pixels around the box that are left out do not matter (but see `window`)."""
    top, left = shares[0] * height, shares[1] * width
    box = Box(top, left, shares[2] * (height - top), shares[3] * (width - left))
    picture = photo(height, width)
    edges = (box.left, box.top, min(width, box.left + box.width), min(height, box.top + box.height))
    want = np.asarray(picture.resize((columns, rows), Image.Resampling[way.upper()], edges))
    differences = abs(cut(np.asarray(picture), box, rows, columns, way).astype(int) - want)
    assert differences.max() <= (1 if way in ("bilinear", "box") else 16)
    assert differences.mean() <= 0.5


def test_outside_of_the_picture_is_black():
    pixels = np.full((10, 12, 3), 200, np.uint8)
    shifted = cut(pixels, Box(-2, 3, 10, 12), 10, 12, "bilinear")
    assert (shifted[:2] == 0).all() and (shifted[2:, :9] == 200).all() and (shifted[:, 9:] == 0).all()
    with pytest.raises(ValueError, match="far outside"):
        cut(pixels, Box(-9999, 0, 10, 12), 10, 12, "bilinear")


def test_large_photos_are_decoded_smaller_for_training(monkeypatch):
    """At a size that leaves two pixels for each that is wanted; never for evaluation."""
    data = jpeg(photo(1200, 1600))
    record = Preprocessing(64, 64, resize_to=72)
    rough, exact = Maker(record, exact=False), Maker(record)
    place = lambda height, width, *_: Box(100, 200, height / 2, width / 2)  # noqa: E731
    want = cut(np.asarray(decode(data)), place(1200, 1600), 64, 64, "bilinear").astype(int)
    found: dict[str, np.ndarray] = {}
    for name in ("with simplejpeg", "without"):
        if name == "without":
            monkeypatch.setattr(fast, "simplejpeg", None)
        assert fast.pixels(data, "it", lambda h, w: 144).pixels.shape == (150, 200, 3)
        assert fast.pixels(data, "it", lambda h, w: 151).reduced == 4
        assert 0 < abs(rough.image(Bytes(data), "it") - plain(data, record)).mean() < 2
        assert abs(exact.image(Bytes(data), "it") - plain(data, record)).max() <= 1
        found[name] = rough.crop(Bytes(data), "it", place, (1, 2))
        assert abs(found[name] - want).mean() < 2
        assert abs(exact.crop(Bytes(data), "it", place, (1, 2)) - want).max() <= 1
    assert abs(found["without"].astype(int) - found["with simplejpeg"]).max() <= 1
    assert fast.pixels(jpeg(photo(200, 300)), "it", lambda h, w: 144).reduced == 1


def test_crops_are_drawn_by_key_alone():
    data = jpeg(photo(120, 160))
    maker = Maker(Preprocessing(32, 32), short=64)
    from functools import partial

    from neocog.pictures.augment.crops import resized_crop

    place = partial(resized_crop)
    first = maker.crop(Bytes(data), "it", place, (7, 1, 3))
    whole = maker.whole(Bytes(data), "it")
    assert whole.shape == (64, 85, 3)
    assert np.array_equal(first, maker.crop_of(whole, place, (7, 1, 3)))
    assert not np.array_equal(first, maker.crop_of(whole, place, (7, 1, 4)))
    upside = replace(maker, preprocessing=Preprocessing(32, 32, color="BGR"))
    assert np.array_equal(upside.crop(Bytes(data), "it", place, (7, 1, 3))[:, :, ::-1], first)


@pytest.mark.parametrize("color", ["RGB", "L"])
def test_normalised_batches_are_channels_last_and_to_the_bit_what_the_formula_says(color):
    record = Preprocessing(5, 7, color=color, mean=(0.4, 0.5, 0.6)[: 1 if color == "L" else 3], std=(0.2,))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 7, record.channels), dtype=np.uint8)
    found = record.normalise(pixels)
    gain, offset = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (
        np.asarray(record.scale) / np.asarray(record.std), -np.asarray(record.mean) / np.asarray(record.std)))  # fmt: skip
    assert np.array_equal(found, pixels.transpose(0, 3, 1, 2).astype(np.float32) * gain + offset)
    assert found.transpose(0, 2, 3, 1).flags.c_contiguous
    assert np.array_equal(record.normalise(pixels[:, :, ::-1]), found[:, :, :, ::-1])
