"""Reads a file of records in the wire format by ClickHouse's engine, which takes the schemas from the registry.

    python clickhouse.py REGISTRY FRAMES OUTPUT

Runs in an environment of its own. Writes the columns that it inferred (`{"name": …, "type": …}`), an empty line, and
the rows, as JSON lines. Dates are given in milliseconds, since its text form of them covers 1900 to 2299 only.
"""

import json
import sys

import chdb

registry, frames, output = sys.argv[1:]
settings = ", ".join([
    f"format_avro_schema_registry_url = '{registry}'",
    # A null record is told apart from a record of nulls.
    "allow_experimental_nullable_tuple_type = 1",
    "output_format_json_quote_64bit_integers = 0",
    "output_format_json_quote_denormals = 1",
    # Bytes stay as they are.
    "output_format_json_validate_utf8 = 0",
])


def ask(query: str) -> bytes:
    return chdb.query(f"{query} SETTINGS {settings}", "JSONEachRow").bytes()


source = f"file('{frames}', AvroConfluent)"
columns = [json.loads(line) for line in ask(f"DESCRIBE {source}").splitlines()]
dates = [f"toUnixTimestamp64Milli(`{c['name']}`) AS `{c['name']}`" for c in columns if "DateTime64" in c["type"]]
replace = f" REPLACE ({', '.join(dates)})" if dates else ""
with open(output, "wb") as file:
    for column in columns:
        file.write(json.dumps({"name": column["name"], "type": column["type"]}).encode() + b"\n")
    file.write(b"\n" + ask(f"SELECT *{replace} FROM {source}"))
