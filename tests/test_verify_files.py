"""`verify --against files` and `--against topic`: a whole export is accepted in every format; each defect is found and named,
with the manifest mended behind it and without; what can't be read any more proves nothing. (I-VERIFY-2)"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import fastavro
import pytest

from oracle import doctored, exports, state_digest
from oracle.others import Programs
from test_types import FIELDS

FORMATS = ("parquet", "avro", "jsonl", "jsonl.zst", "jsonl.gz")

# Rows of a Parquet file as JSON lines, and back; a column named behind `text` becomes one of text.
_PYARROW = """
import json, sys
import pyarrow as pa, pyarrow.parquet as parquet
path, text = sys.argv[1], sys.argv[2:]
table = parquet.read_table(path)
if not sys.stdin.isatty() and (given := sys.stdin.read()):
    rows = [json.loads(line) for line in given.splitlines()]
    schema = table.schema
    for name in text:
        rows = [{**row, name: str(row[name])} for row in rows]
        schema = schema.set(schema.get_field_index(name), pa.field(name, pa.string()))
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")
print("\\n".join(json.dumps(row) for row in table.to_pylist()))
"""


class Parquet:
    def __init__(self):
        self.programs = Programs.fetched()

    def call(self, path, rows, *text):
        given = path.with_suffix(".given")
        given.write_text("\n".join(json.dumps(row) for row in rows))
        command = f'"{self.programs.bin}/python" -c "$0" "$@" < "{given}"'
        try:
            lines = self.programs.call("sh", "-c", command, _PYARROW, str(path), *text)
        finally:
            given.unlink()
        return [json.loads(line) for line in lines.splitlines()]

    def read(self, path):
        return self.call(path, [])

    def write(self, path, rows):
        self.call(path, rows)

    def retype(self, path, rows):
        self.call(path, rows, "n")


class Avro:
    def _schema(self, path):
        with path.open("rb") as file:
            return fastavro.reader(file).writer_schema

    def read(self, path):
        with path.open("rb") as file:
            return list(fastavro.reader(file))

    def write(self, path, rows, schema=None):
        schema = schema or self._schema(path)
        with path.open("wb") as file:
            fastavro.writer(file, schema, rows, codec="deflate")

    def retype(self, path, rows):
        schema = json.loads(json.dumps(self._schema(path)))
        next(field for field in schema["fields"] if field["name"] == "n")["type"] = ["null", "string"]
        self.write(path, [{**row, "n": str(row["n"])} for row in rows], schema)


class Lines:
    def read(self, path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def write(self, path, rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def retype(self, path, rows):
        self.write(path, [{**row, "n": str(row["n"])} for row in rows])


def _verify(one, folder, *flags: str, code: int = 0) -> dict:
    flags = ("verify", "-c", str(one.file), "--against", "files", str(folder), "-o", "json", *flags)
    return json.loads(one.call(*flags, code=code).stdout)


def _topic(one, *flags: str, code: int = 0) -> dict:
    return json.loads(one.call("verify", "-c", str(one.file), "--against", "topic", "-o", "json", *flags, code=code).stdout)


def _codes(report: dict) -> set[str]:
    return {reason["code"] for found in report["ranges"] for reason in found["reasons"]}


def _replay(one, out, *flags: str, file_format: str = "jsonl"):
    exports.replay(one, out, "--no-certificate", *flags, file_format=file_format, limit=60)
    return out


def _manifest(out, change=None) -> dict:
    manifest = exports.manifest(out)
    if change is not None:
        change(manifest)
        (out / "_manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _mend(out, rows: int | None = None) -> None:
    """Sizes and hashes of the manifest as the files are now, and the number of rows of the only one."""

    def change(manifest):
        for collection in manifest["collections"]:
            for file in collection["files"]:
                data = (out / file["name"]).read_bytes()
                file.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
                if rows is not None:
                    file["rows"] = collection["rows"] = rows

    _manifest(out, change)


@pytest.fixture
def items(stack, name, connector):
    """A connector that has captured twenty documents, one of them updated and one deleted since."""
    made = stack.client[name].items
    made.insert_many([{"_id": f"k{n:02}", "n": n, "s": f"text {n:02}"} for n in range(20)])
    one = connector(f"{name}.items", topic__creation__default__partitions=2)
    one.until("snapshot")
    made.update_one({"_id": "k03"}, {"$set": {"n": 1000}})
    made.delete_one({"_id": "k05"})
    one.until("anchor")
    return one


def _at(rows, key):
    return next(at for at, row in enumerate(rows) if row["_id"] == key)


def _set(rows, key, **fields):
    return [{**row, **fields} if row["_id"] == key else row for row in rows]


def _lost(rows):
    at = _at(rows, "k06")
    return [*rows[:at], {**rows[at], "_id": "k05", "n": 5, "s": "text 05"}, *rows[at:]]


def _swapped(rows):
    at = _at(rows, "k08")
    return [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]


# Name: what becomes of the rows; how it is called, of which key, at which field.
DEFECTS = {
    "dropped": (lambda rows: [row for row in rows if row["_id"] != "k02"], ("missing", "k02", None)),
    "doubled": (lambda rows: [twice for row in rows for twice in [row] * (2 if row["_id"] == "k04" else 1)],
                ("doubled", "k04", None)),
    "altered": (lambda rows: _set(rows, "k04", s="text 05"), ("differs", "k04", "/s")),
    "stale": (lambda rows: _set(rows, "k03", n=3), ("differs", "k03", "/n")),
    "tombstone lost": (_lost, ("ghost", "k05", None)),
    "ghost": (lambda rows: [*rows, {**rows[-1], "_id": "zzz"}], ("ghost", "zzz", None)),
    "out of order": (_swapped, ("misplaced", "k08", None)),
}


@pytest.mark.parametrize("file_format", FORMATS[:3])
def test_each_defect_of_files_is_found_and_named(items, name, tmp_path, file_format):
    one = items
    whole = _replay(one, tmp_path / "whole", file_format=file_format)
    files = {"parquet": Parquet, "avro": Avro, "jsonl": Lines}[file_format]()
    report = _verify(one, whole)
    [found] = report["ranges"]
    assert (report["verdict"], found["equal"], found["source_documents"], found["export_documents"]) == ("ACCEPT", 19, 19, 19)
    [collection] = _manifest(whole)["collections"]
    assert found["state_digest"] == collection["state_digest"]
    [part] = [file["name"] for file in collection["files"]]
    rows = files.read(whole / part)
    assert len(rows) == 19 and rows[_at(rows, "k03")]["n"] == 1000

    def copy(case: str):
        out = tmp_path / case.replace(" ", "-")
        return shutil.copytree(whole, out)

    for case, (change, (kind, key, path)) in DEFECTS.items():
        out, made = copy(case), change(rows)
        files.write(out / part, made)
        assert "MOOR-6177" in _codes(_verify(one, out, "--offline", code=1)), case
        _mend(out, len(made))
        report = _verify(one, out, code=1)
        named = [(each["kind"], key in each["key"]) for each in report["ranges"][0]["differences"]]
        assert report["verdict"] == "REJECT" and (kind, True) in named and len(named) == 1, (case, report)
        fields = [field["path"] for each in report["ranges"][0]["differences"] for field in each["fields"]]
        assert fields == ([path] if path else []), (case, report)
        assert "MOOR-6177" not in _codes(report) and "MOOR-6179" in _codes(report), (case, report)
        assert "MOOR-6179" in _codes(_verify(one, out, "--offline", code=1)), case

    out = copy("type")
    files.retype(out / part, rows)
    _mend(out)
    assert "MOOR-6178" in _codes(_verify(one, out, "--offline", code=1))
    data = (whole / part).read_bytes()
    for case, damaged in {"cut": data[:-10], "empty": b"", "bit": data[:40] + bytes([data[40] ^ 1]) + data[41:]}.items():
        out = copy(case)
        (out / part).write_bytes(damaged)
        report = _verify(one, out, code=1)
        [told] = [reason["where"] for reason in report["ranges"][0]["reasons"] if reason["code"] == "MOOR-6177"]
        assert told == part and report["verdict"] == "REJECT", (case, report)


def test_a_manifest_that_was_mended_whole_and_files_that_nobody_named(items, name, tmp_path):
    one = items
    whole, files = _replay(one, tmp_path / "whole", file_format="avro"), Avro()
    [collection] = _manifest(whole)["collections"]
    [part] = [file["name"] for file in collection["files"]]

    def copy(case: str):
        return shutil.copytree(whole, tmp_path / case)

    # Files, sizes, hashes and digest agree with each other: only the topic knows better.
    forged = copy("forged")
    made = _set(files.read(forged / part), "k03", n=3)
    files.write(forged / part, made)
    _mend(forged)
    digest = state_digest.digest(made, collection["schema"])
    _manifest(forged, lambda manifest: manifest["collections"][0].update(state_digest=digest))
    alone = one.call("verify", "--against", "files", str(forged))
    assert "ACCEPT" in alone.stdout and "Kafka was not asked" in alone.stdout
    report = _verify(one, forged, code=1)
    assert _codes(report) == {"MOOR-6180"} and report["ranges"][0]["difference_count"] == 1, report
    [difference] = report["ranges"][0]["differences"]
    [field] = difference["fields"]
    assert "k03" in difference["key"] and (field["path"], field["source"], field["export"]) == ("/n", 1000, 3)
    edited = copy("edited")
    _manifest(edited, lambda manifest: manifest["collections"][0]["partitions"][0].update(end=1))
    assert _codes(_verify(one, edited, code=1)) == {"MOOR-6181"}
    ghost = copy("ghost-part")
    shutil.copy(ghost / part, ghost / part.replace("00000", "00001"))
    (ghost / "_notes.txt").write_text("of the owner")
    report = _verify(one, ghost, "--junit", str(tmp_path / "verify.xml"), code=1)
    [reason] = report["ranges"][0]["reasons"]
    assert reason["code"] == "MOOR-6177" and reason["where"] == part.replace("00000", "00001")
    assert 'failures="1"' in (tmp_path / "verify.xml").read_text()
    gone = copy("gone")
    (gone / part).unlink()
    assert "MOOR-6177" in _codes(_verify(one, gone, code=1))
    (gone / "_SUCCESS").unlink()
    assert "MOOR-6176" in one.call("verify", "--against", "files", str(gone), code=1).stderr
    assert "MOOR-6176" in one.call("verify", "--against", "files", str(tmp_path), code=1).stderr

    # Retention takes the records: the files prove themselves by a certificate of a time when they could be read.
    entry = one.anchors()[-1].collections[f"{name}.items"]
    part = entry["partitions"][0]
    one.stack.topics.delete_before(entry["topic"], part["partition"], part["first"] + 3)
    report = _verify(one, whole, code=5)
    assert report["verdict"] == "UNSUPPORTED" and _codes(report) == {"MOOR-6002"}, report
    assert _verify(one, forged, code=5)["verdict"] == "UNSUPPORTED"


def test_a_certificate_made_in_time_stands_for_records_that_are_gone(items, name, tmp_path):
    one = items
    whole = _replay(one, tmp_path / "whole")
    assert _verify(one, whole)["verdict"] == "ACCEPT"
    report = _topic(one)
    [found] = report["ranges"]
    assert (report["verdict"], found["export_documents"]) == ("ACCEPT", 19)
    assert found["state_digest"] == _manifest(whole)["collections"][0]["state_digest"]
    entry = one.anchors()[-1].collections[f"{name}.items"]
    assert found["records_digest"] == entry["records_digest"].hex() and found["source_documents"] == 22
    part = entry["partitions"][0]
    one.stack.topics.delete_before(entry["topic"], part["partition"], part["first"] + 3)
    report = _verify(one, whole)
    [found] = report["ranges"]
    assert report["verdict"] == "ACCEPT" and found["certificate"]["method"] in ("files", "topic"), report
    report = _topic(one, code=5)
    [reason] = report["ranges"][0]["reasons"]
    assert reason["code"] == "MOOR-6002" and f"partition {part['partition']}: 3 of" in reason["why"], reason
    shown = json.loads(one.call("anchors", "show", "-c", str(one.file), "--at", report["anchor"], "-o", "json").stdout)
    made = {certificate["method"]: certificate for certificate in shown["collections"][0]["certificates"]}
    assert made["files"]["verdict"] == "ACCEPT" and "topic" in made


def test_defects_of_topics_are_found_with_their_partition(items, name):
    one = items
    anchor, namespace = one.anchors()[-1], f"{name}.items"
    records = doctored.export(one, anchor, namespace)
    at = next(at for at, record in enumerate(records) if record.key["_id"] == "k04")
    own = records[at].partition
    cases = {
        "same": (records, records, None, ""),
        "lost": ([*records[:at], *records[at + 1 :]], records, "MOOR-6013", f"partition {own}"),
        "doubled": ([*records[: at + 1], *records[at:]], records, "MOOR-6013", f"partition {own}"),
        "altered": ([*records[:at], doctored.altered(records[at], b"text 04", b"text 05"), *records[at + 1 :]], records,
                    "MOOR-6014", namespace),
    }
    moved = [*records[:at], *records[at + 1 :], replace(records[at], partition=1 - own)]
    moved.sort(key=lambda record: record.partition)
    cases["moved"] = (moved, moved, "MOOR-6183", "")
    for case, (made, counted, code, place) in cases.items():
        one.write(anchor__topic__name=doctored.write(one, anchor, namespace, case, made, counted))
        report = _topic(one, "--no-certificate", code=1 if code else 0)
        assert report["verdict"] == ("REJECT" if code else "ACCEPT") and _codes(report) == ({code} if code else set()), report
        assert all(place in reason["where"] for reason in report["ranges"][0]["reasons"]), report
    assert "k04" in report["ranges"][0]["differences"][0]["key"], report


def test_none_is_found_where_there_is_none(stack, name, connector, tmp_path):
    zoo = stack.client[name].zoo
    pairs = [(field, value) for field, (values, _) in FIELDS.items() for value in values]
    zoo.insert_many([{"_id": number, field: value} for number, (field, value) in enumerate(pairs)])
    one = connector(f"{name}.zoo")
    one.until("snapshot")
    first = one.anchors()[-1].id
    zoo.delete_one({"_id": 1})
    zoo.update_many({"_id": {"$lt": 20}}, {"$set": {"touched": True}})
    one.until("anchor")
    for file_format in FORMATS:
        for case, flags in {"state": (), "parts": ("--file-bytes", "2000"), "log": ("--log",), "changes": ("--from", first),
                            "columns": ("--columns", "_id,string"), "folders": ("--partition-by", "boolean"), "no-key": ("--columns", "string,boolean")}.items():
            out = _replay(one, tmp_path / f"{file_format}-{case}", *flags, file_format=file_format)
            report = _verify(one, out, "--no-certificate")
            [found] = report["ranges"]
            assert report["verdict"] == "ACCEPT" and found["equal"] == found["export_documents"] > 0, (file_format, case, report)
            assert found["source_documents"] == found["export_documents"], (file_format, case, report)
    small = _verify(one, tmp_path / "avro-state", "--memory-bytes", "20000", "--work-dir", str(tmp_path))
    assert small["verdict"] == "ACCEPT" and not list(tmp_path.glob(".moorline*"))
