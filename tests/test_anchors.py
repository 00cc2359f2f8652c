"""Anchors: chain, ticks, counts with holes, difference form, and the verbs that show them. (I-ANCHOR-1 to 3, I-KAFKA-4)"""

from __future__ import annotations

import json
import time

import bson
from confluent_kafka import Producer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from oracle import anchors as anchors_module
from oracle import law
from oracle.anchor_id import anchor_id, plain
from oracle.connector import wait_for
from oracle.fake import HERE
from oracle.topics import schema_id
from oracle.writer import Writer, load


def _written(stack, name, connector, kills=2, **settings):
    """A connector that wrote for some seconds and was killed on the way, so that offsets have holes."""
    kinds = {f"{name}.a": "number", f"{name}.b": "string", f"{name}.idle": "objectid"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 200, kind)
    one = connector(",".join(kinds), **settings)
    busy = {namespace: kind for namespace, kind in kinds.items() if not namespace.endswith("idle")}
    writer = Writer(stack.mongodb_uri, busy, 1, rate=200)
    writer.start()
    for _ in range(kills):
        run = one.start()
        before = len(one.anchors())
        wait_for("anchors", lambda: run.must_live() and len(one.anchors()) > before + 1, 60)
        one.kill(run)
    writer.stop()
    one.finish()
    return one


def _sent_again(one, topic, key_bytes, value: dict, schema: dict) -> None:
    """Writes an anchor as someone might who wants it to say something else."""
    topics = one.stack.topics
    serializer = AvroSerializer(topics.decoder.registry, json.dumps(schema), conf={"auto.register.schemas": True})
    data = serializer(value, SerializationContext(topic, MessageField.VALUE))
    producer = Producer({"bootstrap.servers": one.stack.bootstrap})
    delivered = []
    producer.produce(topic, key=key_bytes, value=data, partition=0, on_delivery=lambda *report: delivered.append(report))
    assert producer.flush(20) == 0 and [error for error, _ in delivered] == [None], delivered
    # What is looked at next is what is committed: up to the last stable offset.
    offset = delivered[0][1].offset()
    wait_for("the record to be visible", lambda: topics.committed(topic)[0][1] > offset, 20)


def test_chain_ticks_counts_and_digests(stack, name, connector):
    """I-ANCHOR-3, I-KAFKA-4: also over kills, and with full and difference forms."""
    one = _written(stack, name, connector, anchor__full__every=3)
    # Several ticks go by while nothing runs and nothing is written: one anchor stands for all of them.
    time.sleep(2.5)
    one.until("anchor")
    chain = one.anchors()
    assert any(anchor.covers_from < anchor.cut for anchor in chain), "each tick has an anchor of its own"
    assert one.kills == 2
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=5, connector=name)
    assert report.folds >= 3, report
    kinds = [anchor.record["kind"] for anchor in chain]
    # A snapshot that begins and ends within one tick gives one anchor, of the kind that says more.
    assert "snapshot-complete" in kinds, kinds
    assert all(anchor.record["full"] for anchor in chain if anchor.record["kind"] != "tick")
    forms = [anchor.record["full"] for anchor in chain]
    assert not all(forms), "no anchor in difference form"
    since = 0
    for full in forms:
        since = 0 if full else since + 1
        assert since < 3, "anchor.full.every=3, and three differences follow each other"
    holes = [
        part
        for entry in chain[-1].collections.values()
        for part in entry["partitions"]
        if part["end"] - part["first"] > part["records"]
    ]
    assert holes, "no offsets without a record: the counts were not put to the test"


def test_what_every_anchor_says_about_itself(stack, name, connector):
    one = _written(stack, name, connector, kills=1)
    identity = stack.client.admin.command("replSetGetConfig")["config"]["settings"]["replicaSetId"]
    for anchor in one.anchors():
        record = anchor.record
        assert record["cut_ms"].timestamp() == anchor.cut[0]
        assert record["history"] in (str(identity), "weak:rs0")
        assert record["position_format"] == "mongodb-resume-token-v1" and len(record["position"]) > 20
        for namespace, entry in anchor.collections.items():
            assert entry["topic"] == f"{name}.{namespace}" and entry["partition_count"] == 3
    raw = stack.topics.read(f"{name}.anchors")[0]
    schema = stack.topics.decoder.schema(schema_id(raw.value_bytes))
    promised = json.loads((HERE / "anchor.avsc").read_text())

    def shape(part):
        """Names, types and defaults; words of `doc` may be put better."""
        if isinstance(part, dict):
            return {k: shape(v) for k, v in part.items() if k != "doc"}
        return [shape(v) for v in part] if isinstance(part, list) else part

    def names(record):
        return [(f["name"], json.dumps(shape(f["type"]), sort_keys=True)) for f in record["fields"]]

    assert names(schema) == names(promised)


