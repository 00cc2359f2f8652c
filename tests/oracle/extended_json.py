"""Extended JSON v2 as Python structures, written from its public specification.

Invariants: the result holds only what `json.loads` gives, so it can be compared with a parsed text; the order
of a document's fields is kept and compared; an integer is never equal to a double.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime, timedelta, timezone

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from .raw_bson import DBPointer, RegexText, Symbol, Undefined

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LAST_RELAXED_MS = 253402300799999


def _double(value: float, relaxed: bool):
    if math.isnan(value):
        return {"$numberDouble": "NaN"}
    if math.isinf(value):
        return {"$numberDouble": "Infinity" if value > 0 else "-Infinity"}
    return value if relaxed else {"$numberDouble": float(value)}


def _date(milliseconds: int, relaxed: bool):
    if relaxed and 0 <= milliseconds <= _LAST_RELAXED_MS:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
        fraction = f".{milliseconds % 1000:03d}" if milliseconds % 1000 else ""
        return {"$date": f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z".rjust(20 + len(fraction), "0")}
    return {"$date": {"$numberLong": str(milliseconds)}}


def structure(value, relaxed: bool = True):
    """Gives a BSON value's Extended JSON as dicts, lists and scalars."""
    match value:
        case None | bool():
            return value
        case Undefined():
            return {"$undefined": True}
        case Symbol():
            return {"$symbol": str(value)}
        case Code():
            if value.scope is None:
                return {"$code": str(value)}
            return {"$code": str(value), "$scope": structure(dict(value.scope), relaxed)}
        case str():
            return value
        case Int64():
            return int(value) if relaxed else {"$numberLong": str(int(value))}
        case int():
            return value if relaxed else {"$numberInt": str(value)}
        case float():
            return _double(value, relaxed)
        case DatetimeMS():
            return _date(int(value), relaxed)
        case Binary():
            content = base64.b64encode(bytes(value)).decode()
            return {"$binary": {"base64": content, "subType": f"{value.subtype:02x}"}}
        case ObjectId():
            return {"$oid": str(value)}
        case Decimal128():
            return {"$numberDecimal": str(value)}
        case RegexText():
            return {"$regularExpression": {"pattern": value.pattern, "options": value.options}}
        case Timestamp():
            return {"$timestamp": {"t": value.time, "i": value.inc}}
        case DBPointer():
            return {"$dbPointer": {"$ref": value.namespace, "$id": {"$oid": str(value.identifier)}}}
        case MinKey():
            return {"$minKey": 1}
        case MaxKey():
            return {"$maxKey": 1}
        case dict():
            return {name: structure(inner, relaxed) for name, inner in value.items()}
        case list():
            return [structure(inner, relaxed) for inner in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no Extended JSON")


def same(left, right) -> bool:
    """Compares two structures: order of fields counts, integers and doubles differ, NaN is not to be met."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def relaxed_text_holds(text: str, value) -> bool:
    """Is `text` the relaxed Extended JSON of a BSON value?"""
    try:
        parsed = json.loads(text)
    except ValueError:
        return False
    return same(parsed, structure(value))


def _canonical(value):
    """Doubles of canonical form are compared as numbers: how many digits are printed is the writer's."""
    if isinstance(value, dict):
        if set(value) == {"$numberDouble"}:
            return ("double", repr(float(str(value["$numberDouble"]).replace("Infinity", "inf"))))
        if set(value) == {"$uuid"}:
            content = bytes.fromhex(value["$uuid"].replace("-", ""))
            return _canonical({"$binary": {"base64": base64.b64encode(content).decode(), "subType": "04"}})
        return ("document", tuple((name, _canonical(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_canonical, value)))
    return (type(value).__name__, value)


def canonical_text_holds(text: str, value) -> bool:
    """Is `text` the canonical Extended JSON of a BSON value?"""
    try:
        parsed = json.loads(text)
    except ValueError:
        return False
    return _canonical(parsed) == _canonical(structure(value, relaxed=False))
