"""The digest of a state, computed anew from docs/state-digest.md: rows are dicts, as fastavro gives them, and their schema says what they mean."""

from __future__ import annotations

import datetime
import decimal
import hashlib
import math
import struct
import uuid
from typing import Any

FACTS = (
    "op deleted ts_ms cluster_time seq image_time snapshot ts_us ts_ns version connector name db collection table ord "
    "sequence lsid txnNumber wallTime coalesced id total_order data_collection_order"
).split()
OUTSIDE = {"op", "deleted"}
TRANSACTION = {"id", "total_order", "data_collection_order"}
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def is_metadata(name: str, prefix: str = "__") -> bool:
    if not name.startswith(prefix):
        return False
    name = name[len(prefix) :]
    within_source = {f"source_{fact}" for fact in FACTS if fact not in OUTSIDE | TRANSACTION}
    return name in FACTS or name in within_source or name in {f"transaction_{fact}" for fact in TRANSACTION}


def text(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def form(value: Any, schema: Any, named: dict[str, Any]) -> bytes:
    """The canonical form of a value of this type; `named` collects the types that have names."""
    if isinstance(schema, list):
        (other,) = [branch for branch in schema if branch != "null"]
        remember(other, named)
        return b"\x00" if value is None else form(value, other, named)
    if isinstance(schema, str):
        schema = named.get(schema, {"type": schema})
    kind, logical = schema["type"], schema.get("logicalType")
    if isinstance(kind, (dict, list)):
        return form(value, kind, named)
    if kind == "record":
        return record(value, schema, named, lambda name: False)
    if kind == "array":
        return b"\x07" + struct.pack(">I", len(value)) + b"".join(form(item, schema["items"], named) for item in value)
    if kind == "map":
        entries = sorted((key.encode(), item) for key, item in value.items())
        inner = b"".join(text(key) + form(item, schema["values"], named) for key, item in entries)
        return b"\x08" + struct.pack(">I", len(entries)) + inner
    if logical == "decimal" and kind in ("bytes", "fixed"):
        return decimal_form(value, schema.get("scale", 0))
    if isinstance(value, uuid.UUID):
        value = str(value)
    if kind == "boolean":
        return b"\x01" + bytes([value])
    if kind in ("int", "long"):
        return b"\x02" + struct.pack(">q", whole(value, logical))
    if kind in ("float", "double"):
        return b"\x03" + (bytes.fromhex("7ff8000000000000") if math.isnan(value) else struct.pack(">d", value))
    if kind in ("string", "enum"):
        return b"\x04" + text(value.encode())
    return b"\x05" + text(bytes(value))


def whole(value: Any, logical: str | None) -> int:
    if isinstance(value, datetime.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        unit = {"millis": 1000, "micros": 1}[str(logical).rsplit("-", 1)[-1]]
        return (aware - EPOCH) // datetime.timedelta(microseconds=1) // unit
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days
    return value


def decimal_form(value: Any, scale: int) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        unscaled = int.from_bytes(value, "big", signed=True)
    else:
        with decimal.localcontext() as context:
            context.prec = 2000
            unscaled = int(value.scaleb(scale))
    size = 1
    while not -(1 << (8 * size - 1)) <= unscaled < 1 << (8 * size - 1):
        size += 1
    return b"\x06" + struct.pack(">I", scale) + text(unscaled.to_bytes(size, "big", signed=True))


def remember(schema: Any, named: dict[str, Any]) -> None:
    if isinstance(schema, dict) and schema.get("type") in ("record", "enum", "fixed"):
        named[schema["name"]] = schema
        if "namespace" in schema:
            named[f"{schema['namespace']}.{schema['name']}"] = schema


def record(row: dict[str, Any], schema: Any, named: dict[str, Any], leave_out: Any) -> bytes:
    remember(schema, named)
    for field in schema["fields"]:
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for branch in branches:
            remember(branch, named)
    fields = [field for field in schema["fields"] if row.get(field["name"]) is not None and not leave_out(field["name"])]
    fields.sort(key=lambda field: field["name"].encode())
    inner = b"".join(text(each["name"].encode()) + form(row[each["name"]], each["type"], named) for each in fields)
    return b"\x09" + struct.pack(">I", len(fields)) + inner


def row_form(row: dict[str, Any], schema: Any, prefix: str = "__") -> bytes:
    return record(row, schema, {}, lambda name: is_metadata(name, prefix))


def digest(rows: Any, schema: Any, prefix: str = "__") -> str:
    """64 hexadecimal digits."""
    total = sum(int.from_bytes(hashlib.sha256(row_form(row, schema, prefix)).digest(), "big") for row in rows)
    return f"{total % (1 << 256):064x}"
