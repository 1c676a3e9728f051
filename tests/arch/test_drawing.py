"""Drawings: no label on another, all boxes apart and on the page, every layer there, every line at its box."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pytest

from neocog.arch import Add, Architecture, Conv2d, Node, analyse
from neocog.arch.drawing import draw, stacks
from neocog.arch.drawing.layered import place
from neocog.arch.drawing.measure import clip, width, wrap
from neocog.arch.drawing.svg import COLOURS, PLAIN
from neocog.arch.drawing.units import units
from neocog.errors import UserError
from neocog.nets import nets, resolve
from tests.arch.cases import CASES, bridge_by_nodes
from tests.arch.strategies import chain, graph

ROOT = Path(__file__).resolve().parents[2]
NS = "{http://www.w3.org/2000/svg}"
SIZES = {"t": 12, "times": 14, "head": 18}
QUICK = ("lenet5", "alexnet", "vgg16", "googlenet", "inception_v4", "resnet152", "densenet121", "perceptron", "mobilenet_v2")
IN_DOCS = ("lenet5", "alexnet", "googlenet", "inception_v4", "resnet50", "mobilenet_v1")


@dataclass(frozen=True)
class Rect:
    """Left, top, right, bottom; and what stands there."""

    x0: float
    y0: float
    x1: float
    y1: float
    what: str = ""

    def meets(self, other: "Rect", slack: float = 0.01) -> bool:
        """Whether they share more than a border."""
        return (self.x0 < other.x1 - slack and other.x0 < self.x1 - slack
                and self.y0 < other.y1 - slack and other.y0 < self.y1 - slack)  # fmt: skip

    def holds(self, other: "Rect") -> bool:
        """Whether the other lies in it."""
        return (
            self.x0 <= other.x0 + 0.01
            and self.y0 <= other.y0 + 0.01
            and self.x1 >= other.x1 - 0.01
            and self.y1 >= other.y1 - 0.01
        )

    def has_on_border(self, x: float, y: float) -> bool:
        """Whether a line that ends at the point ends at this box."""
        inside = self.x0 - 1 <= x <= self.x1 + 1 and self.y0 - 1 <= y <= self.y1 + 1
        return inside and min(abs(x - self.x0), abs(x - self.x1), abs(y - self.y0), abs(y - self.y1)) <= 1


def text_rect(text: ET.Element, middle: bool = False) -> Rect:
    """Where a text stands, by the table of widths."""
    style = (text.get("class") or "").split()
    size = next((SIZES[s] for s in style if s in SIZES), 10)
    words, x, y = text.text or "", float(text.get("x", 0)), float(text.get("y", 0))
    wide = width(words, size, bold=bool({"times", "head"} & set(style)))
    anchor = "middle" if middle else text.get("text-anchor", "start")
    start = {"start": 0.0, "middle": -wide / 2, "end": -wide}[anchor]
    up, down = 0.78 * size, 0.22 * size
    if text.get("transform"):  # turned about (x, y) to read upwards
        return Rect(x - up, y - start - wide, x + down, y - start, words)
    return Rect(x + start, y - up, x + start + wide, y + down, words)


def rect_of(rect: ET.Element, what: str = "") -> Rect:
    x, y, w, h = (float(rect.get(k, 0)) for k in ("x", "y", "width", "height"))
    return Rect(x, y, x + w, y + h, what)


@dataclass(frozen=True)
class Picture:
    """What an SVG holds."""

    page: Rect
    boxes: dict[str, Rect]  # by what hovering says
    framed: list[tuple[Rect, Rect]]  # a text and the box that it is in
    free: list[Rect]
    ends: list[tuple[float, float]]  # of lines with arrows
    titles: list[str]


def read(svg: str) -> Picture:
    """Parse, and see that it is one picture with a title and a description."""
    root = ET.fromstring(svg)
    assert root.get("role") == "img" and root.find(NS + "title") is not None and root.find(NS + "desc") is not None
    boxes, framed, ends, free, titles = {}, [], [], [], []
    page = Rect(0, 0, *(float(v) for v in (root.get("viewBox") or "").split()[2:]))
    for group in root.findall(NS + "g"):
        title, rect = group.find(NS + "title"), group.find(NS + "rect")
        titles += [title.text or ""] if title is not None else []
        if (group.get("class") or "").startswith("b ") and rect is not None:
            box = rect_of(rect, title.text or "" if title is not None else "legend")
            if title is not None:
                assert box.what not in boxes
                boxes[box.what] = box
            framed += [(text_rect(text, True), box) for text in group.findall(NS + "text")]
        elif rect is not None:
            assert page.holds(rect_of(rect))
    for path in root.findall(NS + "path"):
        if path.get("marker-end"):
            x, y = re.findall(r"-?[\d.]+", path.get("d") or "")[-2:]
            ends.append((float(x), float(y)))
    free = [text_rect(text) for text in root.findall(NS + "text")]
    return Picture(page, boxes, framed, free, ends, titles)


def overlaps(rects: list[Rect]) -> list[tuple[Rect, Rect]]:
    """Pairs that meet."""
    rows = sorted(rects, key=lambda r: r.y0)
    found, open_ = [], []
    for rect in rows:
        open_ = [r for r in open_ if r.y1 > rect.y0]
        found += [(r, rect) for r in open_ if r.meets(rect)]
        open_.append(rect)
    return found


def check(arch: Architecture, style: str | None = None, full: bool = False) -> Picture:
    """All that is asked of a drawing."""
    table = analyse(arch)
    svg = draw(table, style=style, full=full)
    assert svg == draw(table, style=style, full=full)
    picture = read(svg)
    texts = [text for text, _ in picture.framed] + picture.free
    assert overlaps(texts) == []
    assert overlaps(list(picture.boxes.values())) == []
    assert [(t, b) for t, b in picture.framed if not b.holds(t)] == [], "text leaves its box"
    assert [(t, b) for t in picture.free for b in picture.boxes.values() if t.meets(b)] == []
    assert [t for t in [*texts, *picture.boxes.values()] if not picture.page.holds(t)] == [], "off the page"

    layers = "\n".join(picture.titles)
    boxes = units(table)[1:]
    if full:
        assert [row.path for row in table.rows if f"{row.path}: " not in layers] == []
    if picture.boxes:
        counts = [int(m[1]) if (m := re.match(r"(\d+) ×", title)) else 1 for title in picture.boxes if ": " in title]
        assert sum(counts) == len(boxes), "a layer is neither drawn nor in a repeat"
        inputs = {unit.main.path: len(unit.inputs) for unit in boxes if unit.main}
        for title, box in picture.boxes.items():
            if ": " in title:
                path = title.removeprefix(re.match(r"(\d+ ×, the first: )?", title)[0]).partition(":")[0]  # type: ignore[index]
                arrows = sum(box.has_on_border(x, y) for x, y in picture.ends)
                assert arrows == inputs[path], f"{path} reads {inputs[path]} values, {arrows} lines end there"
    assert [e for e in picture.ends if not any(b.has_on_border(*e) for b in picture.boxes.values())] == [], "an end in the air"
    return picture


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in sorted(set(nets()) - set(QUICK)))])
def test_a_network_is_drawn(name: str) -> None:
    arch = resolve(name).build()
    check(arch)
    if name not in QUICK:
        check(arch, "blocks")
        check(arch, full=True)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_graph_is_drawn(name: str) -> None:
    arch = CASES[name].build()
    check(arch, "blocks")
    check(arch, full=True)


@pytest.mark.parametrize("seeds", [range(12), pytest.param(range(12, 300), marks=pytest.mark.slow)], ids=["few", "many"])
def test_foreign_graphs_are_drawn(seeds: range) -> None:
    check(bridge_by_nodes())
    for seed in seeds:
        draws = random.Random(seed)
        check(graph(draws, draws.randint(2, 14)), "blocks")
        check(chain(draws, draws.randint(2, 24)))


def test_repeats_are_drawn_once_and_only_repeats() -> None:
    def times(arch: Architecture, full: bool = False) -> list[str]:
        return re.findall(r'class="times"[^>]*>×(\d+)<', draw(arch, full=full))

    deep = resolve("resnet152").build()
    assert times(deep) == ["2", "7", "35", "2"] == times(replace(deep, marks=())), "a foreign graph has no marks"
    assert times(deep, full=True) == []
    assert times(resolve("densenet121").build()) == ["6", "12", "24", "16"]
    assert times(resolve("inception_v4").build()) == ["4", "7", "3"]
    assert times(resolve("googlenet").build()) == []  # nine modules, no two alike


def test_shortcuts_dotted_and_solid_and_heads_dashed() -> None:
    def styles(name: str) -> set[str]:
        return set(re.findall(r'<path class="l (dot|dash)"', draw(resolve(name).build())))

    assert styles("resnet18") == {"dot"} == styles("resnet20.cifar")
    assert styles("plain18") == set() == styles("preact_resnet110.cifar") - {"dot"}
    assert styles("googlenet") == {"dash"}
    svg = draw(resolve("googlenet").build())
    assert svg.count("training only, loss × 0.3") >= 2


def test_chains_are_stacks_and_groups_are_streams() -> None:
    for name in ("lenet5", "alexnet", "vgg16", "zfnet", "mlp", "perceptron"):
        assert stacks.volumes(analyse(resolve(name).build())), name
    svg = draw(resolve("alexnet").build())
    assert ">2 × 48@55×55<" in svg and ">2 × 192@13×13<" in svg and ">4096<" in svg
    assert ">96@55×55<" in draw(resolve("alexnet.ungrouped").build())
    assert ", 2 groups" in draw(resolve("alexnet").build(), style="blocks")
    assert ">6@28×28<" in draw(resolve("lenet5").build())
    with pytest.raises(UserError, match="draw it as blocks"):
        draw(resolve("resnet18").build(), style="stacks")


def test_a_collapsed_repeat_says_where_its_shapes_differ() -> None:
    svg = draw(resolve("densenet121").build())
    assert ">96…256×56×56<" in svg and ">1×1 conv, 128<" in svg


def test_layers_keep_the_order_and_the_gaps() -> None:
    draws = random.Random(3)
    for _ in range(40):
        n = draws.randint(1, 12)
        inputs = [sorted({draws.randint(-1, i - 1) for _ in range(draws.randint(1, 3))}) for i in range(n)]
        ends = sorted({draws.randint(0, n - 1), n - 1})
        widths = [draws.choice((22.0, 80.0, 150.0)) for _ in range(n)]
        layer, xs, bends = place(inputs, ends, widths, 20, 28)
        assert all(layer[i] < layer[node] for node, reads in enumerate([*inputs, ends]) for i in reads if i >= 0)
        spots = [(layer[i], xs[i], widths[i]) for i in range(n)] + [(at, x, 28.0) for way in bends.values() for at, x in way]
        for a, b in combinations(spots, 2):
            assert a[0] != b[0] or abs(a[1] - b[1]) >= (a[2] + b[2]) / 2 + 20 - 0.2


def test_a_long_tangle_takes_no_long_time() -> None:
    """Sixty skips within one another: deeper than forks are nested, so a tangle with thousands of bends."""
    n = 60
    conv = Conv2d(2, 1)
    nodes = [Node(f"d{i}", conv, (f"d{i - 1}" if i else "input",)) for i in range(n)]
    nodes += [Node(f"u{i}", Add(), (f"u{i + 1}" if i < n - 1 else f"d{n - 1}", f"d{i}")) for i in reversed(range(n - 1))]
    nodes[n] = replace(nodes[n], inputs=(f"d{n - 1}", f"d{n - 2}"))
    start = time.process_time()
    check(Architecture("nested", (2, 5, 5), tuple(nodes), "u0"), "blocks")
    assert time.process_time() - start < 5


def test_text_is_measured_wrapped_and_cut() -> None:
    assert width("iii", 10) < width("mmm", 10) and width("a", 20) == 2 * width("a", 10)
    assert wrap(["BN", "ReLU", "dropout 0.5"], " · ", 10, 60) == ["BN · ReLU", "dropout 0.5"]
    assert clip("features.denseblock", 10, 60).endswith("…") and width(clip("features.denseblock", 10, 60), 10) <= 60
    assert clip("conv1", 10, 60) == "conv1"


def luminance(colour: str) -> float:
    """WCAG 2.1, relative luminance."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_stands_out_in_light_and_dark() -> None:
    for scheme, fill in ((0, 0), (1, 2)):
        grounds = [colours[fill] for colours in COLOURS.values()] + [PLAIN[name][scheme] for name in ("bg", "frame", "many")]
        assert min(contrast(PLAIN["ink"][scheme], ground) for ground in grounds) >= 7
        assert min(contrast(PLAIN["soft"][scheme], PLAIN[name][scheme]) for name in ("bg", "frame", "many")) >= 4.5
        assert contrast(PLAIN["line"][scheme], PLAIN["many"][scheme]) >= 4.5


