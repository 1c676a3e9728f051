"""The leaderboard: every card's words are understood, and unlike never stands in one table."""

import math
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.nets import nets
from neocog.nets.chart import Canvas
from neocog.nets.leaderboard import (
    MEASURED,
    Line,
    Table,
    confirmed,
    error,
    interval,
    matching,
    published,
    ranks,
    tables,
    weight_files,
)
from neocog.nets.leaderboard_chart import DOT, STEP, _axis, _swarm, draw
from neocog.nets.result import Result
from neocog.nets.terms import (
    DISTORTED,
    FALL,
    ONE,
    SHIFTED,
    TRAINING,
    UNSAID,
    VIEWS,
    WHOLE,
    Terms,
    clauses,
    read_terms,
    views_of,
)


@pytest.fixture(scope="module")
def every() -> list[Table]:
    cards = published()
    return tables([*cards, *weight_files(cards), *confirmed()])


def test_every_clause_of_every_card_is_known():
    """A card in new words needs a line in `CLAUSES`: an error whose protocol nobody understands compares with nothing."""
    for net in nets().values():
        for result in net.card.results:
            terms = read_terms(result)
            assert terms.unknown == (), f"{net.name}: {result.protocol}"
            assert terms.views in VIEWS and terms.training in TRAINING, f"{net.name}: {result.protocol}"


@pytest.mark.parametrize(
    ("result", "terms"),
    [
        (Result("ILSVRC-2012 val", "1 centre crop of 224 from 256, bicubic, torchvision's weights", 22.3, 6.5),
         Terms("ILSVRC-2012 val", ONE, size="224 from 256, bicubic", weights="torchvision's weights")),
        (Result("ILSVRC-2014 val", "seven nets, 144 crops", None, 6.67, nets=7), Terms("ILSVRC-2012 val", "144 crops", 7)),
        (Result("ILSVRC-2012 val", "one net, 12 crops, without the blacklisted pictures", 19.5, 4.5),
         Terms("ILSVRC-2012 val without the blacklisted pictures", "12 crops")),
        (Result("ILSVRC-2012 val", "one net, fully convolutional, five scales", 19.4, 4.5),
         Terms("ILSVRC-2012 val", "dense, 5 scales")),
        (Result("ILSVRC-2012 val", "dense, one scale of 384, trained on scales of 256 to 512", 25.6, 8.1),
         Terms("ILSVRC-2012 val", "dense, 1 scale", size="384", notes=("trained on scales of 256 to 512",))),
        (Result("ILSVRC-2012 test", "seven nets, 10 crops, two of them pre-trained on ImageNet Fall 2011", None, 15.3, nets=7),
         Terms("ILSVRC-2012 test", "10 crops", 7, FALL)),
        (Result("CIFAR-10 test", "one picture as it is; trained with shifts and flips; best of five", 6.4),
         Terms("CIFAR-10 test", WHOLE, training=SHIFTED, runs="best of five")),
        (Result("MNIST", "one picture as it is, trained on 540,000 distorted pictures too", 0.8),
         Terms("MNIST", WHOLE, training=DISTORTED)),
        (Result("ILSVRC-2012 val", "one net", 38.4, 16.5), Terms("ILSVRC-2012 val", UNSAID)),
        (Result("ILSVRC-2012 val", "9 crops, upside down", 50.0),
         Terms("ILSVRC-2012 val", UNSAID, unknown=("9 crops", "upside down"))),
    ],
    ids=lambda value: value.protocol if isinstance(value, Result) else "",
)  # fmt: skip
def test_words_become_terms(result: Result, terms: Terms):
    assert read_terms(result) == terms


@given(st.lists(st.sampled_from(["one net", "10 crops", "median of five", "torchvision's weights"]), min_size=1, unique=True))
def test_the_order_of_clauses_does_not_matter(parts: list[str]):
    first, *others = (read_terms(Result("x", sep.join(parts))) for sep in (", ", "; "))
    assert [first] == others and clauses(", ".join(parts)) == parts
    assert read_terms(Result("x", ", ".join(reversed(parts)))) == first


