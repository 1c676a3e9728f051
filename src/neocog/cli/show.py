"""A network's card, its layer table and what does not fit; or what a run is and how it went.

examples:
  neocog show lenet5
  neocog show alexnet --input 3x224x224     why 224 pixels do not fit, and what to do
  neocog show resnet152 --full              every node
  neocog show resnet50 --svg resnet50.svg   a drawing, repeats drawn once (with --full, every block)
  neocog show googlenet --proof             who else says that this is the paper's network
  neocog show runs/digits                   a run
"""

import argparse
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.arch import HOG, SIFT, Analysis, analyse, misfits
from neocog.arch.table import text
from neocog.arch.window import Shape, size, times
from neocog.cli.networks import named
from neocog.errors import UserError
from neocog.nets import Card
from neocog.nets.card import percent

if TYPE_CHECKING:
    from neocog.runs import Config

WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("net", metavar="NET|RUN", help="a network's name (`neocog list`) or a run folder")
    parser.add_argument("--input", metavar="CxHxW", help="pictures of this size instead of the network's own")
    parser.add_argument("--full", action="store_true", help="every node on a line of its own; in a drawing, every repeat")
    parser.add_argument("--svg", metavar="FILE", help="write a drawing instead")
    parser.add_argument("--style", choices=("stacks", "blocks"), help="the drawing's: stacks of maps (chains) or blocks")
    parser.add_argument("--proof", action="store_true", help="which independent parties agree, on what, by which command")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the network or the run."""
    head: list[str]
    if (Path(args.net) / "config.json").is_file():
        from neocog.runs import read_config

        config = read_config(args.net)
        if args.proof:
            return show_proof(config.net, args.json)
        arch, head = config.arch, run_text(config, Path(args.net))
    elif args.proof:
        return show_proof(named(args.net).name, args.json)
    else:
        net = named(args.net)
        arch, head = net.build(), card_text(net.card)
        if net.name != args.net and not args.json:
            print(f"{args.net} is {net.name} here")
    table = analyse(arch, parse_shape(args.input) if args.input is not None else None)
    if table.input[0] != arch.input[0]:
        head.append(f"! {arch.name} reads {arch.input[0]} channels; what follows is the same layers on {table.input[0]}")
    if args.style and not args.svg:
        raise UserError("--style is a drawing's: give --svg FILE too")
    if args.svg:
        return draw_to(args.svg, table, args.style, args.full, args.json)
    if args.json:
        print(json.dumps(as_json(table), ensure_ascii=False))
        return 0
    print("\n".join(head) + "\n")
    print("\n".join(text(table, args.full)))
    print("\n" + "\n".join(totals(table)))
    return 0


def draw_to(path: str, table: Analysis, style: str | None, full: bool, as_object: bool) -> int:
    """Write the drawing, whole or not at all."""
    from neocog.arch.drawing import draw
    from neocog.files import write_text

    if Path(path).suffix.lower() != ".svg":
        raise UserError(f"{path}: a drawing is an SVG file; give a name that ends in .svg")
    svg = draw(table, style=style, full=full)
    write_text(path, svg)
    if as_object:
        print(json.dumps({"name": table.arch.name, "input": list(table.input), "svg": path}, ensure_ascii=False))
        return 0
    print(f"wrote {path}: {table.arch.name} on {times(table.input)}, {_bytes(len(svg.encode()))}")
    return 0


def show_proof(name: str, as_object: bool) -> int:
    """Print who agrees with us about a network."""
    from neocog.nets.proof import FILE, agreements

    if not FILE.exists():
        raise UserError(f"{FILE.name} is missing: nobody has been asked yet; in a checkout, `make proof` asks")
    found = agreements(name)
    if as_object:
        rows = [{"party": a.party, "what": a.what, "error": a.error, "command": a.command} for a in found]
        print(json.dumps({"name": name, "agreements": rows}, ensure_ascii=False))
        return 0
    if not found:
        print(f"{name}: nobody but us has this network, so nobody confirms it; its card says what it was made from")
        return 0
    parties = len({a.party for a in found})
    print(f"{name}: {parties} independent " + ("party agrees\n" if parties == 1 else "parties agree\n"))
    for a in found:
        print("\n".join(_wrap(f"· {a.party}: {a.what}, {'exactly' if not a.error else f'to within {a.error:.0e}'}")))
        print(f"    {a.command}")
    return 0


def parse_shape(words: str) -> Shape:
    """`3x224x224` or `224` (three channels). Raises UserError."""
    if not re.fullmatch(r"\d+([x×]\d+){0,2}", words):
        raise UserError(f"--input is CxHxW, such as 3x224x224, not '{words}'")
    numbers = tuple(int(n) for n in re.split("[x×]", words))
    shape = {1: (3, *numbers * 2), 2: (3, *numbers), 3: numbers}[len(numbers)]
    if min(shape) < 1:
        raise UserError(f"--input: every side is at least 1, not '{words}'")
    return shape


def as_json(table: Analysis) -> dict[str, Any]:
    """The object that scripts stand on."""
    layers = [
        {
            "path": r.path,
            "type": r.node.record.type,
            "output": list(r.output),
            "params": r.params,
            "macs": r.macs,
            "receptive_field": r.receptive_field,
            "stride": r.stride,
        }
        for r in table.rows
    ]
    return {
        "name": table.arch.name,
        "input": list(table.input),
        "output": list(table.output),
        "params": table.total("params"),
        "params_trainable": table.total("trainable"),
        "params_aux": table.params_aux,
        "macs": table.total("macs"),
        "connections": table.total("connections"),
        "neurons": table.total("neurons"),
        "activations": table.activations,
        "peak": table.peak,
        "receptive_field": table.receptive_field,
        "stride": table.stride,
        "layers": layers,
        "misfits": [
            {"path": m.path, "axis": m.axis, "unread": m.unread, "harmless": m.harmless, "text": str(m)}
            for m in misfits(table.arch, table.input)
        ],
    }


def card_text(card: Card) -> list[str]:
    """Title, paper, what it reached under which protocol, notes."""
    lines = [f"{card.title} ({card.year})", *_wrap(f"{card.authors}: {card.paper}. {card.venue}.")]
    for result in card.results:
        errors = " / ".join(
            f"{percent(value)} {name}" for value, name in ((result.top1, "top-1"), (result.top5, "top-5")) if value is not None
        )
        lines += _wrap(f"· {result.data}, {result.protocol}: {errors} error" + ("" if result.verified else " (unverified)"))
    for note in card.notes:
        lines += _wrap(f"· {note}")
    for deviation in card.deviations:
        lines += _wrap(f"· elsewhere: {deviation}")
    return lines


def run_text(config: "Config", path: Path) -> list[str]:
    """What a run was trained on and how it went, from its configuration and events."""
    from neocog.runs import read_events
    from neocog.runs.config import EVENTS

    data = config.data
    if config.kind == "imported":
        return [f"run {path}: {config.net}, imported from {data['name']}", *(f"· {note}" for note in data["notes"])]
    lines = [
        f"run {path}: {config.net} on {data['name']} ({data['n_train']:,} training, {data['n_val']:,} validation, "
        f"{data['n_test']:,} test pictures), {config.length}, seed {config.seed}"
    ]
    events = list(read_events(path / EVENTS))
    best = [e for e in events if e.get("event") == "validation" and e.get("best")]
    tests = [e for e in events if e.get("event") == "test"]
    if best:
        lines.append(f"best validation: {best[-1]['top1']:.2f} % right at step {best[-1]['step']:,} of {config.steps:,}")
    if tests:
        low, high = tests[-1]["ci95"]
        lines.append(
            f"test: {100 - tests[-1]['top1_error']:.2f} % right, 95 % interval {100 - high:.2f} to {100 - low:.2f} "
            f"(n {tests[-1]['n']:,}, {tests[-1]['protocol']})"
        )
    if not any(e.get("event") == "trained" for e in events):
        lines.append(f"not finished: neocog train {data['spec']} --out {path} --resume goes on with it")
    return lines


def totals(table: Analysis) -> list[str]:
    """The sums, the receptive field, memory, and what does not fit."""
    trainable, params, aux = table.total("trainable"), table.total("params"), table.params_aux
    lines = [
        f"input {times(table.input)} · {params:,} parameters"
        + (f", {trainable:,} of them trained" if trainable != params else "")
        + (f" · {aux:,} more in auxiliary heads" if aux else "")
        + f" · {table.total('macs'):,} MACs"
    ]
    if table.arch.head is not None and any(isinstance(row.node.record, HOG | SIFT) for row in table.rows):
        lines.append(f"a picture is described by {size(table.by_path[table.arch.head.path].inputs[0]):,} numbers")
    field, stride = times(tuple(table.receptive_field)), times(tuple(table.stride))
    where = f" (at {table.last_map.path})" if table.last_map else ""
    lines.append(
        f"receptive field {field}, stride {stride}{where} · {table.total('neurons'):,} neurons · "
        f"{table.total('connections'):,} connections"
    )
    lines.append(
        f"memory at 32 bits, one picture: weights {_bytes(4 * params)}, activations {_bytes(4 * table.activations)} kept "
        f"in training, {_bytes(4 * table.peak)} at most at once in inference"
    )
    found = misfits(table.arch, table.input)
    serious = [m for m in found if not m.harmless]
    lines += [line for m in serious[:6] for line in _wrap(f"! {m.path}: {m}")]
    if len(serious) > 6:
        lines.append(f"! and {len(serious) - 6} more layers")
    if not serious:
        lines.append(
            "every layer reads its whole input"
            + (f", but for padding or what a branch beside it reads (layers: {len(found)})" if found else "")
        )
    return lines


def _wrap(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, subsequent_indent="  ")


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