def test_files_stay_small() -> None:
    for name, most in (("resnet152", 100_000), ("googlenet", 200_000), ("lenet5", 20_000)):
        assert len(draw(resolve(name).build()).encode()) < most


def test_the_command_writes_one_file_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from neocog.cli import main

    out = tmp_path / "net.svg"
    assert main(["show", "lenet5", "--svg", str(out), "--input", "1x64x64", "--style", "blocks"]) == 0
    assert capsys.readouterr().out.count("\n") == 1 and "1×64×64" in out.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [out]
    assert main(["show", "lenet5", "--svg", str(tmp_path / "none" / "net.svg")]) == 2
    assert main(["show", "googlenet", "--svg", str(out), "--style", "stacks"]) == 2
    assert main(["show", "lenet5", "--style", "blocks"]) == 2
    assert capsys.readouterr().err.count("\n") == 3


def test_the_documents_show_what_the_command_makes_now() -> None:
    """In another process, so that no order of a set and no hash can make the difference."""
    code = "import sys; from neocog.arch.drawing import draw; from neocog.nets import resolve\n" \
           "for n in sys.argv[1:]: sys.stdout.buffer.write(draw(resolve(n).build()).encode() + b'\\0')"  # fmt: skip
    made = subprocess.run([sys.executable, "-c", code, *IN_DOCS], capture_output=True, check=True,
                          env={**os.environ, "PYTHONHASHSEED": "7"}).stdout.split(b"\0")  # fmt: skip
    page = (ROOT / "docs" / "drawings.md").read_text(encoding="utf-8")
    for name, svg in zip(IN_DOCS, made, strict=False):
        assert (ROOT / "docs" / "drawings" / f"{name}.svg").read_bytes() == svg, (
            f"neocog show {name} --svg docs/drawings/{name}.svg"
        )
        assert f"drawings/{name}.svg" in page


