"""`explain --method field`: what units can see of the picture."""

from dataclasses import replace
from typing import Any

import numpy as np

from neocog.arch import Architecture, analyse
from neocog.arch.fit import misfits
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, record_for
from neocog.errors import UserError
from neocog.explain.fields.figure import MOST, draw_fields
from neocog.explain.fields.placing import on_picture
from neocog.explain.fields.theoretical import UnitField, chosen, growing, unit_fields
from neocog.explain.targets import layer_named, map_numbered
from neocog.pictures.preprocessing import Preprocessing

USUAL = 6  # layers that are drawn where none is named


def network(look: Look) -> tuple[Architecture, Preprocessing, str]:
    """Architecture, record and name. A field needs no weights, so none are drawn for a network by name."""
    if look.trained:
        return look.model.arch, look.predictor.preprocessing, look.net
    from neocog.nets import resolve

    found = resolve(look.args.run)
    arch = found.build()
    return arch, record_for(found, arch), look.args.run


def resized(record: Preprocessing, side: int) -> Preprocessing:
    """The same for a square input of another size; what it is cut out of grows alike."""
    to = record.resize_to and max(side, round(record.resize_to * side / min(record.height, record.width)))
    return replace(record, height=side, width=side, resize_to=to)


def run(look: Look) -> Shown:
    """Boxes of several layers on the picture, or on an empty one."""
    arch, record, net = network(look)
    if look.args.size is not None:
        arch = replace(arch, input=(arch.input[0], look.args.size, look.args.size))
        record = resized(record, look.args.size)
    table = analyse(arch)
    paths = tuple(layer_named(arch, path) for path in look.args.layer or ()) or chosen(growing(table), USUAL)
    if not paths:
        raise UserError(f"{net}: its first layer sees the whole picture at once, so no unit has a field")
    if len(paths) > MOST:
        raise UserError(f"--layer: {len(paths)} boxes on one picture cannot be told apart; name at most {MOST}")
    paths = tuple(row.path for row in table.rows if row.path in paths)  # each once, from the picture on
    if look.args.unit is not None:
        map_numbered(arch, paths[-1], look.args.unit)
    found = unit_fields(arch, paths, look.args.place)
    unread = tuple(one for one in misfits(arch) if not one.harmless)
    if look.args.image is not None:
        picture, name = np.asarray(look.picture.convert("RGB")), look.name
    else:
        picture, name = np.full((record.height, record.width, 3), 236, np.uint8), "no picture"
    high, wide = picture.shape[:2]
    unit = "" if look.args.unit is None else f"unit {look.args.unit} of "
    figure = draw_fields(f"{net}: what {unit}{paths[-1]} can see · {name}", picture, record, found, unread)
    facts = {
        "file": look.args.image,
        "input": list(arch.input),
        "picture": [high, wide],
        "preprocessing": record.id,
        "layers": [_facts(one, record, high, wide) for one in found],
        "unread": [str(one) for one in unread],
    }
    words = [_words(one, record, high, wide) for one in found] + [f"{one.path}: {one}" for one in unread]
    arrays = {
        "places": np.array([one.place for one in found]),
        "boxes": np.array([(one.whole.top, one.whole.left, one.whole.bottom, one.whole.right) for one in found]),
        "seen": np.array([(one.seen.top, one.seen.left, one.seen.bottom, one.seen.right) for one in found]),
    }
    return Shown(figure, facts, words, arrays)


def _facts(one: UnitField, record: Preprocessing, high: int, wide: int) -> dict[str, Any]:
    on = on_picture(one.seen, record, high, wide)
    whole, seen = one.whole, one.seen
    return {
        "path": one.path,
        "place": list(one.place),
        "receptive_field": None if one.size is None else list(one.size),
        "stride": None if one.stride is None else list(one.stride),
        "box": [whole.top, whole.left, whole.bottom, whole.right],
        "seen": [seen.top, seen.left, seen.bottom, seen.right],
        "padding": list(one.padding),
        "reached": round(one.share, 6),
        "aligned": one.aligned,
        "gates": list(one.gates),
        "on_picture": [on.top, on.left, on.bottom, on.right],
    }


def _words(one: UnitField, record: Preprocessing, high: int, wide: int) -> str:
    on = on_picture(one.seen, record, high, wide)
    where = f"rows {on.top} to {on.bottom - 1}, columns {on.left} to {on.right - 1} of the picture"
    where = "nothing of the picture" if on.empty else where
    if one.size is None:
        return f"{one.path}: sees everything the network gets, {where}"
    beyond = f", {sum(one.padding)} rows and columns of padding" if any(one.padding) else ""
    holes = f", of which {100 * one.share:.3g} % can reach it" if one.share < 1 else ""
    return (
        f"{one.path} at {one.place[0]},{one.place[1]}: {one.size[1]}×{one.size[0]} pixels of its input{beyond}; {where}{holes}"
    )
