"""Dense evaluation: a network as convolutions only, over whole pictures of any size (Simonyan & Zisserman 2014, section 3.2).

The whole picture is the resized one as it is: nothing is cropped and nothing is padded around it. Where strides do not divide
it, the last rows and columns that fill no window are seen by no place of the map, as in any convolution.

Full connections give a map of scores, one for each place of their window, and the map is averaged. A net that averages its
last maps globally averages larger maps and gives one answer, as ResNet did. Without zero padding each place is what a
crop at that place would give, to the last digit but for the order of sums. With padding it is not: a crop's border sees
zeros where the map sees the picture.
"""

from dataclasses import replace

import numpy as np

from neocog.arch import AvgPool2d
from neocog.arch.rewrite import one_answer, with_input
from neocog.arch.rewrite import replace as exchange
from neocog.arch.window import pair
from neocog.errors import ShapeError
from neocog.nn.rewrite import rewritten, to_conv
from neocog.runs import Predictor

KEPT = 4  # networks built for other sizes


class Dense:
    """A predictor's network as convolutions."""

    def __init__(self, predictor: Predictor):
        self._plain = replace(predictor, model=to_conv(predictor.model), flip=False)
        self._built: dict[tuple[int, ...], Predictor] = {}

    def maps(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 N×H×W×C pictures of any one size → float32 N×classes×h×w scores. Raises ShapeError for too small ones."""
        channels, height, width = pixels.shape[3], *pixels.shape[1:3]
        try:
            return self._built.get((height, width), self._plain).scores(pixels)
        except ShapeError:  # TensorFlow's padding depends on the size: it is settled when a network is built
            if (height, width) in self._built:
                raise
            if len(self._built) >= KEPT:
                self._built.pop(next(iter(self._built)))
            model = rewritten(self._plain.model, lambda arch: with_input(arch, (channels, height, width)))
            self._built[height, width] = replace(self._plain, model=model)
            return self._built[height, width].scores(pixels)

    def places(self, pixels: np.ndarray) -> np.ndarray:
        """The scores of each place of the last maps: N×classes×h×w. As `maps`, but without a global average before the head;
        where all behind that average is linear, the mean of this map is still the network's answer."""
        model = self._plain.model
        for path in one_answer(model.arch):
            if pair(getattr(model.arch.by_path[path].record, "out", 0)) == (1, 1):
                model = rewritten(model, lambda arch, path=path: exchange(arch, path, AvgPool2d(1, 1)))
        return replace(self._plain, model=model).scores(pixels)

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """`maps` averaged over their places: N×classes."""
        return self.maps(pixels).mean((2, 3), dtype=np.float64).astype(np.float32)
