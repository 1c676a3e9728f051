"""A line of text that is a network: `INPUT 3x32x32 [[CONV 32 RELU]*2 POOL]*3 [FC 128 RELU]*1 FC 10`.

The pattern INPUT → [[CONV → RELU]*N → POOL?]*M → [FC → RELU]*K → FC of Stanford's CS231n notes, made exact. `parse` gives the
network, `to_text` the line of any chain.
"""

from neocog.arch.textform.build import INPUT, canonical, input_of, parse, to_text
from neocog.arch.textform.build import TOKENS as _TOKENS
from neocog.arch.textform.syntax import Line, TextError
from neocog.arch.textform.syntax import read as _read

__all__ = ["INPUT", "Line", "TextError", "canonical", "input_of", "parse", "read", "to_text"]


def read(text: str) -> Line:
    """The line as a tree, before sizes are known. Raises TextError."""
    return _read(text, _TOKENS)
