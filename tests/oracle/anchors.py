"""The anchors of a connector, read, joined, merged and held against their own rules.

Invariants that are checked here: ids are the hash of the content and stand once; parents form one chain a lane;
every tick is in exactly one `covers_from .. cut` of a lane, from the first on (I-ANCHOR-3); `begin` is the parent's
`end`; an anchor's `exact` and `complete` are the conjunction of its collections'; a difference refers to the
last full anchor of its lane.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from .anchor_id import anchor_id
from .topics import Topics, schema_id

Time = tuple[int, int]


@dataclass
class Anchor:
    """One lane's cut. `collections` is the whole state at it: differences are merged onto their base."""

    lane: int
    id: str
    record: dict
    offset: int
    collections: dict[str, dict] = field(default_factory=dict)

    @property
    def cut(self) -> Time:
        return self.record["cut"]["t"], self.record["cut"]["i"]

    @property
    def covers_from(self) -> Time:
        return self.record["covers_from"]["t"], self.record["covers_from"]["i"]

    @property
    def whole(self) -> bool:
        """Exact and complete."""
        return self.record["exact"] and self.record["complete"]

    def covers(self, time: Time) -> bool:
        return self.covers_from <= time <= self.cut


def read(topics: Topics, prefix: str, connector: str | None = None, topic: str | None = None) -> list[Anchor]:
    """All anchors in the order of the topic, parts joined, ids recomputed, differences merged."""
    return build(topics.read(topic or f"{prefix}.anchors"), topics, connector)


def build(records, topics: Topics, connector: str | None = None) -> list[Anchor]:
    """As `read`, of records that were read already."""
    anchors: list[Anchor] = []
    parts: dict[str, list[tuple[int, dict]]] = {}
    seen: set[str] = set()
    for record in records:
        if record.value_bytes is None:
            continue
        value = record.value
        if value["format"] != 1:
            raise AssertionError(f"anchor format {value['format']} is unknown")
        expected = {name: value[name] for name in ("connector", "lane", "id", "part")}
        assert record.key == expected, f"{record.place}: key {record.key} is not {expected}"
        if connector is not None:
            assert value["connector"] == connector, f"{record.place}: of connector {value['connector']}"
        parts.setdefault(value["id"], []).append((record.offset, value))
        if len(parts[value["id"]]) < value["parts"]:
            continue
        joined = _join(parts.pop(value["id"]))
        assert joined["id"] not in seen, f"{record.place}: anchor {joined['id']} stands twice"
        seen.add(joined["id"])
        schema = topics.decoder.schema(schema_id(record.value_bytes))
        computed = anchor_id(joined, schema)
        assert computed == joined["id"], f"{record.place}: content hashes to {computed}, id says {joined['id']}"
        anchors.append(Anchor(joined["lane"], joined["id"], joined, record.offset))
    assert not parts, f"anchors with missing parts: {sorted(parts)}"
    _merge(anchors)
    return anchors


def _join(parts: list[tuple[int, dict]]) -> dict:
    ordered = sorted((value for _, value in parts), key=lambda value: value["part"])
    assert [value["part"] for value in ordered] == list(range(ordered[0]["parts"])), "parts of an anchor"
    whole = dict(ordered[0])
    whole["collections"] = [entry for value in ordered for entry in value["collections"]]
    return whole


def _merge(anchors: list[Anchor]) -> None:
    """Gives each anchor its whole state: its own list, over that of its base."""
    by_id: dict[str, Anchor] = {}
    for anchor in anchors:
        listed = anchor.record["collections"]
        if anchor.record["full"]:
            assert anchor.record["base"] is None, f"{anchor.id}: full, but has a base"
            anchor.collections = {entry["namespace"]: copy.deepcopy(entry) for entry in listed}
        else:
            base = by_id.get(anchor.record["base"])
            assert base is not None, f"{anchor.id}: its base {anchor.record['base']} does not stand before it"
            assert base.record["full"] and base.lane == anchor.lane, f"{anchor.id}: base is not full, or of another lane"
            anchor.collections = copy.deepcopy(base.collections)
            for entry in listed:
                anchor.collections[entry["namespace"]] = _over(anchor.collections.get(entry["namespace"]), entry)
        assert len(listed) == len({entry["namespace"] for entry in listed}), f"{anchor.id}: a collection twice"
        by_id[anchor.id] = anchor


def _over(base: dict | None, entry: dict) -> dict:
    merged = copy.deepcopy(entry)
    if base is not None and base["export"] == entry["export"]:
        partitions = {part["partition"]: part for part in copy.deepcopy(base["partitions"])}
        partitions.update({part["partition"]: part for part in merged["partitions"]})
        merged["partitions"] = [partitions[number] for number in sorted(partitions)]
    return merged


def lanes(anchors: list[Anchor]) -> dict[tuple[str, int], list[Anchor]]:
    """Anchors by layout and lane, in order."""
    result: dict[tuple[str, int], list[Anchor]] = {}
    for anchor in anchors:
        result.setdefault((anchor.record["layout"], anchor.lane), []).append(anchor)
    return result


