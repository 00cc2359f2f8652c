"""`doctor`: each finding is provoked on real servers, with its code, severity and the commands that mend it."""

from __future__ import annotations

import json
import time


def doctor(connector, *arguments: str, code: int | None = None) -> dict:
    """Runs it, and gives its answer for machines; the exit code must follow from the findings."""
    run = connector.call("doctor", "-c", str(connector.file), "-o", "json", *arguments, code=None)
    assert run.process.returncode in (0, 1, 3), run.stderr
    answer = json.loads(run.stdout)
    assert answer["version"] == 1
    if code is not None:
        assert run.process.returncode == code, f"exit {run.process.returncode}\n{run.stdout}"
    return answer


def codes(answer: dict) -> set[str]:
    return {finding["code"].removeprefix("MOOR-") for finding in answer["findings"]}


def test_healthy_servers_have_no_errors(stack, name, connector):
    stack.client[name].orders.insert_many([{"n": n} for n in range(20)])
    one = connector(f"{name}.orders")
    answer = doctor(one, code=0)
    assert answer["errors"] == 0 and codes(answer) <= {"3035", "2032"}, answer["findings"]
    assert answer["summary"][0].startswith("MongoDB ") and " replica set rs0 ok | oplog window " in answer["summary"][0]
    assert answer["summary"][-1] == f"{len(answer['findings'])} finding{'s' * (len(answer['findings']) != 1)}, 0 errors"
    text = one.call("doctor", "-c", str(one.file)).stdout
    assert text.splitlines()[0].startswith("MongoDB ") and "transactions ok" in text
    assert not [topic for topic in stack.topics.names() if topic.startswith(name)], "a check-up made a topic"


def test_what_is_not_reached_does_not_hold_up_the_rest(stack, name, connector):
    stack.client[name].orders.insert_one({"n": 1})
    nowhere = {"mongodb__connection__string": "mongodb://127.0.0.1:1/?replicaSet=rs0"}
    answer = doctor(connector(f"{name}.orders", **nowhere), "--timeout", "3", code=3)
    assert codes(answer) - {"3035"} == {"2001"} and "transactions ok" in answer["summary"][1]
    # An address that swallows packets, and one that answers nothing: each costs its limit and no more.
    nowhere = {
        "mongodb__connection__string": "mongodb://192.0.2.1:1/?replicaSet=rs0",
        "bootstrap__servers": "192.0.2.1:1",
        "schema__registry__url": "http://192.0.2.1:1",
    }
    began = time.monotonic()
    answer = doctor(connector(f"{name}.orders", **nowhere), "--timeout", "3", code=3)
    assert codes(answer) == {"2001", "3001", "4001"}, answer["findings"]
    assert time.monotonic() - began < 8
