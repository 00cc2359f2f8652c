"""What `moorline replay` refuses, each by its code and before anything looks done, with the nearest cut that can be replayed
where there is one; the source is out of reach in all of it. (I-REPLAY-3)"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from confluent_kafka.admin import NewTopic

from oracle import doctored, exports

NOWHERE = "mongodb://127.0.0.1:1/?replicaSet=none&serverSelectionTimeoutMS=500"


@pytest.fixture
def captured(stack, name, connector):
    """A connector that has captured `a` and `b`, and whose source can't be reached any more."""

    def make(**settings):
        for collection in ("a", "b"):
            stack.client[name][collection].insert_many([{"_id": f"k{n:02}", "n": n, "s": f"text {n:02}"} for n in range(30)])
        one = connector(f"{name}.a,{name}.b", **settings)
        one.until("snapshot")
        stack.client[name].a.update_one({"_id": "k03"}, {"$set": {"n": 1000}})
        stack.client[name].a.delete_one({"_id": "k05"})
        one.until("anchor")
        one.write(mongodb__connection__string=NOWHERE)
        return one

    return make


def _replay(one, out, *flags: str, **more):
    return exports.replay(one, out, "--no-certificate", *flags, limit=60, **more)


def _refused(one, out, code: str, *flags: str, at: str = "latest", nearest: str | None = None):
    """Refused by this code, with nothing that looks done; gives what was told."""
    told = _replay(one, out, *flags, at=at, code=1).stderr
    assert f"error {code}" in told, told
    assert not (out / "_SUCCESS").exists() and not (out / "_manifest.json").exists()
    assert nearest is None or f"--at {nearest}   the nearest that can be replayed" in told, told
    return told


def _anchors(one, suffix: str, *records: dict) -> None:
    """Points the configuration at an anchors topic that holds these."""
    topic = f"{one.name}.{suffix}.anchors"
    one.stack.topics.admin.create_topics([NewTopic(topic, 1)])[topic].result(20)
    doctored.write_anchors(one, topic, list(records))
    one.write(anchor__topic__name=topic)


def _swapped(records, at: int, old: bytes, new: bytes):
    return [*records[:at], doctored.altered(records[at], old, new), *records[at + 1 :]]


def test_records_that_are_not_those_that_were_written(captured, name, tmp_path):
    one = captured()
    anchor, namespace = one.anchors()[-1], f"{name}.a"
    records = doctored.export(one, anchor, namespace)
    [at] = [n for n, record in enumerate(records) if record.value_bytes and record.value["s"] == "text 07"]
    ghost = sorted([*records, records[at]], key=lambda record: record.partition)
    cases = {
        "same": (records, None, ""),
        "dropped": ([*records[:at], *records[at + 1 :]], "MOOR-6013", "records are missing"),
        "doubled": (ghost, "MOOR-6013", "something else writes to this topic"),
        "altered": (_swapped(records, at, b"text 07", b"text 08"), "MOOR-6014", "digest differs"),
        "key": ([*records[:at], replace(records[at], key_bytes=records[at].key_bytes.replace(b"k07", b"k99")),
                 *records[at + 1 :]], "MOOR-6014", "digest differs"),
    }
    for case, (made, code, words) in cases.items():
        one.write(anchor__topic__name=doctored.write(one, anchor, namespace, case, made, records))
        if code is None:
            _replay(one, tmp_path / case)
            assert exports.manifest(tmp_path / case)["collections"][0]["rows"] == 29
        else:
            assert words in _refused(one, tmp_path / case, code)


def test_anchors_that_are_not_what_they_say(captured, name, tmp_path):
    one = captured()
    anchor = one.anchors()[-1]
    good = doctored.sealed(one, anchor)
    later = {"cut": {"t": anchor.cut[0] + 5, "i": 0}, "covers_from": {"t": anchor.cut[0] + 5, "i": 0}}
    # Somebody counts other records in, and leaves the id.
    forged = doctored.sealed(one, anchor, **later)
    forged["collections"][0]["partitions"][0]["end"] -= 1
    _anchors(one, "forged", good, forged)
    told = _refused(one, tmp_path / "forged", "MOOR-6011", nearest=good["id"])
    assert forged["id"] in told
    _refused(one, tmp_path / "forged", "MOOR-6011", at=forged["id"])
    # A difference is no better than the anchor that it builds on.
    base = dict(doctored.sealed(one, anchor), written_ms=7)
    child = doctored.sealed(one, anchor, [], full=False, base=base["id"], **later)
    _anchors(one, "base", base, child)
    _refused(one, tmp_path / "base", "MOOR-6011", at=child["id"])
    # A form that is not known is not guessed at: another cut is taken, or the very one is refused.
    unknown = doctored.sealed(one, anchor, format=2, **later)
    _anchors(one, "unknown", good, unknown)
    _refused(one, tmp_path / "unknown", "MOOR-6017", at=unknown["id"], nearest=good["id"])
    told = _replay(one, tmp_path / "unknown")
    assert "MOOR-6017" in told.stderr and exports.manifest(tmp_path / "unknown")["at"]["anchors"] == [good["id"]]


