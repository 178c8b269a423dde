"""deploy/up with its servers alone (no programs): ports, data that is found again, locks, crashes, given servers."""
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys

import pytest
from confluent_kafka import KafkaException

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from up import ROOT, Up, gone, until  # noqa: E402

from harness import topics  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.redis import Redis  # noqa: E402

SERVERS = {"HY_UP_PROGRAMS": ""}


def listening(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """A deploy/up that stands for the tests that leave it standing, on a machine where Redis's port is taken."""
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 6379))
            other.listen()
        except OSError:
            pass  # somebody else has it already: taken all the same
        with Up(tmp_path_factory.mktemp("up"), "--no-sample", env=SERVERS) as up:
            up.wait_ready()
            yield up


def test_a_port_that_is_taken_is_left_alone_and_the_next_one_said(standing):
    told = [line for line in standing.lines if line.startswith("port 6379 is taken: Redis uses ")]
    assert len(told) == 1
    assert standing.where()["redis"] == f"redis://127.0.0.1:{told[0].rsplit(' ', 1)[1]}/0"


def open_to_others(path):
    try:
        return stat.S_IMODE(path.stat().st_mode) & 0o077 != 0
    except FileNotFoundError:  # Kafka writes beside and renames
        return False


def test_secrets_and_what_citizens_wrote_are_for_the_owner_only(standing):
    files = [standing.data / "config.yaml", standing.data / "redis/redis.conf", *(standing.data / "secrets").iterdir(),
             *(standing.data / "kafka").rglob("*"), *(standing.data / "redis").iterdir()]
    assert len(files) >= 20
    assert [f for f in files if open_to_others(f)] == []
    tokens = {standing.token(role) for role in ("operator", "department", "wangxinban")}
    assert len(tokens) == 3 and all(len(token) >= 40 for token in tokens)
    assert not any(token in standing.text() for token in tokens)


def test_a_second_one_on_the_same_folder_is_refused(standing):
    second = Up(standing.data, "--no-sample", env=SERVERS)
    assert second.end() == 1
    assert "another deploy/up runs on" in second.text() and f"(pid {standing.process.pid})" in second.text()
    assert standing.process.poll() is None


def test_a_killed_server_comes_back_with_its_data(standing):
    topics.send(standing.where()["kafka"], "hy.commands", [(b"k", b"v")])
    os.kill(standing.programs()["kafka"]["pid"], signal.SIGKILL)
    until(lambda: standing.programs()["kafka"]["restarts"] == 1 and standing.programs()["kafka"]["state"] == "running", 150)
    until(lambda: keys_of(standing.where()["kafka"], "hy.commands") == [b"k"], 120, "the record is gone")
    assert standing.programs()["redis"]["restarts"] == 0


def keys_of(bootstrap, topic):
    """Its keys; None while a broker that just came back has not taken its partitions yet."""
    try:
        return [r.key for r in topics.read_all(bootstrap, topic)]
    except (KafkaException, RuntimeError):
        return None


def test_a_second_start_is_quick_and_finds_its_data_again(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as first:
        cold = first.wait_ready()
        assert topics.partitions_of(first.where()["kafka"], "hy.commands") == list(range(16))
        topics.send(first.where()["kafka"], "hy.commands", [(b"k", b"not a command, only a record that must stay")])
        before = [(tmp_path / name).read_text() for name in ("kafka/storage/meta.properties", "secrets/operator.token")]
        assert first.stop() == 0
    with Up(tmp_path, "--no-sample", env=SERVERS) as second:
        assert second.wait_ready() < max(30, 3 * cold)  # a busy machine is slow both times
        records = topics.read_all(second.where()["kafka"], "hy.commands")
        assert [r.key for r in records] == [b"k"]
        assert before == [(tmp_path / name).read_text() for name in ("kafka/storage/meta.properties", "secrets/operator.token")]
        stops_without_a_trace(second)


def test_two_that_start_at_once_get_servers_of_their_own(tmp_path):
    with Up(tmp_path / "one", "--no-sample", env=SERVERS) as one, Up(tmp_path / "two", "--no-sample", env=SERVERS) as two:
        for up in (one, two):
            up.wait_ready()
            assert all(p["restarts"] == 0 for p in up.programs().values()), up.text()
            own = (up.data / "kafka/storage/meta.properties").read_text()
            assert f"cluster.id={topics.admin(up.where()['kafka']).list_topics(timeout=10).cluster_id}\n" in own
        assert one.where()["kafka"] != two.where()["kafka"] and one.where()["redis"] != two.where()["redis"]


def stops_without_a_trace(up):
    pids = [p["pid"] for p in up.programs().values()]
    ports = [int(p["listen"].rsplit(":", 1)[1]) for p in up.programs().values()]
    assert len(pids) == 2 and all(map(listening, ports))
    assert up.stop(signal.SIGTERM) == 0
    assert all(map(gone, pids)) and not any(map(listening, ports))
    assert not list((up.data / "run").glob("*.pid"))
    assert {p["state"] for p in up.programs().values()} == {"stopped"}


def test_what_a_crash_left_behind_is_ended_by_the_next_start_and_by_down(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as first:
        pids = crash(first)
        with Up(tmp_path, "--no-sample", env=SERVERS) as second:
            second.wait_ready()
            assert all(map(gone, pids)) and "left behind by a crash" in second.text()
            pids = crash(second)
            told = subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, text=True, timeout=90, check=True)
            assert "stopped kafka, redis" in told.stdout and all(map(gone, pids))


def crash(up):
    """Kills the supervisor alone; the pids of what it leaves running."""
    up.wait_ready()
    pids = [p["pid"] for p in up.programs().values()]
    up.process.kill()
    up.process.wait()
    assert len(pids) == 2 and not any(map(gone, pids))
    return pids


def test_servers_that_are_named_to_it_are_used_instead_and_down_asks_it_to_stop(tmp_path):
    with Kafka() as kafka, Redis() as redis:
        redis.command("CONFIG", "SET", "requirepass", "se:cret@/x")
        given = {**SERVERS, "HY_KAFKA": kafka.bootstrap, "HY_REDIS": f"redis://:se%3Acret%40%2Fx@127.0.0.1:{redis.port}/0"}
        with Up(tmp_path, "--no-sample", env=given) as up:
            up.wait_ready()
            assert up.programs() == {} and up.where()["kafka"] == kafka.bootstrap
            assert 0 in topics.partitions_of(kafka.bootstrap, "hy.commands")
            assert "se:cret" not in (tmp_path / "config.yaml").read_text() and "se:cret" not in up.text()
            subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, timeout=90, check=True)
            assert up.end(5) == 0


@pytest.mark.parametrize("given, words", [
    ({"HY_KAFKA": "127.0.0.1:1"}, "HY_KAFKA=127.0.0.1:1: no Kafka answers there"),
    ({"HY_REDIS": "redis://127.0.0.1:1/0"}, "no Redis answers there"),
    ({"HY_UP_PROGRAMS": "router,nothing"}, "HY_UP_PROGRAMS names nothing, not in deploy/programs"),
])
def test_a_start_that_cannot_succeed_says_why_and_leaves_nothing(tmp_path, given, words):
    with Up(tmp_path, "--no-sample", env={**SERVERS, **given}) as up:
        assert up.end(120) == 1
        assert words in up.text()
        assert not list((tmp_path / "run").glob("*.pid"))
