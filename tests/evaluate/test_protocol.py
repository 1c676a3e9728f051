"""Protocols as text: what can be written, what it means for a record, and the ids that stand on numbers."""

import itertools

import pytest

from neocog.errors import UserError
from neocog.evaluate.protocol import NAMED, PLAIN, VIEWS, Protocol, Term, parse_protocol
from neocog.nets import resolve
from neocog.pictures.preprocessing import Preprocessing

IMAGENET = Preprocessing(224, 224, resize="shorter", resize_to=256)
CAFFE = Preprocessing(227, 227, "BGR", "squash", 256, antialias=False)
SMALL = Preprocessing(32, 32, resize="none")
DIGIT = Preprocessing(32, 32, color="L", resize="pad")


@pytest.mark.parametrize(
    ("text", "views", "id"),
    [
        ("1crop", 1, "1crop-256-224-bilinear-aa"),
        ("5crop", 5, "5crop-256-224-bilinear-aa"),
        ("10crop", 10, "10crop-256-224-bilinear-aa"),
        ("alexnet", 10, "10crop-square-256-224-bilinear-aa"),
        ("googlenet", 144, "144crop-256,288,320,352-224-bilinear-aa"),
        ("vgg-dense", 6, "dense-256,384,512-flip-bilinear-aa"),
        ("vgg-crops", 150, "50crop-256,384,512-224-bilinear-aa"),
        ("vgg-both", 156, "50crop-256,384,512-224-bilinear-aa+dense-256,384,512-flip-bilinear-aa"),
        ("resnet", 10, "dense-224,256,384,480,640-flip-bilinear-aa"),
        ("dense@384:noflip:scores", 1, "dense-384-bilinear-aa-scores"),
        ("10crop:scores", 10, "10crop-256-224-bilinear-aa-scores"),
        ("dense@384 + 50crop@384", 52, "50crop-384-224-bilinear-aa+dense-384-flip-bilinear-aa"),
    ],
)
def test_ids_and_counts_of_the_papers_protocols(text: str, views: int, id: str):
    protocol = parse_protocol(text)
    assert (protocol.views(IMAGENET), protocol.id(IMAGENET)) == (views, id)
    assert parse_protocol(str(protocol)) == protocol and parse_protocol(str(protocol.resolved(IMAGENET))).id(IMAGENET) == id


def test_one_crop_is_stamped_as_it_always_was():
    for record in (IMAGENET, CAFFE, SMALL, DIGIT):
        assert PLAIN.id(record) == record.id and PLAIN.id(record, flip=True) == record.id + "-flip"
    # said in other words, it is the same views and the same id
    assert parse_protocol("1crop@256:scores").resolved(IMAGENET) == PLAIN
    assert parse_protocol("1crop@256").resolved(CAFFE) == PLAIN
    assert parse_protocol("10crop").id(IMAGENET, flip=True) == parse_protocol("10crop").id(IMAGENET)


def test_the_record_says_how_pictures_are_resized():
    assert parse_protocol("10crop").id(CAFFE) == "10crop-squash256-227-bilinear"
    assert parse_protocol("alexnet").id(CAFFE) == "10crop-squash256-227-bilinear", "a squashed picture is square"
    assert parse_protocol("144crop").id(resolve("inception_v3").card.preprocessing).startswith("144crop-342,385,428,470-299-")
    assert parse_protocol("10crop@40").id(SMALL) == "10crop-40-32-bilinear-aa"
    assert parse_protocol("dense").id(IMAGENET) == "dense-256-flip-bilinear-aa"


def test_ids_are_equal_only_where_views_and_means_are():
    """Every combination of kinds, scales, words and records: one id for one resolved term on one way of resizing."""
    records = [IMAGENET, CAFFE, *(Preprocessing(224, 224, resize="shorter", resize_to=256, interpolation=i) for i in
               ("bicubic", "nearest")), Preprocessing(224, 192, resize="shorter", resize_to=256)]  # fmt: skip
    seen: dict[str, tuple] = {}
    kinds = ("1crop", "5crop", "10crop", "50crop", "dense")
    for record, kind, scales, scores, square, flip in itertools.product(
        records, kinds, ((), (256,), (288,), (256, 288)), (False, True), (False, True), (False, True)
    ):
        term = Term(kind, scales, scores, square and kind in ("5crop", "10crop"), flip or kind != "dense").resolved(record)
        crop = (record.height, record.width) if kind != "dense" else None
        what = (term, crop, record.resize, record.interpolation, record.antialias)
        assert seen.setdefault(term.id(record), what) == what
    assert len(seen) > 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "1crop, 5crop"),
        ("10-crop", "did you mean 10crop"),
        ("vgg-dens", "did you mean vgg-dense"),
        ("dense@", "short sides in pixels"),
        ("dense@a,b", "short sides in pixels"),
        ("dense@0", "short sides in pixels"),
        ("dense@256,256", "named twice"),
        ("10crop+10crop", "the same views twice"),
        ("10crop:noflip", "goes with dense, not with 10crop"),
        ("10crop:mean", "unknown word ':mean'"),
        ("144crop@256,288", "36 at each of 4 scales, not of 2"),
        ("dense+12crop", "in 'dense+12crop'"),
    ],
)
def test_slips_are_told(text: str, words: str):
    with pytest.raises(UserError) as error:
        parse_protocol(text)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "record", "words"),
    [
        ("10crop", SMALL, "no border to crop from; say to which short side pictures are to be brought, for example 10crop@37"),
        ("144crop", DIGIT, "for example 144crop@37,41,46,50"),
        ("dense", SMALL, "dense@37"),
        ("50crop", Preprocessing(64, 64), "no border"),
        ("10crop@200", IMAGENET, "a crop of 224 pixels does not fit into a picture of 200"),
        ("50crop@256,384", Preprocessing(299, 299), "take @299 or more"),
    ],
)
def test_what_does_not_fit_a_record_is_told_with_what_would(text: str, record: Preprocessing, words: str):
    with pytest.raises(UserError, match="protocol") as error:
        parse_protocol(text).id(record)
    assert words in str(error.value)
    if "for example " in str(error.value):
        parse_protocol(str(error.value).rpartition("for example ")[2]).id(record)


def test_every_name_and_kind_fits_the_usual_record():
    for text in (*NAMED, *VIEWS):
        assert isinstance(parse_protocol(text).resolved(IMAGENET), Protocol)
