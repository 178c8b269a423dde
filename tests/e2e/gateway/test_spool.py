"""Kafka or the gateway dies while messages come: whoever was answered with success is in Kafka, in order per dossier."""
import itertools
import random
import threading
import time

import pytest
from conftest import MAIN, Gateway, make_topics
from harness.kafka import Kafka

NOW = int(time.time())


PREFIXES = (f"t{n}." for n in itertools.count())


@pytest.fixture(scope="module")
def shared_kafka():
    with Kafka() as kafka:
        yield kafka


@pytest.fixture
def own_kafka(shared_kafka):
    """One broker for the file, topics of its own for each test; up again when the test ends, whatever it did to it."""
    shared_kafka.prefix = next(PREFIXES)
    make_topics(shared_kafka)
    yield shared_kafka
    if shared_kafka.process.poll() is not None:
        shared_kafka.start()


class Senders:
    """Threads that each own some writers and send their messages one after the other, again until answered, as the
    platform does. `promised` holds native ids by writer in the order in which they were answered."""

    def __init__(self, gateway, writers=12, each=40, threads=6):
        self.gateway = gateway
        self.pushes = {}
        names = [f"oWriter{i}" for i in range(writers)]
        xmls = [MAIN.text(name, 1000 + n, NOW, f"{name} {n}") for name in names for n in range(each)]
        made = MAIN.pushes(xmls, NOW)
        for i, name in enumerate(names):
            self.pushes[name] = made[i * each:(i + 1) * each]
        self.promised = {name: [] for name in names}
        self.refused = 0
        self.slowest = 0.0
        self.wrong = []
        self.stop_at = None
        self.pace = 0.0
        self.threads = [threading.Thread(target=self._run, args=(names[t::threads],)) for t in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self, timeout=180):
        for thread in self.threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a sender never got its answer"
        assert not self.wrong, self.wrong[:5]

    def _run(self, names):
        turns = [(name, n) for n in range(len(self.pushes[names[0]])) for name in names]
        for name, n in turns:
            self._send_until_taken(name, n)
            time.sleep(self.pace)

    def _send_until_taken(self, name, n):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            began = time.monotonic()
            try:
                status, body = self.gateway.push(self.pushes[name][n], timeout=10)
            except OSError:
                time.sleep(0.05)
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            if (status, body) == (200, b"success"):
                self.promised[name].append(f"{MAIN.gh}|{name}|{1000 + n}")
                return
            if status != 503:
                self.wrong.append((status, body))
                return
            self.refused += 1
            time.sleep(0.05)
        self.wrong.append(("never taken", name, n))

    def count(self):
        return sum(len(ids) for ids in self.promised.values())


def audit(gateway, senders):
    """Nothing promised is lost, nothing is there that was not sent, and first occurrences of a writer are in order."""
    gateway.wait_metric("huiying_spool_waiting", 0)
    found = {}
    for _, event in gateway.events():
        found.setdefault(event.author.handle, [])
        if event.native_id not in found[event.author.handle]:
            found[event.author.handle].append(event.native_id)
    for name, ids in senders.promised.items():
        assert len(ids) == len(senders.pushes[name])
        assert found[name] == ids, f"{name}: {found[name][:50]} is not {ids[:50]}"
    assert set(found) == set(senders.promised)


def wait_for(senders, share):
    wanted = share * sum(len(p) for p in senders.pushes.values())
    deadline = time.monotonic() + 120
    while senders.count() < wanted and time.monotonic() < deadline:
        time.sleep(0.02)


def test_while_kafka_is_stopped_the_spool_answers_within_the_platforms_limit(own_kafka):
    with Gateway(own_kafka) as gateway:
        senders = Senders(gateway)
        senders.pace = 0.02
        senders.start()
        wait_for(senders, 0.2)
        own_kafka.stop_for(8)
        senders.join()
        assert senders.slowest < 4.9, senders.slowest
        assert senders.refused == 0
        assert gateway.metric("huiying_gateway_accepted_total", safe="spool") > 0
        audit(gateway, senders)


