"""`doctor`: each finding is provoked on real servers, with its code and severity; the commands that it prints mend it.

Findings that need servers of their own (rights, a short oplog, an authorizer, a registry's level) stand in
`test_doctor_servers.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import requests
from confluent_kafka.admin import NewPartitions, NewTopic
from oracle import commands
from oracle.connector import wait_for

SCHEMA = json.loads((Path(__file__).parent.parent / "schemas" / "doctor.schema.json").read_text())


def doctor(connector, *arguments: str, code: int | None = None, preload: str | None = None) -> dict:
    """Runs it, and gives its answer for machines, which must be of its schema; the exit code must follow from it."""
    if preload:
        os.environ["LD_PRELOAD"] = preload
    try:
        run = connector.call("doctor", "-c", str(connector.file), "-o", "json", *arguments, code=None)
    finally:
        os.environ.pop("LD_PRELOAD", None)
    assert run.process.returncode in (0, 1, 3), run.stderr
    answer = json.loads(run.stdout)
    holds(SCHEMA, answer, "answer")
    assert (run.process.returncode == 0) == (answer["errors"] == 0), run.stdout
    assert code is None or run.process.returncode == code, f"exit {run.process.returncode}\n{run.stdout}"
    return answer


def holds(schema: dict, value, place: str) -> None:
    """The part of JSON Schema that ours uses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "type" in schema:
        wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, kinds[kind]) for kind in wanted), f"{place}: {value!r}"
    assert "const" not in schema or value == schema["const"], f"{place}: {value!r}"
    assert "enum" not in schema or value in schema["enum"], f"{place}: {value!r}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        missing = set(schema.get("required", [])) - set(value)
        assert not missing, f"{place} lacks {missing}"
        rest = schema.get("additionalProperties", True)
        for key, inner in value.items():
            assert key in properties or rest is not False, f"{place} has {key}, which the schema does not"
            holds(properties.get(key) or (rest if isinstance(rest, dict) else {}), inner, f"{place}.{key}")
    if isinstance(value, list):
        for number, inner in enumerate(value):
            holds(schema.get("items", {}), inner, f"{place}[{number}]")


def codes(answer: dict) -> dict[str, str]:
    """Severity by code, but for the note that a stack of one broker always gives."""
    found = {finding["code"].removeprefix("MOOR-"): finding["severity"] for finding in answer["findings"]}
    return {code: severity for code, severity in found.items() if code != "3035"}


def fixes(answer: dict, code: str) -> list[str]:
    return [c["text"] for f in answer["findings"] if f["code"] == f"MOOR-{code}" for c in f["commands"]]


def make(stack, *topics: NewTopic) -> None:
    """Makes topics, and waits until brokers show them."""
    for future in stack.topics.admin.create_topics(list(topics), operation_timeout=20).values():
        future.result(20)
    wanted = {topic.topic for topic in topics}
    wait_for("topics to be shown", lambda: wanted <= set(stack.topics.names()), 30)


def test_healthy_servers_have_no_errors(stack, name, connector):
    stack.client[name].orders.insert_many([{"n": n} for n in range(20)])
    one = connector(f"{name}.orders")
    answer = doctor(one, code=0)
    assert codes(answer) == {}, answer["findings"]
    assert answer["summary"][0].startswith("MongoDB ") and " replica set rs0 ok | oplog window " in answer["summary"][0]
    assert answer["summary"][-1] == "1 finding, 0 errors"
    text = one.call("doctor", "-c", str(one.file)).stdout
    assert text.splitlines()[0].startswith("MongoDB ") and "transactions ok" in text
    assert not [topic for topic in stack.topics.names() if topic.startswith(name)], "a check-up made a topic"
    # A connector that has run is as healthy, and its lane is not fenced by a check-up beside it.
    run = one.start()
    one.wait_for_records(f"{name}.orders", 20, run)
    assert codes(doctor(one, code=0)) == {}
    stack.client[name].orders.insert_one({"n": 20})
    one.wait_for_records(f"{name}.orders", 21, run)
    assert run.terminate() == 0 and "MOOR-7003" not in run.stderr, run.stderr[-2000:]


def test_what_is_not_reached_does_not_hold_up_the_rest(stack, name, connector):
    stack.client[name].orders.insert_one({"n": 1})
    nowhere = {"mongodb__connection__string": "mongodb://127.0.0.1:1/?replicaSet=rs0"}
    answer = doctor(connector(f"{name}.orders", **nowhere), "--timeout", "3", code=3)
    assert codes(answer) == {"2001": "error"} and "transactions ok" in answer["summary"][1]
    # An address that swallows packets: each costs its limit and no more, side by side.
    nowhere = {
        "mongodb__connection__string": "mongodb://192.0.2.1:1/?replicaSet=rs0",
        "bootstrap__servers": "192.0.2.1:1",
        "schema__registry__url": "http://192.0.2.1:1",
    }
    began = time.monotonic()
    answer = doctor(connector(f"{name}.orders", **nowhere), "--timeout", "3", code=3)
    assert set(codes(answer)) == {"2001", "3001", "4001"}, answer["findings"]
    assert time.monotonic() - began < 15


