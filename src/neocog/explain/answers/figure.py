"""Pictures of what `planes` and `templates` found."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from neocog.explain.answers.linear import Templates
from neocog.explain.answers.maps import Planes
from neocog.figure.colours import COLD_WARM, INK, diverging, positive, strip
from neocog.figure.sheet import TILE, Group, sheet

MOST = 64  # tiles of one layer


def draw_planes(title: str, picture: np.ndarray, layers: Sequence[Planes], most: int = MOST) -> Image.Image:
    """The picture, uint8 H×W×C, and below it each layer's maps, from 0 (paper) to the layer's own largest answer.

    Of more than `most` maps only those that answer most are drawn, in their order, and the heading says so.
    """
    grey = np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture
    height, width = grey.shape[:2]
    groups = [Group("input", f"{width}×{height}", [grey])]
    for layer in layers:
        count, rows, columns = layer.maps.shape
        peaks = layer.maps.reshape(count, -1).max(1)
        shown = np.sort(np.argsort(-peaks, kind="stable")[:most])
        top = float(peaks.max())
        some = f", the {most} that answer most" if count > most else ""
        remark = f"{layer.layer} · {count} maps of {columns}×{rows}{some} · {layer.silent} silent · darkest {top:.3g}"
        groups.append(Group(layer.path, remark, [positive(layer.maps[k], top) for k in shown]))
    return sheet(title, groups, ("0", strip(INK), "the layer's largest answer"))


def draw_templates(title: str, found: Templates) -> Image.Image:
    """A tile for each output: positive weights warm, negative cold, zero grey, one scale for all.

    Where pixels are coloured, a tile has the weights on red, green and blue as colours around grey.
    """
    scale, coloured = found.scale, found.maps.shape[1] == 3
    maps = found.maps if coloured else found.maps.mean(1)
    scale = scale if coloured else float(np.abs(maps).max())
    tiles = [diverging(one, scale) for one in maps]
    how = "weights on red, green and blue, grey is 0" if coloured else "weight of each pixel, grey is 0"
    _, _, rows, columns = found.maps.shape
    group = Group(found.path, f"{len(tiles)} of {columns}×{rows} · {how} · one scale for all", tiles, found.names)
    wide = min(10, max(5, -(-len(tiles) // 2))) if len(tiles) <= 20 else 20
    legend = None if coloured else (f"−{scale:.3g}", strip(COLD_WARM), f"+{scale:.3g}")
    return sheet(title, [group], legend, TILE * 2 if len(tiles) <= 20 else TILE, wide)
