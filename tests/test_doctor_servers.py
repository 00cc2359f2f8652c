"""`doctor` on servers of its own: rights, a short oplog and history, a standalone server, a registry without writers."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, NewTopic, ResourcePatternType, ResourceType,
)
from oracle import commands
from oracle.connector import wait_for
from oracle.stack import OwnStack, own_name, variable
from pymongo import MongoClient
from test_doctor import codes, doctor, fixes, make


def started(folder, *arguments: str):
    """A `mongod` of the stack's own program, on a free port; to be stopped."""
    xtask = variable("MOORLINE_XTASK")
    told = subprocess.run(
        [xtask, "stack", "status", "--name", variable("MOORLINE_STACK"), "--format", "json"],
        check=True, capture_output=True, text=True,
    )
    mongod = next(server["command"][0] for server in json.loads(told.stdout)["servers"] if server["role"] == "mongo0")
    (folder / "data").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [mongod, "--nounixsocket", "--port", str(port), "--dbpath", str(folder / "data"), "--bind_ip", "127.0.0.1",
               "--wiredTigerCacheSizeGB", "0.3", "--logpath", str(folder / "log"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL), port


@pytest.fixture
def servers(tmp_path):
    """A server that leaves something to be desired: users, a small oplog, a short history."""
    key = tmp_path / "key"
    key.write_text("c2VjcmV0IG9mIHRoZSB0ZXN0cw==")
    key.chmod(0o600)
    server, port = started(
        tmp_path / "set", "--replSet", "rs0", "--keyFile", str(key), "--oplogSize", "8",
        "--setParameter", "enableTestCommands=1", "--setParameter", "minSnapshotHistoryWindowInSeconds=5",
        "--setParameter", "periodicNoopIntervalSecs=1",
    )
    try:
        local = MongoClient(f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=60_000)
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        local.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        wait_for("a primary", lambda: local.admin.command("hello")["isWritablePrimary"], 60)
        local.admin.command("createUser", "root", pwd="x", roles=["root"])
        local.close()
        admin = MongoClient(f"mongodb://root:x@127.0.0.1:{port}/?replicaSet=rs0&authSource=admin")
        yield port, admin
        admin.close()
    finally:
        server.kill()
        server.wait(30)


@pytest.fixture
def own(servers, connector):
    """Makes connectors of these servers, for one of their users."""
    port, admin = servers

    def make_one(name: str, user: str, **settings):
        uri = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0&authSource=admin"
        one = connector(
            f"{name}.orders", mongodb__connection__string=uri, mongodb__user=user, mongodb__password="x",
            **settings,
        )
        admin[name].orders.update_one({"_id": 1}, {"$set": {"n": 1}}, upsert=True)
        return one

    return make_one


#: What this server always lacks: a history, and a password that is no text.
ALWAYS = {"2033": "warning", "2040": "warning"}


def rights_on_the_source(servers, own):
    _, admin = servers
    name = own_name("rights")
    admin.admin.command("createUser", "poor", pwd="x", roles=[{"role": "read", "db": "elsewhere"}])
    one = own(name, "poor")
    answer = doctor(one, code=1)
    found = codes(answer)
    assert found["2011"] == "error" and "may not open a change stream" in json.dumps(answer), answer["findings"]
    # Each command that is printed is carried out, until nothing about rights is left.
    for command in fixes(answer, "2011"):
        commands.mongosh(admin, command)
    answer = doctor(one)
    assert codes(answer).get("2030") == "warning" and "2011" not in codes(answer), answer["findings"]
    for command in fixes(answer, "2030"):
        commands.mongosh(admin, command)
    answer = doctor(one, code=0)
    assert codes(answer) == ALWAYS, answer["findings"]
    assert codes(doctor(own(name, "root"), code=0)) == {**ALWAYS, "2041": "note"}
    one.write(mongodb__password="wrong")
    answer = doctor(one, code=1)
    assert codes(answer)["2011"] == "error" and "does not accept the user" in json.dumps(answer), answer["findings"]


def a_small_oplog_a_short_history_and_an_old_compatibility(servers, own):
    _, admin = servers
    name = own_name("oplog")
    one = own(name, "root")
    for command in fixes(doctor(one), "2033"):
        commands.mongosh(admin, command)
    admin.admin.command("setFeatureCompatibilityVersion", "5.0")
    documents = [{"body": b"x" * 3_900_000} for _ in range(4)]
    for _ in range(16):
        admin[name].big.insert_many([dict(document) for document in documents])
    one.write(collection__include__list=f"{name}.big", snapshot__oplog__guard="refuse", kafka__message__max__bytes="20000000")

    def rolled_over():
        answer = doctor(one)
        return answer if {"2010", "2032"} <= set(codes(answer)) else None

    answer = wait_for("the oplog to roll over", rolled_over, 40)
    found = codes(answer)
    assert found["2010"] == "error" and found["2032"] == "warning" and found["2031"] == "warning", answer["findings"]
    assert "2033" not in found
    for code in ("2031", "2032"):
        for command in fixes(answer, code):
            commands.mongosh(admin, command)
    assert not {"2031"} & set(codes(doctor(one)))
    admin.admin.command({"setParameter": 1, "minSnapshotHistoryWindowInSeconds": 5})
    admin.drop_database(name)


def a_standalone_server(connector, tmp_path):
    server, port = started(tmp_path / "standalone")
    try:
        client = MongoClient(f"mongodb://127.0.0.1:{port}/", serverSelectionTimeoutMS=30_000)
        client.shop.orders.insert_one({"_id": 1})
        client.close()
        one = connector("shop.orders", mongodb__connection__string=f"mongodb://127.0.0.1:{port}/")
        answer = doctor(one, code=1)
        assert codes(answer) == {"2009": "error"} and "standalone" in answer["summary"][0], answer["findings"]
    finally:
        server.kill()
        server.wait(30)


@pytest.mark.slow
def test_servers_that_leave_something_to_be_desired(servers, own, connector, tmp_path):
    rights_on_the_source(servers, own)
    a_small_oplog_a_short_history_and_an_old_compatibility(servers, own)
    a_standalone_server(connector, tmp_path)


def test_a_registry_that_takes_nothing(stack, name, connector):
    """The registry of the stack has no modes: one stands before it that says READONLY, and passes all else on."""
    stack.client[name].orders.insert_one({"_id": 1})

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.endswith("/mode"):
                return self.answer(200, b'{"mode": "READONLY"}')
            found = requests.get(stack.registry_url + self.path, timeout=20)
            self.answer(found.status_code, found.content)

        def answer(self, status: int, body: bytes):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        one = connector(f"{name}.orders", schema__registry__url=f"http://127.0.0.1:{server.server_port}")
        answer = doctor(one, code=1)
        assert codes(answer) == {"4040": "error"} and "curl -X PUT" in fixes(answer, "4040")[0], answer["findings"]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_rights_and_limits_of_the_brokers(connector):
    """A broker with an authorizer, and with a maximum below the connector's own time for transactions."""
    own = OwnStack(
        1, "--limit", "180", "--set", "kafka.transaction.max.timeout.ms=30000",
        "--set", "kafka.authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "--set", "kafka.allow.everyone.if.no.acl.found=true",
    )
    try:
        stack, name = own.stack, own_name("brokers")
        stack.client[name].orders.insert_one({"_id": 1})
        servers = {
            "mongodb__connection__string": stack.mongodb_uri, "bootstrap__servers": stack.bootstrap,
            "schema__registry__url": stack.registry_url,
        }
        one = connector(f"{name}.orders", **servers)
        answer = doctor(one, code=1)
        assert codes(answer) == {"3006": "error"} and "maximum 30000" in json.dumps(answer), answer["findings"]
        one.write(kafka__transaction__timeout__ms="30000")
        assert codes(doctor(one, code=0)) == {}
        make(stack, NewTopic(f"{one.name}.{name}.orders", 1, 1, config={"retention.ms": "-1"}))
        for kind, begins, operation in (
            (ResourceType.TOPIC, f"{one.name}.{name}", AclOperation.WRITE),
            (ResourceType.TRANSACTIONAL_ID, f"{one.name}-group-", AclOperation.WRITE),
            (ResourceType.TOPIC, f"{one.name}.anchors", AclOperation.CREATE),
        ):
            acl = (kind, begins, ResourcePatternType.PREFIXED, "User:*", "*", operation, AclPermissionType.DENY)
            for future in stack.topics.admin.create_acls([AclBinding(*acl)]).values():
                future.result(20)
            refused = wait_for(f"a refusal of {kind} {operation}", lambda: fixes(doctor(one), "3002"), 20)
            assert len(refused) == 6 and all(text.startswith("kafka-acls ") for text in refused), refused
            for future in stack.topics.admin.delete_acls([AclBindingFilter(*acl)]).values():
                future.result(20)
            wait_for("the refusal to be gone", lambda: codes(doctor(one)) == {}, 20)
    finally:
        own.down()
