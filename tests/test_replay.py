"""`moorline replay`: an export at an anchor equals the fold of its records and so the source's state; the same bytes each
time, also after a kill; what can't be replayed is refused by its code. (I-REPLAY-1, I-REPLAY-2)"""

from __future__ import annotations

import hashlib
import json

import pytest
from confluent_kafka.admin import NewPartitions

from oracle import exports, fold, law
from oracle.others import Programs

MEMORY = "60000"

# What pyarrow reads: ids as JSON in the files' order, and the anchor in their metadata.
_PYARROW = """
import json, sys
import pyarrow.parquet as parquet
files = [parquet.ParquetFile(path) for path in sys.argv[1:]]
ids = [json.dumps(each, sort_keys=True, default=str) for file in files for each in file.read()["_id"].to_pylist()]
[anchor] = {file.metadata.metadata[b"moorline.anchor"].decode() for file in files}
print(json.dumps({"ids": ids, "anchor": anchor}))
"""


@pytest.fixture
def written(stack, name, connector):
    """A connector that wrote a random history, was killed in it, and has ended."""

    def make(**settings):
        return exports.history(stack, name, connector, killed=True, **settings)

    return make


def _replay(one, out, *flags: str, **more):
    return exports.replay(one, out, "--no-certificate", *flags, limit=60, **more)


def _rows(out, namespace: str) -> list[dict]:
    """Rows of a collection, held against what the manifest says of its files."""
    manifest = exports.manifest(out)
    [collection] = [c for c in manifest["collections"] if c["namespace"] == namespace]
    rows, last = [], ""
    for file in collection["files"]:
        data = (out / file["name"]).read_bytes()
        assert len(data) == file["bytes"] and hashlib.sha256(data).hexdigest() == file["sha256"]
        found = READERS[manifest["file_format"]](out / file["name"])
        assert len(found) == file["rows"] and last < file["first_key"] <= file["last_key"] or manifest["mode"] == "log"
        last = file["last_key"]
        rows += found
    assert len(rows) == collection["rows"]
    return rows


def _lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _avro(path) -> list[dict]:
    import fastavro

    with path.open("rb") as file:
        return list(fastavro.reader(file))


READERS = {"jsonl": _lines, "avro": _avro}


def _key(value) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _state(rows: list[dict]) -> dict[str, dict]:
    state = {_key(row["_id"]): row for row in rows}
    assert len(state) == len(rows), "a key has two rows"
    return state


def _cut(one, anchor_id: str):
    return next(anchor for anchor in one.anchors() if anchor.id == anchor_id)


def _folded(one, anchor, namespace: str) -> dict[str, dict]:
    """The state by the checker's own fold, from its own decoding."""
    entry = anchor.collections[namespace]
    records = law.Export.read(one.stack.topics, entry, newest=False).until(entry)
    last = fold.fold(fold.histories(records))
    return {_key(fold.document(record)["_id"]): fold.document(record) for record in last.values()}


@pytest.mark.parametrize("form", ["document", "envelope"])
def test_an_export_is_the_state_and_differences_add_up(stack, name, written, tmp_path, form):
    one = written(output__format=form)
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=3, connector=name)
    whole = [anchor for anchor in one.anchors() if anchor.whole and len(anchor.collections) == 2]
    first, last = whole[0], whole[-1]
    assert first.id != last.id
    line = _replay(one, tmp_path / "b", at=last.id, file_format="avro").stdout
    assert "documents of" in line and "moorline verify" in line
    _replay(one, tmp_path / "a", at=first.id, file_format="avro")
    _replay(one, tmp_path / "d", "--from", first.id, at=last.id, file_format="avro")
    assert (tmp_path / "b" / "_SUCCESS").exists() and not (tmp_path / "b" / ".moorline-replay").exists()
    deletes = 0
    for namespace in (f"{name}.a", f"{name}.b"):
        before, after = (_state(_rows(tmp_path / folder, namespace)) for folder in ("a", "b"))
        for anchor, state in ((first, before), (last, after)):
            folded = _folded(one, anchor, namespace)
            assert folded.keys() == state.keys()
            assert {key: _key(row) for key, row in folded.items()} == {key: _key(row) for key, row in state.items()}
        if form == "document":
            for key, row in ((_key(row["_id"]), row) for row in _rows(tmp_path / "d", namespace)):
                deletes += row["__op"] == "d"
                before.pop(key, None)
                if row["__op"] == "u":
                    before[key] = row
            plain = lambda rows: {k: {f: v for f, v in r.items() if f != "__op"} for k, r in rows.items()}  # noqa: E731
            assert plain(before) == plain(after)
    assert form != "document" or deletes > 0, "no delete was put to the test"
    manifest = exports.manifest(tmp_path / "b")
    assert manifest["exact"] and manifest["complete"] and manifest["at"]["anchors"] == [last.id]
    entry = last.collections[f"{name}.a"]
    [told] = [c for c in manifest["collections"] if c["namespace"] == f"{name}.a"]
    assert told["records_digest"] == entry["records_digest"].hex() and told["topic_id"] == entry["topic_id"]


