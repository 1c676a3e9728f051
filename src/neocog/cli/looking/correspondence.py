"""`explain --method correspondence`: hiding the same part in several pictures; table 1 of ZFNet's paper."""

from pathlib import Path

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, short
from neocog.errors import UserError
from neocog.explain.occlusion.correspondence import correspondence, parts_of
from neocog.explain.occlusion.correspondence_figure import draw_correspondence
from neocog.explain.occlusion.hidden import read_boxes
from neocog.explain.occlusion.slide import last_layer
from neocog.pictures.decode import decode

WANTED = "name a table of boxes with --boxes: file, part, left, top, right, bottom; its files lie beside it"


def run(look: Look) -> Shown:
    """The table and its figure."""
    if look.args.boxes is None:
        raise UserError(f"--method correspondence hides parts of pictures: {WANTED}")
    table = Path(look.args.boxes)
    files, parts = parts_of(read_boxes(table))
    pictures = [decode(table.parent / file) for file in files]
    boxes = {part: [of[file] for file in files] for part, of in parts.items()}
    for part, many in boxes.items():
        for file, picture, box in zip(files, pictures, many, strict=True):
            if box[2] > picture.width or box[3] > picture.height:
                raise UserError(f"{file} has {picture.width}×{picture.height} pixels; its {part} ends at {box[2]},{box[3]}")
    last = last_layer(look.model)
    layers = look.layers((last,) if last else (look.model.arch.output,), maps=False)
    fill = look.args.fill or "mean"
    found = correspondence(
        look.model, pictures, boxes, layers, fill, look.args.n or 10, look.args.seed or 0, look.tell("hiding parts"), look.stop
    )
    facts = {
        "boxes": look.args.boxes,
        "pictures": found.pictures,
        "pairs": found.pairs,
        "draws": found.draws,
        "fill": found.fill,
        "layers": [
            {
                "path": layer,
                "parts": [
                    {"part": part, "delta": round(float(found.delta[i, j]), 6), "spread": round(float(found.spread[i, j]), 6),
                     "differ_of_changed": round(float(found.differ[i, j]), 6)}
                    for j, part in enumerate(found.parts)
                ],
            }
            for i, layer in enumerate(found.layers)
        ],
    }  # fmt: skip
    words = [
        f"{layer}: " + ", ".join(f"{part} {found.delta[i, j]:.3f}" for j, part in enumerate(found.parts))
        for i, layer in enumerate(found.layers)
    ]
    title = f"{short(look.net)}: does hiding a part change its features alike in {found.pictures} pictures?"
    arrays = {"delta": found.delta, "spread": found.spread, "differ": found.differ}
    return Shown(draw_correspondence(title, found, pictures, boxes), facts, words, arrays)
