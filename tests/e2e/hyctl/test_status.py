"""hyctl status on real programs: a gateway and an sla that run, one that is killed, and the servers hurt one by one."""
import json
import os
import time

import pytest
from harness import paths
from harness.redis import Redis
from harness.supervisor import Program

from conftest import Hyctl


class Running:
    """A data folder as deploy/up writes it, with two real programs."""

    def __init__(self, hyctl, redis):
        self.hyctl, self.redis, self.folder = hyctl, redis, hyctl.folder
        self.listen = {name: f"127.0.0.1:{paths.free_port()}" for name in ("gateway", "sla")}
        self.config = self.folder / "config.yaml"
        sections = "".join(f"{name}: {{http: {{listen: '{at}'}}, data: {{dir: '{self.folder / name}'}}}}\n"
                           for name, at in self.listen.items())
        self.config.write_text(f"kafka: {{brokers: '{hyctl.bootstrap}', prefix: '{hyctl.prefix}'}}\n"
                               f"redis: {{url: '{redis.url}'}}\n{sections}")
        (self.folder / "run").mkdir()
        for name in self.listen:
            (self.folder / name).mkdir()
        self.programs = {}
        self.write()

    def write(self, pid=None, **changed):
        (self.folder / "run/where.json").write_text(json.dumps({"config": str(self.config), "http": self.listen}))
        rows = [{"name": name, "state": "running", "pid": 1, "restarts": 0, "last_exit": None, **changed.get(name, {})}
                for name in ("kafka", "redis", *self.listen)]
        (self.folder / "run/supervisor.json").write_text(json.dumps({"pid": pid or os.getpid(), "ready": True, "programs": rows}))

    def start(self, name):
        self.programs[name] = Program(name, [paths.program(name), "--config", str(self.config)], folder=self.folder)

    def status(self, *words, **more):
        return self.hyctl("status", *words, config=False, **more)

    def wait_up(self, seconds=40):
        """Everything as it should be again, whatever the test before did."""
        self.write()
        for name in self.listen:
            if name not in self.programs or not self.programs[name].alive():
                self.start(name)
        deadline = time.monotonic() + seconds
        while (answer := self.status("--data", self.folder, "--json")).code and time.monotonic() < deadline:
            time.sleep(0.3)
        return answer


@pytest.fixture(scope="module")
def standing(kafka, tmp_path_factory):
    hyctl = Hyctl(kafka.bootstrap, tmp_path_factory.mktemp("status"))
    hyctl.good("topics", "create", "--partitions", "2")
    with Redis() as redis:
        assert "hyctl policy publish" in down(hyctl("status", "--json", env={"HY_REDIS_URL": redis.url}))["topics"]
        hyctl.good("policy", "publish", "sample")
        yield hyctl, redis


@pytest.fixture(scope="module")
def running(standing):
    one = Running(*standing)
    one.wait_up()
    yield one
    for program in one.programs.values():
        program.close()


def down(answer):
    return {row["name"]: row["why"] for row in answer.json["programs"] + answer.json["servers"]
            if not row.get("up", row.get("ok"))}


def test_all_is_well_when_everything_runs(running):
    answer = running.wait_up()
    assert answer.code == 0 and answer.json["ok"], answer
    rows = {row["name"]: row for row in answer.json["programs"]}
    assert set(rows) == {"kafka", "redis", "gateway", "sla"}
    assert rows["sla"]["lag_records"] == 0 and rows["sla"]["oldest_seconds"] is not None
    assert rows["gateway"]["lag_records"] == 0, "what waits in its spool"
    assert {row["name"]: row["ok"] for row in answer.json["servers"]} == \
        {"deploy/up": True, "kafka": True, "topics": True, "redis": True}
    deadline = time.monotonic() + 60  # a program may be unwell for a moment on a busy machine
    while (table := running.status("--data", running.folder)).code and time.monotonic() < deadline:
        time.sleep(0.3)
    assert table.code == 0 and "gateway" in table.out and "DOWN" not in table.out and table.err == ""


