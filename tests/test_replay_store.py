"""`moorline replay` to an object store: the same names and bytes as in a folder, also after kills and on another machine's
account; what the store refuses is told by its code and without a secret. (I-REPLAY-2, I-REPLAY-4)"""

from __future__ import annotations

import json
import os

import pytest
from bson import ObjectId

from oracle import exports
from oracle.objects import ObjectStore
from oracle.others import Programs

# What pyarrow reads over the network: rows by file, and the anchor in their metadata.
_PYARROW = """
import json, sys
import pyarrow.fs, pyarrow.parquet as parquet
store = pyarrow.fs.S3FileSystem(endpoint_override=sys.argv[1], scheme="http", region="us-east-1",
                                access_key="test-key-id", secret_key="test-secret-key")
files = [parquet.ParquetFile(store.open_input_file(path)) for path in sys.argv[2:]]
[anchor] = {file.metadata.metadata[b"moorline.anchor"].decode() for file in files}
print(json.dumps({"rows": [file.read().num_rows for file in files], "anchor": anchor}))
"""


@pytest.fixture
def objects(tmp_path):
    store = ObjectStore(tmp_path)
    yield store
    store.close()


def _without_run(found: dict[str, str]) -> dict[str, str]:
    return {name: sha for name, sha in found.items() if name != "_run.json"}


def test_an_object_store_holds_what_a_folder_holds_also_after_kills(stack, name, connector, objects, tmp_path):
    one = exports.history(stack, name, connector)
    anchor = exports.newest(one)
    bucket, reached = objects.bucket("lake"), objects.environment()
    flags = ("--file-bytes", "30000")
    exports.replay(one, tmp_path / "folder", *flags, at=anchor)
    wanted = exports.files(tmp_path / "folder")
    assert len([file for file in wanted if "/part-" in file]) > 3
    work = tmp_path / "work"
    work.mkdir()
    flags = (*flags, "--work-dir", str(work))
    line = exports.replay(one, f"s3://{bucket}/whole", *flags, at=anchor, **reached).stdout
    assert "documents of" in line and f"s3://{bucket}/whole" in line
    found = objects.objects(bucket, "whole")
    assert "_run.json" in found and _without_run(found) == wanted
    assert list(work.iterdir()) == [], "files in the making were left"
    points = ["file.published@2", "collection.noted", "run.written", "success.written"]
    for number, point in enumerate(points):
        out = f"s3://{bucket}/killed{number}"
        killed = exports.replay(one, out, *flags, at=anchor, code=-6, MOORLINE_REPLAY_FAULT=point, **reached)
        assert f"fault at {point.split('@')[0]}" in killed.stderr
        if point != "success.written":
            assert "_SUCCESS" not in objects.objects(bucket, f"killed{number}"), point
        if point == "collection.noted":
            refused = exports.replay(one, out, "--resume", "--file-bytes", "30001", at=anchor, code=1, **reached)
            assert "MOOR-6126" in refused.stderr
        # Another machine: it has no file of the first one's.
        for left in work.iterdir():
            for file in left.iterdir():
                file.unlink()
            left.rmdir()
        exports.replay(one, out, *flags, "--resume", at=anchor, **reached)
        assert _without_run(objects.objects(bucket, f"killed{number}")) == wanted, point
    # A prefix is a folder's name, not the beginning of one.
    exports.replay(one, f"s3://{bucket}/who", *flags, at=anchor, **reached)
    assert "MOOR-6125" in exports.replay(one, f"s3://{bucket}/whole", *flags, at=anchor, code=4, **reached).stderr
    assert "MOOR-6125" in exports.replay(one, f"s3://{bucket}", *flags, at=anchor, code=4, **reached).stderr
    dry = exports.replay(one, f"s3://{bucket}/dry", "--dry-run", at=anchor, **reached)
    assert "nothing was written" in dry.stdout and objects.objects(bucket, "dry") == {}
    # What is not the export's is never removed, and what beside it is nobody's business.
    one_collection = (*flags, "--collection", f"{name}.a", "--overwrite", "--yes")
    objects.put(bucket, f"whole/{name}.a/part-mine", "kept")
    refused = exports.replay(one, f"s3://{bucket}/whole", *one_collection, at=anchor, code=4, **reached)
    assert "MOOR-6125" in refused.stderr
    assert list(objects.objects(bucket, "whole")) == [f"{name}.a/part-mine"]
    exports.replay(one, f"s3://{bucket}/who", *one_collection, at=anchor, **reached)
    assert {file.split("/")[0] for file in objects.objects(bucket, "who")} == {f"{name}.a", "_manifest.json", "_run.json",
                                                                              "_SUCCESS"}


