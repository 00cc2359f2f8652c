"""The law: what an anchor promises, held against the records and the source.

For each collection of a cut, from the records of the offsets that it names: their counts by partition and by
operation, their digest, their schema ids and the digests of these (I-KAFKA-4); none is of the cut's time or later,
none behind the cut is earlier; where the anchor is exact and complete, their fold is the source's state at pred(cut)
(I-ANCHOR-1), quarantined keys held out on both sides.

Invariant: a check that could not be made is a failure, never a pass: `Report` counts what was compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from bson.timestamp import Timestamp
from confluent_kafka.serialization import MessageField

from . import anchors as anchors_module
from . import fold, keys
from .anchor_id import canonical
from .anchors import Anchor, Cut
from .bson_avro import Shape, differences
from .extended_json import canonical_text_holds
from .source import Source, packed, predecessor
from .topics import Record, Topics, digest


class Broken(AssertionError):
    """The law does not hold."""


@dataclass
class Report:
    """What was compared."""

    anchors: int = 0
    cuts: int = 0
    folds: int = 0
    documents: int = 0
    records: int = 0
    held_out: int = 0
    operations: dict[str, int] = field(default_factory=dict)


def broken(where: str, problems: list[str]) -> None:
    if problems:
        more = f"\n  ... and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise Broken(f"{where}: {len(problems)} differences\n  " + "\n  ".join(problems[:20]) + more)


class Export:
    """All records of one collection's export, read once, cut to any anchor."""

    def __init__(self, topics: Topics, entry: dict, records: list[Record]):
        self.topics = topics
        self.topic = entry["topic"]
        self.records = records
        for record in records:
            record.text_schemas = entry["key_schema_id"], entry["value_schema_ids"]

    @classmethod
    def read(cls, topics: Topics, entry: dict, newest: bool = True) -> "Export":
        """All records from the export's first on: to the topic's end if it is the newest, else to the entry's."""
        known = {part["partition"]: (part["first"], part["end"]) for part in entry["partitions"]}
        ranges = known
        if newest:
            ends = topics.ends(entry["topic"])
            ranges = {number: (known.get(number, ends[number])[0], end) for number, (_, end) in ends.items()}
        return cls(topics, entry, topics.read(entry["topic"], ranges))

    def until(self, entry: dict) -> list[Record]:
        ends = {part["partition"]: (part["first"], part["end"]) for part in entry["partitions"]}
        return [r for r in self.records if r.partition in ends and ends[r.partition][0] <= r.offset < ends[r.partition][1]]

    def behind(self, entry: dict) -> list[Record]:
        ends = {part["partition"]: part["end"] for part in entry["partitions"]}
        return [r for r in self.records if r.offset >= ends.get(r.partition, 0)]


def check_entry(anchor: Anchor, entry: dict, export: Export) -> list[Record]:
    """Counts, digest, schema ids and times of one collection at one anchor; gives its records."""
    where = f"anchor {anchor.id[:8]} {anchor.cut} {entry['namespace']}"
    records = export.until(entry)
    problems = []
    for part in entry["partitions"]:
        found = sum(1 for record in records if record.partition == part["partition"])
        if found != part["records"]:
            problems.append(f"partition {part['partition']}: {found} committed records, the anchor says {part['records']}")
        last = max((r.offset for r in records if r.partition == part["partition"]), default=-1)
        if last + 1 != part["end"]:
            problems.append(f"partition {part['partition']}: the last record stands at {last}, end is {part['end']}")
    counts = {op: 0 for op in ("r", "c", "u", "d")}
    tombstones = 0
    for record in records:
        if record.value_bytes is None:
            tombstones += 1
        else:
            counts[fold.operation(record)] = counts.get(fold.operation(record), 0) + 1
    counts["tombstones"] = tombstones
    counts["spilled"] = sum(1 for r in records if (fold.document(r) or {}).get("__spill"))
    if counts["d"] == 0:
        # Where deletes have no value of their own, a document that is held out leaves a tombstone too.
        del counts["d"]
    for name, found in counts.items():
        if entry["records"].get(name) != found:
            problems.append(f"records.{name}: {found} found, the anchor says {entry['records'].get(name)}")
    if "d" not in counts and entry["records"]["d"] > tombstones:
        problems.append(f"records.d is {entry['records']['d']}, but there are {tombstones} tombstones")
    if entry["digest_algorithm"] != "sum256-sha256-v1" or entry["records_digest"] != digest(records):
        problems.append(f"digest of {len(records)} records is {digest(records).hex()}, not {entry['records_digest']!r}")
    problems += _schemas(entry, records, export.topics)
    cut = packed(anchor.cut)
    late = [r for r in records if fold.stamp(r).cluster_time >= cut]
    if late:
        problems.append(f"{late[0].place} is of {fold.stamp(late[0])}, at or after the cut {cut}")
    early = [r for r in export.behind(entry) if fold.stamp(r).image_time < packed(predecessor(anchor.cut))]
    if early and entry["exact"]:
        problems.append(f"{early[0].place} is of {fold.stamp(early[0])}, before the cut {cut}, but stands behind it")
    broken(where, problems)
    return records


