"""`moorline replay --partition-by`: the same rows in folders that others read as a partitioned table; bounded memory, a full
disk, and a log that has no name before it was counted. (I-REPLAY-2, I-REPLAY-6)"""

from __future__ import annotations

import datetime
import gzip
import json
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from oracle import exports
from oracle.connector import environment
from oracle.objects import ObjectStore
from oracle.others import Programs

STATES = ["open", "a/b=c%", "", "ü x", None, "Open"]
FIRST = datetime.datetime(2026, 11, 20, 23, 30, tzinfo=datetime.timezone.utc)
NULL = "__HIVE_DEFAULT_PARTITION__"

_PYARROW = """
import json, sys
import pyarrow.dataset as dataset
table = dataset.dataset(sys.argv[1], format="parquet", partitioning="hive", exclude_invalid_files=True).to_table()
print(json.dumps([[row["_id"], row["state"], row["at_day"]] for row in table.to_pylist()]))
"""
_DUCKDB = """
import json, sys
import duckdb
rows = duckdb.sql(f"select _id, state, at_day::varchar from read_parquet('{sys.argv[1]}/**/*.parquet', hive_partitioning=true)")
print(json.dumps(rows.fetchall(), default=str))
"""


def _folder(row: dict) -> str:
    """What a row's folder is called, by a reading of Hive's rules of our own."""
    state = row["state"] or NULL
    special = "\"#%'*/:=?\\{[]^"
    state = "".join(f"%{ord(c):02X}" if c in special else c for c in state)
    day = row["at"][:10] if row["at"] else NULL
    return f"state={state}/at_day={day}"


def _collection(out: Path) -> dict:
    return json.loads((out / "_manifest.json").read_text())["collections"][0]


def _lines(path: Path) -> list[dict]:
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def parted(stack, name, connector):
    """A connector that wrote rows of several states and days, some of them twice."""
    rows = [{"_id": n, "n": n % 7, "state": STATES[n % len(STATES)], "text": "x" * 40,
             "at": None if n % 11 == 0 else FIRST + datetime.timedelta(hours=n % 60)} for n in range(600)]
    stack.client[name]["a"].insert_many(rows)
    one = connector(f"{name}.a")
    one.until("snapshot")
    stack.client[name]["a"].update_many({"_id": {"$lt": 50}}, {"$set": {"state": "done"}})
    stack.client[name]["a"].delete_many({"_id": {"$gte": 550}})
    one.finish()
    return one


def test_rows_in_folders_are_the_same_rows(stack, name, parted, tmp_path):
    one, asked = parted, ("--partition-by", "state,at:day")
    exports.replay(one, tmp_path / "plain")
    plain = _collection(tmp_path / "plain")
    rows = {row["_id"]: row for row in _lines(tmp_path / "plain" / plain["files"][0]["name"])}
    assert len(rows) == 550
    exports.replay(one, tmp_path / "gz", *asked, file_format="jsonl.gz")
    seen: dict[int, dict] = {}
    folders = []
    for file in _collection(tmp_path / "gz")["files"]:
        found = _lines(tmp_path / "gz" / file["name"])
        folder = file["name"].removeprefix(f"{name}.a/").rpartition("/")[0]
        folders.append(folder)
        assert len(found) == file["rows"] and {_folder(row) for row in found} == {folder}
        assert file["first_key"] <= file["last_key"]
        seen.update({row["_id"]: row for row in found})
    assert seen == rows and folders == sorted(folders, key=str.encode) and len(set(folders)) == len(folders) > 12
    assert {unquote(folder.split("/")[0]) for folder in folders} >= {"state=a/b=c%", "state=ü x", f"state={NULL}"}
    for kind in ("parquet", "avro"):
        exports.replay(one, tmp_path / kind, *asked, file_format=kind)
        exports.replay(one, tmp_path / f"{kind}-small", *asked, "--memory-bytes", "9000", file_format=kind)
        assert exports.files(tmp_path / kind) == exports.files(tmp_path / f"{kind}-small")
        assert _collection(tmp_path / kind)["state_digest"] == plain["state_digest"]
    assert json.loads((tmp_path / "avro-small" / "_run.json").read_text())["sorted_on_disk_bytes"] > 90_000
    programs = Programs.fetched()
    wanted = sorted((row["_id"], _folder(row).split("=")[-1]) for row in rows.values())
    for script in (_PYARROW, _DUCKDB):
        told = json.loads(programs.call(str(programs.bin / "python"), "-c", script, str(tmp_path / "parquet" / f"{name}.a")))
        assert sorted((row[0], str(row[2]) if row[2] else NULL) for row in told) == wanted
        assert {row[1] for row in told} >= {"open", "ü x", "done", "a/b=c%"}
    store = ObjectStore(tmp_path)
    try:
        bucket = store.bucket("lake")
        exports.replay(one, f"s3://{bucket}/x", *asked, file_format="avro", **store.environment())
        found = store.objects(bucket, "x")
    finally:
        store.close()
    found.pop("_run.json")
    assert found == exports.files(tmp_path / "avro")
    for flags, code, said in ((("gone",), 1, "MOOR-6136"), (("at",), 1, "MOOR-6136"), (("n:day",), 1, "MOOR-6136"),
                              (("at:week",), 2, "no part of an instant")):
        refused = exports.replay(one, tmp_path / "no", "--partition-by", *flags, code=code)
        assert said in refused.stderr and not (tmp_path / "no").exists()
    # A log has no name before it was counted, and every record has its row.
    exports.replay(one, tmp_path / "log", "--log", *asked, code=-6, MOORLINE_REPLAY_FAULT="records.read")
    small = ("--log", "--file-bytes", "3000")
    exports.replay(one, tmp_path / "whole", *small, code=-6, MOORLINE_REPLAY_FAULT="records.read")
    assert not list((tmp_path / "log").rglob("part-*")) and not list((tmp_path / "whole").rglob("part-*"))
    exports.replay(one, tmp_path / "log", "--log", *asked, "--resume")
    exports.replay(one, tmp_path / "whole", *small, "--resume")
    every = {folder: _collection(tmp_path / folder) for folder in ("log", "whole")}
    assert len(every["whole"]["files"]) > 3
    assert every["log"]["rows"] == every["whole"]["rows"] == every["log"]["records"] > 650
    both = [sorted(json.dumps(row) for file in every[folder]["files"] for row in _lines(tmp_path / folder / file["name"]))
            for folder in every]
    assert both[0] == both[1]


