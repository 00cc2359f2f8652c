"""What people see of the records: `tail` in all its forms, `completion`, the list of `explain`."""

from __future__ import annotations

import json
import re
import signal
import time
from datetime import datetime, timezone

import pytest
from bson.decimal128 import Decimal128

from oracle.connector import wait_for
from test_cli import GOOD


def lines(run) -> list[dict]:
    """The objects that `tail -o json` has printed so far."""
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture
def shop(stack, name, connector):
    """A connector that has read two documents, then an update, a create and a delete."""
    items = stack.client[name].items
    when = datetime(2026, 11, 23, 12, 0, 0, 7000, tzinfo=timezone.utc)
    items.insert_many([{"_id": n, "n": n, "when": when, "price": Decimal128("12.50"), "tags": ["a", "b"]} for n in (1, 2)])
    one = connector(f"{name}.items", topic__creation__default__partitions=2)
    one.until("snapshot")
    items.update_one({"_id": 1}, {"$set": {"n": 10, "tags": ["a"]}})
    items.insert_one({"_id": 3, "n": 3})
    items.delete_one({"_id": 2})
    one.until("now")
    return one


def tail(one, *arguments: str, target: str = ""):
    return one.call("tail", target or f"{one.name}.items", "-c", str(one.file), *arguments)


def test_records_are_decoded_with_names_and_metadata(shop):
    found = {(record["key"]["_id"], record["op"]): record for record in lines(tail(shop, "-o", "json"))}
    assert set(found) == {(1, "r"), (2, "r"), (1, "u"), (3, "c"), (2, "d")}
    row = found[1, "r"]
    assert row["value"]["when"] == "2026-11-23T12:00:00.007Z" and row["value"]["price"] == "12.50"
    assert row["topic"] == shop.topic(f"{shop.name}.items") and row["cluster_time"]["t"] > 0
    deleted = found[2, "d"]
    assert deleted["value"] is None and deleted["headers"]["moorline.deleted"] == "true"
    assert deleted["cluster_time"]["t"] > 0, "a tombstone's metadata stand in its headers"


def test_operations_first_and_last_are_chosen(shop):
    ops = [record["op"] for record in lines(tail(shop, "-o", "json", "--op", "u,d"))]
    assert sorted(ops) == ["d", "u"]
    assert [record["op"] for record in lines(tail(shop, "-o", "json", "-n", "1", "--op", "r", "--from", "beginning"))] == ["r"]
    assert lines(tail(shop, "-o", "json", "-n", "0")) == []
    by_topic = tail(shop, "-o", "json", target=shop.topic(f"{shop.name}.items"))
    assert len(lines(by_topic)) == 5


def test_a_difference_is_told_by_path(shop):
    records = lines(tail(shop, "-o", "json", "--diff", "--op", "u,d,c"))
    changes = {record["op"]: record["changes"] for record in records}
    paths = {change["path"]: (change["before"], change["after"]) for change in changes["u"]}
    assert paths == {"/n": (1, 10), "/tags/1": ("b", None)}
    assert changes["c"] is None, "no image before"
    assert [change["path"] for change in changes["d"]] == [""] and changes["d"][0]["before"]["_id"] == 2
    text = tail(shop, "--diff", "--op", "u").stdout
    assert re.search(r"^update  \S+ \+\d+ +partition \d offset \d+\n", text), text
    assert "~ /n  1 -> 10" in text and "\x1b" not in text, text


def test_own_topics_are_shown_too(stack, shop):
    anchors = lines(tail(shop, "-o", "json", target="anchors"))
    assert anchors and {record["key"]["connector"] for record in anchors} == {shop.name}
    stack.client[shop.name].items.insert_one({"_id": 9, "n": "no number"})
    shop.write(contract__on__drift="quarantine")
    shop.until("now")
    held_out = lines(tail(shop, "-o", "json", target="quarantine"))
    assert [(record["key"], record["headers"]["moorline.path"]) for record in held_out] == [({"_id": 9}, "/n")], held_out
    offsets = lines(tail(shop, "-o", "json", target="offsets"))
    assert offsets and all(isinstance(record["key"], list) for record in offsets)


def test_what_comes_is_followed_until_ctrl_c(stack, shop):
    seen = shop.command("tail", f"{shop.name}.items", "-c", str(shop.file), "-f", "-n", "1", "-o", "json", "--diff")
    wait_for("the last record", lambda: seen.must_live() and len(lines(seen)) == 1)
    stack.client[shop.name].items.update_one({"_id": 1}, {"$set": {"n": 11}})
    shop.until("now")
    wait_for("the new one", lambda: seen.must_live() and len(lines(seen)) == 2)
    assert lines(seen)[1]["value"]["n"] == 11
    began = time.monotonic()
    seen.process.send_signal(signal.SIGINT)
    assert seen.wait(10) == 130 and time.monotonic() - began < 5


def test_what_is_not_there_is_told(stack, shop, tmp_path):
    run = shop.call("tail", f"{shop.name}.item", "-c", str(shop.file), code=1)
    assert "MOOR-7020" in run.stderr and shop.topic(f"{shop.name}.items") in run.stderr
    shop.call("tail", f"{shop.name}.items", "-c", str(shop.file), "--op", "x", code=2)
    shop.call("tail", f"{shop.name}.items", "-c", str(tmp_path / "absent"), code=2)


def test_servers_that_are_away_end_with_3(connector, tmp_path):
    file = tmp_path / "c.properties"
    file.write_text("\n".join(f"{key}={value}" for key, value in GOOD.items()))
    connector().call("tail", "shop.orders", "-c", str(file), code=3, limit=90)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_shell_gets_its_completion(connector, shell):
    script = connector().call("completion", shell).stdout
    assert "moorline" in script and "anchors" in script and "tail" in script


def test_all_codes_are_listed(connector):
    one = connector()
    listed = json.loads(one.call("explain", "-o", "json").stdout)["codes"]
    codes = [entry["code"] for entry in listed]
    assert "MOOR-2003" in codes and "MC602" in codes and all(entry["title"] for entry in listed)
    assert one.call("explain").stdout.count("\n") == len(codes)
