"""The tour of the README: real documents, live writers, `kill -9` in the middle of the snapshot, and an independent check.

`cargo xtask quickstart` starts the servers and calls this with their addresses in the environment. Every command that
is run is printed; every number is measured in this run.

Invariants: the kill was in the middle of the snapshot, seen in the committed rows, or the tour fails; the comparison is
made by `oracle`, which shares no code with the product; whatever does not hold ends the tour with exit code 1.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oracle import fold, law, tour
from oracle.anchors import cuts
from oracle.connector import Connector, Run, wait_for
from oracle.stack import Stack

CHANGES_A_SECOND = 200
STEPS = 6


class Shown(Run):
    """A run whose progress goes to our own stderr, so that it is seen as it is."""

    def __init__(self, arguments: list[str], folder: Path, number: int):
        self.arguments = arguments
        self.stdout_path = folder / f"run{number}.out"
        self.stderr_path = folder / "moorline.properties"
        with self.stdout_path.open("wb") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stdin=subprocess.DEVNULL, cwd=folder)

    @property
    def stderr(self) -> str:
        return "(its messages stand above)"


class Tour:
    """One run of the tour."""

    def __init__(self):
        self.stack = Stack.from_environment()
        self.database = f"tour{secrets.token_hex(3)}"
        self.folder = Path(tempfile.mkdtemp(prefix="moorline-quickstart-"))
        self.connector: Connector | None = None
        self.started = time.monotonic()

    def say(self, step: int, title: str, text: str) -> None:
        print(f"{step}/{STEPS}  {title:<12} {text}", flush=True)

    def more(self, text: str) -> None:
        print(f"     {text}", flush=True)

    def command(self, *arguments: str) -> Shown:
        shown = " ".join(arguments).replace(str(self.connector.file), "moorline.properties")
        self.more(f"$ moorline {shown}")
        run = Shown([os.environ["MOORLINE_BIN"], *arguments], self.folder, len(self.connector.runs))
        self.connector.runs.append(run)
        return run

    def call(self, *arguments: str, limit: float = 240) -> str:
        run = self.command(*arguments)
        code = run.wait(limit)
        assert code == 0, f"moorline {arguments[0]} ended with exit code {code}"
        return run.stdout

    def rows(self, names) -> tuple[int, int]:
        """Committed snapshot rows and changes."""
        rows = changes = 0
        for name in names:
            for record in self.connector.records(f"{self.database}.{name}"):
                if fold.operation(record) == "r":
                    rows += 1
                else:
                    changes += 1
        return rows, changes

    def committed(self, names) -> int:
        """Committed records or markers, by the topics' ends: quick to ask."""
        return sum(self.connector.ends(f"{self.database}.{name}") for name in names)

    def play(self) -> None:
        documents = tour.sets()
        began = time.monotonic()
        total = tour.load(self.stack.mongodb_uri, self.database, documents)
        took = time.monotonic() - began
        counts = ", ".join(f"{name} {len(rows):,}" for name, rows in documents.items())
        self.say(1, "load", f"{total:,} real documents into MongoDB in {took:.1f} s: {counts}")
        assert total > 100_000, f"only {total} documents"

        names = list(documents)
        include = ",".join(f"{self.database}.{name}" for name in names)
        settings = {"incremental.snapshot.chunk.size": "1000", "max.batch.size": "1000", "topic.creation.default.partitions": "3"}
        self.connector = Connector(self.stack, self.database, self.folder, include, settings)
        self.more("moorline.properties:")
        for line in self.connector.file.read_text().splitlines():
            self.more(f"  {line}")
        file = str(self.connector.file)

        writers = [tour.TourWriter(self.stack.mongodb_uri, self.database, documents, n, CHANGES_A_SECOND / 2) for n in (1, 2)]
        for writer in writers:
            writer.start()
        self.say(2, "run", f"with {CHANGES_A_SECOND} changes/s beside it: nothing is locked, nothing is written to the source")
        run = self.command("run", "-c", file)
        wait_for("the snapshot", lambda: run.must_live() and self.committed(names) > total // 8, 180, pause=0.01)
        alive = run.kill()
        rows, changes = self.rows(names)
        self.say(3, "kill -9", f"pid {run.process.pid}: {rows:,} of {total:,} snapshot rows and {changes:,} changes were committed")
        assert alive, "the run had ended before it was killed"
        assert 0 < rows < total, f"the kill was not in the middle of the snapshot: {rows} of {total} rows"
        before = rows

        self.say(4, "again", "it goes on at the next chunk")
        began = time.monotonic()
        self.call("run", "-c", file, "--until", "snapshot")
        took = time.monotonic() - began
        for writer in writers:
            writer.stop()
        written = sum(writer.total for writer in writers)
        self.call("run", "-c", file, "--until", "anchor")
        rows, changes = self.rows(names)
        self.more(f"{rows - before:,} further rows in {took:.1f} s, {rows:,} in all; {changes:,} changes of {written:,} writes")

        self.say(5, "anchors", "each is everything before its cut, in these offsets, with these counts and this digest")
        print(self.call("anchors", "list", "-c", file), flush=True)
        self.call("anchors", "show", "-c", file, "--at", "latest", "--check")
        self.check(rows)

    def check(self, rows: int) -> None:
        self.say(6, "check", "an independent client folds the topics by key and reads the source at the same cluster time")
        began = time.monotonic()
        topics, source, connector = self.stack.topics, self.stack.source, self.connector
        report = law.check(topics, source, connector.prefix, connector.interval_ms, folds=2, connector=connector.name, counted=8)
        whole = [cut for cut in cuts(connector.anchors()) if cut.whole]
        assert report.folds > 0 and whole, "no exact and complete anchor to check"
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(whole[-1].time[0]))
        counts = report.operations
        self.more(f"{report.records:,} records (read_committed), each once: {rows:,} rows, "
                  + ", ".join(f"{counts.get(op, 0):,} {name}" for op, name in (("c", "creates"), ("u", "updates"), ("d", "deletes"))))
        self.more(f"{report.anchors} anchors, {report.cuts} exact and complete; counts, offsets and digests are those of the records")
        self.more(f"fold = source at {len(law.sample(whole, 2))} cuts, the last at {at}: {report.documents:,} documents compared, "
                  f"0 missing, 0 extra, 0 wrong, {report.held_out} held out ({time.monotonic() - began:.1f} s)")

    def close(self) -> None:
        if self.connector is not None:
            self.connector.close()
        if os.environ.get("MOORLINE_KEEP"):
            print(f"kept: {self.folder}/moorline.properties and the topics {self.database}.*")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def main() -> int:
    visit = Tour()
    try:
        visit.play()
    except AssertionError as error:
        print(f"\nFAILED  {error}", file=sys.stderr)
        return 1
    finally:
        visit.close()
    print(f"\neverything held; {time.monotonic() - visit.started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
