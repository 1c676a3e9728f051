"""Decoding: what becomes of every kind of picture, and one clear line for every kind of bad file."""

import io
import os
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from neocog.errors import BadPicture
from neocog.pictures.decode import decode, probe

from .conftest import picture


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


RAMP = np.linspace(1000, 61_800, 40 * 50).reshape(40, 50).astype(np.uint16)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(form):
    image = decode(encoded(Image.fromarray(RAMP), form))
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), np.rint(RAMP / 257))
    assert 121.5 < np.asarray(image).mean() < 122.7


def test_integers_and_floats_become_grey_without_losing_their_range():
    def grey(values):
        return np.asarray(decode(encoded(Image.fromarray(values), "TIFF")))

    assert np.array_equal(grey(RAMP.astype(np.int32)), np.rint(RAMP / 257))
    assert np.array_equal(grey(np.arange(200, dtype=np.int32).reshape(10, 20)), np.arange(200).reshape(10, 20))
    stretched = grey(np.linspace(-5e6, 5e6, 256).reshape(16, 16).astype(np.int32))
    assert np.array_equal(stretched.ravel(), np.arange(256))
    unit = np.linspace(0.25, 0.75, 100, dtype=np.float32).reshape(10, 10)
    assert np.array_equal(grey(unit), np.rint(unit * 255))
    assert np.array_equal(grey(unit * 1000), np.rint((unit - 0.25) / 0.5 * 255))
    assert not grey(np.full((4, 4), 300, np.float32)).any()


def test_floats_that_are_no_numbers_are_a_bad_picture():
    values = np.ones((4, 4), np.float32)
    values[1, 2] = np.nan
    with pytest.raises(BadPicture, match="not finite numbers"):
        decode(encoded(Image.fromarray(values), "TIFF"))


def test_transparency_is_laid_on_white():
    half = np.zeros((4, 4, 4), np.uint8)
    half[:, 2:] = (200, 0, 0, 255)
    half[0, 0] = (0, 0, 0, 51)  # a fifth black over white
    image = decode(encoded(Image.fromarray(half)))
    assert [image.getpixel(at) for at in ((0, 0), (0, 1), (3, 0))] == [(204, 204, 204), (255, 255, 255), (200, 0, 0)]
    palette = Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2), "L").convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 1, 2, 3])
    for form in ("PNG", "GIF"):
        image = decode(encoded(palette, form, transparency=2))
        assert image.mode == "RGB"
        assert list(image.get_flattened_data()) == [(10, 20, 30), (40, 50, 60), (255, 255, 255), (1, 2, 3)]
    for mode, colour in (("1", 0), ("L", 7), ("RGB", (1, 2, 3))):
        image = decode(encoded(Image.new(mode, (2, 2), colour), transparency=colour))
        assert image.mode == ("RGB" if mode == "RGB" else "L") and np.asarray(image).min() == 255
    assert decode(encoded(Image.new("LA", (2, 2), (0, 0)))).getpixel((0, 0)) == 255


def test_cmyk_becomes_rgb():
    image = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = image.getpixel((8, 8))
    assert image.mode == "RGB" and red > 240 and green < 15 and blue < 15


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        image = decode(encoded(frames[0], form, save_all=True, append_images=frames[1:]))
        assert image.getpixel((4, 4))[0] > 240 and image.getpixel((4, 4))[2] < 15, form


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once_and_the_header_agrees(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8, :8] = 255  # the upper left corner is white
    # Standing on its head by the inverse of what EXIF asks for:
    flip, turn = Image.Transpose, Image.fromarray(upright)
    inverse = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = turn.transpose(flip(inverse[orientation])) if orientation > 1 else turn
    data = encoded(stored, form, exif=exif, **({"quality": 95} if form == "JPEG" else {}))
    image = decode(data)
    assert image.size == (40, 24) and probe(data)[:2] == (24, 40)
    assert np.abs(np.asarray(image).astype(int) - upright).mean() < 2
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(image)), np.asarray(image))


