"""Fixtures: the shared servers, a name of the test's own, and connectors that are stopped and cleaned up behind."""

from __future__ import annotations

import pytest

from oracle.connector import Connector
from oracle.stack import Stack, own_name


@pytest.fixture(scope="session")
def stack():
    """The servers that all tests share."""
    stack = Stack.from_environment()
    yield stack
    stack.source.close()


@pytest.fixture
def name(request, stack):
    """A name of the test's own; what begins with it is removed at the end."""
    made = own_name(request.node.name)
    yield made
    stack.clean(made)


@pytest.fixture
def connector(request, stack, name, tmp_path):
    """Makes connectors: `connector("db.a,db.b", **settings)`. They are killed, and their output shown if the test failed."""
    made: list[Connector] = []

    def make(include: str | None = None, suffix: str = "", **settings) -> Connector:
        folder = tmp_path / f"connector{len(made)}"
        folder.mkdir()
        one = Connector(stack, name + suffix, folder, include, {k.replace("__", "."): v for k, v in settings.items()})
        made.append(one)
        return one

    yield make
    failed = getattr(request.node, "call_failed", True)
    for one in made:
        one.close()
        if failed:
            print(one.story())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_failed = outcome.get_result().failed
