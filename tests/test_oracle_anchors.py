"""The checker's reading of anchors, without servers: differences, parts, lanes, and what must make it fail."""

from __future__ import annotations

import json

import pytest

from oracle import anchors
from oracle.anchor_id import anchor_id
from oracle.fake import HERE
from oracle.topics import Record

SCHEMA = json.loads((HERE / "anchor.avsc").read_text())


class Decoder:
    """Gives one schema for every id."""

    def schema(self, _):
        return SCHEMA


class Topics:
    decoder = Decoder()


def entry(name, end, export="e1", **changes):
    counts = dict.fromkeys(["r", "c", "u", "d", "tombstones", "coalesced", "quarantined", "spilled"], 0)
    parts = [{"partition": p, "first": 0, "begin": b, "end": e, "records": 1} for p, (b, e) in sorted(end.items())]
    made = {"namespace": name, "epoch": "u", "topic": name, "topic_id": None, "partition_count": 3, "export": export,
            "export_complete": True, "exact": True, "scope": None, "contract": None, "key_schema_id": 1,
            "value_schema_ids": [2], "schema_digests": ["x", "y"], "records": counts, "records_digest": b"",
            "digest_algorithm": "sum256-sha256-v1", "partitions": parts}
    return {**made, **changes}


def anchor(tick, parent, collections, base=None, lane=0, lanes=1, **changes):
    cut = {"t": tick, "i": 0}
    made = {"format": 1, "id": "", "connector": "c", "lane": lane, "lanes": lanes, "layout": "one", "kind": "tick", "cut": cut,
            "covers_from": cut, "cut_ms": tick * 1000, "part": 0, "parts": 1, "exact": True, "complete": True, "inexact": [],
            "history": "h", "position_format": "f", "position": b"p", "parent": parent, "base": base, "full": base is None,
            "collections": collections, "gap": None, "rollback_to": None, "label": None, "written_ms": 0,
            "lineage": {"version": "", "config": "", "source": "", "server": "", "worker": "", "run_id": None}, **changes}
    made["id"] = anchor_id(made, SCHEMA)
    return made


def build(*values):
    records = []
    for offset, value in enumerate(values):
        record = Record("t", 0, offset, b"k", b"\0\0\0\0\1", {}, 0, None)
        record.__dict__["value"] = value
        record.__dict__["key"] = {name: value[name] for name in ("connector", "lane", "id", "part")}
        records.append(record)
    return anchors.build(records, Topics(), "c")


def test_a_difference_is_laid_over_its_base():
    full = anchor(1, None, [entry("a", {0: (0, 5), 1: (0, 7)}), entry("b", {0: (0, 3)})])
    second = anchor(2, full["id"], [entry("a", {1: (7, 9)})], base=full["id"])
    third = anchor(3, second["id"], [entry("a", {1: (9, 9), 2: (4, 6)})], base=full["id"])
    third["collections"][0]["partitions"][1]["first"] = 4
    third["id"] = anchor_id(third, SCHEMA)
    chain = build(full, second, third)
    anchors.check_chain(chain, 1000)
    ends = lambda one, name: {p["partition"]: p["end"] for p in one.collections[name]["partitions"]}  # noqa: E731
    assert ends(chain[1], "a") == {0: 5, 1: 9} and ends(chain[1], "b") == {0: 3}
    # Over the base, not over the parent: what moved before must be listed again.
    assert ends(chain[2], "a") == {0: 5, 1: 9, 2: 6}


def test_a_new_export_starts_anew():
    full = anchor(1, None, [entry("a", {0: (0, 5), 1: (0, 7)})])
    second = anchor(2, full["id"], [entry("a", {0: (9, 12)}, export="e2")])
    second["collections"][0]["partitions"][0]["first"] = 9
    second["id"] = anchor_id(second, SCHEMA)
    chain = build(full, second)
    assert [p["partition"] for p in chain[1].collections["a"]["partitions"]] == [0]
    anchors.check_chain(chain, 1000)


def test_parts_share_an_id_over_the_whole():
    whole = anchor(1, None, [entry("a", {0: (0, 5)}), entry("b", {0: (0, 3)})], parts=2)
    first, second = dict(whole, collections=whole["collections"][:1]), dict(whole, collections=whole["collections"][1:], part=1)
    assert set(build(first, second)[0].collections) == {"a", "b"}
    with pytest.raises(AssertionError, match="missing parts"):
        build(first)


def test_a_cut_needs_every_lane():
    lanes = [anchor(t, None, [], lane=lane, lanes=2) for lane, t in ((0, 1), (1, 1))]
    quiet = anchor(4, lanes[0]["id"], [], base=lanes[0]["id"], lanes=2, covers_from={"t": 2, "i": 0})
    other = anchor(2, lanes[1]["id"], [], base=lanes[1]["id"], lane=1, lanes=2)
    chain = build(*lanes, quiet, other)
    anchors.check_chain(chain, 1000)
    assert [cut.time for cut in anchors.cuts(chain)] == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"covers_from": {"t": 3, "i": 0}, "cut": {"t": 3, "i": 0}}, "a tick is missing"),
        ({"covers_from": {"t": 1, "i": 0}}, "a tick is missing"),
        ({"parent": "x"}, "has parent x"),
        ({"exact": False}, "exact=False"),
        ({"inexact": [{"reason": "gap", "namespace": None, "keys": None, "until": None}], "exact": False}, "no conjunction"),
        ({"cut": {"t": 2, "i": 5}}, "is not a tick"),
        ({"collections": [entry("a", {0: (4, 9), 1: (7, 7)})]}, "parent ended at 5"),
        ({"collections": [entry("a", {0: (5, 9)})]}, "gone"),
        ({"collections": [entry("a", {0: (5, 5), 1: (7, 7)}, export_complete=False)]}, "complete, but a collection is not"),
    ],
)
def test_a_chain_that_breaks_a_rule_is_seen(changes, message):
    full = anchor(1, None, [entry("a", {0: (0, 5), 1: (0, 7)})])
    second = anchor(2, full["id"], [entry("a", {0: (5, 6), 1: (7, 7)})])
    anchors.check_chain(build(full, second), 1000)
    second.update(changes)
    second["id"] = anchor_id(second, SCHEMA)
    with pytest.raises(AssertionError, match=message):
        anchors.check_chain(build(full, second), 1000)


def test_an_id_covers_everything_but_the_part():
    one = anchor(1, None, [entry("a", {0: (0, 5)})])
    assert anchor_id({**one, "part": 3, "parts": 9}, SCHEMA) == one["id"]
    for name in set(one) - {"id", "part", "parts", "collections", "lineage"}:
        value = {"t": 7, "i": 7} if name in ("cut", "covers_from") else [] if name == "inexact" else one[name]
        changed = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value
        changed = "other" if isinstance(value, str) else b"other" if isinstance(value, bytes) else changed
        if changed == one[name]:
            changed = {"parent": "p", "base": "b", "label": "l", "rollback_to": "r"}.get(name, changed)
        if changed != one[name]:
            assert anchor_id({**one, name: changed}, SCHEMA) != one["id"], name
