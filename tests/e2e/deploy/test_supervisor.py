"""deploy/supervisor.py on real processes: it starts again what dies, counts it, stops in order, and leaves traces that
deploy/down can follow."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[2]
LONG = "exec sleep 1000"


class Driver:
    """driver.py as a process with its lines; closed at the end of the test whatever happens."""

    def __init__(self, data, spec):
        self.data = data
        self.process = subprocess.Popen([sys.executable, HERE / "driver.py", data, json.dumps(spec)], text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def line(self):
        return self.process.stdout.readline().strip()

    def state(self, name):
        whole = json.loads((self.data / "run/supervisor.json").read_text())
        return next(p for p in whole["programs"] if p["name"] == name)

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)


def service(name, run=LONG, stage=1, ready=""):
    return {"name": name, "stage": stage, "run": run, "ready": str(ready)}


@pytest.fixture
def drive(tmp_path):
    started = []

    def begin(*spec):
        started.append(Driver(tmp_path, spec))
        return started[-1]

    yield begin
    for driver in started:
        if driver.process.poll() is None:
            driver.end()


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.02)


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def test_a_program_that_dies_is_started_again_and_counted(drive):
    driver = drive(service("one"), service("other"))
    assert driver.line() == "ready"
    first = driver.state("one")
    assert (first["state"], first["restarts"], first["last_exit"]) == ("running", 0, None)
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: driver.state("one")["state"] == "running" and driver.state("one")["restarts"] == 1, 30)
    second = driver.state("one")
    assert second["pid"] != first["pid"] and second["last_exit"] == "signal 9 (SIGKILL)"
    assert driver.state("other")["restarts"] == 0
    assert "one ended with signal 9" in driver.line()


def test_a_clean_end_that_nobody_asked_for_is_started_again_too(drive, tmp_path):
    driver = drive(service("one", "test -e $DATA/second && exec sleep 1000; touch $DATA/second; sleep 2; exit 0"))
    assert driver.line() == "ready"
    until(lambda: driver.state("one")["restarts"] == 1 and driver.state("one")["state"] == "running")
    assert driver.state("one")["last_exit"] == "exit 0"


def test_pauses_between_starts_grow(drive):
    driver = drive(service("steady"), service("short", "sleep 0.05; exit 3"))
    times = []
    while len(times) < 4:
        line = driver.process.stdout.readline()
        assert line, "the supervisor ended"
        times += [line] if "short ended with exit 3" in line else []
    driver.end()
    pauses = [float(line.split("again in ")[1].split(" s")[0]) for line in times]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]


def test_a_program_that_refuses_its_configuration_fails_the_start_at_once(drive, tmp_path):
    driver = drive(service("good"), service("bad", "echo 'line 3: unknown key' >&2; exit 2", ready=tmp_path / "never"))
    assert [driver.line(), driver.line()][1] == "failed: bad refused its configuration"
    assert driver.process.wait(30) == 1
    assert (tmp_path / "log/bad.log").read_text().count("unknown key") == 1  # not tried again
    assert driver.state("good")["state"] == "stopped"


def test_a_program_that_never_gets_ready_fails_the_start_in_time(drive, tmp_path):
    driver = drive(service("slow", ready=tmp_path / "never"))
    assert driver.line() == "failed: slow was not ready within 5 s"
    assert driver.process.wait(10) == 1


def test_a_later_stage_starts_when_the_one_before_is_ready(drive, tmp_path):
    driver = drive(service("late", "date +%s%N > $DATA/late; exec sleep 1000", stage=2),
                   service("early", "sleep 0.5; date +%s%N > $DATA/new; mv $DATA/new $DATA/early; exec sleep 1000", ready=tmp_path / "early"))
    assert driver.line() == "ready"
    until(lambda: (tmp_path / "late").exists() and (tmp_path / "late").read_text().strip())
    assert int((tmp_path / "late").read_text()) > int((tmp_path / "early").read_text())


def test_stages_stop_in_reverse_order_and_each_is_waited_for(drive, tmp_path):
    def noting(name, pause):
        return f"trap 'sleep {pause}; echo {name} >> $DATA/order; exit 0' TERM; touch $DATA/{name}.up; " \
               "while :; do sleep 0.05; done"
    driver = drive(*(service(name, noting(name, pause), stage, tmp_path / f"{name}.up")
                     for name, stage, pause in (("server", 0, 0), ("lane", 1, 0.2), ("door", 2, 0.5))))
    assert driver.line() == "ready"
    assert driver.end(signal.SIGINT) == 0
    assert (tmp_path / "order").read_text().split() == ["door", "lane", "server"]
    assert not list((tmp_path / "run").glob("*.pid"))


def test_a_second_signal_does_not_wait_for_a_drain(drive, tmp_path):
    driver = drive(service("deaf", "trap 'touch $DATA/asked' TERM; touch $DATA/up; while :; do sleep 0.05; done", ready=tmp_path / "up"))
    assert driver.line() == "ready"
    began = time.monotonic()
    driver.process.send_signal(signal.SIGTERM)
    until((tmp_path / "asked").exists)
    assert driver.process.poll() is None
    assert driver.end() == 0 and time.monotonic() - began < 15  # a drain has 20


def test_a_stopped_program_is_woken_to_be_stopped(drive):
    driver = drive(service("one"))
    assert driver.line() == "ready"
    os.kill(driver.state("one")["pid"], signal.SIGSTOP)
    began = time.monotonic()
    assert driver.end() == 0 and time.monotonic() - began < 15  # who is not woken takes 20


def test_a_request_to_stop_while_starting_stops_what_has_started(drive, tmp_path):
    driver = drive(service("slow", ready=tmp_path / "never"))
    until(lambda: (tmp_path / "run/slow.pid").exists())
    pid = int((tmp_path / "run/slow.pid").read_text().split()[0])
    assert driver.end() == 0 and gone(pid)


def test_down_ends_what_a_crash_left_behind_and_nothing_else(drive, tmp_path):
    driver = drive(service("one", "while :; do sleep 0.1; done"), service("stubborn", "trap '' HUP; while :; do sleep 0.1; done"))
    assert driver.line() == "ready"
    left = [driver.state(name)["pid"] for name in ("one", "stubborn")]
    driver.process.kill()
    driver.process.wait()
    assert not any(map(gone, left))
    # A pid file that now names a process of somebody else: right number, but another birth.
    stranger = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    (tmp_path / "run/stranger.pid").write_text(f"{stranger.pid} 1\n")
    (tmp_path / "run/lock").touch()
    told = subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, text=True, timeout=60, check=True)
    until(lambda: all(map(gone, left)))
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    assert "stopped one, stubborn" in told.stdout
    assert not list((tmp_path / "run").glob("*.pid"))


def test_down_on_a_folder_where_nothing_runs_says_so(tmp_path):
    told = subprocess.run([ROOT / "deploy/down", "--data", tmp_path], capture_output=True, text=True, timeout=60, check=True)
    assert f"nothing runs on {tmp_path}" in told.stdout
