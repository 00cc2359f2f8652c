"""Documents that change their shape: widened, spilled or quarantined, and never lost. (I-QUAR-1)"""

from __future__ import annotations

import json
import shutil

from oracle import fold, law
from oracle.connector import wait_for
from oracle.extended_json import canonical_text_holds
from oracle.writer import load


def _started(stack, name, connector, **settings):
    stack.client[name].items.insert_many([{"_id": n, "n": n, "s": f"s{n}"} for n in range(50)])
    one = connector(f"{name}.items", **settings)
    run = one.start()
    one.wait_for_records(f"{name}.items", 50, run)
    return one, run, stack.client[name].items


def _last(one, name, key):
    history = [record for record in one.records(f"{name}.items") if record.key["_id"] == key]
    return max(history, key=lambda record: record.offset)


def test_a_new_field_widens_the_contract(stack, name, connector):
    one, run, items = _started(stack, name, connector)
    first = one.records(f"{name}.items")[0].value_schema_id
    items.update_one({"_id": 1}, {"$set": {"added": {"deep": [1.5]}}})
    items.insert_one({"_id": 100, "n": 1, "other-name": True})
    one.wait_for_records(f"{name}.items", 52, run)
    assert run.terminate() == 0
    changed, inserted = _last(one, name, 1), _last(one, name, 100)
    assert changed.value["added"] == {"deep": [1.5]} and inserted.value["other_name"] is True
    assert inserted.value_schema_id != first
    one.until("anchor")
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
    assert report.held_out == 0 and "__spill" not in json.dumps([r for r in (changed.value.get("__spill"),) if r])


def test_behind_the_version_budget_fields_are_spilled(stack, name, connector):
    """The budget of versions spent: `__spill`, no further version, nothing lost."""
    one, run, items = _started(stack, name, connector, contract__version__budget=2)
    for number in range(6):
        items.insert_one({"_id": 100 + number, "n": 1, f"new{number}": {"v": number, "t": "x"}})
        one.wait_for_records(f"{name}.items", 51 + number, run)
    items.update_one({"_id": 1}, {"$set": {"new5": 5, "new4": [1, "two"]}})
    one.wait_for_records(f"{name}.items", 57, run)
    assert run.terminate() == 0
    spilled = _last(one, name, 105)
    assert any("new5" in path for path in spilled.value["__spill"]), spilled.value
    versions = stack.topics.decoder.registry.get_versions(f"{one.topic(f'{name}.items')}-value")
    assert len(versions) <= 1 + 2, versions
    one.until("anchor")
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
    assert report.held_out == 0
    assert one.anchors()[-1].collections[f"{name}.items"]["records"]["spilled"] >= 3


def test_what_cannot_fit_is_quarantined_whole(stack, name, connector):
    """I-QUAR-1: a known field with a type that cannot be widened; no older version stays live; repaired, it is back."""
    one, run, items = _started(stack, name, connector)
    items.update_one({"_id": 1}, {"$set": {"n": "not a number"}})
    items.insert_one({"_id": 100, "n": {"a": 1}})
    items.update_one({"_id": 2}, {"$set": {"s": "fits"}})
    quarantine = f"{name}.quarantine"

    def held():
        run.must_live()
        return quarantine in stack.topics.names(quarantine) and len(stack.topics.read(quarantine)) >= 2

    wait_for("two quarantined documents", held, 30)
    one.wait_for_anchor(lambda a: a.collections[f"{name}.items"]["records"]["quarantined"] == 2, run)
    records = {record.key_bytes: record for record in stack.topics.read(quarantine)}
    for key, document in ((1, {"_id": 1, "n": "not a number", "s": "s1"}), (100, {"_id": 100, "n": {"a": 1}})):
        data = _last(one, name, key)
        assert data.value_bytes is None, f"an older version of {key} stays live"
        record = records[data.key_bytes]
        assert canonical_text_holds(record.value_bytes.decode(), document), record.value_bytes
        assert "n" in record.headers["moorline.path"]
        assert {"moorline.rule", "moorline.expected", "moorline.found"} <= set(record.headers), record.headers
        assert any(header.startswith("__connect.errors.") for header in record.headers), record.headers
    items.update_one({"_id": 1}, {"$set": {"n": 7}})
    wait_for("it to be back", lambda: run.must_live() and _last(one, name, 1).value_bytes is not None, 30)
    assert run.terminate() == 0
    one.until("anchor")
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=20)
    assert report.held_out >= 1, report
    live = fold.fold(fold.histories(one.records(f"{name}.items")))
    assert sorted(record.key["_id"] for record in live.values()) == list(range(50))


def test_an_id_outside_its_type_is_quarantined(stack, name, connector):
    one, run, items = _started(stack, name, connector)
    items.insert_one({"_id": "text", "n": 1})
    quarantine = f"{name}.quarantine"
    wait_for("it", lambda: run.must_live() and quarantine in stack.topics.names(quarantine) and stack.topics.read(quarantine), 30)
    record = stack.topics.read(quarantine)[0]
    assert b"text" in record.key_bytes and canonical_text_holds(record.value_bytes.decode(), {"_id": "text", "n": 1})
    items.insert_one({"_id": 60, "n": 1})
    one.wait_for_records(f"{name}.items", 51, run)
    assert run.terminate() == 0


def test_schemas_deleted_gives_the_same_ids(stack, name, connector):
    load(stack.mongodb_uri, f"{name}.items", 300)
    one = connector(f"{name}.items")
    one.until("now")
    files = sorted(path.name for path in (one.folder / "schemas").iterdir())
    assert f"{name}.items.avsc" in files, files
    before = one.anchors()[-1].collections[f"{name}.items"]
    shutil.rmtree(one.folder / "schemas")
    stack.client[name].items.update_many({}, {"$set": {"s": "again"}})
    one.until("anchor")
    after = one.anchors()[-1].collections[f"{name}.items"]
    assert after["key_schema_id"] == before["key_schema_id"]
    assert after["value_schema_ids"] == before["value_schema_ids"]
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=3)
