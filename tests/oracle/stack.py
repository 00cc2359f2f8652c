"""Where the servers are, names of a test's own, and cleaning up behind it.

Environment: `MONGODB_URI`, `KAFKA_BOOTSTRAP`, `SCHEMA_REGISTRY_URL`, `MOORLINE_BIN`; `cargo xtask test` sets them.

Invariant: tests share one stack, so nothing a test makes has a name that another could have.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass

from pymongo import MongoClient

from .source import Source
from .topics import Topics


class NoServers(RuntimeError):
    """The environment does not say where the servers are."""


def variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise NoServers(f"{name} is not set; run `cargo xtask test --only scenarios`, or start a stack and export it")
    return value


@dataclass
class Stack:
    """The shared servers."""

    mongodb_uri: str
    bootstrap: str
    registry_url: str
    topics: Topics
    source: Source

    @classmethod
    def from_environment(cls) -> "Stack":
        uri, bootstrap, registry = map(variable, ("MONGODB_URI", "KAFKA_BOOTSTRAP", "SCHEMA_REGISTRY_URL"))
        return cls(uri, bootstrap, registry, Topics(bootstrap, registry), Source(uri))

    @property
    def client(self) -> MongoClient:
        return self.source.client

    def clean(self, name: str) -> None:
        """Removes what a test made: databases and topics whose names begin with its own, and subjects."""
        for database in self.client.list_database_names():
            if database.startswith(name):
                self.client.drop_database(database)
        topics = [topic for topic in self.topics.names() if topic.startswith(name)]
        if topics:
            for future in self.topics.admin.delete_topics(topics, operation_timeout=20).values():
                future.exception(20)


def own_name(test: str) -> str:
    """A name for one test: legal as a database, topic, group and Avro namespace."""
    short = re.sub(r"[^a-z0-9]+", "", test.lower().removeprefix("test_"))[:18]
    return f"{short}{secrets.token_hex(3)}"
