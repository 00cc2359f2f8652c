"""A server of Amazon's object store protocol as a process, and what lies in it.

It lives in a place of its own (`xtask stack fetch --with-peers`). Invariants: every wait has a limit; the server holds
everything in memory and is gone with its process; a bucket's objects are read by another client than the one tested.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.request
from pathlib import Path

from .connector import wait_for
from .stack import variable

# Runs in the server's environment: boto3 is there.
_LIST = """
import boto3, hashlib, json, sys
client = boto3.client("s3", endpoint_url=sys.argv[1])
pages = client.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[2])
names = [found["Key"] for page in pages for found in page.get("Contents", [])]
body = lambda name: client.get_object(Bucket=sys.argv[2], Key=name)["Body"].read()
print(json.dumps({name: hashlib.sha256(body(name)).hexdigest() for name in names}))
"""
_PUT = """
import boto3, sys
client = boto3.client("s3", endpoint_url=sys.argv[1])
client.put_object(Bucket=sys.argv[2], Key=sys.argv[3], Body=sys.argv[4].encode()) if sys.argv[3:] else client.create_bucket(Bucket=sys.argv[2])
"""
# Keys of somebody who may do nothing.
_STRANGER = """
import boto3, json, sys
client = boto3.client("iam", endpoint_url=sys.argv[1])
client.create_user(UserName="stranger")
print(json.dumps(client.create_access_key(UserName="stranger")["AccessKey"], default=str))
"""


class ObjectStore:
    """The server."""

    def __init__(self, folder: Path):
        self.bin = _place()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = folder / "objects.log"
        with self.log.open("wb") as log:
            command = [str(self.bin / "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        wait_for("the object store", self._answers, 60)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def environment(self, **changes: str) -> dict[str, str]:
        """Variables under which a program reaches it."""
        known = {"AWS_ACCESS_KEY_ID": "test-key-id", "AWS_SECRET_ACCESS_KEY": "test-secret-key", "AWS_REGION": "us-east-1",
                 "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.endpoint, "AWS_ALLOW_HTTP": "true"}
        return {**known, **changes}

    def _python(self, script: str, *arguments: str) -> str:
        done = subprocess.run([str(self.bin / "python"), "-c", script, self.endpoint, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, env={**os.environ, **self.environment()})
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def bucket(self, name: str) -> str:
        self._python(_PUT, name)
        return name

    def put(self, bucket: str, name: str, text: str) -> None:
        self._python(_PUT, bucket, name, text)

    def objects(self, bucket: str, prefix: str) -> dict[str, str]:
        """SHA-256 of every object below a prefix, by its name from there."""
        found = json.loads(self._python(_LIST, bucket))
        return {name.removeprefix(f"{prefix}/"): sha for name, sha in found.items() if name.startswith(f"{prefix}/")}

    def stranger(self) -> tuple[str, str]:
        """Id and secret of somebody who may do nothing; from now on the server looks at keys."""
        key = json.loads(self._python(_STRANGER))
        request = urllib.request.Request(f"{self.endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}, method="POST")
        urllib.request.urlopen(request, timeout=20).close()
        return key["AccessKeyId"], key["SecretAccessKey"]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)


def _place() -> Path:
    found = os.environ.get("MOORLINE_STORE_BIN")
    if not found:
        command = [variable("MOORLINE_XTASK"), "stack", "fetch", "--with-peers"]
        text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
        found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)["MOORLINE_STORE_BIN"]
    return Path(found)
