"""An independent look at what `moorline demo` left: every anchor of both connectors against the records and the source.

`cargo xtask quickstart` calls this with the demo's folder and the servers' addresses in the environment.

Invariants: the comparison is made by `oracle`, which shares no code with the product; whatever does not hold ends with 1.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from oracle import law
from oracle.stack import Stack

FILES = ("moorline.properties", "second.properties")


def settings(file: Path) -> dict[str, str]:
    lines = (line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {key: value for key, value in lines}


def look(stack: Stack, file: Path) -> str:
    """Checks one connector; gives what was compared."""
    config, began = settings(file), time.monotonic()
    report = law.check(
        stack.topics, stack.source, config["topic.prefix"], int(config["anchor.interval.ms"]),
        folds=1, connector=config["name"], counted=8,
    )
    assert report.folds > 0, f"{config['name']}: no exact and complete anchor to check"
    return (
        f"{config['name']}: {report.records:,} records in {report.anchors} anchors, {report.cuts} exact and complete; "
        f"fold = source at the last one: {report.documents:,} documents compared, {report.held_out} held out "
        f"({time.monotonic() - began:.1f} s)"
    )


def main(folder: Path) -> int:
    print("look  an independent client folds the topics by key and reads the source at the same cluster time")
    stack = Stack.from_environment()
    try:
        for file in FILES:
            print(f"     {look(stack, folder / file)}", flush=True)
    except AssertionError as error:
        print(f"\nFAILED  {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
