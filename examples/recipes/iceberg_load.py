"""Loads an export into an Apache Iceberg table, or a difference onto the table that an earlier one made.

    python iceberg_load.py WAREHOUSE FOLDER DB.COLL

needs `pyiceberg[pyarrow,sql-sqlite]`. The catalog here is a file of SQLite in the warehouse; put your own in its place. Each load is one Iceberg
transaction, and its last snapshot carries the cut: `moorline.anchor`, `moorline.cut`. So a reader finds the snapshot that is the source at a cut, and a load
that was cut off is not there at all. Keys must be numbers or text.

A list of records that is null becomes an empty one: pyiceberg 0.12 writes it so (apache/iceberg-python issue 3833).
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.parquet
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, In
from pyiceberg.table import Table

from export_folder import Export, run, wanted

KEYS_AT_ONCE = 1000


def load(catalog: SqlCatalog, export: Export) -> Table:
    """Brings the table to the export's cut."""
    catalog.create_namespace_if_not_exists("export")
    name = f"export.{export.table}"
    try:
        table = catalog.load_table(name)
    except NoSuchTableError:
        table = None
    found = table and table.current_snapshot()
    if not wanted(export, found.summary["moorline.anchor"] if found else None):
        return table
    rows = [pyarrow.parquet.read_table(file) for file in export.files]
    if table is None:
        table = catalog.create_table(name, schema=rows[0].schema if rows else pyarrow.schema([("_id", pyarrow.string())]))
    note = {"moorline.anchor": export.anchor, "moorline.cut": export.time}
    rows = rows or [table.schema().as_arrow().empty_table()]
    with table.transaction() as transaction:
        with transaction.update_schema() as update:
            update.union_by_name(rows[0].schema)
        if export.base is None and found:
            transaction.delete(AlwaysTrue())
        for number, each in enumerate(rows, 1):
            if export.base is not None and len(each):
                keys = each["_id"].to_pylist()
                for first in range(0, len(keys), KEYS_AT_ONCE):
                    transaction.delete(In("_id", keys[first : first + KEYS_AT_ONCE]))
                each = each.filter(pyarrow.compute.not_equal(each["__op"], "d"))
            # Only what ends the transaction stands at the cut.
            transaction.append(each, snapshot_properties=note if number == len(rows) else {})
    return catalog.load_table(name)


def loaded(path: str, export: Export) -> int:
    """Loads into the warehouse of a folder, and gives the rows of the table."""
    # Of keys that are new there is nothing to delete.
    warnings.filterwarnings("ignore", "Delete operation did not match any records")
    root = Path(path).resolve()
    root.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("local", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}")
    return load(catalog, export).scan().count()


if __name__ == "__main__":
    run(loaded)
