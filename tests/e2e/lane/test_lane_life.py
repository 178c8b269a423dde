"""A lane among others: takeover, parking, ticks, drain, zombies, a broker in trouble."""
import signal
import time

import pytest

from conftest import SHORT
from harness import ledger, topics


LONG = "props=session.timeout.ms=30000"  # a session whose end nobody here waits for


def amounts(system):
    return sorted(row[2] for row in system.journal())


def test_sigterm_finishes_what_is_in_hand_and_exits_0(system):
    program = system.run(lanes=2)
    system.await_text(program, "past the barrier")
    system.send(*[b"%d" % i for i in range(2000)])
    time.sleep(0.2)
    assert program.terminate() == 0
    assert ledger.aborted(system.bootstrap, system.topic("journal")) == 0
    system.run(instance="1")
    system.await_done()
    assert amounts(system) == list(range(2000))


def test_a_second_process_takes_its_share_and_all_of_it_after_a_clean_end(system):
    first = system.run(LONG, instance="0")
    system.send(*[b"1"] * 100)
    system.await_done()
    second = system.run(LONG, instance="1")
    system.await_text(second, "past the barrier")
    for key in (b"k", b"a", b"d", b"x"):
        system.send(*[b"1"] * 50, key=key)
    system.await_done()
    assert first.terminate() == 0
    began = time.monotonic()
    system.send(*[b"1"] * 100)
    system.await_done()
    assert time.monotonic() - began < 20, "a clean end must not cost a session timeout"
    assert system.state()[b"k"] == b"250 250"
    assert "holds state" not in first.text() + second.text()


def test_parked_state_goes_on_from_where_it_was(system):
    """A partition that goes and comes back is folded on, not restored from the start: the counts stay right."""
    first = system.run(instance="0")
    for key in (b"k", b"a", b"d", b"x"):
        system.send(*[b"1"] * 500, key=key)
    system.await_done()
    for round_ in range(2):
        second = system.run(instance="1")
        system.await_text(second, "past the barrier")
        for key in (b"k", b"a", b"d", b"x"):
            system.send(*[b"1"] * 100, key=key)
        system.await_done()
        assert second.terminate() == 0
        for key in (b"k", b"a", b"d", b"x"):
            system.send(*[b"1"] * 100, key=key)
        system.await_done()
    assert set(system.state().values()) == {b"900 900"}
    assert first.exits == []


POINTS = ["lane.before_flush", "lane.after_flush", "lane.after_send_offsets"]


@pytest.fixture(scope="module")
def zombies(systems):
    """Three systems at once: each one's only process is stopped at its point, another takes over, the first wakes."""
    made = {point: systems() for point in POINTS}
    first = {}
    for point, system in made.items():
        first[point] = system.run(SHORT, instance="0")
        system.send(*[b"1"] * 10)
    for point, system in made.items():
        system.await_done()
        first[point].arm(f"{point}:1:stop")
    time.sleep(0.2)
    for point, system in made.items():
        system.send(*[b"1"] * 10)
    for point, system in made.items():
        system.await_state(first[point], "T")
    for system in made.values():
        system.run(SHORT, instance="1")
    for system in made.values():
        system.await_done()
        assert system.state() == {b"k": b"20 20"}
    for point, system in made.items():
        first[point].arm("")
        first[point].signal(signal.SIGCONT)
        system.send(*[b"1"] * 10)
    time.sleep(3)
    return made, first


@pytest.mark.parametrize("point", POINTS)
def test_a_process_stopped_past_its_session_cannot_commit_when_it_wakes(zombies, point):
    systems_, first = zombies
    system = systems_[point]
    system.await_done()
    assert system.state() == {b"k": b"30 30"}
    rows = [row[:2] for row in system.journal()]
    assert len(rows) == len(set(rows)) == 30
    if point != "lane.before_flush":  # there the records had not left the process
        assert ledger.aborted(system.bootstrap, system.topic("journal")) >= 10
    assert first[point].exits == []


def test_a_crash_in_the_middle_of_a_restore_and_of_a_record_changes_nothing(system):
    program = system.run(SHORT)
    system.send(*[b"1"] * 300)
    system.await_done()
    for point in ("lane.mid_handle:40:kill", "lane.in_restore:1:kill", "lane.after_start:1:kill"):
        if point.startswith("lane.mid"):
            program.arm(point)
            time.sleep(0.2)
            system.send(*[b"1"] * 100)
        else:
            program.terminate()
            program.env["HY_FAULT_POINT"] = point
            program.start()
        deadline = time.monotonic() + 60
        while program.exits.count(-9) == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        program.env.pop("HY_FAULT_POINT", None)
        system.await_done()
        assert -9 in program.exits, point
        program.exits.clear()
    assert system.state() == {b"k": b"400 400"} and len(system.journal()) == 400


