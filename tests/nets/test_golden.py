"""Every published or independently computed number of the networks, exactly."""

import json
from pathlib import Path

import pytest

from neocog.arch import analyse
from neocog.nets import nets, resolve
from tests.conftest import Agree, deep_is_slow

from .tables import REST, TABLES
from .tables.line import Line

# Computed independently, with other definitions of these networks on meta tensors (shared/specs/totals.json).
GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())


@pytest.mark.parametrize("row", GOLDEN, ids=[f"{r['id']}@{r['input'][-1]}" for r in GOLDEN])
def test_golden_row(row: dict, agree: Agree):
    table = analyse(resolve(row["id"]).build(), tuple(row["input"]))
    found = {
        "id": row["id"],
        "input": list(table.input),
        "params": table.total("params"),
        "macs": table.total("macs"),
        "receptive_field": table.receptive_field,
        "stride": table.stride,
    }
    if "params_trainable" in row:
        found["params_trainable"] = table.total("trainable")
    else:
        assert table.total("trainable") == table.total("params")
    assert found == {key: value for key, value in row.items() if key != "params_aux"}
    assert table.params_aux == row.get("params_aux", 0)
    agree(row["id"], "golden row", "parameters, MACs, receptive field and stride at " + "×".join(map(str, row["input"])))


def test_every_golden_network_is_ours_once():
    assert len({(row["id"], *row["input"]) for row in GOLDEN}) == len(GOLDEN) >= 124


LINES = [(name, line) for name, lines in TABLES.items() for line in lines]


@pytest.mark.parametrize(("name", "line"), LINES, ids=[f"{name}-{line[0]}" for name, line in LINES])
def test_layer_row(name: str, line: Line):
    path, output, params, macs, field, stride = line
    table = analyse(resolve(name).build())
    rows = [table.by_path[node.path] for node in table.arch.within(path)]
    last = rows[-1]
    assert last.output == output
    assert sum(row.params for row in rows) == params
    assert sum(row.macs for row in rows) == macs
    assert last.stride == (None if stride is None else [stride, stride])
    if field is not None:
        assert last.receptive_field == [field, field]


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_the_whole_network(name: str, agree: Agree):
    """No parameters and no work outside the printed rows, but for the first normalisation (see tables.py)."""
    table = analyse(resolve(name).build())
    assert sum(line[2] for line in TABLES[name]) + REST.get(name, 0) == table.total("params")
    assert sum(line[3] for line in TABLES[name]) == table.total("macs")
    agree(name, "layer table", f"shape, parameters, MACs and receptive field of {len(TABLES[name])} layers and blocks")


def test_lenet5_connections():
    """Section II.B of the paper, layer by layer."""
    table = analyse(resolve("lenet5").build())
    found = {row.path: row.connections for row in table.rows if row.connections}
    assert found == {"C1": 122_304, "S2": 5_880, "C3": 151_600, "S4": 2_000, "C5": 48_120, "F6": 10_164, "output": 840}
    assert table.total("connections") == 340_908
    assert (table.total("trainable"), table.total("params")) == (60_000, 60_840)


def test_alexnet_neurons():
    """The paper's "650,000"; its figure prints 253,440 for the first layer, which no arithmetic gives."""
    table = analyse(resolve("alexnet").build())
    found = [row.neurons for row in table.rows if row.neurons]
    assert found == [290_400, 186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]
    assert table.total("neurons") == 659_272


def counts(name: str) -> tuple:
    table = analyse(resolve(name).build())
    return (table.total("params"), table.total("macs"), table.receptive_field, table.stride)


PLAIN = {
    name: name.replace("plain", "resnet") + ("" if name.endswith(".cifar") else ".a") for name in nets() if "plain" in name
}


@pytest.mark.parametrize(("plain", "twin"), PLAIN.items())
def test_plain_twin(plain: str, twin: str, agree: Agree):
    """Option A has no parameters, so a plain net has exactly those of its residual twin."""
    assert len(PLAIN) == 7
    assert counts(plain) == counts(twin)
    assert not any(row.node.record.type in ("Add", "PadChannels") for row in analyse(resolve(plain).build()).rows)
    if any(row["id"] == twin for row in GOLDEN):
        agree(plain, "golden row", f"parameters, MACs, receptive field and stride, those of its twin {twin}")


def test_lrn_costs_no_parameters(agree: Agree):
    assert counts("vgg11.lrn") == counts("vgg11")
    assert [n.record.type for n in resolve("vgg11.lrn").build().nodes].count("LRN") == 1
    agree("vgg11.lrn", "golden row", "parameters, MACs, receptive field and stride, those of vgg11")


@pytest.mark.parametrize(
    ("name", "params"),
    [("mlp", 238_510), ("mlp.1000", 795_010), ("mlp.300_100", 266_610), ("mlp.500_150", 469_160),
     ("perceptron", 7_850), ("linear", 7_850)],
)  # fmt: skip
def test_multi_layer_perceptrons(name: str, params: int):
    table = analyse(resolve(name).build())
    assert table.total("params") == params
    biases = sum(row.output[0] for row in table.rows if row.params)
    assert table.total("macs") == params - biases, "a full connection multiplies once by each weight"
    assert (table.receptive_field, table.stride) == ([1, 1], [1, 1])


def test_parameter_shares():
    """The paper's "no more than 1 % each" is not what its network has: conv3 1.45 %, conv4 1.09 %."""
    table = analyse(resolve("alexnet").build())
    share = {row.path: 100 * row.params / table.total("params") for row in table.rows}
    assert round(share["conv3"], 2) == 1.45
    assert round(share["conv4"], 2) == 1.09
    assert round(sum(v for k, v in share.items() if k.startswith("fc")), 2) == 96.17


@pytest.mark.parametrize("name", deep_is_slow(nets()))
def test_peak_and_activations(name: str):
    """What is alive at once is at least one layer's input and output, and at most everything."""
    table = analyse(resolve(name).build())
    widest = max(sum(map(_size, row.inputs)) + _size(row.output) for row in table.rows)
    assert widest <= table.peak <= table.activations + _size(table.input)
    head = table.arch.head
    assert table.output == (table.input if head is None else (head.record.out,)), "nets without a head give maps for maps"


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total