def _schemas(entry: dict, records: list[Record], topics: Topics) -> list[str]:
    problems = []
    key_ids = {record.key_schema_id for record in records}
    if key_ids - {entry["key_schema_id"]}:
        problems.append(f"keys with schema ids {sorted(key_ids)}, the anchor says {entry['key_schema_id']}")
    used = sorted({record.value_schema_id for record in records if record.value_bytes is not None})
    if entry["value_schema_ids"] != used:
        problems.append(f"value schema ids {used} are used, the anchor says {entry['value_schema_ids']}")
    wanted = [
        hashlib.sha256(canonical(topics.decoder.schema(number))).hexdigest()
        for number in [entry["key_schema_id"], *entry["value_schema_ids"]]
    ]
    if entry["schema_digests"] != wanted:
        problems.append(f"schema digests are {wanted}, the anchor says {entry['schema_digests']}")
    return problems


def compare(entry: dict, state: dict[bytes, Record], documents, topics: Topics, quarantine, report: Report) -> list[str]:
    """A folded state against the source's documents: missing, extra, wrong."""
    decoder = topics.decoder
    key_schema = decoder.schema(entry["key_schema_id"])
    live: dict[str, Record] = {}
    problems = []
    for record in state.values():
        name = _hashable(keys.seen(record.key))
        if name in live:
            problems.append(f"{name}: two live keys, {record.place} and {live[name].place}")
        live[name] = record
    held: dict[str, list[Record]] = {}
    for record in quarantine:
        held.setdefault(_quarantine_key(record), []).append(record)
    shapes: dict[int, Shape] = {}
    for document in documents:
        report.documents += 1
        try:
            name = _hashable(keys.expected(document["_id"], key_schema))
        except keys.Unfit:
            name = keys.json_text(document["_id"])
        record = live.pop(name, None)
        if record is None:
            if any(canonical_text_holds(_text(r.value_bytes), document) for r in held.get(name, ())):
                report.held_out += 1
            else:
                problems.append(f"{name}: missing; the source has {document!r:.300}")
            continue
        shape = shapes.setdefault(record.value_schema_id, Shape(decoder.schema(record.value_schema_id)))
        try:
            wrong = differences(fold.document(record), document, shape)
        except keys.Unfit as reason:
            wrong = [f"must not have fitted: {reason}"]
        if wrong:
            problems.append(f"{name} ({record.place}, {fold.operation(record)} {fold.stamp(record)}): {'; '.join(wrong)}")
    for name, record in live.items():
        problems.append(f"{name}: extra; {record.place} {fold.operation(record)} {fold.stamp(record)}")
    return problems


def _hashable(value) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _quarantine_key(record: Record) -> str:
    data = record.key_bytes or b""
    if data[:1] == b"\0" and len(data) >= 5:
        topic = record.headers.get("moorline.topic", record.topic)
        return _hashable(keys.seen(record.decoder.decode(topic, MessageField.KEY, data)))
    return _text(data)


