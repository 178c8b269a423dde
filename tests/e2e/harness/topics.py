"""Topics from outside: create, fill, read to the end. Independent of our own code on purpose."""
import time
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


def create(bootstrap, name, partitions=1, config=None, timeout=30):
    """Creates a topic and waits until it has leaders."""
    client = admin(bootstrap)
    for future in client.create_topics([NewTopic(name, partitions, 1, config=config or {})]).values():
        future.result(timeout)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        meta = client.list_topics(name, timeout=5).topics.get(name)
        if meta and len(meta.partitions) == partitions and all(p.leader >= 0 for p in meta.partitions.values()):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} has no leaders after {timeout} s")


def patiently(ask, timeout=30):
    """ask(), again while a broker that has just come back does not lead or coordinate yet."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def partitions_of(bootstrap, topic):
    meta = admin(bootstrap).list_topics(topic, timeout=10).topics[topic]
    if meta.error:
        raise KafkaException(meta.error)
    return sorted(meta.partitions)


def producer(bootstrap, **settings):
    """A plain idempotent producer whose placement is Java's default (murmur2 of the whole key)."""
    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random",
                     "linger.ms": 5, **settings})


def send(bootstrap, topic, pairs, **settings):
    """Sends (key, value) pairs, or (key, value, partition), waits for all of them, returns [(partition, offset)] in order;
    raises if one failed."""
    client = producer(bootstrap, **settings)
    placed = []

    def done(slot):
        def report(error, message):
            if error:
                raise KafkaException(error)
            placed[slot] = (message.partition(), message.offset())
        return report

    for slot, (key, value, *where) in enumerate(pairs):
        placed.append(None)
        while True:
            try:
                client.produce(topic, value, key, *where, on_delivery=done(slot))
                break
            except BufferError:
                client.poll(0.1)
        client.poll(0)
    if client.flush(60) or None in placed:
        raise RuntimeError(f"not all records reached {topic}")
    return placed


def ends(bootstrap, topic, isolation="read_uncommitted"):
    """{partition: (low, high)}; under read_committed high is the last stable offset."""
    def ask():  # a client of its own each time: one that heard from a broker just back that there is no such partition stays with it
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "harness", "isolation.level": isolation})
        try:
            meta = consumer.list_topics(topic, timeout=10).topics[topic]
            if meta.error:
                raise KafkaException(meta.error)
            return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=15) for p in meta.partitions}
        finally:
            consumer.close()
    return patiently(ask)


def read(bootstrap, topic, isolation="read_committed", timeout=60):
    """Yields every record up to where the log ended when this began. Own assignment, no group is touched."""
    until = {p: high for p, (low, high) in ends(bootstrap, topic).items() if high > low}
    if not until:
        return
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "harness", "isolation.level": isolation,
                         "enable.auto.commit": False, "auto.offset.reset": "earliest", "enable.partition.eof": True,
                         "fetch.message.max.bytes": 16 << 20, "fetch.max.bytes": 64 << 20,
                         "fetch.wait.max.ms": 50})
    consumer.assign([TopicPartition(topic, p, 0) for p in until])
    open_partitions = set(until)
    deadline = time.monotonic() + timeout
    try:
        while open_partitions:
            batch = consumer.consume(2000, 0.1)
            if batch:
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                raise RuntimeError(f"{topic}: nothing came for {timeout} s, open partitions {sorted(open_partitions)}")
            for m in batch:
                if m.error():
                    if m.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(m.error())
                    # Under read_committed the end stands before an open transaction: wait for its fate.
                    if m.offset() >= until[m.partition()]:
                        open_partitions.discard(m.partition())
                    continue
                yield Record(topic, m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value())
    finally:
        consumer.close()


def read_all(bootstrap, topic, isolation="read_committed", timeout=60):
    return list(read(bootstrap, topic, isolation, timeout))


def compacted(bootstrap, topic, isolation="read_committed"):
    """{(partition, key): last value} as a reader of a compacted topic sees it; tombstones removed."""
    state = {}
    for r in read(bootstrap, topic, isolation):
        if r.value is None:
            state.pop((r.partition, r.key), None)
        else:
            state[r.partition, r.key] = r.value
    return state


def group_offsets(bootstrap, group, topic):
    """{partition: committed offset} of a group."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    try:
        wanted = [TopicPartition(topic, p) for p in partitions_of(bootstrap, topic)]
        return patiently(lambda: {tp.partition: tp.offset for tp in consumer.committed(wanted, timeout=15)})
    finally:
        consumer.close()
