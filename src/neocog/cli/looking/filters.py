"""`explain --method filters`: a convolution's filters, and which of them dominate or are dead."""

from dataclasses import replace

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, chosen_pictures, kept_in, short
from neocog.errors import UserError
from neocog.explain import draw_filters, filters_of, relu_of, strongest
from neocog.explain.answers.filters_figure import MOST, rules


def run(look: Look) -> Shown:
    """The figure; with --data, also which filters never answer on those pictures."""
    named = look.args.layer or [None]
    if len(named) != 1:
        raise UserError("--method filters looks at one convolution: name one --layer")
    found, failed = filters_of(look.model, look.layer(named[0]) if named[0] else None), ()
    if look.args.data is not None:
        relu = relu_of(look.model.arch, found.path)
        if relu is None:
            raise UserError(
                f"{look.net}: no ReLU follows '{found.path}', so a filter that never answers cannot be told; leave --data"
            )
        top = strongest(
            look.model, chosen_pictures(look), [relu], 1, kept_in(look), look.tell("looking at pictures"), look.stop
        )
        found = replace(found, answered=top.layers[relu].answered, looked=top.looked)
        failed = (*look.split.skipped, *top.failed)
    facts = {
        "path": found.path,
        "filters": len(found.rms),
        "shape": list(found.weights.shape),
        "folded": found.folded,
        "rms": [round(float(v), 6) for v in found.rms],
        "pixel_rms": None if found.pixel_rms is None else [round(float(v), 8) for v in found.pixel_rms],
        "clipped": list(found.clipped),
        "dominating": list(found.dominating),
        "dead": list(found.dead),
        "silent": None if found.answered is None else list(found.silent),
        "pictures": found.looked,
    }
    words = [f"{found.path}: {words}" for _, words in rules(found)]
    arrays = {"weights": found.weights, "rms": found.rms}
    sheet = draw_filters(f"{short(look.net)}: what its filters weigh", found, look.args.n or MOST)
    return Shown(sheet, facts, words, arrays, failed)
