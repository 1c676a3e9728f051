"""A line of text as a network: what it means, what is complained about and where, and the way back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neocog.arch import (
    GELU,
    LRN,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    HeNormal,
    Linear,
    MaxPool2d,
    ReLU,
    Tanh,
    analyse,
)
from neocog.arch.init import Init
from neocog.arch.textform import TextError, canonical, parse, read, to_text
from neocog.errors import UnknownName, UserError
from neocog.nets import resolve
from neocog.train.choose import fit

from .rewriting import build, every_net

EXAMPLE = "INPUT 3x32x32 [[CONV 3x3 32 RELU]*2 POOL 2]*3 [FC 128 RELU]*1 FC 10"


def layers(text: str, **more) -> list[str]:
    """What the layers are and give, flattening apart."""
    table = analyse(parse(text, **more))
    return [f"{r.node.record.describe()} → {'×'.join(map(str, r.output))}" for r in table.rows if r.path != "flatten"]


def test_the_example():
    found = layers(EXAMPLE)
    assert found[:5] == ["conv 3×3/1 p1 → 32×32×32", "ReLU → 32×32×32"] * 2 + ["max 2×2/2 → 32×16×16"]
    assert found[-3:] == ["fully connected → 128", "ReLU → 128", "fully connected → 10"]
    assert len(found) == 3 * 5 + 3
    assert parse(EXAMPLE).head.path == "fc2"
    assert to_text(parse(EXAMPLE)) == "INPUT 3x32x32 [[CONV 3x3 32 RELU]*2 POOL 2]*3 FC 128 RELU FC 10"


@pytest.mark.parametrize("text", [
    "INPUT->[[CONV->RELU]*2->POOL?]*3->[FC->RELU]*2->FC", "input [[conv relu]*2 pool?]*3, [fc relu]*2, fc",
    "INPUT ⇒ [[CONV → RELU]*2 → POOL?]*3 ⇒ [FC → RELU]*2 ⇒ FC", "INPUT [[[CONV RELU]]*2 [POOL]?]*3 [FC RELU]*2 FC",
])  # fmt: skip
def test_ways_to_write_one_network(text: str):
    """The pattern of the notes as it stands, with arrows of any kind or none: one network, one name."""
    assert canonical(read(text)) == "INPUT [[CONV RELU]*2 POOL?]*3 [FC RELU]*2 FC"
    assert parse(text) == parse("INPUT 3x32x32 [[CONV RELU]*2 POOL]*3 [FC 128 RELU]*2 FC 10")


def test_what_is_left_out():
    """Maps double with every halving, up to 512; a hidden FC has 128 features; the last layer of weights gives 10 scores."""
    records = [n.record for n in parse("INPUT 3x256x256 [CONV POOL]*6 FC FC").nodes]
    assert [r.out for r in records if isinstance(r, Conv2d | Linear)] == [32, 64, 128, 256, 512, 512, 128, 10]
    assert [n.record.out for n in parse("INPUT CONV 20 /2 CONV POOL CONV GAP").nodes if isinstance(n.record, Conv2d)] == [
        20,
        64,
        10,
    ]
    assert parse("INPUT FC").input == (3, 32, 32)
    assert [parse(f"INPUT {size} FC").input for size in ("28", "28x20", "1x28x20")] == [(3, 28, 28), (3, 28, 20), (1, 28, 20)]
    assert parse("INPUT CONV FC").by_path["conv1"].record.init == HeNormal()


@pytest.mark.parametrize(("words", "record"), [
    ("CONV 5x5/2 p2 64", Conv2d(64, 5, 2, 2)), ("CONV /2 8", Conv2d(8, 3, 2, 1)), ("CONV 7/2 same 8", Conv2d(8, 7, 2, "same")),
    ("CONV 1x7 8 nobias", Conv2d(8, (1, 7), 1, (0, 3), bias=False)), ("CONV 2x2 8", Conv2d(8, 2, 1, ((0, 1), (0, 1)))),
    ("CONV 3x3 d2 g3 9", Conv2d(9, 3, 1, 2, 2, 3)), ("CONV 3x3/2x1 p0.1x2 8", Conv2d(8, 3, (2, 1), ((0, 1), (2, 2)))),
    ("CONV 3x3 valid 8", Conv2d(8, 3)), ("DWCONV 5x5/2 m2", DepthwiseConv2d(5, 2, 2, multiplier=2)),
    ("POOL", MaxPool2d(2, 2)), ("POOL 3", MaxPool2d(3, 2)), ("POOL 4", MaxPool2d(4, 4)), ("POOL 3/1 p1", MaxPool2d(3, 1, 1)),
    ("POOL avg 7x7/1", AvgPool2d(7, 1)), ("POOL max 3 ceil", MaxPool2d(3, 2, ceil=True)),
    ("GAP", AdaptiveAvgPool2d(1)), ("GAP 6x7", AdaptiveAvgPool2d((6, 7))),
    ("BN e1e-3 noaffine", BatchNorm2d(1e-3, affine=False)),
    ("LRN 3 k1 a5e-5 mean", LRN(3, 5e-5, k=1.0, divide_alpha=True)), ("DROPOUT .2", Dropout(0.2)), ("dropout", Dropout(0.5)),
    ("TANH 1.7159 0.5", Tanh(1.7159, 0.5)), ("GELU", GELU()), ("RELU", ReLU()),
])  # fmt: skip
def test_options(words: str, record):
    """Each says what its record says, in any order, and is written back."""
    first, *options = words.split()
    for line in (words, " ".join([first, *(options if first == "TANH" else reversed(options))])):
        arch = parse(f"INPUT 3x64x64 {line} FC")
        assert plain(arch.nodes[0].record) == plain(record)
    assert parse(to_text(arch)) == arch


def plain(record):
    """Without what it starts from."""
    return type(record), [v for v in record._values() if not isinstance(v, Init)]


def test_optional_parts_are_taken_where_they_fit():
    """So that a line holds for pictures of any size."""
    text = "INPUT [CONV 8 RELU POOL?]*6 [CONV 8 5x5 p0]? FC"
    sizes = [[s for s in layers(text, input=(1, n, n)) if "max" in s or "5×5" in s] for n in (4, 28, 1024)]
    assert [len(found) for found in sizes] == [2, 4, 7]
    assert sizes[0] == ["max 2×2/2 → 8×2×2", "max 2×2/2 → 8×1×1"]
    assert not [s for s in layers("INPUT 8x8 [POOL 2 POOL 2]?*3 FC") if "1×1" in s], "all of a group, or nothing"


def test_repeats():
    assert layers("INPUT [CONV 8]*0 FC") == layers("INPUT FC")
    assert len(parse("INPUT [[RELU]*3 TANH]*4 RELU*2 FC").nodes) == 4 * 4 + 2 + 2


@pytest.mark.parametrize(("text", "column", "message"), [
    ("", 1, "begins with INPUT"),
    ("CONV FC", 1, "begins with INPUT"),
    ("INPUT 3x32x32 CONVV 3x3 FC", 15, "'CONVV' is no layer; did you mean CONV"),
    ("INPUT CONV RELU POLL FC", 17, "'POLL' is no layer; did you mean POOL"),
    ("INPUT CONV x9 FC", 12, "CONV takes a window such as 3x3/2"),
    ("INPUT CONV 3 4 FC", 14, "not '4'"),
    ("INPUT CONV 0 FC", 7, "out is a whole number above 0, not 0"),
    ("INPUT [CONV RELU]*N FC", 19, "N stands for a number"),
    ("INPUT [CONV RELU]*9999 FC", 19, "at most 1,000 times"),
    ("INPUT [CONV RELU FC", 7, "never closed"),
    ("INPUT CONV] FC", 11, "closes no ["),
    ("INPUT [] FC", 7, "nothing in this group"),
    ("INPUT *2 FC", 7, "stands behind a layer"),
    ("INPUT POOL? 2 FC", 13, "options stand right behind their layer"),
    ("INPUT INPUT FC", 7, "INPUT stands once"),
    ("INPUT CONV", 11, "end in FC, or in GAP"),
    ("INPUT RELU", 11, "nothing here learns"),
    ("INPUT FC CONV FC", 10, "CONV needs maps"),
    ("INPUT 8x8 POOL*4 FC", 11, "POOL (max 2×2/2) on 3×1×1: a window that spans 2 does not fit"),
    ("INPUT CONV g2 FC", 7, "2 groups do not divide 3 maps"),
    ("INPUT FC SOFTMAX", 10, "leave SOFTMAX out"),
    ("INPUT 3x0 FC", 7, "not '3x0'"),
    ("INPUT DROPOUT 1 FC", 7, "below 1, not 1"),
    ("INPUT LRN ainf FC", 7, "'ainf' is no number"),
    ("INPUT [[[RELU]*999]*999]*999 FC", 10, "more than 1,000 layers"),
    ("INPUT " + "[" * 30, 27, "at most 20 deep"),
])  # fmt: skip
def test_complaints_point_at_the_column(text: str, column: int, message: str):
    with pytest.raises(TextError) as caught:
        parse(text)
    assert (caught.value.column, message in str(caught.value)) == (column, True), str(caught.value)
    assert str(caught.value).startswith(f"column {column}: ")
    (picture,) = caught.value.__notes__
    line, caret = picture.splitlines()
    assert caret == " " * (column + 1) + "^"
    assert line.strip() == text.strip()


def test_the_caret_in_a_long_line():
    with pytest.raises(TextError) as caught:
        parse("INPUT " + "CONV 3x3 32 -> RELU -> " * 30 + "POOLL FC")
    line, caret = caught.value.__notes__[0].splitlines()
    assert len(line) <= 102
    assert line[caret.index("^") :].startswith("POOLL")


CHAINS = ["alexnet", "alexnet.owt", "alexnet.ungrouped", "caffenet", "vgg11.lrn", "vgg16", "vgg16.c", "vgg19_bn",
          "lenet5.modern", "lenet.caffe", "mlp", "linear"]  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_networks_that_are_chains_can_be_written(name: str):
    """The same layers come back; only their names and what they start from are lost."""
    arch = build(name)
    again = parse(to_text(arch))
    assert again.input == arch.input
    assert [plain(n.record) for n in again.nodes] == [plain(n.record) for n in arch.nodes]
    assert analyse(again).total("params") == analyse(arch).total("params")


@pytest.mark.parametrize("name", every_net())
def test_every_network_is_written_or_told_why_not(name: str):
    arch = build(name)
    try:
        text = to_text(arch)
    except UserError as error:
        assert any(words in str(error) for words in ("is no chain", "no word for", "one list of scores"))
    else:
        assert analyse(parse(text)).total("params") == analyse(arch).total("params")


def test_vgg16_reads_like_its_table():
    assert to_text(build("vgg16")) == (
        "INPUT 3x224x224 [CONV 3x3 64 RELU]*2 POOL 2 [CONV 3x3 128 RELU]*2 POOL 2 [CONV 3x3 256 RELU]*3 POOL 2 "
        "[[CONV 3x3 512 RELU]*3 POOL 2]*2 [FC 4096 RELU DROPOUT 0.5]*2 FC 1000"
    )


# --- random lines -------------------------------------------------------------------------------------------------------

convs = st.builds(
    lambda k, s, p, w, extra: " ".join(["CONV", *(x for x in (k + s, p, extra, w) if x)]),
    st.sampled_from(["3x3", "5x5", "1x1", "2x3", "1x7"]), st.sampled_from(["", "/2", "/1x2"]),
    st.sampled_from(["", "p0", "p1", "p1.2x0", "same"]), st.sampled_from(["", "4", "7"]), st.sampled_from(["", "nobias", "d2"]),
)  # fmt: skip
on_maps = st.one_of(convs, st.sampled_from(
    ["POOL", "POOL 3", "POOL avg 3/1 p1", "POOL 2x1?", "POOL?", "BN", "LRN 3 a0.001", "RELU", "RELU6", "TANH 1.7159 0.5",
     "DWCONV m2", "DROPOUT 0.1", "SILU", "CONV", "conv 3×3 4"]))  # fmt: skip
on_features = st.sampled_from(["FC", "FC 12", "FC 5 nobias", "RELU", "RELU6", "DROPOUT", "BN e0.001", "TANH", "FLATTEN"])
arrows = st.sampled_from([" ", "->", " → ", "  ", ", "])


@st.composite
def sequences(draw, layer, depth: int = 2) -> str:
    items = []
    for _ in range(draw(st.integers(1, 3))):
        if depth and draw(st.booleans()):
            items.append(f"[{draw(sequences(layer, depth - 1))}]" + draw(st.sampled_from(["", "*2", "*3", "?", "*2?", "*0"])))
        else:
            items.append(draw(layer))
    return draw(arrows).join(items)


@st.composite
def lines(draw) -> str:
    size = draw(st.sampled_from(["", " 1x24x17", " 3x40x40", " 20"]))
    maps, features = draw(sequences(on_maps)), draw(sequences(on_features, 1))
    return f"INPUT{size} {maps}{draw(arrows)}{draw(st.sampled_from(['', 'GAP ']))}{features} FC"


@settings(max_examples=60)
@given(lines())
def test_there_and_back(text: str):
    """What is read is written so that it reads the same; the name of a line is a line of that name."""
    try:
        arch = parse(text)
    except TextError as error:
        assert "does not fit" in str(error) or "features already" in str(error), (text, str(error))
        return
    assert parse(to_text(arch)) == arch, text
    name = canonical(read(text))
    assert canonical(read(name)) == name
    assert parse(name) == arch
    assert arch.name == name


fragments = st.sampled_from([
    "INPUT", "CONV", "POOL", "FC", "[", "]", "*", "?", "2", "3x3", "/2", "-",
    "->", "p1", "×", "N", "\t", "😀", "٣", "GAP", "3x", "e", "''"])  # fmt: skip


@settings(max_examples=120)
@given(st.one_of(st.text(max_size=40), st.lists(fragments, max_size=12).map(" ".join), lines().map(lambda s: s[:-9] + s[-7:])))
def test_garbage_is_refused_with_a_column(text: str):
    """Never another exception, whatever was typed."""
    for line in (text, "INPUT " + text):
        try:
            parse(line)
        except TextError as error:
            assert 1 <= error.column <= len(line) + 1
            assert "\n" not in str(error)


# --- as a network by name -----------------------------------------------------------------------------------------------


def test_a_line_is_a_network_by_name():
    net = resolve("INPUT->[CONV RELU POOL?]*3->FC")
    assert net.name == "INPUT [CONV RELU POOL?]*3 FC" == resolve(net.name).name == net.build().name
    assert net.build() == parse(net.name)
    pre = net.card.preprocessing
    assert (pre.height, pre.width, pre.color) == (32, 32, "RGB")
    assert resolve("INPUT 1x28x20 FC").card.preprocessing.color == "L"


def test_a_line_without_a_size_fits_the_data():
    net = resolve("INPUT [CONV 8 RELU POOL?]*9 FC")
    choice = fit(net, (28, 20, 1), 7)
    assert choice.arch.input == (1, 28, 20)
    assert analyse(choice.arch).output == (7,)
    assert choice.preprocessing.color == "L"
    assert len([n for n in choice.arch.nodes if isinstance(n.record, MaxPool2d)]) == 4
    assert fit(net, (300, 400, 3), 7, alike=False).arch.input == (3, 64, 64)
    assert fit(net, (300, 400, 3), 7, side=96, alike=False).arch.input == (3, 96, 96)
    said = fit(resolve("INPUT 3x48x48 CONV FC"), (28, 28, 1), 7)
    assert said.arch.input == (1, 48, 48)


def test_names_are_not_lines():
    with pytest.raises(UnknownName):
        resolve("my net")
    with pytest.raises(TextError, match="column 1: a network's line begins with INPUT"):
        resolve("[CONV RELU]*2 FC")
    with pytest.raises(TextError, match=r"column 7|column 1"):
        resolve("INPUT 4x32x32 FC")


def test_no_chain():
    with pytest.raises(UserError, match=r"resnet8\.cifar is no chain: at '.*' it branches"):
        to_text(build("resnet8.cifar"))
    with pytest.raises(UserError, match="no word for 'S2'"):
        to_text(build("lenet5"))
