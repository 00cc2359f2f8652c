"""`moorline replay --to-topic`: keys and values as they stand in the export's topic, each key once, a marker that says so last;
killed and gone on with, a consumer of committed records sees the same. (I-REPLAY-5)"""

from __future__ import annotations

import json
from functools import cached_property

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import ConfigResource, NewTopic
from confluent_kafka.serialization import MessageField

from oracle import exports, fold, law
from oracle.connector import wait_for
from oracle.murmur2 import partition
from oracle.topics import digest
from oracle.writer import Writer, load


class Copy:
    """A topic that was replayed into, as confluent-kafka reads it."""

    def __init__(self, stack, topic: str):
        self.stack, self.topic = stack, topic
        self.all = sorted(stack.topics.read(topic), key=lambda record: (record.partition, record.offset))
        self.records = [record for record in self.all if "moorline.marker" not in record.headers]

    @cached_property
    def marker(self) -> dict:
        [found] = [record for record in self.all if "moorline.marker" in record.headers]
        assert found.partition == 0 and found.offset == max(r.offset for r in self.all if r.partition == 0)
        assert found.headers["moorline.marker"] == "1"
        decode = self.stack.topics.decoder.decode
        assert decode(self.topic, MessageField.KEY, found.key_bytes) == {"topic": self.topic}
        return decode(self.topic, MessageField.VALUE, found.value_bytes)

    def holds_to_its_marker(self) -> dict:
        """What a consumer checks."""
        marker = self.marker
        assert marker["format"] == 1 and marker["topic"] == self.topic
        assert marker["records"] == len(self.records)
        assert marker["tombstones"] == sum(record.value_bytes is None for record in self.records)
        assert marker["records_digest"] == digest(self.records).hex()
        counts = {part["partition"]: part["records"] for part in marker["partitions"]}
        assert counts == {p: sum(r.partition == p for r in self.records) for p in {r.partition for r in self.records}}
        count = len(self.stack.topics.partitions(self.topic))
        assert all(record.partition == partition(record.key_bytes, count) for record in self.records)
        [begun] = [record for record in self.records if "moorline.replay" in record.headers] or [None]
        assert begun is None or begun.headers["moorline.replay"].split(",") == marker["anchors"]
        return marker

    def by_key(self) -> dict[bytes, bytes | None]:
        state = {record.key_bytes: record.value_bytes for record in self.records}
        assert len(state) == len(self.records), "a key stands twice"
        return state


def _replay(one, topic: str, *flags: str, at: str, code: int | None = 0, **variables):
    flags = ("--to-topic", topic, "--no-certificate", *flags)
    return one.call("replay", "-c", str(one.file), "--at", at, *flags, code=code, **variables)


def _folded(stack, anchor, namespace: str) -> dict[bytes, bytes]:
    """The state by the checker's own fold: value bytes of living keys."""
    entry = anchor.collections[namespace]
    records = law.Export.read(stack.topics, entry, newest=False).until(entry)
    last = fold.fold(fold.histories(records))
    return {key: record.value_bytes for key, record in last.items() if fold.document(record) is not None}


@pytest.fixture
def written(stack, name, connector):
    """A connector that wrote a random history of `a` and `b`, with two whole cuts; the source is out of reach then."""

    def make(**settings):
        one, kinds = exports.loaded(stack, name, connector, **settings)
        writer = Writer(stack.mongodb_uri, kinds, 11, rate=400)
        writer.start()
        wait_for("some writes", lambda: writer.total > 200, 30)
        writer.stop()
        one.finish()
        one.write(mongodb__connection__string="mongodb://127.0.0.1:1/?replicaSet=none&serverSelectionTimeoutMS=500")
        whole = [anchor for anchor in one.anchors() if anchor.whole and len(anchor.collections) == 2]
        return one, whole[0], whole[-1]

    return make


