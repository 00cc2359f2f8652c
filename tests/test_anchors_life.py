"""The life of anchors: compared, thinned out, pruned, archived, and warned of before retention takes what they name."""

from __future__ import annotations

import json


def _json(one, *arguments: str, code: int = 0) -> dict:
    return json.loads(one.call("anchors", *arguments, "-c", str(one.file), "-o", "json", code=code).stdout)


def _inserted(stack, namespace: str, count: int) -> None:
    database, collection = namespace.split(".")
    stack.client[database][collection].insert_many([{"n": number} for number in range(count)])


def test_diff_says_what_came_between(stack, name, connector):
    _inserted(stack, f"{name}.a", 5)
    _inserted(stack, f"{name}.idle", 7)
    one = connector(f"{name}.a,{name}.idle,{name}.late")
    first = one.until("anchor")
    stack.client[name]["a"].delete_many({})
    _inserted(stack, f"{name}.a", 30)
    _inserted(stack, f"{name}.late", 4)
    # Values with a new field are written under a new schema.
    stack.client[name]["a"].insert_one({"n": 99, "added": "text"})
    last = one.finish()
    found = _json(one, "diff", first[:12], last[:12])
    by_name = {c["namespace"]: c for c in found["collections"]}
    a = by_name[f"{name}.a"]
    assert (a["presence"], a["counts"]["c"], a["counts"]["tombstones"]) == ("both", 31, 5), a
    assert a["records"] == 36 == sum(p["records"] for p in a["partitions"]), a
    assert len(a["schema_ids_added"]) == 1 and "contract" in a["fields"], a
    assert by_name[f"{name}.late"]["presence"] == "only-b" and by_name[f"{name}.late"]["records"] == 4
    assert found["unchanged"] == 1 and found["seconds"] > 0 and found["layout"] is None
    # The other order: the same numbers with a minus, and it is said which is the earlier one.
    back = _json(one, "diff", "latest", first)
    assert {c["namespace"]: c["records"] for c in back["collections"]} == {f"{name}.a": -36, f"{name}.late": -4}
    text = one.call("anchors", "diff", "latest", first[:12], "-c", str(one.file)).stdout
    assert "B is the earlier one" in text and "-36" in text, text
    same = one.call("anchors", "diff", "latest", "latest", "-c", str(one.file)).stdout
    assert "nothing changed in 3 collections" in same, same
    # Another split into lanes and a new snapshot are said, and not subtracted.
    one.write(tasks__max=2, snapshot__mode="always")
    one.finish()
    anew = _json(one, "diff", last, "latest")
    assert anew["layout"] and {c["presence"] for c in anew["collections"]} == {"another-export"}, anew
    assert {c["fields"]["export"]["from"] for c in anew["collections"]} == {"e-0001"}, anew
    one.call("anchors", "diff", "zzzzzzzz", "latest", "-c", str(one.file), code=1)
