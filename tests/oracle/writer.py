"""Writers: seeded random histories against live collections, in threads, at a rate, until they are stopped.

Every write is journaled and acknowledged by a majority. What the server refuses (a duplicate id, a write conflict,
an update that does not fit a document) is counted and passed over: the history is what the server accepted.

Invariants: a stopped writer has no write under way; `counts` say what was accepted; a writer that failed for
another reason raises when it is stopped, so a test cannot pass with a dead writer.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, DuplicateKeyError, OperationFailure, WriteError
from pymongo.write_concern import WriteConcern

from . import values

DURABLE = WriteConcern(w="majority", j=True)


def load(uri: str, namespace: str, count: int, kind: str = "objectid", seed: int = 1, make=values.document) -> int:
    """Inserts `count` generated documents; gives how many the server took (pools of ids may hold equal ones)."""
    rng = random.Random(seed)
    database, name = namespace.split(".", 1)
    taken = 0
    with MongoClient(uri) as client:
        collection = client[database].get_collection(name, write_concern=DURABLE)
        while taken < count:
            size = min(2000, count - taken)
            batch = [{"_id": values.pool(rng, kind, 1)[0], **make(rng)} for _ in range(size)]
            try:
                taken += len(collection.insert_many(batch, ordered=False).inserted_ids)
            except OperationFailure as error:
                written = (error.details or {}).get("nInserted", 0)
                taken += written
                if written == 0:
                    break
    return taken


class Steady:
    """`with Steady(write)`: calls `write(turn)` every 20 ms; what it raised is raised at the end."""

    def __init__(self, write):
        self._write = write
        self._halt = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        turn = 0
        try:
            while not self._halt.wait(0.02):
                self._write(turn)
                turn += 1
        except BaseException as error:  # noqa: BLE001  raised again in the test's own thread
            self._error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._halt.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "a write hangs"
        if kind is None and self._error is not None:
            raise self._error


class Writer(threading.Thread):
    """One thread that writes a random history over some collections."""

    def __init__(self, uri: str, kinds: dict[str, str], seed: int, rate: float = 200.0, pool: int = 200):
        super().__init__(name=f"writer-{seed}", daemon=True)
        self.rng = random.Random(seed)
        self.uri = uri
        self.rate = rate
        self.pools = {name: values.pool(random.Random(7), kind, pool) for name, kind in kinds.items()}
        self.counts: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._halt = threading.Event()

    def run(self) -> None:
        try:
            with MongoClient(self.uri, retryWrites=True) as client:
                self._write(client)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that stops this one
            self.error = error

    def stop(self) -> Counter:
        """Ends the history; raises what ended it early."""
        self._halt.set()
        self.join(30)
        if self.is_alive():
            raise TimeoutError(f"{self.name} does not stop")
        if self.error is not None:
            raise self.error
        return self.counts

    @property
    def total(self) -> int:
        return sum(count for what, count in self.counts.items() if what != "refused")

    def _write(self, client: MongoClient) -> None:
        due = time.monotonic()
        while not self._halt.is_set():
            what = self.rng.choices(
                ["insert", "update", "replace", "delete", "transaction", "one_key"], [30, 35, 12, 12, 6, 5]
            )[0]
            try:
                getattr(self, f"do_{what}")(client)
                self.counts[what] += 1
            except (DuplicateKeyError, WriteError, OperationFailure):
                self.counts["refused"] += 1
            except ConnectionFailure:
                # An election or a killed node: the driver has retried once, the history goes on behind it.
                self.counts["refused"] += 1
                time.sleep(0.2)
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            self._halt.wait(max(0.0, due - time.monotonic()))

    def _pick(self, client: MongoClient, session=None):
        """A collection and an id; a fifth of all writes meet five hot keys."""
        name = self.rng.choice(list(self.pools))
        ids = self.pools[name]
        chosen = ids[self.rng.randrange(5)] if self.rng.random() < 0.2 else self.rng.choice(ids)
        database, collection = name.split(".", 1)
        # A transaction has the write concern; operations in it must not name one.
        concern = WriteConcern() if session else DURABLE
        return client[database].get_collection(collection, write_concern=concern), chosen

    def do_insert(self, client, session=None) -> None:
        collection, chosen = self._pick(client, session)
        collection.insert_one({"_id": chosen, **values.document(self.rng)}, session=session)

    def _change(self) -> dict:
        rng = self.rng
        fresh = values.document(rng)
        scalars = {name: fresh[name] for name in ("s", "b", "d", "dec", "mixed", "first-name") if name in fresh}
        return rng.choice(
            [
                {"$set": scalars or {"s": "set"}},
                {"$set": {"sub.a": rng.randrange(99), "sub.deep.f": 1.25}},
                {"$unset": {rng.choice(["s", "b", "list", "sub", "mixed", "u"]): 1}},
                {"$inc": {"x": 0.5}},
                {"$push": {"list": rng.randrange(1000)}},
                {"$push": {"items": {"k": "pushed", "q": rng.randrange(9)}}},
                {"$rename": {"s": "t"}},
                [{"$set": {"t": {"$concat": [{"$ifNull": ["$t", ""]}, "."]}}}],
            ]
        )

    def do_update(self, client, session=None) -> None:
        collection, chosen = self._pick(client, session)
        if self.rng.random() < 0.05 and session is None:
            collection.update_many({"b": self.rng.random() < 0.5}, {"$set": {"t": values.text(self.rng)}})
        else:
            collection.update_one({"_id": chosen}, self._change(), session=session)

    def do_replace(self, client, session=None) -> None:
        collection, chosen = self._pick(client, session)
        fresh = values.document(self.rng)
        if isinstance(chosen, int) and not isinstance(chosen, bool) and self.rng.random() < 0.5:
            # One document to the server: `_id: 1` and `_id: 1.0`.
            self.counts["number_swaps"] += 1
            collection.replace_one({"_id": chosen}, {"_id": float(chosen), **fresh}, session=session)
        else:
            collection.replace_one({"_id": chosen}, fresh, upsert=self.rng.random() < 0.3, session=session)

    def do_delete(self, client, session=None) -> None:
        collection, chosen = self._pick(client, session)
        collection.delete_one({"_id": chosen}, session=session)

    def do_transaction(self, client) -> None:
        """Several writes over several collections, at one cluster time."""
        with client.start_session() as session, session.start_transaction(write_concern=DURABLE):
            for _ in range(self.rng.randrange(2, 8)):
                # Inside a transaction a refused insert aborts the whole: updates and replaces go on.
                self.rng.choice([self._plain_update, self.do_delete, self._upsert])(client, session)

    def _plain_update(self, client, session) -> None:
        collection, chosen = self._pick(client, session)
        collection.update_one({"_id": chosen}, {"$set": {"t": "tx", "n": 5}}, session=session)

    def _upsert(self, client, session) -> None:
        collection, chosen = self._pick(client, session)
        fresh = values.document(self.rng)
        collection.replace_one({"_id": chosen}, fresh, upsert=True, session=session)

    def do_one_key(self, client) -> None:
        """Insert, update, delete, insert, update of one key in one transaction (I-IMG-3)."""
        collection, chosen = self._pick(client)
        one_key(client, collection, chosen, self.rng)


def one_key(client, collection, chosen, rng: random.Random) -> None:
    """Delete what stands there, then insert, update, delete, insert, update, all at one cluster time."""
    plain = collection.with_options(write_concern=WriteConcern())
    with client.start_session() as session, session.start_transaction(write_concern=DURABLE):
        plain.delete_one({"_id": chosen}, session=session)
        plain.insert_one({"_id": chosen, **values.document(rng)}, session=session)
        plain.update_one({"_id": chosen}, {"$set": {"t": "first"}}, session=session)
        plain.delete_one({"_id": chosen}, session=session)
        plain.insert_one({"_id": chosen, **values.document(rng)}, session=session)
        plain.update_one({"_id": chosen}, {"$set": {"t": "second"}}, session=session)