@pytest.mark.parametrize("form", ["document", "envelope"])
def test_a_copy_is_the_state_and_a_difference_leads_to_it(stack, name, written, form):
    one, first, last = written(output__format=form)
    only = ("--collection", f"{name}.a")
    told = _replay(one, f"{name}-last", *only, at=last.id).stdout
    copy = Copy(stack, f"{name}-last")
    marker = copy.holds_to_its_marker()
    assert marker["records_digest"] in told and marker["anchors"] == [last.id] and marker["mode"] == "state"
    entry = last.collections[f"{name}.a"]
    assert marker["source_digest"] == entry["records_digest"].hex() and marker["source_topic_id"] == entry["topic_id"]
    assert marker["exact"] and marker["complete"] and marker["epoch"] == entry["epoch"]
    state = _folded(stack, last, f"{name}.a")
    assert copy.by_key() == state and len(state) > 100
    assert len(stack.topics.partitions(copy.topic)) == entry["partition_count"]
    # A topic that compacts, of the cut before; what changed since then leads from the one to the other.
    _replay(one, f"{name}-first", *only, "--compact", at=first.id)
    resource = ConfigResource(ConfigResource.Type.TOPIC, f"{name}-first")
    configs = next(iter(stack.topics.admin.describe_configs([resource]).values())).result(20)
    assert configs["cleanup.policy"].value == "compact"
    _replay(one, f"{name}-change", *only, "--from", first.id, at=last.id)
    change = Copy(stack, f"{name}-change")
    marker = change.holds_to_its_marker()
    assert marker["mode"] == "difference" and marker["from_anchors"] == [first.id] and marker["tombstones"] > 0
    before = Copy(stack, f"{name}-first").by_key()
    assert before == _folded(stack, first, f"{name}.a")
    after = {key: value for key, value in {**before, **change.by_key()}.items() if value is not None}
    assert after == state
    # Every record, in its order, tombstones too.
    _replay(one, f"{name}-log", *only, "--log", at=last.id)
    log = Copy(stack, f"{name}-log")
    assert log.holds_to_its_marker()["records_digest"] == entry["records_digest"].hex()
    plain = lambda records: [(r.partition, r.key_bytes, r.value_bytes) for r in records]  # noqa: E731
    read = law.Export.read(stack.topics, entry, newest=False).until(entry)
    assert plain(log.records) == plain(sorted(read, key=lambda record: (record.partition, record.offset)))


def test_killed_and_gone_on_with_each_key_stands_once(stack, name, written):
    one, _, last = written()
    only = ("--collection", f"{name}.b", "--transaction-bytes", "3000", "--memory-bytes", "60000")
    _replay(one, f"{name}-whole", *only, at=last.id)
    wanted = Copy(stack, f"{name}-whole")
    digests = [wanted.holds_to_its_marker()[field] for field in ("records_digest", "state_digest", "partitions")]
    topic = f"{name}-killed"
    for number, point in enumerate(("records.read", "record.given@1", "record.given@40", "record.given@120")):
        flags = ("--resume",) if number else ()
        killed = _replay(one, topic, *only, *flags, at=last.id, code=-6, MOORLINE_REPLAY_FAULT=point)
        assert f"fault at {point.split('@')[0]}" in killed.stderr
    committed = stack.topics.read(topic, stack.topics.committed(topic))
    assert 0 < len(committed) < len(wanted.records), "nothing was committed before the kill"
    assert all("moorline.marker" not in record.headers for record in committed)
    # Another replay does not go on from there, and none begins beside it.
    assert "MOOR-6142" in _replay(one, topic, "--collection", f"{name}.a", "--resume", at=last.id, code=1).stderr
    assert "MOOR-6141" in _replay(one, topic, *only, at=last.id, code=4).stderr
    # The real signal, wherever it meets it; then the marker is written, and not seen, and written once more.
    run = one.command("replay", "-c", str(one.file), "--at", last.id, "--to-topic", topic, *only, "--resume")
    before = sum(end for _, end in stack.topics.committed(topic).values())
    wait_for("a transaction more", lambda: sum(end for _, end in stack.topics.committed(topic).values()) > before, 30, 0.01)
    run.kill()
    if not any("moorline.marker" in r.headers for r in stack.topics.read(topic, stack.topics.committed(topic))):
        _replay(one, topic, *only, "--resume", at=last.id, code=-6, MOORLINE_REPLAY_FAULT="marker.given")
        assert all("moorline.marker" not in r.headers for r in stack.topics.read(topic, stack.topics.committed(topic)))
        _replay(one, topic, *only, "--resume", at=last.id)
    copy = Copy(stack, topic)
    assert [copy.holds_to_its_marker()[field] for field in ("records_digest", "state_digest", "partitions")] == digests
    assert copy.by_key() == wanted.by_key()
    # What is finished is not gone on with, and is replaced only where that is said twice.
    assert "finished" in _replay(one, topic, *only, "--resume", at=last.id, code=4).stderr
    assert "needs --yes" in _replay(one, topic, *only, "--overwrite", at=last.id, code=4).stderr
    assert Copy(stack, topic).by_key() == wanted.by_key()
    _replay(one, topic, "--collection", f"{name}.a", "--overwrite", "--yes", at=last.id)
    assert Copy(stack, topic).holds_to_its_marker()["collection"] == f"{name}.a"


