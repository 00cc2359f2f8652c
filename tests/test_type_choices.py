"""Each choice among types and each policy, by its key, on real servers: what is registered and what is decoded.

What a value must be stands here as a literal, beside the value that was written; nothing of the product is used but the
topic. A choice that does nothing would leave the default, which is another literal.
"""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest
from bson import Binary, Decimal128, Int64, Regex, Timestamp
from bson.datetime_ms import DatetimeMS

from oracle.anchor_id import milliseconds
from test_types import _element, _raw, _text

UUID = "00112233-4455-6677-8899-aabbccddeeff"
JAVA = bytes.fromhex("7766554433221100ffeeddccbbaa9988")
FAR = 10_413_792_000_000  # 2300-01-01
LAST = FAR - 1


def _schema(one, stack, namespace):
    return stack.topics.decoder.schema(one.anchors()[-1].collections[namespace]["value_schema_ids"][-1])


def _types(schema):
    return {f.get("bson.name", f["name"]): (f["type"][1] if isinstance(f["type"], list) else f["type"], f) for f in schema["fields"]}


def _live(one, namespace):
    live = {}
    for record in sorted(one.records(namespace), key=lambda record: (record.partition, record.offset)):
        live[record.key["_id"]] = record
    return live


def _plain(value):
    """Dates as milliseconds, UUIDs as text: what the deserializer makes of logical types is no concern here."""
    if hasattr(value, "tzinfo"):
        return milliseconds(value)
    return str(value) if type(value).__name__ == "UUID" else value


FORMS = {
    "decimal.handling.mode": "precise",
    "binary.handling.mode": "hex",
    "uuid.legacy": "java",
    "integers": "exact",
    "numbers": "integral",
    "array.items.nullable": "never",
    "array.accept.scalar": "true",
    "missing.fields": "list",
}
# Field: two values, the registered type, and what they decode to.
FORM_FIELDS = {
    "decimal": ([Decimal128("1.50"), Decimal128("-20")], "bytes", [Decimal("1.50"), Decimal("-20.00")]),
    "binary": ([Binary(b"\xfb\xff", 0), Binary(b"", 128)], "string", ["fbff", ""]),
    "legacy": ([Binary(JAVA, 3), Binary(JAVA, 3)], "string", [UUID, UUID]),
    "int": ([1, -5], "int", [1, -5]),
    "whole": ([2.0, 7], "long", [2, 7]),
    # Bare `int` items are how a vector is written, so that items that are never null are wider here.
    "array": ([[Int64(1), Int64(2)], []], "array", [[1, 2], []]),
    "many": (["a", ["b", "c"]], "array", [["a"], ["b", "c"]]),
}


def test_forms_of_new_fields(stack, name, connector):
    namespace = f"{name}.items"
    items = stack.client[name].items
    items.insert_many([{"_id": n, **{f: v[n % 2] for f, (v, _, _) in FORM_FIELDS.items()}} for n in range(20)])
    one = connector(namespace, **FORMS)
    one.until("snapshot")
    items.insert_many([{"_id": 100, "int": 7, "many": "alone"}, {"_id": 101, "new": Binary(b"\x01", 0), "int": Int64(2**40)}])
    items.insert_one({"_id": 102, "array": [1, None]})
    one.until("anchor")
    types = _types(_schema(one, stack, namespace))
    for field, (values, kind, wanted) in FORM_FIELDS.items():
        ty, whole = types[field]
        # Evolution has widened this one: a field of int32 that an int64 came to.
        kind = "long" if field == "int" else kind
        assert (ty if isinstance(ty, str) else ty["type"]) == kind, (field, whole)
        for n, record in _live(one, namespace).items():
            if n < 20:
                assert _plain(record.value[field]) == wanted[n % 2], (field, n, record.value[field])
    first = stack.topics.decoder.schema(min(record.value_schema_id for record in one.records(namespace) if record.value_bytes))
    assert _types(first)["int"][0] == "int", first
    assert (types["decimal"][0]["precision"], types["decimal"][0]["scale"]) == (12, 1), types["decimal"]
    assert types["binary"][1]["bson.binary"] == "hex" and types["legacy"][1]["bson.uuid.legacy"] == "java"
    assert types["array"][0]["items"] == "long"
    live = _live(one, namespace)
    assert live[100].value["many"] == ["alone"] and live[101].value["new"] == "01" and live[101].value["int"] == 2**40
    # The field that came beside it may be in the contract already.
    missing = [path for path in live[100].value["__missing"] if path != "new"]
    assert missing == ["decimal", "binary", "legacy", "whole", "array"], live[100].value
    assert live[0].value["__missing"] == []
    # A null item where there is no place for one: held out, with a tombstone.
    assert live[102].value_bytes is None
    assert stack.topics.read(f"{name}.quarantine")[0].headers["moorline.rule"] == "MC612"