def test_a_full_disk_is_told_and_nothing_looks_done(parted, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*inside, f"mount -t tmpfs none {full}"], stderr=subprocess.PIPE, timeout=20).returncode:
        pytest.skip("a file system of its own can't be mounted here")
    command = f"{os.environ['MOORLINE_BIN']} replay -c {parted.file} --format jsonl"
    for flags in (f"--out {full}/x", f"--out {tmp_path}/y --work-dir {full} --memory-bytes 9000"):
        script = f"mount -t tmpfs -o size=60k none {full}; {command} {flags}; code=$?; find {full} -type f; exit $code"
        done = subprocess.run([*inside, script], capture_output=True, text=True, timeout=60, env=environment(), check=False)
        assert done.returncode == 1 and "MOOR-6127  the disk is full" in done.stderr, done.stderr
        assert "_SUCCESS" not in done.stdout and "part-" not in done.stdout and "_manifest" not in done.stdout
    assert not list((tmp_path / "y").glob("_*")) and not list((tmp_path / "y").rglob("part-*"))


def test_memory_is_bounded_while_a_fold_is_twenty_times_larger(stack, name, connector, tmp_path):
    """VmHWM of the process, at a budget of a twentieth of the fold."""
    document, count = 650_000, 300
    budget = document * count // 20
    for part in range(0, count, 60):
        # Of chance: what compresses a thousandfold is read by brokers' answers, which hold it compressed.
        stack.client[name]["a"].insert_many([{"_id": part + n, "bytes": os.urandom(document)} for n in range(60)])
    one = connector(f"{name}.a")
    one.until("snapshot")
    run = one.command("replay", "-c", str(one.file), "--format", "jsonl", "--out", str(tmp_path / "x"),
                      "--memory-bytes", str(budget))
    peak = 0
    while run.alive:
        try:
            status = Path(f"/proc/{run.process.pid}/status").read_text()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))])
        try:
            run.process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    assert run.wait(60) == 0, run.stderr[-2000:]
    sorted_bytes = json.loads((tmp_path / "x" / "_run.json").read_text())["sorted_on_disk_bytes"]
    assert sorted_bytes > 19 * budget and peak > budget
    print(f"peak {peak / 1e6:.0f} MB, budget {budget / 1e6:.0f} MB, sorted {sorted_bytes / 1e6:.0f} MB")
    assert peak < budget + 150_000_000, f"{peak / 1e6:.0f} MB at a budget of {budget / 1e6:.0f} MB"
