"""`explain --method flow | responses`: the gradient's way back through depth, and how large the layers' answers are."""

import numpy as np

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import Feed, members
from neocog.explain.flow import gradient_flow
from neocog.explain.flow_figure import draw_flow
from neocog.explain.responses import responses
from neocog.explain.responses_figure import draw_responses

PICTURES, BATCHES = 256, 8


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"flow": _flow, "responses": _responses}[look.method](look)


def _flow(look: Look) -> Shown:
    feed = Feed(look, look.args.n or PICTURES)
    size = max(2, min(64, -(-feed.count // BATCHES)))
    found = [(one.name, gradient_flow(one.model, feed.of(one, size))) for one in members(look, with_start=True)]
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
        arrays |= {f"{i}_depths": flow.depths, f"{i}_outputs": flow.outputs, f"{i}_weights": flow.weights, f"{i}_sizes": flow.sizes,
                   f"{i}_bound": flow.bound, f"{i}_shares": flow.shares, f"{i}_paths": flow.paths}  # fmt: skip
    about = f"{feed.words}, batches of {size}, seed {look.args.seed or 0}"
    return Shown(draw_flow(found, about), facts, words, arrays)


def _responses(look: Look) -> Shown:
    feed = Feed(look, look.args.n or PICTURES)
    found = [(one.name, responses(one.model, feed.of(one), one.statistics)) for one in members(look)]
    networks, words, arrays = [], [], {}
    for i, (name, one) in enumerate(found):
        networks.append({
            "name": name, "n": one.n, "statistics": one.statistics,
            "layers": [{"path": p, "mean": float(m), "std": float(s)} for p, m, s in zip(one.paths, one.mean, one.std, strict=True)],
            "blocks": [{"path": p, "ratio": float(r)} for p, (r, _) in zip(one.blocks, one.ratios, strict=True)],
            "gates": [{"path": p, "mean": float(g.mean())} for p, g in zip(one.gate_paths, one.gates, strict=True)],
        })  # fmt: skip
        words.append(
            f"{name}: deviation of {len(one.std)} layers from {one.std.min():.3g} to {one.std.max():.3g}, median {np.median(one.std):.3g}"
            + (f"; ‖F‖/‖x‖ {one.ratios[:, 0].min():.3g} to {one.ratios[:, 0].max():.3g}" if one.blocks else "")
            + (f"; gates open {np.mean([g.mean() for g in one.gates]):.3f} on average" if one.gates else "")
        )
        arrays |= {f"{i}_paths": one.paths, f"{i}_depths": one.depths, f"{i}_mean": one.mean, f"{i}_std": one.std,
                   f"{i}_ratios": one.ratios, **{f"{i}_gate_{p}": g for p, g in zip(one.gate_paths, one.gates, strict=True)}}  # fmt: skip
    return Shown(
        draw_responses(found, f"{feed.words}, seed {look.args.seed or 0}"),
        {"pictures": feed.words, "networks": networks},
        words,
        arrays,
    )
