"""Records that cannot be handled: each is one dead letter, in the transaction that moves past it, and the lane goes on."""
import hashlib

from harness import topics
from harness.contract import identity


def test_a_refused_record_is_one_dead_letter_and_leaves_nothing_behind(system):
    (place, *_) = system.send(b"1", b"bad", b"2")
    system.run()
    system.await_done()
    (letter,) = system.dead()
    assert (letter.reason, letter.detail) == ("HY_EFORMAT", "a word that is refused")
    assert (letter.source.topic, letter.source.partition, letter.source.offset) == ("hy.commands", place[0], place[1] + 1)
    assert (letter.key, letter.original, letter.original_size) == (b"k", b"bad", 3)
    assert letter.original_sha256 == hashlib.sha256(b"bad").digest()
    assert letter.event_id == identity("bad")  # so that a person who asks for the message finds its fate
    assert letter.program == "toy" and letter.tries == 1 and letter.source.log_id
    assert system.state() == {b"k": b"2 3"}
    assert [row[2:] for row in system.journal()] == [(1, 1, 1), (2, 2, 3)]


def test_a_handler_that_goes_on_can_write_a_dead_letter_itself(system):
    system.send(b"dead", b"5")
    system.run()
    system.await_done()
    assert [d.reason for d in system.dead()] == ["asked_for"]
    assert system.state() == {b"k": b"1 5"}


def test_a_record_too_large_is_a_dead_letter_with_its_head_and_hash(system):
    big = b"x" * (10 << 20)
    topics.send(system.bootstrap, system.topic("commands"), [(b"k", b"1"), (b"k", big), (b"k", b"2")],
                **{"message.max.bytes": 11 << 20})
    system.run()
    system.await_done()
    (letter,) = system.dead()
    assert letter.reason == "too_large" and letter.original_size == len(big) and letter.original == big[:4096]
    assert letter.original_sha256 == hashlib.sha256(big).digest()
    assert system.state() == {b"k": b"2 3"}


def test_a_key_too_long_is_a_dead_letter_and_none_at_all_is_the_handlers_affair(system):
    topics.send(system.bootstrap, system.topic("commands"), [(b"k" * 513, b"1"), (None, b"1"), (b"", b"1"), (b"!progress", b"1"), (b"k", b"7")])
    system.run()
    system.await_done()
    assert sorted(d.reason for d in system.dead()) == ["HY_EINVALID", "HY_EINVALID", "HY_EINVALID", "key_too_long"]
    assert system.state() == {b"k": b"1 7"}


def test_a_snapshot_over_64_kb_refuses_growth_and_stays_as_it_was(system):
    system.send(b"1", b"big 65536", b"big 65537", b"big 100000", b"big 65535")
    system.run()
    system.await_done()
    assert [d.reason for d in system.dead()] == ["HY_ETOOBIG", "HY_ETOOBIG"]
    assert system.state() == {b"k": b"x" * 65535}


def test_a_tombstone_and_an_empty_value_reach_the_handler(system):
    topics.send(system.bootstrap, system.topic("commands"), [(b"k", None), (b"k", b""), (b"k", b"3")])
    system.run()
    system.await_done()
    assert [d.reason for d in system.dead()] == ["HY_EFORMAT", "HY_EFORMAT"]
    assert system.state() == {b"k": b"1 3"}


def test_deleted_state_is_a_tombstone_and_starts_anew(system):
    system.send(b"1", b"delete", b"delete", b"4")
    system.send(b"1", b"delete", key=b"gone")
    system.run()
    system.await_done()
    assert system.state() == {b"k": b"1 4"}


def test_a_topic_that_does_not_exist_is_a_dead_letter_and_one_that_does_gets_its_record(system):
    system.send(b"to hy.work.nobody", b"to hy.work.one", b"to hy.nothing")
    system.run()
    system.await_done()
    assert [d.reason for d in system.dead()] == ["HY_ENOTFOUND", "HY_ENOTFOUND"]
    assert [r.value for r in system.records("work.one")] == [b"sent"]


def test_a_record_that_must_wait_is_offered_again_and_nothing_overtakes_it(system):
    system.send(b"1", b"again 3", b"2", b"3")
    program = system.run()
    system.await_done()
    assert [row[2] for row in system.journal()] == [1, 2, 3]
    assert system.dead() == [] and program.exits == []
