"""The life of anchors: compared, thinned out, pruned, archived, and warned of before retention takes what they name."""

from __future__ import annotations

import json

from confluent_kafka.serialization import MessageField

from oracle.connector import wait_for
from oracle.live import Live


def _json(one, *arguments: str, code: int = 0) -> dict:
    return json.loads(one.call("anchors", *arguments, "-c", str(one.file), "-o", "json", code=code).stdout)


def _inserted(stack, namespace: str, count: int) -> None:
    database, collection = namespace.split(".")
    stack.client[database][collection].insert_many([{"n": number} for number in range(count)])


def test_diff_says_what_came_between(stack, name, connector):
    _inserted(stack, f"{name}.a", 5)
    _inserted(stack, f"{name}.idle", 7)
    one = connector(f"{name}.a,{name}.idle,{name}.late")
    first = one.until("anchor")
    stack.client[name]["a"].delete_many({})
    _inserted(stack, f"{name}.a", 30)
    _inserted(stack, f"{name}.late", 4)
    # Values with a new field are written under a new schema.
    stack.client[name]["a"].insert_one({"n": 99, "added": "text"})
    last = one.finish()
    found = _json(one, "diff", first[:12], last[:12])
    by_name = {c["namespace"]: c for c in found["collections"]}
    a = by_name[f"{name}.a"]
    assert (a["presence"], a["counts"]["c"], a["counts"]["tombstones"]) == ("both", 31, 5), a
    assert a["records"] == 36 == sum(p["records"] for p in a["partitions"]), a
    assert len(a["schema_ids_added"]) == 1 and "contract" in a["fields"], a
    assert by_name[f"{name}.late"]["presence"] == "only-b" and by_name[f"{name}.late"]["records"] == 4
    assert found["unchanged"] == 1 and found["seconds"] > 0 and found["layout"] is None
    # The other order: the same numbers with a minus, and it is said which is the earlier one.
    back = _json(one, "diff", "latest", first)
    assert {c["namespace"]: c["records"] for c in back["collections"]} == {f"{name}.a": -36, f"{name}.late": -4}
    text = one.call("anchors", "diff", "latest", first[:12], "-c", str(one.file)).stdout
    assert "B is the earlier one" in text and "-36" in text, text
    same = one.call("anchors", "diff", "latest", "latest", "-c", str(one.file)).stdout
    assert "nothing changed in 3 collections" in same, same
    # Another split into lanes and a new snapshot are said, and not subtracted.
    one.write(tasks__max=2, snapshot__mode="always")
    one.finish()
    anew = _json(one, "diff", last, "latest")
    assert anew["layout"] and {c["presence"] for c in anew["collections"]} == {"another-export"}, anew
    assert {c["fields"]["export"]["from"] for c in anew["collections"]} == {"e-0001"}, anew
    one.call("anchors", "diff", "zzzzzzzz", "latest", "-c", str(one.file), code=1)


def _ticks(one, count: int, run) -> None:
    before = len(one.anchors())
    wait_for("ticks", lambda: run.must_live() and len(one.anchors()) >= before + count, 60)


def _records(stack, topic: str):
    """Keys and values of a compacted topic as they stand: under a key the last counts."""
    held: dict[bytes, bytes | None] = {}
    for record in stack.topics.read(topic, stack.topics.committed(topic)):
        held[record.key_bytes] = record.value_bytes
    return held


def _id(stack, key: bytes) -> str:
    return stack.topics.decoder.decode("anchors", MessageField.KEY, key)["id"]


