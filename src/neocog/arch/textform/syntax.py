"""A line of text to a tree of layers and groups, and back. What the words mean is for `vocabulary`.

    line   = "INPUT" option* item*
    item   = (word option* | "[" item* "]") ("*" number | "?")*

Words are the vocabulary's, large or small; every other word is an option of the layer before it. Arrows (->, =>, →, ⇒),
commas and spaces separate, and may be left out where nothing runs together.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from neocog.errors import UserError, nearest

LONGEST = 20_000  # characters
DEEPEST = 20  # groups in groups
REPEATS = 1_000
_TOKEN = re.compile(r"(?P<skip>\s+|->|=>|[→⇒,])|(?P<mark>[\[\]*?])|(?P<word>(?:(?!->|=>)[^\s\[\]*?,→⇒])+)")


class TextError(UserError):
    """What is wrong with a network in the text form; `column` counts from 1. The note is the line with a caret under it."""

    def __init__(self, text: str, column: int, message: str):
        super().__init__(f"column {column}: {message}")
        self.column = column
        start = max(0, column - 60)
        shown = re.sub(r"[^\S ]|[\x00-\x1f]", " ", text[start : start + 100])
        self.add_note(f"  {shown}\n  {' ' * (column - 1 - start)}^")


class Token(NamedTuple):
    """A word or a mark, and where it begins."""

    text: str
    column: int


@dataclass(frozen=True)
class Layer:
    """One layer: its word in capitals and its options as written."""

    word: str
    options: tuple[Token, ...]
    column: int


@dataclass(frozen=True)
class Group:
    """Items `times` times over; `optional`: all of that where it fits, else nothing."""

    items: "tuple[Layer | Group, ...]"
    times: int
    optional: bool
    column: int


@dataclass(frozen=True)
class Line:
    """A whole line: INPUT and what follows."""

    text: str
    input: Layer
    items: tuple[Layer | Group, ...]

    @property
    def end(self) -> int:
        """The column behind the last character."""
        return len(self.text.rstrip()) + 1


def read(text: str, words: Iterable[str]) -> Line:
    """The tree of a line. Raises TextError."""
    return _Reader(text, frozenset(words)).line()


def write(items: Iterable[Layer | Group]) -> str:
    """The items as a line: one space between words, capitals for layers."""
    out = []
    for item in items:
        if isinstance(item, Layer):
            out.append(" ".join([item.word, *(option.text.lower() for option in item.options)]))
            continue
        inside = write(item.items)
        plain = len(item.items) == 1 and isinstance(item.items[0], Layer)
        suffix = ("" if item.times == 1 else f"*{item.times}") + ("?" if item.optional else "")
        out.append(f"[{inside}]{suffix}" if suffix and not plain else inside + suffix)
    return " ".join(out)


class _Reader:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, words: frozenset[str]):
        self.text, self.words = text, words
        if len(text) > LONGEST:
            raise TextError(text, LONGEST, f"a network's line has at most {LONGEST:,} characters, not {len(text):,}")
        self.tokens = [Token(m.group(), m.start() + 1) for m in _TOKEN.finditer(text) if m.lastgroup != "skip"]
        self.at = 0

    def fail(self, column: int, message: str) -> TextError:
        return TextError(self.text, column, message)

    @property
    def next(self) -> Token:
        """The token to read; an empty one behind the end."""
        end = Token("", max(1, len(self.text.rstrip()) + 1))
        return self.tokens[self.at] if self.at < len(self.tokens) else end

    def line(self) -> Line:
        first = self.next
        if first.text.upper() != "INPUT":
            raise self.fail(first.column, "a network's line begins with INPUT, such as INPUT 3x32x32")
        picture = self.layer()
        items = self.items(0)
        if self.next.text:
            raise self.fail(self.next.column, "this ] closes no [")
        return Line(self.text, picture, items)

    def items(self, depth: int) -> tuple[Layer | Group, ...]:
        out = []
        while self.next.text not in ("", "]"):
            out.append(self.item(depth))
        return tuple(out)

    def item(self, depth: int) -> Layer | Group:
        token = self.next
        if token.text in ("*", "?"):
            raise self.fail(token.column, f"'{token.text}' stands behind a layer or a group, and here is none")
        found: Layer | Group = self.group(depth) if token.text == "[" else self.layer()
        while self.next.text in ("*", "?"):
            mark = self.next
            self.at += 1
            if mark.text == "?":
                found = Group((found,), 1, True, found.column)
            else:
                found = Group((found,), self.number(), False, found.column)
        return _flat(found)

    def group(self, depth: int) -> Group:
        opening = self.next
        if depth >= DEEPEST:
            raise self.fail(opening.column, f"groups lie at most {DEEPEST} deep")
        self.at += 1
        inside = self.items(depth + 1)
        if self.next.text != "]":
            raise self.fail(opening.column, "this [ is never closed")
        if not inside:
            raise self.fail(opening.column, "there is nothing in this group")
        self.at += 1
        return Group(inside, 1, False, opening.column)

    def number(self) -> int:
        token = self.next
        if not re.fullmatch("[0-9]{1,6}", token.text):
            said = f", not '{token.text}'" if token.text else ""
            letter = f"; {token.text} stands for a number in the pattern" if re.fullmatch("[NMKnmk]", token.text) else ""
            raise self.fail(token.column, f"behind * comes how many times, such as *2{said}{letter}")
        if int(token.text) > REPEATS:
            raise self.fail(token.column, f"at most {REPEATS:,} times, not {int(token.text):,}")
        self.at += 1
        return int(token.text)

    def layer(self) -> Layer:
        name = self.next
        word = name.text.upper()
        if word not in self.words or (word == "INPUT" and self.at):
            raise self.fail(name.column, self.unknown(name.text))
        self.at += 1
        options = []
        while (token := self.next).text not in ("", "[", "]", "*", "?") and token.text.upper() not in self.words:
            options.append(token._replace(text=token.text.lower().replace("×", "x")))
            self.at += 1
        return Layer(word, tuple(options), name.column)

    def unknown(self, text: str) -> str:
        if text.upper() == "INPUT":
            return "INPUT stands once, at the beginning"
        behind = self.at and self.tokens[self.at - 1].text in ("*", "?", "]")
        if behind or not text[0].isalpha():
            return f"'{text}' is no layer; options stand right behind their layer, before * and ?"
        return f"'{text}' is no layer" + offer(text, self.words)


def offer(text: str, words: Iterable[str]) -> str:
    """What the user may have meant."""
    known = sorted(set(words) - {"INPUT"})
    near = nearest(text, known)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"


def _flat(item: Layer | Group) -> Layer | Group:
    """A group that holds only a group, as one where that says the same."""
    while isinstance(item, Group) and len(item.items) == 1 and isinstance(inner := item.items[0], Group):
        if item.times == 1:
            item = Group(inner.items, inner.times, item.optional or inner.optional, item.column)
        elif inner.times == 1 and not inner.optional:
            item = Group(inner.items, item.times, item.optional, item.column)
        else:
            break
    return item
