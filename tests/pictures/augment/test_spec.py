"""How augmentations are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import UnknownName, UserError
from neocog.pictures.augment.policy import mean_colour, policy
from neocog.pictures.augment.spec import KNOWN, STAGES, Spec, parse, parse_all, without_mirroring
from neocog.pictures.preprocessing import Preprocessing


@pytest.mark.parametrize("name", KNOWN)
def test_every_augmentation_has_a_stage_a_source_and_defaults_within_its_ranges(name: str):
    kind = KNOWN[name]
    assert kind.stage in STAGES and kind.help and kind.source
    assert parse(name) == Spec(name, kind.defaults) == parse(f" {name} ")
    assert parse(str(parse(name))) == parse(name) or name == "resized-crop"  # 3/4 and 4/3 are printed with six digits
    done = policy([name])
    assert (done.geometry is not None, len(done.pixels), len(done.mixing)) == (
        kind.stage == "cut",
        int(kind.stage not in ("cut", "mix")),
        int(kind.stage == "mix"),
    )


def test_the_stages_come_in_their_order_however_a_list_names_them():
    assert [KNOWN[name].stage for name in KNOWN] == sorted((k.stage for k in KNOWN.values()), key=STAGES.index)
    mixed = ["mixup", "erasing", "lighting", "jitter=0.4", "flip", "crop", "resized-crop=0.25"]
    names = [spec.name for spec in parse_all(mixed)]
    assert names == ["resized-crop", "crop", "flip", "jitter", "lighting", "erasing", "mixup"]
    assert parse_all(mixed)[0].values == (0.25, 1.0, 3 / 4, 4 / 3)
    assert len(policy(mixed).pixels) == 4, "jitter and lighting are one map of colours"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("randomcrop", "did you mean"),
        ("flip=1", "flip, without numbers"),
        ("crop=a", "numbers joined by colons: crop=share"),
        ("crop=", "numbers"),
        ("crop=0.1:2", "too many"),
        ("crop=2", "from 0 to 1"),
        ("crop=nan", "from 0 to 1"),
        ("jitter=0.4:-1", "contrast is a number from 0 to 1"),
        ("randaugment=1.5", "operations is a whole number"),
        ("scale-jitter=512:256", "low 512 is above high 256"),
        ("square-crop=200", "crop 224 is above side 200"),
        ("resized-crop=0.9:0.1", "low 0.9 is above high 0.1"),
        ("mixup=0", "alpha is a number above 0"),
    ],
)
def test_mistakes_are_told_in_one_line(text: str, words: str):
    with pytest.raises(UserError, match=words) as found:
        parse(text)
    assert text.split("=")[0] in str(found.value) and "\n" not in str(found.value)


def test_unknown_names_offer_the_nearest():
    with pytest.raises(UnknownName, match="did you mean cutmix or cutout"):
        parse("cutmax")


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("resized-crop", "square-crop"), "cut the input"),
        (("crop", "shift"), "both move"),
        (("flip", "flip-alternating"), "both mirror"),
        (("jitter", "jitter=0.1"), "twice"),
    ],
)
def test_what_excludes_one_another_is_told(texts: tuple[str, ...], words: str):
    with pytest.raises(UserError, match=words):
        parse_all(texts)


def test_mirroring_can_be_taken_out():
    assert without_mirroring(("crop=0.1", "flip", "flip-alternating", "lighting")) == ("crop=0.1", "lighting")


@given(st.sampled_from(sorted(KNOWN)), st.lists(st.floats(0, 1), max_size=4))
def test_what_was_read_can_be_written_and_read_again(name: str, values: list[float]):
    try:
        spec = parse(f"{name}={':'.join(map(str, values))}" if values else name)
    except UserError:
        return
    assert parse(str(spec)).values == pytest.approx(spec.values, rel=1e-5)


def test_the_mean_colour_is_what_normalisation_makes_zero():
    assert mean_colour(Preprocessing(8, 8, mean=(0.485, 0.456, 0.406))) == (124, 116, 104)
    assert mean_colour(Preprocessing(8, 8, "BGR", scale=1.0, mean=(104.007, 116.669, 122.679))) == (104, 117, 123)
