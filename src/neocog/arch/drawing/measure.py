"""How wide a piece of text is at most. There is no font to ask, so the widths of the usual ones are kept here."""

# Hundredths of the font's size: for each character the wider of Liberation Sans (Arial, Helvetica) and DejaVu Sans,
# rounded up, so that a label that fits here fits with either.
_WIDTHS = {
    28: "'ijl", 32: " ,.I·", 36: "/:;\\f|", 40: "()-[]t", 44: "!r", 48: '"', 52: "*J`", 56: "?L_csz–", 60: "kvxy",
    64: "$0123456789FTabdeghnopqu{}σ", 68: "EKPSY", 72: "ABVXZ", 76: "CHNRU", 80: "&DGOQ", 84: "#+<=>^w~×−", 88: "M",
    96: "%", 100: "Wm…→", 104: "@",
}  # fmt: skip
_OF = {char: width for width, chars in _WIDTHS.items() for char in chars}
BOLD = 1.12
BIG, SMALL = 12, 10  # the fonts' sizes in pixels; nothing is smaller
LINE = {BIG: 15, SMALL: 13}
"""The height of a line of text."""


def width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that `text` takes at most at this font size."""
    return sum(_OF.get(char, 104) for char in text) * size / 100 * (BOLD if bold else 1.0)


def clip(text: str, size: float, room: float) -> str:
    """`text`, its end cut to "…" where it is wider than `room`."""
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip(" ,·") + "…"


def wrap(words: list[str], joint: str, size: float, room: float) -> list[str]:
    """The words joined into as few lines as hold them; a word wider than the room has a line of its own."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{joint}{word}" if lines else word
        if lines and width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
