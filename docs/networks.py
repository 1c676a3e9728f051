"""A page for each network, made from its value and its card: nothing on them is typed twice.

    python docs/networks.py OUT [NET …]

writes OUT/index.html, a line of time, and OUT/NAME.html. They need no network and no server.
"""

import argparse
import dataclasses
import html
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from neocog.arch import Analysis, analyse, misfits
from neocog.arch.diff import Change, diff
from neocog.arch.drawing import draw
from neocog.arch.table import lines, repeated
from neocog.arch.window import times
from neocog.cli.list_ import count
from neocog.nets import Entry, Net, Recipe, Result, entries, resolve
from neocog.nets.card import percent
from neocog.nets.proof import agreements

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --paper: #fff; --tint: #f6f8fa;
  --link: #0550ae }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3a424b; --paper: #0d1117; --tint: #161b22; --link: #79b8ff } }
@media print { :root { --ink: #000; --paper: #fff; --tint: #fff } nav { display: none } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.25rem 5rem; max-width: 64rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, sans-serif }
a { color: var(--link) } h1 { margin: .2em 0 0; line-height: 1.15 } h2 { margin: 2.2em 0 .5em; font-size: 1.2rem }
code, pre { font: .88em/1.5 ui-monospace, monospace }
pre { padding: .8em 1em; background: var(--tint); overflow-x: auto; border-radius: 6px }
input { font: inherit; padding: .3em .6em; width: 20rem; max-width: 100%; color: inherit; background: var(--tint);
  border: 1px solid var(--line); border-radius: 6px }
.soft { color: var(--soft) } .scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
caption { text-align: left; color: var(--soft); padding: .3em 0 }
th, td { text-align: left; padding: .3em .7em .3em 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } tr.aux td { color: var(--soft) }
dl.facts { display: flex; flex-wrap: wrap; gap: .6rem 2.2rem; margin: 1.4em 0 } dl.facts div { min-width: 6rem }
dt { color: var(--soft); font-size: .8rem } dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums }
figure { margin: 0 } figure svg { max-width: 100%; height: auto } li { margin: .25em 0 }
"""


SEARCH = """
document.querySelector("input").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(" ").filter(Boolean)
  for (const row of document.querySelectorAll("tbody tr")) {
    const text = (row.dataset.year + " " + row.textContent).toLowerCase()
    row.hidden = !words.every(word => text.includes(word))
  }
})
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole HTML page."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = (), caption: str = "") -> str:
    """An HTML table of escaped cells; the columns `numbers` are set to the right. Nothing where there are no rows."""
    right, body = set(numbers), [list(row) for row in rows]
    if not body:
        return ""

    def row(cells: Iterable[str], tag: str) -> str:
        marked = (f'<{tag} class="n">' if i in right else f"<{tag}>" for i in range(99))
        return "<tr>" + "".join(f"{m}{c}</{tag}>" for m, c in zip(marked, cells, strict=False)) + "</tr>"

    top = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{top}<thead>{row(map(html.escape, head), "th")}</thead><tbody>'
        + "".join(row(map(html.escape, cells), "td") for cells in body)
        + "</tbody></table></div>"
    )


def bullets(items: Iterable[str]) -> str:
    """A list; nothing where there are no items."""
    marked = (re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(item)) for item in items)
    found = "".join(f"<li>{item}</li>" for item in marked)
    return f"<ul>{found}</ul>" if found else ""


def section(title: str, *parts: str) -> list[str]:
    """A headed section; nothing where all its parts are empty."""
    filled = [part for part in parts if part]
    return [f"<h2>{html.escape(title)}</h2>", *filled] if filled else []


