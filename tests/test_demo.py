"""`demo` where it does not go through: whatever it has started ends with it. (The whole tour is the quick start.)"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from oracle.connector import wait_for


def living(folder: Path) -> list[str]:
    """Processes that work in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").resolve() == folder:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # It has ended in between, or is another user's.
    return found


def demo(stack, connector, folder: Path):
    addresses = ["--mongodb", stack.mongodb_uri, "--kafka", stack.bootstrap, "--registry", stack.registry_url]
    return connector().command("demo", *addresses, "--folder", str(folder))


@pytest.mark.parametrize("where", ["real documents", "infer", "run -c second.properties"])
def test_ctrl_c_leaves_nothing_running(stack, connector, tmp_path, where):
    """The signal goes to the demo alone, not to a terminal's whole group: it must end its runs by itself."""
    folder = tmp_path / "demo"
    run = demo(stack, connector, folder)
    wait_for(f"`{where}`", lambda: run.must_live() and where in run.stdout + run.stderr, 120, pause=0.02)
    run.process.send_signal(signal.SIGINT)
    assert run.wait(30) == 130, run.stderr
    wait_for("its runs to be gone", lambda: not living(folder), 5)
    name = next(word for word in run.stdout.split() if word.startswith("name=demo")).removeprefix("name=").rsplit("-", 1)[0]
    assert name not in stack.client.list_database_names()
    stack.clean(name)


def test_documents_that_are_not_there_are_told(stack, connector, tmp_path):
    run = connector().call("demo", "--data", str(tmp_path), "--kafka", "localhost:1", "--mongodb", "mongodb://localhost:1",
                           "--registry", "http://localhost:1", code=2)
    assert "MOOR-7022" in run.stderr
