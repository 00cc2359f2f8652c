"""Each step of a commit and of a chunk, met by a `kill -9` and by an error after the work was done.

The points are those of `connector/runtime/src/faults.rs`; builds with debug assertions have them, armed by
`MOORLINE_FAULT`. A snapshot is under way, with writers beside it; several connectors read the same collections, each with
a chain of faults of its own, since waiting is most of what this takes. At the end the law holds in each: nothing lost,
nothing twice, no finished chunk read again. (I-SNAP-4, I-KAFKA-2, I-ANCHOR-3)

Invariant: every fault must have fired, one after the other, or the scenario has failed.

`MOORLINE_CRASH_SEED` (default 1) and `MOORLINE_CRASH_FAULTS` (8) say how the random form goes, and for how long.
"""

from __future__ import annotations

import os
import random
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from oracle import law
from oracle.connector import Took, wait_for
from oracle.writer import Writer, load

CHUNK = [f"{step}.{side}" for step in ("gate", "read", "emit", "progress") for side in ("before", "after")]
STEPS = ("begin", "produce", "flush", "anchor", "position")
COMMIT = [f"{step}.{side}" for step in STEPS for side in ("before", "after")] + ["commit.sent", "commit.answered"]
# Interleaved, so that the chains of both kinds have chunks and commits, and chunks come while there are any.
CHAINS = [CHUNK[0::2] + COMMIT[0::2], CHUNK[1::2] + COMMIT[1::2]]
ROWS = 4000
# Many chunks, and not so small batches that the stream falls behind its writers: no chunk is read before it caught up.
SMALL = {"incremental__snapshot__chunk__size": 8, "max__batch__size": 20}
FIRED = re.compile(r"^fault fired: (\S+) in lane (\d+)$", re.M)
REBUILT = re.compile(r"the lane is rebuilt.*\blane=(\d+)|\blane=(\d+).*the lane is rebuilt")

SEED = int(os.environ.get("MOORLINE_CRASH_SEED", "1"))
FAULTS = int(os.environ.get("MOORLINE_CRASH_FAULTS", "8"))


class Scene:
    """Two collections that are written to, and the connectors that read them."""

    def __init__(self, stack, name, connector, lanes: int, seed: int = 1):
        self.stack, self.make, self.lanes = stack, connector, lanes
        self.kinds = {f"{name}.a": "number", f"{name}.b": "objectid"}
        load(stack.mongodb_uri, f"{name}.a", 200, "number", seed)
        load(stack.mongodb_uri, f"{name}.b", ROWS, "objectid", seed)
        self.writers = [Writer(stack.mongodb_uri, self.kinds, seed * 10 + at, rate=12) for at in range(2)]
        for writer in self.writers:
            writer.start()

    def connector(self, suffix: str):
        return self.make(",".join(self.kinds), suffix=suffix, tasks__max=self.lanes, **SMALL)

    def settle(self, connectors) -> None:
        """No more writes; each connector reads to the end, and the law is held."""
        counts = [writer.stop() for writer in self.writers]
        assert sum(sum(c.values()) for c in counts) > 50, f"the writers hardly wrote: {counts}"
        with ThreadPoolExecutor(len(connectors)) as pool:
            list(pool.map(lambda one: one.finish(), connectors))
        for one in connectors:
            self.hold(one)

    def hold(self, one) -> None:
        """Among much else: no key has two rows of a snapshot (I-SNAP-4), no record stands twice, the chain is whole."""
        topics, source = self.stack.topics, self.stack.source
        report = law.check(topics, source, one.prefix, one.interval_ms, folds=2, connector=one.name, counted=20)
        assert report.folds >= 2 and {"r", "u"} <= set(report.operations), report


def _armed(point: str, action: str, lanes: int) -> str:
    # One anchor a second; the second passing of anything else, so that something was committed since the start.
    passing = 1 if point.startswith("anchor") else 2
    return f"{point}:{action}@{passing}" + (":lane=1" if lanes == 2 else "")


