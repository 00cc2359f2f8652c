"""The rows of a table that a recipe made, as JSON with sorted fields, one a line, in their order as text.

`table_rows.py duckdb|clickhouse|iceberg DATABASE TABLE`, or `table_rows.py parquet FILE...` for what the files themselves hold.
`__op` is left out: a difference has its own.
"""

import json
import sys

engine, database, *rest = sys.argv[1:]
if engine == "duckdb":
    import duckdb

    rows = duckdb.connect(database, read_only=True).sql(f'SELECT * FROM "{rest[0]}"').to_arrow_table().to_pylist()
elif engine == "clickhouse":
    from chdb.session import Session

    session = Session(database)
    told = session.query(f"SELECT * FROM export.{rest[0]}_now", "JSONEachRow").bytes()
    # Bytes that are no UTF-8 stand for themselves.
    rows = [json.loads(line) for line in told.decode("utf-8", "surrogateescape").split("\n") if line]
    session.close()
elif engine == "iceberg":
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("local", uri=f"sqlite:///{database}/catalog.db", warehouse=f"file://{database}")
    rows = catalog.load_table(f"export.{rest[0]}").scan().to_arrow().to_pylist()
else:
    import pyarrow.parquet

    rows = [row for file in (database, *rest) for row in pyarrow.parquet.ParquetFile(file).read().to_pylist()]

for row in rows:
    row.pop("__op", None)
print("\n".join(sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)))
