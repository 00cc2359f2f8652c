"""What a document becomes under a registered value schema (`output.format=document`), stated from the page on types.

Which rule holds for a field is read from the schema: its Avro type, `connect.name`, `bson.type`, and `bson.name`
for the name at the source. Fields that the schema does not have must stand in `__spill`, by path.

Invariants: missing, null and undefined are null; a value whose type the schema cannot hold raises `Unfit` (the
product sends such a document to quarantine), and nothing is ever bent into another type to make it fit.
"""

from __future__ import annotations

import json
import re
import struct
import uuid
from decimal import Decimal

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from .anchor_id import milliseconds
from .extended_json import relaxed_text_holds, structure
from .keys import Unfit, is_json, is_number, kinds, plain_decimal
from .keys import expected as key_datum
from .raw_bson import InvalidText, Symbol, Undefined

METADATA = ("__op", "__deleted", "__ts_ms", "__cluster_time", "__seq", "__image_time", "__snapshot", "__missing", "__spill")
_FIRST_DATE_MS, _LAST_DATE_MS = -62135596800000, 253402300799999


class Text(str):
    """The BSON value behind an `any` field; compared after parsing."""

    source: object

    def __new__(cls, source):
        made = super().__new__(cls, json.dumps(structure(source), ensure_ascii=False))
        made.source = source
        return made


def branch(schema):
    """The type in `["null", T]`, and whether null is allowed."""
    if isinstance(schema, list):
        inner = [part for part in schema if part != "null"]
        return inner[0], True
    return schema, False


def document_schema(schema: dict) -> dict:
    """The record of documents: the schema itself, or what an envelope has before and after."""
    if schema["name"].rpartition(".")[2] != "Envelope":
        return schema
    before = next(field for field in schema["fields"] if field["name"] == "before")
    inner, _ = branch(before["type"])
    return {"namespace": schema.get("namespace", schema["name"].rpartition(".")[0]), **inner}


class Shape:
    """One registered value schema, its named types resolved."""

    def __init__(self, schema: dict):
        schema = document_schema(schema)
        self.schema = schema
        self.named: dict[str, dict] = {}
        # Lists of fields by their id (they live as long as the schema): name at the source, name, type, accepted kinds.
        self._bound: dict[int, dict[str, tuple]] = {}
        self._learn(schema, schema.get("namespace", ""))
        self._identifier = [field for field in self.fields if field.get("bson.name", field["name"]) == "_id"]
        self._others = [field for field in self.fields if field not in self._identifier]

    def _learn(self, schema, space: str) -> None:
        if isinstance(schema, list):
            for part in schema:
                self._learn(part, space)
        elif isinstance(schema, dict):
            if schema.get("type") == "record":
                space = schema.get("namespace", space)
                self.named[schema["name"]] = self.named[f"{space}.{schema['name']}"] = schema
                for field in schema["fields"]:
                    self._learn(field["type"], space)
            for part in ("items", "values", "type"):
                if isinstance(schema.get(part), (dict, list)):
                    self._learn(schema[part], space)

    @property
    def fields(self) -> list[dict]:
        """The document's own fields, without metadata."""
        return [f for f in self.schema["fields"] if f["name"] not in METADATA or "bson.name" in f]

    def expected(self, document: dict) -> tuple[dict, dict]:
        """The value without metadata, and what must stand in `__spill`: path to BSON value."""
        spill: dict[str, object] = {}
        rest = {name: value for name, value in document.items() if name != "_id"}
        result = self._record(rest, self._others, "", spill)
        # The value's `_id` is the same datum as the key's, by the key's rules.
        for field in self._identifier:
            schema, _ = branch(field["type"])
            result[field["name"]] = key_datum(document["_id"], {"fields": [{**field, "type": schema}]})
        return result, spill

    def _record(self, document: dict, fields: list[dict], path: str, spill: dict) -> dict:
        result = {}
        bound = self._bound.get(id(fields))
        if bound is None:
            bound = {f.get("bson.name", f["name"]): (f["name"], f["type"], kinds(f)) for f in fields}
            self._bound[id(fields)] = bound
        for name, (as_, schema, accepted) in bound.items():
            result[as_] = self._value(document.get(name), schema, accepted, f"{path}.{name}", spill)
        for name, value in document.items():
            if name not in bound:
                spill[normal_path(f"{path}.{name}")] = value
        return result

    def _value(self, value, schema, accepted: set[str], path: str, spill: dict):
        schema, nullable = branch(schema)
        if isinstance(schema, str) and schema in self.named:
            schema = self.named[schema]
        if value is None or isinstance(value, Undefined):
            if is_json(schema) and isinstance(value, Undefined):
                return None
            if not nullable:
                raise Unfit(f"{path}: null in {schema}")
            return None
        if isinstance(schema, dict) and isinstance(schema["type"], (dict, list)):
            return self._value(value, schema["type"], accepted | kinds(schema), path, spill)
        if isinstance(schema, dict) and "bson.type" in schema:
            accepted = accepted | kinds({"type": schema})
        kind = schema["type"] if isinstance(schema, dict) else schema
        match kind:
            case "record" if isinstance(value, dict):
                return self._record(value, schema["fields"], path, spill)
            case "array" if isinstance(value, list):
                inner = accepted - {"array", "document", "object"}
                return [self._value(v, schema["items"], inner, f"{path}.{at}", spill) for at, v in enumerate(value)]
            case "array" if isinstance(value, Binary) and value.subtype == 9:
                return vector(value)
            case "map" if isinstance(value, dict):
                return {n: self._value(v, schema["values"], set(), f"{path}.{n}", spill) for n, v in value.items()}
        return scalar(value, kind, schema if isinstance(schema, dict) else {}, accepted, path)


