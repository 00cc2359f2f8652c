"""The checker's own tests that need no servers: hashes, text forms, keys, and values by the page on types.

Invariant: each rule is held against a figure published elsewhere or written out by hand, never against the code.
"""

from __future__ import annotations

import io
import json
import uuid
from pathlib import Path

import fastavro
import pytest
from bson import BSON, Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode
from bson.datetime_ms import DatetimeMS

from oracle import extended_json, keys, raw_bson, state_digest
from oracle.anchor_id import canonical, crockford, plain
from oracle.bson_avro import Shape, agrees, differences, normal_path
from oracle.keys import Unfit
from oracle.murmur2 import murmur2
from oracle.source import predecessor
from oracle.topics import Record, digest

JSON = {"type": "string", "connect.name": "io.debezium.data.Json", "connect.version": 1}


def test_murmur2_has_the_published_vectors():
    assert {text: murmur2(text.encode()) for text in ("21", "foobar", "abc")} == {
        "21": -973932308, "foobar": -790332482, "abc": 479470107,
    }


def test_crockford_takes_bits_from_the_top():
    assert crockford(b"\xff" * 32, 26) == "z" * 26
    assert crockford(bytes([0b00001000, 0b01000000]) + bytes(30), 4) == "1100"


def test_an_anchor_is_hashed_as_text_and_numbers_by_its_schema():
    schema = {"type": "record", "name": "A", "fields": [
        {"name": "b", "type": "bytes"}, {"name": "a", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "i", "type": "int"}, {"name": "u", "type": ["null", "long"]}, {"name": "n", "type": ["null", "string"]},
        {"name": "l", "type": {"type": "array", "items": "int"}}]}
    value = {"b": b"\x00\xff", "a": 5, "i": 7, "u": 9, "n": None, "l": [1, 2]}
    assert canonical(plain(value, schema)) == b'{"a":"5","b":"AP8=","i":7,"l":[1,2],"n":null,"u":"9"}'


def test_digest_is_order_free_and_tells_null_from_empty():
    def record(key, value):
        return Record("t", 0, 0, key, value, {}, 0, None)

    one, two, empty, gone = record(b"a", b"1"), record(b"b", b"2"), record(b"c", b""), record(b"c", None)
    assert digest([one, two]) == digest([two, one]) != digest([one, one, two])
    assert digest([empty]) != digest([gone])
    assert digest([]) == bytes(32)


def test_the_time_before_a_tick():
    assert predecessor((100, 0)) == Timestamp(99, 2**32 - 1)
    assert predecessor((100, 3)) == Timestamp(100, 2)


def test_bson_is_decoded_with_its_types():
    document = {"a": 1, "b": Int64(1), "c": 1.0, "d": Binary(b"xy", 2), "e": {"$ref": "c", "$id": 1}, "f": [None, True],
                "g": Regex("a", "im"), "h": DatetimeMS(-(2**62)), "i": Decimal128("1.0"), "j": Code("x", {"y": 1})}
    decoded = raw_bson.decode(encode(document))
    assert type(decoded["a"]) is int and type(decoded["b"]) is Int64 and type(decoded["c"]) is float
    assert decoded["d"] == Binary(b"xy", 2) and decoded["e"] == {"$ref": "c", "$id": 1}
    assert decoded["g"] == raw_bson.RegexText("a", "im") and int(decoded["h"]) == -(2**62)
    symbol = b"\x0ea\x00\x02\x00\x00\x00s\x00" b"\x06b\x00" + b"\x0cc\x00\x02\x00\x00\x00n\x00" + bytes(12)
    raw = (len(symbol) + 5).to_bytes(4, "little") + symbol + b"\x00"
    assert raw_bson.decode(raw) == {
        "a": raw_bson.Symbol("s"), "b": raw_bson.Undefined(), "c": raw_bson.DBPointer("n", ObjectId(bytes(12))),
    }
    invalid = b"\x02a\x00\x02\x00\x00\x00\xff\x00"
    assert isinstance(raw_bson.decode((len(invalid) + 5).to_bytes(4, "little") + invalid + b"\x00")["a"], raw_bson.InvalidText)


