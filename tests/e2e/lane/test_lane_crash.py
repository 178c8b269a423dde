"""Records that end the process: found, dead-lettered, and nothing else is lost. The systems run side by side and beside the
other tests (conftest.py), because each death costs the wait for a dead member of the group."""
import signal
import time
from types import SimpleNamespace

from conftest import BROKER, SHORT
from harness import paths
from harness.kafka import Kafka


def restart_again_and_again(system, times=7):
    """What stands after so many ends of a process whose record only waits."""
    system.send(b"1", b"again 1000000", b"2")
    program = system.run(SHORT)
    for n in range(1, times + 1):
        deadline = time.monotonic() + 60
        while program.text().count("past the barrier") < n:
            assert time.monotonic() < deadline, program.text()[-2000:]
            time.sleep(0.05)
        time.sleep(1)  # long enough to offer it
        program.kill()
    system.await_text(program, "records one by one")
    return SimpleNamespace(dead=system.dead(), state=system.state())


def crash(make_system):
    """Runs all systems to their end and reads what they left."""
    with Kafka(BROKER) as kafka:
        one, two, stateless, endless, waiting, unlucky = systems = [make_system(kafka, 2) for _ in range(6)]
        patient = make_system(kafka, 2)
        places = one.send(*[b"%d" % i for i in range(300)], b"crash", *[b"%d" % i for i in range(300, 500)])
        two.send(*[b"1"] * 20, b"crash", *[b"1"] * 20, key=b"a")
        two.send(*[b"1"] * 20, b"crash", *[b"1"] * 20, key=b"d")
        stateless.send(*[b"1"] * 30, b"crash", *[b"1"] * 30)
        endless.send(b"1", b"loop", b"2")
        waiting.send(b"1", b"crash", b"again 8", b"2")
        folder = paths.Folder("deaths")
        unlucky.send(b"1", b"unlucky %s/deaths" % bytes(folder.path), b"2")
        words = {stateless: ["stateless"], endless: ["stuck=2000"]}
        try:
            runs = [s.run(SHORT, *words.get(s, [])) for s in systems]
            waited = restart_again_and_again(patient)
            for s in systems:
                s.await_done(240)
            found = [SimpleNamespace(dead=s.dead(), journal=s.journal(), state=s.state(), exits=list(p.exits))
                     for s, p in zip(systems, runs)]
        finally:
            for s in (*systems, patient):
                s.close()
            folder.remove()
    return SimpleNamespace(place=places[300], patient=waited, **dict(zip(["one", "two", "stateless", "endless", "waiting", "unlucky"], found)))


def test_a_record_that_crashes_the_process_is_dead_after_it_was_begun_alone_five_times(crashed):
    (letter,) = crashed.one.dead
    assert letter.reason == "crashed" and letter.tries == 5 and letter.original == b"crash"
    assert (letter.source.partition, letter.source.offset) == crashed.place
    assert [row[2] for row in crashed.one.journal] == list(range(500))
    assert crashed.one.state == {b"k": b"500 %d" % sum(range(500))}
    assert set(crashed.one.exits) == {-signal.SIGABRT}
    assert 7 <= len(crashed.one.exits) <= 18, crashed.one.exits


def test_a_record_that_was_in_hand_at_five_deaths_in_a_row_is_handled_at_the_sixth_start(crashed):
    """Killed by somebody else each time, once in a batch and four times alone: the record did nothing."""
    assert crashed.unlucky.dead == [] and crashed.unlucky.state == {b"k": b"2 3"}
    assert crashed.unlucky.exits == [-signal.SIGKILL] * 5


def test_two_crashing_records_in_two_partitions_are_both_found(crashed):
    assert [d.reason for d in crashed.two.dead] == ["crashed", "crashed"]
    assert crashed.two.state == {b"a": b"40 40", b"d": b"40 40"}


def test_a_crash_without_state_is_found_too(crashed):
    assert [d.reason for d in crashed.stateless.dead] == ["crashed"]
    rows = [row[:2] for row in crashed.stateless.journal]
    assert len(rows) == len(set(rows)) == 60


def test_a_record_that_never_ends_is_ended_by_the_watchdog_and_found(crashed):
    assert [d.reason for d in crashed.endless.dead] == ["crashed"]
    assert set(crashed.endless.exits) == {70}
    assert crashed.endless.state == {b"k": b"2 3"}


def test_a_record_that_only_waits_is_no_poison_however_often_the_process_is_ended(crashed):
    assert crashed.patient.dead == [] and crashed.patient.state == {b"k": b"1 1"}


def test_a_record_that_asks_to_wait_while_records_go_one_by_one_is_not_taken_for_poison(crashed):
    """It is begun again and again, but it has crashed nothing."""
    assert [d.reason for d in crashed.waiting.dead] == ["crashed"]
    assert [row[2] for row in crashed.waiting.journal] == [1, 2]