def test_a_cut_that_is_not_exact_or_not_whole_is_taken_only_knowingly(captured, name, tmp_path):
    one = captured()
    anchor = one.anchors()[-1]
    good = doctored.sealed(one, anchor)
    later = {"cut": {"t": anchor.cut[0] + 5, "i": 0}, "covers_from": {"t": anchor.cut[0] + 5, "i": 0}}
    gap = {"reason": "gap", "namespace": f"{name}.a", "keys": 3, "until": None}
    entries = [dict(entry, exact=entry["namespace"] != f"{name}.a") for entry in anchor.collections.values()]
    _anchors(one, "inexact", good, doctored.sealed(one, anchor, entries, exact=False, inexact=[gap], **later))
    assert f"gap ({name}.a)" in _refused(one, tmp_path / "inexact", "MOOR-6120", nearest=good["id"])
    _refused(one, tmp_path / "inexact", "MOOR-6120", "--collection", f"{name}.a")
    _replay(one, tmp_path / "other", "--collection", f"{name}.b")
    assert exports.manifest(tmp_path / "other")["exact"] and not exports.manifest(tmp_path / "other")["inexact"]
    _replay(one, tmp_path / "known", "--allow-inexact")
    manifest = exports.manifest(tmp_path / "known")
    assert not manifest["exact"] and manifest["inexact"] == [gap]
    assert {c["namespace"]: c["exact"] for c in manifest["collections"]} == {f"{name}.a": False, f"{name}.b": True}


def test_a_snapshot_that_still_runs_holds_back_its_own_collection_only(stack, name, connector, tmp_path):
    stack.client[name].few.insert_many([{"_id": n} for n in range(20)])
    stack.client[name].many.insert_many([{"_id": n, "s": "x" * 100} for n in range(3000)])
    one = connector(f"{name}.few,{name}.many", snapshot__rate__limit__documents="300")
    run = one.start()

    def halfway(anchor):
        entries = anchor.collections
        return len(entries) == 2 and entries[f"{name}.few"]["export_complete"] and not entries[f"{name}.many"]["export_complete"]

    anchor = one.wait_for_anchor(halfway, run)
    assert f"the snapshot of {name}.many is not in yet" in _refused(one, tmp_path / "both", "MOOR-6120", at=anchor.id)
    _replay(one, tmp_path / "few", "--collection", f"{name}.few", at=anchor.id)
    [few] = exports.manifest(tmp_path / "few")["collections"]
    assert few["rows"] == 20 and few["complete"] and exports.manifest(tmp_path / "few")["complete"]
    _replay(one, tmp_path / "known", "--allow-inexact", at=anchor.id)
    assert not exports.manifest(tmp_path / "known")["complete"]
    one.kill(run)


def test_another_topic_and_another_export_are_told_from_those_of_the_anchor(stack, captured, name, tmp_path):
    one = captured()
    first, (a, b) = one.anchors()[-1], (f"{name}.{name}.a", f"{name}.{name}.b")
    # The same name, the same number of partitions, even the same records: it is another topic.
    copied = doctored.export(one, first, f"{name}.a")
    stack.topics.admin.delete_topics([a], operation_timeout=20)[a].result(20)
    doctored.made_anew(one, a, 3, copied)
    told = _refused(one, tmp_path / "anew", "MOOR-6002", at=first.id)
    assert "made anew" in told and "nearest" not in told
    _replay(one, tmp_path / "b", "--collection", f"{name}.b", at=first.id)
    # What retention takes is told by partition and offset.
    part = first.collections[f"{name}.b"]["partitions"][0]
    stack.topics.delete_before(b, part["partition"], part["first"] + 2)
    told = _refused(one, tmp_path / "purged", "MOOR-6002", "--collection", f"{name}.b", at=first.id)
    assert f"partition {part['partition']}" in told and f"log starts at {part['first'] + 2}" in told
    # A new snapshot is another export, which can be replayed, and to which nothing leads from the old one.
    one.write(mongodb__connection__string=stack.mongodb_uri, snapshot__mode="always")
    second = one.until("snapshot")
    one.write(mongodb__connection__string=NOWHERE)
    told = _refused(one, tmp_path / "old", "MOOR-6002", at=first.id)
    assert "the nearest that can be replayed" in told
    assert "another snapshot" in _refused(one, tmp_path / "from", "MOOR-6123", "--from", first.id, at=second)
    assert "later than" in _refused(one, tmp_path / "from", "MOOR-6123", "--from", second, at=first.id)
    _replay(one, tmp_path / "new", at=second)
    assert [c["rows"] for c in exports.manifest(tmp_path / "new")["collections"]] == [29, 30]


