"""The page of each network, made from its value and its card."""

import importlib.util
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from neocog.arch import analyse
from neocog.nets import entries, resolve
from neocog.nets.card import percent

SOURCE = Path(__file__).parents[1] / "docs" / "networks.py"
QUICK = ("lenet5", "googlenet", "resnet50.v1_5", "neocognitron", "context.basic")
VOID = {"meta", "br", "link", "img", "input"}


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("networks", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """Its words and links; tags that do not match are an error."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing opens."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in entries()])
def test_a_page_says_what_the_network_is(pages: ModuleType, name: str):
    net = resolve(name)
    page = Page(pages.network(net))
    text = " ".join(page.words)
    table = analyse(net.build())
    for said in (net.card.title, net.card.paper, net.card.authors, f"{table.total('params'):,}", f"{table.total('macs'):,}"):
        assert said in text
    for result in net.card.results:
        assert result.data in text and result.protocol in text
        assert all(percent(error) in text for error in (result.top1, result.top5) if error is not None)
    known = {f"{other}.html" for other in entries()} | {"index.html"}
    assert set(page.links) <= known, "nothing is fetched, and every link leads to a page"


def test_the_index_leads_to_every_page(pages: ModuleType, tmp_path: Path):
    pages.main([str(tmp_path), "lenet5"])
    assert {p.name for p in tmp_path.iterdir()} == {"index.html", "lenet5.html"}
    assert set(Page((tmp_path / "index.html").read_text("utf-8")).links) == {f"{name}.html" for name in entries()}