def test_relaxed_extended_json_is_that_of_its_specification():
    document = {"l": Int64(5), "d": 0.5, "n": float("nan"), "t": DatetimeMS(1577836800123), "o": DatetimeMS(-1),
                "x": MinKey(), "y": MaxKey(), "r": raw_bson.RegexText("a", "i"), "b": Binary(b"\x01", 128)}
    assert extended_json.structure(document) == {
        "l": 5, "d": 0.5, "n": {"$numberDouble": "NaN"}, "t": {"$date": "2020-01-01T00:00:00.123Z"},
        "o": {"$date": {"$numberLong": "-1"}}, "x": {"$minKey": 1}, "y": {"$maxKey": 1},
        "r": {"$regularExpression": {"pattern": "a", "options": "i"}}, "b": {"$binary": {"base64": "AQ==", "subType": "80"}},
    }
    assert not extended_json.relaxed_text_holds('{"b":1,"a":2}', {"a": 2, "b": 1})
    assert not extended_json.relaxed_text_holds("1.0", 1)
    assert extended_json.canonical_text_holds('{"a":{"$numberDouble":"1.0"}}', {"a": 1.0})


def _key(kind, bson_type):
    return {"fields": [{"name": "_id", "type": kind, "bson.type": bson_type}]}


def test_keys_by_kind():
    identifier = ObjectId()
    assert keys.expected(identifier, _key("string", "objectId")) == str(identifier)
    assert keys.expected("a", _key("string", "string")) == "a"
    assert [keys.expected(v, _key("long", "int32|int64|double")) for v in (1, Int64(1), 1.0)] == [1, 1, 1]
    assert keys.expected(DatetimeMS(5), _key({"type": "long", "logicalType": "timestamp-millis"}, "date")) == 5
    one = uuid.UUID(int=5)
    assert keys.expected(Binary(one.bytes, 4), _key("string", "uuid")) == str(one)
    with pytest.raises(Unfit):
        keys.expected("a", _key("long", "int32"))
    with pytest.raises(Unfit):
        keys.expected(1.5, _key("long", "int32"))


def test_keys_of_mixed_types_share_a_text_exactly_where_the_server_holds_them_equal():
    any_key = _key(JSON, "any")
    text = lambda value: keys.expected(value, any_key)  # noqa: E731
    assert {text(v) for v in (1, Int64(1), 1.0, Decimal128("1"), Decimal128("1.00"))} == {"1"}
    assert text(Decimal128("0.50")) == text(0.5) == "0.5"
    assert text(Decimal128("0.10")) == '{"$numberDecimal":"0.1"}' != text(0.1)
    assert text(2.0**60) == "1152921504606846976"
    hexadecimal = "a" * 24
    assert text(hexadecimal) == f'"{hexadecimal}"' and text(ObjectId(hexadecimal)) == f'{{"$oid":"{hexadecimal}"}}'
    assert text({"a": 1.0, "b": "x"}) == '{"a":1,"b":"x"}' != text({"b": "x", "a": 1})


VALUE = {"type": "record", "name": "Value", "namespace": "p.d.c", "fields": [
    {"name": "_id", "type": "long", "bson.type": "int32"},
    {"name": "n", "type": ["null", "long"], "bson.type": "int32|int64"},
    {"name": "x", "type": ["null", "double"], "bson.type": "double|int32"},
    {"name": "first_name", "type": ["null", "string"], "bson.name": "first-name", "bson.type": "string"},
    {"name": "when", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "bson.type": "date"},
    {"name": "total", "type": ["null", "string"], "bson.type": "decimal128"},
    {"name": "any", "type": ["null", JSON], "bson.type": "any"},
    {"name": "list", "type": ["null", {"type": "array", "items": ["null", "long"]}]},
    {"name": "sub", "type": ["null", {"type": "record", "name": "Sub", "fields": [
        {"name": "a", "type": ["null", "long"]}, {"name": "again", "type": ["null", "Sub"]}]}]},
    {"name": "map", "type": ["null", {"type": "map", "values": ["null", "double"]}]},
    {"name": "__op", "type": ["null", "string"]}, {"name": "__spill", "type": ["null", {"type": "map", "values": "string"}]}]}


