"""The independent checker: knows the product by its documents only, never by its code.

Reading order: `stack` (where the servers are), `raw_bson`, `extended_json`, `source` (the truth),
`topics`, `murmur2`, `anchor_id`, `anchors` (what was promised), `keys`, `bson_avro` (what a document
becomes), `json_text` (records that are text), `fold`, `law` (promise against truth), `values`, `writer` (histories),
`connector` (the binary as a process), `fake` (a stand-in for the product, in the tests of the checker).

Invariant: nothing here imports, parses or reads anything of the product but its topics, its registered
schemas, its exit codes and what it prints.
"""
