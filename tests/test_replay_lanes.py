"""Replays of two lanes and three schema versions: every form, read by other people's programs, is the source at `pred(cut)`, and
a difference leads from one cut's state to the next one's, in envelopes too. (I-REPLAY-1)"""

from __future__ import annotations

import json

import pytest
from bson import decode

from oracle import exports, law
from oracle.others import Programs
from oracle.source import predecessor

# A file by its reader, as a list of rows; `null` fields left out, so that a document reads as it stood in the source.
_READ = """
import json, sys
def rows(form, path):
    if form == "parquet":
        import pyarrow.parquet as parquet
        return parquet.read_table(path).to_pylist()
    import chdb
    found = chdb.query(f"select * from file('{path}', '{form}') format JSONEachRow settings output_format_json_quote_64bit_integers=0")
    return [json.loads(line) for line in str(found).splitlines()]
form, *paths = sys.argv[1:]
print(json.dumps([row for path in paths for row in rows(form, path)]))
"""


def _plain(value):
    """Without null fields, and with nothing of the change."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None and not k.startswith("__")}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _state(rows: list[dict]) -> dict:
    state = {row["_id"]: _plain(row) for row in rows}
    assert len(state) == len(rows)
    return state


def _source(stack, namespace: str, cut) -> dict:
    found = list(stack.source.documents(namespace, predecessor(cut)))
    return {document["_id"]: _plain(document if isinstance(document, dict) else decode(document)) for document in found}


def _replay(one, out, file_format: str, *flags: str, at: str) -> dict[str, list[dict]]:
    exports.replay(one, out, "--no-certificate", *flags, at=at, file_format=file_format, limit=60)
    manifest = exports.manifest(out)
    paths = {c["namespace"]: [out / file["name"] for file in c["files"]] for c in manifest["collections"]}
    programs = Programs.fetched()
    read = {}
    for namespace, files in paths.items():
        if file_format == "avro":
            import fastavro

            read[namespace] = [row for file in files for row in fastavro.reader(file.open("rb"))]
        else:
            form = {"parquet": "parquet", "jsonl": "JSONEachRow"}[file_format]
            arguments = (str(programs.bin / "python"), "-c", _READ, form, *map(str, files))
            read[namespace] = json.loads(programs.call(*arguments)) if files else []
    assert manifest["exact"] and manifest["complete"]
    return read


@pytest.mark.parametrize("form", ["document", "envelope"])
def test_two_lanes_and_three_schemas_in_every_form(stack, name, connector, tmp_path, form):
    a, b = stack.client[name].a, stack.client[name].b
    for each in (a, b):
        each.insert_many([{"_id": n, "n": n * 3, "s": f"text {n}"} for n in range(40)])
    one = connector(f"{name}.a,{name}.b", tasks__max=2, output__format=form)
    one.until("snapshot")
    first = one.anchors()[-1]
    a.insert_many([{"_id": n, "n": n, "s": "x", "more": f"m{n}"} for n in range(100, 110)])
    a.delete_many({"_id": {"$lt": 5}})
    b.update_many({"_id": {"$lt": 9}}, {"$set": {"s": "changed"}})
    one.until("anchor")
    a.update_many({"_id": {"$in": [7, 8, 100]}}, {"$set": {"deep": {"x": 1.5, "list": [1, 2, 3]}}})
    b.insert_one({"_id": 77, "n": 1, "other": True})
    b.delete_one({"_id": 3})
    one.until("anchor")
    last = one.anchors()[-1]
    layout = [anchor for anchor in one.anchors() if anchor.covers(last.cut) and anchor.record["layout"] == last.record["layout"]]
    assert last.record["lanes"] == 2 and {anchor.lane for anchor in layout} == {0, 1}
    entries = {ns: entry for anchor in layout for ns, entry in anchor.collections.items()}
    assert len(entries[f"{name}.a"]["value_schema_ids"]) == 3 and len(entries[f"{name}.b"]["value_schema_ids"]) == 2
    wanted = {namespace: _source(stack, namespace, last.cut) for namespace in entries}
    before = {namespace: _source(stack, namespace, first.cut) for namespace in entries}
    assert wanted != before and len(wanted[f"{name}.a"]) == 45
    for file_format in ("parquet", "avro", "jsonl"):
        read = _replay(one, tmp_path / file_format, file_format, at=last.id)
        assert {namespace: _state(rows) for namespace, rows in read.items()} == wanted, file_format
    state = {namespace: _state(rows) for namespace, rows in _replay(one, tmp_path / "a", "avro", at=first.id).items()}
    assert state == before
    change = _replay(one, tmp_path / "d", "avro", "--from", first.id, at=last.id)
    for namespace, rows in change.items():
        # Debezium's key has the id as text under a name of its own, which is all that a delete has.
        ids = _ids(stack, entries[namespace])
        for row in rows:
            key = row["_id"] if row["_id"] is not None else ids[row["id"]]
            assert row["__op"] in "ud" and (key in state[namespace] or row["__op"] == "u")
            state[namespace].pop(key, None)
            if row["__op"] == "u":
                state[namespace][key] = {k: v for k, v in _plain(row).items() if k != "id"}
    assert state == wanted
    assert sum(row["__op"] == "d" for row in change[f"{name}.a"]) == 5


def _ids(stack, entry: dict) -> dict[str, int]:
    """Documents' ids by the text of their keys."""
    records = law.Export.read(stack.topics, entry, newest=False).until(entry)
    return {record.key["id"]: json.loads(record.key["id"]) for record in records if "id" in record.key}
