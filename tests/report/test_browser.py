"""The page in a real browser, opened from disk: no request, no complaint, reachable with the keyboard, readable."""

import importlib.resources
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neocog.report.page import page as html
from neocog.report.run import run_report
from neocog.report.source import open_run

from .conftest import Make
from .test_page import HOSTILE

pytestmark = pytest.mark.slow
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not here: pip install playwright")
    found = next((f for b in ("chromium", "chromium-browser", "google-chrome") if (f := shutil.which(b))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with api.sync_playwright() as running:
        started = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe() -> str:
    package = pytest.importorskip("axe_playwright_python", reason="pip install axe-playwright-python")
    return (importlib.resources.files(package) / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def opened(browser: Any) -> Open:
    """Opens a file from disk; at the end there was no request and nothing on the console."""

    @contextmanager
    def open_page(file: Path, language: str = "en", theme: str = "light", width: int = 1280, **more: Any) -> Iterator[Any]:
        context = browser.new_context(
            locale=LOCALES[language], color_scheme=theme, viewport={"width": width, "height": 900}, **more
        )
        context.set_default_timeout(10_000)
        tab, asked, said = context.new_page(), [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(f"a dialog: {dialog.message}"))
        tab.goto(file.as_uri())
        yield tab
        outside = [url for url in asked if url != file.as_uri() and not url.startswith("data:")]
        assert outside == [] and said == []
        context.close()

    return open_page


@pytest.fixture(scope="module")
def file(report: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html(report), "utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = np.arange(64) % len(HOSTILE)
    names = [f"{HOSTILE[i % 8]}/{HOSTILE[-1 - i % 8]}{i}" for i in range(64)]
    run = make(classes=HOSTILE, labels=labels, names=names, skill=0.5, name=HOSTILE[0], spec=HOSTILE[1])
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    path.write_text(html(run_report(open_run(run), f"{HOSTILE[0]}.html")), "utf-8")
    return path


@pytest.fixture(scope="module")
def many(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1000 classes, 20,000 pictures."""
    labels = np.repeat(np.arange(1000), 20)
    run = make(
        classes=[f"class {i:03}" for i in range(1000)], labels=labels, names=[f"{i}.jpg" for i in range(20_000)], skill=3.5
    )
    path = tmp_path_factory.mktemp("many") / "report.html"
    path.write_text(html(run_report(open_run(run), "r.html")), "utf-8")
    return path


@pytest.fixture(scope="module")
def bakeoff(neocog: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bakeoff")
    neocog("bakeoff", "digits", "--nets", "linear,perceptron", "--steps", 40, "--seeds", 2, "--out", root / "b").check(0)
    neocog("report", root / "b", "--out", root / "report.html").check(0)
    return root / "report.html"


def violations(tab: Any, axe: str) -> list[str]:
    tab.evaluate(axe)
    found = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found for n in v["nodes"]]


BOTH = [(language, theme) for language in ("en", "zh") for theme in ("light", "dark")]


@pytest.mark.parametrize(
    ("name", "language", "theme"),
    [("file", *how) for how in BOTH] + [(name, *how) for name in ("hostile", "many", "bakeoff") for how in (BOTH[0], BOTH[3])],
)
def test_axe_finds_nothing(
    name: str, language: str, theme: str, opened: Open, axe: str, request: pytest.FixtureRequest
) -> None:
    """As it opens, with everything unfolded, and with a dialog open; at 360 pixels it does not run over."""
    with opened(request.getfixturevalue(name), language, theme) as tab:
        assert tab.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
        assert violations(tab, axe) == []
        tab.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        tab.wait_for_timeout(300)
        assert violations(tab, axe) == []
        if name != "bakeoff":
            tab.locator(".matrix button, .many .link").first.click()
            assert tab.locator("dialog[open]").count() == 1
            assert violations(tab, axe) == []
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_other_theme_than_the_systems(theme: str, opened: Open, axe: str, file: Path) -> None:
    with opened(file, theme="dark" if theme == "light" else "light") as tab:
        tab.locator(f"[data-value={theme}]").click()
        assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
        assert violations(tab, axe) == []


def test_the_language_and_the_theme_can_be_switched_with_the_keyboard(opened: Open, file: Path) -> None:
    with opened(file) as tab:
        assert tab.title() == "lenet5.modern · photos"
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.className") == "skip"
        seen = set()
        for _ in range(200):
            tab.keyboard.press("Tab")
            here = tab.evaluate(
                "(e => [e.tagName, e.className, e.type ?? '', getComputedStyle(e).outlineStyle])(document.activeElement)"
            )
            seen.add(tuple(here[:3]))
            assert here[0] == "BODY" or here[3] != "none", f"the focus on {here} cannot be seen"
        kinds = {kind for kind, _, _ in seen}
        assert {"BUTTON", "A", "INPUT", "SUMMARY", "DIV", "PRE"} <= kinds
        chinese = tab.locator(".switch button[lang=zh-Hans]")
        chinese.focus()
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.documentElement.lang") == "zh-Hans"
        assert tab.evaluate("document.activeElement.textContent") == "中文", "the focus stays on the switch"
        assert "测试错误率" in tab.locator("header.panel").inner_text()


def test_the_matrix_its_dialog_and_the_readout_work_with_the_keyboard(opened: Open, file: Path, report: dict[str, Any]) -> None:
    with opened(file) as tab:
        assert tab.locator(".matrix [tabindex='0']").count() == 1, "one stop for the tabulator"
        tab.locator(".matrix [tabindex='0']").focus()
        before = tab.evaluate("document.activeElement.title")
        tab.keyboard.press("ArrowDown")
        assert tab.evaluate("document.activeElement.title") != before
        cell = tab.evaluate("document.activeElement.firstChild.textContent")
        tab.keyboard.press("Enter")
        dialog = tab.locator("dialog[open]")
        assert dialog.locator("figure").count() == int(cell) and dialog.locator("img").count() == int(cell)
        assert tab.evaluate("document.querySelector('dialog').contains(document.activeElement)")
        assert dialog.locator("img").first.evaluate("async e => { await e.decode(); return e.naturalWidth }") > 90
        tab.keyboard.press("Escape")
        assert tab.locator("dialog").count() == 0
        assert tab.evaluate("document.activeElement.firstChild.textContent") == cell, "the focus is back on the cell"
        slider = tab.locator(".cursor").first
        slider.focus()
        tab.keyboard.press("Home")
        first = slider.get_attribute("aria-valuetext")
        tab.keyboard.press("ArrowRight")
        assert "training 49.50" in first and slider.get_attribute("aria-valuetext") != first
        column = tab.locator(".classes .sort").first
        column.click()
        assert tab.locator(".classes tbody th").all_inner_texts() == sorted(report["classes"])
        assert tab.locator(".classes th[aria-sort=ascending]").count() == 1


def test_a_thousand_classes_are_usable(opened: Open, many: Path) -> None:
    with opened(many) as tab:
        ready = tab.evaluate("performance.now()")
        assert tab.evaluate("document.querySelectorAll('*').length") < 6000
        search = tab.locator("#classes input[type=search]")
        begin = time.monotonic()
        search.fill("class 777")
        tab.locator("#classes tbody tr").nth(1).wait_for(state="detached")
        assert tab.locator("#classes tbody th").all_inner_texts() == ["class 777"]
        tab.locator(".map input").fill("class 500")
        tab.wait_for_timeout(200)
        assert "class 500" in tab.locator(".told").inner_text()
        tab.locator("canvas").focus()
        tab.keyboard.press("ArrowRight")
        assert "taken for" in tab.locator(".told").inner_text()
        tab.keyboard.press("Enter")
        assert tab.locator("dialog[open] figure").count() >= 0 and tab.locator("dialog[open]").count() == 1
        tab.keyboard.press("Escape")
        drawn = tab.evaluate(
            "new Set(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 400, 400).data).size"
        )
        assert drawn > 3, "there is something on the map"
        assert time.monotonic() - begin < 10
        assert ready < 8000, f"{ready:.0f} ms until it could be used, on a busy machine"


def test_hostile_names_run_nothing_and_are_shown(opened: Open, hostile: Path) -> None:
    with opened(hostile) as tab:
        assert tab.evaluate("document.querySelectorAll('script').length") == 3
        assert tab.locator("img").count() == 0
        assert tab.locator("#classes tbody th", has_text="<img src=x onerror=alert(2)>").count() == 1
        tab.locator(".matrix button").first.click()
        assert tab.locator("dialog h2").inner_text() != ""


def test_it_prints_in_light_colours_without_controls(opened: Open, file: Path) -> None:
    with opened(file, theme="dark") as tab:
        tab.locator("[data-value=dark]").click()
        tab.emulate_media(media="print")
        assert tab.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
        for selector in (".bar", "nav", ".search", ".cursor", ".alternative"):
            assert not any(tab.locator(selector).nth(i).is_visible() for i in range(tab.locator(selector).count())), selector
        assert len(tab.pdf()) > 20_000


def test_nothing_moves_while_it_opens(opened: Open, file: Path) -> None:
    with opened(file) as tab:
        shifted = tab.evaluate("""new Promise(done => {
            let sum = 0;
            new PerformanceObserver(list => { for (const e of list.getEntries()) sum += e.value; })
                .observe({type: 'layout-shift', buffered: true});
            setTimeout(() => done(sum), 600);
        })""")
        assert shifted < 0.02
