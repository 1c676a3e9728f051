"""Protobuf's text format, in which Caffe's networks are written. Errors name the line and the column.

name: "LeNet"  layer { type: "Convolution" convolution_param { num_output: 20 kernel_size: [5, 5] } }
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from neocog.errors import UserError

LARGEST = 8 << 20  # bytes; ResNet-152's file has 98,034
DEEPEST = 32
MOST_TOKENS = 1_000_000

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f\v]+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>-?\s*(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?)(?![\w.])|-\s*(?:inf|nan)\w*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark>[{}<>\[\]:,;])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value as it is written: kind "string", "number" or "word" (an enum, true, false, inf, nan)."""

    kind: str
    text: str
    at: tuple[int, int]  # line, column


@dataclass(slots=True)
class Message:
    """Fields in the order of the file. Each may come several times. `where` is the file's name."""

    where: str
    name: str
    at: tuple[int, int]
    items: list[tuple[str, "Scalar | Message"]] = field(default_factory=list)

    def complain(self, what: str, at: tuple[int, int] | None = None) -> NoReturn:
        """Raises UserError with the place in the file."""
        line, column = at or self.at
        raise UserError(f"{self.where}: line {line}, column {column}: {what}")

    def __contains__(self, key: str) -> bool:
        return any(name == key for name, _ in self.items)

    def only(self, *known: str) -> None:
        """Raises UserError for a field that nobody here would act upon: silence would change the network."""
        for name, value in self.items:
            if name not in known:
                self.complain(f"{self.name} has a field '{name}' that neocog does not know", value.at)

    def messages(self, key: str) -> list["Message"]:
        """Every message of this name."""
        found = [value for name, value in self.items if name == key]
        for value in found:
            if isinstance(value, Scalar):
                self.complain(f"{key} should be {{ … }}, not {value.text[:40]}", value.at)
        return [value for value in found if isinstance(value, Message)]

    def message(self, key: str) -> "Message":
        """The message of this name; an empty one if there is none. Several are merged, as protobuf does."""
        found = self.messages(key)
        if len(found) == 1:
            return found[0]
        at = found[0].at if found else self.at
        return Message(self.where, key, at, [item for part in found for item in part.items])

    def scalars(self, key: str) -> list[Scalar]:
        """Every scalar of this name."""
        found = [value for name, value in self.items if name == key]
        for value in found:
            if isinstance(value, Message):
                self.complain(f"{key} should be one value, not {{ … }}", value.at)
        return [value for value in found if isinstance(value, Scalar)]

    def _last(self, key: str) -> Scalar | None:
        found = self.scalars(key)
        return found[-1] if found else None  # protobuf: the last one holds

    def texts(self, key: str) -> list[str]:
        """Every string of this name."""
        return [self._string(key, value) for value in self.scalars(key)]

    def text(self, key: str, default: str = "") -> str:
        """The string of this name."""
        value = self._last(key)
        return default if value is None else self._string(key, value)

    def word(self, key: str, default: str) -> str:
        """The enum of this name."""
        value = self._last(key)
        if value is not None and value.kind == "string":
            self.complain(f"{key} is one word without quotation marks", value.at)
        return default if value is None else value.text

    def flag(self, key: str, default: bool) -> bool:
        """The bool of this name."""
        value = self._last(key)
        if value is None:
            return default
        if value.text in ("true", "True", "t", "1"):
            return True
        if value.text in ("false", "False", "f", "0"):
            return False
        return self.complain(f"{key} is true or false, not {value.text[:40]}", value.at)

    def whole(self, key: str, default: int, least: int = 0) -> int:
        """The whole number of this name."""
        value = self._last(key)
        return default if value is None else self._whole(key, value, least)

    def wholes(self, key: str, least: int = 0) -> list[int]:
        """Every whole number of this name."""
        return [self._whole(key, value, least) for value in self.scalars(key)]

    def number(self, key: str, default: float) -> float:
        """The number of this name, finite."""
        value = self._last(key)
        return default if value is None else self._number(key, value)

    def numbers(self, key: str) -> list[float]:
        """Every number of this name, finite."""
        return [self._number(key, value) for value in self.scalars(key)]

    def _string(self, key: str, value: Scalar) -> str:
        if value.kind != "string":
            self.complain(f"{key} is a text in quotation marks, not {value.text[:40]}", value.at)
        return value.text

    def _whole(self, key: str, value: Scalar, least: int) -> int:
        if value.kind != "number" or len(value.text) > 24:
            self.complain(f"{key} is a whole number, not {value.text[:40]}", value.at)
        text = value.text.replace(" ", "")
        digits = text.lstrip("-")
        try:
            number = int(text, 16 if digits[:2] in ("0x", "0X") else 8 if digits[:1] == "0" else 10)
        except ValueError:
            self.complain(f"{key} is a whole number, not {text}", value.at)
        if not least <= number < 1 << 31:
            self.complain(f"{key} is from {least} up to 2147483647, not {number}", value.at)
        return number

    def _number(self, key: str, value: Scalar) -> float:
        text = value.text.replace(" ", "").rstrip("fF")
        try:
            number = float(int(text, 16)) if "x" in text.lower() else float(text)
        except (ValueError, OverflowError):
            self.complain(f"{key} is a number, not {value.text[:40]}", value.at)
        if value.kind == "string" or not math.isfinite(number):
            self.complain(f"{key} is a number, not {value.text[:40]}", value.at)
        return number