def test_the_same_bytes_whatever_the_memory_and_after_each_kill(stack, name, written, tmp_path):
    """I-REPLAY-2: killed at each step, then gone on with."""
    one = written()
    anchor = next(a for a in reversed(one.anchors()) if a.whole and len(a.collections) == 2)
    flags = ("--file-bytes", "30000")
    _replay(one, tmp_path / "one", *flags, at=anchor.id)
    wanted = exports.files(tmp_path / "one")
    assert len([file for file in wanted if "/part-" in file]) > 3
    _replay(one, tmp_path / "small", *flags, "--memory-bytes", MEMORY, at=anchor.id)
    assert exports.files(tmp_path / "small") == wanted
    assert json.loads((tmp_path / "small" / "_run.json").read_text())["sorted_on_disk_bytes"] > 2 * int(MEMORY)
    points = ["journal.begun", "records.read", "file.staged@2", "file.published@2", "collection.written",
              "collection.noted", "collection.noted@2", "manifest.written", "run.written", "success.written"]
    for number, point in enumerate(points):
        out = tmp_path / f"killed{number}"
        killed = _replay(one, out, *flags, at=anchor.id, code=-6, MOORLINE_REPLAY_FAULT=point)
        assert f"fault at {point.split('@')[0]}" in killed.stderr
        if point == "success.written":
            continue
        assert not (out / "_SUCCESS").exists(), point
        if number == 4:
            refused = _replay(one, out, "--resume", "--file-bytes", "30001", at=anchor.id, code=1)
            assert "MOOR-6126" in refused.stderr
        _replay(one, out, *flags, "--resume", at=anchor.id)
        assert exports.files(out) == wanted, point
    again = _replay(one, tmp_path / "one", *flags, at=anchor.id, code=4)
    assert "MOOR-6125" in again.stderr
    _replay(one, tmp_path / "one", *flags, "--overwrite", at=anchor.id, code=4)
    assert exports.files(tmp_path / "one") == wanted
    _replay(one, tmp_path / "one", "--collection", f"{name}.a", "--overwrite", "--yes", at=anchor.id)
    assert {file.split("/")[0] for file in exports.files(tmp_path / "one")} == {f"{name}.a", "_manifest.json", "_SUCCESS"}


def test_every_record_unfolded_and_chosen_fields(stack, name, written, tmp_path):
    one = written()
    anchor = next(a for a in reversed(one.anchors()) if a.whole and len(a.collections) == 2)
    _replay(one, tmp_path / "log", "--log", "--collection", f"{name}.a", at=anchor.id)
    rows = _rows(tmp_path / "log", f"{name}.a")
    entry = anchor.collections[f"{name}.a"]
    records = law.Export.read(stack.topics, entry, newest=False).until(entry)
    places = sorted((record.partition, record.offset) for record in records)
    assert [(row["__partition"], row["__offset"]) for row in rows] == places
    assert all(row["_id"] is not None for row in rows)
    _replay(one, tmp_path / "few", "--columns", "_id,__op", at=anchor.id)
    assert all(set(row) == {"_id", "__op"} for row in _rows(tmp_path / "few", f"{name}.b"))
    assert "MOOR-6129" in _replay(one, tmp_path / "no", "--columns", "nothing", at=anchor.id, code=1).stderr
    _replay(one, tmp_path / "table", at=anchor.id, file_format="parquet")
    _replay(one, tmp_path / "lines", at=anchor.id)
    programs = Programs.fetched()
    manifests = [exports.manifest(tmp_path / folder)["collections"] for folder in ("table", "lines")]
    digests = [[(c["rows"], c["state_digest"]) for c in collections] for collections in manifests]
    assert digests[0] == digests[1] and all(rows and len(digest) == 64 for rows, digest in digests[0])
    for collection in manifests[0]:
        paths = [str(tmp_path / "table" / file["name"]) for file in collection["files"]]
        told = json.loads(programs.call(str(programs.bin / "python"), "-c", _PYARROW, *paths))
        lines = _rows(tmp_path / "lines", collection["namespace"])
        assert told["ids"] == [_key(row["_id"]) for row in lines] and told["anchor"] == anchor.id
    dry = json.loads(_replay(one, tmp_path / "dry", "--dry-run", "-o", "json", at=anchor.id).stdout)
    assert {c["namespace"]: c["records"] for c in dry["collections"]}[f"{name}.a"] == len(records)
    assert not (tmp_path / "dry").exists()


def test_what_can_not_be_replayed_is_refused_by_name(stack, name, written, tmp_path):
    one = written()
    anchor = next(a for a in reversed(one.anchors()) if a.whole and len(a.collections) == 2)
    entry = anchor.collections[f"{name}.a"]
    part = entry["partitions"][0]
    admin = stack.topics.admin
    # Partitions are added to one topic, records of the other are taken away.
    next(iter(admin.create_partitions([NewPartitions(f"{name}.{name}.b", 5)]).values())).result(20)
    found = _replay(one, tmp_path / "parts", "--collection", f"{name}.b", at=anchor.id, code=1)
    assert "MOOR-6121" in found.stderr, found.stderr
    stack.topics.delete_before(f"{name}.{name}.a", part["partition"], part["first"] + 3)
    found = _replay(one, tmp_path / "gone", "--collection", f"{name}.a", at=anchor.id, code=1)
    assert "MOOR-6002" in found.stderr and f"partition {part['partition']}" in found.stderr
    assert not (tmp_path / "gone").exists() and not (tmp_path / "parts").exists()
