"""The truth: a collection as it was at a cluster time.

Invariants: every read names its time, `readConcern {level: snapshot, atClusterTime}`; an answer counts only
if the collection's UUID was the same before and after; documents are decoded from the bytes the server sent.
The server answers only while the time is inside its history window (300 s unless the stack sets it longer).
"""

from __future__ import annotations

import time
from typing import Iterator

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient

from . import raw_bson

_RAW = CodecOptions(document_class=RawBSONDocument)
_BATCH = 5000


def predecessor(before: tuple[int, int]) -> Timestamp:
    """The largest cluster time below `before`: pred((t, 0)) is (t - 1, 2^32 - 1)."""
    seconds, increment = before
    if increment > 0:
        return Timestamp(seconds, increment - 1)
    return Timestamp(seconds - 1, 2**32 - 1)


def packed(moment) -> int:
    """A cluster time as one number, t << 32 | i."""
    if isinstance(moment, Timestamp):
        return moment.time << 32 | moment.inc
    return moment[0] << 32 | moment[1]


class Source:
    """Reads of a MongoDB replica set."""

    def __init__(self, uri: str):
        self.client: MongoClient = MongoClient(uri, serverSelectionTimeoutMS=15000)

    def close(self) -> None:
        self.client.close()

    def cluster_time(self) -> tuple[int, int]:
        """The server's newest cluster time."""
        moment = self.client.admin.command("hello")["$clusterTime"]["clusterTime"]
        return moment.time, moment.inc

    def uuid(self, database: str, collection: str) -> bytes | None:
        """The collection's UUID, null if there is none of that name."""
        for info in self.client[database].list_collections(filter={"name": collection}):
            return bytes(info["info"]["uuid"])
        return None

    def documents(self, namespace: str, at: Timestamp) -> Iterator[dict]:
        """Every document of `db.coll` at a cluster time, in natural order."""
        database, collection = namespace.split(".", 1)
        before = self.uuid(database, collection)
        self._await(at)
        for raw in self._raw(database, collection, at):
            yield raw_bson.decode(raw)
        if self.uuid(database, collection) != before:
            raise AssertionError(f"{namespace} was dropped or renamed while it was read")

    def _await(self, at: Timestamp, limit: float = 30.0) -> None:
        """Waits until the server's own time is past `at`: it refuses reads in its future."""
        deadline = time.monotonic() + limit
        while self.cluster_time() < (at.time, at.inc):
            if time.monotonic() > deadline:
                raise AssertionError(f"the server's cluster time did not pass {at} in {limit} s")
            time.sleep(0.1)

    def _raw(self, database: str, collection: str, at: Timestamp) -> Iterator[bytes]:
        find = {"find": collection, "batchSize": _BATCH, "readConcern": {"level": "snapshot", "atClusterTime": at}}
        base = self.client[database]
        with self.client.start_session(causal_consistency=False) as session:
            reply = base.command(find, session=session, codec_options=_RAW)
            batch = reply["cursor"]["firstBatch"]
            while True:
                for document in batch:
                    yield bytes(document.raw)
                cursor = reply["cursor"]["id"]
                if not cursor:
                    return
                more = {"getMore": cursor, "collection": collection, "batchSize": _BATCH}
                reply = base.command(more, session=session, codec_options=_RAW)
                batch = reply["cursor"]["nextBatch"]
