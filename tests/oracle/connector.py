"""The binary as a process: started with a properties file of its own, watched, killed, started again.

Invariants: every wait has a limit and says what it waited for; `kill` is SIGKILL to the very process that was started
and nothing else; a kill counts as a fault only if the process was alive (`kill` says so); whatever was started is
gone after `close`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable

from . import anchors as anchors_module
from .stack import Stack, variable


class Took(AssertionError):
    """A wait took longer than its limit."""


def wait_for(what: str, condition: Callable[[], object], limit: float = 60.0, pause: float = 0.1):
    """Polls until `condition` gives something true, and gives that."""
    deadline = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Took(f"waited {limit} s for {what}")
        time.sleep(pause)


class Run:
    """One process of `moorline run` (or another verb)."""

    def __init__(self, arguments: list[str], folder: Path, number: int, variables: dict[str, str] | None = None):
        self.arguments = arguments
        self.stdout_path = folder / f"run{number}.out"
        self.stderr_path = folder / f"run{number}.err"
        with self.stdout_path.open("wb") as out, self.stderr_path.open("wb") as err:
            self.process = subprocess.Popen(
                arguments,
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**environment(), **(variables or {})},
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def stdout(self) -> str:
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def kill(self) -> bool:
        """SIGKILL. Gives whether there was a live process to kill: if not, no fault fired."""
        was_alive = self.alive
        self.process.kill()
        self.process.wait(30)
        return was_alive and self.process.returncode == -signal.SIGKILL

    def terminate(self, limit: float = 30.0) -> int:
        """SIGTERM, and the exit code of what should be a clean stop."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(limit)

    def wait(self, limit: float = 120.0) -> int:
        """The exit code; killed, and a failure, if it does not come in time."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Took(f"{' '.join(self.arguments[1:])} did not end in {limit} s\n{self.stderr[-3000:]}") from None

    def must_live(self) -> bool:
        """For use in waits: fails at once when the process has ended."""
        if not self.alive:
            raise AssertionError(f"the run ended with {self.process.returncode}\n{self.stderr[-3000:]}")
        return True


def environment() -> dict[str, str]:
    """The environment of a run: a log that a failed test can show."""
    return {**os.environ, "NO_COLOR": "1", "RUST_BACKTRACE": "1"}


class Connector:
    """A connector's configuration, and the runs of it."""

    def __init__(self, stack: Stack, name: str, folder: Path, include: str | None, settings: dict[str, object]):
        self.stack = stack
        self.name = name
        self.folder = folder
        self.prefix = name
        self.runs: list[Run] = []
        self.kills = 0
        self.settings: dict[str, str] = {
            "bootstrap.servers": stack.bootstrap,
            "group.id": f"{name}-group",
            "schema.registry.url": stack.registry_url,
            "name": name,
            "connector.class": "moorline.mongodb",
            "mongodb.connection.string": stack.mongodb_uri,
            "topic.prefix": name,
            "contract.path": str(folder / "schemas"),
            "anchor.interval.ms": "1000",
            "topic.creation.default.partitions": "3",
        }
        if include is not None:
            self.settings["collection.include.list"] = include
        for key, value in settings.items():
            self.settings[key] = str(value).lower() if isinstance(value, bool) else str(value)
        self.file = folder / "moorline.properties"
        self.write()

    @property
    def interval_ms(self) -> int:
        return int(self.settings["anchor.interval.ms"])

    @property
    def offsets_topic(self) -> str:
        return f"{self.settings['group.id']}-offsets"

    def write(self, **changes) -> None:
        """Writes the file, with changes (`__` for a dot) from now on."""
        self.settings.update({key.replace("__", "."): str(value) for key, value in changes.items()})
        # A backslash begins an escape in a properties file.
        lines = [f"{key}={value.replace(chr(92), chr(92) * 2)}" for key, value in self.settings.items()]
        self.file.write_text("\n".join(lines) + "\n")

    def start(self, *arguments: str, **variables: str) -> Run:
        """Starts `moorline run -c FILE` with further arguments, and with variables of its own."""
        return self.command("run", "-c", str(self.file), *arguments, **variables)

    def command(self, *arguments: str, **variables: str) -> Run:
        run = Run([variable("MOORLINE_BIN"), *arguments], self.folder, len(self.runs), variables)
        self.runs.append(run)
        return run

    def call(self, *arguments: str, limit: float = 60.0, code: int | None = 0, **variables: str) -> Run:
        """Runs a verb, with variables of its own, to its end and holds its exit code against `code`."""
        run = self.command(*arguments, **variables)
        found = run.wait(limit)
        assert code is None or found == code, (
            f"moorline {' '.join(arguments)}: exit {found}, not {code}\n{run.stdout[-2000:]}\n{run.stderr[-3000:]}"
        )
        return run

    def until(self, what: str = "now", limit: float = 180.0) -> str:
        """`run --until`, which must end with 0; gives the id of the newest anchor, the last line on stdout."""
        run = self.call("run", "-c", str(self.file), "--until", what, limit=limit)
        lines = run.stdout.strip().splitlines()
        assert lines, f"`run --until {what}` printed nothing on stdout\n{run.stderr[-3000:]}"
        return lines[-1].strip()

    def finish(self) -> str:
        """Two clean runs: one that finishes what was begun, one up to an anchor behind all that was written by now."""
        self.until("now")
        return self.until("anchor")

    def kill(self, run: Run) -> None:
        """`kill -9`; counts it only if it met a live process."""
        assert run.kill(), f"the run had ended before it was killed: no fault fired\n{run.stderr[-3000:]}"
        self.kills += 1

    def anchors(self, connector: str | None = None) -> list[anchors_module.Anchor]:
        """All anchors so far; none if the topic is not there yet."""
        if f"{self.prefix}.anchors" not in self.stack.topics.names(self.prefix):
            return []
        topics, topic = self.stack.topics, f"{self.prefix}.anchors"
        records = topics.read(topic, topics.committed(topic))
        return anchors_module.build(records, topics, connector or self.name)

    def topic(self, namespace: str) -> str:
        return f"{self.prefix}.{namespace}"

    def records(self, namespace: str):
        """All records of a collection's topic that are committed by now; none if it is not there yet."""
        topics, topic = self.stack.topics, self.topic(namespace)
        return topics.read(topic, topics.committed(topic)) if topic in topics.names(topic) else []

    def ends(self, namespace: str) -> int:
        """The sum of the topic's committed ends: quick to ask, grows with each commit (markers count too)."""
        topics, topic = self.stack.topics, self.topic(namespace)
        return sum(end for _, end in topics.committed(topic).values()) if topic in topics.names(topic) else 0

    def wait_for_records(self, namespace: str, count: int, run: Run | None = None, limit: float = 60.0):
        """Waits until a collection's topic holds at least `count` committed records."""

        def enough():
            run is None or run.must_live()
            found = self.records(namespace)
            return found if len(found) >= count else None

        return wait_for(f"{count} records of {namespace}", enough, limit)

    def wait_for_anchor(self, condition, run: Run | None = None, limit: float = 60.0):
        """Waits for an anchor that meets a condition, and gives the first such."""

        def found():
            run is None or run.must_live()
            return next((anchor for anchor in self.anchors() if condition(anchor)), None)

        return wait_for("an anchor", found, limit)

    def offsets(self) -> list[tuple[list, dict | None]]:
        """The offsets topic, in order: Kafka Connect's keys (name, partition) and values."""
        if self.offsets_topic not in self.stack.topics.names(self.offsets_topic):
            return []
        topics = self.stack.topics
        stored = topics.read(self.offsets_topic, topics.committed(self.offsets_topic))
        records = sorted(stored, key=lambda record: (record.timestamp, record.offset))
        return [
            (json.loads(record.key_bytes), json.loads(record.value_bytes) if record.value_bytes else None)
            for record in records
        ]

    def progress(self) -> dict[str, dict]:
        """The newest snapshot progress of each collection, as committed."""
        newest: dict[str, dict] = {}
        for key, value in self.offsets():
            if isinstance(key, list) and "progress" in key[1] and value is not None:
                newest[key[1]["progress"]] = value
        return newest

    def close(self) -> None:
        """Ends what still runs."""
        for run in self.runs:
            if run.alive:
                run.kill()

    def story(self) -> str:
        """What the runs printed, for a failed test."""
        return "\n".join(
            f"--- {' '.join(run.arguments[1:])} -> {run.process.returncode}\n{run.stdout[-1500:]}\n{run.stderr[-6000:]}"
            for run in self.runs
        )
