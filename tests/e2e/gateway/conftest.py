"""A gateway on a free port, with two WeChat accounts, and small clients that say exactly what goes over the wire."""
import http.client
import json
import pathlib
import socket
import time

import pytest
from harness import contract, paths, topics
from harness.kafka import Kafka
from harness.supervisor import Program

from weixin import Account

TOPICS = {"hy.comments": 8, "hy.posts": 8, "hy.signals": 8, "hy.dead": 4}
MAIN = Account("main", "gh_0123456789ab", "wx0123456789abcdef", "huiyingtoken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg")
SECOND = Account("second", "gh_ba9876543210", "wxfedcba9876543210", "anothertoken", "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvut")


class Gateway:
    """The program, its port and data folder; survives its own restarts."""

    def __init__(self, kafka, start=True, **settings):
        self.kafka = kafka
        self.port = paths.free_port()
        self.data = paths.Folder("gateway-data")
        accounts = self.data.path / "accounts"
        accounts.mkdir()
        for account in (MAIN, SECOND):
            (accounts / f"weixin-{account.name}.yaml").write_text(account.yaml())
        self.prefix = getattr(kafka, "prefix", "")
        values = {"kafka.brokers": kafka.bootstrap, "kafka.prefix": self.prefix,
                  "http.listen": f"127.0.0.1:{self.port}", "data.dir": self.data.path,
                  "accounts.dir": accounts, "log.format": "text",
                  **{k.replace("__", "."): v for k, v in settings.items()}}
        argv = [paths.program("gateway")]
        for key, value in values.items():
            argv += ["--set", f"{key}={value}"]
        self.argv = argv
        self.program = Program("gateway", argv, start=False)
        if start:
            self.program.start()
            self.ready()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.program.close()
        self.data.remove()
        # Dead only by our own hand; a sanitizer's or a crash's exit is a failure whatever the clients saw.
        assert kind or not [code for code in self.program.exits if code not in (0, -9)], self.program.text()[-3000:]

    def ready(self, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.get("/healthz")[0] in (200, 503):
                    return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the gateway is not ready:\n{self.program.text()[-3000:]}")

    def ask(self, method, path, body=None, headers=None, timeout=15):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path):
        return self.ask("GET", path)

    def message(self, fields, key=None, timeout=15):
        """POST /v1/messages: (status, JSON)."""
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        status, _, body = self.ask("POST", "/v1/messages", json.dumps(fields, ensure_ascii=False).encode(), headers, timeout)
        return status, json.loads(body)

    def push(self, request, timeout=15):
        path, body = request
        status, _, answer = self.ask("POST", path, body, {"Content-Type": "text/xml"}, timeout)
        return status, answer

    def raw(self, data, timeout=15):
        """Writes bytes, reads the whole answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            try:
                s.sendall(data)
            except OSError:
                pass  # the answer may come before all is written
            return read_all(s)

    def metric(self, name, **labels):
        """Sum of the series of a name whose labels contain these."""
        total = 0.0
        for line in self.get("/metrics")[2].decode().splitlines():
            if line.startswith((name + " ", name + "{")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def wait_metric(self, name, value, timeout=60, **labels):
        deadline = time.monotonic() + timeout
        while self.metric(name, **labels) != value:
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is {self.metric(name, **labels)}, not {value}:\n{self.program.text()[-3000:]}")
            time.sleep(0.1)

    def events(self, topic="hy.comments"):
        """All events of a topic, in order per partition."""
        return [(r, contract.decode("Event", r.value)) for r in topics.read(self.kafka.bootstrap, self.prefix + topic)]


def read_all(s):
    data = b""
    while True:
        try:
            part = s.recv(65536)
        except (ConnectionResetError, TimeoutError):
            return data
        if not part:
            return data
        data += part


def make_topics(kafka):
    for name, partitions in TOPICS.items():
        topics.create(kafka.bootstrap, getattr(kafka, "prefix", "") + name, partitions)


@pytest.fixture(scope="module")
def kafka():
    with Kafka() as kafka:
        make_topics(kafka)
        yield kafka


@pytest.fixture(scope="module")
def gateway(kafka):
    with Gateway(kafka) as gateway:
        yield gateway