def place(every: list[Table], net: str, top5: float) -> tuple[int, Table]:
    found = [
        (i, t)
        for i, t in enumerate(every)
        for x in (*t.ranked, *t.unranked)
        if net in (x.net, *x.also) and x.top5_error == top5
    ]
    assert found, f"{net} {top5} is nowhere"
    return found[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("alexnet", 16.4), ("alexnet", 18.2)),  # five nets and one
        (("alexnet", 15.3), ("alexnet", 16.4)),  # with more to learn from
        (("resnet152", 3.57), ("resnet152", 4.49)),  # six nets on the test pictures, one at five scales
        (("resnet152", 4.49), ("resnet152", 5.71)),  # five scales, ten crops
        (("googlenet", 6.67), ("googlenet", 7.89)),
        (("googlenet", 10.07), ("googlenet", 9.15)),
        (("vgg16", 8.1), ("vgg16", 7.5)),
        (("inception_v3", 5.6), ("inception_v3", 6.55)),  # without the blacklisted pictures, and with all
        (("inception_v3", 3.58), ("inception_v3", 3.46)),  # test and validation
    ],
)
def test_unlike_is_never_in_one_table(every: list[Table], one: tuple[str, float], other: tuple[str, float]):
    assert place(every, *one)[0] != place(every, *other)[0]


def test_like_is_ranked_together(every: list[Table]):
    """One crop of AlexNet's and of GoogLeNet's, though the cards name two years of the same pictures; ten crops likewise."""
    crop = place(every, "googlenet", 10.07)
    assert crop == place(every, "alexnet.caffe", 19.8) == place(every, "resnet50.caffe", 7.8)
    assert place(every, "alexnet", 18.2) == place(every, "resnet152", 5.71) == place(every, "googlenet", 9.15)


def test_a_table_is_of_one_kind_and_in_order(every: list[Table]):
    assert sum(len(t.ranked) + len(t.unranked) for t in every) > 250
    for table in every:
        lines = (*table.ranked, *table.unranked)
        assert {line.terms.ranked_with for line in lines} == {(table.pictures, table.ensembles, table.views, table.training)}
        assert len({line.terms.nets > 1 for line in lines}) == 1
        figures = [error(line, table.by) for line in table.ranked]
        assert None not in figures and figures == sorted(figures)  # type: ignore[type-var]
        places = ranks(table)
        assert places == [1 + sum(other < figure for other in figures) for figure in figures]  # type: ignore[operator]
        if table.views == UNSAID:
            assert not table.ranked, "nobody says how the pictures were looked at"


def test_nothing_is_typed_twice_or_lost(every: list[Table]):
    """Each error of each card stands in one line; an ensemble that is on several cards in one line for all."""
    lines = [line for table in every for line in (*table.ranked, *table.unranked)]
    assert len(set(lines)) == len(lines)
    for net in nets().values():
        for result in net.card.results:
            same = [line for line in lines if net.name in (line.net, *line.also) and line.protocol == result.protocol
                    and (line.top1_error, line.top5_error) == (result.top1, result.top5)
                    and line.terms.pictures == read_terms(result).pictures]  # fmt: skip
            assert len(same) == 1 and same[0].verified == result.verified, f"{net.name}: {result}"


def test_published_weights_stand_beside_the_papers(every: list[Table]):
    """vgg16's card has the paper's dense errors; torchvision's own figure for its file is one crop. None comes twice."""
    found = [x for t in every for x in t.ranked if x.net == "vgg16" and x.source == "weights"]
    assert [(x.top1_error, x.top5_error, x.terms.views) for x in found] == [(28.408, 9.618, ONE)]
    seen = Counter((x.net, x.top1_error) for t in every for x in t.ranked if x.source == "weights")
    assert max(seen.values()) == 1


def test_what_the_tests_measured_has_its_n_and_interval(every: list[Table]):
    measured = {x.net: x for t in every for x in t.ranked if x.source == MEASURED}
    twenty = measured["resnet20.cifar"]
    assert (twenty.top1_error, twenty.n) == (8.27, 10_000) and "test_checkpoints" in twenty.where
    assert twenty.ci95 is not None and twenty.ci95[0] < 8.27 < twenty.ci95[1]
    table = next(t for t in every if twenty in t.ranked)
    assert {"wrn28_10.cifar", "nin.cifar10"} <= {x.net for x in table.ranked}


