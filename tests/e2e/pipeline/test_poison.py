"""Records that nobody can read, raw on the topics that other people's producers write too: exactly one dead letter each,
with a reason that tells nothing of a person, and the lane goes on with what comes behind them."""
import hashlib

import clocks
import pytest
from city import event, identity
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource
from harness import contract, topics
from town import until

PERSON = "王小明13800138000"  # stands in every bad record; no reason, log line or metric may repeat it
BIG = 10 << 20
LIMIT = {"message.max.bytes": 12 << 20}


def spoilt(message, enlarge):
    """The three bad records made of a good message: {reason: bytes}."""
    whole = message.SerializeToString()
    newer = type(message).FromString(whole)
    newer.schema_version = 2
    huge = type(message).FromString(whole)
    enlarge(huge)
    return {"HY_EFORMAT": whole[:len(whole) * 2 // 3], "HY_EVERSION": newer.SerializeToString(), "too_large": huge.SerializeToString()}


def letters_of(town, topic, places):
    """{(partition, offset): [DeadLetter, …]} of these records."""
    out = {place: [] for place in places}
    for _, d in town.read("hy.dead", "DeadLetter"):
        if d.source.topic == topic and (d.source.partition, d.source.offset) in out:
            out[d.source.partition, d.source.offset].append(d)
    return out


def bury(town, topic, key, bad, program):
    """Sends the bad records and checks the dead letter of each."""
    places = dict(zip(bad, topics.send(town.kafka.bootstrap, topic, [(key, value) for value in bad.values()], **LIMIT)))
    until(lambda: all(letters_of(town, topic, places.values()).values()), 90, 0.2,
          lambda: f"{topic}: dead letters {letters_of(town, topic, places.values())}")
    found = letters_of(town, topic, places.values())
    for reason, place in places.items():
        (letter,) = found[place]
        value = bad[reason]
        assert (letter.reason, letter.program, letter.tries) == (reason, program, 1), letter
        assert (letter.original_size, letter.original_sha256) == (len(value), hashlib.sha256(value).digest())
        assert letter.original == (value if len(value) <= 512 << 10 else value[:4096])
        assert letter.detail and letter.source.log_id and letter.key == key
        for word in (PERSON, PERSON[:3], PERSON[3:]):
            assert word not in letter.reason + letter.detail


def conversation(name, n):
    """The n-th message of a person who writes again and again: all of them belong to one case."""
    return event(f"{name}-{n}", f"我是{PERSON}，路灯坏了一直没修，第{n}次反映", kind="PRIVATE_MESSAGE", platform="chat", who=name, handle=PERSON)


def fates(town, events):
    by_id = {}
    for _, j in town.read("hy.journal", "JournalRecord"):
        if j.fate:
            by_id.setdefault(j.event_id, []).append(j.fate)
    return [by_id.get(e.id) for e in events]


def await_one_case(town, events):
    """The first opened a case, the others were appended to it (fates 1 and 2), each once."""
    wanted = [[1]] + [[2]] * (len(events) - 1)
    until(lambda: fates(town, events) == wanted, 90, 0.2, lambda: f"fates {fates(town, events)}")


def enlarge_event(e):
    e.text = PERSON * (BIG // len(PERSON.encode()))


def test_a_bad_message_is_one_dead_letter_and_those_behind_it_are_handled(town):
    sent = town.send([conversation("poison-comments", 1)])
    bad, key = spoilt(conversation("poison-comments", "x"), enlarge_event), sent[0].dossier.encode()
    bury(town, "hy.comments", key, bad, "router")
    sent += town.send([conversation("poison-comments", 2)])
    bury(town, "hy.comments", key, bad, "router")  # the same bytes again are records of their own, with letters of their own
    sent += town.send([conversation("poison-comments", 3)])
    await_one_case(town, sent)


@pytest.mark.parametrize("kind", ["POST", "SIGNAL"])
def test_a_bad_post_or_signal_is_one_dead_letter_and_those_behind_it_are_seen(town, kind):
    topic = f"hy.{kind.lower()}s"
    first, bad, second = (event(f"poison-{kind}-{n}", f"澄塘区南市场自来水发黄，{PERSON}", kind=kind, who=kind) for n in range(3))
    town.send([first], topic)
    bury(town, topic, first.dossier.encode(), spoilt(bad, enlarge_event), "router")
    town.send([second], topic)
    until(lambda: {first.id, second.id} <= {s.event_id for _, s in town.read("hy.sightings", "Sighting")}, 90, 0.2)


def test_a_bad_command_is_one_dead_letter_and_the_case_goes_on(town):
    sent = town.send([conversation("poison-commands", 1)])
    key = sent[0].dossier.encode()
    command = until(lambda: [c for r, c in town.read("hy.commands", "Command") if r.key == key], 90, 0.2)[0]
    command.message.event.CopyFrom(conversation("poison-commands", "x"))
    bury(town, "hy.commands", key, spoilt(command, lambda c: enlarge_event(c.message.event)), "casework")
    sent += town.send([conversation("poison-commands", 2)])
    await_one_case(town, sent)


def test_a_bad_sighting_is_one_dead_letter_and_its_subject_still_becomes_an_incident(town):
    """One subject, so one partition: two writers, the bad records, then the writers that make it an incident."""
    texts = [event(f"poison-sight-{n}", f"澄塘区北门路桥面塌陷，我是{PERSON}{n}", who=f"writer-{n}", handle=f"{PERSON}{n}") for n in range(8)]
    town.send(texts[:2])
    ids = {e.id for e in texts[:2]}
    seen = until(lambda: [(r, s) for r, s in town.read("hy.sightings", "Sighting") if s.event_id in ids], 90, 0.2,
                 lambda: [s for _, s in town.read("hy.sightings", "Sighting") if s.event_id in ids])
    record, sighting = max(seen, key=lambda one: one[1].weight)
    key = record.key
    sighting.url = PERSON
    bad = spoilt(sighting, lambda s: setattr(s, "url", PERSON * (BIG // len(PERSON.encode()))))
    with pytest.raises(KafkaException) as refused:  # this topic is ours alone: the broker takes no such record
        topics.send(town.kafka.bootstrap, "hy.sightings", [(key, bad["too_large"])], **LIMIT)
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    allow_large(town, "hy.sightings")  # but somebody may have set it otherwise
    bury(town, "hy.sightings", key, bad, "sentinel")
    town.send(texts[2:])
    dossier = identity("incident", sighting.subject)
    until(lambda: [c for c in clocks.snapshots(town).values() if (c[-1].kind, c[-1].dossier) == ("incident", dossier)], 90, 0.3)


def allow_large(town, topic):
    entry = ConfigEntry("max.message.bytes", str(12 << 20), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    client = topics.admin(town.kafka.bootstrap)  # held until the answer is there
    for future in client.incremental_alter_configs([resource]).values():
        future.result(60)


def test_nothing_but_the_bad_records_is_missing_and_nobody_repeats_what_stood_in_them(town):
    assert town.problems() == []
    for name, program in town.programs.items():
        assert PERSON not in program.text() and PERSON[3:] not in program.text(), name
        assert program.exits == [], f"{name} died of it"