POLICIES = {
    "double.nonfinite": "null",
    "date.range": "1900-01-01..2299-12-31",
    "date.out.of.range": "clamp",
    "string.nul": "strip",
    "string.invalid.utf8": "replace",
}


def _policy_rows():
    double, date = struct.pack("<d", float("nan")), struct.pack("<q", FAR)
    return [
        _raw(0, _element(0x01, "double", double), _element(0x09, "date", date), _element(0x02, "s", _text(b"a\0b"))),
        _raw(1, _element(0x01, "double", struct.pack("<d", 1.5)), _element(0x09, "date", struct.pack("<q", 5)),
             _element(0x02, "s", _text(b"a\xffb"))),
    ]


def test_policies_of_values_change_no_schema(stack, name, connector):
    namespace = f"{name}.items"
    stack.client[name].items.insert_many(_policy_rows())
    one = connector(namespace, **POLICIES)
    one.until("anchor")
    live = {n: record.value for n, record in _live(one, namespace).items()}
    assert (live[0]["double"], _plain(live[0]["date"]), live[0]["s"]) == (None, LAST, "ab"), live
    assert (live[1]["double"], _plain(live[1]["date"]), live[1]["s"]) == (1.5, 5, "a\ufffdb"), live
    before = [record.value_schema_id for record in one.records(namespace)]
    # The other way: what was taken drifts, under the same schema; the date becomes null.
    one.write(double__nonfinite="drift", string__nul="drift", date__out__of__range="null")
    stack.client[name].items.insert_one(_raw(2, _element(0x01, "double", struct.pack("<d", float("inf")))))
    stack.client[name].items.insert_one(_raw(3, _element(0x02, "s", _text(b"\0"))))
    stack.client[name].items.insert_one(_raw(4, _element(0x09, "date", struct.pack("<q", FAR)), _element(0x02, "s", _text(b"x"))))
    one.until("anchor")
    live = _live(one, namespace)
    assert live[2].value_bytes is None and live[3].value_bytes is None, live
    assert live[4].value["date"] is None and live[4].value["s"] == "x"
    rules = [record.headers["moorline.rule"] for record in stack.topics.read(f"{name}.quarantine")]
    assert rules == ["MC618", "MC618"]
    assert {record.value_schema_id for record in one.records(namespace) if record.value_bytes} == set(before)


def test_decimals_by_contract_are_rounded_and_names_twice_drift(stack, name, connector):
    """`contract infer` proposes `decimal(p,s)`; the run takes the file, and rounds what has more digits."""
    namespace = f"{name}.items"
    items = stack.client[name].items
    items.insert_many([{"_id": n, "price": Decimal128(f"{n}.25")} for n in range(10)])
    settings = {"decimal.rounding": "half_even", "decimal.nonfinite": "null", "duplicate.key": "drift"}
    one = connector(namespace, **settings)
    inferred = one.call("contract", "infer", "-c", str(one.file))
    assert "decimal(12,2)" in inferred.stdout and "MC606" in inferred.stdout, inferred.stdout
    items.insert_many([{"_id": 10, "price": Decimal128("1.005")}, {"_id": 11, "price": Decimal128("NaN")}])
    items.insert_one(_raw(12, _element(0x10, "x", struct.pack("<i", 1)), _element(0x10, "x", struct.pack("<i", 2))))
    one.until("anchor")
    live = _live(one, namespace)
    assert live[3].value["price"] == Decimal("3.25")
    assert live[10].value["price"] == Decimal("1.00") and live[11].value["price"] is None, (live[10].value, live[11].value)
    assert live[12].value_bytes is None
    assert "duplicate" in str(stack.topics.read(f"{name}.quarantine")[0].headers)


DOCUMENT = {"a": {"b-c": 1, "d": {"e": "x", "f": [1, 2]}}, "g": True}