def test_a_damaged_exif_block_does_not_cost_the_picture():
    data = encoded(picture(20, 10), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert decode(data).size == (20, 10)


def test_draft_is_used_only_when_asked_for_and_never_goes_below():
    data = encoded(picture(1600, 1200), "JPEG")
    assert decode(data).size == (1600, 1200)
    assert decode(data, at_least=256).size == (400, 300)
    assert decode(data, at_least=1300).size == (1600, 1200)
    assert decode(encoded(picture(64, 64)), at_least=8).size == (64, 64)


def test_paths_bytes_and_streams_give_the_same_pixels(tmp_path):
    path = tmp_path / "one.png"
    picture(12, 9).save(path)
    with path.open("rb") as stream:
        images = [decode(path), decode(str(path)), decode(path.read_bytes()), decode(stream)]
        assert not stream.closed
    assert all(np.array_equal(np.asarray(image), np.asarray(images[0])) for image in images)


def png_bomb(width: int, height: int) -> bytes:
    """A PNG header that claims a size, and not one pixel behind it."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr)) + b"\0\0\0\0IDAT"


TOO_LARGE = r"too large: more than 89,478,485 pixels \(a decompression bomb\?\)"
JPEG, PNG = encoded(picture(300, 200), "JPEG"), encoded(picture(300, 200))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty file"),
        (b"Dear sir,\nthis is no picture", "not a picture"),
        (b"<!DOCTYPE html><title>404</title>", r"not a picture \(it starts like a web page\)"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture, which Pillow cannot read: save it as JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),  # would have started Ghostscript
        (JPEG[: len(JPEG) * 3 // 4], "truncated.*"),
        (JPEG[:100], "truncated in its header"),
        (PNG[: len(PNG) // 2], "truncated.*"),
        (PNG[:20], "truncated in its header"),
        (b"GIF89a??", "header damaged or cut off"),
        (PNG[:60] + bytes(2000) + PNG[2060:], r"cannot be decoded \(.+\)|truncated.*"),
        (png_bomb(10_000, 10_000), TOO_LARGE),  # Pillow only warns
        (png_bomb(60_000, 60_000), TOO_LARGE),  # Pillow refuses
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_bad_files_say_why_in_one_line(tmp_path, data, why, strict):
    path = tmp_path / "bad.jpg"
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error" if strict else "always")
        for source in (path, data):
            with pytest.raises(BadPicture) as caught:
                decode(source, "cats/bad.jpg")
            assert caught.value.where == "cats/bad.jpg" and "\n" not in str(caught.value)
            assert re.fullmatch(why, caught.value.why)
    assert not seen


def test_what_is_no_file_says_so(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    cases = {
        "pipe.jpg": "not a regular file",
        "folder.jpg": "a folder, not a picture",
        "gone.jpg": "no such file",
        "none.jpg": "no such file",
        "loop.jpg": "symbolic links",
    }
    for name, why in cases.items():
        with pytest.raises(BadPicture, match=why) as caught:
            decode(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_permission_denied(tmp_path):
    path = tmp_path / "locked.png"
    path.write_bytes(PNG)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(BadPicture, match="permission denied"):
        decode(path)


def test_memory_and_interrupts_pass_through(monkeypatch):
    for error in (MemoryError, KeyboardInterrupt):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(error):
            decode(PNG)


WHOLE = [encoded(picture(40, 30, mode=mode), form) for mode in ("L", "RGB") for form in ("JPEG", "PNG", "TIFF", "GIF")]
WHOLE += [encoded(picture(40, 30), form) for form in ("WEBP", "BMP", "PPM", "TGA", "ICO", "JPEG2000", "DDS", "PCX")]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_no_damage_gets_any_other_error_through(whole, data):
    bad = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 12))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(bad[: data.draw(st.integers(1, len(bad)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for function in (decode, probe):
            try:
                function(cut)
            except BadPicture as error:
                assert error.why and "\n" not in error.why
