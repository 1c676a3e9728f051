"""How a Caffe network wants its pictures: blue first, 0 to 255, less a mean. What the files do not say is assumed aloud."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neocog.arch import Shape
from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.caffe.caffemodel import read_binaryproto
from neocog.weights.caffe.prototxt import Message

IMAGENET = (104.0, 117.0, 123.0)  # what BVLC's own nets subtract, blue, green, red
VGG = (103.939, 116.779, 123.68)


@dataclass(frozen=True, slots=True)
class Habit:
    """What the makers of published weights did to their pictures. `side`: what the picture is resized to, before the crop."""

    mean: tuple[float, ...] = IMAGENET
    scale: float = 1.0
    resize: str = "squash"
    side: int | None = 256


# By our names. BVLC's readmes; VGG's and Kaiming He's readmes; eval_image.py of shicai/MobileNet-Caffe, which crops the
# middle square and scales it to 224, so that the shorter side becomes 224.
HABITS = {
    "alexnet.caffe": Habit((104.007, 116.669, 122.679)),
    "caffenet": Habit((104.007, 116.669, 122.679)),
    "googlenet": Habit(),
    "squeezenet1_0.caffe": Habit(),
    "squeezenet1_1": Habit(),
    **{f"vgg{d}": Habit(VGG, resize="shorter") for d in (11, 13, 16, 19)},
    **{f"resnet{d}.caffe": Habit((103.0626238, 115.9028826, 123.1516308), resize="shorter") for d in (50, 101, 152)},
    "mobilenet_v1": Habit((103.94, 116.78, 123.68), 0.017, "shorter", 224),
    "lenet.caffe": Habit((0.0,), 1 / 256, "pad", None),
}


def preprocessing(
    shape: Shape, net: str | None, transform: Message, mean: str | Path | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The record for pictures of `shape`, and a line for each thing that nobody said.

    net: the name of ours that it is. transform: the data layer's. mean: a .npy or .binaryproto of C×H×W or C numbers, or
    the numbers themselves joined by commas, in the order of the file: blue first.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise UserError(f"{transform.where}: reads pictures of {channels} channels; neocog's have 1 or 3")
    color = "BGR" if channels == 3 else "L"
    habit = HABITS.get(net or "")
    notes = [f"colours: {color}, 0 to 255, as Caffe reads pictures" + ("" if channels == 3 else " of one channel")]
    scale, said = _scale(transform, habit)
    notes += [said] if said else []
    means, said = _mean(transform, habit, mean, channels)
    notes.append(said)
    if habit is not None and (height, width) == (habit.side, habit.side):
        resize, side = "shorter" if habit.resize == "shorter" else "squash", None
    elif habit is not None and (habit.side is None or habit.side >= max(height, width)):
        resize, side = habit.resize, habit.side
    else:
        side = 256 if 192 < max(height, width) < 256 else None
        resize = "squash"
        way = f"to 256×256, then the middle {height}×{width}" if side else f"to {height}×{width}"
        notes.append(f"assumed: pictures are squashed {way}")
    # OpenCV, and so Caffe, resizes without antialiasing.
    record = Preprocessing(
        height, width, color, resize, side, scale=scale, mean=tuple(m * scale for m in means), antialias=resize == "pad"
    )
    return record, tuple(notes)


def _scale(transform: Message, habit: Habit | None) -> tuple[float, str]:
    if "scale" in transform:
        scale = transform.number("scale", 1.0)
        if scale <= 0:
            transform.complain(f"scale is above 0, not {scale:g}")
        return scale, f"scale: {scale:g}, from the .prototxt"
    if habit is not None:
        return habit.scale, "" if habit.scale == 1 else f"scale: {habit.scale:g}, as the published net's makers had it"
    return 1.0, "assumed: scale 1; the .prototxt says none"


def _mean(transform: Message, habit: Habit | None, given: str | Path | None, channels: int) -> tuple[tuple[float, ...], str]:
    """(what is subtracted from each channel before scaling, whence)."""
    if given is not None:
        means, how = read_mean(given, channels)
        return means, f"mean: {_shown(means)}, {how}"
    values = transform.numbers("mean_value")
    if values:
        if len(values) not in (1, channels):
            transform.complain(f"mean_value has {len(values)} numbers for {channels} channels")
        return tuple(values), f"mean: {_shown(tuple(values))}, from the .prototxt"
    file = transform.text("mean_file")
    missing = f"; the .prototxt names {file}, which --mean FILE would give" if file else "; --mean gives another"
    if habit is not None:
        return habit.mean, f"mean: {_shown(habit.mean)}, as the published net's makers had it{missing if file else ''}"
    if channels == 3:
        return IMAGENET, f"assumed: mean {_shown(IMAGENET)}, ImageNet's{missing}"
    return (0.0,), f"assumed: mean 0{missing}"


def read_mean(given: str | Path, channels: int) -> tuple[tuple[float, ...], str]:
    """(a mean for each channel, whence). A mean image is reduced to its channels' means. Raises UserError."""
    path = Path(given)
    if not path.is_file():
        try:
            numbers = tuple(float(word) for word in str(given).split(","))
        except ValueError:
            raise UserError(f"--mean: there is no file {given}, nor is it numbers joined by commas") from None
        if len(numbers) not in (1, channels) or not all(map(np.isfinite, numbers)):
            raise UserError(f"--mean: {given} is not one number, or {channels}, joined by commas")
        return numbers, "as given"
    try:
        image = np.load(path, mmap_mode="r", allow_pickle=False) if path.suffix == ".npy" else read_binaryproto(path)
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise UserError(f"{path}: not a .npy array of numbers, or a damaged one ({type(error).__name__})") from None
    if image.dtype.kind not in "fiu" or image.ndim not in (1, 3) or image.shape[0] != channels or image.size == 0:
        raise UserError(f"{path}: a mean is {channels}×H×W or {channels} numbers, not {'×'.join(map(str, image.shape))}")
    means = tuple(float(m) for m in image.reshape(channels, -1).mean(1, dtype=np.float64))
    if not all(map(np.isfinite, means)):
        raise UserError(f"{path}: holds numbers that are no numbers (NaN or infinite)")
    if image.ndim == 1:
        return means, f"from {path.name}"
    spread = float(np.abs(image - np.reshape(means, (channels, 1, 1))).max())
    return means, f"the channels' means of the mean image {path.name}, whose pixels differ from them by up to {spread:.1f}"


def _shown(means: tuple[float, ...]) -> str:
    return ", ".join(f"{m:.6g}" for m in means)
