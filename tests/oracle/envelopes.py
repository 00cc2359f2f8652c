"""Differences between what Debezium and Moorline wrote of the same history, as names that a page can list.

A name is a path and the operations in whose records the two differ there, such as ``source.ord: r``. What can never
be equal, the moment at which each of two programs worked, is held to nearness instead (`MOMENTS`).

Invariant: documents are compared as BSON values: Debezium's text is parsed, Moorline's record is held against it by
the rules of the page on types, so that only a wrong value differs, not its form.
"""

from __future__ import annotations

import json
from collections import defaultdict

import bson
from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.json_util import JSONOptions

from . import raw_bson
from .bson_avro import Shape, branch, differences
from .debezium import payload, schema

MOMENTS = {"ts_ms": "crud", "source.ts_ms": "r", "source.ts_us": "r", "source.ts_ns": "r"}
_NEAR_MS = 120_000
_OPTIONS = JSONOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
_TYPES = {"int64": "long", "int32": "int", "struct": "record", "bytes": "bytes", "string": "string", "array": "array"}


class Differences:
    """Names of differences, each with the operations and one example."""

    def __init__(self):
        self._operations: dict[str, set[str]] = defaultdict(set)
        self._examples: dict[str, str] = {}

    def add(self, path: str, operation: str, debezium, moorline) -> None:
        self._operations[path].add(operation)
        self._examples.setdefault(path, f"Debezium {debezium!r:.300}, Moorline {moorline!r:.300}")

    def named(self) -> dict[str, str]:
        """Name to example."""
        order = "rcud".index
        return {
            f"{path}: {' '.join(sorted(ops, key=lambda op: order(op) if op in 'rcud' else 9))}": self._examples[path]
            for path, ops in self._operations.items()
        }


def document(text: str) -> dict:
    """What Debezium's text of a document says, as the oracle's BSON values."""
    return raw_bson.decode(bson.encode(json_util.loads(text, json_options=_OPTIONS)))


def compare(theirs, ours, topics, found: Differences) -> None:
    """One pair of records of the same event."""
    value, envelope = payload(theirs.value_bytes), ours.value
    if value is None or ours.value_bytes is None:
        operation = "tombstone"
        if (value is None) != (ours.value_bytes is None):
            found.add("tombstone", operation, value, ours.value_bytes)
    else:
        operation = value["op"]
        shape = Shape(_value_schema(topics.decoder.schema(ours.value_schema_id)))
        for name in ("before", "after"):
            _document(name, operation, value[name], envelope[name], shape, found)
        # Both capture under a name of their own: the prefix of their topics.
        for whole, record in ((value, theirs), (envelope, ours)):
            assert record.topic == f"{whole['source']['name']}.{whole['source']['db']}.{whole['source']['collection']}"
            whole["source"]["name"] = "name"
        rest = [_without(whole, "before", "after") for whole in (value, envelope)]
        _walk("", operation, *rest, found)
    _key(payload(theirs.key_bytes), ours.key, operation, found)
    for name in sorted(set(theirs.headers) ^ set(ours.headers)):
        who = "Debezium" if name in theirs.headers else "Moorline"
        family = name.rpartition(".")[0] or name
        found.add(f"header {family}.* of {who}", operation, theirs.headers.get(name), ours.headers.get(name))


def compare_flat(theirs, ours, found: Differences) -> None:
    """One pair of records of the same event, flattened by Debezium's transform and by `output.format=document`."""
    value = payload(theirs.value_bytes)
    operation = "tombstone" if value is None else value["__op"]
    if value is None or ours.value_bytes is None:
        if (value is None) != (ours.value_bytes is None):
            found.add("flat value", operation, value, ours.value_bytes)
    else:
        _walk("flat", operation, value, ours.value, found)
    _walk("flat key", operation, payload(theirs.key_bytes), ours.key, found)


def compare_control(topic: str, theirs, ours, found: Differences) -> None:
    """One pair of records of a topic beside the data, such as the transactions'."""
    for part, debezium, moorline in (
        ("key", payload(theirs.key_bytes), ours.key),
        ("value", payload(theirs.value_bytes), ours.value),
    ):
        for value in (debezium, moorline):
            # Debezium's order is that of a hash map.
            if value.get("data_collections"):
                value["data_collections"].sort(key=lambda entry: entry["data_collection"])
        _walk(f"{topic} {part}", "all", debezium, moorline, found)