def network(net: Net) -> str:
    """The page of one network."""
    arch, card = net.build(), net.card
    counted = analyse(arch)
    family = [e for e in entries().values() if e.file == entries()[net.name].file and e.name != net.name]
    return page(
        f"{card.title} · neocog",
        [
            '<nav><a href="index.html">all networks</a></nav>',
            f"<h1>{html.escape(card.title)}</h1>",
            f'<p><code>{html.escape(net.name)}</code> <span class="soft">{card.year}</span></p>',
            f"<p>{html.escape(card.authors)}: <cite>{html.escape(card.paper)}</cite>. {html.escape(card.venue)}.</p>",
            facts(counted, entries()[net.name]),
            *section("Drawing", f'<figure class="scroll">{draw(arch)}</figure>'),
            *section("Published errors", results(card.results)),
            *section("Notes", bullets(card.notes)),
            *section("Elsewhere", bullets([*card.deviations, *map(alias, card.same_as)])),
            *section("Layers", layers(counted), bullets(f"{m.path}: {m}" for m in misfits(arch, arch.input) if not m.harmless)),
            *section("Who else says so", proof(net.name)),
            *section("Pictures and recipes", preprocessing(net), recipes(card.paper_recipe, card.quick)),
            *section("Use it", f"<pre>{html.escape(commands(net.name))}</pre>"),
            *section("Its family", relatives(net, family)),
        ],
    )


def alias(name: str) -> str:
    """Another name of the same network, and whose."""
    party, colon, own = name.partition(":")
    whose = {"tv": "torchvision", "timm": "timm"}.get(party, party)
    return f"The same network as {whose}'s `{own}`." if colon else f"Also called `{name}`."


def facts(counted: Analysis, entry: Entry) -> str:
    """The numbers that one looks for first."""
    aux = f" + {counted.params_aux:,} in auxiliary heads" if counted.params_aux else ""
    pairs = {
        "pictures": times(counted.input),
        "parameters": f"{entry.params:,}{aux}",
        "multiply-accumulates": f"{entry.macs:,}",
        "weighted layers": f"{entry.depth:,}",
        "receptive field / stride": f"{times(tuple(counted.receptive_field))} / {times(tuple(counted.stride))}",
        "weights at 32 bits": f"{4 * entry.params / 1e6:,.3g} MB",
    }
    return '<dl class="facts">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in pairs.items()) + "</dl>"


def results(found: tuple[Result, ...]) -> str:
    """Errors by protocol."""

    def error(value: float | None) -> str:
        return "" if value is None else percent(value)

    rows = [(r.data, r.protocol + ("" if r.verified else " (unverified)"), error(r.top1), error(r.top5)) for r in found]
    return table(("pictures", "protocol", "top-1 error", "top-5 error"), rows, (2, 3))


def layers(counted: Analysis) -> str:
    """The layer table, equal rows once."""
    rows = []
    for line, n in repeated(lines(counted)):
        field = "" if line.receptive_field is None else times(tuple(line.receptive_field))
        stride = "" if line.stride is None else times(tuple(line.stride))
        each = f"{n} × " if n > 1 else ""
        name = ("… " if n > 1 else "") + line.path + (" (auxiliary)" if line.aux else "")
        amount = (f"{each}{v:,}" if v else "" for v in (line.params, line.macs))
        rows.append((name, line.what, times(line.output), *amount, field, stride))
    head = ("layer", "what", "output", "parameters", "MACs", "field", "stride")
    return table(head, rows, (3, 4, 5, 6))


def proof(name: str) -> str:
    """Which independent parties agree."""
    rows = [(a.party, a.what, "exactly" if not a.error else f"{a.error:.0e}", a.command) for a in agreements(name)]
    return table(("party", "on what", "difference", "command"), rows)


def preprocessing(net: Net) -> str:
    """What a picture goes through."""
    pre = net.card.preprocessing
    return table(("pictures", "how"), [(f.name, _word(getattr(pre, f.name))) for f in dataclasses.fields(pre)])


