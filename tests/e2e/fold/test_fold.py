"""A fold into SQLite against a real Kafka: killed, moved, cut and made anew, its view is what the topics say."""
import collections
import hashlib
import sqlite3
import sys
import time

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness import contract, paths, topics
from harness.kafka import Kafka
from harness.supervisor import Program

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture(scope="module")
def kafka():
    with Kafka() as one:
        yield one


@pytest.fixture
def world(kafka, request):
    one = World(kafka, f"f{abs(hash(request.node.name)) % 10**8}.")
    yield one
    one.folder.remove()


class World:
    def __init__(self, kafka, prefix):
        self.kafka, self.prefix, self.folder = kafka, prefix, paths.Folder("fold")
        self.db = str(self.folder.path / "view.db")
        self.sent = collections.Counter()  # (topic, partition, key) → records
        topics.create(kafka.bootstrap, prefix + "hy.registry", 1, {"cleanup.policy": "compact"})

    def topic(self, name, partitions=2, log="1"):
        topics.patiently(lambda: topics.create(self.kafka.bootstrap, self.prefix + name, partitions))  # its namesake may still be going
        self.log_id(name, log)

    def log_id(self, name, log):
        number = int.from_bytes(hashlib.sha256(f"{self.prefix}{name}{log}".encode()).digest(), "big") >> 126
        text = "".join(ALPHABET[number >> 5 * (25 - i) & 31] for i in range(26)).encode()
        full = self.prefix + name
        record = contract.cls("RegistryRecord")(schema_version=1, kind="log", id=full, content=text,
                                                hash=hashlib.sha256(text).digest())
        topics.send(self.kafka.bootstrap, self.prefix + "hy.registry", [(b"log/" + full.encode(),
                                                                         record.SerializeToString())])

    def remove(self, name):
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap})
        admin.delete_topics([self.prefix + name])[self.prefix + name].result(30)
        self.sent = collections.Counter({k: n for k, n in self.sent.items() if k[0] != name})

    def send(self, name, n, keys=50):
        pairs = [(f"k{i % keys}".encode(), b"x" * 50) for i in range(n)]
        for (key, _), (partition, _) in zip(pairs, topics.send(self.kafka.bootstrap, self.prefix + name, pairs)):
            self.sent[name, partition, key] += 1

    def program(self, *names):
        return Program("fold", [paths.program("fold_count"), self.kafka.bootstrap, self.prefix, self.db, *names])

    def counted(self):
        try:
            with sqlite3.connect(f"file:{self.db}?mode=ro", uri=True) as view:
                return collections.Counter({(t, p, bytes(k)): n for t, p, k, n in
                                            view.execute("SELECT topic, part, key, n FROM counts")})
        except sqlite3.Error:
            return None

    def settled(self, program, timeout=90):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.counted() == self.sent:
                return
            time.sleep(0.05)
        counted = self.counted() or {}
        raise AssertionError(f"{sum(counted.values())} counted, {sum(self.sent.values())} sent; "
                             f"{program.text()[-2000:]}")


def test_killed_again_and_again_the_view_counts_every_record_once(world):
    world.topic("hy.cases", 4)
    with world.program("hy.cases") as program:
        for round_no in range(12):
            starts = program.starts
            if round_no % 3 == 0:
                world.send("hy.cases", 3000)
                deadline = time.monotonic() + 60
                while program.starts == starts and time.monotonic() < deadline:
                    program.kill()
                    time.sleep(0.1)
            else:
                program.arm(f"fold.{('before', 'after')[round_no % 2]}_commit:{round_no % 4 + 1}:kill")
                deadline = time.monotonic() + 60
                while program.starts == starts and time.monotonic() < deadline:
                    world.send("hy.cases", 500)
            assert program.starts > starts, "the crash point was not passed"
        world.settled(program)
        assert program.kills >= 12


