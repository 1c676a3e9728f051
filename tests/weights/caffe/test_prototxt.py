"""The text format: what it may say, and where an error is."""

import pytest

from neocog.errors import UserError
from neocog.weights.caffe.graph import graph
from neocog.weights.caffe.network import network
from neocog.weights.caffe.prototxt import Message, parse

from .nets import NETS, conv, layer, net


def test_everything_the_format_has():
    found = parse("""
        # a comment { } " '
        name: "a\\tb\\x41\\102\\"" 'c'   # neighbours are one text
        empty {} angle < x: 1 > colon: { y: -2.5e-1; }
        list: [1, 0x10, 010,] one: 3, two: 4;
        parts: [{ z: 1 }, { z: 2 }]
        flag: true kind: MAX half: .5f
    """, "f")  # fmt: skip
    assert found.text("name") == 'a\tbAB"c'
    assert found.messages("empty")[0].items == []
    assert found.message("angle").whole("x", 0) == 1
    assert found.message("colon").number("y", 0) == -0.25
    assert found.wholes("list") == [1, 16, 8]
    assert (found.whole("one", 0), found.whole("two", 0), found.whole("three", 7)) == (3, 4, 7)
    assert [part.whole("z", 0) for part in found.messages("parts")] == [1, 2]
    assert found.flag("flag", False) and found.word("kind", "AVE") == "MAX" and found.number("half", 0) == 0.5
    assert "flag" in found and "flags" not in found


def test_the_last_of_several_holds_and_messages_merge():
    found = parse("a: 1 a: 2 m { x: 1 } m { y: 2 }", "f")
    assert found.whole("a", 0) == 2
    assert [k for k, _ in found.message("m").items] == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ('name: "x\nlayer {}', "line 1, column 7", "'\"' has no meaning here"),
        ("layer {\n  a: 1\n", "line 3, column 1", "not the end of the file; 'layer' of line 1 is not closed"),
        ("a: 1\n  }", "line 2, column 3", "a field's name should be here, not '}'"),
        ("a b", "line 1, column 3", "a colon or { should follow 'a', not 'b'"),
        ("a:", "line 1, column 3", "a value should follow 'a', not the end of the file"),
        ("a: [1 2]", "line 1, column 7", "a comma or ] should be here, not '2'"),
        ("é: 1", "line 1, column 1", "'é' has no meaning here"),
        ("a {" * 99, "line 1, column 100", "messages in messages, more than 32 deep"),
        ("a {" * 100_000, "line 1, column 100", "messages in messages, more than 32 deep"),
    ],
)
def test_where_it_is_wrong(text: str, place: str, what: str):
    with pytest.raises(UserError) as caught:
        parse(text, "some.prototxt")
    assert str(caught.value).startswith(f"some.prototxt: {place}: ")
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("read", "value"),
    [(lambda m: m.whole("a", 0), v) for v in ("1.5", "-1", "99999999999", "9" * 5000, '"1"', "x", "08", "{}")]
    + [(lambda m: m.number("a", 0), v) for v in ("inf", "nan", "1e999", '"1"', "x", "{}")]
    + [(lambda m: m.flag("a", True), v) for v in ("2", "yes")]
    + [(lambda m: m.text("a"), "1"), (lambda m: m.word("a", ""), '"MAX"'), (lambda m: m.messages("a"), "1")],
)
def test_values_of_the_wrong_kind(read, value: str):
    found: Message = parse(f"a: {value}", "f")
    with pytest.raises(UserError, match="f: line 1, column ") as caught:
        read(found)
    assert len(str(caught.value)) < 200


def built(text: str) -> list[str]:
    return [node.path for node in network(graph(parse(text, "f")), "net").arch.nodes]