def test_large_files_are_sent_in_parts_and_read_by_others(stack, name, connector, objects, tmp_path):
    rows = 14
    stack.client[name]["big"].insert_many([{"_id": ObjectId(), "n": n, "text": os.urandom(450_000).hex()} for n in range(rows)])
    one = connector(f"{name}.big")
    one.until("snapshot")
    bucket, reached = objects.bucket("lake"), objects.environment()
    exports.replay(one, tmp_path / "folder", file_format="jsonl")
    exports.replay(one, f"s3://{bucket}/a/b", file_format="jsonl", **reached)
    wanted = exports.files(tmp_path / "folder")
    assert _without_run(objects.objects(bucket, "a/b")) == wanted
    assert (tmp_path / "folder" / f"{name}.big" / "part-00000.jsonl").stat().st_size > 12_000_000
    assert "uploadId=" in objects.log.read_text()
    exports.replay(one, tmp_path / "table", file_format="parquet")
    exports.replay(one, f"s3://{bucket}/table", file_format="parquet", **reached)
    manifest = json.loads((tmp_path / "table" / "_manifest.json").read_text())
    paths = [f"{bucket}/table/{file['name']}" for file in manifest["collections"][0]["files"]]
    programs = Programs.fetched()
    told = json.loads(programs.call(str(programs.bin / "python"), "-c", _PYARROW, f"127.0.0.1:{objects.port}", *paths))
    assert sum(told["rows"]) == rows and told["anchor"] == manifest["at"]["anchors"][0]


def test_what_a_store_refuses_is_told_by_its_code(stack, name, connector, objects, tmp_path):
    stack.client[name]["a"].insert_one({"n": 1})
    one = connector(f"{name}.a")
    one.until("snapshot")
    bucket = objects.bucket("lake")

    def refused(code: str, out: str, exit_code: int = 1, **changes) -> str:
        said = exports.replay(one, out, code=exit_code, limit=60, **objects.environment(**changes)).stderr
        assert code in said, said
        for secret in ("test-secret-key", "other-secret", "hidden"):
            assert secret not in said, said
        return said

    refused("MOOR-6131", "s3://nothing-here/x")
    refused("MOOR-6130", f"s3://{bucket}/x", 3, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    refused("MOOR-6130", f"s3://{bucket}/x", 3, AWS_ALLOW_HTTP="false")
    for text in (f"s3://key:hidden@{bucket}/x", f"s3://{bucket}/x?token=hidden", "http://127.0.0.1/x", "s3:///x"):
        refused("MOOR-6135", text, 2)
    gone = exports.replay(one, f"s3://{bucket}/x", "--work-dir", str(tmp_path / "nowhere"), code=1, **objects.environment())
    assert "MOOR-6127" in gone.stderr
    assert objects.objects(bucket, "x") == {}
    key, secret = objects.stranger()
    refused("MOOR-6132", f"s3://{bucket}/x", AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)
    refused("MOOR-6133", f"s3://{bucket}/x", AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY="other-secret")
    refused("MOOR-6133", f"s3://{bucket}/x", AWS_ACCESS_KEY_ID="AKIANOBODY", AWS_SECRET_ACCESS_KEY="other-secret")
