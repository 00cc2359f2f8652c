"""Exports: made by `moorline replay` of a connector's topics, and looked at as files.

Invariant: `_run.json` alone may differ between two exports of one anchor.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .writer import Writer, load


def loaded(stack, name: str, connector, **settings):
    """A connector that has the snapshots of two collections, `.a` and `.b`; and the kinds of their ids, for a writer."""
    kinds = {f"{name}.a": "number", f"{name}.b": "string"}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 300, kind)
    one = connector(",".join(kinds), **settings)
    one.until("snapshot")
    return one, kinds


def history(stack, name: str, connector, changes: int = 100, killed: bool = False, **settings):
    """A connector that wrote a random history of two collections, `.a` and `.b`, and has ended; if asked, killed in it."""
    one, kinds = loaded(stack, name, connector, **settings)
    writer = Writer(stack.mongodb_uri, kinds, 5, rate=300)
    writer.start()
    run = one.start()
    before = len(one.anchors())
    one.wait_for_anchor(lambda anchor: len(one.anchors()) > before + 2, run)
    one.kill(run) if killed else run.terminate()
    assert sum(writer.stop().values()) > changes
    one.finish()
    return one


def newest(one) -> str:
    """Id of the newest anchor that holds two collections whole."""
    return next(a.id for a in reversed(one.anchors()) if a.whole and len(a.collections) == 2)


def replay(one, out, *flags: str, at: str = "latest", code: int = 0, file_format: str = "jsonl", limit=90, **variables):
    return one.call("replay", "-c", str(one.file), "--at", at, "--out", str(out), "--format", file_format, *flags,
                    limit=limit, code=code, **variables)


def manifest(out: Path) -> dict:
    return json.loads((out / "_manifest.json").read_text())


def files(out: Path) -> dict[str, str]:
    """SHA-256 of every file but the one that tells of the run."""
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "_run.json"]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
