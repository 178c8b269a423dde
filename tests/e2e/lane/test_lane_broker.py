"""What the lanes rely on in the broker itself, beyond its documentation."""
import time

from harness import topics


def test_a_transaction_that_was_open_when_the_broker_was_killed_is_over_soon_after_it_is_back(system):
    """Else its partitions stand still for ever: their readers wait for a marker that nobody writes any more."""
    log = system.topic("cases")
    writer = topics.producer(system.bootstrap, **{"transactional.id": system.prefix + "gone", "transaction.timeout.ms": 3000})
    writer.init_transactions(30)
    writer.begin_transaction()
    for partition in topics.partitions_of(system.bootstrap, log):
        writer.produce(log, b"1", b"k", partition)
    assert writer.flush(10) == 0
    system.kafka.kill()
    time.sleep(4)  # past the transaction's time: the broker ends it while it starts
    system.kafka.start()
    deadline = time.monotonic() + 60
    while topics.ends(system.bootstrap, log, "read_committed") != topics.ends(system.bootstrap, log):
        assert time.monotonic() < deadline, "the last stable offset does not move: a hanging transaction (KAFKA-20734)"
        time.sleep(0.2)
    assert topics.read_all(system.bootstrap, log) == []
