"""One broker for all tests of the lane; each test has topics of its own under a prefix."""
import itertools
import os
import subprocess
import threading
import time

import pytest

from harness import contract, paths, topics
from harness.kafka import Kafka
from harness.supervisor import Program

_numbers = itertools.count()
# Words for the toy: a session that ends sooner, for tests that wait for a dead member of the group.
SHORT = "props=session.timeout.ms=2000;heartbeat.interval.ms=500"
_background = {}


def _run_in_background(name, work):
    def run():
        try:
            _background[name] = work()
        except Exception as e:  # the test that asks for the result must fail, not wait
            _background[name] = e
    _background[name, "thread"] = threading.Thread(target=run)
    _background[name, "thread"].start()


def _of_background(name):
    _background[name, "thread"].join()
    if isinstance(_background[name], Exception):
        raise _background[name]
    return _background[name]


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name in ("test_lane_storm.py", "test_lane_crash.py"))


def pytest_collection_finish(session):
    """What mostly waits (for sessions of dead members to end) begins first, on brokers of its own, beside the rest."""
    if session.config.option.collectonly:
        return
    files = {item.path.name for item in session.items}
    if "test_lane_storm.py" in files:
        import storm
        _run_in_background("storm", lambda: storm.short(int(os.environ.get("HY_SEED", time.time()))))
    if "test_lane_crash.py" in files:
        import test_lane_crash
        _run_in_background("crash", lambda: test_lane_crash.crash(System))


@pytest.fixture
def stormed():
    """(problems, figures) of the storm's short form."""
    return _of_background("storm")


@pytest.fixture
def crashed():
    """What test_lane_crash.crash found."""
    return _of_background("crash")


# Sessions shorter than a broker's usual 6 s are allowed, and a killed node may register again after 4 s, not 9.
BROKER = {"group.min.session.timeout.ms": "1000", "broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}


@pytest.fixture(scope="session")
def kafka():
    with Kafka(BROKER) as broker:
        yield broker


class System:
    """A prefix with the table's topics and the toy's processes on it."""

    def __init__(self, kafka, partitions):
        self.kafka, self.bootstrap, self.prefix = kafka, kafka.bootstrap, f"r{next(_numbers)}."
        self.toy = paths.program("lane_toy")
        self.programs = []
        made = subprocess.run([self.toy, "create", self.bootstrap, self.prefix, str(partitions)], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr

    def topic(self, name):
        return f"{self.prefix}hy.{name}"

    def run(self, *words, instance="0", lanes=1, start=True):
        program = Program(f"{self.prefix}toy{len(self.programs)}",
                          [self.toy, "run", self.bootstrap, self.prefix, instance, str(lanes), *words], start=start)
        self.programs.append(program)
        return program

    def once(self, *words):
        """A run that is expected to end by itself: (exit code, what it said)."""
        done = subprocess.run([self.toy, "run", self.bootstrap, self.prefix, "0", "1", *words], capture_output=True, text=True,
                              timeout=120)
        return done.returncode, done.stderr

    def send(self, *values, key=b"k"):
        return topics.send(self.bootstrap, self.topic("commands"), [(key, v) for v in values])

    def records(self, name):
        return topics.read_all(self.bootstrap, self.topic(name))

    def journal(self):
        return [tuple(int(x) for x in r.value.split()) for r in self.records("journal")]

    def dead(self):
        return [contract.decode("DeadLetter", r.value) for r in self.records("dead")]

    def state(self):
        return {key: value for (_, key), value in topics.compacted(self.bootstrap, self.topic("cases")).items()
                if key != b"!progress"}

    def progress(self):
        return {p: contract.decode("Progress", value)
                for (p, key), value in topics.compacted(self.bootstrap, self.topic("cases")).items() if key == b"!progress"}

    def await_text(self, program, text, timeout=90):
        deadline = time.monotonic() + timeout
        while text not in program.text():
            assert time.monotonic() < deadline, f"{text} did not come in {timeout} s\n" + program.text()[-3000:]
            time.sleep(0.05)

    def await_state(self, program, letter, timeout=60):
        """Until the kernel says so of its process: "T" = stopped, at the point that was armed."""
        deadline = time.monotonic() + timeout
        while program.state() != letter:
            assert time.monotonic() < deadline, f"{program.name} is not in state {letter} after {timeout} s\n" + program.text()[-3000:]
            time.sleep(0.02)

    def await_done(self, timeout=120):
        """Until the group stands at the end of hy.commands."""
        ends = {p: high for p, (_, high) in topics.ends(self.bootstrap, self.topic("commands")).items()}
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            offsets = topics.group_offsets(self.bootstrap, self.prefix + "toy", self.topic("commands"))
            if all(offsets.get(p) == high or (high == 0 and offsets.get(p) in (-1001, 0)) for p, high in ends.items()):
                return
            time.sleep(0.2)
        raise AssertionError(f"not at the end {ends} after {timeout} s: {offsets}\n" + self.programs[-1].text()[-3000:])

    def close(self):
        for program in self.programs:
            program.close()


@pytest.fixture
def system(kafka):
    made = System(kafka, 2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def systems(kafka):
    """Makes systems that live for a whole module: what takes long runs side by side."""
    made = []

    def make(partitions=2):
        made.append(System(kafka, partitions))
        return made[-1]
    yield make
    for one in made:
        one.close()
