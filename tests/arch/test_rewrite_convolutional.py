"""Full connections as convolutions: the same answers at the native size, maps of answers on larger pictures."""

import pytest
import torch

from neocog.arch import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Conv2d,
    Flatten,
    Linear,
    ReLU,
    Sequential,
    Tanh,
    analyse,
    architecture,
    head,
)
from neocog.arch.rewrite import fully_convolutional, one_answer, tensors, with_classes, with_input
from neocog.errors import UserError
from neocog.nets import nets, resolve
from neocog.nn import Model
from neocog.nn.model import feature_cut, feature_maps
from tests.conftest import error, picture, rng

from .rewriting import answer, build, every_net, exactly, model, moved

OF_ROWS = ("knn", "knn.1", "sift-svm")  # what these look at is one row of numbers, whose place in a picture is lost


@pytest.mark.parametrize("name", OF_ROWS)
def test_what_reads_rows_is_refused(name: str):
    with pytest.raises(UserError, match=f"{name}: .*so the network cannot be made convolutional"):
        fully_convolutional(build(name))


@pytest.mark.parametrize("name", every_net(name for name in nets() if name not in OF_ROWS))
def test_the_same_answer_at_the_native_size(name: str):
    with exactly(name):
        old = model(name)
        new = moved(old, fully_convolutional(old.arch))
        assert new.arch.by_path.keys() <= old.arch.by_path.keys(), "layers keep their names"
        assert not {"Flatten", "Linear"} & {n.record.type for n in new.arch.nodes}
        assert set(tensors(new.arch)) == set(tensors(old.arch))
        x = picture(old.arch, 1)
        assert error(answer(new, x), answer(old, x)) <= 1e-5


@pytest.mark.parametrize("name", every_net(name for name in nets() if name not in OF_ROWS))
def test_a_map_of_answers_on_larger_pictures(name: str):
    """Two strides of the last map more give two places more, for every network."""
    arch = build(name)
    new, plan = fully_convolutional(arch, slide=True)
    assert plan.kept == set(tensors(new)) == set(tensors(arch))
    native = analyse(arch).output
    places = native[1:] if len(native) == 3 else (1, 1)  # a net of dense answers has a map at its own size
    assert analyse(new).output == (native[0], *places)
    if one_answer(new):
        pytest.skip(f"{one_answer(new)} average to a grid by windows of different sizes")
    step = analyse(arch).stride
    larger = (arch.input[0], arch.input[1] + 2 * step[0], arch.input[2] + step[1])
    assert analyse(new, larger).output == (native[0], places[0] + 2, places[1] + 1)


@pytest.mark.parametrize("name", ["lenet5", "lenet5.modern"])
def test_without_padding_the_map_is_what_crops_give(name: str):
    """LeCun et al. 1998, section VII: sweeping LeNet-5 over a picture, C5 above 1×1. S4 moves by 4 pixels."""
    old = model(name)
    new = moved(old, fully_convolutional(old.arch))
    x = torch.randn(1, 1, 40, 36, generator=rng(3))
    scores = new(x)
    assert scores.shape == (1, 10, 3, 2)
    crops = torch.stack([old(x[:, :, r : r + 32, c : c + 32])[0] for r in (0, 4, 8) for c in (0, 4)], 1)
    assert error(scores[0].flatten(1), crops) <= 1e-5
    assert new.forward_features(x).shape[2:] == (3, 2)


def test_with_padding_it_is_not():
    arch = architecture("padded", (1, 8, 8), Sequential(
        c=Conv2d(4, 3, padding=1), r=ReLU(), f=Flatten(), fc=head(Linear(3))))  # fmt: skip
    old = Model(arch, rng()).eval()
    new = moved(old, fully_convolutional(arch))
    x = picture(with_input(new.arch, (1, 9, 9))[0], 1)
    assert error(new(x)[:, :, 0, 0], old(x[:, :, :8, :8])) > 1e-3


def test_vgg16_dense_at_384():
    """36 places for the price of 3.2 crops (architectures of the paper's section 3.2, evaluated densely)."""
    arch = resolve("vgg16").build()
    dense, _ = fully_convolutional(arch)
    table = analyse(dense, (3, 384, 384))
    assert table.output == (1000, 6, 6)
    assert table.total("macs") == 49_551_114_240
    assert 36 * analyse(arch).total("macs") / table.total("macs") == pytest.approx(11.24, abs=0.005)
    assert [dense.by_path[f"classifier.{i}"].record.kernel for i in (0, 3, 6)] == [(7, 7), (1, 1), (1, 1)]


