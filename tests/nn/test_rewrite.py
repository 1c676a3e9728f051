"""Rewrites of a Module with its weights."""

import pytest
import torch

from neocog.arch.rewrite import fold_bn, with_classes, without_train_only
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model
from neocog.nn.rewrite import rewritten, to_conv
from neocog.weights.exporting import exported
from tests.conftest import error, picture, randomise, rng


def model(name: str) -> Model:
    built = Model(resolve(name).build(), rng()).eval()
    randomise(built)
    built.preprocessing, built.classes = resolve(name).card.preprocessing, tuple("0123456789")
    return built


def test_to_conv():
    """The same scores at the native size, a map on larger pictures; classes and preprocessing come along."""
    old = model("lenet5")
    new = to_conv(old)
    x = picture(old.arch)
    assert error(new(x).flatten(1), old(x)) <= 1e-5
    assert new(torch.randn(1, 1, 32, 48, generator=rng())).shape == (1, 10, 1, 5)
    assert (new.classes, new.preprocessing, new.training) == (old.classes, old.preprocessing, False)
    sliding = to_conv(model("resnet8.cifar"), slide=True)
    assert sliding(torch.randn(1, 3, 40, 40, generator=rng())).shape == (1, 10, 3, 3)


def test_they_are_found_where_users_look():
    import neocog

    assert (neocog.rewritten, neocog.to_conv) == (rewritten, to_conv)
    assert neocog.explain.answers.maps is not None


@pytest.mark.parametrize("change", [lambda m: rewritten(m, fold_bn), to_conv])
def test_what_was_rewritten_is_no_longer_torchvisions(change):
    """Its code builds no such network; under our own keys the file carries its architecture."""
    old = Model(resolve("resnet18").build(), rng()).eval()
    new, record, names = change(old), resolve("resnet18").card.preprocessing, [f"{i}" for i in range(1000)]
    with pytest.raises(UserError, match="resnet18 was rewritten"):
        exported(new, record, names, "resnet18", "torchvision")
    assert len(exported(new, record, names, "resnet18").values) == len(new.state_dict())
    assert len(exported(old, record, names, "resnet18", "torchvision").values) == len(old.state_dict())


def test_rewritten_leaves_the_old_module_alone():
    old = model("resnet8.cifar").half().train()
    before = {key: value.clone() for key, value in old.state_dict().items()}
    new = rewritten(old, without_train_only, fold_bn, lambda arch: with_classes(arch, 3))
    assert new.training
    assert {p.dtype for p in new.parameters()} == {torch.float16}
    assert (new.num_classes, new.classes) == (3, None)
    assert all(torch.equal(value, before[key]) for key, value in old.state_dict().items())