def test_the_data_folder_is_found_beside_the_configuration(running):
    running.wait_up()
    for more in ({"env": {"HY_CONFIG": str(running.config)}}, {}):
        words = [] if more else ["--config", running.config]
        assert len(running.status("--json", *words, **more).json["programs"]) == 4


def test_a_program_that_is_down_is_named_and_makes_exit_code_1(running):
    running.wait_up()
    running.programs["gateway"].close()
    running.write(gateway={"state": "waiting", "restarts": 3, "last_exit": "signal 9 (SIGKILL)"})
    deadline = time.monotonic() + 60
    while list(down(answer := running.status("--data", running.folder, "--json"))) != ["gateway"] and time.monotonic() < deadline:
        time.sleep(0.3)
    assert answer.code == 1 and list(down(answer)) == ["gateway"] and "no answer" in down(answer)["gateway"]
    table = running.status("--data", running.folder)
    assert table.code == 1 and "signal 9 (SIGKILL)" in table.out and "DOWN" in table.out and "3" in table.out


def test_redis_away_is_seen_at_redis_and_at_who_needs_it(running):
    running.wait_up()
    running.redis.kill()
    deadline = time.monotonic() + 60
    while set(found := down(running.status("--data", running.folder, "--json"))) != {"redis", "sla"} and time.monotonic() < deadline:
        time.sleep(0.5)
    running.redis.start()
    assert {"redis", "sla"} <= set(found) and "gateway" not in found, found


def test_a_supervisor_that_is_gone_is_told(running):
    running.wait_up()
    running.write(pid=2 ** 22 - 1)
    deadline = time.monotonic() + 30  # another program may be unwell for a moment on a busy machine
    while (found := list(down(running.status("--data", running.folder, "--json")))) != ["deploy/up"] and time.monotonic() < deadline:
        assert "deploy/up" in found
        time.sleep(0.3)
    assert found == ["deploy/up"]


def test_an_absent_kafka_is_told_within_seconds(running):
    answer = running.status("--data", running.folder, "--json", env={"HY_KAFKA_BROKERS": "127.0.0.1:1"})
    found = down(answer)
    assert answer.code == 1 and {"kafka", "topics"} <= set(found) and "127.0.0.1:1 does not answer" in found["kafka"]


def test_without_a_data_folder_the_servers_are_asked_and_that_is_said(standing, tmp_path):
    hyctl, _ = standing
    with Redis() as redis:
        alone = {"env": {"HY_REDIS_URL": redis.url, "HY_KAFKA_BROKERS": hyctl.bootstrap, "HY_KAFKA_PREFIX": hyctl.prefix},
                 "config": False, "cwd": tmp_path}
        answer = hyctl("status", **alone)
        assert answer.code == 0 and "--data" in answer.err and "kafka" in answer.out
    answer = hyctl("status", "--json", **alone)
    assert answer.code == 1 and list(down(answer)) == ["redis"]


def test_topics_that_are_missing_are_told(hyctl):
    assert "hyctl topics create" in down(hyctl("status", "--json"))["topics"]


@pytest.mark.parametrize("name, content", [("where.json", "{"), ("where.json", "[]"), ("supervisor.json", '{"programs": 7}'),
                                           ("supervisor.json", '{"programs": [1, {"name": 2}, {}]}')])
def test_a_damaged_data_folder_is_no_crash(hyctl, name, content):
    (hyctl.folder / "run").mkdir()
    for other in ("where.json", "supervisor.json"):
        (hyctl.folder / "run" / other).write_text("{}")
    (hyctl.folder / "run" / name).write_text(content)
    answer = hyctl("status", "--data", hyctl.folder, "--json", env={"HY_KAFKA_BROKERS": "127.0.0.1:1"})
    assert answer.code == 1 and answer.json["programs"] == []


def test_a_folder_that_is_none_is_wrong_use(hyctl):
    answer = hyctl("status", "--data", hyctl.folder / "nothing")
    assert answer.code == 2 and "run/where.json" in answer.err
