"""`explain --method norms | dead | histograms`: normalisation, idle units, and the numbers of every layer over a training."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import Feed, Member, member, short
from neocog.errors import UserError
from neocog.explain.anatomy.counting import Counts
from neocog.explain.anatomy.dead import Idle, dead_units
from neocog.explain.anatomy.dead_figure import draw_dead
from neocog.explain.anatomy.histograms import KINDS, Moment, moment
from neocog.explain.anatomy.histograms_figure import draw_histograms, spread
from neocog.explain.anatomy.norms import BatchNormed, norm_layers, normalisation
from neocog.explain.anatomy.norms_figure import draw_norms
from neocog.explain.resuming import State
from neocog.files import cache_folder
from neocog.runs.marks import pictures_mark, weights_mark

PICTURES = 256
ROWS = 6  # layers in a figure where none are named
MOMENTS = 12  # snapshots in a figure


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"norms": _norms, "dead": _dead, "histograms": _histograms}[look.method](look)


def _norms(look: Look) -> Shown:
    seed = look.args.seed or 0
    one, feed = member(look.args.run, seed), Feed(look, look.args.n or PICTURES)
    there = norm_layers(one.model)
    if not there:
        raise UserError(f"{look.net} normalises nothing by batch (BN) or by neighbouring maps (LRN)")
    layers = tuple(look.args.layer or (there[i] for i in spread(len(there), ROWS)))
    found = normalisation(one.model, feed.of(one), layers, one.statistics)
    facts, words, arrays = [], [], {}
    for layer in found:
        said = {"path": layer.path, "before": counted(layer.before), "after": counted(layer.after)}
        change = f"deviation {layer.before.std:.3g} → {layer.after.std:.3g}"
        if isinstance(layer, BatchNormed):
            said |= {"kind": "BN", "statistics": layer.statistics, "drift": layer.drift}
            words.append(f"{layer.path}: BN, {change}; running means {layer.drift:.3g} deviations off")
            names = ("seen", "kept", "affine")
        else:
            mean, other = map(float, layer.mean)
            said |= {"kind": "LRN", "factor": mean, "other_factor": other, "most": layer.most, "alpha_divided": layer.divided}
            words.append(f"{layer.path}: LRN, {change}; factor {mean:.4g} (at most {layer.most:.4g}), "
                         f"with α read the other way {other:.4g}")  # fmt: skip
            names = ("maps", "factors")
        arrays |= {f"{layer.path}_{name}": getattr(layer, name) for name in names}
        facts.append(said)
    left = f"; {len(found)} of its {len(there)} layers, --layer names others" if len(found) < len(there) else ""
    about = f"{one.name} · {feed.words}, seed {seed}{left}"
    return Shown(draw_norms(about, found), {"pictures": feed.words, "layers": facts}, words, arrays, feed.bad)


def _dead(look: Look) -> Shown:
    one = member(look.args.run, look.args.seed or 0)
    found, feed = _idle(look, one)
    layers = [
        {"path": layer.path, "kind": layer.kind, "units": len(layer.top), "dead": layer.dead.tolist(), "zeros": layer.zeros,
         "saturated": layer.saturated.tolist(), "flat": layer.flat}
        for layer in found.layers
    ]  # fmt: skip
    words = [f"{found.dead:,} of {found.units:,} units dead, {found.saturated:,} saturated, on {found.n:,} pictures"]
    for layer in found.layers:
        if len(layer.dead):
            some = ", ".join(map(str, layer.dead[:12])) + " …" * (len(layer.dead) > 12)
            words.append(f"{layer.path}: {len(layer.dead)} dead of {len(layer.top)}: {some}")
    facts = {"pictures": feed.words, "n": found.n, "units": found.units, "dead": found.dead, "saturated": found.saturated}
    names = ("top", "share", "live", "flat_units")
    arrays = {f"{layer.path}_{name}": getattr(layer, name) for layer in found.layers for name in names}
    return Shown(draw_dead(f"{one.name} · {feed.words}", found), facts | {"layers": layers}, words, arrays, feed.bad)


def _idle(look: Look, one: Member) -> tuple[Idle, Feed]:
    """The pass over the pictures, gone on with where it was left."""
    feed = Feed(look, look.args.n)
    about = {
        "weights": weights_mark(one.model), "arch": one.model.arch.to_json(), "record": one.predictor.preprocessing.to_json(),
        "pictures": pictures_mark(look.split.pictures), "n": feed.count, "seed": look.args.seed or 0,
    }  # fmt: skip
    state = State(Path(look.args.cache) if look.args.cache else cache_folder() / "explain", "dead", about)
    begun = state.read()
    done = int(begun["end"][0]) if begun else 0

    def keep(arrays: Mapping[str, np.ndarray]) -> None:
        state.write(arrays, now=look.stop() or int(arrays["end"][0]) == feed.count)

    return dead_units(one.model, feed.of(one, begin=done) if done < feed.count else (), begun, keep), feed


def _histograms(look: Look) -> Shown:
    feed, seed = Feed(look, look.args.n or PICTURES), look.args.seed or 0
    runs, found = _moments(look.args.run), []
    for run in runs:
        one = member(run, seed)
        name = Path(run).stem if len(runs) > 1 else one.name
        found.append(moment(one.model, feed.of(one, words=name), name, look.args.layer))
    paths = found[0].paths
    chosen = None if look.args.layer else spread(len(paths), ROWS)
    facts = [{"path": path, **{k: [counted(m.counts[k][i]) for m in found] for k in KINDS}} for i, path in enumerate(paths)]
    words = [f"{path}: rms of " + ", ".join(f"{kind} {_way(found, kind, i)}" for kind in KINDS) for i, path in enumerate(paths)]
    arrays = {}
    for k, one in enumerate(found):
        for kind in KINDS:
            arrays |= {f"{kind}_{path}_{k}": one.counts[kind][i].counts for i, path in enumerate(paths)}
            arrays[f"top_{kind}_{k}"] = np.array([counts.top for counts in one.counts[kind]])
    of = f", {len(found)} moments" if len(found) > 1 else ""
    left = f"; {len(chosen)} of {len(paths)} layers, --layer names others" if chosen and len(chosen) < len(paths) else ""
    about = f"{short(look.net)} · {feed.words}, seed {seed}{of}{left}"
    facts = {"pictures": feed.words, "moments": [m.name for m in found], "layers": facts}
    return Shown(draw_histograms(about, found, chosen), facts, words, arrays, feed.bad)


def _moments(run: str) -> list[str]:
    """The snapshots of a run, at most `MOMENTS`, evenly; else what was named."""
    snapshots = sorted(map(str, (Path(run) / "snapshots").glob("step-*.safetensors")))
    return [snapshots[i] for i in spread(len(snapshots), MOMENTS)] if snapshots else [run]


def _way(found: list[Moment], kind: str, i: int) -> str:
    ends = [f"{m.counts[kind][i].rms:.3g}" for m in (found[0], found[-1])]
    return ends[0] if len(found) == 1 else " → ".join(ends)


def counted(counts: Counts) -> dict[str, float]:
    """What --json says of many numbers."""
    return {
        "n": counts.n, "mean": counts.mean, "rms": counts.rms, "zeros": counts.zero_share, "low": counts.low,
        "high": counts.high, "not_finite": counts.odd,
    }  # fmt: skip