def test_global_average_stays_global_or_slides():
    """Of its own accord one answer for any picture; with `slide` a map of windows of the native size."""
    old = model("resnet8.cifar")
    one, _ = fully_convolutional(old.arch)
    assert one_answer(one) == ("avgpool",)
    assert analyse(one, (3, 64, 48)).output == (10, 1, 1)
    sliding = moved(old, fully_convolutional(old.arch, slide=True))
    assert one_answer(sliding.arch) == ()
    assert sliding.arch.by_path["avgpool"].record == AvgPool2d(8, 1)
    x = picture(old.arch, 1)
    assert error(answer(sliding, x), answer(old, x)) <= 1e-5
    assert sliding(torch.randn(1, 3, 64, 48, generator=rng(1))).shape == (1, 10, 9, 5)


def test_gates_stay_global():
    """Squeeze-and-excitation looks at the whole picture, whatever its size."""
    arch = build("se_block")
    new, _ = fully_convolutional(arch, slide=True)
    assert [n.record for n in new.nodes if isinstance(n.record, AdaptiveAvgPool2d)] == [AdaptiveAvgPool2d(1)]


def test_an_average_to_a_grid_becomes_a_sliding_one():
    def net(side: int):
        return architecture("grid", (2, side, side), Sequential(p=AdaptiveAvgPool2d(4), f=Flatten(), fc=head(Linear(3))))

    assert fully_convolutional(net(8))[0].by_path["p"].record == AvgPool2d(2, 2)
    assert "p" not in fully_convolutional(net(4))[0].by_path
    kept, _ = fully_convolutional(net(14))  # windows of 4 that overlap unevenly, as in torchvision's GoogLeNet
    assert one_answer(kept) == ("p",)


def test_aux_heads_come_along():
    old = model("googlenet_small")
    new = moved(old, fully_convolutional(old.arch))
    x = picture(old.arch)
    old.train(), new.train()
    for m in (*old.modules(), *new.modules()):
        if isinstance(m, torch.nn.Dropout | torch.nn.BatchNorm2d):
            m.eval()
    want, got = old(x), new(x)
    for key, logits in want.aux.items():
        assert error(got.aux[key].flatten(1), logits) <= 1e-5


def test_the_module_knows_what_it_is():
    """Classifier, features, other classes: as for any network."""
    old = model("lenet5.modern")
    new = moved(old, fully_convolutional(old.arch))
    x = torch.randn(1, 1, 40, 40, generator=rng(3))
    assert new.num_classes == 10
    assert new.forward_head(new.forward_features(x)).equal(new(x))
    assert new.forward_head(new.forward_features(x), pre_logits=True).shape == (1, 84, 3, 3)
    new.reset_classifier(4)
    assert new(x).shape == (1, 4, 3, 3)
    alexnet = resolve("alexnet").build()
    dense, _ = fully_convolutional(alexnet)
    assert analyse(dense).receptive_field == analyse(alexnet).receptive_field == [195, 195]
    assert feature_cut(dense) == feature_cut(alexnet) == "pool5"
    assert feature_maps(dense) == feature_maps(alexnet)
    assert with_classes(new.arch, 7)[0].head.record.out == 7


def test_refused():
    with pytest.raises(UserError, match="reads 5 features, no pictures"):
        fully_convolutional(architecture("mlp", (5,), Sequential(fc=Linear(2))))
    norm = architecture("norm", (2, 4, 4), Sequential(f=Flatten(), bn=BatchNorm2d(), fc=Linear(2)))
    with pytest.raises(UserError, match=r"'bn' .BN. works on features flattened from 2×4×4 maps"):
        fully_convolutional(norm)
    cat = architecture("cat", (2, 4, 4), Sequential(
        c=Concat(Sequential(a=Flatten()), Sequential(t=Tanh(), b=Flatten())), fc=Linear(2)))  # fmt: skip
    with pytest.raises(UserError, match="'c'"):
        fully_convolutional(cat)


def test_features_that_are_single_places_may_be_normalised_and_joined():
    arch = architecture("late", (2, 4, 4), Sequential(
        f=Flatten(), a=Linear(6), bn=BatchNorm2d(),
        c=Concat(Sequential(t=Tanh()), Sequential(r=ReLU())), fc=head(Linear(3))))  # fmt: skip
    old = Model(arch, rng()).eval()
    new = moved(old, fully_convolutional(arch))
    x = picture(arch)
    assert error(answer(new, x), answer(old, x)) <= 1e-5
