"""Loads an export into DuckDB, or a difference onto the table that an earlier one made.

    python duckdb_load.py DATABASE.duckdb FOLDER DB.COLL

needs `duckdb`. A state replaces the table; a difference deletes the keys that changed and inserts what they are now, in one transaction
with the note of the cut, so that a load is there whole or not at all. Loading the same export twice does nothing.
"""

from __future__ import annotations

import duckdb

from export_folder import Export, run, wanted


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def load(database: duckdb.DuckDBPyConnection, export: Export) -> None:
    """Brings the table to the export's cut."""
    database.execute("CREATE TABLE IF NOT EXISTS moorline_loaded (name VARCHAR PRIMARY KEY, anchor VARCHAR, cut VARCHAR)")
    found = database.execute("SELECT anchor FROM moorline_loaded WHERE name = ?", [export.table]).fetchone()
    if not wanted(export, found and found[0]):
        return
    table = _name(export.table)
    files = f"read_parquet([{', '.join(map(_literal, export.files))}])"
    database.execute("BEGIN")
    if export.base is None:
        database.execute(f"CREATE OR REPLACE TABLE {table} AS " + (f"FROM {files}" if export.files else "SELECT NULL AS _id WHERE false"))
    elif export.files:
        widen(database, table, files)
        database.execute(f"DELETE FROM {table} WHERE _id IN (SELECT _id FROM {files})")
        database.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {files} WHERE __op <> 'd'")
    database.execute("INSERT OR REPLACE INTO moorline_loaded VALUES (?, ?, ?)", [export.table, export.anchor, export.time])
    database.execute("COMMIT")


def widen(database: duckdb.DuckDBPyConnection, table: str, files: str) -> None:
    """Gives the table the columns, and the members of structs, that the difference has and it has not yet."""
    there = {row[0]: row[1] for row in database.execute(f"DESCRIBE {table}").fetchall()}
    for column, kind, *_ in database.execute(f"DESCRIBE FROM {files}").fetchall():
        if column not in there:
            database.execute(f"ALTER TABLE {table} ADD COLUMN {_name(column)} {kind}")
        elif there[column] != kind:
            database.execute(f"ALTER TABLE {table} ALTER COLUMN {_name(column)} TYPE {kind}")


def loaded(path: str, export: Export) -> int:
    """Loads into a file, and gives the rows of the table."""
    with duckdb.connect(path) as database:
        load(database, export)
        [rows] = database.execute(f"SELECT count(*) FROM {_name(export.table)}").fetchone()
    return rows


if __name__ == "__main__":
    run(loaded)