def test_what_is_captured(stack, name, connector):
    database = stack.client[name]
    database.orders.insert_many([{"_id": n, "n": n} for n in range(20)])
    database.orders.insert_one({"_id": "twenty"})
    database.scans.insert_one({"_id": 1, "image": b"x" * 3_000_000})
    database.create_collection("ring", capped=True, size=4096).insert_one({"_id": 1})
    database.create_collection("recent", viewOn="orders", pipeline=[])
    database.create_collection("heat", timeseries={"timeField": "at"})
    names = ["orders", "scans", "ring", "recent", "heat", "ordres", "system\\.views"]
    one = connector(",".join(f"{name}\\.{n}" for n in names), capture__mode__full__update__type="post_image")
    answer = doctor(one, code=1)
    assert codes(answer) == {
        "2006": "warning", "2013": "error", "2034": "warning", "2035": "error", "2037": "note", "2043": "note",
    }, answer["findings"]
    whats = " / ".join(finding["what"] for finding in answer["findings"])
    for words in ("recent is a view", "heat is a time series", "system.views is a system", f"no collection {name}.ordres"):
        assert words in whats, whats
    assert any(f"did you mean {name}.orders?" in finding["fix"] for finding in answer["findings"])
    # What it prints mends it: images are switched on, and no longer missed.
    for command in fixes(answer, "2006"):
        commands.mongosh(stack.client, command)
    assert "2006" not in codes(doctor(one))
    one.write(collection__include__list=f"{name}.nothing.*", capture__mode__full__update__type="boundary")
    assert codes(doctor(one, code=0)) == {"2034": "warning"}


def test_topics_that_exist_with_other_settings(stack, name, connector):
    collections = ["compact", "short", "small", "strict", "fs_files", "fs.files"]
    for collection in collections:
        stack.client[name][collection].insert_one({"_id": 1})
    make(
        stack,
        NewTopic(f"{name}.{name}.compact", 2, 1, config={"cleanup.policy": "compact"}),
        NewTopic(f"{name}.{name}.short", 2, 1, config={"retention.ms": "604800000"}),
        NewTopic(f"{name}.{name}.small", 2, 1, config={"retention.ms": "-1", "max.message.bytes": "20000"}),
        NewTopic(f"{name}.{name}.strict", 2, 1, config={"retention.ms": "-1", "min.insync.replicas": "2"}),
        NewTopic(f"{name}-group-offsets", 5, 1, config={"cleanup.policy": "delete"}),
    )
    one = connector(",".join(f"{name}.{c}" for c in collections))
    answer = doctor(one, code=1)
    assert codes(answer) == {
        "3004": "error", "3030": "warning", "3031": "warning", "3034": "error", "3036": "warning", "3037": "error",
    }, answer["findings"]
    for code in ("3030", "3031", "3034", "3036", "3037"):
        assert len(fixes(answer, code)) == 1, answer["findings"]
        commands.kafka_configs(stack.topics.admin, fixes(answer, code)[0])
    assert codes(doctor(one, code=1)) == {"3004": "error"}
    text = one.call("doctor", "-c", str(one.file), "--fix-commands", code=1).stdout
    assert "brokers take `.` and `_` for the same" in text


def test_topics_that_cannot_be_made(stack, name, connector):
    stack.client[name]["a_b"].insert_one({"_id": 1})
    make(stack, NewTopic(f"{name}.{name}.a.b", 1, 1))
    one = connector(f"{name}.a_b", topic__creation__default__replication__factor="3")
    found = codes(doctor(one, code=1))
    assert found == {"3004": "error", "3038": "error"}, found
    one = connector(f"{name}.a_b", topic__creation__enable="false", provide__transaction__metadata="true",
                    signal__enabled__channels="kafka")
    answer = doctor(one, code=1)
    assert codes(answer) == {"3005": "error"} and len(fixes(answer, "3005")) == 5, answer["findings"]


def test_topics_that_are_no_longer_what_was_written_to(stack, name, connector):
    for collection in ("grown", "anew"):
        stack.client[name][collection].insert_one({"_id": 1})
    one = connector(f"{name}.grown,{name}.anew")
    one.until("snapshot")
    admin = stack.topics.admin
    admin.create_partitions([NewPartitions(f"{name}.{name}.grown", 5)])[f"{name}.{name}.grown"].result(20)
    admin.delete_topics([f"{name}.{name}.anew"], operation_timeout=20)[f"{name}.{name}.anew"].result(20)
    anew = NewTopic(f"{name}.{name}.anew", 3, 1, config={"retention.ms": "-1"})
    wait_for("the topic to be gone", lambda: f"{name}.{name}.anew" not in stack.topics.names(), 30)
    make(stack, anew)
    answer = doctor(one, code=1)
    assert codes(answer) == {"3032": "warning", "3033": "error"}, answer["findings"]


