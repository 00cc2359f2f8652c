"""The source's own change stream, captured by pymongo beside the product, event by event.

What the product must have emitted is known from here: each insert, replace and delete once, with its op and cluster
time; each update once, or folded into a later record of its key.

Invariant: the stream is open before `start` returns, and `stop` returns only when it has passed the server's time.
"""

from __future__ import annotations

import threading

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from . import fold, keys, raw_bson
from .source import packed

_OPS = {"insert": "c", "replace": "u", "update": "u", "delete": "d"}


class Capture:
    """Events of one database, from now on."""

    def __init__(self, uri: str, database: str, before: bool = False):
        self.client = MongoClient(uri, document_class=RawBSONDocument)
        self.events: list[dict] = []
        options = {"full_document_before_change": "whenAvailable"} if before else {}
        self.stream = self.client[database].watch(max_await_time_ms=100, **options)
        self._until: tuple[int, int] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                until = self._until
                event = self.stream.try_next()
                if event is not None:
                    self.events.append(raw_bson.decode(event.raw))
                elif until is not None:
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the capture is stopped
            self._error = error

    def stop(self, source) -> list[dict]:
        """All events up to the server's present time."""
        self._until = source.cluster_time()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the capture does not end"
        self.stream.close()
        self.client.close()
        if self._error is not None:
            raise self._error
        return [event for event in self.events if event["operationType"] in _OPS]

    @staticmethod
    def compare(events: list[dict], namespace: str, records, topics, after: int = 0) -> list[str]:
        """What the topic lacks or has too much of, against the events of one collection later than `after`."""
        problems = []
        emitted: dict[tuple, int] = {}
        newest: dict[str, int] = {}
        for record in records:
            name = str(keys.seen(record.key))
            op, moment = fold.operation(record), fold.stamp(record).cluster_time
            if op != "r":
                emitted[(name, op, moment)] = emitted.get((name, op, moment), 0) + 1
            newest[name] = max(newest.get(name, 0), moment)
        if not records:
            return ["no records"]
        key_schema = topics.decoder.schema(records[0].key_schema_id)
        wanted: dict[tuple, int] = {}
        for event in events:
            if f"{event['ns']['db']}.{event['ns']['coll']}" != namespace or packed(event["clusterTime"]) <= after:
                continue
            name = str(keys.expected(event["documentKey"]["_id"], key_schema))
            what = (name, _OPS[event["operationType"]], packed(event["clusterTime"]))
            if event["operationType"] == "update":
                if newest.get(name, 0) < what[2]:
                    problems.append(f"update {what} is neither emitted nor folded into a later record")
            else:
                wanted[what] = wanted.get(what, 0) + 1
        for what, count in wanted.items():
            if emitted.get(what, 0) < count:
                problems.append(f"{what}: {count} in the stream, {emitted.get(what, 0)} in the topic")
        known = set(wanted) | {
            (str(keys.expected(e["documentKey"]["_id"], key_schema)), "u", packed(e["clusterTime"]))
            for e in events
            if f"{e['ns']['db']}.{e['ns']['coll']}" == namespace
        }
        problems += [f"{what}: in the topic, never in the stream" for what in emitted if what not in known and what[2] > after]
        return problems