@pytest.mark.parametrize("mode", ["flatten", "json"])
def test_nested_documents_as_columns_and_as_text(stack, name, connector, mode):
    namespace = f"{name}.items"
    items = stack.client[name].items
    items.insert_many([{"_id": n, **DOCUMENT} for n in range(5)])
    one = connector(namespace, nested__handling__mode=mode, flatten__struct__delimiter="__")
    one.until("snapshot")
    # The file is gone: the contract comes back from what is registered, nested, and grows there.
    for file in (one.folder / "schemas").glob("*.avsc"):
        file.unlink()
    items.insert_one({"_id": 10, "a": {"b-c": 2, "h": True}, "g": None})
    one.until("anchor")
    live = {n: record.value for n, record in _live(one, namespace).items()}
    if mode == "flatten":
        row = {name: live[0][name] for name in ("a__b_c", "a__d__e", "a__d__f", "g")}
        assert row == {"a__b_c": 1, "a__d__e": "x", "a__d__f": [1, 2], "g": True}, live[0]
        assert (live[10]["a__b_c"], live[10]["a__h"], live[10]["a__d__e"]) == (2, True, None), live[10]
        paths = {f["name"]: f.get("bson.path") for f in _schema(one, stack, namespace)["fields"]}
        assert paths["a__b_c"] == ["a", "b-c"] and paths["a__h"] == ["a", "h"] and paths["g"] is None
    else:
        assert live[0]["a"] == '{"b-c":1,"d":{"e":"x","f":[1,2]}}' and live[0]["g"] is True, live[0]
        assert live[10]["a"] == '{"b-c":2,"h":true}'
        assert len({record.value_schema_id for record in one.records(namespace)}) == 1


def test_names_and_their_prefix(stack, name, connector):
    namespace = f"{name}.it-ems"
    documents = [{"_id": n, "a-b": n, "a_b": "x", "__op": 5, "m_op": 6} for n in range(5)]
    stack.client[name]["it-ems"].insert_many(documents)
    one = connector(
        namespace,
        field__name__adjustment__mode="avro_unicode",
        schema__name__adjustment__mode="avro_unicode",
        field__metadata__prefix="m_",
    )
    one.until("snapshot")
    stack.client[name]["it-ems"].insert_one({"_id": 9, "a-b": 1, "__seq": True, "c.d": 1})
    one.until("anchor")
    schema = _schema(one, stack, namespace)
    bound = {field.get("bson.name"): field["name"] for field in schema["fields"] if "bson.name" in field}
    assert bound["a-b"] == "a_u002db" and bound["a_b"] == "a_u005fb" and bound["__op"] == "_u005f_u005fop", bound
    assert bound["__seq"] == "_u005f_u005fseq" and bound["c.d"] == "c_u002ed"
    assert schema["namespace"].endswith(".it_u002dems"), schema["namespace"]
    value = _live(one, namespace)[9].value
    assert value["m_op"] == "c" and value["_u005f_u005fseq"] is True and value["a_u002db"] == 1, value


def test_a_contract_chooses_for_one_field(stack, name, connector):
    """What only a contract can ask for: regex and timestamp as records, dates as text, a policy of one field."""
    namespace = f"{name}.items"
    fields = [
        '{"name": "_id", "type": "long", "bson.type": "int32|int64", "moorline.key": true}',
        '{"name": "r", "bson.type": "regex", "default": null, "type": ["null", {"type": "record", "name": "items_r", "fields": ['
        '{"name": "pattern", "type": ["null", "string"], "default": null}, {"name": "options", "type": ["null", "string"], "default": null}]}]}',
        '{"name": "t", "bson.type": "timestamp", "default": null, "type": ["null", {"type": "record", "name": "items_t", "fields": ['
        '{"name": "t", "type": ["null", "long"], "default": null}, {"name": "i", "type": ["null", "long"], "default": null}]}]}',
        '{"name": "d", "bson.type": "date", "type": ["null", "string"], "default": null}',
        '{"name": "w", "default": null, "moorline.coerce": "iso8601", "bson.type": "date", "type": ["null", {"type": "long",'
        ' "logicalType": "timestamp-millis"}]}',
        '{"name": "x", "type": ["null", "double"], "default": null, "moorline.double.nonfinite": "null"}',
        '{"name": "m", "default": null, "type": ["null", {"type": "array", "items": {"type": "record", "name": "items_m",'
        ' "bson.entries": true, "fields": [{"name": "key", "type": "string"}, {"name": "value", "type": ["null", "long"], "default": null}]}}]}',
    ]
    one = connector(namespace, contract__mode="pinned", auto__register__schemas=True)
    (one.folder / "schemas").mkdir()
    text = '{"type": "record", "name": "items", "fields": [' + ",\n".join(fields) + "]}"
    (one.folder / "schemas" / f"{namespace}.avsc").write_text(text)
    stack.client[name].items.insert_one({
        "_id": 1, "r": Regex("^a", "im"), "t": Timestamp(2**32 - 1, 6), "d": DatetimeMS(250), "w": "1970-01-01T01:00:00+01:00",
        "x": float("nan"), "m": {"k": 1, "l": None},
    })
    one.until("anchor")
    value = _live(one, namespace)[1].value
    assert value["r"] == {"pattern": "^a", "options": "im"} and value["t"] == {"t": 2**32 - 1, "i": 6}, value
    assert value["d"] == "1970-01-01T00:00:00.250Z" and _plain(value["w"]) == 0 and value["x"] is None, value
    assert value["m"] == [{"key": "k", "value": 1}, {"key": "l", "value": None}], value
