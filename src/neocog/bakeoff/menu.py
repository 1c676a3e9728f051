"""Which networks meet when nobody named any: four to six for the pictures at hand, one of them a baseline, and why."""

from neocog.train.choose import SMALL, Size

BUDGET = 120.0  # seconds a training, when nothing is said
SHORT = 60.0  # seconds: what takes longer to learn anything stays away
FEW = 10_000  # training pictures: networks of millions of parameters want more


def choose(size: Size, pictures: int, budget: float | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(networks, a line for each with the reason) for so many training pictures of (height, width, channels)."""
    short = budget is not None and budget < SHORT
    picks = _small(size, short) if max(size[:2]) <= SMALL else _photos(pictures, short)
    picks = [("hog-svm", "the baseline: gradients and a linear SVM, what a network must beat"), *picks]
    return tuple(name for name, _ in picks), tuple(f"{name}: {why}" for name, why in picks)


def _small(size: Size, short: bool) -> list[tuple[str, str]]:
    air = ("air.grey", "made for small grey pictures") if size[2] == 1 else ("air.colour", "made for small colour pictures")
    picks = [
        ("lenet5.modern", "the classic, and the fastest network"),
        (air[0], f"{air[1]}, to learn in little time"),
        ("resnet8.quick", "a wide and shallow residual net"),
    ]
    if not short:
        picks.append(("resnet20.cifar", "the paper's smallest residual net for small pictures"))
    return picks


def _photos(pictures: int, short: bool) -> list[tuple[str, str]]:
    picks = [
        ("resnet14.cifar", "a small residual net at 64×64"),
        ("resnet8.quick", "a wide and shallow one at 64×64"),
        ("mobilenet_v2.w050", "made to be light"),
    ]
    if not short:
        picks.append(("shufflenet_v2.w050", "made to be fast"))
        if pictures >= FEW:
            picks.append(("resnet18", "the usual choice for photos"))
    return picks
