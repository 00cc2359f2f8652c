"""The command line: every mistake at once and with its line, exit codes, help, configuration in both forms."""

from __future__ import annotations

import json
import re

import pytest

GOOD = {
    "bootstrap.servers": "localhost:1", "group.id": "g", "schema.registry.url": "http://localhost:1", "name": "shop",
    "connector.class": "moorline.mongodb", "mongodb.connection.string": "mongodb://localhost:1/?replicaSet=rs0",
    "topic.prefix": "shop", "collection.include.list": "shop.orders",
}


def test_five_mistakes_give_five_errors_with_their_lines(connector, tmp_path):
    lines = [
        "# a file with mistakes",
        "bootstrap.servers=localhost:1",
        "group.id=g",
        "schema.registry.url=http://localhost:1",
        "name=shop",
        "connector.class=moorline.mongodb",
        "mongodb.connection.string=mongodb://localhost:1/?replicaSet=rs0",
        "topic.prefix=shop",
        "colection.include.list=shop.orders",
        "snapshot.mode=sometimes",
        "anchor.interval.ms=1500",
        "tasks.max=many",
        "max.batch.size=-1",
    ]
    file = tmp_path / "moorline.properties"
    file.write_text("\n".join(lines) + "\n")
    for verb in (["validate"], ["run", "--until", "now"]):
        run = connector().call(*verb[:1], "-c", str(file), *verb[1:], code=2)
        errors = re.findall(r"^error MOOR-1\d\d\d .*\n\s+where\s+(\S+)", run.stderr, re.M)
        assert sorted(int(where.rsplit(":", 1)[1]) for where in errors) == [9, 10, 11, 12, 13], run.stderr
        assert "did you mean `collection.include.list`" in run.stderr
        for word in ("why", "fix"):
            assert len(re.findall(rf"^\s+{word}\s+\S", run.stderr, re.M)) >= 5, run.stderr


def test_a_missing_key_and_a_key_that_is_not_yet(connector, tmp_path):
    def validate(settings):
        file = tmp_path / "c.properties"
        file.write_text("\n".join(f"{key}={value}" for key, value in settings.items()))
        return connector().call("validate", "-c", str(file), code=2).stderr

    without = {key: value for key, value in GOOD.items() if key != "topic.prefix"}
    assert "topic.prefix" in validate(without)
    assert "not yet" in validate({**GOOD, "signal.data.collection": "x.y"}).lower()


def test_json_in_both_forms_is_taken(connector, tmp_path):
    for number, content in enumerate([GOOD, {"name": "shop", "config": {k: v for k, v in GOOD.items() if k != "name"}}]):
        file = tmp_path / f"c{number}.json"
        file.write_text(json.dumps(content))
        connector().call("validate", "-c", str(file))
    nested = tmp_path / "nested.json"
    nested.write_text(json.dumps({**GOOD, "capture.mode": {"full": "x"}}))
    assert "MOOR-1007" in connector().call("validate", "-c", str(nested), code=2).stderr


def test_exit_codes(connector, tmp_path):
    connector().call("run", "-c", str(tmp_path / "absent.properties"), code=2)
    connector().call("run", code=2)
    connector().call("no-such-verb", code=2)
    file = tmp_path / "c.properties"
    settings = {**GOOD, "mongodb.server.selection.timeout.ms": "2000", "mongodb.connect.timeout.ms": "2000"}
    file.write_text("\n".join(f"{key}={value}" for key, value in settings.items()))
    run = connector().call("run", "-c", str(file), "--until", "now", code=3, limit=90)
    assert re.search(r"^error MOOR-[23]\d\d\d ", run.stderr, re.M), run.stderr


@pytest.mark.parametrize("verb", [[], ["run"], ["validate"], ["contract", "infer"], ["anchors"], ["anchors", "list"],
                                  ["anchors", "show"], ["status"]])
def test_help_has_examples(connector, verb):
    text = connector().call(*verb, "--help").stdout
    assert "moorline" in text
    if verb in ([], ["run"], ["validate"], ["anchors", "show"]):
        assert "Examples" in text or "example" in text.lower(), text


def test_secrets_are_never_shown(connector, tmp_path):
    file = tmp_path / "c.properties"
    settings = {**GOOD, "mongodb.connection.string": "mongodb://me:verysecret@localhost:1/?replicaSet=rs0",
                "mongodb.server.selection.timeout.ms": "1000", "snapshot.mode": "wrong"}
    file.write_text("\n".join(f"{key}={value}" for key, value in settings.items()))
    run = connector().call("validate", "-c", str(file), code=2)
    assert "verysecret" not in run.stdout + run.stderr


def test_contract_infer_writes_a_file_and_status_answers(stack, name, connector):
    stack.client[name].items.insert_many([{"_id": n, "n": n, "s": "x"} for n in range(50)])
    one = connector(f"{name}.items")
    run = one.call("contract", "infer", "-c", str(one.file), "--collection", f"{name}.items", code=None)
    assert run.process.returncode in (0, 1), run.stderr
    contract = json.loads((one.folder / "schemas" / f"{name}.items.avsc").read_text())
    assert [field["name"] for field in contract["fields"]] == ["_id", "n", "s"]
    one.until("now")
    assert name in one.call("status", "-c", str(one.file)).stdout


def test_logs_as_json(stack, name, connector):
    """Everything but data goes to stderr; as JSON, each line is an object."""
    stack.client[name].items.insert_one({"_id": 1})
    one = connector(f"{name}.items")
    run = one.call("run", "-c", str(one.file), "--until", "now", "--help", code=0)
    flag = re.search(r"--log[a-z-]*", run.stdout)
    assert flag, "no flag for the form of logs"
    run = one.call("run", "-c", str(one.file), "--until", "now", flag.group(), "json")
    lines = [line for line in run.stderr.splitlines() if line.startswith("{")]
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
    assert len(run.stdout.strip().splitlines()) == 1
