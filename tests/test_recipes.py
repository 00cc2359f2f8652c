"""The recipes that load an export, and a difference onto it, into DuckDB, ClickHouse and Iceberg: what a table then holds is
what it holds after a load of the later state, and the source's state at that cut."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from oracle import values
from oracle.connector import Connector
from oracle.others import Programs
from oracle.source import predecessor
from oracle.stack import own_name

RECIPES = Path(__file__).resolve().parent.parent / "examples" / "recipes"
ENGINES = ["duckdb", "clickhouse", "iceberg"]


@pytest.fixture(scope="module")
def exports(stack, tmp_path_factory):
    """Folders `a` and `b` with states, `ab` with the difference, `bc` with one in which nothing changed, of a collection with every
    type, and of one that got fields and members of a record between the cuts; ids of each at b, by the source."""
    name = own_name("recipes")
    folder = tmp_path_factory.mktemp("recipes")
    collections = [f"{name}.orders", f"{name}.zoo"]
    one = Connector(stack, name, folder, ",".join(collections), {"anchor.interval.ms": 1000})
    database, rng = stack.client[name], random.Random(7)
    try:
        database.orders.insert_many([{"_id": n, "text": f"t{n}", "place": {"city": "Bern"}} for n in range(300)])
        database.zoo.insert_many([{"_id": f"k'{n}", **values.document(rng)} for n in range(100)])
        one.until("snapshot")
        cuts = {"a": one.anchors()[-1]}
        database.orders.update_many({"_id": {"$lt": 50}}, {"$set": {"place.land": "CH", "new": [1, 2]}})
        database.orders.delete_many({"_id": {"$gte": 280}})
        database.orders.insert_many([{"_id": n, "text": "late"} for n in range(400, 440)])
        database.zoo.delete_many({"_id": {"$in": [f"k'{n}" for n in range(10)]}})
        one.until("anchor")
        cuts["b"] = one.anchors()[-1]
        one.until("anchor")
        cuts["c"] = one.anchors()[-1]
        assert len({cut.id for cut in cuts.values()}) == 3
        for out in ("a", "b", "ab", "bc"):
            between = ["--from", cuts[out[0]].id] if len(out) == 2 else []
            command = ["replay", "-c", str(one.file), "--at", cuts[out[-1]].id, *between]
            run = one.command(*command, "--format", "parquet", "--file-bytes", "5000", "--out", str(folder / out))
            assert run.wait(60) == 0, run.stderr[-2000:]
        truth = {}
        for namespace in collections:
            documents = stack.source.documents(namespace, predecessor(cuts["b"].cut))
            truth[namespace] = sorted(json.dumps(document["_id"]) for document in documents)
        yield folder, cuts, truth
    finally:
        one.close()
        stack.clean(name)


def _load(engine: str, database: Path, export: Path, namespace: str):
    programs = Programs.fetched()
    command = [str(programs.bin / "python"), "-B", str(RECIPES / f"{engine}_load.py"), str(database), str(export), namespace]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _rows(engine: str, *where: str) -> list[str]:
    """As text: a NaN is not equal to itself."""
    programs = Programs.fetched()
    script = Path(__file__).resolve().parent / "peers" / "table_rows.py"
    told = programs.call(str(programs.bin / "python"), "-B", str(script), engine, *where)
    return told.splitlines()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_and_its_difference_load_as_the_later_state(exports, engine, tmp_path):
    folder, cuts, truth = exports
    for namespace, ids in truth.items():
        table = namespace.replace(".", "_")
        twice = [("ab", "b"), ("bc", "c")] if "orders" in namespace else []
        for number, (export, cut) in enumerate([("a", "a"), ("ab", "b"), *twice]):
            done = _load(engine, tmp_path / "merged", folder / export, namespace)
            assert done.returncode == 0, f"{export}: {done.stderr[-3000:]}"
            told = json.loads(done.stdout)
            assert told["anchor"] == cuts[cut].id and (number == 0 or told["rows"] == len(ids)), told
        assert _load(engine, tmp_path / "whole", folder / "b", namespace).returncode == 0
        merged, whole = (_rows(engine, str(tmp_path / name), table) for name in ("merged", "whole"))
        assert merged == whole
        assert sorted(json.dumps(json.loads(row)["_id"]) for row in whole) == ids
        if engine != "clickhouse":  # Where a null list is an empty one, and a null record one of nulls.
            files = sorted(map(str, (folder / "b" / namespace).glob("*.parquet")))
            assert len(files) > 1
            theirs = _rows("parquet", *files)
            if engine == "iceberg":  # Its null lists of records are empty ones, as the recipe says.
                theirs = [row.replace('"items": null', '"items": []') for row in theirs]
            assert whole == sorted(theirs)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_does_not_fit_is_refused(exports, engine, tmp_path):
    """A difference onto nothing and onto another cut, an export that was cut off, one that lost bytes."""
    folder, _, truth = exports
    namespace = next(iter(truth))

    def refused(export: Path, why: str):
        done = _load(engine, tmp_path / "table", export, namespace)
        assert done.returncode == 1 and why in done.stderr, done.stderr[-2000:]

    refused(folder / "ab", "the table stands at nothing")
    assert _load(engine, tmp_path / "table", folder / "a", namespace).returncode == 0
    refused(folder / "bc", "and the table stands at")
    shutil.copytree(folder / "ab", tmp_path / "unfinished")
    (tmp_path / "unfinished" / "_SUCCESS").unlink()
    refused(tmp_path / "unfinished", "has no _SUCCESS")
    shutil.copytree(folder / "ab", tmp_path / "short")
    file = next((tmp_path / "short" / namespace).glob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    refused(tmp_path / "short", "bytes")
    done = _load(engine, tmp_path / "table", folder / "ab", "no.such")
    assert done.returncode == 1 and "holds no no.such" in done.stderr