def test_conv_labels_say_what_differs_from_the_plain_case() -> None:
    from neocog.arch import Sequential, architecture

    net = architecture("n", (4, 30, 30), Sequential(Conv2d(8, (3, 5), (1, 2), 2, dilation=2, groups=2)))
    assert ">3×5 conv, 8, /1×2, dilation 2" in draw(net, style="blocks").replace(", 2 groups", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*QUICK, *IN_DOCS, "inception_v3", "efficientnet_b0", "highway19.cifar", "xception"}))
def test_a_browser_agrees_that_no_label_overlaps(name: str, tmp_path: Path) -> None:
    browser = next((found for b in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(b))), None)
    if browser is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    script = """<script>document.body.textContent=JSON.stringify([...document.querySelectorAll('svg text')].map(t=>{
      let r=t.getBoundingClientRect(),g=t.parentNode,b=g.tagName=='g'?g.querySelector('rect').getBoundingClientRect():null;
      return [[r.left,r.top,r.right,r.bottom,t.textContent],b?[b.left,b.top,b.right,b.bottom]:null]}))</script>"""
    page = tmp_path / "page.html"
    page.write_text(
        f'<meta charset="utf-8"><body style="margin:0">{draw(resolve(name).build())}{script}</body>', encoding="utf-8"
    )
    dumped = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"file://{page}"],
                            capture_output=True, text=True, check=True, timeout=120).stdout  # fmt: skip
    import html

    body = html.unescape(re.search(r"<body[^>]*>(.*)</body>", dumped, flags=re.S)[1])  # type: ignore[index]
    found = [(Rect(*text), Rect(*box) if box else None) for text, box in json.loads(body)]
    # A browser's box of a text is its line's height, which is more than the letters take.
    texts = [Rect(t.x0, t.y0 + 1.5, t.x1, t.y1 - 1.5, t.what) for t, _ in found]
    assert len(texts) > 5 and overlaps(texts) == []
    assert [t.what for t, box in found if box and not (box.x0 <= t.x0 and t.x1 <= box.x1)] == []