def test_a_position_in_an_anchor_leads_back_to_the_cut(stack, name, connector):
    """Reading on from an anchor's position sees every change at or after its cut again."""
    one = _written(stack, name, connector, kills=1)
    anchor = next(anchor for anchor in one.anchors() if anchor.whole)
    later = [
        record
        for collection in ("a", "b")
        for record in one.records(f"{name}.{collection}")
        if record.value_bytes and record.value["__op"] == "c" and record.value["__cluster_time"] >= anchor.cut[0] << 32
    ]
    wanted = {record.value["__cluster_time"] for record in later}
    assert wanted, "nothing was inserted after that anchor"
    seen = set()
    with stack.client[name].watch(start_after=bson.decode(anchor.record["position"]), show_expanded_events=True) as stream:
        deadline = time.monotonic() + 20
        while not wanted <= seen and time.monotonic() < deadline:
            event = stream.try_next()
            if event is not None:
                seen.add(event["clusterTime"].time << 32 | event["clusterTime"].inc)
    assert wanted <= seen, f"{len(wanted - seen)} of {len(wanted)} changes are not seen again"


def test_the_verbs_show_what_stands_in_the_topic(stack, name, connector):
    one = _written(stack, name, connector, kills=1)
    chain = one.anchors()
    last = chain[-1]
    listed = one.call("anchors", "list", "-c", str(one.file))
    assert last.id[:6] in listed.stdout and "CUT" in listed.stdout, listed.stdout
    machine = json.loads(one.call("anchors", "list", "-c", str(one.file), "-o", "json").stdout)
    assert last.id in json.dumps(machine)
    for at in (last.id[:10], "latest", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last.cut[0]))):
        shown = one.call("anchors", "show", "-c", str(one.file), "--at", at)
        assert last.id in shown.stdout, shown.stdout
    text = one.call("anchors", "show", "-c", str(one.file), "--at", last.id, "-o", "json").stdout
    json.loads(text)
    for entry in last.collections.values():
        assert entry["topic"] in text
    one.call("anchors", "show", "-c", str(one.file), "--at", last.id, "--check")
    one.call("anchors", "show", "-c", str(one.file), "--at", "zzzzzzzz", code=1)


def test_an_altered_anchor_is_found(stack, name, connector):
    """Changed in place under its key: the id no longer fits. Made consistent under a new id: the records do not fit."""
    one = _written(stack, name, connector, kills=1)
    topic = f"{name}.anchors"
    victim = next(record for record in reversed(stack.topics.read(topic)) if record.value["full"] and record.value["exact"])
    schema = stack.topics.decoder.schema(schema_id(victim.value_bytes))
    one.call("anchors", "show", "-c", str(one.file), "--at", victim.value["id"], "--check")

    altered = dict(victim.value, lineage=dict(victim.value["lineage"], worker="somebody-else"))
    _sent_again(one, topic, victim.key_bytes, altered, schema)
    found = one.call("anchors", "show", "-c", str(one.file), "--at", victim.value["id"], "--check", code=1)
    assert "MOOR-6" in found.stderr, found.stderr
    _sent_again(one, topic, victim.key_bytes, victim.value, schema)
    one.call("anchors", "show", "-c", str(one.file), "--at", victim.value["id"], "--check")

    entry = dict(victim.value["collections"][0])
    entry["records"] = dict(entry["records"], c=entry["records"]["c"] + 1)
    entry["records_digest"] = bytes(32)
    forged = dict(victim.value, collections=[entry, *victim.value["collections"][1:]])
    forged["id"] = anchor_id(forged, schema)
    assert plain(forged, schema) != plain(victim.value, schema)
    keys = AvroSerializer(stack.topics.decoder.registry, json.dumps(stack.topics.decoder.schema(victim.key_schema_id)))
    key = keys(dict(victim.key, id=forged["id"]), SerializationContext(topic, MessageField.KEY))
    _sent_again(one, topic, key, forged, schema)
    found = one.call("anchors", "show", "-c", str(one.file), "--at", forged["id"], "--check", code=1)
    assert "MOOR-6" in found.stderr, found.stderr


def test_two_lanes_make_whole_cuts(stack, name, connector):
    """Each lane ticks by itself, and a cut is whole where both have it."""
    one = _written(stack, name, connector, kills=1, tasks__max=2)
    chain = one.anchors()
    assert {(anchor.lane, anchor.record["lanes"]) for anchor in chain} == {(0, 2), (1, 2)}
    namespaces = [set(next(a for a in reversed(chain) if a.lane == lane).collections) for lane in (0, 1)]
    assert not namespaces[0] & namespaces[1] and len(namespaces[0] | namespaces[1]) == 3, namespaces
    whole = [cut for cut in anchors_module.cuts(chain) if cut.whole]
    assert len(whole) >= 2
    report = law.check(stack.topics, stack.source, name, one.interval_ms, folds=4, connector=name)
    assert report.folds >= 6, report
    scopes = {key[1]["scope"] for key, _ in one.offsets() if isinstance(key, list) and "scope" in key[1]}
    assert len(scopes) == 2 and all(len(scope) == 64 for scope in scopes), scopes
