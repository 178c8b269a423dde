"""hyctl dead: letters written with the published .proto, and what comes out of the source topic after a replay."""
import hashlib

import pytest
from harness import contract, topics

TEXT = "路灯坏了三天，没人管😡"


def letter(offset=0, topic="hy.comments", reason="HY_EVERSION", original=b"\x08\x63", key=b"DOSSIER", kept=None, at=1_790_000_000_000,
           **more):
    """A DeadLetter as a lane writes it; kept: how many bytes of the original stand in it."""
    found = contract.cls("DeadLetter")(schema_version=1, reason=reason, detail="schema_version is 99, not 1",
                                       program="router", key=key, original=original[:kept], original_size=len(original),
                                       original_sha256=hashlib.sha256(original).digest(), tries=1, **more)
    found.source.topic, found.source.partition, found.source.offset, found.source.log_id = topic, 1, offset, "LOG"
    found.at.unix_ms, found.at.offset_minutes = at + offset, 480
    return f"{topic}/1/{offset}", found


@pytest.fixture
def dead(hyctl):
    for name in ("hy.dead", "hy.comments"):  # the two that dead letters need; making all takes a while
        topics.create(hyctl.bootstrap, hyctl.topic(name), 3)

    def write(*letters):
        topics.send(hyctl.bootstrap, hyctl.topic("hy.dead"), [(i.encode(), m.SerializeToString()) for i, m in letters])
    return write


def sent(hyctl, topic="hy.comments"):
    return [(r.key, r.value) for r in topics.read_all(hyctl.bootstrap, hyctl.topic(topic))]


def test_the_list_shows_the_newest_letters_without_any_text(hyctl, dead):
    dead(*(letter(n, original=TEXT.encode()) for n in range(5)))
    answer = hyctl.good("dead", "list", "--limit", "2", "--json").json
    assert answer["total"] == 5 and [row["id"] for row in answer["letters"]] == ["hy.comments/1/3", "hy.comments/1/4"]
    assert answer["letters"][0]["at"].endswith("+08:00")
    table = hyctl.good("dead", "list")
    assert "hy.comments/1/0" in table.out and "5 dead letters" in table.out and "路灯" not in table.out + table.err


def test_an_empty_topic_is_no_error(hyctl, dead):
    assert "0 dead letters" in hyctl.good("dead", "list").out
    assert hyctl.good("dead", "list", "--json").json == {"total": 0, "letters": []}


def test_the_list_is_narrowed_by_topic_and_reason(hyctl, dead):
    dead(letter(1), letter(2, reason="crashed"), letter(3, topic="hy.commands"))
    ids = lambda *words: [row["id"] for row in hyctl.good("dead", "list", "--json", *words).json["letters"]]  # noqa: E731
    assert ids("--reason", "crashed") == ["hy.comments/1/2"]
    assert ids("--topic", "hy.commands") == ["hy.commands/1/3"]
    assert ids("--topic", "hy.commands", "--reason", "crashed") == []


def test_a_record_that_died_twice_is_one_letter_the_last(hyctl, dead):
    dead(letter(7, at=1_790_000_000_000))
    dead(letter(7, at=1_790_000_500_000, reason="crashed"))
    (row,) = hyctl.good("dead", "list", "--json").json["letters"]
    assert row["reason"] == "crashed"


def test_the_original_is_shown_only_when_asked_for(hyctl, dead):
    dead(letter(1, original=TEXT.encode()), letter(2, original=b"\xff\x00\x10"), letter(3, original="\x1b[2J红".encode()))
    assert "路灯" not in hyctl.good("dead", "show", "hy.comments/1/1").out
    assert "original_head" not in hyctl.good("dead", "show", "hy.comments/1/1", "--json").json
    assert TEXT in hyctl.good("dead", "show", "hy.comments/1/1", "--original").out
    assert "ff0010" in hyctl.good("dead", "show", "hy.comments/1/2", "--original").out
    escaped = hyctl.good("dead", "show", "hy.comments/1/3", "--original").out
    assert "\x1b" not in escaped and "\\x1b[2J红" in escaped


def test_an_unknown_letter_is_refused(hyctl, dead):
    dead(letter(1))
    for words in (["show", "hy.comments/1/2"], ["replay", "hy.comments/1/2"], ["replay", "hy.comments/1/1", "nonsense"]):
        answer = hyctl("dead", *words)
        assert answer.code == 1 and "hyctl dead list" in answer.err, answer
    assert sent(hyctl) == []


def test_replay_sends_the_same_bytes_under_the_same_key(hyctl, dead):
    whole = contract.cls("Event")(schema_version=1, id="X", text=TEXT).SerializeToString()
    dead(letter(1, original=whole, key=b"DOSSIER.CASE"), letter(2, original=b"other"))
    answer = hyctl.good("dead", "replay", "hy.comments/1/1", "--json").json
    assert answer["sent"] == 1 and sent(hyctl) == [(b"DOSSIER.CASE", whole)]
    (row,) = answer["letters"]
    (record,) = topics.read_all(hyctl.bootstrap, hyctl.topic("hy.comments"))
    assert (record.partition, record.offset) == (row["partition"], row["offset"])
    assert len(topics.read_all(hyctl.bootstrap, hyctl.topic("hy.dead"))) == 2, "the letters stay"


def test_replay_goes_where_the_dossier_has_its_place(hyctl, dead):
    dead(*(letter(n, key=b"D0SS1ER." + str(n).encode(), original=b"%d" % n) for n in range(8)))
    hyctl.good("dead", "replay", "--all")
    records = topics.read_all(hyctl.bootstrap, hyctl.topic("hy.comments"))
    assert len(records) == 8 and len({r.partition for r in records}) == 1


