"""Names and cards: every network can be found, and says where it comes from."""

import subprocess
import sys

import pytest

from neocog.arch import Architecture, analyse
from neocog.errors import UnknownName, UserError
from neocog.nets import Card, Recipe, list_models, nets, register, resolve
from neocog.nets.registry import Net


@pytest.fixture(params=nets())
def net(request: pytest.FixtureRequest) -> Net:
    return nets()[request.param]


def test_card_is_complete(net: Net):
    card = net.card
    for text in (card.title, card.paper, card.authors, card.venue):
        assert text.strip() == text
        assert text
    assert 1957 <= card.year <= 2026
    for result in card.results:
        assert result.data
        assert result.protocol
        errors = [e for e in (result.top1, result.top5) if e is not None]
        assert errors
        assert all(0 < e < 100 for e in errors)
        assert result.top1 is None or result.top5 is None or result.top5 < result.top1
    for recipe in (card.quick, card.paper_recipe):
        if recipe is not None:
            assert Recipe.from_json(recipe.to_json()) == recipe


def test_preprocessing_gives_what_the_network_reads(net: Net):
    """A wrong size or a grey picture for a colour net is the train/serve skew that this record is there to prevent."""
    card, (channels, height, width) = net.card, net.build().input
    pre = card.preprocessing
    assert (pre.height, pre.width) == (height, width)
    if net.build().head is None:
        return  # it reads class maps, which no picture is made into
    assert (1 if pre.color == "L" else 3) == channels
    for values in (pre.mean, pre.std):
        assert values is None or len(values) in (0, 1, channels)


def test_build_is_a_value(net: Net):
    """The same name gives an equal value each time, under its own name; its head tells its classes apart.

    Only nets that give maps for maps have none: the context modules.
    """
    one, other = net.build(), net.build()
    assert one == other
    assert hash(one) == hash(other)
    assert one.name == net.name
    assert (one.head is None) == (len(analyse(one).output) == 3)
    assert Architecture.from_json(one.to_json()) == one
    assert one.renamed("x") == one, "the name is no part of the value"


def test_the_list_is_in_order_of_years():
    years = [net.card.year for net in nets().values()]
    assert years == sorted(years)
    cifar = list_models("resnet*.cifar")
    assert cifar.index("resnet20.cifar") < cifar.index("resnet110.cifar") < cifar.index("resnet1202.cifar")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("resnet*.v1_5", ["resnet50.v1_5", "resnet101.v1_5", "resnet152.v1_5"]),
        ("enet5", ["lenet5", "lenet5.modern"]),  # no wildcard, and no word begins so: anywhere in the name
        ("lenet5", ["lenet5", "lenet5.modern"]),  # not mobilenet's and googlenet's end
        ("LeNet", ["lenet1989", "lenet5", "lenet5.modern", "lenet.caffe"]),
        ("modern", ["lenet5.modern"]),
        ("resnet?8", ["resnet18"]),
        ("vgg1[13]", ["vgg11", "vgg13"]),
        ("nothing*", []),
    ],
)
def test_list_patterns(pattern: str, expected: list[str]):
    assert list_models(pattern) == expected


def test_list_without_pattern_is_everything():
    assert list_models() == list(nets())


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [("tv:alexnet", "alexnet.owt"), ("tv:resnet50", "resnet50.v1_5"), ("timm:resnet50", "resnet50.v1_5"),
     ("tv:vgg16_bn", "vgg16_bn"), ("timm:resnet18", "resnet18"), ("mlp-784-300-10", "mlp")],
)  # fmt: skip
def test_other_toolkits_names(foreign: str, ours: str):
    """torchvision's resnet50 is not the paper's; the prefix says so."""
    assert resolve(foreign).name == ours


def test_no_alias_has_two_meanings():
    aliases = [alias for net in nets().values() for alias in net.card.same_as]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(nets())


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("alexnt", "alexnet"), ("resnet-50", "resnet50"), ("LeNet5", "lenet5"), ("tv:resnet5", "tv:resnet50")],
)
def test_unknown_name_offers_the_nearest(typed: str, nearest: str):
    with pytest.raises(UnknownName, match=f"unknown net '{typed}': did you mean {nearest}") as caught:
        resolve(typed)
    assert isinstance(caught.value, UserError)
    assert "neocog list" in str(caught.value)


def test_unknown_name_unlike_anything_offers_nothing():
    with pytest.raises(UnknownName) as caught:
        resolve("qqqq")
    assert "did you mean" not in str(caught.value)


def test_a_name_is_given_once():
    alexnet = resolve("alexnet")
    with pytest.raises(ValueError, match="two networks are called alexnet"):
        register("alexnet", alexnet.build, alexnet.card)


def test_recipe_from_a_newer_version():
    with pytest.raises(UserError, match="recipe"):
        Recipe.from_json({"wings": 2})


def test_card_needs_its_source():
    with pytest.raises(TypeError):
        Card(title="x")  # type: ignore[call-arg]


def test_no_torch_to_build_and_analyse_everything():
    """`list`, `show` and `diff` answer before torch could be loaded; numpy would cost a tenth of a second as well."""
    code = (
        "import sys\n"
        "import neocog, neocog.arch, neocog.nets\n"
        "from neocog.arch import analyse, misfits\n"
        "from neocog.arch.diff import diff\n"
        "from neocog.arch.rewrite import with_classes\n"
        "archs = [net.build() for net in neocog.nets.nets().values()]\n"
        "for arch in archs: analyse(arch); misfits(arch); arch.to_json(); arch.head and with_classes(arch, 7)\n"
        "diff(archs[0], archs[-2])\n"
        "heavy = {'torch', 'numpy', 'PIL', 'rich', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(len(archs))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(nets())
