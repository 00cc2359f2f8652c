"""The programs that sink teams start from: each reads an export to an anchor, and finds what is missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oracle.connector import Connector
from oracle.others import Programs
from oracle.source import predecessor
from oracle.stack import own_name, variable

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ROWS = 300


def _commands(stack) -> dict[str, list[str]]:
    apicurio = stack.registry_url.replace("/apis/ccompat/v7", "/apis/registry/v2")
    java = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"]
    java += ["-cp", f"{Programs.fetched().jars}/*", str(EXAMPLES / "java" / "ReadExport.java")]
    return {
        "python": [sys.executable, str(EXAMPLES / "python" / "read_export.py"), stack.bootstrap, stack.registry_url],
        "java": [*java, stack.bootstrap, apicurio],
        "rust": [variable("MOORLINE_EXAMPLE"), stack.bootstrap, stack.registry_url],
    }


@pytest.fixture(scope="module")
def exported(stack, tmp_path_factory):
    """A collection with rows, changes and deletes, two anchors, and how many documents there were at each."""
    name = own_name("examples")
    more = {"topic.creation.default.partitions": 3, "anchor.interval.ms": 1000}
    one = Connector(stack, name, tmp_path_factory.mktemp("examples"), f"{name}.items", more)
    items = stack.client[name].items
    try:
        items.insert_many([{"_id": n, "text": f"t{n}"} for n in range(ROWS)])
        one.until("snapshot")
        first = one.anchors()[-1]
        items.update_many({"_id": {"$lt": 40}}, {"$set": {"text": "changed"}})
        items.delete_many({"_id": {"$gte": ROWS - 17}})
        one.until("anchor")
        last = one.anchors()[-1]
        truth = {
            anchor.id: sum(1 for _ in stack.source.documents(f"{name}.items", predecessor(anchor.cut)))
            for anchor in (first, last)
        }
        assert list(truth.values()) == [ROWS, ROWS - 17]
        yield name, last, truth
    finally:
        one.close()


@pytest.mark.parametrize("language", ["python", "java", "rust"])
def test_an_export_is_read_to_an_anchor(stack, exported, language):
    name, last, truth = exported
    command = [*_commands(stack)[language], name, f"{name}.items"]
    for wanted, documents in [(None, truth[last.id]), *((anchor[:10], documents) for anchor, documents in truth.items())]:
        done = subprocess.run([*command, *([wanted] if wanted else [])], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["anchor"].startswith(wanted or last.id) and found["documents"] == documents, found
    records = last.collections[f"{name}.items"]["records"]
    assert found["records"] == records["r"] + records["c"] + records["u"] + records["tombstones"]


@pytest.mark.parametrize("language", ["python", "java", "rust"])
def test_a_record_that_is_gone_is_missed(stack, exported, language, tmp_path):
    """Retention, played by deleting a partition's first record: no reader calls the rest an export."""
    name, last, _ = exported
    entry = last.collections[f"{name}.items"]
    part = entry["partitions"][0]
    stack.topics.delete_before(entry["topic"], part["partition"], part["first"] + 1)
    done = subprocess.run(
        [*_commands(stack)[language], name, f"{name}.items"], capture_output=True, text=True, timeout=120, env=os.environ
    )
    assert done.returncode == 1, done.stdout
    assert f"{part['records'] - 1} records, the anchor counts {part['records']}" in done.stderr, done.stderr
