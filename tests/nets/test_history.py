"""The history: what is on the cards, each under its protocol, and a picture that can be read."""

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest

from neocog.nets import nets
from neocog.nets.card import Result
from neocog.nets.chart import Canvas, bars, depths, draw, timeline
from neocog.nets.history import KINDS, OTHERS, challenge, kind, points
from neocog.nets.index import entries


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result("ILSVRC-2014 val", "one net, 1 crop", None, 10.07), "1 crop"),
        (Result("ILSVRC-2014 val", "one net, 144 crops", None, 7.89), "144 crops"),
        (Result("ILSVRC-2014 val", "seven nets, 144 crops", None, 6.67, nets=7), "several nets"),
        (Result("ILSVRC-2012 val", "one net, fully convolutional, five scales", 19.38, 4.49), "dense, scales"),
        (Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 43.478, 20.934), ""),
    ],
)
def test_protocols_are_told_apart(result: Result, expected: str):
    assert kind(result) == expected


def test_points_are_the_cards():
    """Nothing typed twice: each point stands on the card of its network."""
    found = points()
    assert len(found) > 50
    for p in found:
        assert any((r.data, r.protocol, r.top5) == (p.data, p.protocol, p.top5) for r in nets()[p.net].card.results)
        assert p.depth == entries()[p.net].depth and p.kind in KINDS


def test_one_net_and_six_are_not_mixed():
    """16.4 % is five AlexNets and 18.2 % one; 3.57 % is six ResNets and 4.49 % one."""
    by = {(p.net, p.top5): p.kind for p in points()}
    assert by["alexnet", 16.4] == "several nets" and by["alexnet", 18.2] == "10 crops"
    assert by["resnet152", 3.57] == "several nets" and by["resnet152", 4.49] == "dense, scales"
    assert by["googlenet", 6.67] == "several nets" and by["googlenet", 10.07] == "1 crop"


def test_the_challenge_year_by_year():
    rows = challenge(points())
    assert [r.year for r in rows] == sorted(r.year for r in rows)
    best = {year: min(r.top5 for r in rows if r.year == year) for year in range(2010, 2016)}
    assert best == {2010: 28.2, 2011: 25.8, 2012: 15.3, 2013: 11.7, 2014: 6.67, 2015: 3.57}
    assert set(OTHERS) <= set(rows)
    assert len({(r.data, r.protocol) for r in rows if r.net}) == len([r for r in rows if r.net]), "no ensemble twice"


def test_the_chart_can_be_read():
    """Well-formed, the same each time, and no label on another."""
    svg = draw(points())
    assert draw(points()) == svg
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    texts = root.findall("{http://www.w3.org/2000/svg}text")
    assert {"AlexNet", "GoogLeNet", "ResNet-152", "LeNet-5", "Perceptron"} <= {t.text for t in texts}
    found = points()
    for draw_one, data in (
        (bars, challenge(found)),
        (depths, [p for p in found if p.kind != KINDS[5]]),
        (timeline, [*entries().values()]),
    ):
        canvas = Canvas()
        words: list[tuple] = []
        plain = canvas.text

        def text(x, y, said, *args, _c=canvas, _plain=plain, _words=words, **more):
            _plain(x, y, said, *args, **more)
            _words.append((_c.taken[-1], said))

        canvas.text = text  # type: ignore[method-assign]
        draw_one(canvas, data, 30)
        assert len(words) > 10
        for (a, one), (b, other) in combinations(words, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], f"{one!r} lies on {other!r}"


def test_the_readme_shows_what_the_command_draws_now():
    """After a change on a card: neocog history --out docs/history.svg."""
    drawn = Path(__file__).parents[2] / "docs" / "history.svg"
    assert drawn.read_text("utf-8") == draw(points())
