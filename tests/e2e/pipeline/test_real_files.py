"""Two real files of citizens' messages go through replay and the whole pipeline: every message has one fate, the sums
balance to the last one, Redis holds exactly the running clocks of the open cases, and the burst of half a year is found.

The files are not part of the project; without them these tests are skipped (HY_SHARED_DATA names another folder)."""
import datetime
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.request
from collections import Counter, namedtuple

import auditor
import pytest
import redis
from city import City, identity
from harness import paths, timers, topics

DATA = pathlib.Path(os.environ.get("HY_SHARED_DATA", paths.ROOT / "../shared/data")) / "teddy2020"
MAPPINGS = pathlib.Path(__file__).parent / "mappings"
PROGRAMS = ("router", "casework", "sentinel", "sla")
# A day of the board in a sixth of a second: the sentinel takes what comes up to a day late by the time of the messages.
SPEED = 6 * 86400

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real files are absent: {DATA}")
Sent = namedtuple("Sent", "id")


def rows(name):
    return [json.loads(line) for line in open(DATA / name, encoding="utf-8")]


def ledger(name, account, kind):
    """What replay must make of a file, from the file alone."""
    return [Sent(identity("event", "board", account, row["id"], kind)) for row in rows(name)]


def joined_by_hours(name, hours=24):
    """How many rows stand within so many hours of the last word of the same writer: none of them opens a case."""
    last, joined = {}, 0
    for row in rows(name):
        at = datetime.datetime.fromisoformat(row["time"])
        joined += row["user"] in last and at - last[row["user"]] <= datetime.timedelta(hours=hours)
        last[row["user"]] = at
    return joined


