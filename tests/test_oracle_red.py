"""The checker goes red on every fault that it is for: a test that cannot fail is a defect.

A stand-in for the product writes topics and anchors, first by the rules, then with one of them broken.
"""

from __future__ import annotations

import pytest

from oracle import anchors, law
from oracle.capture import Capture
from oracle.fake import FAULTS, Fake, write_history
from oracle.stack import own_name

# A part of the message that each fault must give, so that it is seen for what it is.
SEEN_AS = {
    "lost-record": "against the source",
    "lost-record-counted": "the anchor says",
    "doubled-record": "stands twice",
    "stale-order": "moves back",
    "wrong-value": "belongs",
    "wrong-count": "committed records, the anchor says",
    "wrong-operation-count": "records.c",
    "wrong-digest": "digest of",
    "wrong-end": "parent ended at",
    "wrong-schema-digest": "schema digests are",
    "missing-tick": "a tick is missing or stands twice",
    "overlapping-tick": "a tick is missing or stands twice",
    "altered-anchor": "content hashes to",
    "wrong-parent": "has parent",
    "wrong-partition": "partition",
    "late-record": "at or after the cut",
    "resurrected-key": "extra",
    "missing-stamp": "without the headers",
}


@pytest.fixture(scope="module")
def history(stack):
    """One history, written by every stand-in anew."""
    made = own_name("history")
    capture = Capture(stack.mongodb_uri, made)
    written = write_history(stack.mongodb_uri, made)
    written.captured = capture.stop(stack.source)
    yield written
    stack.clean(made)


def _check(stack, name, history, fault):
    Fake(stack.topics, name, history, fault).run()
    return law.check(stack.topics, stack.source, name, 1000, folds=20, connector="fake")


def test_the_law_holds_for_what_was_written_by_the_rules(stack, name, history):
    report = _check(stack, name, history, None)
    assert report.folds >= 3 and report.documents > 50 and report.records > 100, report
    assert report.held_out == 0 and {"c", "u", "d"} <= set(report.operations), report


@pytest.mark.parametrize("fault", FAULTS)
def test_the_checker_sees(stack, name, history, fault):
    with pytest.raises(AssertionError) as seen:
        _check(stack, name, history, fault)
    assert SEEN_AS[fault] in str(seen.value), str(seen.value)


@pytest.mark.parametrize("fault", [None, "lost-record", "resurrected-key"])
def test_the_capture_sees_what_is_missing(stack, name, history, fault):
    """The source's own stream against the topic, without anchors."""
    Fake(stack.topics, name, history, fault).run()
    records = stack.topics.read(f"{name}.{history.namespace}")
    problems = Capture.compare(history.captured, history.namespace, records, stack.topics)
    if fault is None:
        assert problems == []
    else:
        assert len(problems) == 1 and "1 in the stream, 0 in the topic" in problems[0], problems


@pytest.mark.parametrize("fault", [None, "wrong-value"])
def test_images_are_held_against_the_source(stack, name, history, fault):
    Fake(stack.topics, name, history, fault).run()
    entry = anchors.read(stack.topics, name)[-1].collections[history.namespace]
    records = law.Export.read(stack.topics, entry).records
    if fault is None:
        assert law.check_images(entry, records, stack.topics, stack.source, count=20) > 20
    else:
        with pytest.raises(law.Broken, match="n: "):
            # All of them, since a sample may not have the one that is wrong.
            law.check_images(entry, records, stack.topics, stack.source, count=len(records))
