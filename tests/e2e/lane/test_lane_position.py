"""Where a lane starts, and when it refuses to: with exit code 1 and a sentence that names topic, reason and remedy."""
import pytest

from confluent_kafka import Consumer, TopicPartition
from harness import contract, topics


def delete_before(system, name, partition, offset):
    client = topics.admin(system.bootstrap)
    for f in client.delete_records([TopicPartition(system.topic(name), partition, offset)]).values():
        f.result(30)


def make_anew(system, name, partitions):
    client = topics.admin(system.bootstrap)
    for f in client.delete_topics([system.topic(name)]).values():
        f.result(30)
    settings = {"message.timestamp.type": "LogAppendTime"} if name == "commands" else {"cleanup.policy": "compact"}
    topics.patiently(lambda: topics.create(system.bootstrap, system.topic(name), partitions, settings))  # the old one may still be going


def handle_some(system, *words):
    places = system.send(*[b"1"] * 10)
    program = system.run(*words)
    system.await_done()
    assert program.terminate() == 0
    return places[0][0]


def test_a_second_start_goes_on_where_the_first_ended(system):
    handle_some(system)
    handle_some(system)
    assert system.state() == {b"k": b"20 20"}
    assert len(system.journal()) == 20


def test_a_position_beyond_the_end_of_the_log_is_refused(system):
    partition = handle_some(system)
    make_anew(system, "commands", 2)
    code, said = system.once()
    assert code == 1 and f"hy.commands/{partition} ends at 0, before the position 10" in said and "backup" in said


def test_a_position_below_the_start_is_refused_unless_the_operator_says_so(system):
    partition = handle_some(system)
    system.send(*[b"1"] * 10)
    delete_before(system, "commands", partition, 15)
    code, said = system.once()
    assert code == 1 and "5 records were dropped unread" in said and "lane.from=earliest" in said
    system.run("from=earliest")
    system.await_done()
    assert system.state() == {b"k": b"15 15"}


def test_a_first_start_on_a_log_that_has_lost_its_beginning_is_refused_unless_the_operator_says_so(system):
    (partition, _), *_ = system.send(*[b"1"] * 10)
    delete_before(system, "commands", partition, 4)
    code, said = system.once()
    assert code == 1 and f"hy.commands/{partition} begins at 4" in said and "lane.from=earliest" in said
    system.run("from=earliest")
    system.await_done()
    assert system.state() == {b"k": b"6 6"}


def write_other_log_id(system):
    record = contract.cls("RegistryRecord")(schema_version=1, kind="log", id=system.topic("commands"), content=b"0" * 26)
    topics.send(system.bootstrap, system.topic("registry"), [(b"log/" + system.topic("commands").encode(), record.SerializeToString())])


@pytest.mark.parametrize("words", [(), ("stateless",)])
def test_a_log_that_was_made_anew_is_refused_by_its_log_id(system, words):
    handle_some(system, *words)
    write_other_log_id(system)
    code, said = system.once(*words)
    assert code == 1 and "was made anew" in said and "0" * 26 in said


def test_state_without_a_progress_record_is_refused(system):
    topics.send(system.bootstrap, system.topic("cases"), [(b"k", b"1 1")])
    code, said = system.once()
    assert code == 1 and "no progress record" in said


def test_a_group_with_a_position_but_no_state_is_refused(system):
    system.send(b"1")
    consumer = Consumer({"bootstrap.servers": system.bootstrap, "group.id": system.prefix + "toy", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition(system.topic("commands"), 0, 0)], asynchronous=False)
    consumer.close()
    code, said = system.once()
    assert code == 1 and "its state is gone" in said


def test_state_and_input_of_different_counts_are_refused(system):
    make_anew(system, "cases", 3)
    code, said = system.once()
    assert code == 1 and "2 partitions" in said and "3: they must be equal" in said


def test_a_missing_topic_is_refused_with_the_command_that_makes_it(system):
    client = topics.admin(system.bootstrap)
    for f in client.delete_topics([system.topic("journal")]).values():
        f.result(30)
    code, said = system.once()
    assert code == 1 and "hy.journal does not exist" in said and "hyctl topics create" in said


def test_a_lane_without_state_goes_on_at_the_groups_offset(system):
    handle_some(system, "stateless")
    handle_some(system, "stateless")
    rows = system.journal()
    assert len(rows) == 20 and len({row[:2] for row in rows}) == 20


def test_a_lane_without_state_refuses_what_the_log_has_dropped(system):
    partition = handle_some(system, "stateless")
    system.send(*[b"1"] * 10)
    delete_before(system, "commands", partition, 12)
    code, said = system.once("stateless")
    assert code == 1 and "2 records were dropped unread" in said


def test_a_lane_without_state_begins_a_new_log_at_its_beginning(system):
    handle_some(system, "stateless")
    make_anew(system, "commands", 2)  # Kafka drops a group's offsets together with their topic
    handle_some(system, "stateless")
    assert len(system.journal()) == 20


@pytest.mark.parametrize("word,text", [("from=latest", "only \"earliest\"")])
def test_a_wrong_word_of_the_operator_is_refused(system, word, text):
    code, said = system.once(word)
    assert code == 1 and text in said
