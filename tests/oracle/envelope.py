"""What an envelope must say of an event, stated from the source's own change stream.

For each event of a collection there is one record in its topic with the event's op, time and key: what stood before,
what its delta was, which transaction it was made in. Invariant: an event that has no record, and a record that has no
event, are both differences.
"""

from __future__ import annotations

import base64

from . import fold, keys
from .bson_avro import Shape, differences
from .extended_json import relaxed_text_holds
from .source import packed

_OPS = {"insert": "c", "replace": "u", "update": "u", "delete": "d"}


def session_text(lsid: dict) -> str:
    """A session's id as Debezium writes it."""
    parts = []
    for name, value in lsid.items():
        subtype = getattr(value, "subtype", 4)
        content = value.bytes if hasattr(value, "hex") and not isinstance(value, bytes) else bytes(value)
        text = base64.b64encode(content).decode()
        parts.append(f'"{name}": {{"$binary": "{text}","$type": "{subtype:02X}"}}')
    return "{" + ",".join(parts) + "}"


def compare(events: list[dict], namespace: str, records, topics, images: bool) -> list[str]:
    """Differences between the events of a collection and the envelopes of its topic; `images`: with pre-images."""
    told: dict[tuple, list] = {}
    for record in records:
        if record.value_bytes is not None and record.value["op"] != "r":
            source = record.value["source"]
            identity = (str(keys.seen(record.key)), record.value["op"], source["cluster_time"], source["seq"])
            told.setdefault(identity, []).append(record)
    problems = [f"{identity}: {len(found)} records" for identity, found in told.items() if len(found) > 1]
    key_schema = topics.decoder.schema(records[0].key_schema_id)
    shapes: dict[int, Shape] = {}
    places: dict[int, int] = {}
    for event in events:
        moment = packed(event["clusterTime"])
        place = places.get(moment, 0)
        places[moment] = place + 1
        if f"{event['ns']['db']}.{event['ns']['coll']}" != namespace:
            continue
        name = str(keys.expected(event["documentKey"]["_id"], key_schema))
        identity = (name, _OPS[event["operationType"]], moment, place)
        found = told.pop(identity, None)
        if not found:
            problems.append(f"{identity}: not told")
            continue
        record = found[0]
        shape = shapes.setdefault(record.value_schema_id, Shape(topics.decoder.schema(record.value_schema_id)))
        problems += [f"{identity}: {line}" for line in _event(record.value, event, shape, images)]
    problems += [f"{identity}: told, and never happened" for identity in told]
    return problems


def _event(value: dict, event: dict, shape: Shape, images: bool) -> list[str]:
    problems = []
    before = event.get("fullDocumentBeforeChange") if images else None
    if (value["before"] is None) != (before is None):
        problems.append(f"before is {value['before']!r:.200}, at the source {before!r:.200}")
    elif before is not None:
        problems += [f"before: {line}" for line in differences(value["before"], before, shape)]
    if event["operationType"] in ("insert", "replace"):
        problems += [f"after: {line}" for line in differences(value["after"], event["fullDocument"], shape)]
    if event["operationType"] == "delete" and value["after"] is not None:
        problems.append("a delete with a document after it")
    problems += _delta(value["updateDescription"], event.get("updateDescription"))
    source = value["source"]
    wanted = {
        "db": event["ns"]["db"],
        "collection": event["ns"]["coll"],
        "table": event["ns"]["coll"],
        "connector": "mongodb",
        "snapshot": "false",
        "ord": event["clusterTime"].inc,
        "txnNumber": event.get("txnNumber"),
        "lsid": session_text(event["lsid"]) if "lsid" in event else None,
        "coalesced": 0,
    }
    problems += [f"source.{n}: {source[n]!r} where {w!r} belongs" for n, w in wanted.items() if source[n] != w]
    if source["ts_us"] != source["ts_ms"] * 1000 or source["ts_ns"] != source["ts_us"] * 1000:
        problems.append(f"times differ: {source}")
    return problems


def _delta(seen: dict | None, wanted: dict | None) -> list[str]:
    if (seen is None) != (wanted is None):
        return [f"updateDescription is {seen!r:.200}, at the source {wanted!r:.200}"]
    if wanted is None:
        return []
    problems = []
    truncated = [{"field": one["field"], "size": one["newSize"]} for one in wanted.get("truncatedArrays") or []]
    if seen["truncatedArrays"] != (truncated or None):
        problems.append(f"truncatedArrays {seen['truncatedArrays']} where {truncated} belongs")
    if seen["removedFields"] != (list(wanted.get("removedFields") or []) or None):
        problems.append(f"removedFields {seen['removedFields']} where {wanted.get('removedFields')} belongs")
    if not relaxed_text_holds(seen["updatedFields"], wanted.get("updatedFields") or {}):
        problems.append(f"updatedFields {seen['updatedFields']:.200} where {wanted.get('updatedFields')!r:.200} belongs")
    return problems


def transactions(records: list, topic: list) -> list[str]:
    """The topic of transactions against the records' own blocks: one begin and one end each, and counts that are so."""
    problems = []
    members: dict[str, list[dict]] = {}
    for record in records:
        if record.value_bytes is not None and record.value["transaction"] is not None:
            block = record.value["transaction"]
            source = record.value["source"]
            members.setdefault(block["id"], []).append({**block, "of": f"{source['db']}.{source['collection']}"})
            if block["id"] != f"{source['lsid']}:{source['txnNumber']}":
                problems.append(f"{block['id']} is not that of {source['lsid']} {source['txnNumber']}")
    told: dict[str, list[dict]] = {}
    for record in sorted(topic, key=lambda record: (record.partition, record.offset)):
        assert record.key["id"] == record.value["id"], record.place
        told.setdefault(record.value["id"], []).append(record.value)
    if set(told) != set(members):
        problems.append(f"{len(set(told) ^ set(members))} transactions are told of on one side only")
    for name, values in told.items():
        if [value["status"] for value in values] != ["BEGIN", "END"]:
            problems.append(f"{name}: {[value['status'] for value in values]}")
            continue
        found = sorted(members.get(name, []), key=lambda block: block["total_order"])
        by_collection: dict[str, int] = {}
        for number, block in enumerate(found, 1):
            by_collection[block["of"]] = by_collection.get(block["of"], 0) + 1
            if (block["total_order"], block["data_collection_order"]) != (number, by_collection[block["of"]]):
                problems.append(f"{name}: {block} stands at {number}")
        begin, end = values
        if begin["event_count"] is not None or begin["data_collections"] is not None:
            problems.append(f"{name}: begins with counts {begin}")
        counted = {one["data_collection"]: one["event_count"] for one in end["data_collections"]}
        if end["event_count"] != len(found) or counted != by_collection:
            problems.append(f"{name}: ends with {end['event_count']} {counted}, there are {by_collection}")
    return problems




def live(records) -> dict:
    """Folded documents by `_id`."""
    return {r.key["_id"]: fold.document(r) for r in fold.fold(fold.histories(records)).values()}
