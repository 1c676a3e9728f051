"""One HTML file from the data of a report: style, script, words and pictures inside, nothing from outside.

The content security policy names the hashes of the one style and the one script and allows pictures as data: URIs; so even a
fault in a panel could neither run a script from the data nor reach the network.
"""

import base64
import hashlib
import json
from html import escape
from importlib.resources import files
from typing import Any

from neocog.report.bundle import bundle
from neocog.report.plain import script_json

LANGUAGES = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-Hans"}


def words(language: str) -> dict[str, Any]:
    """All texts of the page in one language; no line ends before a percent sign."""
    return json.loads((files("neocog.report") / "words" / f"{language}.json").read_text("utf-8").replace(" %", "\u202f%"))


def page(report: dict[str, Any], languages: tuple[str, ...] = LANGUAGES) -> str:
    """The HTML text. `languages`: those it can be read in, the first where the browser's is none of them."""
    style = (files("neocog.report") / "style.css").read_text("utf-8").strip()
    script = bundle("main").strip()
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    first = words(languages[0])
    parts = [
        "<!doctype html>",
        f'<html lang="{TAGS[languages[0]]}">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="referrer" content="no-referrer">',
        f'<meta name="generator" content="neocog {escape(report["made"]["neocog"])}">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(report['title'])}</title>",
        f"<style>{style}</style>",
        "</head>",
        "<body>",
        f'<noscript><p class="noscript">{escape(first["page"]["noscript"])}</p></noscript>',
        '<div id="report"></div>',
        f'<script type="application/json" id="data">{script_json(report)}</script>',
        f'<script type="application/json" id="words">{script_json({name: words(name) for name in languages})}</script>',
        f'<script type="module">{script}</script>',
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _hash(text: str) -> str:
    """As a content security policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