class Replays:
    """One city that all tests of this file look at, and what was fed to it."""

    def __init__(self, city):
        self.city, self.read = city, 0
        self.redis = redis.Redis(port=city.redis.port)

    def command(self, mapping, name, *options):
        return [paths.program("replay"), "--config", str(self.city.config), "--mapping", str(MAPPINGS / mapping), *options,
                str(DATA / name)]

    def play(self, mapping, name, *options):
        """Runs replay to its end. The books count the rows that it says it read, those that a killed run had sent too."""
        done = subprocess.run(self.command(mapping, name, *options), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        said = done.stderr.strip().splitlines()[-1]
        self.read += int(said.split("rows ")[1].split(",")[0])
        print(f"\n{mapping} {' '.join(options)}: {said}")

    def play_and_kill(self, mapping, name, *options, after=500):
        """Kills replay (-9) in the middle of the file, when readers see so many of its records."""
        before = self.comments()
        process = subprocess.Popen(self.command(mapping, name, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=paths.die_with_parent)
        deadline = time.monotonic() + 60
        while self.comments() - before < after:
            assert process.poll() is None and time.monotonic() < deadline, "replay was not to be hit in the middle"
            time.sleep(0.02)
        process.kill()
        process.wait()

    def comments(self):
        return sum(high for _, high in topics.ends(self.city.kafka.bootstrap, "hy.comments", "read_committed").values())

    def clocks(self, seconds=120):
        """(in Redis, in hy.cases) once they are equal, or as they stand when time is up."""
        deadline = time.monotonic() + seconds
        while True:
            found, wanted = timers.in_redis(self.redis), timers.in_cases(self.city.kafka.bootstrap)
            if found == wanted or time.monotonic() > deadline:
                return found, wanted
            time.sleep(0.5)


def metric(city, name, wanted):
    with urllib.request.urlopen(f"http://127.0.0.1:{city.ports[name]}/metrics", timeout=30) as answer:
        found = [line for line in answer.read().decode().splitlines() if line.startswith(wanted + " ")]
    return int(float(found[0].rsplit(" ", 1)[1])) if found else 0


def feed(replays):
    """All that is read, in the order in which a city would: the archive first, then what comes in."""
    city = replays.city
    replays.play_and_kill("archive.yaml", "train.jsonl", "--historic", "--rate", "1000")
    replays.play("archive.yaml", "train.jsonl", "--historic")
    city.settle()
    replays.archive_clocks = replays.clocks()
    replays.play("board.yaml", "hot_dev.jsonl", "--shift-times", "end", "--speed", str(SPEED))
    city.settle()
    replays.late = metric(city, "sentinel", 'huiying_sentinel_sightings_total{fate="late"}')
    replays.play("letters.yaml", "train.jsonl", "--shift-times", "start")
    replays.play("board.yaml", "hot_dev.jsonl", "--shift-times", "end", "--restart")
    city.settle()


@pytest.fixture(scope="module")
def books():
    """The whole story once; every test reads another page of it."""
    with City(PROGRAMS, pack="yuancheng") as city:
        replays = Replays(city)
        feed(replays)
        replays.found, replays.wanted = replays.clocks()
        replays.seen = auditor.Seen(city)
        replays.events = Counter(m.id for _, m in city.read("hy.comments", "Event"))
        replays.archive = ledger("train.jsonl", "archive", "LETTER")
        replays.letters = ledger("train.jsonl", "letters", "LETTER")
        replays.board = ledger("hot_dev.jsonl", "city", "COMMENT")
        replays.sent = replays.archive + replays.letters + replays.board * 2
        yield replays


def fates(books, events):
    return Counter(fate for event in events for fate in books.seen.fates.get(event.id, ["DEAD"]))


def test_a_killed_replay_goes_on_without_a_double_or_a_gap(books):
    assert books.events == Counter(event.id for event in books.sent)


def test_every_message_has_one_fate_and_the_sums_balance(books):
    problems = auditor.check_fates(books.seen, books.sent)
    assert not problems, "\n".join(problems[:20])
    sums = Counter(fate for found in books.seen.fates.values() for fate in found)
    sums["REPEATED"], sums["DEAD"] = sum(books.seen.repeats.values()), len(books.seen.dead)
    print(f"\n{books.read} messages read: {dict(sums)}")
    assert books.read == sum(sums.values()) == len(books.sent)
    assert sums["REPEATED"] == len(books.board), "the board was sent twice"
    letters = sum(case.kind == "letter" for case in books.seen.cases.values())
    assert sums["OPENED"] == letters


def test_what_one_writer_says_within_a_day_is_one_case(books):
    assert fates(books, books.board)["APPENDED"] == joined_by_hours("hot_dev.jsonl")


def test_each_opened_case_has_one_opening_work_item(books):
    problems = auditor.check_cases(books.seen) + auditor.check_journal(books.seen)
    assert not problems, "\n".join(problems[:20])


def test_old_messages_get_no_clocks(books):
    assert books.archive_clocks == (set(), set())
    old = [case for case in books.seen.cases.values() if case.historic]
    assert len(old) == fates(books, books.archive)["OPENED"] and not any(case.clocks for case in old)


def test_redis_holds_exactly_the_running_clocks_of_the_open_cases(books):
    assert books.found == books.wanted
    told = {(t.case, t.clock, t.epoch, t.stage, t.due) for t in books.found}
    assert told == auditor.running_clocks(books.seen), "the auditor's books were read when nothing moved"
    for partition in timers.partitions(books.redis):
        assert not timers.check(timers.shard(books.redis, partition))
    live = [case for case in books.seen.cases.values() if case.kind == "letter" and not case.historic]
    states = Counter((clock.name, auditor.name_of(clock, "state")) for case in live for clock in case.clocks)
    print(f"\n{len(told)} running clocks; of {len(live)} open letters: {dict(states)}")
    assert all(len(case.clocks) == 2 for case in live), "each letter has the clocks of its pack: reply and forward"
    assert min(states["reply", "STATE_RUNNING"], states["reply", "STATE_BREACHED"]) > 1000


def test_the_burst_of_half_a_year_becomes_an_incident(books):
    truth = next(event for event in rows("hot_events_dev.jsonl") if event["event"] == "e02")
    own = {identity("event", "board", "city", member, "COMMENT") for member in truth["members"]}
    hits = []
    for case in (case for case in books.seen.cases.values() if case.kind == "incident"):
        members = {post.event_id for post in case.incident.evidence}
        if len(members & own) >= 3 and 2 * len(members & own) >= len(members):
            hits.append((case, len(members & own), len(members)))
    assert len(hits) == 1, "one incident, not several"
    case, inside, members = hits[0]
    print(f"\ne02: level {case.incident.level}, {case.incident.writers} writers, {inside} of {members} posts are its own; "
          f"{books.late} sightings came too late to be counted")
    assert case.owner == "wangxinban"
    feed_of_owner = [m for _, m in books.seen.work if m.case_id == case.id and m.seq == 1]
    assert len(feed_of_owner) == 1 and feed_of_owner[0].department == "wangxinban"


# A broker that did not answer for 5 s, on a machine with too much to do: told rightly, and the books balance all the same.
KAFKA_STALLED = re.compile(r"[Tt]imed out|TIMED_OUT")


def test_no_program_had_anything_to_complain_about(books):
    assert all(program.starts == 1 for program in books.city.programs.values()), "a program ended by itself"
    complaints = [line for program in books.city.programs.values() for line in program.text().splitlines()
                  if (" error " in line or " warn " in line) and not KAFKA_STALLED.search(line)]
    assert not complaints, "\n".join(complaints[:20])