def check_chain(anchors: list[Anchor], interval_ms: int) -> None:
    """Holds each lane's chain against the rules. Raises at the first that is broken."""
    seconds = interval_ms // 1000
    assert anchors, "no anchors"
    for (layout, lane), chain in lanes(anchors).items():
        name = f"lane {lane} of layout {layout[:8]}"
        previous: Anchor | None = None
        for anchor in chain:
            _check_own(anchor, seconds)
            if previous is None:
                # A layout that follows another one may name that one's last anchor.
                known = {other.id for other in anchors if other.offset < anchor.offset}
                parent = anchor.record["parent"]
                assert parent is None or parent in known, f"{name}: the first anchor has parent {parent}"
                assert anchor.record["full"], f"{name}: the first anchor is not full"
            elif (between := _between(anchors, previous, anchor)) is not None:
                # The patterns were changed and changed back: the chain goes on over the anchors of that time.
                assert anchor.record["parent"] == between.id, f"{name}: {anchor.id} passes {between.id} over"
                assert anchor.record["full"], f"{name}: the first anchor after another layout is not full"
            else:
                assert anchor.record["parent"] == previous.id, (
                    f"{name}: {anchor.id} has parent {anchor.record['parent']}, {previous.id} stands before it"
                )
                if anchor.record["kind"] not in ("gap", "rollback"):
                    due = (previous.cut[0] + seconds, 0)
                    assert anchor.covers_from == due, (
                        f"{name}: {anchor.id} covers from {anchor.covers_from}, but the tick after "
                        f"{previous.id} is {due}: a tick is missing or stands twice"
                    )
                _check_offsets(previous, anchor)
            previous = anchor


def _between(anchors: list[Anchor], previous: Anchor, anchor: Anchor) -> Anchor | None:
    """The lane's last anchor of another layout between two of one layout."""
    others = [one for one in anchors if one.lane == anchor.lane and previous.offset < one.offset < anchor.offset]
    return others[-1] if others else None


def _check_own(anchor: Anchor, seconds: int) -> None:
    record = anchor.record
    if record["kind"] not in ("gap", "rollback"):
        for time in (anchor.cut, anchor.covers_from):
            assert time[1] == 0 and time[0] % seconds == 0, f"{anchor.id}: {time} is not a tick"
    assert anchor.covers_from <= anchor.cut, f"{anchor.id}: covers nothing"
    assert record["exact"] == (not record["inexact"]), f"{anchor.id}: exact={record['exact']}, {record['inexact']}"
    states = anchor.collections.values()
    assert record["exact"] == all(entry["exact"] for entry in states), f"{anchor.id}: `exact` is no conjunction"
    complete = all(entry["export_complete"] for entry in states)
    assert not record["complete"] or complete, f"{anchor.id}: complete, but a collection is not"
    assert 0 <= record["lane"] < record["lanes"], f"{anchor.id}: lane {record['lane']} of {record['lanes']}"


def _check_offsets(previous: Anchor, anchor: Anchor) -> None:
    for namespace, entry in anchor.collections.items():
        before = previous.collections.get(namespace)
        same = before is not None and before["export"] == entry["export"]
        ended = {part["partition"]: part for part in before["partitions"]} if same else {}
        listed = {item["namespace"]: item for item in anchor.record["collections"]}.get(namespace, {"partitions": []})
        for part in entry["partitions"]:
            where = f"{anchor.id}: {namespace}[{part['partition']}]"
            assert part["first"] <= part["begin"] <= part["end"], f"{where}: {part}"
            assert part["records"] <= part["end"] - part["first"], f"{where}: more records than offsets"
            old = ended.get(part["partition"])
            if old is not None:
                assert part["first"] == old["first"], f"{where}: first moved from {old['first']} to {part['first']}"
                assert part["end"] >= old["end"], f"{where}: end fell from {old['end']} to {part['end']}"
                if any(item["partition"] == part["partition"] for item in listed["partitions"]):
                    assert part["begin"] == old["end"], f"{where}: begin {part['begin']}, parent ended at {old['end']}"
        for old in ended:
            assert any(part["partition"] == old for part in entry["partitions"]), f"{anchor.id}: {namespace}[{old}] gone"


@dataclass
class Cut:
    """A connector's cut: one anchor of each lane."""

    time: Time
    anchors: list[Anchor]

    @property
    def whole(self) -> bool:
        return all(anchor.whole for anchor in self.anchors)

    @property
    def collections(self) -> dict[str, dict]:
        return {name: entry for anchor in self.anchors for name, entry in anchor.collections.items()}


def cuts(anchors: list[Anchor]) -> list[Cut]:
    """Every tick at which an anchor of each lane of one layout stands, with these anchors; by time."""
    result: dict[Time, Cut] = {}
    for layout in {anchor.record["layout"] for anchor in anchors}:
        chains = {lane: chain for (name, lane), chain in lanes(anchors).items() if name == layout}
        count = next(iter(chains.values()))[0].record["lanes"]
        if set(chains) != set(range(count)):
            continue
        for time in sorted({anchor.cut for chain in chains.values() for anchor in chain}):
            holders = [next((a for a in chains[lane] if a.covers(time)), None) for lane in range(count)]
            if all(holders):
                result[time] = Cut(time, holders)
    return [result[time] for time in sorted(result)]