@contextmanager
def _registry(url: str, answers: dict[int, str | None]):
    """A registry in front of the real one, with other answers for some ids; None for "not known"."""

    class Front(BaseHTTPRequestHandler):
        def do_GET(self):
            number = self.path.split("?")[0].removeprefix("/schemas/ids/")
            if number.isdigit() and int(number) in answers:
                text = answers[int(number)]
                return self._answer(404, {"error_code": 40403, "message": "Schema not found"}) if text is None else self._answer(
                    200, {"schema": text})
            try:
                with urllib.request.urlopen(url + self.path, timeout=20) as found:
                    self._answer(found.status, json.load(found))
            except urllib.error.HTTPError as error:
                self._answer(error.code, json.load(error))

        def _answer(self, status: int, body: dict):
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_registry_that_was_built_anew(stack, captured, name, tmp_path):
    one = captured()
    one.write(mongodb__connection__string=stack.mongodb_uri)
    stack.client[name].a.insert_one({"_id": "k90", "n": 1, "s": "text", "more": 1})
    one.until("anchor")
    one.write(mongodb__connection__string=NOWHERE)
    newest = one.anchors()[-1]
    older = next(a for a in reversed(one.anchors()) if a.whole and len(a.collections[f"{name}.a"]["value_schema_ids"]) == 1)
    entry = newest.collections[f"{name}.a"]
    old, new = entry["value_schema_ids"]
    text = {number: json.dumps(stack.topics.decoder.schema(number)) for number in (old, new)}
    other = text[new].replace('"name": "n"', '"name": "m"')
    assert other != text[new]
    # Written otherwise, with the same content: that is the same schema.
    for answers, code in (({new: json.dumps(json.loads(text[new]), indent=3)}, None), ({new: other}, "MOOR-6122"),
                          ({new: None}, "MOOR-6122"), ({old: text[new], new: text[old]}, "MOOR-6122")):
        with _registry(stack.registry_url, answers) as url:
            one.write(schema__registry__url=url)
            if code is None:
                _replay(one, tmp_path / "same", at=newest.id)
                continue
            nearest = older.id if old not in answers else None
            told = _refused(one, tmp_path / "other", code, at=newest.id)
            assert ("the nearest that can be replayed" in told) == (nearest is not None), told
    assert [c["rows"] for c in exports.manifest(tmp_path / "same")["collections"]] == [30, 30]


def test_the_newest_schema_is_that_of_the_last_record_not_the_highest_id(stack, name, connector, tmp_path):
    """A registry gives a text that it has seen before its old id."""
    items, subject = stack.client[name].items, f"{name}.{name}.items-value"
    registry = stack.topics.decoder.registry
    items.insert_one({"_id": 1, "n": 1, "more": "x"})
    connector(f"{name}.items").until("snapshot")
    stack.clean(name)
    for each in (subject, f"{name}.{name}.items-key"):
        registry.delete_subject(each)
    items.insert_many([{"_id": n, "n": n} for n in range(1, 6)])
    one = connector(f"{name}.items")
    one.until("snapshot")
    first = one.anchors()[-1]
    items.insert_one({"_id": 9, "n": 9, "more": "y"})
    one.until("anchor")
    last = one.anchors()[-1]
    [before], ids = (a.collections[f"{name}.items"]["value_schema_ids"] for a in (first, last))
    assert len(ids) == 2 and max(ids) == before, "the ids are in order: nothing was put to the test"
    _replay(one, tmp_path / "out", at=last.id)
    [file] = [path for path in (tmp_path / "out").rglob("part-*")]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["_id"]: row["more"] for row in rows}[9] == "y" and len(rows) == 6
    # A cut before the change has the schema of then, and so has what was kept until now.
    _replay(one, tmp_path / "before", at=first.id)
    [file] = [path for path in (tmp_path / "before").rglob("part-*")]
    assert all("more" not in json.loads(line) for line in file.read_text().splitlines())
