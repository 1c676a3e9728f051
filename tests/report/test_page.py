"""The page: whole in itself, small enough, the same in both languages, and unharmed by what files and classes are called."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neocog.report.bundle import bundle
from neocog.report.network import network
from neocog.report.page import LANGUAGES, page, words
from neocog.report.plain import script_json
from neocog.report.run import run_report
from neocog.report.source import open_run

from .conftest import Make

HOSTILE = ("</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", "]]>--><!--<script", "\u202eevil\u2066",
           "x" * 10_000, "{n} ${own} $& \\u003c", "\u2028\u2029'\"`&amp;", "__proto__")  # fmt: skip


class Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts and styles, as a browser would divide them."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.texts.append("")
        self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for (name, attrs), text in zip(self.found, self.texts, strict=True) if name == tag]


@pytest.fixture(scope="module")
def text(report: dict[str, Any]) -> str:
    return page(report)


def test_nothing_comes_from_outside(text: str) -> None:
    elements = Elements(text)
    assert {tag for tag, _ in elements.found} == {
        "html", "head", "meta", "link", "title", "style", "body", "noscript", "p", "div", "script"}  # fmt: skip
    for _, attrs in elements.found:
        for name in ("src", "href", "action", "data", "srcset"):
            assert (attrs.get(name) or "data:").startswith("data:"), attrs
    style = elements.all("style")[0][1]
    assert "url(" not in style and "@import" not in style
    script = next(words for attrs, words in elements.all("script") if attrs.get("type") == "module")
    for door in ("fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import(", "eval(", "innerHTML",
                 "insertAdjacentHTML", "document.write", "localStorage"):  # fmt: skip
        assert door not in script, door
    addresses = set(re.findall(r"https?://[\w.]+", script + style))
    assert addresses <= {"http://www.w3.org"}, "the name space of SVG and nothing else"


def test_the_policy_names_the_hashes_of_what_is_inside(text: str) -> None:
    """A browser refuses scripts and styles that are not just these, whatever the data says."""
    elements = Elements(text)
    policy = next(attrs["content"] or "" for attrs, _ in elements.all("meta") if "http-equiv" in attrs)
    script = next(words for attrs, words in elements.all("script") if attrs.get("type") == "module")
    for kind, inside in (("script-src", script), ("style-src", elements.all("style")[0][1])):
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy


def test_a_hundred_photos_take_less_than_three_megabytes(text: str) -> None:
    report = json.loads(next(words for attrs, words in Elements(text).all("script") if attrs.get("id") == "data"))
    assert len(report["pictures"]) == 100
    assert 300_000 < len(text.encode("utf-8")) <= 3_000_000


def test_hostile_names_stay_data(make: Make) -> None:
    labels = np.arange(64) % len(HOSTILE)
    names = [f"{HOSTILE[i % 8]}/{HOSTILE[-1 - i % 8]}{i}" for i in range(64)]
    run = make(classes=HOSTILE, labels=labels, names=names, skill=0.5, name=HOSTILE[0], spec=HOSTILE[1])
    report = run_report(open_run(run), f"{HOSTILE[0]}.html")
    found = page(report)
    elements = Elements(found)
    assert len(elements.all("script")) == 3 and not elements.all("img")
    inside = next(words for attrs, words in elements.all("script") if attrs.get("id") == "data")
    assert "<" not in inside and "\u2028" not in inside and "\u202e" not in inside
    assert json.loads(inside) == report
    assert report["classes"][0] == HOSTILE[0] and all(len(name) <= 140 for name in report["classes"])
    assert elements.all("title")[0][1].startswith("lenet5.modern · </script>")
    assert len(found) < 400_000, "long names are cut"


def test_script_json_is_json_that_ends_no_script() -> None:
    value = {"</script>": ["<!--", "]]>", "&amp;", "\u2028", "é", 1.5, None]}
    made = script_json(value)
    assert json.loads(made) == value and not set("<>&\u2028\u2029") & set(made)


def test_the_languages_say_the_same_things() -> None:
    """The same keys, and in each text the same places for values."""

    def flat(value: Any, path: str = "") -> dict[str, str]:
        if isinstance(value, str):
            return {path: value}
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{path}.{key}").items()}

    first, *others = (flat(words(language)) for language in LANGUAGES)
    for other in others:
        assert first.keys() == other.keys()
        for key, said in first.items():
            assert said and other[key], key
            assert sorted(set(re.findall(r"\{\w+\}", said))) == sorted(set(re.findall(r"\{\w+\}", other[key]))), key


def test_every_text_that_the_panels_ask_for_is_there() -> None:
    """`const w = words.x` and then `w.y`: y is a key of x."""
    source, texts = bundle("main"), words("en")
    asked = 0
    for module in re.split(r"^const module_\w+ = ", source, flags=re.MULTILINE)[1:]:
        for scope in re.split(r"\n(?:async )?function |\nexport function ", module):
            home = re.search(r"\bw = words\.(\w+)", scope)
            if home is None:
                continue
            for name in re.findall(r"\bw\.(\w+)", scope):
                assert name in texts[home[1]], f"{home[1]}.{name}"
                asked += 1
        for home_name, name in re.findall(r"\bwords\.(\w+)\.(\w+)", module):
            assert name in texts[home_name], f"{home_name}.{name}"
    assert asked > 100


def test_modules_are_joined_once_each_and_rings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = bundle("main")
    assert joined.count("const module_dom = ") == 1 and joined.index("module_dom = ") < joined.index("module_main = ")
    assert not re.search(r"^(import|export)\b", joined, re.MULTILINE)
    modules = {"a": 'import { b } from "./b.js";\nexport const a = b;', "b": 'import { a } from "./a.js";\nexport const b = 1;',
               "c": 'import d from "./d.js";'}  # fmt: skip
    monkeypatch.setattr("neocog.report.bundle.source", modules.__getitem__)
    with pytest.raises(ValueError, match="ring"):
        bundle("a")
    with pytest.raises(ValueError, match="beyond what"):
        bundle("c")


def test_the_drawing_has_no_style_of_its_own_and_follows_the_theme() -> None:
    from neocog.nets import resolve

    made = network(resolve("resnet8.quick").build(), "resnet8.quick")
    assert "<style" not in made["svg"] and made["svg"].startswith("<svg")
    assert "light-dark(#d3e6f5,#123c57)" in made["css"] and "prefers-color-scheme" not in made["css"]
    assert sum(row["params"] * row["times"] for row in made["rows"]) == made["params"]


def test_the_command_writes_the_page_or_says_why_not(neocog: Any, photo_run: Path, make: Make, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    told = neocog("report", photo_run, "--out", out, "--lang", "zh", "--json").check(0).json()
    assert told["bytes"] == out.stat().st_size and told["panels"]["headline"]["result"]["n"] == 100
    assert out.read_text("utf-8").startswith('<!doctype html>\n<html lang="zh-Hans">')
    assert '"code":"en"' not in out.read_text("utf-8")
    neocog("report", photo_run, "--out", tmp_path / "r.pdf").complaint("r.pdf", ".html")
    neocog("report", photo_run, "--out", tmp_path / "none" / "r.html").complaint("there is no folder")
    neocog("report", photo_run, "--out", out, "--compare", tmp_path).complaint("no run whose test pictures were judged")
    neocog("report", tmp_path / "none.run").complaint("no such folder", "report is of a run or a bake-off")
    neocog("report", photo_run, "--out", out, "--data", tmp_path / "none").complaint("none")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.html"], "nothing half-written is left"


def test_a_run_without_an_evaluation_is_judged_and_the_figures_agree(neocog: Any, tmp_path: Path) -> None:
    import shutil

    run = tmp_path / "run"
    neocog("train", "digits", "--net", "linear", "--steps", "30", "--out", run).check(0)
    shutil.rmtree(run / "test", ignore_errors=True)
    told = neocog("report", run, "--out", tmp_path / "r.html", "--json").check(0).json()
    test = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines() if '"test"' in line][-1]
    result = told["panels"]["headline"]["result"]
    assert {k: result[k] for k in ("top1_error", "n", "ci95", "majority_error", "protocol")} == {
        k: pytest.approx(test[k]) if isinstance(test[k], float) else test[k]
        for k in ("top1_error", "n", "ci95", "majority_error", "protocol")
    }
    assert (run / "test" / "evaluation.json").is_file(), "the next report need not judge again"