def test_all_takes_what_the_filter_names(hyctl, dead):
    dead(letter(1), letter(2, reason="crashed", original=b"two"), letter(3, reason="crashed", original=b"three"))
    assert hyctl.good("dead", "replay", "--all", "--reason", "crashed", "--dry-run", "--json").json["sent"] == 2
    assert sent(hyctl) == []
    hyctl.good("dead", "replay", "--all", "--reason", "crashed")
    assert sorted(value for _, value in sent(hyctl)) == [b"three", b"two"]


def test_what_was_not_kept_whole_is_refused_and_the_others_go(hyctl, dead):
    cut = letter(1, original=b"x" * 5000, kept=4096)
    changed = letter(2, original=b"true")
    changed[1].original = b"fals"
    state = letter(3, topic="hy.cases")
    unknown = letter(4, topic="other.topic")
    long_key = letter(5, key=b"k" * 4096)
    dead(cut, changed, state, unknown, long_key, letter(6, original=b"good"))
    answer = hyctl("dead", "replay", "--all", "--json")
    assert answer.code == 1 and answer.json["sent"] == 1 and answer.json["refused"] == 5
    why = {row["id"]: row.get("why", "") for row in answer.json["letters"]}
    assert "4096 of its 5000 bytes" in why["hy.comments/1/1"] and "SHA-256" in why["hy.comments/1/2"]
    assert "takes no records" in why["hy.cases/1/3"] and "takes no records" in why["other.topic/1/4"]
    assert "key was cut" in why["hy.comments/1/5"]
    assert sent(hyctl) == [(b"DOSSIER", b"good")]
    shown = hyctl.good("dead", "show", "hy.comments/1/1")
    assert "send the message again from its source" in shown.out


def push(n=1, original=b"<xml><Encrypt>...</Encrypt></xml>", at=1_790_000_900_000):
    """A letter as the gateway writes it: of a push, so without a record of a topic."""
    found = contract.cls("DeadLetter")(schema_version=1, reason="aes_key", detail="the key does not fit", program="gateway",
                                       original=original, original_size=len(original),
                                       original_sha256=hashlib.sha256(original).digest())
    found.at.unix_ms, found.at.offset_minutes = at + n, 480
    found.key = f"gateway/weixin/main/{n:032x}".encode()
    return found.key.decode(), found


def test_a_push_that_the_gateway_kept_is_listed_and_shown_under_its_key(hyctl, dead):
    name, kept = push()
    dead(letter(1), (name, kept))
    rows = {row["id"]: row for row in hyctl.good("dead", "list", "--json").json["letters"]}
    assert list(rows) == ["hy.comments/1/1", name] and rows[name]["reason"] == "aes_key"
    assert [row["id"] for row in hyctl.good("dead", "list", "--reason", "aes_key", "--json").json["letters"]] == [name]
    assert [row["id"] for row in hyctl.good("dead", "list", "--topic", "hy.comments", "--json").json["letters"]] == ["hy.comments/1/1"]
    shown = hyctl.good("dead", "show", name, "--original")
    assert "the key does not fit" in shown.out and "<Encrypt>" in shown.out and "no record of a topic" in shown.out
    told = hyctl.good("dead", "show", name, "--json").json
    assert told["id"] == name and told["sendable"] is False and told["log_id"] == ""


def test_a_push_that_came_again_is_one_letter_the_last(hyctl, dead):
    dead(push(1))
    dead(push(1, at=1_790_000_950_000))
    assert len(hyctl.good("dead", "list", "--json").json["letters"]) == 1


def test_a_push_is_not_sent_again_and_it_says_why_and_what_to_do(hyctl, dead):
    name, kept = push()
    dead((name, kept), letter(1, original=b"good"))
    answer = hyctl("dead", "replay", name)
    assert answer.code == 1 and "no record of a topic" in answer.err and "dead show" in answer.err, answer
    answer = hyctl("dead", "replay", "--all", "--json")
    assert answer.code == 1 and (answer.json["sent"], answer.json["refused"]) == (1, 1)
    assert sent(hyctl) == [(b"DOSSIER", b"good")]


def test_a_letter_without_source_or_a_good_key_is_named_by_its_own_place(hyctl, dead):
    for key in (b"", b"hy.comments/1/1", b"gateway/\x1b[2J", b"gateway/" + b"x" * 400):
        dead((key.decode(), push()[1]))
    records = topics.read_all(hyctl.bootstrap, hyctl.topic("hy.dead"))
    wanted = {f"hy.dead/{r.partition}/{r.offset}" for r in records}
    assert {row["id"] for row in hyctl.good("dead", "list", "--json").json["letters"]} == wanted and len(wanted) == 4
    for name in wanted:
        assert hyctl.good("dead", "show", name, "--json").json["id"] == name


def test_records_that_are_no_letters_are_counted_and_passed_over(hyctl, dead):
    dead(letter(1))
    topics.send(hyctl.bootstrap, hyctl.topic("hy.dead"), [(b"a", b"\xff\xff"), (b"b", b""), (b"c", None)])
    answer = hyctl.good("dead", "list", "--json")
    assert answer.json["total"] == 1 and "3 records of hy.dead are no dead letters" in answer.err


def test_wrong_use_is_exit_code_2(hyctl):
    for words in (["replay"], ["replay", "--all", "hy.comments/1/1"], ["show"], ["list", "--limit", "-1"], ["list", "--limit", "x"]):
        assert hyctl("dead", *words).code == 2, words


def test_without_topics_it_says_what_to_do(hyctl):
    answer = hyctl("dead", "list")
    assert answer.code == 1 and "hyctl topics create" in answer.err
