"""A font for pixels: the system's, where there is one that knows the field's signs, else Pillow's own with plainer words."""

import re
from functools import cache

from PIL import ImageFont

KNOWN = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc")
_PLAIN = {
    "×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "→": "->", "←": "<-", "↑": "^", "↓": "v", "•": "·", "≥": ">=",
    "≤": "<=", "≈": "~", "∞": "inf", "√": "sqrt ", "Σ": "sum ", "Π": "prod ", "∂": "d", "½": "1/2", "¼": "1/4", "∗": "*",
    "⊙": "(.)", "ᵀ": "^T", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "Δ": "delta ", "ε": "eps", "η": "eta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "φ": "phi", "ω": "omega", "✓": "yes",
}  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _name() -> str | None:
    for name in KNOWN:
        try:
            ImageFont.truetype(name, 12)
        except OSError:
            continue
        return name
    return None


@cache
def font(size: float) -> Font:
    """A font of `size` pixels."""
    name = _name()
    return ImageFont.truetype(name, size) if name else ImageFont.load_default(size)


def words_for(font: Font, words: str) -> str:
    """The words as this font can write them: Pillow's own has neither × nor Greek nor raised digits."""
    if isinstance(font, ImageFont.FreeTypeFont) and _name():
        return words
    words = re.sub(f"[{_RAISED}]+", lambda m: "^" + "".join("0123456789-"[_RAISED.index(c)] for c in m[0]), words)
    return words.translate(str.maketrans(_PLAIN))
