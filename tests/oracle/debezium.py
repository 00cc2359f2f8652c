"""The real Debezium connector on a real Connect worker, capturing what Moorline captures.

One worker in standalone mode, a process of the test's own; JSON with schemas, so that what Debezium says can be read
beside what it calls it. Invariants: each wait has a limit and shows the end of the worker's log; the process is gone
after `close`.
"""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

from .connector import wait_for
from .others import Programs
from .stack import Stack


class Debezium:
    """A worker with connectors, each of whose topics begin with a prefix of its own.

    `captured` gives by prefix which collections a connector takes, and its settings (`__` for a dot).
    """

    def __init__(self, stack: Stack, programs: Programs, folder: Path, captured: dict[str, tuple[list[str], dict]]):
        self.stack = stack
        self.log = folder / "connect.log"
        self.connectors = {prefix: self._connector(prefix, *what) for prefix, what in captured.items()}
        worker = {
            "bootstrap.servers": stack.bootstrap,
            "listeners": f"http://127.0.0.1:{_free_port()}",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "offset.storage.file.filename": str(folder / "connect.offsets"),
            "offset.flush.interval.ms": "60000",
            "plugin.discovery": "hybrid_warn",
        }
        files = []
        for name, pairs in {"worker": worker, **self.connectors}.items():
            files.append(folder / f"{name}.properties")
            files[-1].write_text("".join(f"{key}={value}\n" for key, value in pairs.items()))
        log4j = Path(__file__).resolve().parents[2] / "deploy" / "stack" / "log4j2.properties"
        command = [
            "java", "-Xmx400m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
            f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{programs.jars}/*",
            "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, files),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)

    def _connector(self, prefix: str, collections: list[str], settings: dict) -> dict[str, str]:
        return {
            "name": prefix,
            "connector.class": "io.debezium.connector.mongodb.MongoDbConnector",
            "mongodb.connection.string": self.stack.mongodb_uri,
            "topic.prefix": prefix,
            "collection.include.list": ",".join(collections),
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
            # Soon, since a test waits for it; nothing of the records depends on these.
            "poll.interval.ms": "20",
            "cursor.max.await.time.ms": "100",
            **{key.replace("__", "."): str(value) for key, value in settings.items()},
        }

    def records(self, topic: str) -> list:
        """What stands in a topic by now, in order; values are JSON with schemas."""
        if topic not in self.stack.topics.names(topic):
            return []
        return sorted(self.stack.topics.read(topic), key=lambda record: (record.partition, record.offset))

    def wait_for_records(self, topic: str, count: int, limit: float = 90) -> list:
        """Waits until a topic holds at least `count` records."""

        def enough():
            assert self.process.poll() is None, f"the worker ended\n{self.story()}"
            found = self.records(topic)
            return found if len(found) >= count else None

        try:
            return wait_for(f"{count} records of Debezium in {topic}", enough, limit, pause=0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}; {len(self.records(topic))} are there\n{self.story()}") from None

    def story(self) -> str:
        """The end of the worker's log, its errors first."""
        lines = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if "ERROR" in line or "Exception" in line][:20]
        return "\n".join([*errors, "...", *lines[-25:]])

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def payload(data: bytes | None):
    """What a record of the JSON converter holds, without the schema beside it."""
    return None if data is None else json.loads(data)["payload"]


def schema(data: bytes) -> dict:
    """The Connect schema beside it."""
    return json.loads(data)["schema"]
