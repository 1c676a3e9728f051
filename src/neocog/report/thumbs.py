"""Small pictures as data URIs, as many and as large as a budget of bytes allows."""

import base64
import io
from collections.abc import Callable, Sequence

from PIL import Image, features

from neocog.errors import BadPicture
from neocog.pictures.modes import flatten
from neocog.pictures.sets import Pictures

BUDGET = 1_900_000  # characters of all pictures of a report
SIDES = (224, 160, 128, 96)  # of the longer side, the largest that fits the budget
SMALL = 64  # pictures up to this size are kept pixel by pixel
SAMPLE = 12  # pictures by which the size is chosen


def thumbnails(
    pictures: Pictures,
    wanted: Sequence[int],
    budget: int = BUDGET,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[int, str]:
    """Data URIs of the pictures at these positions, in this order, until the budget is spent. Damaged ones are left out."""
    side, out = _side(pictures, wanted, budget), {}
    for done, i in enumerate(dict.fromkeys(wanted)):
        if on_progress is not None:
            on_progress(done, len(wanted))
        try:
            made = datauri(pictures.picture(i), side)
        except BadPicture:
            continue
        if (budget := budget - len(made)) < 0:
            break
        out[i] = made
    return out


def datauri(picture: Image.Image, side: int) -> str:
    """One picture, its longer side at most `side`; those that are small already lose nothing."""
    picture = flatten(picture)
    if max(picture.size) <= SMALL:
        return uri(picture, True)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return uri(picture, False)


def _side(pictures: Pictures, wanted: Sequence[int], budget: int) -> int:
    """The largest of SIDES at which all of them fit, judging by a few."""
    some = wanted[:: max(1, len(wanted) // SAMPLE)][:SAMPLE]
    for side in SIDES[:-1]:
        sizes = []
        for i in some:
            try:
                sizes.append(len(datauri(pictures.picture(i), side)))
            except BadPicture:
                continue
        if not sizes or sum(sizes) / len(sizes) * len(wanted) <= 0.9 * budget:
            return side
    return SIDES[-1]


def uri(picture: Image.Image, exact: bool) -> str:
    """The picture as it is, as a data URI; `exact`: without loss."""
    kind = "webp" if features.check("webp") else ("png" if exact else "jpeg")
    settings = {"webp": {"lossless": exact, "quality": 75, "method": 4}, "png": {"optimize": True}, "jpeg": {"quality": 75}}
    file = io.BytesIO()
    picture.save(file, kind, **settings[kind])
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