def _value(**changes):
    empty = {field["name"]: None for field in VALUE["fields"]}
    return {**empty, "_id": 1, "__op": "c", **changes}


def test_a_document_becomes_what_the_table_says():
    document = {"_id": 1.0, "n": Int64(2**60), "x": 3, "first-name": "f", "when": DatetimeMS(5), "total": Decimal128("1E+3"),
                "any": [1, {"$x": 1.5}], "list": [1, None], "sub": {"a": 1, "again": {"a": 2}}, "map": {"z": 1}}
    right = _value(n=2**60, x=3.0, first_name="f", when=5, total="1000", any='[1, {"$x": 1.5}]', list=[1, None],
                   sub={"a": 1, "again": {"a": 2, "again": None}}, map={"z": 1.0})
    assert differences(right, document, Shape(VALUE)) == []
    for field, wrong in {"n": 2**60 + 1, "x": 3, "first_name": None, "when": 6, "total": "1E+3", "any": "[1.0, {}]",
                         "list": [1], "sub": {"a": 1, "again": None}, "map": {}}.items():
        assert len(differences({**right, field: wrong}, document, Shape(VALUE))) == 1, field


def test_what_does_not_fit_is_never_bent():
    for document in ({"n": "1"}, {"n": 1.5}, {"x": "1"}, {"when": 5}, {"when": DatetimeMS(2**60)}, {"list": 5},
                     {"sub": []}, {"map": 1}, {"first-name": 1}, {"n": True}):
        with pytest.raises(Unfit):
            differences(_value(), {"_id": 1, **document}, Shape(VALUE))


def test_fields_outside_the_schema_must_be_spilled():
    document = {"_id": 1, "new": 5, "sub": {"a": 1, "b": {"c": "d"}}, "none": None}
    sub = {"a": 1, "again": None}
    right = _value(sub=sub, __spill={"/new": "5", "sub.b": '{"c":"d"}'})
    assert differences(right, document, Shape(VALUE)) == []
    for spill in (None, {"/new": "5"}, {"/new": "6", "sub.b": '{"c":"d"}'}, {**right["__spill"], "more": "1"}):
        assert differences({**right, "__spill": spill}, document, Shape(VALUE)), spill
    assert normal_path("/a/0/b") == normal_path("a[0].b") == "a.0.b"


def test_agreement_is_strict():
    assert agrees(float("nan"), float("nan")) and agrees(1.0, 1.0)
    assert not agrees(0.0, -0.0) and not agrees(1, True) and not agrees(None, 0) and not agrees("1", 1)


def test_extended_json_agrees_with_the_driver():
    from bson import json_util

    document = {"a": 1.5, "b": Decimal128("0.1"), "c": ObjectId(), "d": Binary(b"ab", 0), "e": Timestamp(1, 2)}
    theirs = json.loads(json_util.dumps(document, json_options=json_util.RELAXED_JSON_OPTIONS))
    assert extended_json.same(theirs, extended_json.structure(raw_bson.decode(BSON.encode(document))))


GOLDEN_STATES = Path(__file__).resolve().parent.parent / "connector" / "export" / "tests" / "golden" / "state-1.json"


@pytest.mark.parametrize("vector", json.loads(GOLDEN_STATES.read_text())["vectors"], ids=lambda vector: vector["case"])
def test_golden_digests_of_states_are_those_of_the_page(vector):
    """The vectors that the product is held to, computed from docs/state-digest.md by the oracle."""
    schema = fastavro.parse_schema(vector["schema"], named_schemas={})
    read = [fastavro.schemaless_reader(io.BytesIO(bytes.fromhex(row["avro"])), schema) for row in vector["rows"]]
    assert [state_digest.row_form(row, vector["schema"]).hex() for row in read] == [row["form"] for row in vector["rows"]]
    assert state_digest.digest(read, vector["schema"]) == vector["digest"]
