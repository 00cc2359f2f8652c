"""BSON bytes to Python values, with nothing lost: a decoder of our own.

pymongo's decoder turns symbols into strings, undefined into null, `{$ref, $id}` into DBRef objects and
legacy binaries into UUIDs. A checker that compares types must see them as they are stored.

Invariants: int32 is `int`, int64 is `Int64`; dates are `DatetimeMS`, so that year 292000000 is one; binary
subtype 2 has its inner length removed; of a key that stands twice the last one wins, in the first's place.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")


class Symbol(str):
    """A BSON symbol (deprecated); text to everyone who reads it."""

    __slots__ = ()


@dataclass(frozen=True)
class Undefined:
    """BSON undefined (deprecated)."""


@dataclass(frozen=True)
class DBPointer:
    """A BSON DBPointer (deprecated)."""

    namespace: str
    identifier: ObjectId


class InvalidText(bytes):
    """A BSON string that is no UTF-8: kept as bytes, since nothing may replace it in silence."""


def _text(raw: bytes):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return InvalidText(raw)


def _string(data: bytes, at: int):
    length = _INT32.unpack_from(data, at)[0]
    return _text(data[at + 4 : at + 3 + length]), at + 4 + length


def _name(data: bytes, at: int):
    end = data.index(0, at)
    return _text(data[at:end]), end + 1


def _binary(data: bytes, at: int):
    length = _INT32.unpack_from(data, at)[0]
    subtype = data[at + 4]
    content = data[at + 5 : at + 5 + length]
    if subtype == 2:
        content = content[4:]
    return Binary(content, subtype), at + 5 + length


def _code_with_scope(data: bytes, at: int):
    length = _INT32.unpack_from(data, at)[0]
    code, scope_at = _string(data, at + 4)
    scope, _ = _document(data, scope_at)
    return Code(code, scope), at + length


def _regex(data: bytes, at: int):
    pattern, at = _name(data, at)
    options, at = _name(data, at)
    return (pattern, options), at


def _document(data: bytes, at: int):
    length = _INT32.unpack_from(data, at)[0]
    end = at + length - 1
    at += 4
    result: dict = {}
    while at < end:
        kind = data[at]
        name, at = _name(data, at + 1)
        result[name], at = _value(data, at, kind)
    return result, end + 1


def _value(data: bytes, at: int, kind: int):
    match kind:
        case 0x01:
            return _DOUBLE.unpack_from(data, at)[0], at + 8
        case 0x02:
            return _string(data, at)
        case 0x03:
            return _document(data, at)
        case 0x04:
            items, at = _document(data, at)
            return list(items.values()), at
        case 0x05:
            return _binary(data, at)
        case 0x06:
            return Undefined(), at
        case 0x07:
            return ObjectId(data[at : at + 12]), at + 12
        case 0x08:
            return data[at] == 1, at + 1
        case 0x09:
            return DatetimeMS(_INT64.unpack_from(data, at)[0]), at + 8
        case 0x0A:
            return None, at
        case 0x0B:
            (pattern, options), at = _regex(data, at)
            return RegexText(pattern, options), at
        case 0x0C:
            namespace, at = _string(data, at)
            return DBPointer(namespace, ObjectId(data[at : at + 12])), at + 12
        case 0x0D:
            code, at = _string(data, at)
            return Code(code), at
        case 0x0E:
            text, at = _string(data, at)
            return Symbol(text), at
        case 0x0F:
            return _code_with_scope(data, at)
        case 0x10:
            return _INT32.unpack_from(data, at)[0], at + 4
        case 0x11:
            increment, seconds = struct.unpack_from("<II", data, at)
            return Timestamp(seconds, increment), at + 8
        case 0x12:
            return Int64(_INT64.unpack_from(data, at)[0]), at + 8
        case 0x13:
            return Decimal128.from_bid(data[at : at + 16]), at + 16
        case 0xFF:
            return MinKey(), at
        case 0x7F:
            return MaxKey(), at
        case _:
            raise ValueError(f"BSON type 0x{kind:02x} is unknown")


@dataclass(frozen=True)
class RegexText:
    """A regular expression as it is stored: options stay the letters that the server keeps."""

    pattern: str
    options: str

    def to_bson(self) -> Regex:
        return Regex(self.pattern, self.options)


def decode(data: bytes) -> dict:
    """Decodes one document."""
    document, end = _document(data, 0)
    if end != len(data):
        raise ValueError("bytes after the document")
    return document
