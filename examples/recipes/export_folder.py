"""An export as `moorline replay --format parquet --out FOLDER` leaves it: what the recipes need to know of it.

A folder is an export once `_SUCCESS` stands in it; `_manifest.json` says what its files hold. `moorline verify --against files`
holds every byte against it; here only names and sizes are looked at, so that a copy that is not whole is not loaded.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class Refused(Exception):
    """Why an export is not loaded."""


@dataclass
class Export:
    """One collection of an export."""

    namespace: str
    """db.coll at the source."""
    files: list[str]
    """Paths of its Parquet files; none where nothing changed, or the collection is empty."""
    anchor: str
    """The cut that the table stands at once this is loaded: the ids of its anchors."""
    base: str | None
    """The cut that a table must stand at before a difference is loaded; None for a state."""
    time: str
    """The cut's time, ISO 8601."""
    order: int
    """The cut as one number that grows: seconds in the upper 32 bits, the ordinal in the lower."""

    @property
    def table(self) -> str:
        """The collection's name as one word of SQL."""
        return "".join(letter if letter.isalnum() else "_" for letter in self.namespace)


def opened(folder: str, namespace: str) -> Export:
    """Reads the manifest. Refuses what is not finished, of another format, or not the collection's."""
    root = Path(folder)
    if not (root / "_SUCCESS").exists():
        raise Refused(f"{folder} has no _SUCCESS: the export was not finished, or not copied whole")
    manifest = json.loads((root / "_manifest.json").read_text())
    if manifest["format"] != 1 or manifest["file_format"] != "parquet" or manifest["mode"] == "log":
        raise Refused(f"{folder} is no state and no difference in Parquet of a form that is known here")
    found = [each for each in manifest["collections"] if each["namespace"] == namespace]
    if not found:
        raise Refused(f"{folder} holds no {namespace}, but {[each['namespace'] for each in manifest['collections']]}")
    for file in found[0]["files"]:
        path = root / file["name"]
        if not path.exists() or path.stat().st_size != file["bytes"]:
            raise Refused(f"{path} is not there, or has not its {file['bytes']} bytes")
    at, base = manifest["at"], manifest.get("from")
    return Export(
        namespace=namespace,
        files=[str(root / file["name"]) for file in found[0]["files"]],
        anchor="+".join(at["anchors"]),
        base="+".join(base["anchors"]) if base else None,
        time=at["time"],
        order=at["cut"]["t"] << 32 | at["cut"]["i"],
    )


def wanted(export: Export, stands_at: str | None) -> bool:
    """Whether it is to be loaded into a table that stands at a cut (None: there is no table). Refuses a wrong base."""
    if stands_at == export.anchor:
        return False
    if export.base is not None and export.base != stands_at:
        raise Refused(f"the difference begins at {export.base}, and the table stands at {stands_at or 'nothing'}")
    return True


def run(load: Callable[[str, Export], int]) -> None:
    """`python RECIPE DATABASE FOLDER DB.COLL`: loads, and prints the table, its rows and the cut that it stands at."""
    path, folder, namespace = sys.argv[1:4]
    try:
        export = opened(folder, namespace)
        rows = load(path, export)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    print(json.dumps({"table": export.table, "rows": rows, "anchor": export.anchor, "cut": export.time}))
