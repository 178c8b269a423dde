"""A real Kafka: one KRaft node on free ports with its own data folder (settings: deploy/kafka/server.properties)."""
import atexit
import base64
import functools
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import uuid

from . import paths
from .server import Server

DEPLOY = paths.ROOT / "deploy/kafka"


@functools.cache
def libs():
    """Folder with the broker's jars; Maven fetches them once."""
    if os.environ.get("HY_KAFKA_LIBS"):
        return pathlib.Path(os.environ["HY_KAFKA_LIBS"])
    folder = paths.BUILD / "kafka/libs"
    subprocess.run([str(DEPLOY / "run"), "fetch"], check=True, stdout=subprocess.DEVNULL)
    return folder


@functools.cache
def formatted():
    """Folder with the storage of a node that has never run."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hy-format-"))
    atexit.register(shutil.rmtree, folder, True)
    settings = {"node.id": 1, "listeners": "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:2",
                "advertised.listeners": "PLAINTEXT://127.0.0.1:1", "controller.quorum.voters": "1@127.0.0.1:2",
                "log.dirs": folder / "data"}
    (folder / "server.properties").write_text((DEPLOY / "server.properties").read_text() +
                                              "".join(f"\n{name}={value}" for name, value in settings.items()))
    subprocess.run([*java(), "kafka.tools.StorageTool", "format", "-t", str(uuid.uuid4()), "-c", folder / "server.properties"],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / "data"


def java(heap="512m"):
    """The command that runs one of Kafka's own classes, quick to start. HY_KAFKA_JIT as in deploy/kafka/run: a bench says 4."""
    return ["java", "-Xms256m", f"-Xmx{heap}", "-XX:+UseSerialGC", f"-XX:TieredStopAtLevel={os.environ.get('HY_KAFKA_JIT', '1')}",
            f"-XX:SharedArchiveFile={libs()}/kafka.jsa", f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.properties'}",
            "-cp", f"{libs()}/*"]


class Kafka(Server):
    """Starts in 1-2 s. bootstrap is what clients connect to; kill/stop_for/restart hurt it, data stays until close."""

    def __init__(self, extra=None, heap="512m", start=True, node=1, cluster=None):
        self.node, self.cluster = node, cluster or str(uuid.uuid4())
        self.folder = paths.Folder("kafka")
        self.port, self.controller = paths.free_port(), paths.free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = self.folder.path / "broker.log"
        self.properties = self.folder.path / "server.properties"
        self.heap = heap
        self.process = None
        self._write_properties(extra or {})
        self._format()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _write_properties(self, extra):
        own = {
            "node.id": str(self.node),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "log.dirs": str(self.folder.path / "data"),
            **extra,
        }
        text = (DEPLOY / "server.properties").read_text()
        self.properties.write_text(text + "\n" + "".join(f"{k}={v}\n" for k, v in own.items()))

    def _format(self):
        """Copies a storage that Kafka's own tool has formatted once, and names it anew."""
        shutil.copytree(formatted(), self.folder.path / "data")
        meta = self.folder.path / "data/meta.properties"
        fresh = {"cluster.id": self.cluster, "node.id": self.node, "directory.id": base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode()}
        rows = dict(line.split("=", 1) for line in meta.read_text().splitlines() if not line.startswith("#"))
        meta.write_text("".join(f"{name}={value}\n" for name, value in {**rows, **fresh}.items()))

    def start(self, timeout=150):
        """Starts the node and waits until it answers."""
        self.launch()
        return self.wait_until_it_answers(timeout)

    def launch(self):
        """Starts it and does not wait: nodes of one cluster answer only when most of them are there."""
        out = open(self.log, "ab")
        self.process = subprocess.Popen([*java(self.heap), "kafka.Kafka", str(self.properties)], stdout=out, stderr=out, env=self.environment(),
                                        preexec_fn=paths.die_with_parent, start_new_session=True)
        out.close()

    def environment(self):
        """Of the node's process; None = this one's."""

    def wait_until_it_answers(self, timeout=150):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the broker ended with {self.process.returncode}:\n{self.tail()}")
            if self._answers():
                return self
            time.sleep(0.1)
        raise RuntimeError(f"the broker did not answer within {timeout} s:\n{self.tail()}")

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        from confluent_kafka.admin import AdminClient
        try:
            return bool(AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(timeout=2).brokers)
        except Exception:  # the listener is open a moment before the node serves
            return False

    def tail(self, n=4000):
        return self.log.read_text(errors="replace")[-n:]
