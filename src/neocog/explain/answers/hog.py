"""HOG's picture: in every cell a stroke along each orientation's edges, as strong as its share (Dalal & Triggs, 2005)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw

from neocog.arch import HOG, Flatten, Linear, analyse
from neocog.errors import UserError
from neocog.explain.inside import input_of
from neocog.figure.sheet import Group, sheet
from neocog.nn import Model
from neocog.nn.hog import hog_blocks, hog_length

PANEL, LEAST, FINE = 336, 16, 3  # pixels of a panel's longer side, of a cell at least; drawn so many times as large
GROUND, LIGHT = (20, 24, 31), (250, 246, 236)
FOR, AGAINST = (255, 190, 92), (120, 190, 255)


@dataclass(frozen=True, eq=False)
class Strokes:
    """cells: rows×columns×orientations, each cell's shares as the mean over the blocks that hold it. `cell` is its side in
    pixels, `length` how many numbers describe the whole picture."""

    cells: np.ndarray
    cell: int
    length: int


@dataclass(frozen=True, eq=False)
class Spoken:
    """What the numbers of a descriptor say for a class of a network that is linear in them, and against it, as `Strokes`."""

    name: str
    pro: Strokes
    contra: Strokes


def strokes(pixels: np.ndarray, record: HOG | None = None) -> Strokes:
    """The histograms of oriented gradients of uint8 pixels H×W×C. Raises UserError for pictures that hold no block."""
    record = record or HOG()
    height, width, channels = pixels.shape
    cell = record.side((channels, height, width))
    length = hog_length(height, width, record.orientations, cell, record.block)
    if not length:
        raise UserError(f"a picture of {width}×{height} holds no block of {record.block}×{record.block} cells of {cell} pixels")
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255
    blocks = hog_blocks(x, record.orientations, cell, record.block)[0].numpy()
    return Strokes(_cells(blocks, record), cell, length)


def _cells(blocks: np.ndarray, record: HOG) -> np.ndarray:
    """rows×columns×(block²·orientations) → the mean of what the blocks say of each cell."""
    rows, columns, _ = blocks.shape
    n = record.block
    parts = blocks.reshape(rows, columns, n, n, record.orientations)
    total = np.zeros((rows + n - 1, columns + n - 1, record.orientations))
    count = np.zeros((rows + n - 1, columns + n - 1, 1))
    for i in range(n):
        for j in range(n):
            total[i : i + rows, j : j + columns] += parts[:, :, i, j]
            count[i : i + rows, j : j + columns] += 1
    return total / count


def spoken(model: Model, pixels: np.ndarray, number: int) -> Spoken | None:
    """What speaks for class `number` and against it in this picture; None where scores are not linear in HOG alone."""
    nodes = model.arch.nodes
    records = [node.record for node in nodes]
    if [type(record) for record in records] != [HOG, Flatten, Linear]:
        return None
    record, shape = records[0], analyse(model.arch).rows[0].output
    assert isinstance(record, HOG) and model.classes is not None
    with torch.inference_mode():
        found = model.get_submodule(nodes[0].path)(input_of(model, pixels))[0].cpu().numpy()
    weight = model.get_classifier().weight
    assert isinstance(weight, torch.Tensor)
    product = (found * weight[number].detach().cpu().numpy().reshape(shape)).transpose(1, 2, 0)
    cell = record.side(model.arch.input)
    both = [Strokes(_cells(np.maximum(sign * product, 0), record), cell, product.size) for sign in (1, -1)]
    return Spoken(model.classes[number], *both)


def stroke_picture(found: Strokes, top: float, colour: Sequence[int] = LIGHT, power: float = 1.2) -> np.ndarray:
    """uint8 H×W×3: strokes across the gradient of each orientation, brightest at `top`; `power` below 1 lifts the weak."""
    rows, columns, orientations = found.cells.shape
    side = max(LEAST, PANEL // max(rows, columns))
    page = Image.new("RGB", (columns * side * FINE, rows * side * FINE), GROUND)
    pen = ImageDraw.Draw(page)
    order = np.argsort(found.cells, axis=None, kind="stable")  # the strong over the weak
    for row, column, k in zip(*np.unravel_index(order, found.cells.shape), strict=True):
        share = min(1.0, float(found.cells[row, column, k]) / top) if top > 0 else 0.0
        if share < 0.04:
            continue
        angle = np.pi * (k + 0.5) / orientations
        x, y = (column + 0.5) * side * FINE, (row + 0.5) * side * FINE
        dx, dy = -np.sin(angle) * 0.46 * side * FINE, np.cos(angle) * 0.46 * side * FINE
        ink = tuple(round(g + (c - g) * share**power) for g, c in zip(GROUND, colour, strict=True))
        pen.line((x - dx, y - dy, x + dx, y + dy), ink, max(1, round(side * FINE * 0.07)))
    return np.asarray(page.resize((columns * side, rows * side), Image.Resampling.BOX))


def draw_strokes(title: str, picture: np.ndarray, found: Strokes, said: Spoken | None = None) -> Image.Image:
    """The picture, uint8 H×W×C, squashed to whole cells, and its strokes; of them what speaks for and against a class."""
    plain = np.repeat(picture, 3, 2) if picture.shape[2] == 1 else picture
    rows, columns, orientations = found.cells.shape
    drawn = stroke_picture(found, float(np.quantile(found.cells, 0.995)))
    way = Image.Resampling.NEAREST if max(plain.shape) <= 64 else Image.Resampling.BICUBIC
    tiles = [np.asarray(Image.fromarray(np.ascontiguousarray(plain)).resize(drawn.shape[1::-1], way)), drawn]
    captions = ["the picture", "its gradients' orientations"]
    if said is not None:
        top = float(max(said.pro.cells.max(), said.contra.cells.max()))
        tiles += [stroke_picture(said.pro, top, FOR, 0.7), stroke_picture(said.contra, top, AGAINST, 0.7)]
        captions += [f"what speaks for {said.name}", f"what speaks against {said.name}"]
    remark = f"{columns}×{rows} cells of {found.cell} pixels · {orientations} orientations · {found.length:,} numbers"
    return sheet(title, [Group("HOG", remark, tiles, captions)], side=max(drawn.shape), wide=2)