FC = 'layer { name: "fc" type: "InnerProduct" bottom: "c1" top: "fc" inner_product_param { num_output: 3 } }'


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (layer("up", "Deconvolution", "data"), r"line 2, column \d+: layer 'up' \(Deconvolution\): neocog has no such layer"),
        (layer("crop", "Crop", "data data"), r"layer 'crop' \(Crop\): neocog has no such layer"),
        (layer("odd", "MyOwnLayer", "data"), "layer 'odd' .*no such layer"),
        (layer("c1", "Convolution", "nowhere"), "layer 'c1' reads 'nowhere', which no layer before it makes"),
        (layer("c1", "Convolution", "data", param="convolution_param { num_output: 3 }"), "no kernel_size"),
        (layer("c1", "Convolution", "data", param="convolution_param { kernel_size: 3 }"), "no num_output"),
        (conv("c1", "data", 3, 99, ""), r"layer 'c1' \(Convolution\): a window that spans 99 does not fit 13 positions"),
        (conv("c1", "data", 3, 3, "group: 2"), "2 groups do not divide 3 maps into 3"),
        (conv("c1", "data", 3, 3, "shiny: 1"), "convolution_param has a field 'shiny' that neocog does not know"),
        (conv("c1", "data", 3, 3, "stride: 0"), "stride is from 1 up"),
        (
            layer("p", "Pooling", "data", param="pooling_param { pool: STOCHASTIC kernel_size: 2 }"),
            "STOCHASTIC has no counterpart",
        ),
        (
            layer("p", "Pooling", "data", param="pooling_param { kernel_size: 2 pad: 2 }"),
            "padding 2 is not smaller than the kernel",
        ),
        (layer("n", "LRN", "data", param="lrn_param { local_size: 4 }"), "local_size is odd, not 4"),
        (
            conv("c1", "data", 3)
            + layer("s", "Eltwise", "c1 data")
            + layer("t", "Concat", "s data", "t", "concat_param { axis: 2 }"),
            "axis is 1, the maps",
        ),
        (conv("c1", "data", 4) + layer("s", "Eltwise", "c1 data"), "two or more bottoms of one shape"),
        (
            conv("c1", "data", 4) + layer("s", "Slice", "c1", "a b", "slice_param { slice_point: 9 }"),
            "1 rising slice points below 4",
        ),
        (
            conv("c1", "data", 4) + layer("r", "Reshape", "c1", param="reshape_param { shape { dim: 0 dim: 2 dim: -1 } }"),
            "only a reshape that flattens",
        ),
        (conv("c1", "data", 4) + conv("c1", "c1", 4), "two layers with weights have this name"),
        (layer("d", "Dropout", "data", param="dropout_param { dropout_ratio: 1 }"), "dropout_ratio is at least 0 and below 1"),
        (layer("e", "Exp", "data", param="exp_param { base: -2 }"), "base is above 0 and not 1, not -2"),
        (layer("a", "Accuracy", "data"), "holds no layers that compute"),
    ],
)
def test_layers_that_cannot_be(body: str, what: str):
    with pytest.raises(UserError, match=what) as caught:
        built(net("bad", body))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_paths_are_names():
    body = conv("conv1/7x7_s2", "data", 3) + layer("1x1", "ReLU", "conv1/7x7_s2", "x") + layer("type", "TanH", "x")
    body += layer("forward", "TanH", "type") + layer("class", "TanH", "forward") + layer("input", "TanH", "class")
    body += layer("///", "TanH", "input") + layer("conv1_7x7_s2", "TanH", "///") + layer("é", "TanH", "conv1_7x7_s2")
    assert built(net("names", body)) == [
        "conv1_7x7_s2", "layer_1x1", "type_layer", "forward_layer", "class_layer", "input_layer", "layer", "conv1_7x7_s2_2",
        "layer_2"]  # fmt: skip


def test_what_is_only_there_for_training_is_left_out():
    """Phases, stages, losses, accuracies, labels; the loss says which value is the score."""
    data = ('layer {{ name: "data" type: "Data" top: "data" top: "label" include {{ phase: {} }} '
            "transform_param {{ crop_size: 9 }} }}\n")  # fmt: skip
    body = (data.format("TRAIN") + data.format("TEST").replace("crop_size: 9", "crop_size: 9 force_gray: true")
            + conv("c1", "data", 4)
            + layer("noise", "Python", "c1", param="include { phase: TRAIN }")
            + layer("stage", "Python", "c1", param='include { stage: "other" }')
            + layer("never", "Python", "c1", param="exclude { phase: TEST }") + FC
            + layer("side", "InnerProduct", "c1", param="inner_product_param { num_output: 3 }")
            + layer("loss_side", "SoftmaxWithLoss", "side label", "ls", "loss_weight: 0.2")
            + layer("loss", "SoftmaxWithLoss", "fc label", "loss") + layer("right", "Accuracy", "fc label", "right")
            + layer("quiet", "Silence", "c1", "q"))  # fmt: skip
    found = network(graph(parse(body, "f")), "net")
    assert found.arch.input == (1, 9, 9)
    assert found.arch.output == "fc"
    assert [(tap.name, tap.weight) for tap in found.arch.taps] == [("side", 0.2)]
    assert "noise" not in {node.path for node in found.arch.nodes}
    reads_label = body + layer("bad", "Eltwise", "label label")
    with pytest.raises(UserError, match=r"layer 'bad' .*reads the labels"):
        graph(parse(reads_label, "f"))


def test_what_the_scores_do_not_need_is_left_out_aloud():
    text = NETS["relu"] + layer("extra", "TanH", "f")
    found = network(graph(parse(text, "f")), "net")
    assert found.arch.output == "fc"
    assert "extra" not in found.arch.by_path and any("left out" in n and "extra" in n for n in found.notes)


def test_files_that_are_no_network(tmp_path):
    from neocog.weights.caffe import read_graph

    for text, what in (("", "holds no layers"), ("net: \"x.prototxt\" base_lr: 1", "a solver, not a network; the network is x"),
                       ('layers { layer { name: "conv1" type: "conv" } }', r"style of 2013 \(V0\)"),
                       ('layer { name: "data" type: "Data" top: "data" }' + conv("c", "data", 3),
                        "does not say how large"),
                       (conv("c", "data", 3), "reads 'data', which no layer"),
                       ('input: "a" input: "b"' + conv("c", "a", 3), "2 inputs"),
                       (NETS["relu"].replace("input_dim: 1 ", ""), "here are 3"),
                       ("nonsense: 1 " + conv("c", "data", 3), "has a field 'nonsense'")):  # fmt: skip
        path = tmp_path / "x.prototxt"
        path.write_text(text)
        with pytest.raises(UserError, match=what):
            network(read_graph(path), "x")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a text"):
        read_graph(path)
    with pytest.raises(UserError, match="there is no such file"):
        read_graph(tmp_path / "none.prototxt")