def test_an_idle_lane_writes_nothing(system):
    system.run(lanes=2)
    system.send(b"1")
    system.await_done()
    before, rested = None, 0
    for _ in range(80):  # the second lane's joining moves partitions once more
        ends = topics.ends(system.bootstrap, system.topic("cases"))
        before, rested = ends, rested + 1 if ends == before else 0
        if rested == 8:
            break
        time.sleep(0.5)
    time.sleep(3)
    assert topics.ends(system.bootstrap, system.topic("cases")) == before


def test_a_group_at_rest_stands_at_the_end_of_its_log_past_the_markers_of_transactions(system):
    """Else every partition that a lane wrote to would show a lag of one record for as long as nothing comes."""
    system.run()
    writer = topics.producer(system.bootstrap, **{"transactional.id": system.prefix + "writer"})
    writer.init_transactions(30)
    for n in range(3):
        writer.begin_transaction()
        writer.produce(system.topic("commands"), b"1", b"k")
        writer.commit_transaction(30)
        system.await_done()  # where the log ends, behind the marker
    assert system.state() == {b"k": b"3 3"}


def test_a_tick_comes_each_second_for_each_partition_and_its_now_never_goes_back(system):
    program = system.run(SHORT, "tick")
    began = time.monotonic()
    system.await_text(program, "past the barrier")
    time.sleep(5.5)
    program.kill()
    time.sleep(5)
    state = {k: [int(x) for x in v.split()] for k, v in system.state().items()}
    assert set(state) == {b"tick-0", b"tick-1"}, "what a tick took back stands there"
    assert system.journal() == []
    for count, now in state.values():
        assert 5 <= count <= time.monotonic() - began + 2 and abs(now / 1000 - time.time()) < 10
    assert "now went back" not in program.text()


def test_the_engines_now_is_kept_in_the_progress(system):
    system.send(b"1")
    system.run()
    system.await_done()
    (record,) = system.records("commands")
    assert system.progress()[record.partition].now_unix_ms == record.timestamp


def test_a_broker_that_is_killed_and_comes_back_costs_nothing(system):
    system.run(lanes=2)
    sent = []
    system.send(*[b"%d" % i for i in range(500)])
    system.kafka.restart(clean=False)
    system.send(*[b"%d" % i for i in range(500, 1000)])
    system.await_done()
    assert amounts(system) == list(range(1000)), sent


def test_a_broker_that_dies_between_two_questions_does_not_make_the_lane_stand_still(system):
    """The second question goes to a broker that was there a moment ago; waiting for its answer must end by itself."""
    program = system.run("stuck=6000", start=False)
    program.env["HY_FAULT_POINT"] = "lane.before_ends:2:stop"
    program.start()
    system.await_state(program, "T")
    system.kafka.kill()
    program.signal(signal.SIGCONT)
    time.sleep(8)
    assert program.exits == [], program.text()[-3000:]
    system.kafka.start()
    system.send(b"1")
    system.await_done()
    assert program.exits == [] and "stuck" not in program.text()


def test_a_broker_that_stands_still_for_longer_than_a_transaction_costs_nothing(system):
    system.run(lanes=2)
    for i in range(5):
        system.send(*[b"%d" % (i * 100 + j) for j in range(100)])
    system.kafka.stop_for(9).join()
    system.send(*[b"%d" % i for i in range(500, 600)])
    system.await_done()
    assert amounts(system) == list(range(600))


def test_a_commit_whose_answer_is_lost_is_neither_lost_nor_doubled(system):
    """The broker stands still from before the end of a transaction until the lane has given up waiting for its answer."""
    program = system.run()
    system.send(*[b"1"] * 10)
    system.await_done()
    program.arm("lane.after_send_offsets:1:stop")
    time.sleep(0.2)
    system.send(*[b"1"] * 10)
    system.await_state(program, "T")
    program.arm("")
    frozen = system.kafka.stop_for(15)
    program.signal(signal.SIGCONT)
    frozen.join()
    system.send(*[b"1"] * 10)
    system.await_done()
    assert system.state() == {b"k": b"30 30"}
    assert len({row[:2] for row in system.journal()}) == len(system.journal()) == 30
    assert "step=end" in program.text() and program.exits == []