@given(st.integers(1, 10_000), st.data())
def test_the_interval_is_that_of_judging(n: int, data: st.DataObject):
    from neocog.evaluate import wilson

    wrong = data.draw(st.integers(0, n))
    assert interval(wrong, n) == pytest.approx([100 * value for value in wilson(wrong, n)], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "views"),
    [
        ("1crop-256-224-bilinear-aa", ONE),
        ("1crop-squash256-227-bilinear-aa", ONE),
        ("10crop-256-224-bilinear-aa", "10 crops"),
        ("10crop-square-256-224-bilinear-aa", "10 crops"),
        ("10crop-256-224-bilinear-aa-scores", "10crop-256-224-bilinear-aa-scores"),
        ("144crop-256,288,320,352-224-bilinear-aa", "144 crops"),
        ("50crop-256,384,512-224-bilinear-aa", "150 crops of 3 scales"),
        ("dense-384-flip-bilinear-aa", "dense, 1 scale"),
        ("dense-384-bilinear-aa", "dense-384-bilinear-aa"),
        ("dense-224,256,384,480,640-flip-bilinear-aa", "dense, 5 scales"),
        ("50crop-256,384,512-224-bilinear-aa+dense-256,384,512-flip-bilinear-aa", "dense and crops together"),
        ("10crop-256-224-bilinear-aa+1crop-256-224-bilinear-aa", "10crop-256-224-bilinear-aa+1crop-256-224-bilinear-aa"),
        ("native-32", WHOLE),
        ("pad-32", WHOLE),
        ("squash-224-bilinear-aa", WHOLE),
        ("native-32-flip", "2 views"),
        ("1crop-256-224-bilinear-aa-flip", "2 views"),
        ("something new", "something new"),
    ],
)
def test_protocol_ids_become_views(words: str, views: str):
    assert views_of(words) == views


@pytest.mark.parametrize(
    ("data", "protocol", "pictures", "views"),
    [
        ("cifar10", None, {"CIFAR-10 test"}, None),
        ("CIFAR-100", None, {"CIFAR-100 test"}, None),
        ("imagenet test", None, {"ILSVRC-2012 test", "ILSVRC-2010 test"}, None),
        (None, "10crop", None, {"10 crops"}),
        (None, "1 crop", None, {ONE}),
        (None, "dense", None, {v for v in VIEWS if "dense" in v}),
        ("mnist", "10crop", set(), set()),
    ],
)
def test_tables_are_found_by_words(every: list[Table], data, protocol, pictures, views):
    found = matching(every, data, protocol)
    assert pictures is None or {t.pictures for t in found} == pictures
    assert views is None or ({t.views for t in found} <= views and (found or not views))


def test_ties_share_a_place():
    line = Line("a", "A", 2000, Terms("x", ONE), 10.0, 5.0)
    found = tables([line, Line("b", "B", 2001, Terms("x", ONE), 11.0, 5.0), Line("c", "C", 2002, Terms("x", ONE), 9.0, 6.0)])
    assert [x.net for x in found[0].ranked] == ["a", "b", "c"] and ranks(found[0]) == [1, 1, 3]


def test_the_chart_can_be_read(every: list[Table]):
    """Well-formed, every ranked error of its tables in it, no dot and no name on another, and the best named."""
    svg = draw(every)
    root = ET.fromstring(svg)
    assert root.get("role") == "img" and draw(every) == svg
    names = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    said = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    for table in every:
        if len(table.ranked) >= 2:
            assert table.ranked[0].net in names
            assert all(
                any(words.startswith(f"{line.net} (") and line.protocol in words for words in said) for line in table.ranked
            )
    for table in every:
        if len(table.ranked) < 2:
            continue
        xs = [200.0 * math.log(error(line, table.by) or 1) for line in table.ranked]
        dots = list(zip(xs, (STEP * row for row in _swarm(xs)), strict=True))
        assert all(abs(a[0] - b[0]) >= 2 * DOT - 1e-9 or abs(a[1] - b[1]) >= STEP for a, b in combinations(dots, 2)), (
            table.title
        )
        canvas = Canvas()
        words: list[tuple] = []
        plain = canvas.text

        def text(x, y, said, *args, _c=canvas, _plain=plain, _words=words, **more):
            _plain(x, y, said, *args, **more)
            _words.append((_c.taken[-1], said))

        canvas.text = text  # type: ignore[method-assign]
        _axis(canvas, [table], 30)
        names_only = [w for w in words if not w[1].endswith(" %")]
        for (a, one), (b, other) in combinations(names_only, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], f"{one!r} lies on {other!r}"
