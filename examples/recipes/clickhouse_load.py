"""Loads an export into ClickHouse, or a difference onto the table that an earlier one made.

    python clickhouse_load.py FOLDER_OF_THE_DATABASE FOLDER DB.COLL

needs `chdb`, ClickHouse in the process; the same statements work on a server. The table is a ReplacingMergeTree: a row has the cut that it came with
and whether it is gone, and the newest cut of a key counts. Read it with FINAL, or through the view of the same name with `_now` behind it.
A state makes the table anew. A load that was cut off is made again: the same rows with the same cut are the same rows.
"""

from __future__ import annotations

import json

from chdb.session import Session

from export_folder import Export, run, wanted


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _name(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _ask(session: Session, statement: str) -> list[dict]:
    return [json.loads(line) for line in str(session.query(statement, "JSONEachRow")).splitlines()]


def load(session: Session, export: Export) -> None:
    """Brings the table to the export's cut."""
    session.query("CREATE DATABASE IF NOT EXISTS export")
    session.query(
        "CREATE TABLE IF NOT EXISTS export.moorline_loaded (name String, anchor String, cut String, number UInt64) "
        "ENGINE = ReplacingMergeTree(number) ORDER BY name"
    )
    noted = f"FROM export.moorline_loaded FINAL WHERE name = {_literal(export.table)}"
    found = _ask(session, f"SELECT anchor, number {noted}")
    if not wanted(export, found[0]["anchor"] if found else None):
        return
    table = f"export.{_name(export.table)}"
    if export.base is None:
        session.query(f"DELETE {noted.replace(' FINAL', '')}")
        session.query(f"DROP TABLE IF EXISTS {table} SYNC")
    for file in export.files:
        rows = f"file({_literal(file)}, Parquet)"
        widen(session, table, rows)
        gone = "__op = 'd'" if export.base is not None else "0"
        columns = [row["name"] for row in _ask(session, f"DESCRIBE {rows}")]
        names = ", ".join(map(_name, columns))
        # The key of a difference may be null by its type; it never is.
        values = ", ".join(f"assumeNotNull({_name(c)})" if c == "_id" else _name(c) for c in columns)
        session.query(f"INSERT INTO {table} ({names}, _cut, _gone) SELECT {values}, {export.order}, {gone} FROM {rows}")
    session.query(
        f"INSERT INTO export.moorline_loaded VALUES ({_literal(export.table)}, {_literal(export.anchor)}, "
        f"{_literal(export.time)}, {export.order})"
    )


def widen(session: Session, table: str, rows: str) -> None:
    """Makes the table, or gives it the columns and members of tuples that the rows have and it has not yet."""
    session.query(
        f"CREATE TABLE IF NOT EXISTS {table} ENGINE = ReplacingMergeTree(_cut, _gone) ORDER BY _id AS "
        f"SELECT * REPLACE (assumeNotNull(_id) AS _id), toUInt64(0) AS _cut, toUInt8(0) AS _gone FROM {rows} WHERE 0"
    )
    there = {row["name"]: row["type"] for row in _ask(session, f"DESCRIBE {table}")}
    for row in _ask(session, f"DESCRIBE {rows}"):
        column, kind = row["name"], row["type"]
        if column not in there:
            session.query(f"ALTER TABLE {table} ADD COLUMN {_name(column)} {kind}")
        elif column != "_id" and there[column] != kind:
            session.query(f"ALTER TABLE {table} MODIFY COLUMN {_name(column)} {kind}")
    view = table.removesuffix("`") + "_now`"
    session.query(f"CREATE OR REPLACE VIEW {view} AS SELECT * EXCEPT (_cut, _gone) FROM {table} FINAL")


def loaded(path: str, export: Export) -> int:
    """Loads into the database of a folder, and gives the rows of the table."""
    session = Session(path)
    load(session, export)
    rows = 0
    if _ask(session, f"EXISTS export.{_name(export.table)}")[0]["result"]:
        rows = int(_ask(session, f"SELECT count() AS rows FROM export.{_name(export.table)} FINAL")[0]["rows"])
    session.close()
    return rows


if __name__ == "__main__":
    run(loaded)
