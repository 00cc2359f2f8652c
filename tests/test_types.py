"""Every BSON type, as a field of its own, as a snapshot row and as a change, against the page on types."""

from __future__ import annotations

import struct
import uuid

import bson
import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument

from oracle import law, raw_bson

JSON = "io.debezium.data.Json"
# Field: two values, and what the registered type must be: an Avro type, a logical type, or `any`.
FIELDS = {
    "double": ([1.5, float("nan")], "double"),
    "int32": ([1, -5], "long"),
    "int64": ([Int64(2**60), Int64(1)], "long"),
    "ints": ([1, Int64(2**40)], "long"),
    "int_or_double": ([1, 2.5], "double"),
    "decimal": ([Decimal128("1.50"), Decimal128("1E+3")], "string"),
    "decimal_odd": ([Decimal128("NaN"), Decimal128("-0")], "string"),
    "decimal_or_int": ([Decimal128("2.50"), 7], "string"),
    "string": (["a", "ü\u0000€\U0001f40c"], "string"),
    "code": ([Code("f()"), Code("")], "string"),
    "scoped": ([Code("f", {"x": 1}), Code("g", {})], "any"),
    "regex": ([Regex("^a", "im"), Regex("b", "")], "any"),
    "ref": ([{"$ref": "c", "$id": 1}, {"$ref": "d", "$id": 2}], "record"),
    "boolean": ([True, False], "boolean"),
    "bool_or_int": ([True, 1], "any"),
    "date": ([DatetimeMS(5), DatetimeMS(-62135596800000)], "timestamp-millis"),
    "timestamp": ([Timestamp(5, 6), Timestamp(2**32 - 1, 1)], "long"),
    "objectid": ([ObjectId("a" * 24), ObjectId("b" * 24)], "string"),
    "binary": ([Binary(b"a", 0), Binary(b"", 128)], "bytes"),
    "binary_old": ([Binary(b"\x02\x00\x00\x00ab", 2), Binary(b"\x00\x00\x00\x00", 2)], "bytes"),
    "uuid": ([Binary(uuid.UUID(int=5).bytes, 4), Binary(uuid.UUID(int=6).bytes, 4)], "uuid"),
    "uuid_old": ([Binary(bytes(16), 3), Binary(bytes(16), 3)], "bytes"),
    "md5": ([Binary(bytes(16), 5), Binary(bytes(16), 5)], "bytes"),
    "vector": ([Binary(b"\x27\x00" + struct.pack("<2f", 1.5, 2.0), 9), Binary(b"\x27\x00", 9)], "array"),
    "minkey": ([MinKey(), MinKey()], "any"),
    "maxkey": ([MaxKey(), MaxKey()], "any"),
    "document": ([{"a": 1, "b": {"c": "d"}}, {"a": None}], "record"),
    "array": ([[1, None, 2], []], "array"),
    "arrays": ([[[1.5, 2.5], [3.5]], [[]]], "array"),
    "documents": ([[{"a": 1}, {"b": "x"}], [None]], "array"),
    "mixed_array": ([[1, "a", {"b": 1}], [True]], "any"),
    "mixed": (["a", {"b": 1}], "any"),
    "first-name.$": (["a", "b"], "string"),
}


def _element(kind: int, name: str, body: bytes) -> bytes:
    return bytes([kind]) + name.encode() + b"\0" + body


def _text(text: bytes) -> bytes:
    return struct.pack("<i", len(text) + 1) + text + b"\0"


def _raw(number: int, *elements: bytes) -> RawBSONDocument:
    content = _element(0x10, "_id", struct.pack("<i", number)) + b"".join(elements)
    return RawBSONDocument(struct.pack("<i", len(content) + 5) + content + b"\0")


def _kind(field):
    schema = field["type"]
    if isinstance(schema, list):
        schema = next(part for part in schema if part != "null")
    if isinstance(schema, str):
        return "any" if field.get("bson.type") == "any" else schema
    if schema.get("connect.name") == JSON:
        return "any"
    return schema.get("logicalType", schema["type"])


