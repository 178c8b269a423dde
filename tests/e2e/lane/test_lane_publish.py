"""The publisher tells what became of each record; the registry gives whole contents only; topics are made once."""
import hashlib
import os
import subprocess
import time

from harness import contract, paths, topics
from harness.kafka import Kafka


def publish(system, topic, pairs, timeout_ms=10000, bootstrap=None):
    lines = "".join(f"{k} {v}\n" for k, v in pairs)
    done = subprocess.run([system.toy, "publish", bootstrap or system.bootstrap, system.prefix, topic, str(timeout_ms)], input=lines,
                          capture_output=True, text=True, timeout=90)
    return done.returncode, [line.split() for line in done.stdout.splitlines()], done.stderr


def registry(system, *words):
    done = subprocess.run([system.toy, "registry", system.bootstrap, system.prefix, *words], capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr.decode()


def test_each_record_is_reported_with_its_place(system):
    code, rows, _ = publish(system, "hy.comments", [(f"d{i % 7}", f"v{i}") for i in range(5000)])
    assert code == 0 and {r[1] for r in rows} == {"HY_OK"}
    stored = {r.value.decode(): (r.partition, r.offset) for r in system.records("comments")}
    assert {r[0]: (int(r[2]), int(r[3])) for r in rows} == stored and len(stored) == 5000


def test_a_record_lands_where_javas_default_puts_its_dossier(system):
    """A stranger's client with the default murmur2 on the bare dossier meets ours on dossier . case."""
    dossiers = [hashlib.sha256(b"%d" % i).hexdigest()[:26].upper() for i in range(200)]
    theirs = topics.send(system.bootstrap, system.topic("comments"), [(d.encode(), b"x") for d in dossiers], partitioner="murmur2")
    _, rows, _ = publish(system, "hy.comments", [(f"{d}.{d[::-1]}", f"v{i}") for i, d in enumerate(dossiers)])
    ours = {int(r[0][1:]): int(r[2]) for r in rows}
    assert [ours[i] for i in range(200)] == [p for p, _ in theirs]


def test_a_topic_outside_the_table_is_refused(system):
    code, rows, _ = publish(system, "hy.nothing", [("k", "v")])
    assert code == 1 and rows == [["v", "HY_ENOTFOUND", "-1", "-1"]]


def test_without_a_broker_every_record_is_reported_and_none_is_called_stored(system):
    began = time.monotonic()
    _, rows, _ = publish(system, "hy.comments", [("k", f"v{i}") for i in range(20)], timeout_ms=2000, bootstrap=f"127.0.0.1:{paths.free_port()}")
    assert len(rows) == 20 and {r[1] for r in rows} <= {"HY_ETIMEOUT", "HY_ECLOSED", "HY_EUNKNOWN"}
    assert time.monotonic() - began < 20


def test_records_survive_a_broker_that_is_killed_while_they_are_on_their_way(system):
    with Kafka() as broker:
        made = subprocess.run([system.toy, "create", broker.bootstrap, system.prefix, "2"], capture_output=True)
        assert made.returncode == 0
        process = subprocess.Popen([system.toy, "publish", broker.bootstrap, system.prefix, "hy.comments", "60000"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write("".join(f"k{i} v{i}\n" for i in range(3000)))
        process.stdin.flush()
        broker.kill()
        broker.start()
        process.stdin.write("".join(f"k{i} v{i}\n" for i in range(3000, 6000)))
        out, _ = process.communicate(timeout=90)
        rows = [line.split() for line in out.splitlines()]
        stored = [r.value.decode() for r in topics.read_all(broker.bootstrap, system.prefix + "hy.comments")]
    assert {r[1] for r in rows} == {"HY_OK"} and sorted(stored) == sorted(r[0] for r in rows) and len(stored) == 6000


def test_a_large_content_comes_back_whole_and_its_versions_stay_findable_by_hash(system, tmp_path):
    first, second = os.urandom(1700000), os.urandom(600)
    for content in (first, second):
        (tmp_path / "c").write_bytes(content)
        assert registry(system, "put", "pack", "yuancheng", str(tmp_path / "c"))[0] == 0
    assert registry(system, "get", "pack", "yuancheng")[1] == second
    chunks = [contract.decode("RegistryRecord", r.value) for r in system.records("registry") if r.key.startswith(b"chunk/")]
    assert sorted(len(c.content) for c in chunks) == [600, 1700000 - 3 * 524288, 524288, 524288, 524288]
    (tmp_path / "c").write_bytes(first)
    assert registry(system, "put", "pack", "again", str(tmp_path / "c"))[0] == 0
    assert registry(system, "get", "pack", "again")[1] == first


def test_a_content_whose_chunks_do_not_make_its_hash_is_ignored(system, tmp_path):
    (tmp_path / "c").write_bytes(b"good")
    assert registry(system, "put", "pack", "p", str(tmp_path / "c"))[0] == 0
    wrong = contract.cls("RegistryRecord")(schema_version=1, kind="pack", id="p", hash=b"h" * 32, content=b"evil")
    newer = contract.cls("RegistryRecord")(schema_version=2, kind="pack", id="p", content=b"of tomorrow")
    missing = contract.cls("RegistryRecord")(schema_version=1, kind="pack", id="p", hash=b"m" * 32, chunks=2)
    topics.send(system.bootstrap, system.topic("registry"), [(b"pack/p", m.SerializeToString()) for m in (wrong, newer, missing)] +
                [(b"pack/p", b"\xff\xff"), (b"chunk/x", b""), (b"", b"")])
    assert registry(system, "get", "pack", "p")[1] == b"good"


def test_a_removed_entry_is_gone_and_followers_hear_of_it(system, tmp_path):
    (tmp_path / "c").write_bytes(b"x")
    follower = subprocess.Popen([system.toy, "registry", system.bootstrap, system.prefix, "follow", "15"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    assert registry(system, "put", "person", "p1", str(tmp_path / "c"))[0] == 0
    assert registry(system, "put", "person", "p1", "-")[0] == 0
    code, _, said = registry(system, "get", "person", "p1")
    assert code == 1 and "not found" in said
    out, _ = follower.communicate(timeout=60)
    assert "person p1 1 here\n" in out and "person p1 0 removed\n" in out


def test_making_topics_twice_at_once_gives_each_one_log_id(system):
    prefix = system.prefix + "two."
    both = [subprocess.Popen([system.toy, "create", system.bootstrap, prefix, "3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    assert [p.wait(60) for p in both] == [0, 0], [p.stderr.read() for p in both]
    ids = {}
    for r in topics.read_all(system.bootstrap, prefix + "hy.registry"):
        ids.setdefault(r.key, []).append(contract.decode("RegistryRecord", r.value).content)
    assert len(ids) == 13 and all(len(set(v)) == 1 for v in ids.values()), ids


def test_a_topic_that_differs_from_the_table_is_refused_with_what_differs(system):
    prefix = system.prefix + "other."
    topics.create(system.bootstrap, prefix + "hy.commands", 5, {"message.timestamp.type": "CreateTime", "retention.ms": "1000"})
    done = subprocess.run([system.toy, "create", system.bootstrap, prefix, "3"], capture_output=True, text=True)
    assert done.returncode == 1 and "hy.commands" in done.stderr
    assert "has 5 partitions, must have 3" in done.stdout
    assert "message.timestamp.type is CreateTime, must be LogAppendTime" in done.stdout
    assert "retention.ms is 1000, must be at least 2592000000" in done.stdout
