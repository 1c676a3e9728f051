"""Protobuf's wire format, read where it lies: nothing is copied, nothing recurses, and no size is believed before it has been
compared with the bytes that are there.

Own code, not the protobuf library: six small messages need no generated classes (which must match the runtime's version), and
the library copies every number of a file twice before anybody can look at its shape.
"""

from collections.abc import Iterator

from neocog.errors import UserError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 20_000  # of one message; the deepest published nets have a few thousand layers

Value = int | memoryview


def fields(data: memoryview, where: str) -> Iterator[tuple[int, int, Value]]:
    """(number, wire type, value) of each field of one message; bytes and fixed-width numbers come as views.

    Raises UserError, with `where`, for whatever is no message.
    """
    at, count = 0, 0
    while at < len(data):
        count += 1
        if count > MOST_FIELDS:
            raise UserError(f"{where}: more than {MOST_FIELDS} fields in one message")
        tag, at = varint(data, at, where)
        number, wire = tag >> 3, tag & 7
        if not 1 <= number < 1 << 29:
            raise UserError(f"{where}: damaged, or no protobuf: a field of number {number}")
        if wire == VARINT:
            value, at = varint(data, at, where)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, at = varint(data, at, where)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise UserError(f"{where}: damaged, or no protobuf: wire type {wire}")
        if length > len(data) - at:
            raise UserError(f"{where}: cut off or damaged: field {number} claims {length} bytes, {len(data) - at} are left")
        yield number, wire, data[at : at + length]
        at += length


def varint(data: memoryview, at: int, where: str) -> tuple[int, int]:
    """(a number of up to 64 bits, the place behind it)."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + i + 1
    if len(data) - at < 10 and all(byte >= 0x80 for byte in data[at:]):
        raise UserError(f"{where}: cut off in the middle of a number")
    raise UserError(f"{where}: damaged, or no protobuf: a number of more than 64 bits")


def packed_varints(data: memoryview, most: int, where: str) -> list[int]:
    """A packed list of at most `most` numbers."""
    out, at = [], 0
    while at < len(data):
        if len(out) == most:
            raise UserError(f"{where}: a list of more than {most} numbers")
        value, at = varint(data, at, where)
        out.append(value)
    return out


def text(value: Value, where: str) -> str:
    """A string field."""
    if isinstance(value, int):
        raise UserError(f"{where}: damaged: a number where a name should be")
    if len(value) > 4096:
        raise UserError(f"{where}: damaged: a name of {len(value)} bytes")
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{where}: damaged: a name that is no text") from None


def message(value: Value, where: str) -> memoryview:
    """A field that holds a message."""
    if isinstance(value, int):
        raise UserError(f"{where}: damaged: a number where a message should be")
    return value
