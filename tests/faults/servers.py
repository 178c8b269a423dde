"""Servers of the fault storm: Kafka on one node or three, Redis alone or with a replica, each behind a door that can be
cut, and Redis with a clock that can be set."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from harness import paths  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.redis import Redis  # noqa: E402

# A killed node may register again after 4 s, not 9.
BROKER = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}
THREE = {"offsets.topic.replication.factor": "3", "transaction.state.log.replication.factor": "3",
         "transaction.state.log.min.isr": "2", "min.insync.replicas": "2", "default.replication.factor": "3"}

# Kafka's own default; ours (deploy/kafka) ends a transaction within a second of its timeout, so that who slept through it
# wakes up fenced by that, too, and not only by having lost its place in the group.
PATIENT = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "10000"}


class Clock:
    """A wall clock for programs that are started with its environment; what they measure time with goes on as it should."""

    def __init__(self):
        self.folder = paths.Folder("clock")
        self.file = self.folder.path / "offset"
        self.set(0)

    def set(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as out:
            out.write(struct.pack("<q", int(seconds * 1000)))

    def environment(self):
        return {"LD_PRELOAD": str(paths.preset_dir() / "bin/clock_shim.so"), "HY_CLOCK_FILE": str(self.file)}

    def close(self):
        self.folder.remove()


class Node(Kafka):
    """One node of a cluster. Programs come in through the door; the auditor and the sender have a listener of their own."""

    def __init__(self, toxi, number, ports, cluster, settings):
        self.ports, self.clock = ports, Clock()
        self.inner = paths.free_port()
        self.door = toxi.door(f"kafka{number}", f"127.0.0.1:{self.inner}")
        super().__init__(settings, heap="768m", start=False, node=number, cluster=cluster)
        self.bootstrap = f"127.0.0.1:{self.port}"

    def _write_properties(self, extra):
        self.port, self.controller = self.ports[self.node]
        voters = ",".join(f"{n}@127.0.0.1:{controller}" for n, (_, controller) in self.ports.items())
        super()._write_properties({
            **extra,
            "controller.quorum.voters": voters,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},PROXIED://127.0.0.1:{self.inner},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port},PROXIED://{self.door.address}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
        })

    def environment(self):
        return {**os.environ, **self.clock.environment()}

    def close(self):
        super().close()
        self.clock.close()


class Cluster:
    """One node or three. bootstrap is the auditor's way in, address the programs'. patient: with transactions that timed out."""

    def __init__(self, toxi, nodes=1, patient=False):
        ports = {n: (paths.free_port(), paths.free_port()) for n in range(1, nodes + 1)}
        cluster = str(uuid.uuid4())
        settings = {**BROKER, **(THREE if nodes == 3 else {}), **(PATIENT if patient else {})}
        self.replication = nodes
        self.nodes = [Node(toxi, n, ports, cluster, settings) for n in ports]
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_it_answers()
        self.doors = [node.door for node in self.nodes]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        self.address = ",".join(door.address for door in self.doors)

    def close(self):
        for node in self.nodes:
            node.close()


class Clocked(Redis):
    """A Redis whose clock can be set."""

    def __init__(self, *extra):
        self.clock = Clock()
        super().__init__(*extra)

    def environment(self):
        return {**os.environ, **self.clock.environment()}

    def close(self):
        super().close()
        self.clock.close()


class Pair:
    """A Redis that programs use, through one door, and a replica of it that can take its place."""

    def __init__(self, toxi, replica):
        more = ("--enable-debug-command", "local")
        self.master = Clocked(*more)
        self.door = toxi.door("redis", f"127.0.0.1:{self.master.port}")
        self.replica = Clocked(*more, "--replicaof", f"127.0.0.1 {self.master.port}") if replica else None
        self.address = f"redis://{self.door.address}"

    @property
    def servers(self):
        return [one for one in (self.master, self.replica) if one]

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.master.port}"

    def flush(self):
        self.master.command("FLUSHALL")

    def copy(self, folder):
        """What is on its disk now."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.master.folder.path / "appendonlydir", folder)

    def restore(self, folder):
        """Comes back with an older copy of its data, as from a backup."""
        self.master.kill()
        shutil.rmtree(self.master.folder.path / "appendonlydir")
        shutil.copytree(folder, self.master.folder.path / "appendonlydir")
        self.master.start()

    def lag(self):
        """The replica hears nothing more."""
        self.replica.command("REPLICAOF", "NO", "ONE")

    def fail_over(self):
        """The master dies; the replica, with what it had, takes its place, and the old one comes back as its replica."""
        self.master.kill()
        self.replica.command("REPLICAOF", "NO", "ONE")
        self.door.lead_to(f"127.0.0.1:{self.replica.port}")
        self.master, self.replica = self.replica, self.master
        self.master.extra = self.replica.extra  # started again, it is nobody's replica
        self.replica.start()
        self.replica.command("REPLICAOF", "127.0.0.1", str(self.master.port))

    def heal(self):
        for one in self.servers:
            if not one.alive():
                one.start()
            one.clock.set(0)
        self.master.command("CONFIG", "SET", "maxmemory", "512mb")

    def close(self):
        for one in self.servers:
            one.close()


def publish(city, policies, change):
    """Publishes the storm's pack with a dispatch list that change(text) gave; returns hyctl's exit code."""
    path = policies / "dispatch/storm.yaml"
    before = path.read_text()
    path.write_text(change(before))
    try:
        done = subprocess.run([paths.program("hyctl"), "policy", "publish", "storm", "--policies", str(policies), "--config", str(city.config)],
                              capture_output=True, text=True, timeout=60)
    finally:
        path.write_text(before)
    return done.returncode