def sample(items: list, count: int) -> list:
    """At most `count` items, spread, the last one always among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(at * (len(items) - 1) / (count - 1))] for at in range(count)] if count > 1 else items[-1:]


def check(
    topics: Topics,
    source: Source,
    prefix: str,
    interval_ms: int,
    folds: int = 8,
    connector: str | None = None,
    counted: int = 60,
) -> Report:
    """Holds everything that a connector wrote against the law. Raises at the first part that is broken.

    Chains, histories and placement are held whole; counts and digests at up to `counted` anchors, folds at up to
    `folds` cuts, spread, the last one always among them.
    """
    report = Report()
    chain = anchors_module.read(topics, prefix, connector)
    anchors_module.check_chain(chain, interval_ms)
    report.anchors = len(chain)
    exports: dict[tuple[str, str], Export] = {}
    begun: set[str] = set()
    for anchor in reversed(chain):
        for entry in anchor.collections.values():
            identity = (entry["namespace"], entry["export"])
            if identity not in exports:
                exports[identity] = Export.read(topics, entry, newest=entry["namespace"] not in begun)
                begun.add(entry["namespace"])
                by_key = fold.histories(exports[identity].records)
                fold.check_placement(by_key, entry["partition_count"])
                fold.check_forward(by_key)
                report.records += len(exports[identity].records)
                for record in exports[identity].records:
                    op = fold.operation(record)
                    report.operations[op] = report.operations.get(op, 0) + 1
    for anchor in sample(chain, counted):
        for entry in anchor.collections.values():
            check_entry(anchor, entry, exports[(entry["namespace"], entry["export"])])
    quarantine = []
    if f"{prefix}.quarantine" in topics.names(prefix):
        quarantine = topics.read(f"{prefix}.quarantine")
    whole = [cut for cut in anchors_module.cuts(chain) if cut.whole]
    report.cuts = len(whole)
    for cut in sample(whole, folds):
        check_fold(cut, exports, topics, source, quarantine, report)
    return report


def check_fold(cut: Cut, exports, topics: Topics, source: Source, quarantine, report: Report) -> None:
    """The fold of a whole cut is the source at pred(cut)."""
    for namespace, entry in cut.collections.items():
        records = exports[(namespace, entry["export"])].until(entry)
        state = fold.fold(fold.histories(records))
        documents = source.documents(namespace, predecessor(cut.time))
        problems = compare(entry, state, documents, topics, quarantine, report)
        broken(f"cut {cut.time} {namespace}: fold of {len(records)} records against the source", problems)
        report.folds += 1


def check_images(entry: dict, records: list[Record], topics: Topics, source: Source, count: int = 5) -> int:
    """Every image that was looked up is the source's document at its image time (I-IMG-1); gives how many were held.

    Records whose image time is their own cluster time are left out: a later write of the same transaction may follow.
    """
    looked_up: dict[int, list[Record]] = {}
    for record in records:
        if fold.document(record) is not None:
            now = fold.stamp(record)
            if now.image_time != now.cluster_time or fold.operation(record) == "r":
                looked_up.setdefault(now.image_time, []).append(record)
    held = 0
    key_schema = topics.decoder.schema(entry["key_schema_id"])
    for moment in sample(sorted(looked_up), count):
        at = Timestamp(moment >> 32, moment & 0xFFFFFFFF)
        documents = {}
        for document in source.documents(entry["namespace"], at):
            try:
                documents[_hashable(keys.expected(document["_id"], key_schema))] = document
            except keys.Unfit:
                continue
        problems = []
        for record in looked_up[moment]:
            held += 1
            document = documents.get(_hashable(keys.seen(record.key)))
            if document is None:
                problems.append(f"{record.place}: {record.key} was not there at its image time {at}")
            else:
                shape = Shape(topics.decoder.schema(record.value_schema_id))
                problems += [f"{record.place}: {line}" for line in differences(fold.document(record), document, shape)]
        broken(f"{entry['namespace']} images at {at}", problems)
    return held
