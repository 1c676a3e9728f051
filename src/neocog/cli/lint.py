"""A network against the rules of thumb for layer sizes: what it does otherwise, why that matters, what to do.

Nothing here is a fault: famous networks break these rules, and knew why. So findings do not change the exit code.

examples:
  neocog lint alexnet
  neocog lint "INPUT 3x30x30 [CONV 9x9 RELU POOL 5]*2 FC"
  neocog lint vgg16 --input 3x100x100
"""

import argparse
import json
import textwrap
from dataclasses import asdict

from neocog.arch.lint import RULES, Finding, lint
from neocog.arch.window import times
from neocog.cli.networks import network
from neocog.cli.show import parse_shape

SHOWN = 3  # layers of one rule that are named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("net", metavar='NET|"TEXT"|RUN', help="a network's name, a line of the text form or a run folder")
    parser.add_argument("--input", metavar="CxHxW", help="pictures of this size instead of the network's own")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the findings."""
    arch, _ = network(args.net)
    shape = parse_shape(args.input) if args.input is not None else arch.input
    found = lint(arch, shape)
    if args.json:
        print(json.dumps({"name": arch.name, "input": list(shape), "findings": [asdict(f) for f in found]}, ensure_ascii=False))
        return 0
    if not found:
        print(f"{arch.name} on {times(shape)} keeps all {len(RULES)} rules")
        return 0
    broken = dict.fromkeys(f.rule for f in found)
    findings = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    print(f"{arch.name} on {times(shape)}: {findings}, {len(broken)} of {len(RULES)} rules of thumb\n")
    for rule in broken:
        print("\n".join(_lines(rule, [f for f in found if f.rule == rule])))
    return 0


def _lines(rule: str, found: list[Finding]) -> list[str]:
    """A rule in its own words, then the layers that break it."""
    about = (RULES[rule].__doc__ or "").strip()
    out = [f"{rule}: {about[0].lower() if about[1:2].islower() else about[0]}{about[1:]}"]
    for f in found[:SHOWN]:
        out += textwrap.wrap(f"{f.path}: {f.why}. Instead: {f.advice}", 112, initial_indent="  ~ ", subsequent_indent="    ")
    if len(found) > SHOWN:
        rest = textwrap.shorten(", ".join(f.path for f in found[SHOWN:]), 90, placeholder=" …")
        out.append(f"    and {len(found) - SHOWN} more: {rest}")
    return [*out, f"    {found[0].source}", ""]
