"""A drawing of a few simple marks that can be written as SVG (light and dark) or as pixels (light). No plotting library."""

import base64
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from neocog.arch.drawing.measure import width
from neocog.figure.fonts import font, words_for

SMALL, NORMAL, LARGE = 11.5, 13, 18
# Okabe and Ito's colours, as in the history's chart; light and dark.
INKS = {
    "ink": ("#1b1f24", "#e6edf3"), "soft": ("#57606a", "#9aa4af"), "line": ("#dfe4e9", "#30363d"),
    "paper": ("#ffffff", "#0d1117"),
    "dark": ("#14181d", "#14181d"), "light": ("#ffffff", "#ffffff"),  # on coloured grounds, which no theme changes
    "k0": ("#0072b2", "#56b4e9"), "k1": ("#d55e00", "#f28e4b"), "k2": ("#007a5a", "#2fc39b"), "k3": ("#a8438a", "#e08ac4"),
    "k4": ("#8a6d00", "#f0c541"), "k5": ("#57606a", "#9aa4af"),
}  # fmt: skip
Place = tuple[float, float]


@dataclass
class Sketch:
    """Marks in the order in which they are drawn; places in pixels from the upper left. Colours are names of `INKS`."""

    wide: float
    high: float
    title: str
    marks: list[tuple] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, size: float = NORMAL, anchor: str = "start", ink: str = "ink",
             bold: bool = False) -> None:  # fmt: skip
        """Words on a base line; anchor: start, middle or end."""
        self.marks.append(("text", x, y, words, size, anchor, ink, bold))

    def line(self, places: Sequence[Place], ink: str = "line", thick: float = 1, dashed: bool = False) -> None:
        """From place to place."""
        self.marks.append(("line", tuple(places), ink, thick, dashed))

    def area(self, places: Sequence[Place], ink: str, opacity: float = 0.18) -> None:
        """What the places enclose."""
        self.marks.append(("area", tuple(places), ink, opacity))

    def box(self, x: float, y: float, wide: float, high: float, ink: str, opacity: float = 1.0) -> None:
        """A filled rectangle."""
        self.area([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high)], ink, opacity)

    def frame(self, x: float, y: float, wide: float, high: float, ink: str = "line", thick: float = 1) -> None:
        """Its outline only."""
        self.line([(x, y), (x + wide, y), (x + wide, y + high), (x, y + high), (x, y)], ink, thick)

    def arrow(self, places: Sequence[Place], ink: str = "soft", thick: float = 1.2, head: float = 6) -> None:
        """A line with a head at its last place."""
        (x0, y0), (x1, y1) = places[-2], places[-1]
        long = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        u, v = (x1 - x0) / long * head, (y1 - y0) / long * head
        neck = (x1 - u, y1 - v)
        self.line([*places[:-1], neck], ink, thick)
        self.area([(x1, y1), (neck[0] - v / 2, neck[1] + u / 2), (neck[0] + v / 2, neck[1] - u / 2)], ink, 1.0)

    def place(self, other: "Sketch", x: float, y: float) -> None:
        """Another drawing's marks with its upper left corner at (x, y)."""
        self.marks += [_moved(mark, x, y) for mark in other.marks]

    def dot(self, x: float, y: float, ink: str, words: str = "", size: float = 3) -> None:
        """A point; the words appear under the pointer."""
        self.marks.append(("dot", x, y, ink, words, size))

    def picture(self, x: float, y: float, pixels: np.ndarray, wide: float, high: float) -> None:
        """uint8 h×w×3 at that size."""
        self.marks.append(("picture", x, y, pixels, wide, high))

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg()

    def svg(self) -> str:
        """The drawing as one self-contained SVG file that follows the reader's light or dark theme."""
        light, dark = (";".join(f"--{name}:{pair[i]}" for name, pair in INKS.items()) for i in (0, 1))
        size = f"{self.wide:g} {self.high:g}"
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" aria-labelledby="t">',
            f'<title id="t">{html.escape(self.title)}</title><style>svg{{{light};font-family:system-ui,sans-serif}}',
            f"@media (prefers-color-scheme:dark){{svg{{{dark}}}}}@media print{{svg{{{light}}}}}</style>",
            '<rect width="100%" height="100%" fill="var(--paper)"/>',
        ]
        return "\n".join([*parts, *map(_svg, self.marks), "</svg>\n"])

    def pixels(self, sharp: int = 2) -> Image.Image:
        """The drawing on white paper, `sharp` pixels for each of its own; smooth, since drawn at twice that."""
        factor = 2 * sharp
        page = Image.new("RGB", (round(self.wide * factor), round(self.high * factor)), INKS["paper"][0])
        for mark in self.marks:
            _pixels(page, mark, factor)
        return page.reduce(2)


