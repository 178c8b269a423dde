"""The servers of the fault storm, each behind a proxy that can be cut, and a city on them for each seed.

    with World() as world:
        with world.city(seed) as city: ...

One Kafka and one Redis live through all seeds; a city has topics and keys under a prefix of its own.
"""
import heapq
import itertools
import pathlib
import shutil
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "e2e/pipeline")]

from city import City  # noqa: E402
from harness import paths, topics  # noqa: E402
from servers import Clock, Cluster, Pair  # noqa: E402
from toxi import Toxi  # noqa: E402

COPIES = {"router": 2, "casework": 2, "sentinel": 2, "sla": 2}


class Timeline(threading.Thread):
    """Does things at their time, one after the other. Lives as long as the world: a server that a thread started is told to
    die when that thread does (harness/paths.py)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.rows, self.number, self.changed = [], itertools.count(), threading.Condition()
        self.start()

    def at(self, seconds, act):
        with self.changed:
            heapq.heappush(self.rows, (time.monotonic() + seconds, next(self.number), act))
            self.changed.notify()

    def run(self):
        while True:
            with self.changed:
                while not self.rows or self.rows[0][0] > time.monotonic():
                    self.changed.wait(self.rows[0][0] - time.monotonic() if self.rows else None)
                act = heapq.heappop(self.rows)[2]
            act()


class World:
    """nodes: of Kafka, 1 or 3. replica: Redis has one and fails over to it. patient: Kafka is, with transactions (servers.py)."""

    def __init__(self, nodes=1, replica=False, patient=False):
        self.folder = paths.Folder("storm")
        self.policies = self.folder.path / "policies"
        self._write_policies()
        self.timeline = Timeline()
        self.clock = Clock()  # of the programs' second copies
        self.toxi = Toxi()
        self.kafka, self.redis = Cluster(self.toxi, nodes, patient), Pair(self.toxi, replica)

    def _write_policies(self):
        for name in ("policies", "gazetteer", "calendars"):
            shutil.copytree(paths.ROOT / "deploy" / name, self.folder.path / name)
        shutil.copy(HERE / "storm.yaml", self.policies)
        shutil.copy(HERE / "storm_list.yaml", self.policies / "dispatch/storm.yaml")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def city(self, seed, audited=True):
        """A city of its own. The second copy of each program has a clock of its own that can be set. audited: sla compares
        Redis with Kafka every few seconds and mends; without it the first mechanism must hold alone."""
        more = {"sla": {"sla.audit": "4s" if audited else "0ms"}}
        return City(programs=tuple(COPIES), pack="storm", copies=COPIES, servers=(self.kafka, self.redis), prefix=f"s{seed}.",
                    doors=(self.kafka.address, self.redis.address), policies=self.policies, more=more,
                    env=lambda copy: self.clock.environment() if copy else {})

    def heal(self):
        """Everything runs and every way is open."""
        for node in self.kafka.nodes:
            node.clock.set(0)
            if not node.alive():
                node.launch()
        for node in self.kafka.nodes:
            node.wait_until_it_answers()
        self.redis.heal()
        for door in (*self.kafka.doors, self.redis.door):
            door.heal()
        self.clock.set(0)

    def forget(self, city):
        """Its topics and keys go, so that the next city has room."""
        client = topics.admin(self.kafka.bootstrap)
        mine = [t for t in client.list_topics(timeout=20).topics if t.startswith(city.prefix)]
        for future in client.delete_topics(mine, operation_timeout=20).values():
            future.exception()
        self.redis.flush()

    def close(self):
        self.redis.close()
        self.kafka.close()
        self.toxi.close()
        self.clock.close()
        self.folder.remove()