def recipes(paper: Recipe | None, quick: Recipe) -> str:
    """The paper's recipe beside the quick one."""
    head = ("recipe", *(r.name for r in (paper, quick) if r))
    rows = [
        (f.name, *(_word(getattr(r, f.name)) for r in (paper, quick) if r))
        for f in dataclasses.fields(quick)
        if f.name != "name" and any(_matters(r, f.name) for r in (paper, quick) if r)
    ]
    return table(head, rows)


def _matters(recipe: Recipe, name: str) -> bool:
    """Whether a field changes anything under this recipe."""
    needs = {
        "competition": recipe.loss == "map",
        "label_smoothing": recipe.loss == "cross_entropy",
        "milestones": recipe.schedule == "step",
        "gamma": recipe.schedule == "step",
    }
    return needs.get(name, True)


def _word(value: object) -> str:
    if isinstance(value, tuple) and len(value) > 6:
        return f"{len(value)} of them, from {_word(value[0])} to {_word(value[-1])}"
    if isinstance(value, tuple):
        return ", ".join(map(_word, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else {None: "none", True: "yes", False: "no"}.get(value, str(value))  # type: ignore[call-overload]


def commands(name: str) -> str:
    """How it is used."""
    return (
        f"neocog show {name} --full\nneocog train photos/ --net {name} --out runs/{name}\n\n"
        f"python -c \"import neocog; print(neocog.create_model('{name}'))\""
    )


def relatives(net: Net, family: list[Entry]) -> str:
    """The paper's other networks; what sets a variant apart from its paper's."""
    links = ", ".join(f'<a href="{e.name}.html">{html.escape(e.name)}</a>' for e in family)
    origin = net.name.partition(".")[0]
    if origin == net.name or origin not in entries():
        return f"<p>{links}</p>" if links else ""
    changes = diff(resolve(origin).build(), net.build())
    words = [(_sign(c), c.where, c.left, c.right) for c in changes[:60]]
    more = f"{len(changes) - 60} more differences" if len(changes) > 60 else ""
    return f"<p>{links}</p>" + table(
        ("", "where", origin, net.name), words, caption=f"What sets it apart from {origin}. {more}"
    )


def _sign(change: Change) -> str:
    return {"added": "+", "removed": "−", "init": "start"}.get(change.kind, "~")


def index(found: Iterable[Entry]) -> str:
    """All networks on a line of time."""
    rows, last = [], None
    for e in found:
        year = str(e.year) if e.year != last else ""
        last = e.year
        rows.append(
            f'<tr data-year="{e.year}"><td>{year}</td><td><a href="{e.name}.html"><code>{e.name}</code></a></td>'
            f"<td>{html.escape(e.title)}</td>"
            f'<td class="n">{times(e.input)}</td><td class="n">{count(e.params)}</td><td class="n">{count(e.macs)}</td>'
            f'<td class="n">{e.depth:,}</td></tr>'
        )
    head = (
        '<th>year</th><th>name</th><th>what</th><th class="n">pictures</th><th class="n">parameters</th><th class="n">MACs</th>'
    )
    return page(
        "The networks · neocog",
        [
            "<h1>The networks</h1>",
            f'<p class="soft">{len(rows)} of them, oldest first. Each page is made from the network itself and its card.</p>',
            '<p><input type="search" placeholder="a name, a year, a size" aria-label="Show only the networks that match"></p>',
            f'<div class="scroll"><table><thead><tr>{head}<th class="n">depth</th></tr></thead><tbody>{"".join(rows)}</tbody>'
            "</table></div>",
            f"<script>{SEARCH}</script>",
        ],
    )


def main(argv: list[str]) -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("nets", nargs="*", help="these only")
    args = parser.parse_args(argv)
    known = entries()
    if unknown := [name for name in args.nets if name not in known]:
        parser.error(f"no network is called {unknown[0]}; `neocog list` shows all")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.nets or known:
        (args.out / f"{name}.html").write_text(network(resolve(name)), "utf-8")
    (args.out / "index.html").write_text(index(entries().values()), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