def test_every_type_has_the_tables_default(stack, name, connector):
    items = stack.client[name].items
    rows = [{field: values[at % 2] for field, (values, _) in FIELDS.items()} for at in range(40)]
    items.insert_many([{"_id": at, **row} for at, row in enumerate(rows)])
    one = connector(f"{name}.items")
    one.until("snapshot")
    items.insert_many([{"_id": 1000 + at, **row} for at, row in enumerate(rows[:4])])
    items.update_many({"_id": {"$lt": 4}}, {"$set": {"string": "changed"}})
    one.until("anchor")
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
    assert report.held_out == 0 and report.operations == {"r": 40, "c": 4, "u": 4}, report
    schema = stack.topics.decoder.schema(one.anchors()[-1].collections[f"{name}.items"]["value_schema_ids"][-1])
    found = {field.get("bson.name", field["name"]): _kind(field) for field in schema["fields"]}
    wrong = {field: (found.get(field), kind) for field, (_, kind) in FIELDS.items() if found.get(field) != kind}
    assert not wrong, f"found, wanted: {wrong}"
    names = [field["name"] for field in schema["fields"] if field.get("bson.name") == "first-name.$"]
    assert names == ["first_name__"], names


def test_deprecated_types_and_bad_text(stack, name, connector):
    """Symbol, undefined and DBPointer have their rows; text that is no UTF-8 goes to quarantine; nothing crashes."""
    items = stack.client[name].items
    good = [
        _raw(at, _element(0x0E, "symbol", _text(b"sym")), _element(0x06, "undefined", b""), _element(0x02, "s", _text(b"x")),
             _element(0x0C, "pointer", _text(b"db.c") + bytes(12)), _element(0x10, "n", struct.pack("<i", at)))
        for at in range(30)
    ]
    items.insert_many(good)
    one = connector(f"{name}.items")
    one.until("snapshot")
    items.insert_one(_raw(100, _element(0x02, "s", _text(b"\xff\xfe"))))
    items.insert_one(_raw(101, _element(0x02, "s", _text(b"fine")), _element(0x0E, "symbol", _text(b"again"))))
    one.until("now")
    live = {record.key["_id"]: record for record in one.records(f"{name}.items")}
    assert live[101].value["s"] == "fine" and live[101].value["symbol"] == "again"
    assert live[100].value_bytes is None
    quarantined = stack.topics.read(f"{name}.quarantine")
    assert len(quarantined) == 1 and "utf" in str(quarantined[0].headers).lower(), quarantined
    stored = raw_bson.decode(bson.encode(items.with_options(codec_options=bson.CodecOptions(RawBSONDocument)).find_one({"_id": 1})))
    value = live[1].value
    assert value["symbol"] == "sym" and value.get("undefined") is None and "$dbPointer" in value["pointer"], (stored, value)


@pytest.mark.parametrize("value", [DatetimeMS(2**60), MinKey()])
def test_a_value_outside_its_type_does_not_stop_the_stream(stack, name, connector, value):
    items = stack.client[name].items
    items.insert_many([{"_id": at, "when": DatetimeMS(at)} for at in range(30)])
    one = connector(f"{name}.items")
    one.until("snapshot")
    items.insert_many([{"_id": 100, "when": value}, {"_id": 101, "when": DatetimeMS(5)}])
    one.until("anchor")
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)
    assert report.held_out >= 1 and len(stack.topics.read(f"{name}.quarantine")) == 1


def test_a_dictionary_is_a_map(stack, name, connector):
    stack.client[name].items.insert_many(
        [{"_id": n, "stock": {f"WH-{n * 3 + k}": k for k in range(3)}, "s": "x"} for n in range(200)]
    )
    one = connector(f"{name}.items")
    one.until("now")
    schema = stack.topics.decoder.schema(one.anchors()[-1].collections[f"{name}.items"]["value_schema_ids"][-1])
    kinds = {field["name"]: _kind(field) for field in schema["fields"]}
    assert kinds["stock"] == "map", kinds
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=1)
