"""`explain --method nearest | map`: which pictures are alike to the network."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from neocog.cli.evaluate_split import Split, choose_split
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import Feed, Member, labelled, member, watched
from neocog.errors import UserError
from neocog.explain.feeding import batches, some
from neocog.explain.inside import input_of, pixels_of, shown
from neocog.explain.kinship.feature_map import MOST, map_features
from neocog.explain.kinship.feature_map_figure import draw_map
from neocog.explain.kinship.nearest import nearest_pictures
from neocog.explain.kinship.nearest_figure import Tile, draw_nearest
from neocog.explain.resuming import State
from neocog.figure.parts import number
from neocog.files import cache_folder
from neocog.nn.resample import torch_resize
from neocog.pictures.sets import Pictures, fingerprint
from neocog.pictures.source import File
from neocog.pictures.store import Store
from neocog.runs.marks import pictures_mark, weights_mark

NEIGHBOURS, ASKED = 6, 6
PICTURES, THUMBS = 1000, 400  # on a map; up to so many are drawn as pictures


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"nearest": _nearest, "map": _map}[look.method](look)


def _nearest(look: Look) -> Shown:
    seed, k = look.args.seed or 0, look.args.n or NEIGHBOURS
    one = member(look.args.run, seed)
    where = choose_split(look.args.run, [], look.args.data, look.args.split or "train")
    known = labelled(one, where.pictures)
    names, asked, labels, own = _asked(look, one, where)
    answers = one.predictor.scores(asked).argmax(1)
    layer, distance = _layer(look), look.args.distance or "euclidean"
    about = {
        "weights": weights_mark(one.model), "arch": one.model.arch.to_json(), "record": one.predictor.preprocessing.to_json(),
        "pictures": pictures_mark(known), "asked": fingerprint([asked, own]), "k": k, "layer": layer, "distance": distance,
    }  # fmt: skip
    state = State(Path(look.args.cache) if look.args.cache else cache_folder() / "explain", "nearest", about)
    begun, failed = state.read(), []
    done = int(begun["end"]) if begun else 0
    source = batches(one.model, known, begin=done, failed=failed) if done < len(known) else iter(())

    def keep(arrays: Mapping[str, np.ndarray]) -> None:
        state.write(arrays, now=look.stop() or int(arrays["end"]) == len(known))

    source = watched(look, source, len(known), "looking at pictures")
    found = nearest_pictures(one.model, input_of(one.model, asked), source, k, layer, distance, own, begun, keep)
    if not found.indices.shape[1]:
        raise UserError(f"{look.args.data}: there is no other picture")
    pixels = _pixels(one, known, np.unique(found.indices))
    classes, rows, facts = one.predictor.classes, [], []
    agreed = found.agreement(answers)
    for q, name in enumerate(names):
        truth = f"is {classes[labels[q]]}" if labels is not None and labels[q] != answers[q] else Path(name).name
        mine = Tile(shown(one.model, asked[q]), classes[answers[q]], truth)
        near = [
            Tile(pixels[int(i)], classes[int(label)], number(float(d)), int(label) == answers[q])
            for i, label, d in zip(found.indices[q], found.labels[q], found.distances[q], strict=True)
        ]
        rows.append((mine, near))
        facts.append({
            "file": name, "answer": classes[answers[q]], "label": None if labels is None else classes[labels[q]],
            "agreement": float(agreed[q]),
            "nearest": [{"file": known.name(int(i)), "label": classes[int(label)], "distance": float(d)} for i, label, d in
                        zip(found.indices[q], found.labels[q], found.distances[q], strict=True)],
        })  # fmt: skip
    of = f"{found.n:,} pictures of {Path(look.args.data).name} ({where.what})"
    lines = [
        f"{one.name} · by '{found.path}', {found.distance} distance, the {found.indices.shape[1]} nearest of {of}",
        f"{100 * agreed.mean():.0f} % of the {found.indices.size} neighbours are of the class that the network answers",
    ]
    near = f"of its {found.indices.shape[1]} nearest"
    words = [f"{f['file']}: taken for {f['answer']}, as are {100 * f['agreement']:.0f} % {near}" for f in facts]
    arrays = {"indices": found.indices, "labels": found.labels, "distances": found.distances, "answers": answers}
    told = {"layer": found.path, "distance": found.distance, "n": found.n, "agreement": float(agreed.mean()), "pictures": facts}
    return Shown(draw_nearest(lines, rows), told, words, arrays, (*where.skipped, *failed))


def _asked(look: Look, one: Member, where: Split) -> tuple[list[str], np.ndarray, np.ndarray | None, np.ndarray]:
    """Of IMAGE, or of some of the data: names, pixels, and where known labels and numbers among the pictures searched."""
    if look.args.image is not None:
        return (
            [look.name],
            pixels_of(one.model, look.picture)[None],
            None,
            np.array([_number_of(look.args.image, where.pictures)]),
        )
    try:
        other = choose_split(look.args.run, [], look.args.data, None)
    except UserError:  # nothing that it did not learn from
        other = where
    pictures = labelled(one, other.pictures)
    kept = some(len(pictures), ASKED, look.args.seed or 0)
    with closing(Store(pictures, one.predictor.preprocessing, limit=0, resize=torch_resize)) as store:
        pixels, kept = store.get(kept)
    if not len(kept):
        raise UserError(f"{look.args.data}: none of the pictures can be read")
    names = [pictures.name(int(i)) for i in kept]
    alike = other is where or other.what == "all pictures"
    there = ((i, where.pictures.name(i)) for i in range(len(where.pictures) if alike else 0))
    same = {name: i for i, name in there if name in names}
    return names, pixels, pictures.labels[kept], np.array([same.get(name, -1) for name in names])


def _number_of(image: str, pictures: Pictures) -> int:
    """The number of the picture of that file, or of that name, among these; -1: it is none of them."""
    if not Path(image).is_file():
        return next((i for i in range(len(pictures)) if f"/{pictures.name(i)}".endswith(f"/{image}")), -1)
    path = Path(image).resolve()
    files = ((i, at.path) for i in range(len(pictures)) if isinstance(at := pictures.source(i), File))
    return next((i for i, file in files if file.name == path.name and file.resolve() == path), -1)


def _layer(look: Look) -> str | None:
    """The one layer of --layer; None: what the classifier reads."""
    return look.layer(maps=False) if look.args.layer else None


def _pixels(one: Member, pictures: Pictures, indices: np.ndarray) -> dict[int, np.ndarray]:
    """Pictures by number, as people look at them."""
    found: dict[int, np.ndarray] = {}
    with closing(Store(pictures, one.predictor.preprocessing, limit=0, resize=torch_resize)) as store:
        for start in range(0, len(indices), 64):
            pixels, kept = store.get(indices[start : start + 64])
            found |= dict(zip(map(int, kept), shown(one.model, pixels), strict=True))
    return found


def _map(look: Look) -> Shown:
    one, feed = member(look.args.run, look.args.seed or 0), Feed(look, look.args.n or PICTURES)
    if feed.count > MOST:
        raise UserError(f"a map of {feed.count:,} pictures takes too much memory: --n {MOST} at most")
    found = map_features(one.model, feed.of(one), _layer(look), look.args.seed or 0)
    pixels = _pixels(one, look.split.pictures, found.indices) if len(found.indices) <= THUMBS else None
    classes = one.predictor.classes if one.trained else look.split.pictures.classes
    facts = {
        "layer": found.path, "features": found.features, "pictures": feed.words, "n": len(found.labels),
        "wrong": int(found.wrong.sum()), "trustworthiness": found.trust, "perplexity": found.perplexity,
        "neighbours_alike": {"features": found.alike[0], "map": found.alike[1]}, "variance_kept": found.kept,
    }  # fmt: skip
    alike = [f"{100 * share:.1f} %" for share in found.alike]
    words = [
        f"{len(found.labels):,} pictures by {found.features:,} features of {found.path}: trustworthiness {found.trust:.3f}",
        f"of the 10 nearest {alike[0]} share the class in the features, {alike[1]} on the map",
    ]
    arrays = {"places": found.places, "labels": found.labels, "answers": found.answers, "indices": found.indices}
    about = f"{one.name} · {feed.words}, seed {look.args.seed or 0}"
    return Shown(draw_map(about, found, classes, pixels), facts, words, arrays, feed.bad)
