"""hyctl topics: what stands afterwards is read from Kafka itself, not from hyctl's word."""
from harness import contract, topics

TABLE = {"hy.posts": 8, "hy.comments": 8, "hy.signals": 8, "hy.sightings": 4, "hy.subjects": 4, "hy.watch": 4,
         "hy.commands": 16, "hy.cases": 16, "hy.journal": 16, "hy.content": 16, "hy.registry": 1, "hy.dead": 4}


def log_ids(hyctl):
    records = topics.compacted(hyctl.bootstrap, hyctl.topic("hy.registry"))
    found = (contract.decode("RegistryRecord", value) for value in records.values())
    return {r.id: r.content.decode() for r in found if r.kind == "log"}


def test_create_makes_the_whole_table_with_a_log_id_each(hyctl):
    answer = hyctl.good("topics", "create", "--json").json
    assert answer["ok"] and {t["state"] for t in answer["topics"]} == {"made"}
    assert hyctl.topics() == TABLE
    assert set(log_ids(hyctl)) == {hyctl.topic(name) for name in TABLE}


def test_a_second_create_changes_nothing(hyctl):
    hyctl.good("topics", "create", "--partitions", "2")
    before = hyctl.topics(), log_ids(hyctl)
    answer = hyctl.good("topics", "create", "--partitions", "2", "--json").json
    assert {t["state"] for t in answer["topics"]} == {"right"}
    assert (hyctl.topics(), log_ids(hyctl)) == before


def test_departments_get_their_feeds(hyctl):
    hyctl.good("topics", "create", "--partitions", "2", "--departments", "jiaoyu,jiaotong")
    assert {name: n for name, n in hyctl.topics().items() if name.startswith("hy.work.")} == \
        {"hy.work.jiaoyu": 1, "hy.work.jiaotong": 1}


def test_departments_of_a_pack_that_is_not_published_come_from_its_folder(hyctl, repo):
    refused = hyctl("topics", "create", "--partitions", "2", "--pack", "sample")
    assert refused.code == 1 and "hyctl topics create" in refused.err
    hyctl.good("topics", "create", "--partitions", "2", "--pack", "sample", "--policies", repo / "deploy/policies")
    assert "hy.work.shuiwu" in hyctl.topics()


def test_check_finds_what_is_missing_and_what_differs(hyctl):
    nothing = hyctl("topics", "check", "--json")
    assert nothing.code == 1 and {t["state"] for t in nothing.json["topics"]} == {"wrong"}
    assert "hy.posts: missing: run `hyctl topics create`" in nothing.err, "the first difference"
    topics.create(hyctl.bootstrap, hyctl.topic("hy.commands"), 3)
    answer = hyctl("topics", "create")
    assert answer.code == 1
    assert "has 3 partitions, must have 16" in answer.out and "message.timestamp.type" in answer.out
    wrong = hyctl("topics", "check", "--json")
    assert wrong.code == 1
    assert {t["topic"] for t in wrong.json["topics"] if t["state"] == "wrong"} == {hyctl.topic("hy.commands")}


def test_check_is_content_with_what_create_made(hyctl):
    hyctl.good("topics", "create", "--partitions", "2", "--departments", "jiaoyu")
    answer = hyctl.good("topics", "check", "--partitions", "2")
    assert "hy.journal" in answer.out and answer.err == ""
    assert hyctl("topics", "check").code == 1, "without --partitions it must be as the table says"


def test_wrong_use_is_exit_code_2(hyctl):
    for words in (["--partitions", "0"], ["--partitions", "many"], ["--partitions"], ["--departments", "a,,b"],
                  ["--departments", "../etc"], ["--unknown"], ["extra"]):
        answer = hyctl("topics", "create", *words)
        assert answer.code == 2 and answer.err and not answer.out, (words, answer)


def test_an_absent_kafka_is_said_within_seconds(hyctl):
    answer = hyctl("topics", "create", env={"HY_KAFKA_BROKERS": "127.0.0.1:1"})
    assert answer.code == 1 and "127.0.0.1:1 does not answer" in answer.err and "kafka.brokers" in answer.err


def test_a_wrong_configuration_is_exit_code_2_and_names_the_line(hyctl):
    hyctl.config.write_text("kafka:\n  broker: x\n")
    answer = hyctl("topics", "check")
    assert answer.code == 2 and "config.yaml:2" in answer.err and "kafka.brokers" in answer.err
    answer = hyctl("topics", "check", "--config", hyctl.folder / "none.yaml", config=False)
    assert answer.code == 2 and "none.yaml" in answer.err
