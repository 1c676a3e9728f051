"""The hard cases, each through every function of the value: arithmetic, JSON, Module, export, compilation."""

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from neocog.arch import Architecture, analyse, misfits
from neocog.arch.diff import diff
from neocog.arch.rewrite import with_channels, with_classes, without_taps
from neocog.arch.table import text
from neocog.nets import resolve
from neocog.nn import Model, Outputs
from tests.conftest import check_declared, check_shapes, error, picture, randomise, rng

from .cases import CASES, Case, bridge_by_nodes


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_arithmetic(case: Case):
    """Against numbers worked out by hand in cases.py."""
    table = analyse(case.build())
    assert table.output == case.output
    assert (table.total("params"), table.total("macs")) == (case.params, case.macs)
    assert (table.receptive_field, table.stride) == ([case.field] * 2, [case.stride] * 2)
    assert table.params_aux == case.aux


def test_json_round_trip(case: Case):
    """Through real text: an equal value with an equal hash, that writes itself the same way again."""
    arch = case.build()
    line = json.dumps(arch.to_json())
    back = Architecture.from_json(line)
    assert back == arch
    assert hash(back) == hash(arch)
    assert repr(back.nodes) == repr(arch.nodes), "1 and 1.0 compare equal, but are not one record"
    assert (back.taps, back.marks, back.name) == (arch.taps, arch.marks, arch.name)
    assert json.dumps(back.to_json()) == line
    assert len({arch, back, arch.renamed("other")}) == 1


def test_module(case: Case):
    """Keys, shapes and counts are those declared; every node gives the shape foretold, in training as in evaluation."""
    model = Model(case.build(), rng())
    check_declared(model)
    check_shapes(model.eval(), picture(model.arch))
    check_shapes(model.train(), picture(model.arch))


def test_export(case: Case):
    """torch.export sees the same function: nothing in forward may depend on Python's state."""
    model = Model(case.build(), rng()).eval()
    randomise(model)
    x = picture(model.arch)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        exported = torch.export.export(model, (x,)).module()
        assert error(exported(x), model(x)) <= 1e-6


def compiled_equals_eager(case: Case, backend: str) -> None:
    model = Model(case.build(), rng()).eval()
    randomise(model)
    x = picture(model.arch)
    torch.compiler.reset()
    with torch.no_grad():
        assert error(torch.compile(model, fullgraph=True, backend=backend)(x), model(x)) <= 1e-5


def test_compiles_as_one_graph(case: Case):
    """No breaks in the graph; the backend that generates code takes half a minute a case and is in the slow tier."""
    compiled_equals_eager(case, "eager")


@pytest.mark.slow
def test_compile(case: Case):
    compiled_equals_eager(case, "inductor")


@pytest.mark.slow
def test_compile_in_training():
    """With taps: the answer is a NamedTuple with a dict inside, and gradients flow."""
    model = Model(CASES["googlenet_small"].build(), rng()).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    x = picture(model.arch)
    torch.compiler.reset()
    got, want = torch.compile(model, backend="inductor")(x), model(x)
    assert error(got.logits, want.logits) <= 1e-5
    assert got.aux.keys() == want.aux.keys()


# --- what single cases are there for ----------------------------------------------------------------------------------


def test_inception_counts():
    """Figure of the paper's table for 3a, and its naive form: what the reductions are for."""
    assert analyse(CASES["inception_3a"].build()).total("params") == 163_696


def test_taps_are_for_training():
    arch = CASES["googlenet_small"].build()
    model, x = Model(arch, rng()), picture(arch)
    out = model.train()(x)
    assert isinstance(out, Outputs)
    assert list(out.aux) == ["aux1", "aux2"]
    assert [tuple(v.shape) for v in (out.logits, *out.aux.values())] == [(2, 5)] * 3
    assert [tap.weight for tap in arch.taps] == [0.3, 0.3]
    assert isinstance(model.eval()(x), torch.Tensor)
    # logits in training come from the same weights (dropout apart), and each head trains only what stands before it
    model.train()
    model(x).aux["aux1"].sum().backward()
    touched = {key.split(".")[0] for key, p in model.named_parameters() if p.grad is not None}
    assert touched == {"inc4a", "aux1"}


def test_taps_have_their_own_count():
    """The two heads of GoogLeNet proper: 3,188,840 behind 512 maps, 3,190,888 behind 528 [Caffe's constants]."""
    from neocog.arch import AvgPool2d, Conv2d, Flatten, Linear, ReLU, Sequential, architecture

    for maps, params in ((512, 3_188_840), (528, 3_190_888)):
        head = architecture("aux", (maps, 14, 14), Sequential(
            AvgPool2d(5, 3), Conv2d(128, 1), ReLU(), Flatten(), Linear(1024), ReLU(), Linear(1000)))  # fmt: skip
        assert analyse(head).total("params") == params


