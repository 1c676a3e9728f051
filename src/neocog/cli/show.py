"""A network's card, its layer table and what does not fit; or what a run is and how it went.

examples:
  neocog show lenet5
  neocog show alexnet --input 3x224x224     why 224 pixels do not fit, and what to do
  neocog show resnet152 --full              every node
  neocog show runs/digits                   a run
"""

import argparse
import json
import re
import textwrap
from pathlib import Path
from typing import Any

from neocog.arch import Analysis, analyse, misfits
from neocog.arch.table import text
from neocog.arch.window import Shape, times
from neocog.errors import UserError
from neocog.nets import Card, resolve

WIDTH = 110


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("net", metavar="NET|RUN", help="a network's name (`neocog list`) or a run folder")
    parser.add_argument("--input", metavar="CxHxW", help="pictures of this size instead of the network's own")
    parser.add_argument("--full", action="store_true", help="every node on a line of its own")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the network or the run."""
    card: Card | None
    if (Path(args.net) / "config.json").is_file():
        arch, card = run_architecture(Path(args.net)), None
    else:
        net = resolve(args.net)
        arch, card = net.build(), net.card
        if net.name != args.net and not args.json:
            print(f"{args.net} is {net.name} here")
    table = analyse(arch, parse_shape(args.input) if args.input else None)
    if args.json:
        print(json.dumps(as_json(table), ensure_ascii=False))
        return 0
    if card is not None:
        print("\n".join(card_text(card)) + "\n")
    else:
        print("\n".join(run_text(Path(args.net))) + "\n")
    print("\n".join(text(table, args.full)))
    print("\n" + "\n".join(totals(table)))
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
            f"{value:g} % {name}" for value, name in ((result.top1, "top-1"), (result.top5, "top-5")) if value is not None
        )
        lines += _wrap(f"· {result.data}, {result.protocol}: {errors} error" + ("" if result.verified else " (unverified)"))
    for note in card.notes:
        lines += _wrap(f"· {note}")
    for deviation in card.deviations:
        lines += _wrap(f"· elsewhere: {deviation}")
    return lines


def run_architecture(path: Path) -> Any:
    """The architecture in a run's configuration, without torch."""
    from neocog.arch import Architecture

    return Architecture.from_json(_config(path)["arch"])


def _config(path: Path) -> dict[str, Any]:
    try:
        return json.loads((path / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path / 'config.json'} is damaged: {error}") from None


def run_text(path: Path) -> list[str]:
    """What a run was trained on and how it went, from its configuration and events."""
    config, lines = _config(path), []
    data = config["data"]
    lines.append(
        f"run {path}: {config['net']} on {data['name']} ({data['n_train']:,} training, {data['n_val']:,} validation, "
        f"{data['n_test']:,} test pictures), {config['length']}, seed {config['seed']}"
    )
    events = path / "events.jsonl"
    for line in events.read_text(encoding="utf-8", errors="replace").splitlines() if events.exists() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "validation" and event.get("best"):
            best = event
            lines[1:2] = [f"best validation: {best['top1']:.2f} % right at step {best['step']:,} of {config['steps']:,}"]
        elif event.get("event") == "test":
            lines[2:3] = [
                f"test: {event['top1_error']:.2f} % wrong, 95 % interval {event['ci95'][0]:.2f}–{event['ci95'][1]:.2f}, "
                f"n {event['n']:,}, {event['protocol']}"
            ]
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
            + (f"; {len(found)} lose only padding, or leave places to a branch beside them" if found else "")
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
