"""deploy/up with its servers alone (no programs): ports, data that is found again, locks, crashes, given servers."""
import os
import pathlib
import signal
import socket
import stat
import subprocess
import sys

import pytest

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


def test_a_second_start_is_quick_and_finds_its_data_again(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as first:
        first.wait_ready()
        assert topics.partitions_of(first.where()["kafka"], "hy.commands") == list(range(16))
        topics.send(first.where()["kafka"], "hy.commands", [(b"k", b"not a command, only a record that must stay")])
        before = [(tmp_path / name).read_text() for name in ("kafka/storage/meta.properties", "secrets/operator.token")]
        assert first.stop() == 0
    with Up(tmp_path, "--no-sample", env=SERVERS) as second:
        assert second.wait_ready() < 30
        records = topics.read_all(second.where()["kafka"], "hy.commands")
        assert [r.key for r in records] == [b"k"]
        assert before == [(tmp_path / name).read_text() for name in ("kafka/storage/meta.properties", "secrets/operator.token")]


def test_stopping_leaves_no_process_and_no_port(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as up:
        up.wait_ready()
        pids = [p["pid"] for p in up.programs().values()]
        ports = [int(p["listen"].rsplit(":", 1)[1]) for p in up.programs().values()]
        assert len(pids) == 2 and all(map(listening, ports))
        assert up.stop(signal.SIGTERM) == 0
        assert all(map(gone, pids)) and not any(map(listening, ports))
        assert not list((tmp_path / "run").glob("*.pid"))
        assert {p["state"] for p in up.programs().values()} == {"stopped"}


def test_secrets_are_for_their_owner_only(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as up:
        up.wait_ready()
        files = [tmp_path / "config.yaml", tmp_path / "redis/redis.conf", *(tmp_path / "secrets").iterdir()]
        assert len(files) >= 7
        assert [f for f in files if stat.S_IMODE(f.stat().st_mode) & 0o077] == []
        tokens = {up.token(role) for role in ("operator", "department", "wangxinban")}
        assert len(tokens) == 3 and all(len(token) >= 40 for token in tokens)
        assert not any(token in up.text() for token in tokens)


def test_a_port_that_is_taken_is_left_alone_and_the_next_one_said(tmp_path):
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 6379))
            other.listen()
        except OSError:
            pass  # somebody else has it already: taken all the same
        with Up(tmp_path, "--no-sample", env=SERVERS) as up:
            up.wait_ready()
            told = [line for line in up.lines if line.startswith("port 6379 is taken: Redis uses ")]
            assert len(told) == 1
            assert up.where()["redis"] == f"redis://127.0.0.1:{told[0].rsplit(' ', 1)[1]}/0"


def test_two_on_one_folder_are_refused_and_two_folders_are_not(tmp_path):
    with Up(tmp_path / "a", "--no-sample", env=SERVERS) as first, Up(tmp_path / "b", "--no-sample", env=SERVERS) as beside:
        first.wait_ready()
        second = Up(tmp_path / "a", "--no-sample", env=SERVERS)
        assert second.end() == 1
        assert "another deploy/up runs on" in second.text() and f"(pid {first.process.pid})" in second.text()
        assert beside.wait_ready() and first.process.poll() is None


def test_what_a_crash_left_behind_is_ended_by_down_and_by_the_next_start(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as first:
        first.wait_ready()
        pids = [p["pid"] for p in first.programs().values()]
        first.process.kill()
        first.process.wait()
        assert not any(map(gone, pids))
        with Up(tmp_path, "--no-sample", env=SERVERS) as second:
            second.wait_ready()
            assert all(map(gone, pids)) and "left behind by a crash" in second.text()
            pids = [p["pid"] for p in second.programs().values()]
            second.process.kill()
            second.process.wait()
            told = subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, text=True, timeout=90, check=True)
            assert "stopped kafka, redis" in told.stdout and all(map(gone, pids))


def test_down_asks_a_living_up_to_stop(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as up:
        up.wait_ready()
        subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, timeout=90, check=True)
        assert up.end(5) == 0


def test_a_killed_server_comes_back_with_its_data(tmp_path):
    with Up(tmp_path, "--no-sample", env=SERVERS) as up:
        up.wait_ready()
        topics.send(up.where()["kafka"], "hy.commands", [(b"k", b"v")])
        os.kill(up.programs()["kafka"]["pid"], signal.SIGKILL)
        until(lambda: up.programs()["kafka"]["restarts"] == 1 and up.programs()["kafka"]["state"] == "running", 30)
        assert [r.key for r in topics.read_all(up.where()["kafka"], "hy.commands")] == [b"k"]
        assert up.programs()["redis"]["restarts"] == 0


def test_servers_that_are_named_to_it_are_used_instead(tmp_path):
    with Kafka() as kafka, Redis("--requirepass", "se:cret@/x") as redis:
        given = {**SERVERS, "HY_KAFKA": kafka.bootstrap, "HY_REDIS": f"redis://:se%3Acret%40%2Fx@127.0.0.1:{redis.port}/0"}
        with Up(tmp_path, "--no-sample", env=given) as up:
            up.wait_ready()
            assert up.programs() == {} and up.where()["kafka"] == kafka.bootstrap
            assert 0 in topics.partitions_of(kafka.bootstrap, "hy.commands")
            assert "se:cret" not in (tmp_path / "config.yaml").read_text() and "se:cret" not in up.text()


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
