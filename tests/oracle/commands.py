"""The commands that `doctor --fix-commands` prints, carried out: `mongosh` and Kafka's tools are not installed here.

Invariant: a command that is of no form known here is a failure, so that none is printed that nobody ever ran.
"""

from __future__ import annotations

import json
import re
import shlex

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pymongo import MongoClient


def mongosh(client: MongoClient, text: str) -> None:
    """One line for MongoDB's shell: a method of a database, with arguments as JavaScript writes them."""
    found = re.fullmatch(r'db(?:\.getSiblingDB\("([^"]+)"\))?\.(\w+)\((.*)\)', text)
    assert found, text
    database, method, arguments = client[found[1] or "admin"], found[2], values(found[3])
    match method:
        case "runCommand":
            database.command(arguments[0])
        case "adminCommand":
            client.admin.command(arguments[0])
        case "grantRolesToUser":
            database.command("grantRolesToUser", arguments[0], roles=arguments[1])
        case "createRole":
            name = arguments[0].pop("role")
            database.command("createRole", name, **arguments[0])
        case _:
            raise AssertionError(f"no such method is known here: {text}")


def values(text: str) -> list:
    """Arguments of a call: keys without quotes, `Double(n)`."""
    text = re.sub(r"Double\((\d+)\)", r"\1.0", text)
    return json.loads("[" + re.sub(r"([{,]\s*)([A-Za-z]\w*):", r'\1"\2":', text) + "]")


def kafka_configs(admin: AdminClient, text: str) -> None:
    """One `kafka-configs --alter --topic T --add-config a=b,c=d`."""
    words = shlex.split(text)
    assert words[0] == "kafka-configs" and "--alter" in words, text
    topic, change = words[words.index("--topic") + 1], words[words.index("--add-config") + 1]
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in (pair.split("=", 1) for pair in change.split(","))
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)
