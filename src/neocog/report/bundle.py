"""ES modules into one script, for a page that must open from disk: `import` between files is refused there.

The modules are kept to a subset that a few lines can join: imports are `import { a, b as c } from "./file.js";` on one
line, exports are `export function …` or `export const …` at the start of a line. Each module becomes a function that is called
once and gives back what it exports.
"""

import re
from importlib.resources import files

IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./([\w-]+)\.js";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const) (\w+))", re.MULTILINE)
NAME = re.compile(r"^export (?:async )?(?:function|const) (\w+)", re.MULTILINE)


def source(name: str) -> str:
    """The text of a module of panels/."""
    return (files("neocog.report") / "panels" / f"{name}.js").read_text("utf-8")


def bundle(main: str) -> str:
    """The module and all that it needs, each once, in order, in one script."""
    order: dict[str, str] = {}
    _visit(main, order, ())
    return '"use strict";\n' + "\n".join(order.values())


def _visit(name: str, order: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"modules import one another in a ring: {' → '.join((*above, name))}")
    if name in order:
        return
    text = source(name)
    for _, needed in IMPORT.findall(text):
        _visit(needed, order, (*above, name))
    exported = NAME.findall(text)
    text = IMPORT.sub(lambda found: f"const {{ {found[1].replace(' as ', ': ')} }} = {_variable(found[2])};", text)
    text = EXPORT.sub("", text)
    if left := re.search(r"^(import|export)\b.*", text, re.MULTILINE):
        raise ValueError(f"panels/{name}.js: `{left[0]}` is beyond what bundle.py joins")
    order[name] = f"const {_variable(name)} = (() => {{\n{text.strip()}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _variable(name: str) -> str:
    return "module_" + name.replace("-", "_")
