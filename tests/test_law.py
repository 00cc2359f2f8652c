"""The law, on real servers, over random histories with `kill -9` at random.

At each exact and complete anchor the fold of the topics is the source read at pred(cut); per key, history only moves
forward; nothing stands twice; counts, offsets and digests are those of the records; every tick is in one anchor of a
lane. (I-ANCHOR-1, I-ANCHOR-3, I-ORDER-1, I-SNAP-1 to 4, I-IMG-1, I-IMG-3, I-IMG-4, I-KAFKA-2, I-KAFKA-4)

`MOORLINE_LAW_SEEDS` (default `1,2`), `MOORLINE_LAW_SECONDS` (of writing, 12) and `MOORLINE_LAW_KILLS` (4) say how much.
Odd seeds run one lane, even ones two.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from oracle import law
from oracle.anchors import cuts
from oracle.connector import wait_for
from oracle.writer import Writer, load

SEEDS = [int(seed) for seed in os.environ.get("MOORLINE_LAW_SEEDS", "1,2").split(",")]
SECONDS = float(os.environ.get("MOORLINE_LAW_SECONDS", "12"))
KILLS = int(os.environ.get("MOORLINE_LAW_KILLS", "4"))
KINDS = {1: ["objectid", "number", "mixed"], 2: ["objectid", "number", "mixed", "string"]}


@pytest.mark.law
@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_fold_at_every_anchor_is_the_source(stack, name, connector, seed):
    lanes = 1 if seed % 2 else 2
    rng = random.Random(seed)
    kinds = {f"{name}.{kind}": kind for kind in KINDS[lanes]}
    for namespace, kind in kinds.items():
        load(stack.mongodb_uri, namespace, 1500, kind, seed)
    one = connector(
        ",".join(kinds),
        tasks__max=lanes,
        incremental__snapshot__chunk__size=25,
        max__batch__size=5,
        anchor__full__every=rng.choice([2, 5, 60]),
    )
    writers = [Writer(stack.mongodb_uri, kinds, seed * 100 + at, rate=120) for at in range(2)]
    for writer in writers:
        writer.start()
    until = time.monotonic() + SECONDS
    for number in range(KILLS):
        run = one.start()
        before = _records(one, kinds)
        # Killed soon after it began to commit: first in the snapshot, later in the stream.
        wait_for("commits", lambda: run.must_live() and _records(one, kinds) > before, 60, pause=0.01)
        time.sleep(rng.uniform(0.0, 1.5) if number else 0.1)
        one.kill(run)
        if number == 0:
            parts = one.progress()
            assert parts and not all(p["export_complete"] for p in parts.values()), "not killed in the snapshot's middle"
            one.write(max__batch__size=rng.choice([7, 50, 300]))
    run = one.start()
    while time.monotonic() < until:
        run.must_live()
        time.sleep(0.2)
    one.kill(run)
    counts = [writer.stop() for writer in writers]
    assert sum(sum(c.values()) for c in counts) > 200, f"the writers hardly wrote: {counts}"

    newest = one.finish()
    chain = one.anchors()
    assert newest in [anchor.id for anchor in chain], f"{newest} is no anchor"
    report = law.check(stack.topics, stack.source, one.prefix, one.interval_ms, folds=8, connector=one.name)
    print(report, counts)
    assert one.kills == KILLS + 1, "a scenario in which no fault fired has failed"
    assert report.folds >= len(kinds) and report.cuts >= 1, report
    assert {"r", "c", "u", "d"} <= set(report.operations), report
    assert report.held_out <= report.documents * 0.05, report
    last = cuts(chain)[-1]
    assert last.whole, f"after `--until anchor` the last cut is {[a.record['inexact'] for a in last.anchors]}"
    for entry in last.collections.values():
        held = law.check_images(entry, law.Export.read(stack.topics, entry).until(entry), stack.topics, stack.source)
        assert held > 0, f"{entry['namespace']}: no image to check"


def _records(one, kinds) -> int:
    """Log ends of all data topics: cheap, and enough to see that something was sent."""
    return sum(one.ends(namespace) for namespace in kinds)
