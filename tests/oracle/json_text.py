"""Records that are JSON text, read by Python's json: what the page on types says of text, turned back into what a
deserializer of Avro would have given, by the schema that the anchor names.

Invariants: names and their order are the schema's, and nothing more stands there; a text that is not the one text of its
value raises `NotTheText`: a date is ISO 8601 in UTC, bytes are base64, a double that JSON has no number for is its name.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from .keys import is_json

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?Z")
_NO_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class NotTheText(AssertionError):
    """A text that the page on types does not allow for its type."""


def is_text(data: bytes | None) -> bool:
    """Whether bytes of a record are JSON text: Avro's begin with a zero."""
    return data is not None and data[:1] == b"{"


def parsed(data: bytes):
    """The JSON, strictly: UTF-8, no name twice, no NaN outside of quotes."""

    def refuse(word):
        raise NotTheText(f"{word} is no JSON")

    def pairs(members):
        names = [name for name, _ in members]
        if len(names) != len(set(names)):
            raise NotTheText(f"a name twice: {names}")
        return dict(members)

    return json.loads(data.decode("utf-8"), parse_constant=refuse, object_pairs_hook=pairs)


def names(schema: dict) -> list[str]:
    """The names that a record's text must have, in their order."""
    return [field["name"] for field in schema["fields"]]


def value(found, schema, named: dict | None = None, space: str = ""):
    """What the text says, as a deserializer of Avro gives it."""
    named = {} if named is None else named
    if isinstance(schema, list):
        inner = [part for part in schema if part != "null"]
        if found is None:
            return None
        schema = inner[0]
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return value(found, kind, named, space)
    match kind:
        case "record":
            space = schema.get("namespace", space)
            named[schema["name"]] = named[f"{space}.{schema['name']}"] = schema
            if not isinstance(found, dict) or list(found) != names(schema):
                raise NotTheText(f"{list(found) if isinstance(found, dict) else found!r} where {names(schema)} belong")
            return {field["name"]: value(found[field["name"]], field["type"], named, space) for field in schema["fields"]}
        case "array":
            return [value(item, schema["items"], named, space) for item in _of(list, found)]
        case "map":
            return {name: value(item, schema["values"], named, space) for name, item in _of(dict, found).items()}
        case "string" if is_json(schema):
            # It stands in its place; as Avro it is a string of it.
            return json.dumps(found, ensure_ascii=False)
        case "string":
            return _of(str, found)
        case "long" if isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis":
            return instant(_of(str, found))
        case "long" | "int":
            return _of(int, found)
        case "float" | "double":
            if isinstance(found, str) and found in _NO_NUMBERS:
                return _NO_NUMBERS[found]
            return _of(float, found)
        case "boolean":
            return _of(bool, found)
        case "bytes" if isinstance(schema, dict) and schema.get("logicalType") == "decimal":
            if not re.fullmatch(rf"-?\d+\.\d{{{schema['scale']}}}" if schema.get("scale") else r"-?\d+", _of(str, found)):
                raise NotTheText(f"{found!r} as a decimal of scale {schema.get('scale')}")
            return Decimal(found)
        case "bytes":
            return base64.b64decode(_of(str, found), validate=True)
    raise NotTheText(f"no rule for {kind}")


def instant(text: str) -> int:
    """Milliseconds since 1970 of an instant, which has a fraction only where it is not zero."""
    match = _INSTANT.fullmatch(text)
    if not match or match[7] == "000":
        raise NotTheText(f"{text!r} as an instant")
    whole = datetime(*map(int, match.groups()[:6]), tzinfo=timezone.utc)
    return (whole - _EPOCH) // timedelta(milliseconds=1) + int(match[7] or 0)


def _of(kind: type, found):
    if type(found) is not kind:
        raise NotTheText(f"{found!r} where {kind.__name__} belongs")
    return found
