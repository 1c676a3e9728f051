"""Figures say what their numbers are: colours, places, axes; the same marks as SVG and as pixels."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from neocog.errors import UserError
from neocog.figure import fonts, parts
from neocog.figure.files import write_picture
from neocog.figure.sketch import INKS, Sketch

SVG = "{http://www.w3.org/2000/svg}"


def colour_at(sheet: Sketch, x: float, y: float) -> tuple[int, ...]:
    return sheet.pixels(1).getpixel((int(x), int(y)))  # type: ignore[return-value]


def test_marks_are_drawn_in_their_order():
    """What is written on a picture is seen on it, in SVG and in pixels."""
    sheet = Sketch(100, 60, "order")
    sheet.box(0, 0, 100, 60, "k1")
    sheet.picture(10, 10, np.zeros((4, 4, 3), np.uint8), 40, 40)
    sheet.box(20, 20, 10, 10, "light")
    assert colour_at(sheet, 15, 15) == (0, 0, 0)
    assert colour_at(sheet, 25, 25) == (255, 255, 255)
    assert "#{:02x}{:02x}{:02x}".format(*colour_at(sheet, 80, 30)) == INKS["k1"][0]
    names = [one.tag.removeprefix(SVG) for one in ElementTree.fromstring(sheet.svg())]
    assert names.index("image") < len(names) - 1 and names[-1] == "path"


def test_a_drawing_in_another_lies_where_it_was_put():
    inner = Sketch(20, 20, "inner")
    inner.box(0, 0, 20, 20, "k0")
    inner.picture(2, 2, np.full((2, 2, 3), 7, np.uint8), 4, 4)
    outer = Sketch(100, 50, "outer")
    outer.place(inner, 50, 10)
    assert "#{:02x}{:02x}{:02x}".format(*colour_at(outer, 60, 20)) == INKS["k0"][0]
    assert colour_at(outer, 54, 14) == (7, 7, 7) and colour_at(outer, 40, 20) == (255, 255, 255)


def test_a_matrix_writes_its_numbers_so_that_they_can_be_read():
    sheet = Sketch(120, 80, "matrix")
    parts.matrix(sheet, 0, 0, np.array([[1.0, -1.0, 0.0]]), 40)
    texts = [(one.text, one.get("fill")) for one in ElementTree.fromstring(sheet.svg()).iter(SVG + "text")]
    assert texts == [("1", "var(--light)"), ("−1", "var(--light)"), ("0", "var(--dark)")]
    red, blue, grey = (np.array(colour_at(sheet, x, 4)) for x in (4, 44, 84))
    assert red[0] > red[2] + 50 and blue[2] > blue[0] + 50 and np.ptp(grey) < 8


@settings(max_examples=200)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_round_and_hold_the_range(low: float, span: float, about: int):
    high = low + span
    if not high > low:
        return
    found = parts.ticks(low, high, about)
    step = found[1] - found[0]
    slack = 1e-6 * step
    assert found[0] <= low + slack and found[-1] >= high - slack
    assert found[0] > low - step - slack and found[-1] < high + step + slack
    assert 2 <= len(found) <= 2 * about + 3


def test_a_chart_puts_values_where_its_axis_says():
    """On a logarithmic axis equal factors are equal heights; what is not above 0 is left out, not drawn at the bottom."""
    sheet, plot = Sketch(300, 220, "chart"), parts.Plot(60, 20, 200, 150)
    parts.lines(sheet, plot, [parts.Series("a", [0, 1, 2, 3], [1, 10, 100, 0], dots=True)], "layer", "norm", logarithmic=True)
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in ElementTree.fromstring(sheet.svg()).iter(SVG + "circle")]
    assert len(dots) == 3
    assert dots[0][1] - dots[1][1] == pytest.approx(dots[1][1] - dots[2][1], abs=0.2)
    assert dots[0] == pytest.approx((60, 170)) and dots[2][1] == pytest.approx(20)
    gap = Sketch(300, 220, "gap")
    nan = float("nan")
    parts.lines(gap, plot, [parts.Series("a", [0, 1, 2], [1, nan, 3], low=[0, nan, 2], high=[2, nan, 4])], "x", "y")
    assert "nan" not in gap.svg() and gap.pixels(1), "a band leaves out what is no number"
    nothing = Sketch(300, 220, "nothing")
    parts.lines(nothing, plot, [parts.Series("a", [0, 1], [float("nan"), float("nan")])], "x", "y")
    assert "nothing to draw" in nothing.svg()


def test_an_overlay_leaves_the_picture_where_the_map_is_zero():
    picture = np.full((8, 8, 3), 200, np.uint8)
    values = np.zeros((8, 8))
    values[:, 4:] = 1.0
    drawn = parts.overlay(picture, values).astype(int)
    assert np.ptp(drawn[:, :4]) == 0 and (drawn[:, 4:, 0] > drawn[:, 4:, 2] + 40).all()
    assert (parts.overlay(picture, -values) == drawn[0, 0]).all(), "what speaks against is not shown on an unsigned map"
    signed = parts.overlay(picture, -values, signed=True).astype(int)
    assert (signed[:, 4:, 2] > signed[:, 4:, 0] + 40).all()


def test_enlarged_maps_get_no_sign_that_they_do_not_have():
    values = np.zeros((4, 4))
    values[1, 1] = 1.0
    drawn = parts.overlay(np.full((64, 64, 3), 128, np.uint8), values, signed=True).astype(int)
    assert (drawn[..., 2] <= drawn[..., 0] + 2).all() and (drawn[..., 0] > drawn[..., 2] + 40).any(), (
        "red, and no blue around it"
    )


def test_a_picture_larger_than_its_format_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"20000×1 pixels are more than WEBP can hold; a name that ends in \.png"):
        write_picture(tmp_path / "f.webp", Image.new("RGB", (20000, 1)))
    assert not list(tmp_path.iterdir())


def test_signs_that_a_font_lacks_are_said_in_others(monkeypatch: pytest.MonkeyPatch):
    plain = ImageFont.load_default(20)
    monkeypatch.setattr(fonts, "_name", lambda: None)
    assert fonts.words_for(plain, "10⁻³ ≤ 2×σ") == "10^-3 <= 2xsigma"
    lacking = bytes(plain.getmask("\uffff"))  # type: ignore[arg-type]
    for sign in fonts._PLAIN:
        for char in fonts.words_for(plain, sign):
            assert bytes(plain.getmask(char)) != lacking, f"{sign} became {char!r}"  # type: ignore[arg-type]


def test_a_sketch_is_written_as_its_name_says(tmp_path):
    sheet = Sketch(50, 30, "a <b>")
    sheet.text(5, 20, "1 < 2 & 3")
    for name in ("f.svg", "f.png", "f.jpg", "f.webp"):
        write_picture(tmp_path / name, sheet)
    assert ElementTree.parse(tmp_path / "f.svg").getroot().find(SVG + "title").text == "a <b>"  # type: ignore[union-attr]
    with Image.open(tmp_path / "f.png") as picture:
        assert picture.size == (100, 60)
    from neocog.figure.files import check_picture

    with pytest.raises(UserError, match=r"f\.pdf: a picture's name ends in \.png or \.svg"):
        check_picture("--out", "f.pdf", svg=True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"), (-0.25, "−0.25"), (0.12345, "0.123"), (999.4, "999"), (999.6, "1,000"), (-1112.0, "−1,112"),
        (2e6, "2·10⁶"), (7.834e-5, "7.83·10⁻⁵"), (-0.0001, "−1·10⁻⁴"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_write_them(value: float, words: str):
    assert parts.number(value) == words
