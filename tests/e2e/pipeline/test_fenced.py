"""An engine that was stopped past its session while another one took over its partitions: when it wakes, what it has in
hand is refused, it says so, and it comes back to work."""
import re
import signal

import pytest
from city import event
from harness import ledger
from messages import MATTERS
from town import until

PARTITIONS = 16
REFUSED = "_FENCED|PRODUCER_FENCED|INVALID_PRODUCER_EPOCH|ILLEGAL_GENERATION|UNKNOWN_MEMBER_ID"
# In the order of a commit, with what the sleeper says when it goes on there: its records have not left it; they stand in
# Kafka; the offsets stand beside them and only the end is missing.
POINTS = {
    "lane.before_flush": rf"lane\.flush: |lane\.commit: .*code=({REFUSED})",
    "lane.after_flush": rf"lane\.commit: .*step=send_offsets code=({REFUSED})",
    "lane.after_send_offsets": rf"lane\.commit: .*step=end code=({REFUSED})",
}


def partitions(town, name):
    return town.metric(name, "huiying_lane_partitions")


def given_up(town):
    """Transactions aborted or of unknown result, and producers made anew, as the sleeper counts them."""
    return sum(town.metric("casework", f"huiying_lane_{name}_total") for name in ("aborts", "commits_unknown", "producers_recreated"))


def letters(town, name, n=40):
    return town.send([event(f"{name}-{i}", f"澄塘区第{i}号街坊：{MATTERS[i % len(MATTERS)]}") for i in range(n)])


@pytest.fixture(scope="module")
def both(town):
    """Two processes of casework, each with its share."""
    town.join("casework")
    until(lambda: partitions(town, "casework.1") == partitions(town, "casework") == PARTITIONS / 2)
    yield town.programs["casework"], town.programs["casework.1"]
    assert town.leave("casework") == 0
    until(lambda: partitions(town, "casework") == PARTITIONS)


@pytest.mark.parametrize("point", list(POINTS))
def test_a_stopped_engine_that_wakes_cannot_commit_and_comes_back(town, both, point):
    sleeper, _ = both
    said, counted = len(sleeper.text()), given_up(town)
    aborted = ledger.aborted(town.kafka.bootstrap, "hy.journal")
    sleeper.arm(f"{point}:1:stop")
    letters(town, f"{point}-before")
    until(lambda: sleeper.state() == "T")
    letters(town, f"{point}-asleep")
    until(lambda: partitions(town, "casework.1") == PARTITIONS)
    town.settle()  # the other one has done all of it
    sleeper.arm("")
    sleeper.signal(signal.SIGCONT)
    letters(town, f"{point}-awake")
    until(lambda: partitions(town, "casework") == PARTITIONS / 2, show=lambda: sleeper.text()[said:][-2000:])
    letters(town, f"{point}-both")
    town.settle()
    until(lambda: given_up(town) > counted)
    told = sleeper.text()[said:]
    assert re.search(POINTS[point], told) and "rejoining group" in told, told
    assert sleeper.exits == [] and both[1].exits == []
    if point != "lane.before_flush":  # what it had written stands there and nobody reads it
        assert ledger.aborted(town.kafka.bootstrap, "hy.journal") > aborted


def test_after_all_of_it_nothing_is_missing_and_nothing_is_there_twice(town):
    assert town.problems() == []
