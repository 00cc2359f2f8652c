"""Folding a topic's records by key, in the two ways that must agree, and what a key's history may look like.

Values are flat documents with metadata, or envelopes: `document`, `stamp` and `operation` read both. An envelope of an
update without a document tells a delta only and leaves the state as it is; it is never the last word of a key.

Invariants that are checked here: all records of a key stand in one partition, the one that murmur2 gives
(I-KAFKA-5); per key `(image_time, cluster_time, seq)` never falls in committed order (I-ORDER-1); no record
stands twice; an export has at most one snapshot row of a key (I-SNAP-2).
"""

from __future__ import annotations

from collections import Counter
from typing import Iterable, NamedTuple

from .murmur2 import partition
from .topics import Record

ROW_SEQ = 2147483647


class Stamp(NamedTuple):
    """The order of a key's records."""

    image_time: int
    cluster_time: int
    seq: int


def stamp(record: Record) -> Stamp:
    """A record's stamp, from its metadata or, for a tombstone, its headers."""
    if record.value_bytes is None:
        header = record.headers
        missing = [name for name in ("image_time", "cluster_time", "seq") if f"moorline.{name}" not in header]
        assert not missing, f"{record.place}: a tombstone without the headers {missing}, it has {sorted(header)}"
        return Stamp(*(int(header[f"moorline.{name}"]) for name in ("image_time", "cluster_time", "seq")))
    value = record.value
    if is_envelope(value):
        return Stamp(*(value["source"][name] for name in ("image_time", "cluster_time", "seq")))
    return Stamp(value["__image_time"], value["__cluster_time"], value["__seq"])


def is_envelope(value) -> bool:
    return value is not None and {"before", "after", "source", "op"} <= set(value)


def document(record: Record) -> dict | None:
    """The state that a record tells; `None` where it tells none: a delete, or a delta alone."""
    if record.value_bytes is None or operation(record) == "d":
        return None
    return record.value["after"] if is_envelope(record.value) else record.value


def is_delta(record: Record) -> bool:
    return record.value_bytes is not None and operation(record) != "d" and document(record) is None


def operation(record: Record) -> str:
    """`c`, `u`, `d` or `r`; of a tombstone what its header says, `d` if it says nothing."""
    if record.value_bytes is None:
        return record.headers.get("moorline.op", "d")
    return record.value["op"] if is_envelope(record.value) else record.value["__op"]


def operations(records: Iterable[Record]) -> Counter:
    """How many records there are of each operation."""
    return Counter(operation(record) for record in records)


def histories(records: Iterable[Record]) -> dict[bytes, list[Record]]:
    """Each key's records in committed order. Fails where a key stands in two partitions."""
    result: dict[bytes, list[Record]] = {}
    for record in records:
        assert record.key_bytes is not None, f"{record.place}: a record without a key"
        result.setdefault(record.key_bytes, []).append(record)
    for key, history in result.items():
        places = {record.partition for record in history}
        assert len(places) == 1, f"key {key.hex()} stands in partitions {sorted(places)}"
        history.sort(key=lambda record: record.offset)
    return result


def check_placement(by_key: dict[bytes, list[Record]], partition_count: int) -> None:
    for key, history in by_key.items():
        wanted = partition(key, partition_count)
        assert history[0].partition == wanted, f"{history[0].place}: murmur2 of its key says partition {wanted}"


def check_forward(by_key: dict[bytes, list[Record]]) -> None:
    """Per key, time moves forward only, and nothing stands twice."""
    for history in by_key.values():
        seen = set()
        rows = 0
        previous = None
        for record in history:
            now = stamp(record)
            op = operation(record)
            what = (*now, op, record.value_bytes is None)
            assert what not in seen, f"{record.place}: stands twice: {record.key} {op} {now}"
            seen.add(what)
            assert previous is None or now >= previous, (
                f"{record.place}: key {record.key} moves back from {previous} to {now} ({op})"
            )
            previous = now
            rows += op == "r"
            if op == "r":
                assert now.seq == ROW_SEQ and now.image_time == now.cluster_time, f"{record.place}: a row at {now}"
        assert rows <= 1, f"key {history[0].key} ({history[0].place}) has {rows} snapshot rows in one export"


def by_offset(by_key: dict[bytes, list[Record]]) -> dict[bytes, Record]:
    """The last record of each key that is live."""
    last = {key: told[-1] for key, history in by_key.items() if (told := telling(history))}
    return {key: record for key, record in last.items() if document(record) is not None}


def telling(history: list[Record]) -> list[Record]:
    """The records that say what the state is. Fails where a delta alone is the last word of a key."""
    assert not is_delta(history[-1]), f"{history[-1].place}: an update without its document is the key's last record"
    return [record for record in history if not is_delta(record)]


def by_stamp(by_key: dict[bytes, list[Record]]) -> dict[bytes, Record]:
    """The newest record by `(image_time, cluster_time, seq)`; the later one where two are equal."""
    newest = {key: max(telling(h), key=lambda r: (stamp(r), r.offset)) for key, h in by_key.items() if telling(h)}
    return {key: record for key, record in newest.items() if document(record) is not None}


def fold(by_key: dict[bytes, list[Record]]) -> dict[bytes, Record]:
    """The state, folded both ways; fails where they differ."""
    offsets, stamps = by_offset(by_key), by_stamp(by_key)
    differing = [key for key in offsets.keys() | stamps.keys() if offsets.get(key) is not stamps.get(key)]
    assert not differing, f"folds by offset and by stamp differ for {len(differing)} keys, {differing[0].hex()} first"
    return offsets
