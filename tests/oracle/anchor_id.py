"""The id of an anchor, computed anew from its content.

First 26 characters of the lower-case Crockford base32 of the SHA-256 over RFC 8785 JSON of all fields but `id`,
`part` and `parts`; bytes as base64, longs as text. All parts' collections are joined before.

Invariant: which numbers are longs is read from the schema, never guessed from the values.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta, timezone

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LEFT_OUT = ("id", "part", "parts")


def crockford(data: bytes, characters: int) -> str:
    """The first characters of the base32 of `data`, from its highest bits."""
    bits = len(data) * 8
    number = int.from_bytes(data, "big")
    return "".join(_ALPHABET[number >> (bits - 5 * (at + 1)) & 31] for at in range(characters))


def milliseconds(value) -> int:
    """A timestamp-millis as the long that it is on the wire."""
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    return int(value)


class _Names:
    """Named types of a schema, as they come by."""

    def __init__(self):
        self.known: dict[str, dict] = {}

    def resolve(self, schema):
        if isinstance(schema, str) and schema in self.known:
            return self.known[schema]
        if isinstance(schema, dict) and schema.get("type") == "record":
            self.known[schema["name"]] = schema
            if "namespace" in schema:
                self.known[f"{schema['namespace']}.{schema['name']}"] = schema
            for field in schema["fields"]:
                self._walk(field["type"])
        return schema

    def _walk(self, schema):
        if isinstance(schema, list):
            for branch in schema:
                self._walk(branch)
        elif isinstance(schema, dict):
            self.resolve(schema)
            for part in ("items", "values"):
                if part in schema:
                    self._walk(schema[part])
            if isinstance(schema.get("type"), (dict, list)):
                self._walk(schema["type"])


def plain(value, schema, names: _Names | None = None):
    """An Avro value as the JSON that is hashed."""
    names = names or _Names()
    schema = names.resolve(schema)
    if isinstance(schema, list):
        if value is None:
            return None
        branches = [branch for branch in schema if branch != "null"]
        return plain(value, branches[0], names)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return plain(value, kind, names)
    match kind:
        case "record":
            return {field["name"]: plain(value[field["name"]], field["type"], names) for field in schema["fields"]}
        case "array":
            return [plain(item, schema["items"], names) for item in value]
        case "map":
            return {name: plain(item, schema["values"], names) for name, item in value.items()}
        case "long":
            return str(milliseconds(value))
        case "bytes":
            return base64.b64encode(value).decode()
        case "int" | "string" | "boolean" | "null":
            return value
        case _:
            raise AssertionError(f"no rule for {kind} in an anchor's id")


def canonical(content: dict) -> bytes:
    """RFC 8785 JSON of what `plain` gives: names sorted by UTF-16 code units, no white space, no escapes but owed."""

    def ordered(value):
        if isinstance(value, dict):
            return {name: ordered(value[name]) for name in sorted(value, key=lambda n: n.encode("utf-16-be"))}
        if isinstance(value, list):
            return [ordered(item) for item in value]
        return value

    return json.dumps(ordered(content), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def anchor_id(anchor: dict, schema: dict) -> str:
    """The id that an anchor, all parts joined, must carry."""
    content = plain(anchor, schema)
    for name in _LEFT_OUT:
        content.pop(name, None)
    return crockford(hashlib.sha256(canonical(content)).digest(), 26)