def scalar(value, kind: str, schema: dict, accepted: set[str], path: str = ""):
    """A scalar under an Avro type; `Unfit` where the table has no such row."""
    logical = schema.get("logicalType")
    match kind:
        case "string" if is_json(schema):
            return Text(value)
        case "string" if logical == "uuid" or schema.get("connect.name") == "io.debezium.data.Uuid":
            if isinstance(value, Binary) and value.subtype == 4:
                return str(uuid.UUID(bytes=bytes(value)))
        case "string" if isinstance(value, InvalidText):
            pass
        case "string" if isinstance(value, Code) and value.scope is None:
            return str(value)
        case "string" if isinstance(value, (str, Symbol)) and not isinstance(value, Code):
            if not accepted or accepted & {"string", "symbol"}:
                return str(value)
        case "string" if isinstance(value, ObjectId):
            if "objectid" in accepted or not accepted:
                return str(value)
        case "string" if isinstance(value, Decimal128):
            return plain_decimal(value)
        case "string" if is_number(value) and "decimal128" in accepted:
            return plain_decimal(Decimal(repr(value)) if isinstance(value, float) else value)
        case "string" if isinstance(value, Binary) and value.subtype == 4:
            return str(uuid.UUID(bytes=bytes(value)))
        case "long" if logical == "timestamp-millis":
            if isinstance(value, DatetimeMS) and _FIRST_DATE_MS <= int(value) <= _LAST_DATE_MS:
                return int(value)
        case "long" if isinstance(value, Timestamp):
            packed = value.time << 32 | value.inc
            return packed - 2**64 if packed >= 2**63 else packed
        case "long" | "int" if isinstance(value, int) and not isinstance(value, bool):
            if kind == "long" or not isinstance(value, Int64):
                return int(value)
        case "double" if isinstance(value, float):
            return value
        case "double" if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        case "boolean" if isinstance(value, bool):
            return value
        case "bytes" if logical == "decimal":
            if is_number(value):
                return value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
        case "bytes" if isinstance(value, Binary):
            return bytes(value)
    raise Unfit(f"{path}: {type(value).__name__} {value!r} in {kind} of {sorted(accepted)}")


def vector(value: Binary):
    """A binary vector (subtype 9) as numbers; packed bits stay bytes."""
    data = bytes(value)
    if data[0] == 0x27:
        return list(struct.unpack(f"<{(len(data) - 2) // 4}f", data[2:]))
    if data[0] == 0x03:
        return list(struct.unpack(f"{len(data) - 2}b", data[2:]))
    raise Unfit("a vector of packed bits as an array")


def normal_path(path: str) -> str:
    """One spelling for a path: `/a/b`, `a.b` and `a[0].b` are `a.b` and `a.0.b`."""
    return re.sub(r"[/.\[\]]+", ".", path).strip(".")


def agrees(seen, wanted) -> bool:
    """Compares a decoded Avro value with an expected one: types strictly, NaN with NaN, -0.0 apart from 0.0."""
    if wanted is None or seen is None:
        return seen is wanted
    if isinstance(wanted, Text):
        return isinstance(seen, str) and relaxed_text_holds(seen, wanted.source)
    if isinstance(wanted, float):
        return isinstance(seen, float) and struct.pack(">d", seen) == struct.pack(">d", wanted) or wanted != wanted and seen != seen
    if isinstance(wanted, dict):
        return isinstance(seen, dict) and seen.keys() == wanted.keys() and all(agrees(seen[k], wanted[k]) for k in wanted)
    if isinstance(wanted, list):
        return isinstance(seen, list) and len(seen) == len(wanted) and all(map(agrees, seen, wanted))
    if isinstance(seen, uuid.UUID):
        return str(seen) == wanted
    if hasattr(seen, "tzinfo"):
        return milliseconds(seen) == wanted
    return type(seen) is type(wanted) and seen == wanted


def spill_agrees(seen: dict | None, wanted: dict) -> bool:
    """Holds `__spill` against what must stand there. Null, `{}` and `[]` outside the contract may also be left out."""
    found = {normal_path(path): text for path, text in (seen or {}).items()}
    for path, value in wanted.items():
        text = found.pop(path, None)
        if text is None:
            if value is None or isinstance(value, Undefined):
                continue
            return False
        if not relaxed_text_holds(text, value):
            return False
    return not found


def differences(value: dict, document: dict, shape: Shape) -> list[str]:
    """What a record says wrongly about a document: one line a field; empty where it is right."""
    wanted, spill = shape.expected(document)
    lines = []
    for name in wanted:
        if name not in value:
            lines.append(f"{name}: missing")
        elif not agrees(value[name], wanted[name]):
            lines.append(f"{name}: {value[name]!r:.200} where {wanted[name]!r:.200} belongs")
    if not spill_agrees(value.get("__spill"), spill):
        lines.append(f"__spill: {value.get('__spill')!r:.300} where {spill!r:.300} belongs")
    return lines

