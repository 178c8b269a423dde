"""The world around sla for its tests: topics with their log ids, a writer of cases in transactions as casework writes them,
an engine that answers fires as casework does, and sla itself.
"""
import hashlib
import json
import random
import threading
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition

from harness import contract, paths, timers, topics
from harness.supervisor import Program

ALPHABET = timers.ALPHABET
PARTITIONS = 4


def now_ms():
    return time.time_ns() // 1_000_000


def new_id(*parts):
    number = int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest(), "big") >> 126
    return "".join(ALPHABET[number >> 5 * (25 - i) & 31] for i in range(26))


def murmur2(data):
    """Kafka's murmur2, written from its public description: where Java's default partitioner puts a key."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    for i in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[len(data) - len(data) % 4:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(dossier):
    return (murmur2(dossier.encode()) & 0x7FFFFFFF) % PARTITIONS


def make_topics(bootstrap, prefix):
    """The topics that sla touches, and their log ids in hy.registry."""
    topics.create(bootstrap, prefix + "hy.registry", 1, {"cleanup.policy": "compact"})
    topics.create(bootstrap, prefix + "hy.cases", PARTITIONS, {"cleanup.policy": "compact"})
    topics.create(bootstrap, prefix + "hy.commands", PARTITIONS, {"message.timestamp.type": "LogAppendTime"})
    for name in ("hy.cases", "hy.commands", "hy.registry"):
        set_log_id(bootstrap, prefix + name, new_id("log", prefix, name))


def set_log_id(bootstrap, full, log_id):
    record = contract.cls("RegistryRecord")(schema_version=1, kind="log", id=full, content=log_id.encode(),
                                            hash=hashlib.sha256(log_id.encode()).digest())
    prefix = full.split("hy.")[0]
    topics.send(bootstrap, prefix + "hy.registry", [(b"log/" + full.encode(), record.SerializeToString())])


class Cases:
    """Writes snapshots and progress in transactions, keeps the newest snapshot of each case, and counts versions."""

    def __init__(self, bootstrap, prefix, name="cases"):
        self.prefix, self.topic = prefix, prefix + "hy.cases"
        self.log_id = new_id("log", prefix, "hy.commands")
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": prefix + name, "linger.ms": 0,
                                  "transaction.timeout.ms": 10000})
        self.producer.init_transactions(30)
        self.state = {}
        self.progress = {p: 0 for p in range(PARTITIONS)}
        self.lock = threading.RLock()

    def case(self, name, **clocks):
        """A new open case; clocks: name = (epoch, stage, due ms)."""
        Case = contract.cls("Case")
        dossier = new_id("dossier", self.prefix, name)
        one = Case(schema_version=1, id=new_id("case", dossier, name), dossier=dossier, kind="letter", owner="dept",
                   state=contract.cls("Case").DESCRIPTOR.file.enum_types_by_name["CaseState"]
                   .values_by_name["CASE_STATE_ASSIGNED"].number)
        self.set_clocks(one, **clocks)
        return one

    def set_clocks(self, one, **clocks):
        running = type(one).DESCRIPTOR.file.enum_types_by_name["ClockState"].values_by_name["CLOCK_STATE_RUNNING"].number
        one.version += 1
        del one.clocks[:]
        for name, (epoch, stage, due) in clocks.items():
            clock = one.clocks.add(name=name, epoch=epoch, stage=stage, state=running)
            clock.stage_due.unix_ms = due
            clock.stage_due.offset_minutes = 480
        return one

    def close(self, one):
        one.version += 1
        one.state = type(one).DESCRIPTOR.file.enum_types_by_name["CaseState"].values_by_name["CASE_STATE_CLOSED"].number
        return one

    def write(self, *cases, progress=None, raw=(), abort=False, remember=True):
        """One transaction: snapshots, then the progress of every partition touched. raw: (partition, key, value)."""
        with self.lock:
            self.progress.update(progress or {})
            self.producer.begin_transaction()
            touched = set(progress or {})
            for one in cases:
                p = partition_of(one.dossier)
                touched.add(p)
                self._produce(p, f"{one.dossier}.{one.id}".encode(), one.SerializeToString())
            for p, key, value in raw:
                self._produce(p, key, value)
            for p in touched:
                record = contract.cls("Progress")(schema_version=1, log_id=self.log_id, next_offset=self.progress[p],
                                                  now_unix_ms=now_ms())
                self._produce(p, b"!progress", record.SerializeToString())
            if abort:
                self.producer.flush(30)
                self.producer.abort_transaction(30)
                return
            self.producer.commit_transaction(30)
            for one in cases if remember else ():
                self.state[one.id] = one

    def _produce(self, p, key, value):
        while True:
            try:
                return self.producer.produce(self.topic, value, key, p)
            except BufferError:
                self.producer.poll(0.1)


class Engine(threading.Thread):
    """Answers fires as casework does: by epoch and stage alone; the last stage stops the clock. Keeps what it saw.

    fires: every TimerFired in log order; effects: (case, clock, epoch, stage) → how often it moved the case."""

    def __init__(self, bootstrap, cases, stages=3, gap_ms=400):
        super().__init__(daemon=True)
        self.bootstrap, self.cases, self.stages, self.gap = bootstrap, cases, stages, gap_ms
        self.fires, self.effects, self.late, self.known = [], {}, [], set()
        self.held = False  # answers nothing, as a casework that is down
        self.ignore = lambda fired: False
        self.broken = None
        self.wanted = True
        self.start()

    def run(self):
        try:
            self._run()
        except Exception as error:  # the test must see it
            self.broken = error
            raise

    def _run(self):
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "engine", "enable.auto.commit": False,
                             "auto.offset.reset": "earliest", "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition(self.cases.prefix + "hy.commands", p, 0) for p in range(PARTITIONS)])
        while self.wanted:
            if self.held:
                time.sleep(0.05)
                continue
            batch = [m for m in consumer.consume(500, 0.02) if not m.error()]
            if batch:
                self._handle(batch)
        consumer.close()

    def _handle(self, batch):
        changed, progress = {}, {}
        with self.cases.lock:
            for m in batch:
                progress[m.partition()] = m.offset() + 1
                one = self._fire(contract.decode("Command", m.value()), m)
                if one is not None:
                    changed[one.id] = one
            self.cases.write(*changed.values(), progress=progress)

    def _fire(self, command, m):
        fired = command.timer_fired
        key = (command.case_id, fired.clock, fired.epoch, fired.stage)
        assert m.key() == f"{command.dossier}.{command.case_id}".encode()
        assert m.partition() == partition_of(command.dossier)
        stamp = m.timestamp()[1]
        if key not in self.known:
            self.known.add(key)
            self.late.append(stamp - fired.due.unix_ms)
        self.fires.append((key, command.id, stamp, fired.due.unix_ms))
        one = self.cases.state.get(command.case_id)
        clock = next((c for c in one.clocks if c.name == fired.clock), None) if one else None
        running = clock is not None and (clock.epoch, clock.stage) == (fired.epoch, fired.stage) and clock.state == 1
        if not running or self.ignore(fired):
            return None
        self.effects[key] = self.effects.get(key, 0) + 1
        one.version += 1
        if clock.stage + 1 >= self.stages:
            clock.state = 3
        else:
            clock.epoch += 1
            clock.stage += 1
            clock.stage_due.unix_ms += self.gap
        return one

    def close(self):
        self.wanted = False
        self.join(10)


class Sla(Program):
    """sla under the supervisor, with its metrics."""

    def __init__(self, kafka, redis_url, prefix, name="sla", **settings):
        self.port = paths.free_port()
        values = {"kafka.brokers": kafka.bootstrap, "kafka.prefix": prefix, "redis.url": redis_url,
                  "redis.prefix": prefix.rstrip(".") or "hy", "http.listen": f"127.0.0.1:{self.port}", "sla.audit": "0ms",
                  "log.format": "json", "instance": name, **{k.replace("__", "."): v for k, v in settings.items()}}
        argv = [paths.program("sla")]
        for key, value in values.items():
            argv += ["--set", f"{key}={value}"]
        super().__init__(name, argv)

    def __exit__(self, kind, *rest):
        if kind is not None:
            print(f"---- the end of {self.name}'s log\n{self.text()[-6000:]}")
        super().__exit__(kind, *rest)

    def metric(self, name, default=0.0):
        """A sample by its full name with labels, as /metrics writes it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return default
        for line in text.splitlines():
            if line.rsplit(" ", 1)[0] == name:
                return float(line.rsplit(" ", 1)[1])
        return default

    def ready(self, partitions=PARTITIONS, timeout=90):
        """Waits until it folds so many partitions."""
        until(lambda: self.metric('huiying_fold_partitions_open{fold="sla"}') == partitions, timeout)
        return self

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}


def until(what, timeout=90, every=0.02, show=None):
    """Waits until what() is true; fails with what `show` says."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(every)
    raise AssertionError(f"not within {timeout} s" + (f": {show()}" if show else ""))


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


rng = random.Random(20260214)
