"""What an `_id` becomes in a record's key, stated from the page on types.

The key schema has one field, `_id`. Its Avro type and its `bson.type` say which rule holds: an ObjectId as hex, a
string as it is, whole numbers as long, a date as timestamp-millis, and any mix of types as compact relaxed
Extended JSON in which numbers that the server holds equal share one text.

Invariants: `1`, `1L` and `1.0` give one key; an ObjectId and a string of the same hex give two, wherever both may
occur; a value outside the rule raises `Unfit`, and is never bent into shape.
"""

from __future__ import annotations

import base64
import json
import uuid
from decimal import Context, Decimal
from fractions import Fraction

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from .anchor_id import milliseconds
from .extended_json import structure


class Unfit(Exception):
    """The value has no place in this schema."""


def exact_number(value) -> Fraction | str:
    """A number as the server compares it: by value, exactly; NaN and the infinities by name."""
    if isinstance(value, Decimal128):
        decimal = value.to_decimal()
        if decimal.is_nan():
            return "NaN"
        if decimal.is_infinite():
            return "Infinity" if decimal > 0 else "-Infinity"
        return Fraction(decimal)
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
    return Fraction(value)


def is_number(value) -> bool:
    return isinstance(value, (int, float, Decimal128)) and not isinstance(value, bool)


def identity(value):
    """A hashable that is equal exactly for `_id`s that the server's unique index holds equal."""
    if is_number(value):
        return ("number", exact_number(value))
    if isinstance(value, dict):
        return ("document", tuple((name, identity(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(identity, value)))
    return (type(value).__name__, repr(value))


def number_text(value) -> str:
    """One text for all numbers that are equal: bare digits, else the shortest exact double, else a decimal."""
    number = exact_number(value)
    if isinstance(number, str):
        return json.dumps({"$numberDouble": number}, separators=(",", ":"))
    if number.denominator == 1:
        return str(number.numerator)
    try:
        nearest = number.numerator / number.denominator
    except OverflowError:
        nearest = float("inf")
    if Fraction(nearest) == number if nearest not in (float("inf"), float("-inf")) else False:
        return repr(nearest)
    return json.dumps({"$numberDecimal": plain_decimal(value, normalised=True)}, separators=(",", ":"))


def plain_decimal(value, normalised: bool = False) -> str:
    """A decimal128 in plain notation: no exponent; trailing zeros stay unless `normalised`."""
    decimal = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
    if decimal.is_nan():
        return "NaN"
    if decimal.is_infinite():
        return "Infinity" if decimal > 0 else "-Infinity"
    if normalised:
        decimal = decimal.normalize(Context(prec=40))
    return format(decimal, "f")


def scientific(value: Decimal128) -> str:
    """A decimal that is neither whole nor a double: its digits, `E` and an exponent, so that it meets no double's text."""
    sign, digits, exponent = value.to_decimal().normalize(Context(prec=40)).as_tuple()
    return f"{'-' if sign else ''}{''.join(map(str, digits))}E{exponent}"


def json_text(value) -> str:
    """Compact relaxed Extended JSON, equal numbers with one text."""
    if is_number(value):
        return number_text(value)
    if isinstance(value, dict):
        inner = (f"{json.dumps(name, ensure_ascii=False)}:{json_text(item)}" for name, item in value.items())
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return json.dumps(structure(value), ensure_ascii=False, separators=(",", ":"))


def kinds(field: dict) -> set[str]:
    """The BSON types that a field of a registered schema says it accepts, lower case; empty where it says none."""
    text = field.get("bson.type")
    if text is None and isinstance(field.get("type"), dict):
        text = field["type"].get("bson.type")
    return {kind.strip().lower() for kind in (text or "").split("|") if kind.strip()}


def is_json(schema) -> bool:
    return isinstance(schema, dict) and schema.get("connect.name") == "io.debezium.data.Json"


def _single_text(value, accepted: set[str]):
    """A key of type string for one kind of `_id`."""
    if isinstance(value, ObjectId) and accepted <= {"objectid"}:
        return str(value)
    if isinstance(value, Binary):
        if value.subtype == 4:
            return str(uuid.UUID(bytes=bytes(value)))
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, str) and accepted <= {"string", "symbol"}:
        return str(value)
    if is_number(value):
        text = number_text(value)
        if not text.startswith("{"):
            return text
        number = exact_number(value)
        return number if isinstance(number, str) else scientific(value)
    raise Unfit(f"{value!r} as a key of {sorted(accepted)}")


def expected(value, key_schema: dict):
    """What the key's `_id` must be, as the deserializer gives it."""
    field = key_schema["fields"][0]
    schema = field["type"]
    accepted = kinds(field)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "long":
        if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis":
            if not isinstance(value, DatetimeMS):
                raise Unfit(f"{value!r} as a date")
            return int(value)
        number = exact_number(value) if is_number(value) else None
        if not isinstance(number, Fraction) or number.denominator != 1 or not -(2**63) <= number < 2**63:
            raise Unfit(f"{value!r} as a long")
        return int(number)
    if kind == "string":
        if is_json(schema) or "any" in accepted or len(accepted) > 1 and not accepted <= NUMBERS:
            return json_text(value)
        return _single_text(value, accepted)
    if kind == "record":
        if not isinstance(value, dict):
            raise Unfit(f"{value!r} as a document")
        names = [inner.get("bson.name", inner["name"]) for inner in schema["fields"]]
        if list(value) != names:
            raise Unfit(f"fields {list(value)} in another order than {names}")
        return {i["name"]: expected(value[n], {"fields": [i]}) for i, n in zip(schema["fields"], names)}
    raise Unfit(f"a key of type {kind}")


NUMBERS = {"int32", "int64", "double", "decimal128"}


def seen(key: dict):
    """The key's `_id` as the deserializer gave it, dates as milliseconds and UUIDs as text."""
    value = key["_id"]
    if isinstance(value, uuid.UUID):
        return str(value)
    return milliseconds(value) if hasattr(value, "tzinfo") else value