def _killed(one, faults: list[str]) -> None:
    """A process a fault: each ends by it, and the next goes on."""
    for fault in faults:
        run = one.start(MOORLINE_FAULT=fault)
        code = run.wait(90)
        fired = [text for text, _ in FIRED.findall(run.stderr)]
        assert code == -signal.SIGKILL and fired == [fault], f"{fault}: exit {code}, fired {fired}\n{run.stderr[-2000:]}"
        one.kills += 1


def _failed(one, faults: list[str], lanes: int) -> None:
    """One process through all faults: it goes on by itself after each, and a lane does not disturb the other."""
    run = one.start(MOORLINE_FAULT=",".join(faults))
    wait_for(f"{len(faults)} faults", lambda: run.must_live() and len(FIRED.findall(run.stderr)) == len(faults), 150)
    fired = FIRED.findall(run.stderr)
    assert [text for text, _ in fired] == faults
    newest = len(one.anchors())
    wait_for("anchors behind the last fault", lambda: run.must_live() and len(one.anchors()) > newest + lanes, 60)
    assert run.terminate() == 0, run.stderr[-2000:]
    rebuilt = [a or b for a, b in REBUILT.findall(run.stderr)]
    assert rebuilt == [lane for _, lane in fired], f"fired in lanes {fired}, rebuilt {rebuilt}"
    assert run.stderr.count("MOOR-7051") >= len(faults)


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [1, 2])
def test_each_step_of_commits_and_chunks(stack, name, connector, lanes):
    scene = Scene(stack, name, connector, lanes)
    kills = [[_armed(point, "kill", lanes) for point in chain] for chain in CHAINS]
    errors = [[_armed(point, "error", lanes) for point in chain] for chain in CHAINS]
    killed = [scene.connector(f"k{number}") for number in range(len(kills))]
    failed = [scene.connector(f"e{number}") for number in range(len(errors))]
    with ThreadPoolExecutor(len(killed) + len(failed)) as pool:
        under_way = [pool.submit(_killed, one, chain) for one, chain in zip(killed, kills)]
        under_way += [pool.submit(_failed, one, chain, lanes) for one, chain in zip(failed, errors)]
        for each in under_way:
            each.result()
    assert sum(one.kills for one in killed) == len(CHUNK) + len(COMMIT)
    scene.settle(killed + failed)


@pytest.mark.slow
def test_faults_at_random(stack, name, connector):
    """Points, actions, passings and lanes by a seed; what did not come up in time (no chunk is left) is no fault."""
    rng = random.Random(SEED)
    lanes = rng.choice([1, 2])
    scene = Scene(stack, name, connector, lanes, seed=SEED)
    one = scene.connector("r")
    fired = []
    for number in range(FAULTS):
        # Chunks are read at first, commits go on for ever.
        points = CHUNK + COMMIT if number < FAULTS / 2 else COMMIT
        fault = f"{rng.choice(points)}:{rng.choice(['kill', 'error'])}@{rng.randint(1, 6)}"
        fault += f":lane={rng.randrange(lanes)}" if rng.random() < 0.5 else ""
        run = one.start(MOORLINE_FAULT=fault)
        try:
            wait_for(fault, lambda: FIRED.search(run.stderr) or (run.must_live() and None), 15)
        except Took:
            pass
        else:
            fired.append(fault)
        if ":kill" in fault and fault in fired:
            assert run.wait(30) == -signal.SIGKILL
        else:
            # Killed or asked to stop, somewhere behind the fault.
            rng.choice([run.kill, run.terminate])()
    print(f"seed {SEED}, {lanes} lanes: {fired}")
    assert len(fired) > FAULTS / 2, f"of {FAULTS} faults only {fired} fired"
    scene.settle([one])


def test_a_fault_that_is_not_known_ends_the_start(stack, name, connector):
    one = connector(f"{name}.a")
    run = one.start(MOORLINE_FAULT="commit.send:kill@1")
    assert run.wait(30) == 1 and "MOOR-7050" in run.stderr and "commit.sent" in run.stderr, run.stderr
