"""Draws the pictures of docs/classroom.md: `python docs/classroom.py [NAME …]`. Each in at most 40 kB."""

import io
import sys
from pathlib import Path

from neocog.explain import lesson

SHOWN = ("kernels", "convolution", "sparse-matrix", "backward", "shared-gradient", "unpooling", "down-scaling", "stacked",
         "counts", "c3", "rbf-codes", "dropout", "residual")  # fmt: skip
MOST, WIDE = 40_000, 760


def smallest(name: str) -> tuple[str, bytes]:
    """As SVG where that is small enough, for it follows the reader's theme; else as pixels, the larger the better."""
    page = lesson(name).figure
    drawn = page.svg().encode()
    if len(drawn) <= MOST:
        return ".svg", drawn
    picture = page.pixels(2)
    for wide in range(WIDE, 300, -80):
        stream = io.BytesIO()
        small = picture.resize((wide, round(picture.height * wide / picture.width)), reducing_gap=3.0)
        small.save(stream, "WEBP", quality=60, method=4)
        if stream.tell() <= MOST:
            return ".webp", stream.getvalue()
    return "", b""


def main() -> int:
    """Write them beside this file, into classroom/."""
    home = Path(__file__).parent / "classroom"
    home.mkdir(exist_ok=True)
    failed = 0
    for name in sys.argv[1:] or SHOWN:
        ending, content = smallest(name)
        if content:
            (home / f"{name}{ending}").write_bytes(content)
        failed += not content
        print(f"{name}{ending}: {len(content) / 1000:.0f} kB" if content else f"{name}: more than {MOST // 1000} kB")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
