"""Topics under other names: by collection, by expression, changed between two runs, and two that would be one."""

from __future__ import annotations

from oracle import fold, law
from oracle.writer import load


def _records(stack, topic):
    return stack.topics.read(topic, stack.topics.committed(topic))


def _live(records):
    return {record.key["_id"] for record in fold.fold(fold.histories(records)).values()}


def test_names_by_collection_and_by_expression(stack, name, connector):
    """Subjects, progress and anchors say the topic; a whole cut counts there."""
    for collection in ("orders", "items"):
        load(stack.mongodb_uri, f"{name}.{collection}", 30)
    rename = {
        f"topic.rename.{name}.orders": f"{name}-sales",
        "topic.rename.regex": r"(.*)\.(.*)\.(.*)",
        "topic.rename.replacement": "$1.lake_$3",
    }
    one = connector(f"{name}.orders,{name}.items", **rename)
    shown = one.call("validate", "-c", str(one.file)).stdout
    assert f"{name}-sales-key, -value" in shown and f"{name}.lake_items" in shown, shown
    one.until("snapshot")
    stack.client[name].orders.insert_one({"s": "late"})
    one.finish()
    topics = {f"{name}.orders": f"{name}-sales", f"{name}.items": f"{name}.lake_items"}
    cut = one.anchors()[-1].collections
    assert {namespace: entry["topic"] for namespace, entry in cut.items()} == topics
    assert fold.operations(_records(stack, f"{name}-sales")) == {"r": 30, "c": 1}
    assert fold.operations(_records(stack, f"{name}.lake_items")) == {"r": 30}
    # The schemas' names follow the topic, as their subjects do.
    value = stack.topics.decoder.schema(_records(stack, f"{name}-sales")[0].value_schema_id)
    assert value["namespace"] == f"{name}-sales".replace("-", "_"), value["namespace"]
    assert {topic for topic in stack.topics.names(name) if ".orders" in topic or ".items" in topic} == set()
    # `tail` finds a collection's topic by the collection's name.
    assert "late" in one.call("tail", f"{name}.orders", "-c", str(one.file), "-n", "1", "--op", "c").stdout
    law.check(stack.topics, stack.source, name, one.interval_ms, folds=2)


def test_another_name_begins_a_new_export(stack, name, connector):
    """What changed while nothing ran is in the new topic too, the old one gets nothing more, others go on as they were."""
    moved, kept = (f"{name}.{collection}" for collection in ("moved", "kept"))
    client = stack.client[name]
    client.moved.insert_many([{"_id": number, "n": 0} for number in range(40)])
    client.gone.insert_many([{"_id": number, "n": 0} for number in range(5)])
    load(stack.mongodb_uri, kept, 20)
    one = connector(f"{moved},{kept},{name}.gone")
    one.until("snapshot")
    client.moved.update_one({"_id": 0}, {"$set": {"n": 1}})
    one.until("now")
    before = fold.operations(one.records(moved))
    assert before == {"r": 40, "u": 1}

    client.moved.delete_many({"_id": {"$lt": 10}})
    client.moved.update_one({"_id": 20}, {"$set": {"n": 2}})
    # What ends while nothing runs is told of where it was written, under whatever name it would have now.
    client.gone.delete_one({"_id": 0})
    client.gone.drop()
    one.write(**{f"topic.rename.{moved}": f"{name}.elsewhere", f"topic.rename.{name}.gone": f"{name}.gone-elsewhere"})
    told = one.call("doctor", "-c", str(one.file), code=None).stdout
    assert "MOOR-5703" in told and f"{name}.elsewhere" in told, told
    one.finish()
    assert "MOOR-5703" in one.runs[-2].stderr, one.runs[-2].stderr
    assert fold.operations(one.records(moved)) == before, "the old topic was written on"
    entry = one.anchors()[-1].collections[moved]
    assert (entry["export"], entry["topic"], entry["export_complete"]) == ("e-0002", f"{name}.elsewhere", True), entry
    records = _records(stack, f"{name}.elsewhere")
    assert fold.operations(records)["r"] == 30
    assert _live(records) == set(range(10, 40))
    assert one.anchors()[-1].collections[kept]["export"] == "e-0001"
    assert fold.operations(one.records(kept)) == {"r": 20}
    assert f"{name}.gone-elsewhere" not in stack.topics.names(name)
    assert fold.operations(one.records(f"{name}.gone")) == {"r": 5, "d": 1}

    # The next run finds the names as they are, and goes on.
    client.moved.insert_one({"_id": 100, "n": 9})
    one.finish()
    assert fold.operations(_records(stack, f"{name}.elsewhere"))["r"] == 30
    assert "MOOR-5703" not in one.runs[-1].stderr


def test_two_that_would_be_one(stack, name, connector):
    """MOOR-3004 where the names are known, and before the first record where only the server knows them."""
    for collection in ("a", "b"):
        stack.client[name][collection].insert_one({"_id": 1, "of": collection})
    one = connector(f"{name}.a,{name}.b", **{f"topic.rename.{name}.a": f"{name}.t", f"topic.rename.{name}.b": f"{name}.t"})
    run = one.call("validate", "-c", str(one.file), code=2)
    assert "MOOR-3004" in run.stderr and f"{name}.a" in run.stderr and f"{name}.b" in run.stderr, run.stderr
    one.write(**{f"topic.rename.{name}.b": f"{name}.anchors"})
    run = one.call("validate", "-c", str(one.file), code=2)
    assert "MOOR-3004" in run.stderr and "`anchor.topic.name`" in run.stderr, run.stderr

    # Offline nobody knows what the patterns will find; two lanes find one each.
    one.settings = {key: value for key, value in one.settings.items() if not key.startswith("topic.rename")}
    one.write(
        collection__include__list=f"{name}\\.[a],{name}\\.[b]",
        tasks__max=2,
        topic__rename__regex=r"(.*)\.[ab]",
        topic__rename__replacement="$1.both",
    )
    one.call("validate", "-c", str(one.file))
    assert "MOOR-3004" in one.call("doctor", "-c", str(one.file), code=1).stdout
    run = one.call("run", "-c", str(one.file), "--until", "snapshot", code=None, limit=60)
    assert run.process.returncode not in (0, None) and "MOOR-3004" in run.stderr, run.stderr
    both = _records(stack, f"{name}.{name}.both") if f"{name}.{name}.both" in stack.topics.names(name) else []
    assert len({record.value["of"] for record in both}) < 2, "two collections are mixed in one topic"


def test_a_name_that_another_collection_had(stack, name, connector):
    """A topic that holds the records of one collection is never another's, in a later run either."""
    for collection in ("a", "b"):
        stack.client[name][collection].insert_one({"_id": 1, "of": collection})
    one = connector(f"{name}.a,{name}.b", **{f"topic.rename.{name}.a": f"{name}.t"})
    one.until("snapshot")
    one.write(**{f"topic.rename.{name}.a": f"{name}.u", f"topic.rename.{name}.b": f"{name}.t"})
    run = one.call("run", "-c", str(one.file), "--until", "now", code=None, limit=60)
    assert run.process.returncode not in (0, None) and "MOOR-3004" in run.stderr, run.stderr
    assert [record.value["of"] for record in _records(stack, f"{name}.t")] == ["a"]
