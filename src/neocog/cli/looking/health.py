"""`explain --method norms | dead | histograms`: normalisation, idle units, and the numbers of every layer over a training."""

from pathlib import Path

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import Feed, member, members, short
from neocog.errors import UserError
from neocog.explain.counting import Counts
from neocog.explain.dead import dead_units
from neocog.explain.dead_figure import draw_dead
from neocog.explain.histograms import KINDS, moment
from neocog.explain.histograms_figure import draw_histograms, spread
from neocog.explain.norms import BatchNormed, norm_layers, norms
from neocog.explain.norms_figure import draw_norms

PICTURES = 256
ROWS = 6  # layers in a figure where none are named
MOMENTS = 12  # snapshots in a figure


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"norms": _norms, "dead": _dead, "histograms": _histograms}[look.method](look)


def _norms(look: Look) -> Shown:
    (one,), feed = members(look), Feed(look, look.args.n or PICTURES)
    there = norm_layers(one.model)
    if not there:
        raise UserError(f"{look.net} normalises nothing by batch (BN) or by neighbouring maps (LRN)")
    layers = look.layers(tuple(there[i] for i in spread(len(there), ROWS)), maps=False)
    found = norms(one.model, feed.of(one), layers, one.statistics)
    facts, words, arrays = [], [], {}
    for layer in found:
        said = {"path": layer.path, "before": counted(layer.before), "after": counted(layer.after)}
        if isinstance(layer, BatchNormed):
            said |= {"kind": "BN", "statistics": layer.statistics, "drift": layer.drift}
            words.append(f"{layer.path}: BN, deviation {layer.before.std:.3g} → {layer.after.std:.3g}; running means "
                         f"{layer.drift:.3g} deviations off")  # fmt: skip
            arrays |= {f"{layer.path}_{name}": getattr(layer, name) for name in ("seen", "kept", "affine")}
        else:
            said |= {"kind": "LRN", "factor": float(layer.mean[0]), "other_factor": float(layer.mean[1]), "most": layer.most,
                     "alpha_divided": layer.divided}  # fmt: skip
            words.append(f"{layer.path}: LRN leaves {layer.mean[0]:.4g} of an answer on average (at most {layer.most:.4g}); with α "
                         f"read the other way {layer.mean[1]:.4g}")  # fmt: skip
            arrays |= {f"{layer.path}_{name}": getattr(layer, name) for name in ("maps", "factors")}
        facts.append(said)
    left = f"; {len(found)} of its {len(there)} layers, --layer names others" if len(found) < len(there) else ""
    title = f"{short(one.name, 60)}: what normalisation does"
    return Shown(draw_norms(title, f"{feed.words}, seed {look.args.seed or 0}{left}", found),
                 {"pictures": feed.words, "layers": facts}, words, arrays)  # fmt: skip


def _dead(look: Look) -> Shown:
    (one,), feed = members(look), Feed(look, look.args.n)
    found = dead_units(one.model, feed.of(one))
    layers = [
        {"path": layer.path, "kind": layer.kind, "units": len(layer.top), "dead": layer.dead.tolist(), "zeros": layer.zeros,
         "saturated": layer.saturated.tolist(), "flat": layer.flat}
        for layer in found.layers
    ]  # fmt: skip
    words = [f"{found.dead:,} of {found.units:,} units dead, {found.saturated:,} saturated, on {found.n:,} pictures"]
    words += [
        f"{layer.path}: {len(layer.dead)} dead of {len(layer.top)}: {', '.join(map(str, layer.dead[:12]))}{' …' * (len(layer.dead) > 12)}"
        for layer in found.layers if len(layer.dead)
    ]  # fmt: skip
    facts = {"pictures": feed.words, "n": found.n, "units": found.units, "dead": found.dead, "saturated": found.saturated}
    arrays = {f"{layer.path}_{name}": getattr(layer, name) for layer in found.layers for name in ("top", "share", "flat_units")}
    title = f"{short(one.name, 60)}: {words[0].rsplit(',', 1)[0]}"
    return Shown(draw_dead(title, feed.words, found), facts | {"layers": layers}, words, arrays)


def _histograms(look: Look) -> Shown:
    feed, seed = Feed(look, look.args.n or PICTURES), look.args.seed or 0
    paths = _moments(look.args.run)
    found, chosen = [], None
    for path in paths:
        one = member(path, seed)
        layers = look.layers((), maps=False) or None
        found.append(
            moment(one.model, feed.of(one, words=Path(path).stem), Path(path).stem if len(paths) > 1 else one.name, layers)
        )
        chosen = spread(len(found[0].paths), ROWS) if layers is None else None
    facts = [
        {"path": path, **{kind: [counted(m.counts[kind][i]) for m in found] for kind in KINDS}}
        for i, path in enumerate(found[0].paths)
    ]
    words = [
        f"{path}: rms of weights {_way(found, 'weights', i)}, outputs {_way(found, 'outputs', i)}, gradients {_way(found, 'gradients', i)}"
        for i, path in enumerate(found[0].paths)
    ]
    arrays = {f"{kind}_{path}_{k}": m.counts[kind][i].counts for k, m in enumerate(found) for kind in KINDS
              for i, path in enumerate(m.paths)}  # fmt: skip
    arrays |= {f"top_{name}": [one.top for one in m.counts[kind]] for k, m in enumerate(found) for kind in KINDS
               for name in (f"{kind}_{k}",)}  # fmt: skip
    of = f", {len(found)} moments" if len(found) > 1 else ""
    left = (
        f"; {len(chosen)} of {len(found[0].paths)} layers, --layer names others"
        if chosen and len(chosen) < len(found[0].paths)
        else ""
    )
    title = f"{short(look.net, 60)}: weights, outputs, gradients"
    return Shown(draw_histograms(title, f"{feed.words}, seed {seed}{of}{left}", found, chosen),
                 {"pictures": feed.words, "moments": [m.name for m in found], "layers": facts}, words, arrays)  # fmt: skip


def _moments(run: str) -> list[str]:
    """The snapshots of a run, at most `MOMENTS`, evenly; else what was named."""
    snapshots = sorted(map(str, (Path(run) / "snapshots").glob("step-*.safetensors")))
    return [snapshots[i] for i in spread(len(snapshots), MOMENTS)] if snapshots else [run]


def _way(found: list, kind: str, i: int) -> str:
    ends = [f"{m.counts[kind][i].rms:.3g}" for m in (found[0], found[-1])]
    return ends[0] if len(found) == 1 else " → ".join(ends)


def counted(counts: Counts) -> dict[str, float]:
    """What --json says of many numbers."""
    return {"n": counts.n, "mean": counts.mean, "rms": counts.rms, "zeros": counts.zero_share, "low": counts.low, "high": counts.high,
            "not_finite": counts.odd}  # fmt: skip
