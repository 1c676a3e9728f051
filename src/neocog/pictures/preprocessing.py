"""The record that travels with weights: how a picture becomes numbers.

Training, evaluation, prediction, export and serving all use this one record, so that they cannot drift apart. numpy and
Pillow are imported inside the functions: the command line reads records without paying for either.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, NoReturn

from neocog.errors import DataError, UserError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

COLORS = {"RGB": 3, "BGR": 3, "L": 1}
RESIZES = ("shorter", "squash", "pad", "none")
INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True)
class Preprocessing:
    """Geometry, colour and range of a network's input.

    Geometry, by `resize`, always towards `height`×`width` pixels:

    - "shorter": the short side to `resize_to` (None: the smaller of height and width), then the centre crop. A picture
      that is still smaller than the crop is centred on black, so give an oblong input a `resize_to` of its longer side.
    - "squash": straight to height×width, the proportions given up; with `resize_to`, to a square of that side and then
      the centre crop (Caffe's way: 256×256, then 227×227).
    - "pad": the pixels as they are, centred on black; only a picture that is too large is shrunk first (28 in 32).
    - "none": the pixels as they are; a picture of another size is squashed.

    The arithmetic of sides and offsets is that of torchvision's `Resize` and `CenterCrop` on Pillow images.
    `interpolation` is one of Pillow's filters, which are antialiased ("nearest" apart); bilinear can do without
    (`antialias`), as OpenCV does and so Caffe.

    Numbers: value = (pixel × scale − mean) / std, per channel in the order of `color` ("RGB", "BGR", "L"), pixels from
    0 to 255. A mean or std of one number holds for all channels.
    """

    height: int
    width: int
    color: str = "RGB"
    resize: str = "shorter"
    resize_to: int | None = None
    interpolation: str = "bilinear"
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    antialias: bool = True

    def __post_init__(self):
        for key in ("height", "width"):
            _whole_number(key, getattr(self, key))
        for key, known in (("color", tuple(COLORS)), ("resize", RESIZES), ("interpolation", INTERPOLATIONS)):
            if getattr(self, key) not in known:
                _complain(f"{key} must be one of {', '.join(known)}, not {getattr(self, key)!r}")
        if self.resize_to is not None:
            _whole_number("resize_to", self.resize_to)
            if self.resize in ("pad", "none"):
                _complain(f"resize_to={self.resize_to} has no meaning with resize='{self.resize}': leave it out")
            if self.resize == "squash" and self.resize_to < max(self.height, self.width):
                _complain(f"resize_to={self.resize_to} is smaller than the {self.height}×{self.width} crop of it")
        if not isinstance(self.antialias, bool) or not (self.antialias or self.interpolation == "bilinear"):
            _complain(f"antialias is true, or false if bilinear, not {self.antialias!r} with {self.interpolation}")
        if not _is_number(self.scale) or self.scale <= 0:
            _complain(f"scale must be a number above 0, not {self.scale!r}")
        object.__setattr__(self, "scale", float(self.scale))
        for key in ("mean", "std"):
            object.__setattr__(self, key, _per_channel(key, getattr(self, key), self.channels))
        if min(self.std) <= 0:
            _complain(f"std must be above 0 in every channel, not {self.std}")

    @property
    def channels(self) -> int:
        """C: 3 for RGB and BGR, 1 for L."""
        return COLORS[self.color]

    @property
    def id(self) -> str:
        """Protocol id: what was cut out of the picture, and how. Printed beside every figure measured with it.

        `1crop-256-224-bilinear-aa` (short side 256, crop 224) · `squash-224-bilinear-aa` · `1crop-squash256-227-…` ·
        `pad-32` · `native-28`, the last two with the interpolation only when it is not bilinear. An oblong input
        is written height×width: `224x192`. "aa" is left out for nearest and for bilinear without antialiasing.
        """
        size = f"{self.height}" if self.height == self.width else f"{self.height}x{self.width}"
        smooth = self.antialias and self.interpolation != "nearest"
        filtered = f"{self.interpolation}-aa" if smooth else self.interpolation
        if self.resize == "shorter":
            return f"1crop-{self._short_side}-{size}-{filtered}"
        if self.resize == "squash":
            return f"1crop-squash{self.resize_to}-{size}-{filtered}" if self.resize_to else f"squash-{size}-{filtered}"
        word = {"pad": "pad", "none": "native"}[self.resize]
        return f"{word}-{size}" if filtered == "bilinear-aa" else f"{word}-{size}-{filtered}"

    @property
    def _short_side(self) -> int:
        return min(self.height, self.width) if self.resize_to is None else self.resize_to

    def image(self, picture: "Image.Image") -> "np.ndarray":
        """One picture → uint8 H×W×C. Colour first (grey is repeated, L is ITU-R 601 luma), then geometry."""
        import numpy as np

        from neocog.pictures import geometry
        from neocog.pictures.modes import flatten

        picture, mode = flatten(picture), "L" if self.color == "L" else "RGB"
        if picture.mode != mode:
            picture = picture.convert(mode)
        height, width = self.height, self.width
        way = self.interpolation if self.antialias else geometry.LINEAR
        if self.resize == "shorter":
            picture = geometry.shorter_and_crop(picture, self._short_side, height, width, way)
        elif self.resize == "pad":
            picture = geometry.shrink_to_fit(picture, height, width, way)
        elif self.resize == "squash" and self.resize_to:
            picture = geometry.squash(picture, self.resize_to, self.resize_to, way)
        else:
            picture = geometry.squash(picture, height, width, way)
        pixels = np.asarray(geometry.center_crop(picture, height, width)).reshape(height, width, self.channels)
        return np.ascontiguousarray(pixels[:, :, ::-1]) if self.color == "BGR" else np.array(pixels)

    def normalise(self, batch: "np.ndarray") -> "np.ndarray":
        """uint8 N×H×W×C, as `image` gives them → float32 N×C×H×W, ready for the network; channels last in memory."""
        import numpy as np

        if batch.ndim != 4 or batch.shape[3] != self.channels or batch.dtype != np.uint8:
            raise DataError(
                f"normalise needs uint8 pixels N×H×W×{self.channels} ({self.color}), "
                f"not {batch.dtype} {'×'.join(map(str, batch.shape))}"
            )
        mean, std = np.asarray(self.mean), np.asarray(self.std)  # float64: rounded once, below
        n, height, width, channels = batch.shape
        # Row by row, with a gain and an offset for each value of it: numpy is several times slower on rows of 3.
        gain = np.tile(np.broadcast_to(self.scale / std, channels).astype(np.float32), width)
        offset = np.tile(np.broadcast_to(-mean / std, channels).astype(np.float32), width)
        out = np.empty((n, height, width * channels), np.float32)
        for pixels, values in zip(batch.reshape(n, height, width * channels), out, strict=True):
            np.multiply(pixels, gain, out=values)
            values += offset
        return out.reshape(batch.shape).transpose(0, 3, 1, 2)

    def transform(self) -> "Callable[[Image.Image], np.ndarray]":
        """A function of one picture → float32 C×H×W, for data loaders of one's own (torch's collate them to tensors)."""
        return lambda picture: self.normalise(self.image(picture)[None])[0]

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values; `from_json` takes it back unchanged."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Preprocessing":
        """The record of `to_json`. UserError for a key that is unknown or missing, or whose value is out of range."""
        if not isinstance(record, Mapping):
            _complain(f"expected an object with height and width, not {record!r}")
        known = [field.name for field in fields(cls)]
        if unknown := sorted(str(key) for key in record if key not in known):
            _complain(f"unknown key {', '.join(map(repr, unknown))}; known are {', '.join(known)}")
        if missing := [key for key in ("height", "width") if key not in record]:
            _complain(f"{' and '.join(missing)} missing")
        return cls(**record)


def mean_std(images: "np.ndarray") -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and (population) standard deviation per channel of uint8 N×H×W×C pixels, in units of [0, 1].

    Exact: counted in histograms of 256 bins, a few pictures at a time, so memory does not grow with N and memory maps
    will do. A channel that never changes has nothing to scale and gets std 1.
    """
    import numpy as np

    if images.ndim != 4 or images.dtype != np.uint8 or images.size == 0:
        shape = "×".join(map(str, images.shape))
        raise DataError(f"mean_std needs uint8 pixels N×H×W×C of at least one picture, not {images.dtype} {shape}")
    n, height, width, channels = images.shape
    step = max(1, (1 << 20) // (height * width))
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, n, step):
        chunk = images[start : start + step]
        for c in range(channels):
            counts[c] += np.bincount(chunk[..., c].ravel(), minlength=256)
    level = np.arange(256) / 255
    mean = counts @ level / counts.sum(1)
    variance = (counts * (level - mean[:, None]) ** 2).sum(1) / counts.sum(1)
    std = np.where((counts > 0).sum(1) == 1, 1.0, np.sqrt(variance))
    return tuple(mean.tolist()), tuple(std.tolist())


def _complain(what: str) -> NoReturn:
    raise UserError(f"preprocessing: {what}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _whole_number(key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 65_535:
        _complain(f"{key} must be a whole number of pixels from 1 to 65535, not {value!r}")


def _per_channel(key: str, value: object, channels: int) -> tuple[float, ...]:
    if not isinstance(value, (tuple, list)) or not all(_is_number(v) for v in value):
        _complain(f"{key} must be a list of numbers, not {value!r}")
    if len(value) not in (1, channels):
        _complain(f"{key} must have 1 number or {channels}, one a channel, not {len(value)}")
    return tuple(float(v) for v in value)