def _moved(mark: tuple, dx: float, dy: float) -> tuple:
    kind, first, *rest = mark
    if kind in ("line", "area"):
        return (kind, tuple((x + dx, y + dy) for x, y in first), *rest)
    return (kind, first + dx, rest[0] + dy, *rest[1:])


def _sized(pixels: np.ndarray, wide: int, high: int) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return picture.resize((wide, high), Image.Resampling.NEAREST if picture.width < wide / 2 else Image.Resampling.LANCZOS)


def _svg(mark: tuple) -> str:
    kind, *rest = mark
    if kind == "text":
        x, y, words, size, anchor, ink, bold = rest
        more = (f' text-anchor="{anchor}"' if anchor != "start" else "") + (' font-weight="600"' if bold else "")
        return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="var(--{ink})"{more}>{html.escape(words)}</text>'
    if kind == "line":
        places, ink, thick, dashed = rest
        more = ' stroke-dasharray="3 3"' if dashed else ""
        more += f' stroke="var(--{ink})" stroke-width="{thick:g}"'
        return f'<path d="{_path(places)}" fill="none" stroke-linejoin="round"{more}/>'
    if kind == "area":
        places, ink, opacity = rest
        return f'<path d="{_path(places)}Z" fill="var(--{ink})" fill-opacity="{opacity:g}"/>'
    if kind == "dot":
        x, y, ink, words, size = rest
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" fill="var(--{ink})"><title>{html.escape(words)}</title></circle>'
        )
    x, y, pixels, wide, high = rest
    small = _sized(pixels, round(2 * wide), round(2 * high))
    files = {"png": _file(small, "PNG", optimize=True), "jpeg": _file(small, "JPEG", quality=88)}
    form = min(files, key=lambda name: len(files[name]))
    data = base64.b64encode(files[form]).decode()
    return f'<image x="{x:.1f}" y="{y:.1f}" width="{wide:g}" height="{high:g}" href="data:image/{form};base64,{data}"/>'


def _file(picture: Image.Image, form: str, **settings: int) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **settings)
    return stream.getvalue()


def _path(places: Sequence[Place]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)


def _pixels(page: Image.Image, mark: tuple, factor: int) -> None:
    kind, *rest = mark
    pen = ImageDraw.Draw(page)
    if kind == "picture":
        x, y, pixels, wide, high = rest
        page.paste(_sized(pixels, round(wide * factor), round(high * factor)), (round(x * factor), round(y * factor)))
    elif kind == "text":
        x, y, words, size, anchor, ink, bold = rest
        letters = font(size * factor)
        words = words_for(letters, words)
        place = (x * factor, y * factor)
        pen.text(place, words, INKS[ink][0], letters, {"start": "ls", "middle": "ms", "end": "rs"}[anchor],
                 stroke_width=0.3 * factor if bold else 0)  # fmt: skip
    elif kind == "line":
        places, ink, thick, dashed = rest
        for start, end in _dashes(places) if dashed else pairwise(places):
            pen.line([(x * factor, y * factor) for x, y in (start, end)], INKS[ink][0], max(1, round(thick * factor)))
    elif kind == "area":
        places, ink, opacity = rest
        xs, ys = ([place[i] * factor for place in places] for i in (0, 1))
        left, top = int(min(xs)), int(min(ys))
        mask = Image.new("L", (int(max(xs)) - left + 1, int(max(ys)) - top + 1))  # no larger than needed: pages have many
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in zip(xs, ys, strict=True)], round(255 * opacity))
        page.paste(INKS[ink][0], (left, top, left + mask.width, top + mask.height), mask)
    elif kind == "dot":
        x, y, ink, _, size = rest
        pen.ellipse([(c + d) * factor for d in (-size, size) for c in (x, y)], INKS[ink][0])


def _dashes(places: Sequence[Place], length: float = 3) -> list[tuple[Place, Place]]:
    found = []
    for (x0, y0), (x1, y1) in pairwise(places):
        count = max(1, int(np.hypot(x1 - x0, y1 - y0) / length))
        steps = [(x0 + (x1 - x0) * i / count, y0 + (y1 - y0) * i / count) for i in range(count + 1)]
        found += list(zip(steps[::2], steps[1::2], strict=False))
    return found


def spread_out(labels: Sequence[tuple[float, str]], size: float = SMALL, gap: float = 6) -> list[tuple[float, str]]:
    """Of labels centred on rising places, the first, the last, and as many between as do not touch."""
    kept: list[tuple[float, str]] = []
    for place, words in (*labels[:1], *labels[:0:-1][:1], *labels[1:-1]):
        half = width(words, size) / 2
        if all(abs(place - other) >= half + width(text, size) / 2 + gap for other, text in kept):
            kept.append((place, words))
    return sorted(kept)