def test_while_kafka_is_killed_and_comes_back_nothing_is_lost(own_kafka):
    with Gateway(own_kafka) as gateway:
        senders = Senders(gateway)
        senders.pace = 0.02
        senders.start()
        for _ in range(2):
            wait_for(senders, 0.1)
            own_kafka.kill()
            time.sleep(4)
            own_kafka.start()
            time.sleep(2)
        senders.join()
        assert senders.slowest < 4.9, senders.slowest
        audit(gateway, senders)
        assert gateway.metric("huiying_spool_rewinds_total") >= 1


def test_a_gateway_that_starts_without_kafka_serves(own_kafka):
    own_kafka.kill()
    with Gateway(own_kafka) as gateway:
        senders = Senders(gateway, writers=4, each=10, threads=4).start()
        senders.join()
        assert gateway.get("/healthz")[0] == 200
        own_kafka.start()
        audit(gateway, senders)


def test_topics_that_are_made_later_get_what_was_taken_before(shared_kafka):
    shared_kafka.prefix = next(PREFIXES)
    with Gateway(shared_kafka) as gateway:
        senders = Senders(gateway, writers=4, each=5, threads=4).start()
        senders.join()
        assert senders.slowest < 4.9, senders.slowest
        make_topics(shared_kafka)
        audit(gateway, senders)


@pytest.mark.parametrize("point", ["spool.before_write", "spool.before_sync", "gateway.after_sync", "gateway.before_answer"])
def test_killed_while_it_spools_it_loses_nothing_it_promised(own_kafka, point):
    own_kafka.kill()
    with Gateway(own_kafka) as gateway:
        senders = Senders(gateway)
        senders.pace = 0.02  # or all may have come before a crash point is armed
        senders.start()
        wait_for(senders, 0.1)
        for n in range(2):
            kills = gateway.program.kills
            gateway.program.arm(f"{point}:{1 + 3 * n}:kill")
            deadline = time.monotonic() + 30
            while gateway.program.kills == kills and time.monotonic() < deadline:
                time.sleep(0.02)
            gateway.program.arm("")
            assert gateway.program.kills == kills + 1, "the crash point was not hit"
            gateway.ready()
        own_kafka.start()
        senders.join()
        audit(gateway, senders)


def test_killed_at_random_while_kafka_comes_and_goes_it_keeps_its_promise(own_kafka):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with Gateway(own_kafka) as gateway:
        senders = Senders(gateway, writers=16, each=50)
        senders.pace = 0.03
        senders.start()
        for _ in range(2):
            time.sleep(dice.uniform(0.5, 1.5))
            own_kafka.kill()
            time.sleep(dice.uniform(0.2, 3))
            gateway.program.kill()
            time.sleep(dice.uniform(0.2, 1))
            own_kafka.start()
            time.sleep(dice.uniform(0.2, 2))
            gateway.program.kill()
        gateway.ready()
        senders.join()
        audit(gateway, senders)


def test_with_a_full_spool_and_no_kafka_it_says_503_and_keeps_what_it_promised(own_kafka):
    with Gateway(own_kafka, spool__max="1MB", spool__segment="64KB", answer__kafka="500ms") as gateway:
        own_kafka.kill()
        texts, statuses = {}, []
        for n in range(200):
            status, answer = gateway.message({"account": "a", "text": "满" * 4900 + f" {n}", "title": f"t{n}"})
            statuses.append(status)
            if status == 202:
                texts[answer["event_id"]] = f"t{n}"
            else:
                assert (status, answer["error"]) == (503, "spool_full")
                if statuses.count(503) == 3:
                    break
        assert 503 in statuses and 202 in statuses
        own_kafka.start()
        gateway.wait_metric("huiying_spool_waiting", 0)
        found = {e.id: e.title for _, e in gateway.events()}
        assert {k: found.get(k) for k in texts} == texts
        deadline = time.monotonic() + 60  # the spool keeps what it sent: while it is full, Kafka must be in time
        while (status := gateway.message({"account": "a", "text": "again"})[0]) == 503 and time.monotonic() < deadline:
            time.sleep(0.3)
        assert status == 202