def put(stack, path: str, body: dict, method: str = "PUT") -> None:
    answer = requests.request(method, f"{stack.registry_url}/{path}", json=body, timeout=20)
    assert answer.status_code == 200, answer.text


def register(stack, subject: str, schema: dict) -> None:
    put(stack, f"subjects/{subject}/versions", {"schema": json.dumps(schema), "schemaType": "AVRO"}, "POST")


def test_subjects_and_contract_files(stack, name, connector):
    database = stack.client[name]
    for collection in ("keyed", "foreign", "level", "changed", "broken", "fresh"):
        database[collection].insert_one({"_id": 1, "n": 1, "s": "x"})
    one = connector(f"{name}.level,{name}.changed")
    one.until("snapshot")
    topic = f"{name}.{name}"
    key = {"type": "record", "name": "Key", "namespace": f"{topic}.keyed", "fields": [{"name": "_id", "type": "string"}]}
    register(stack, f"{topic}.keyed-key", key)
    register(stack, f"{topic}.foreign-value", {"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]})
    register(stack, f"{topic}.foreign-key", {"type": "record", "name": "Key", "fields": [{"name": "x", "type": "int"}]})
    put(stack, f"config/{topic}.level-value", {"compatibility": "FULL_TRANSITIVE"})
    put(stack, f"config/{topic}.changed-value", {"compatibility": "BACKWARD"})
    infer = connector(f"{name}.keyed,{name}.changed,{name}.fresh", contract__path=one.folder / "schemas")
    for collection in ("keyed", "fresh"):
        infer.call("contract", "infer", "-c", str(infer.file), "--collection", f"{name}.{collection}", code=None)
    file = one.folder / "schemas" / f"{name}.changed.avsc"
    file.write_text(file.read_text().replace('"string"', '"boolean"'))
    (one.folder / "schemas" / f"{name}.broken.avsc").write_text('{"type": "record"}')
    names = ",".join(f"{name}.{c}" for c in ("keyed", "foreign", "level", "changed", "broken", "fresh"))
    one.write(collection__include__list=names, auto__register__schemas="false")
    answer = doctor(one, code=1)
    found = codes(answer)
    broken = {code: found.pop(code) for code in list(found) if code.startswith("MC") or code == "4009"}
    assert broken and set(broken.values()) == {"error"}, answer["findings"]
    assert found == {
        "4003": "error", "4004": "error", "4006": "error", "4010": "error", "4041": "warning",
    }, answer["findings"]
    one.write(contract__mode="pinned", auto__register__schemas="true")
    assert codes(doctor(one, code=1)).get("4005") == "error"


def test_secrets_preferences_and_clocks(stack, name, connector, tmp_path):
    stack.client[name].orders.insert_one({"_id": 1})
    one = connector(
        f"{name}.orders", kafka__sasl__password="hunter2",
        mongodb__connection__string=stack.mongodb_uri + "&readPreference=secondary",
    )
    answer = doctor(one, "--timeout", "3", code=1)
    assert codes(answer) == {"2039": "error", "2040": "warning"}, answer["findings"]
    assert "hunter2" not in json.dumps(answer)
    # A clock that is an hour ahead, for the process alone.
    source, library = Path(__file__).parent / "oracle" / "clock.c", tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    answer = doctor(connector(f"{name}.orders"), preload=str(library), code=0)
    assert codes(answer) == {"2038": "warning"} and "behind this machine's" in json.dumps(answer), answer["findings"]


def test_a_profile_of_what_is_written(stack, name, connector):
    database = stack.client[name]
    database.orders.insert_many([{"_id": n, "body": "x" * n} for n in range(200)])
    one = connector(f"{name}.orders")
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            database.orders.update_one({"_id": 7}, {"$inc": {"n": 1}})
            if number % 10 == 0:
                database.orders.insert_one({"_id": 1000 + number})
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answer = doctor(one, "--profile", "--seconds", "2", "--advise", code=0)
    finally:
        stop.set()
        writer.join()
    (orders,) = answer["profile"]["collections"]
    assert orders["updates"] > 10 and orders["inserts"] >= 1 and orders["deletes"] == 0, orders
    assert orders["hot_keys"][0]["id"] == "7" and orders["hot_keys"][0]["writes"] == orders["updates"], orders
    assert orders["size_p50"] < orders["size_p99"] <= orders["size_max"] and set(orders["id_types"]) == {"int"}, orders
    assert answer["advice"] == [] and orders["snapshot_seconds"] == 1
    text = one.call("doctor", "-c", str(one.file), "--profile", "--seconds", "1", "--advise").stdout
    assert "HOT KEYS" in text and "nothing to change" in text