def test_without_taps_is_the_same_function():
    arch = CASES["googlenet_small"].build()
    bare, plan = without_taps(arch)
    assert not bare.taps
    assert {mark.path for mark in bare.marks} == {"inc4a", "inc4d", "fc"}
    assert analyse(bare).params_aux == 0
    assert analyse(bare).total("params") == analyse(arch).total("params")
    whole, lone = Model(arch, rng()).eval(), Model(bare, rng(1)).eval()
    lone.load_state_dict({move.new: whole.state_dict()[move.old[0]] for move in plan.moves})
    x = picture(arch)
    assert torch.equal(whole(x), lone(x))


def test_with_classes_renews_every_head():
    arch = CASES["googlenet_small"].build()
    new, plan = with_classes(arch, 3)
    heads = {"fc", "aux1.fc2", "aux2.fc2"}
    assert {key.rpartition(".")[0] for key in Model(new).state_dict()} - {k.rpartition(".")[0] for k in plan.kept} == heads
    out = Model(new).train()(picture(new))
    assert {tuple(v.shape) for v in (out.logits, *out.aux.values())} == {(2, 3)}


def test_highway_gate_is_used_twice():
    """y = H·T + x·(1 - T): closed gates carry x, open ones give H; by hand from the Module's own layers."""
    arch = CASES["highway_fc"].build()
    table = analyse(arch)
    readers = [row.path for row in table.rows if "layer1.gate" in row.node.inputs]
    assert len(readers) == 2
    model = Model(arch, rng()).eval()
    seen: dict[str, torch.Tensor] = {}
    for name in ("relu", "layer1.h_relu", "layer1.gate", "layer1.y"):
        model.get_submodule(name).register_forward_hook(lambda m, a, out, name=name: seen.__setitem__(name, out))
    model(picture(arch))
    gate = seen["layer1.gate"]
    assert error(seen["layer1.y"], seen["layer1.h_relu"] * gate + seen["relu"] * (1 - gate)) <= 1e-6
    with torch.no_grad():
        model.layer1.t.bias.fill_(-100)
        model(picture(arch))
    assert torch.equal(seen["layer1.y"], seen["relu"])


def test_highway_starts_as_a_carry():
    """Negative gate biases: they are in the value, and the Module starts from them."""
    model = Model(CASES["highway_conv"].build(), rng())
    assert model.layer1.t.bias.unique().tolist() == [-2]


def test_bridge_is_one_value_in_both_notations():
    lowered, flat = CASES["bridge"].build(), bridge_by_nodes()
    assert lowered == flat
    assert hash(lowered) == hash(flat)
    assert diff(lowered, flat) == []
    one, other = Model(lowered, rng()).eval(), Model(flat, rng()).eval()
    x = picture(flat)
    assert torch.equal(one(x), other(x))
    u = one.u(x)
    v = one.g(x) + one.h(u)
    assert torch.equal(one(x), one.i(v) + u)


@pytest.mark.parametrize(("name", "front"), [("option_a_behind", 0), ("option_a_split", 2)])
def test_option_a(name: str, front: int):
    """x[:, :, ::2, ::2] and zero maps, behind all others or half of them before."""
    model = Model(CASES[name].build(), rng()).eval()
    x = picture(model.arch)
    want = torch.zeros(2, 8, 4, 4)
    want[:, front : front + 4] = x[:, :, ::2, ::2]
    seen = []
    model.downsample[1].register_forward_hook(lambda m, a, out: seen.append(out))
    model(x)
    assert torch.equal(seen[0], want)


@contextmanager
def little_recursion(more: int = 40) -> Iterator[None]:
    """Room for `more` calls from here on: a network of a thousand layers must not go as deep as it is."""
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + more)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def test_a_thousand_layers_never_recurse():
    """Every function of the value, on the 1,202 layers of the paper's deepest net."""
    with little_recursion():
        arch = resolve("resnet1202.cifar").build()
        assert sum(node.record.type in ("Conv2d", "Linear") for node in arch.nodes) == 1202
        table = analyse(arch)
        assert table.receptive_field == [5597, 5597]
        assert table.peak > 0
        assert text(table)
        assert Architecture.from_json(arch.to_json()) == arch
        assert all(m.harmless for m in misfits(arch))
        new, _ = with_channels(with_classes(arch, 7)[0], 1)
        assert hash(new) != hash(arch)
        assert len(arch.ancestors(arch.output)) == len(arch.nodes)
        assert [c.kind for c in diff(arch, new)] == ["input", "layer"]


def test_a_thousand_layers_run():
    """The Module too. In training: with statistics that nobody gathered yet, 600 additions overflow."""
    arch = resolve("resnet1202.cifar").build()
    x = picture(arch, 1)
    with little_recursion(80), torch.no_grad():
        model = Model(arch, rng())
        check_declared(model)
        out = model.train()(x)
    assert out.shape == (1, 10)
    assert torch.isfinite(out).all()