def _without(value: dict, *names: str) -> dict:
    return {name: inner for name, inner in value.items() if name not in names}


def _value_schema(envelope: dict) -> dict:
    return branch(next(field for field in envelope["fields"] if field["name"] == "before")["type"])[0]


def _document(name: str, operation: str, theirs: str | None, ours: dict | None, shape: Shape, found: Differences) -> None:
    if theirs is None or ours is None:
        if theirs is not ours:
            found.add(name, operation, theirs, ours)
        return
    wrong = differences(ours, document(theirs), shape)
    for line in wrong:
        path, _, what = line.partition(": ")
        found.add(f"{name}.{path}", operation, theirs, what)


def _walk(path: str, operation: str, theirs, ours, found: Differences) -> None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in [*theirs, *(name for name in ours if name not in theirs)]:
            inner = f"{path}.{name}".strip(".")
            if name not in theirs:
                found.add(f"{inner} only of Moorline", operation, None, ours[name])
            elif name not in ours:
                found.add(f"{inner} only of Debezium", operation, theirs[name], None)
            else:
                _walk(inner, operation, theirs[name], ours[name], found)
    elif operation in MOMENTS.get(path, ""):
        unit = {"ms": 1, "us": 1_000, "ns": 1_000_000}[path[-2:]]
        if not isinstance(ours, int) or abs(theirs - ours) > _NEAR_MS * unit:
            found.add(path, operation, theirs, ours)
    elif path == "updateDescription.updatedFields" and theirs is not None and ours is not None:
        if json.loads(theirs) != json.loads(ours):
            found.add(path, operation, theirs, ours)
    elif theirs != ours:
        found.add(path, operation, theirs, ours)


def _key(theirs: dict, ours: dict, operation: str, found: Differences) -> None:
    """Debezium's key is text; ours is typed, or where `_id`s are of several types the same text, compact."""
    [name], [ours_name] = theirs, ours
    if name != ours_name:
        found.add("key's field", operation, name, ours_name)
    text, value = theirs[name], ours[ours_name]
    identifier = json.loads(text)
    same = _same_json(value, identifier) if isinstance(value, str) else value == identifier
    if not same:
        kind = next(iter(identifier)) if isinstance(identifier, dict) else type(identifier).__name__
        found.add(f"key's value ({kind})", operation, text, value)


def _same_json(text: str, value) -> bool:
    """An `_id` of one type stands as it is; of several, as JSON."""
    if isinstance(value, str) and text == value or isinstance(value, dict) and list(value.values()) == [text]:
        return True
    try:
        return json.loads(text) == value
    except ValueError:
        return False


def compare_schemas(theirs, ours, topics, found: Differences) -> None:
    """Names, order, types and nullability of the fields; Debezium's as Connect gives them, ours as registered."""
    shape = topics.decoder.schema(ours.value_schema_id)
    _schemas("", schema(theirs.value_bytes), shape, Shape(shape).named, found)


def _schemas(path: str, theirs: dict, ours, named: dict, found: Differences) -> None:
    ours = named.get(ours, ours) if isinstance(ours, str) else ours
    kind = ours["type"] if isinstance(ours, dict) else ours
    label = f"schema of {path or 'the envelope'}"
    if kind != _TYPES.get(theirs["type"], theirs["type"]):
        found.add(f"{label}: type", "all", theirs["type"], kind)
        return
    if isinstance(ours, dict) and theirs.get("name") != ours.get("connect.name") and path:
        found.add(f"{label}: name", "all", theirs.get("name"), ours.get("connect.name"))
    if kind == "array":
        _schemas(f"{path}[]", theirs["items"], branch(ours["items"])[0], named, found)
    if kind != "record":
        return
    fields = {field["field"]: field for field in theirs["fields"]}
    own = {field["name"]: field for field in ours["fields"]}
    if [name for name in own if name in fields] != [name for name in fields if name in own]:
        found.add(f"{label}: order", "all", list(fields), list(own))
    for name in [*fields, *(name for name in own if name not in fields)]:
        inner = f"{path}.{name}".strip(".")
        if name not in own or name not in fields:
            found.add(f"schema of {inner} only of {'Debezium' if name in fields else 'Moorline'}", "all", name, None)
            continue
        ty, nullable = branch(own[name]["type"])
        if nullable != fields[name].get("optional", False):
            found.add(f"schema of {inner}: nullable", "all", fields[name].get("optional"), nullable)
        _schemas(inner, fields[name], ty, named, found)