def test_a_second_run_ends_the_first(stack, name, written):
    one, _, last = written()
    topic = f"{name}-two"
    flags = ("--collection", f"{name}.a", "--transaction-bytes", "300")
    first = one.command("replay", "-c", str(one.file), "--at", last.id, "--to-topic", topic, *flags)
    there = lambda: topic in stack.topics.names(topic) and sum(e for _, e in stack.topics.committed(topic).values()) > 3  # noqa: E731
    wait_for("the first run to write", there, 30, 0.01)
    second = _replay(one, topic, *flags, "--resume", at=last.id, code=None)
    code = first.wait(60)
    # Whoever was fenced says so; a first run that was faster than the second one's start is finished.
    if code == 0:
        assert "finished" in second.stderr
    else:
        # An answer to a commit that meets the fence may be lost: that the transaction was not ended is told then.
        assert any(code in first.stderr for code in ("MOOR-7003", "MOOR-3010")) and "--resume" in first.stderr, first.stderr
    copy = Copy(stack, topic)
    copy.holds_to_its_marker()
    assert copy.by_key() == _folded(stack, last, f"{name}.a")


def test_topics_that_are_not_written_to(stack, name, written):
    one, _, last = written()
    only = ("--collection", f"{name}.a")
    for topic in (f"{name}.{name}.b", f"{name}.anchors", f"{name}.copy", one.offsets_topic, "__consumer_offsets"):
        assert "MOOR-6140" in _replay(one, topic, *only, at=last.id, code=1).stderr, topic
    assert f"{name}.copy" not in stack.topics.names(name)
    assert "MOOR-6129" in _replay(one, f"{name}-copy", at=last.id, code=1).stderr
    for flags in (("--columns", "_id"), ("--schema-version", "1"), ("--out", "x"), ("--log", "--compact")):
        assert "cannot be used with" in _replay(one, f"{name}-copy", *only, *flags, at=last.id, code=2).stderr
    # What others wrote is never removed.
    topic = f"{name}-others"
    stack.topics.admin.create_topics([NewTopic(topic, 2)])[topic].result(20)
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    producer.produce(topic, key=b"k", value=b"v")
    assert producer.flush(20) == 0
    assert "MOOR-6141" in _replay(one, topic, *only, at=last.id, code=4).stderr
    found = _replay(one, topic, *only, "--overwrite", "--yes", at=last.id, code=4).stderr
    assert "no replay wrote it" in found
    assert "MOOR-6142" in _replay(one, topic, *only, "--resume", at=last.id, code=1).stderr
    assert [(r.key_bytes, r.value_bytes) for r in stack.topics.read(topic)] == [(b"k", b"v")]
    # One that is there and empty is taken as it is: keys go where a Java client would put them among its partitions.
    topic = f"{name}-empty"
    stack.topics.admin.create_topics([NewTopic(topic, 5)])[topic].result(20)
    told = json.loads(_replay(one, topic, *only, "-o", "json", at=last.id).stdout)
    copy = Copy(stack, topic)
    assert copy.holds_to_its_marker() == told["marker"] | {"cut": copy.marker["cut"]} and len(stack.topics.partitions(topic)) == 5
    assert copy.by_key() == _folded(stack, last, f"{name}.a")


def test_a_replay_leaves_the_number_of_documents_and_no_verdict(stack, name, connector, tmp_path):
    load(stack.mongodb_uri, f"{name}.a", 50, "number")
    one = connector(f"{name}.a", topic__creation__enable="true")
    anchor = one.until("snapshot")
    replay = lambda out, *flags: one.call("replay", "-c", str(one.file), "--at", anchor, "--format", "jsonl", "--out",  # noqa: E731
                                          str(tmp_path / out), *flags)
    listed = lambda: next(cut for cut in json.loads(one.call("anchors", "list", "-c", str(one.file), "-o", "json").stdout)["cuts"]  # noqa: E731
                          if cut["id"] == anchor)
    # Where it may not be written that is a note.
    one.write(topic__creation__enable="false")
    told = replay("no-topic")
    assert "no certificate was written" in told.stderr and "MOOR-3005" in told.stderr
    one.write(topic__creation__enable="true")
    replay("few", "--columns", "_id")
    replay("log", "--log")
    assert (listed()["documents"], listed()["verdict"]) == (None, None)
    replay("all")
    assert (listed()["documents"], listed()["verdict"]) == (50, None)
    _copy = one.call("replay", "-c", str(one.file), "--at", anchor, "--to-topic", f"{name}-copy")
    assert "certificate written" in _copy.stderr
    shown = json.loads(one.call("anchors", "show", "-c", str(one.file), "--at", anchor, "-o", "json").stdout)
    [made] = shown["collections"][0]["certificates"]
    manifest = json.loads((tmp_path / "all" / "_manifest.json").read_text())["collections"][0]
    assert (made["method"], made["verdict"], made["documents"]) == ("replay", "UNSUPPORTED", 50) and "MOOR-6143" in made["reason"]
    assert (made["state_digest"], made["records_digest"]) == (manifest["state_digest"], manifest["records_digest"])
    # What holds it against the source says more, and stands however often it is replayed.
    one.call("verify", "-c", str(one.file), "--against", "source", "--at", anchor)
    replay("again")
    assert (listed()["documents"], listed()["verdict"]) == (50, "ACCEPT")
