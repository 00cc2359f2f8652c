"""Programs that others wrote, run as processes: what they make of our records, in forms that can be compared.

They lie in places of their own (`xtask stack fetch --with-peers`), fetched when the first test asks.

Invariant: a type stays what the program gave: a whole double is no integer, bytes are no text; what a program cannot
tell apart is said where it is compared.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .stack import variable

_HERE = Path(__file__).resolve().parent.parent / "peers"


@dataclass
class Programs:
    """Where the programs are."""

    jars: Path
    bin: Path

    @classmethod
    def fetched(cls) -> "Programs":
        names = ("MOORLINE_PEERS_JARS", "MOORLINE_PEERS_BIN")
        found = {name: os.environ.get(name) for name in names}
        if not all(found.values()):
            command = [variable("MOORLINE_XTASK"), "stack", "fetch", "--with-peers"]
            text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
            found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return cls(*(Path(found[name]) for name in names))

    def call(self, *command: str, limit: float = 120) -> str:
        """Runs a program of the peers' Python environment to its end; its output is in the failure."""
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit)
        assert done.returncode == 0, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-6000:]}"
        return done.stdout

    def java(self, stack, mode: str, folder: Path, topics: list[str]) -> list[dict]:
        """All records of topics, as a Java consumer (`serde`) or a Connect sink (`connect`) is given them."""
        output = folder / f"java-{mode}.json"
        registry = stack.registry_url.replace("/apis/ccompat/v7", "/apis/registry/v2")
        self.call(
            "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData",
            "-cp", f"{self.jars}/*", str(_HERE / "Decode.java"), stack.bootstrap, registry, mode, str(output), *topics,
        )
        return [json.loads(line, object_hook=_bytes) for line in output.read_text().splitlines()]

    def clickhouse(self, stack, frames: list[bytes], folder: Path) -> tuple[dict[str, str], list[dict]]:
        """The columns (name to type) that ClickHouse infers for records of one topic, and its rows, in order."""
        source, output = folder / "frames.bin", folder / "clickhouse.json"
        source.write_bytes(b"".join(frames))
        self.call(str(self.bin / "python"), str(_HERE / "clickhouse.py"), stack.registry_url, str(source), str(output))
        # Bytes that are no UTF-8 come through as surrogates, and go back the same way.
        head, _, rows = output.read_bytes().decode("utf-8", "surrogateescape").partition("\n\n")
        columns = {column["name"]: column["type"] for column in map(json.loads, head.splitlines())}
        return columns, [json.loads(line, parse_int=_whole) for line in rows.split("\n") if line]


def _bytes(value: dict):
    return base64.b64decode(value["$bytes"]) if list(value) == ["$bytes"] else value


def _whole(text: str):
    """`-0` is how ClickHouse prints the double."""
    return -0.0 if text == "-0" else int(text)


def as_clickhouse(seen, wanted):
    """Brings a value of ClickHouse's JSON to the type that is wanted, where its text form has lost only that.

    Whole doubles are printed without a point, NaN and the infinities as words, bytes as text; an array or a map cannot
    be null in ClickHouse, so null and empty are one.
    """
    if isinstance(wanted, float):
        if isinstance(seen, str):
            return float(seen)
        return float(seen) if isinstance(seen, int) and not isinstance(seen, bool) else seen
    if isinstance(wanted, bytes) and isinstance(seen, str):
        return seen.encode("utf-8", "surrogateescape")
    if isinstance(wanted, list) and isinstance(seen, list) and len(seen) == len(wanted):
        return [as_clickhouse(s, w) for s, w in zip(seen, wanted)]
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return {name: as_clickhouse(value, wanted.get(name)) for name, value in seen.items()}
    if wanted is None and seen in ([], {}):
        return None
    return seen
