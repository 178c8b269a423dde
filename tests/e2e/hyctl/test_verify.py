"""hyctl case verify on chains made here, by the rule of the contract and not by our own code."""
import hashlib

import pytest
from harness import contract, topics

DOSSIER, CASE = "D0SS1ER0000000000000000000", "CASE0000000000000000000000"
KEY = f"{DOSSIER}.{CASE}".encode()


def chain(n, key_fields=None):
    """n JournalRecords as bytes: hash = SHA-256(previous hash ‖ the record with an empty hash)."""
    previous, made = b"\0" * 32, []
    for seq in range(1, n + 1):
        record = contract.cls("JournalRecord")(schema_version=1, seq=seq, command_id=f"C{seq}", command="message",
                                               explanation="来信已受理", previous_hash=b"" if seq == 1 else previous,
                                               **(key_fields or {"case_id": CASE, "dossier": DOSSIER}))
        record.hash = previous = hashlib.sha256(previous + record.SerializeToString()).digest()
        made.append(record.SerializeToString())
    return made, previous


def murmur2(data):
    """Kafka's default hash (Java's Utils.murmur2), written apart from our own code."""
    m, h = 0x5bd1e995, 0x9747b28c ^ len(data)
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & 0xffffffff
        h = (h * m & 0xffffffff) ^ ((k ^ k >> 24) * m & 0xffffffff)
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & 0xffffffff
    h = (h ^ h >> 13) * m & 0xffffffff
    return h ^ h >> 15


def place(hyctl, topic, pairs):
    """Sends to where the dossier part of each key belongs among 3 partitions."""
    client = topics.producer(hyctl.bootstrap)
    for key, value in pairs:
        client.produce(hyctl.topic(topic), value, key, partition=(murmur2(key.split(b".")[0]) & 0x7fffffff) % 3)
    assert client.flush(30) == 0


@pytest.fixture
def write(hyctl):
    for name in ("hy.cases", "hy.journal"):
        topics.create(hyctl.bootstrap, hyctl.topic(name), 3)

    def to(records, key=KEY, head=None, seq=None):
        place(hyctl, "hy.journal", [(key, value) for value in records])
        if head is not None:
            case = contract.cls("Case")(schema_version=1, id=CASE, dossier=DOSSIER, journal_seq=seq, journal_hash=head)
            place(hyctl, "hy.cases", [(key, case.SerializeToString())])
    return to


def test_a_whole_chain_is_right_and_ends_where_the_case_says(hyctl, write):
    records, head = chain(20)
    write(records, head=head, seq=20)
    write(chain(3)[0], key=b"OTHER.CASE0000000000000000000001")
    answer = hyctl.good("case", "verify", CASE, "--json").json
    assert answer == {"case": CASE, "ok": True, "records": 20, "seq": 20, "head": head.hex(), "compared_with_case": True}
    assert "20 records, the chain is whole" in hyctl.good("case", "verify", CASE).out


def test_a_changed_word_is_found(hyctl, write):
    records, head = chain(5)
    records[2] = records[2].replace("来信已受理".encode(), "来信已办结".encode())
    write(records, head=head, seq=5)
    answer = hyctl("case", "verify", CASE, "--json")
    assert answer.code == 1 and not answer.json["ok"] and answer.json["seq"] == 2
    assert "3" in answer.json["problem"] and "changed" in answer.json["problem"] and "broken" in answer.err


def test_a_missing_record_is_found(hyctl, write):
    records, head = chain(5)
    write(records[:2] + records[3:], head=head, seq=5)
    assert hyctl("case", "verify", CASE, "--json").json["seq"] == 2


def test_a_journal_cut_at_its_end_is_found_by_what_the_case_remembers(hyctl, write):
    records, head = chain(5)
    write(records[:4], head=head, seq=5)
    answer = hyctl("case", "verify", CASE, "--json")
    assert answer.code == 1 and "remembers record 5, the journal ends with 4" in answer.json["problem"]


def test_a_chain_that_was_written_anew_is_found(hyctl, write):
    records, _ = chain(5)
    write(records, head=b"\1" * 32, seq=5)
    answer = hyctl("case", "verify", CASE)
    assert answer.code == 1 and "written anew" in answer.err


def test_a_record_after_the_snapshot_is_no_fault(hyctl, write):
    records, _ = chain(6)
    write(records, head=chain(4)[1], seq=4)
    assert hyctl.good("case", "verify", CASE, "--json").json["seq"] == 6


def test_a_dossier_has_a_chain_of_its_own(hyctl, write):
    records, head = chain(3, {"dossier": DOSSIER})
    write(records, key=DOSSIER.encode())
    answer = hyctl.good("case", "verify", DOSSIER, "--json").json
    assert answer["records"] == 3 and not answer["compared_with_case"]


def test_an_unknown_case_is_refused(hyctl, write):
    answer = hyctl("case", "verify", "NOSUCHCASE")
    assert answer.code == 1 and "NOSUCHCASE" in answer.err


def test_a_whole_key_is_found_in_its_own_partition_whichever_that_is(hyctl, write):
    records, head = chain(4)
    keys = [f"D0SS1ER{n}.{CASE}" for n in range(4)]
    for key in keys:
        write(records, key=key.encode(), head=head, seq=4)
    for key in keys:
        assert hyctl.good("case", "verify", key, "--json").json["records"] == 4
    assert hyctl("case", "verify", f"OTHER.{CASE}").code == 1