def test_prune_beside_a_running_connector(stack, name, connector, tmp_path):
    """What is pruned goes whole, after its archive stands; the writer goes on, also after a restart, and so does the export."""
    _inserted(stack, f"{name}.a", 40)
    one = connector(f"{name}.a", anchor__full__every=3, signal__poll__interval__ms=200)
    run = one.start()
    _ticks(one, 5, run)
    one.call("anchors", "create", "--label", "kept", "--wait", "-c", str(one.file))
    _ticks(one, 4, run)
    before = {anchor.id: anchor for anchor in one.anchors()}
    archive = tmp_path / "anchors.jsonl"
    said = _json(one, "prune", "--before", "0s")
    assert said["done"] is False and said["anchors"] > 3 and said["labelled"] == 0, said
    assert set(before) <= {anchor.id for anchor in one.anchors()}, "it went without --yes"
    done = _json(one, "prune", "--before", "0s", "--archive", str(archive), "--yes")
    gone = {_id(stack, key) for key, value in _records(stack, f"{name}.anchors").items() if value is None}
    assert gone == set(done["ids"]) and done["archive"]["records"] >= len(gone) > 3
    for anchor in before.values():
        spared = anchor.record["kind"] != "tick" or anchor.record["label"] is not None
        assert not (spared and anchor.id in gone), anchor.record
    # An archive is never written over, and then nothing is pruned.
    _ticks(one, 3, run)
    refused = one.call("anchors", "prune", "--before", "0s", "--archive", str(archive), "--yes", "-c", str(one.file), code=1)
    assert "MOOR-6151" in refused.stderr, refused.stderr
    # The writer's next anchors have bases that are there, and it goes on after a restart.
    one.kill(run)
    _inserted(stack, f"{name}.a", 5)
    one.finish()
    held = {_id(stack, key) for key, value in _records(stack, f"{name}.anchors").items() if value is not None}
    for anchor in one.anchors():
        assert anchor.id not in held or anchor.record["base"] is None or anchor.record["base"] in held, anchor.record
    one.call("anchors", "show", "--at", "label:kept", "--check", "-c", str(one.file))
    checked = one.call("anchors", "show", "--check", "-c", str(one.file))
    assert "all as written" in checked.stdout, checked.stdout
    out = tmp_path / "export"
    one.call("replay", "-c", str(one.file), "--format", "jsonl", "--out", str(out))
    assert sum(len(file.read_text().splitlines()) for file in out.rglob("*.jsonl")) == 45
    # The archive shows and proves what is not in the topic any more, without Kafka; a difference leads from it.
    victim = next(i for i in done["ids"] if before[i].whole)
    one.call("anchors", "show", "--at", victim, "-c", str(one.file), code=1)
    shown = one.call("anchors", "show", "--archive", str(archive), "--at", victim[:12])
    assert victim in shown.stdout and "proof    holds" in shown.stdout, shown.stdout
    machine = json.loads(one.call("anchors", "show", "--archive", str(archive), "--at", victim, "-o", "json").stdout)
    assert machine["proof"]["findings"] == [] and machine["proof"]["schemas"] >= 2, machine["proof"]
    listed = one.call("anchors", "list", "--archive", str(archive), "--limit", "100").stdout
    assert victim[:6] in listed, listed
    between = _json(one, "diff", victim, "latest", "--archive", str(archive))
    assert between["a"]["id"] == victim and between["b"]["id"] == one.anchors()[-1].id, between
    assert sum(c["records"] for c in between["collections"]) == 5, between
    # One byte is enough for it to be none.
    broken = tmp_path / "broken.jsonl"
    text = archive.read_text()
    broken.write_text(text.replace('"pruned":true', '"pruned":false', 1))
    found = one.call("anchors", "show", "--archive", str(broken), "--at", victim, code=1)
    assert "MOOR-6152" in found.stderr, found.stderr


def test_anchors_are_thinned_out_as_they_age(stack, name, connector):
    """By the connector itself, in its own transactions; the label, the writer's newest and every base stay."""
    _inserted(stack, f"{name}.a", 10)
    one = connector(
        f"{name}.a,{name}.b",
        anchor__full__every=4,
        anchor__retention="all:3s,2s:8s,4s",
        listeners="http://127.0.0.1:0",
        signal__poll__interval__ms=200,
        tasks__max=2,
    )
    run = one.start()
    _ticks(one, 2, run)
    one.call("anchors", "create", "--label", "kept", "--wait", "-c", str(one.file))
    topic = f"{name}.anchors"

    def thinned():
        run.must_live()
        return [key for key, value in _records(stack, topic).items() if value is None]

    wait_for("anchors to be thinned out", lambda: len(thinned()) > 20, 90)
    assert Live(run).value("moorline_anchors_thinned_total") >= 10
    labelled = _json(one, "show", "--at", "label:kept")
    assert labelled["label"] == "kept" and len(labelled["lanes"]) == 2
    held = [stack.topics.decoder.decode(topic, MessageField.VALUE, value) for value in _records(stack, topic).values() if value is not None]
    ids = {anchor["id"] for anchor in held}
    assert all(anchor["base"] is None or anchor["base"] in ids for anchor in held)
    assert run.terminate() == 0
    one.finish()
    checked = one.call("anchors", "show", "--check", "-c", str(one.file))
    assert "all as written" in checked.stdout, checked.stdout


def test_what_retention_takes_is_seen_and_forecast(stack, name, connector):
    """A topic that keeps an hour: warned of at once. Log starts that move: no longer replayable, and said so."""
    _inserted(stack, f"{name}.a", 10)
    one = connector(f"{name}.a", listeners="http://127.0.0.1:0")
    # A key of Kafka's own, with `retention.ms` as its name.
    one.settings["topic.creation.default.retention.ms"] = "3600000"
    one.write()
    run = one.start()
    _ticks(one, 2, run)
    live = Live(run)
    collection = {"collection": f"{name}.a"}
    wait_for("the warning", lambda: run.must_live() and "MOOR-6004" in run.stderr, 60)
    shown = _json(one, "show")
    ahead = shown["replayable_until_ms"] / 1000 - shown["cut"]["t"]
    assert shown["replayable"] and 3_000 < ahead < 3_700, ahead
    assert live.value("moorline_anchors_replayable") >= 1
    assert 3_000 < live.value("moorline_anchor_replayable_left_seconds", **collection) < 3_601
    assert live.value("moorline_anchor_replayable_age_seconds", **collection) < 60
    partition = next(p["partition"] for p in shown["collections"][0]["partitions"])
    stack.topics.delete_before(f"{name}.{name}.a", partition, 1)
    wait_for("the loss to be said", lambda: run.must_live() and "MOOR-6002" in run.stderr, 60)
    wait_for("the metric", lambda: live.value("moorline_anchors_replayable") == 0, 60)
    assert live.value("moorline_anchor_replayable_age_seconds", **collection) is None
    assert run.stderr.count("MOOR-6004") == 1 == run.stderr.count("MOOR-6002"), run.stderr
    listed = _json(one, "list", "--limit", "1")["cuts"][0]
    assert not listed["replayable"] and "retention took" in listed["replayable_why"], listed
