"""How a network meets pictures of another size: one rule for all, in words that stand beside every result.

1. Small pictures (up to 64 pixels) and a network for small pictures: at their own size where the network takes any, else padded
   with black, or enlarged, to the size that it was made for.
2. Small pictures and a network for large ones, of which the family has a variant for small ones (nin → nin.cifar10): that.
3. Else its native size. A network of any size (global pooling) that would not get through the training pictures three times
   within the budget takes the largest of smaller sizes at which it does, down to one where its last map is 2×2.
"""

from collections.abc import Callable
from dataclasses import dataclass

from neocog.arch import analyse, fits
from neocog.nets import Net, list_models, resolve
from neocog.pictures.preprocessing import Preprocessing
from neocog.train.choose import SMALL, Size, any_size

PASSES = 3.0  # through the training pictures that the budget should allow
LEAST = 32  # pixels: the smallest side, and the smallest step between sides


@dataclass(frozen=True)
class Adapted:
    """A network for some pictures. native: the side of its input (None: as its card and the pictures say); smaller: others
    that it may have, from large to small; instead: of which one it takes the place, if it is another than was asked for."""

    net: Net
    native: int | None = None
    smaller: tuple[int, ...] = ()
    instead: str = ""


def adapt(name: str, size: Size, classes: int) -> Adapted:
    """The network of a name, and the sides of pictures that it may see. Raises UnknownName or TextError."""
    net, instead = resolve(name), ""
    small = max(size[:2]) <= SMALL
    if small and not _for_small(net) and (other := _variant(net.name, classes)) is not None:
        net, instead = other, net.name
    if net.sized or _for_small(net) or not any_size(net.build()):
        return Adapted(net, instead=instead)
    arch = net.build()
    native, stride = max(arch.input[1:]), max(analyse(arch).stride)
    sides = range(native - max(stride, LEAST), 2 * stride - 1, -max(stride, LEAST))  # 299 - 32 - … fits where 256 does not
    smaller = tuple(side for side in sides if side >= LEAST and fits(arch, (arch.input[0], side, side)))
    return Adapted(net, native if small else None, smaller, instead)


def _for_small(net: Net) -> bool:
    return max(net.card.preprocessing.height, net.card.preprocessing.width) <= SMALL


def _variant(name: str, classes: int) -> Net | None:
    """The variant for small pictures: NAME.cifar, NAME.cifar10, NAME.cifar100."""
    if "." in name:
        return None
    found = [f"{name}.{data}" for data in ("cifar", "cifar10", "cifar100") if f"{name}.{data}" in list_models(f"{name}.cifar*")]
    return resolve(found[-1] if classes > 10 else found[0]) if found else None


def choose_side(adapted: Adapted, budget: float | None, pictures: int, pace: Callable[[int], float]) -> int | None:
    """The side to train at. pace: seconds that one picture takes to learn from at a side. Work grows with the area, so one
    measurement, at a side in the middle, speaks for all."""
    native, smaller = adapted.native, adapted.smaller
    if budget is None or not smaller:
        return native
    middle = smaller[len(smaller) // 2]
    area = pace(middle) / middle**2  # seconds for a pixel
    allowed = budget / (PASSES * pictures)  # for a picture
    full = native or max(adapted.net.build().input[1:])
    if area * full**2 <= allowed:
        return native
    return next((side for side in smaller if area * side**2 <= allowed), smaller[-1])


def rule(size: Size, record: Preprocessing, adapted: Adapted, alike: bool = True) -> dict[str, str]:
    """In words how pictures of `size` come to the network's input, and why: {"en": …, "zh": the same}."""
    card = adapted.net.card.preprocessing
    native, side = (card.height, card.width), (record.height, record.width)
    have, want, made = f"{size[1]}×{size[0]}", f"{side[1]}×{side[0]}", f"{native[1]}×{native[0]}"
    if record.resize == "pad":
        en, zh = (
            f"{have} pictures padded with black to {want}, the size it was made for",
            f"{have} 图片补黑边至其设计尺寸 {want}",
        )
    elif alike and side == size[:2]:
        en, zh = f"pictures at their own size, {have}", f"图片保持原尺寸 {have}"
    else:
        larger = min(side) > min(size[:2])
        en = f"pictures of {have if alike else f'about {have}'} {'enlarged' if larger else 'brought'} to {want}"
        zh = f"{'' if alike else '约 '}{have} 的图片{'放大' if larger else '缩放'}至 {want}"
        if side == native:
            en, zh = f"{en}, the size it was made for", f"{zh}，即其设计尺寸"
        elif max(native) > max(side):
            en += f": at {made}, for which it was made, the budget would not let it see every picture {PASSES:g} times"
            zh += f"：若用其设计尺寸 {made}，预算不够每张图片看 {PASSES:g} 遍"
    if adapted.instead:
        en = f"{adapted.net.name}, the family's for small pictures, in place of {adapted.instead}; {en}"
        zh = f"以同族适合小图片的 {adapted.net.name} 代替 {adapted.instead}；{zh}"
    return {"en": en, "zh": zh}
