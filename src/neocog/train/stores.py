"""The pixels that a training reads: where they are held, and at what size pictures are kept that crops are drawn from."""

from neocog.nn.resample import torch_resize
from neocog.pictures.augment.spec import parse_all
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.train.wishes import Progress

OVER = 256 / 224  # how much larger than the input a picture is kept whose crops have no size of their own


def kept_side(augment: tuple[str, ...], preprocessing: Preprocessing) -> int | None:
    """The short side to which pictures are brought down before crops are drawn; None for recipes that draw none.

    As large as the largest that the recipe itself asks for, so that no crop is enlarged that would not have been anyway.
    """
    side = max(preprocessing.height, preprocessing.width)
    for spec in parse_all(augment):
        if spec.name == "square-crop":
            return round(side * spec.values[0] / spec.values[1])
        if spec.name == "scale-jitter":
            return round(side * spec.values[1] / spec.values[2])
        if spec.kind.stage == "cut":
            return round(side * OVER)
    return None


def open_stores(
    data: Dataset,
    preprocessing: Preprocessing,
    augment: tuple[str, ...] = (),
    on_progress: Progress | None = None,
    workers: int = 0,
) -> dict[str, Store]:
    """The pixels of the training and validation splits, decoded once where they fit into memory or a cache.

    workers: processes that decode the training pictures. Those are resampled by Pillow however many decode them, so that a
    training does not depend on it; the pictures that judge, by torch: ±1 of 255, in half of the time.
    """
    short = kept_side(augment, preprocessing)
    stores: dict[str, Store] = {}
    if data.train is not None:
        stores["train"] = Store(data.train, preprocessing, workers=workers, exact=short is None, short=short)
    if data.val is not None:
        stores["val"] = Store(data.val, preprocessing, resize=torch_resize)
    for name, store in stores.items():
        told = f"reading {name} pictures"
        store.fill(None if on_progress is None else lambda done, total, told=told: on_progress(told, done, total))
    return stores
