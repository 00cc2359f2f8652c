"""The image's recipe and the compose file, held by linters and by what they name: no container engine runs here.

What is not seen by these tests is said in docs/evidence.md: that the images are there, and that the whole comes up.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from oracle.others import Programs
from oracle.stack import variable

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE, COMPOSE = ROOT / "deploy" / "Dockerfile", ROOT / "docker-compose.yml"
PROPERTIES = sorted((ROOT / "deploy" / "compose").glob("*.properties"))
_TO_JSON = "import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ='safe').load(sys.stdin), sys.stdout)"


@pytest.fixture(scope="module")
def programs():
    return Programs.fetched()


@pytest.fixture(scope="module")
def services(programs):
    """The services of the compose file, anchors and merges resolved."""
    return _load(programs)["services"]


def _load(programs) -> dict:
    command = [str(programs.bin / "python"), "-c", _TO_JSON]
    done = subprocess.run(command, input=COMPOSE.read_text(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _instruction(name: str) -> list[str]:
    """The arguments (as JSON) of the last instruction of that name, continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text())
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return json.loads(re.search(r"\[.*\]", lines[-1]).group())


def test_linters_find_nothing(programs):
    programs.call(str(programs.bin / "hadolint"), "--no-color", "--failure-threshold", "style", str(DOCKERFILE))
    schema = [str(programs.bin / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    programs.call(*schema, str(COMPOSE))


def test_the_linters_would_find_something(programs, tmp_path):
    """A linter that passes everything holds nothing."""
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("rust:1.95.0-bookworm", "rust"))
    with pytest.raises(AssertionError, match="DL3006"):
        programs.call(str(programs.bin / "hadolint"), "--no-color", str(wrong))
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))
    with pytest.raises(AssertionError, match="healthchek"):
        programs.call(str(programs.bin / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(wrong))


def test_the_image_runs_verbs_that_exist():
    """Its command and its health check, with `--help` behind them: the verb and its flags are known."""
    entry = _instruction("ENTRYPOINT")
    commands = [_instruction("CMD")]
    check = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])", re.sub(r"\\\n\s*", " ", DOCKERFILE.read_text())).group(1)
    assert json.loads(check)[:1] == entry
    commands.append(json.loads(check)[1:])
    for command in commands:
        done = subprocess.run([variable("MOORLINE_BIN"), *command, "--help"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
    assert commands[0][-1] == commands[1][-1] == "/etc/moorline/moorline.properties"


def test_the_compose_file_is_consistent(programs, services):
    whole = _load(programs)
    for name, service in services.items():
        profiles = set(service.get("profiles", []))
        for dependency, how in service.get("depends_on", {}).items():
            other = services[dependency]
            # What always runs must not wait for what runs in a profile only.
            assert set(other.get("profiles", [])) <= profiles, f"{name} waits for {dependency}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in other, f"{name} waits for the health of {dependency}, which has no check"
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} is published to everybody: {port}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (ROOT / source).is_file() if source.startswith(".") else source in whole["volumes"]
            assert there, f"{name}: {source} is not there"
        image = service["image"]
        assert re.search(r":[\w.-]+$", image) and not image.endswith(":latest"), f"{name}: {image} is not pinned"
    sharded = {name for name, service in services.items() if service.get("profiles") == ["sharded"]}
    assert {"config-server", "shard-a", "shard-b", "mongos", "sharded-init", "moorline-sharded"} <= sharded
    assert {"mongo", "kafka", "registry", "moorline"} == set(services) - {name for name in services if "profiles" in services[name]}


@pytest.mark.parametrize("file", PROPERTIES, ids=lambda path: path.stem)
def test_the_configurations_are_valid_and_name_services(file, services):
    done = subprocess.run([variable("MOORLINE_BIN"), "validate", "-c", str(file)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    pairs = dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line and not line.startswith("#"))
    hosts = re.findall(r"(?:^|//)([a-z-]+):\d+", "\n".join([pairs["bootstrap.servers"], pairs["schema.registry.url"],
                                                            pairs["mongodb.connection.string"]]), re.MULTILINE)
    assert len(hosts) == 3 and set(hosts) <= set(services), hosts
