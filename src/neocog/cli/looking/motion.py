"""`explain --method flow | responses`: the gradient's way back through depth, and how large the layers' answers are."""

import numpy as np

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import Feed, members
from neocog.explain.anatomy.flow import gradient_flow
from neocog.explain.anatomy.flow_figure import draw_flow
from neocog.explain.anatomy.responses import layer_responses
from neocog.explain.anatomy.responses_figure import draw_responses
from neocog.explain.feeding import batch_size

PICTURES, BATCHES = 256, 8


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"flow": _flow, "responses": _responses}[look.method](look)


def _flow(look: Look) -> Shown:
    feed = Feed(look, look.args.n or PICTURES)
    networks = members(look, with_start=True)
    size = max(2, min(-(-feed.count // BATCHES), *(batch_size(one.model, 64) for one in networks)))
    found = [(one.name, gradient_flow(one.model, feed.of(one, size))) for one in networks]
    facts = {
        "pictures": feed.words,
        "batch": size,
        "loss": "softmax cross-entropy",
        "networks": [
            {
                "name": name,
                "n": flow.n,
                "layers": len(flow.paths),
                "first_last_outputs": flow.ratio,
                "first_last_weights": flow.weight_ratio,
                "a_layer": flow.a_layer,
                "bound_at_first": float(flow.bound[0]) if flow.bound[0] == flow.bound[0] else None,
                "shortcut_share": float(flow.shares.mean()) if flow.blocks else None,
                "loss": flow.loss,
            }
            for name, flow in found
        ],
    }
    words = [
        f"{name}: ‖∂L/∂z‖ first/last of {len(flow.paths)} layers {flow.ratio:.3g} (×{flow.a_layer:.3f} a layer), "
        f"‖∂L/∂W‖ {flow.weight_ratio:.3g}" + (f"; shortcuts carried {100 * flow.shares.mean():.0f} %" if flow.blocks else "")
        for name, flow in found
    ]
    arrays = {}
    for i, (_, flow) in enumerate(found):
        names = ("paths", "depths", "outputs", "weights", "sizes", "bound", "blocks", "shares")
        arrays |= {f"{i}_{what}": np.asarray(getattr(flow, what)) for what in names}
    about = f"{feed.words}, batches of {size}, seed {look.args.seed or 0}"
    return Shown(draw_flow(found, about), facts, words, arrays, feed.bad)


def _responses(look: Look) -> Shown:
    feed = Feed(look, look.args.n or PICTURES)
    found = [(one.name, layer_responses(one.model, feed.of(one), one.statistics)) for one in members(look)]
    networks, words, arrays = [], [], {}
    for i, (name, one) in enumerate(found):
        layers = zip(one.paths, one.mean, one.std, strict=True)
        networks.append({
            "name": name, "n": one.n, "statistics": one.statistics,
            "layers": [{"path": path, "mean": float(mean), "std": float(std)} for path, mean, std in layers],
            "blocks": [{"path": path, "ratio": float(r)} for path, (r, _) in zip(one.blocks, one.ratios, strict=True)],
            "gates": [{"path": path, "mean": float(g.mean())} for path, g in zip(one.gate_paths, one.gates, strict=True)],
        })  # fmt: skip
        line = f"{name}: deviation of {len(one.std)} layers {one.std.min():.3g} to {one.std.max():.3g}, "
        line += f"median {np.median(one.std):.3g}"
        line += f"; ‖F‖/‖x‖ {one.ratios[:, 0].min():.3g} to {one.ratios[:, 0].max():.3g}" if one.blocks else ""
        line += f"; gates open {np.mean([g.mean() for g in one.gates]):.3f} on average" if one.gates else ""
        words.append(line)
        arrays |= {f"{i}_{what}": np.asarray(getattr(one, what)) for what in ("paths", "depths", "mean", "std", "ratios")}
        arrays |= {f"{i}_{path}": gate for path, gate in zip(one.gate_paths, one.gates, strict=True)}
    facts = {"pictures": feed.words, "networks": networks}
    return Shown(draw_responses(found, f"{feed.words}, seed {look.args.seed or 0}"), facts, words, arrays, feed.bad)
