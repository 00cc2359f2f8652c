"""Where the servers are, names of a test's own, and cleaning up behind it.

Environment: `MONGODB_URI`, `KAFKA_BOOTSTRAP`, `SCHEMA_REGISTRY_URL`, `MOORLINE_BIN`; `cargo xtask test` sets them.

Invariant: tests share one stack, so nothing a test makes has a name that another could have.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo import MongoClient
from pymongo.errors import AutoReconnect

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


@contextmanager
def slow_finds(client: MongoClient, namespace: str, delay_ms: int):
    """While it holds, each `find` of one collection waits before it begins. One at a time on a server."""
    point = {"failCommands": ["find"], "namespace": namespace, "blockConnection": True, "blockTimeMS": delay_ms}
    client.admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=point)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")


class OwnStack:
    """A stack of a test's own, whose servers may be killed: started and disturbed by `xtask stack`."""

    def __init__(self, nodes: int, *options: str):
        """`options` are those of `xtask stack up`, such as `--set kafka.X=V`."""
        self.xtask = variable("MOORLINE_XTASK")
        self.name = f"faults-{secrets.token_hex(3)}"
        text = self._call("up", "--nodes", str(nodes), "--format", "env", *options)
        self.variables = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        bootstrap, registry = self.variables["KAFKA_BOOTSTRAP"], self.variables["SCHEMA_REGISTRY_URL"]
        uri = self.variables["MONGODB_URI"]
        self.stack = Stack(uri, bootstrap, registry, Topics(bootstrap, registry), Source(uri))

    def _call(self, verb: str, *arguments: str) -> str:
        command = [self.xtask, "stack", verb, "--name", self.name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240).stdout

    def signal(self, server: str, name: str) -> None:
        """`KILL`, `STOP` or `CONT` to `mongo0`, `kafka` or `registry`."""
        self._call("signal", "--server", server, "--signal", name)

    def restart(self, server: str) -> None:
        self._call("restart", "--server", server)

    def primary(self) -> str | None:
        """The role of the node that takes writes now; `None` while there is none, or the one asked has just gone."""
        try:
            _, port = self.stack.client.admin.command("hello")["primary"].rsplit(":", 1)
        except (AutoReconnect, KeyError):
            return None
        roles = {self.variables[name]: name for name in self.variables if name.startswith("MONGO") and name.endswith("_PORT")}
        return roles[port].removesuffix("_PORT").lower()

    def down(self) -> None:
        self.stack.source.close()
        self._call("down")