def parse(text: str, where: str) -> Message:
    """The message that a file holds."""
    if len(text) > LARGEST:
        raise UserError(f"{where}: {len(text)} characters; a network's definition has no more than {LARGEST}")
    root = Message(where, "network", (1, 1))
    tokens = _Tokens(text, root)
    _fields(tokens, root, "", 0)
    return root


def _fields(tokens: "_Tokens", into: Message, close: str, depth: int) -> None:
    """The fields of one message up to its closing bracket; `depth` messages are open around it."""
    if depth > DEEPEST:
        into.complain(f"messages in messages, more than {DEEPEST} deep", tokens.at)
    while True:
        if tokens.kind == "end" and not close:
            return
        if tokens.kind == "mark" and tokens.text == close:
            tokens.next()
            return
        if tokens.kind != "word":
            missing = f"; '{into.name}' of line {into.at[0]} is not closed" if tokens.kind == "end" else ""
            into.complain(f"a field's name should be here, not {tokens.shown}{missing}", tokens.at)
        key, at = tokens.text, tokens.at
        tokens.next()
        colon = tokens.take(":")
        if tokens.take("["):
            while not tokens.take("]"):
                into.items.append((key, _value(tokens, into, key, at, True, depth)))
                if not tokens.take(",") and not (tokens.kind == "mark" and tokens.text == "]"):
                    into.complain(f"a comma or ] should be here, not {tokens.shown}", tokens.at)
        else:
            into.items.append((key, _value(tokens, into, key, at, colon, depth)))
        _ = tokens.take(",") or tokens.take(";")


def _value(tokens: "_Tokens", into: Message, key: str, at: tuple[int, int], colon: bool, depth: int) -> "Scalar | Message":
    for opening, closing in (("{", "}"), ("<", ">")):
        if tokens.take(opening):
            inner = Message(into.where, key, at)
            _fields(tokens, inner, closing, depth + 1)
            return inner
    if not colon:
        into.complain(f"a colon or {{ should follow '{key}', not {tokens.shown}", tokens.at)
    if tokens.kind not in ("string", "number", "word"):
        into.complain(f"a value should follow '{key}', not {tokens.shown}", tokens.at)
    kind, text, start = tokens.kind, tokens.text, tokens.at
    tokens.next()
    if kind == "string":
        text = _unquoted(text)
        while tokens.kind == "string":  # neighbours are one text
            text += _unquoted(tokens.text)
            tokens.next()
    return Scalar(kind, text, start)


def _unquoted(token: str) -> str:
    def one(match: re.Match) -> str:
        code = str(match.group(1))
        if code[0] in "xX" and len(code) > 1:
            return chr(int(code[1:], 16))
        if code[0] in "01234567":
            return chr(int(code, 8))
        return _ESCAPES.get(code, code)

    return re.sub(r"\\([xX][0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", one, token[1:-1])


class _Tokens:
    """One token at a time, with its place."""

    def __init__(self, text: str, root: Message):
        self.source = self._scan(text, root)
        self.kind = self.text = ""
        self.at = (1, 1)
        self.next()

    @staticmethod
    def _scan(text: str, root: Message) -> Iterator[tuple[str, str, tuple[int, int]]]:
        place, line, start, count = 0, 1, 0, 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            here = (line, place - start + 1)
            if match is None:
                root.complain(f"{text[place]!r} has no meaning here", here)
            kind, token = match.lastgroup or "", match.group()
            if kind != "space":
                count += 1
                if count > MOST_TOKENS:
                    root.complain("too long to be a network", here)
                yield kind, token, here
            if "\n" in token:
                line += token.count("\n")
                start = place + token.rindex("\n") + 1
            place = match.end()
        yield "end", "", (line, place - start + 1)

    def next(self) -> None:
        self.kind, self.text, self.at = next(self.source)

    def take(self, mark: str) -> bool:
        """Whether this mark is here; it is passed over."""
        if self.kind == "mark" and self.text == mark:
            self.next()
            return True
        return False

    @property
    def shown(self) -> str:
        return "the end of the file" if self.kind == "end" else f"'{self.text[:40]}'"