def test_topics_of_a_prefix_that_come_later_are_found(world):
    world.topic("hy.cases")
    world.topic("hy.work.water", 1)
    world.send("hy.cases", 100)
    world.send("hy.work.water", 10)
    with world.program("hy.cases", "hy.work.*") as program:
        world.settled(program)
        world.topic("hy.work.roads", 1)
        world.send("hy.work.roads", 10)
        world.send("hy.cases", 100)
        world.settled(program)


def test_a_topic_without_a_log_id_waits_and_says_so(world):
    topics.create(world.kafka.bootstrap, world.prefix + "hy.cases", 1)
    world.send("hy.cases", 10)
    with world.program("hy.cases") as program:
        deadline = time.monotonic() + 60
        while "no log id" not in program.text():
            assert time.monotonic() < deadline, program.text()[-2000:]
            time.sleep(0.1)
        time.sleep(1)
        assert not world.counted()
        world.log_id("hy.cases", "1")
        world.settled(program)


def test_a_topic_made_anew_is_folded_from_its_start(world):
    world.topic("hy.cases")
    world.send("hy.cases", 1000)
    with world.program("hy.cases") as program:
        world.settled(program)
        world.remove("hy.cases")
        world.topic("hy.cases", log="2")
        world.send("hy.cases", 2500)  # longer than before: only the log id tells
        world.settled(program)
        assert "why=log" in program.text()


def test_a_log_that_is_shorter_than_the_position_is_folded_from_its_start(world):
    world.topic("hy.cases")
    world.send("hy.cases", 1000)
    with world.program("hy.cases") as program:
        world.settled(program)
        program.terminate()
    world.remove("hy.cases")
    world.topic("hy.cases")
    world.send("hy.cases", 100)
    with world.program("hy.cases") as program:
        world.settled(program)
        assert "why=beyond" in program.text()


def test_records_that_were_deleted_before_they_were_folded_lead_to_a_new_fold_of_what_is_left(world):
    world.topic("hy.cases", 1)
    world.send("hy.cases", 500)
    with world.program("hy.cases") as program:
        world.settled(program)
        program.terminate()
    world.send("hy.cases", 500)
    admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap})
    for done in admin.delete_records([TopicPartition(world.prefix + "hy.cases", 0, 700)]).values():
        done.result(30)
    world.sent = collections.Counter(("hy.cases", 0, f"k{i % 500 % 50}".encode()) for i in range(700, 1000))
    with world.program("hy.cases") as program:
        world.settled(program)
        assert "why=below" in program.text()


def test_a_view_whose_file_is_gone_comes_back(world):
    world.topic("hy.cases")
    world.send("hy.cases", 500)
    with world.program("hy.cases") as program:
        world.settled(program)
        program.terminate()
    for path in world.folder.path.glob("view.db*"):
        path.unlink()
    with world.program("hy.cases") as program:
        world.settled(program)


def test_what_was_aborted_is_never_counted_and_an_open_transaction_waits(world):
    world.topic("hy.cases", 1)
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap, "transactional.id": world.prefix + "t"})
    producer.init_transactions(30)
    full = world.prefix + "hy.cases"
    with world.program("hy.cases") as program:
        for committed in (True, False, True):
            producer.begin_transaction()
            for i in range(100):
                producer.produce(full, b"v", f"k{i % 5}".encode(), 0)
            producer.flush(30)
            if committed:
                producer.commit_transaction(30)
                for i in range(100):
                    world.sent["hy.cases", 0, f"k{i % 5}".encode()] += 1
            else:
                producer.abort_transaction(30)
        world.settled(program)
        producer.begin_transaction()
        producer.produce(full, b"v", b"k0", 0)
        producer.flush(30)
        time.sleep(1)
        assert world.counted() == world.sent
        producer.commit_transaction(30)
        world.sent["hy.cases", 0, b"k0"] += 1
        world.settled(program)


def test_kafka_restarted_while_records_come(world):
    world.topic("hy.cases", 4)
    world.send("hy.cases", 1000)
    with world.program("hy.cases") as program:
        world.settled(program)
        world.kafka.kill()
        time.sleep(1)
        world.kafka.start()
        world.send("hy.cases", 1000)
        world.settled(program)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
