#!/usr/bin/env python3
"""The fault storm: a real Kafka, a real Redis, all programs, thousands of messages, people at work, and everything that can
go wrong, chosen by a seed. Afterwards an auditor with clients of its own balances the books.

    tests/faults/storm.py --seed 7                   one storm; the seed is printed with every violation
    tests/faults/storm.py --seed 1 --seeds 50        fifty of them, on the same servers
    tests/faults/storm.py --seeds 50 --jobs 3        three at a time, each on servers of its own
    tests/faults/storm.py --seed 7 --faults 0        the same messages on a quiet day
    tests/faults/storm.py --nodes 3 --replica        Kafka on three nodes, Redis with a replica that takes over

HY_BUILD names the build (one with crash points: preset debug). Exit code 1 when a promise was broken.
"""
import argparse
import csv
import fcntl
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from world import World  # noqa: E402  (first: it says where the rest is found)

from city_storm import Storm  # noqa: E402

PROMISE = re.compile(r"I\d")  # how a problem begins that is a broken promise, not only a program that ended
STORY = 60  # faults shown of a story
# Nodes of Kafka, whether Redis has a replica, whether Kafka is patient.
SERVERS = [(1, False, False), (3, True, True), (1, True, True), (3, False, False)]


def one(world, seed, given):
    began = time.monotonic()
    with world.city(seed, audited=seed % 2 == 0) as city:
        storm = Storm(world, city, seed, given.messages, given.every, given.late)
        problems = storm.whole(given.seconds)
        kills = sum(p.kills for p in city.programs.values())
        if problems:
            keep(city, given.keep / f"seed{seed}")
    said = ", ".join(f"{name} {n}" for name, n in storm.begun.most_common())
    seconds = time.monotonic() - began
    lines = [f"seed {seed}: {len(storm.sent)} messages, {len(storm.people.acts)} acts, {kills} kills, {sum(storm.begun.values())} faults "
             f"({said}), {seconds:.0f} s, {len(problems)} problems"]
    lines += [f"  PROBLEM {problem[:600]}" for problem in problems[:20]]
    if problems:
        lines += ["  the story:", *(f"    {line}" for line in storm.story[-STORY:])]
    say(lines)
    world.forget(city)
    return {"seed": seed, "at": datetime.now(timezone.utc).isoformat(timespec="seconds"), "nodes": given.nodes,
            "replica": int(given.replica), "patient": int(given.patient), "messages": len(storm.sent), "acts": len(storm.people.acts),
            "faults": sum(storm.begun.values()), "kills": kills, "back_s": round(storm.back_s, 1), "seconds": round(seconds),
            "problems": len(problems), "first": next((p for p in problems if PROMISE.match(p)), problems[0] if problems else "")}


def say(lines):
    """All at once, whoever else is telling of a seed of theirs."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print("\n".join(lines), flush=True)


def keep(city, folder):
    """The programs' logs of a seed with a violation, for whoever looks for its cause."""
    folder.mkdir(parents=True, exist_ok=True)
    for program in city.programs.values():
        shutil.copy(program.log, folder)
    print(f"  logs: {folder}", flush=True)


def note(path, row):
    """A line of the record of storms."""
    with path.open("a", newline="") as out:
        fcntl.flock(out, fcntl.LOCK_EX)
        writer = csv.DictWriter(out, row.keys())
        if out.seek(0, 2) == 0:
            writer.writeheader()
        writer.writerow(row)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--seeds", type=int, default=1, help="so many storms, one seed after the other")
    parser.add_argument("--jobs", type=int, default=1, help="so many at a time, each on servers of its own")
    parser.add_argument("--these", type=numbers, help="just these seeds, in this order: 8,16,13")
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--seconds", type=float, default=30, help="over which they are sent")
    parser.add_argument("--every", "--faults", type=float, default=1.0, help="seconds between faults on average; 0 = none")
    parser.add_argument("--late", type=float, default=5, help="seconds that a clock may come late, by itself or after all was healed")
    parser.add_argument("--nodes", type=int, default=1, choices=(1, 3), help="of Kafka")
    parser.add_argument("--replica", action="store_true", help="Redis has a replica that takes over")
    parser.add_argument("--patient", action="store_true", help="Kafka ends a transaction that timed out within ten seconds, as it comes, not within one")
    parser.add_argument("--mixed", action="store_true", help="a quarter of the seeds on each set-up of servers (SERVERS in this file)")
    parser.add_argument("--record", type=pathlib.Path, help="CSV file that gets a line a seed")
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("build/storm"), help="folder for the logs of seeds with a violation")
    parser.add_argument("--stop-at-first", action="store_true", help="no further seed after a broken promise")
    return parser


def numbers(text):
    return [int(word) for word in text.split(",")]


def seeds_of(given):
    return given.these or list(range(given.seed, given.seed + given.seeds))


def set_ups(given):
    """[(a row of SERVERS, the seeds that run on it)]"""
    seeds = seeds_of(given)
    if not given.mixed:
        return [((given.nodes, given.replica, given.patient), seeds)]
    return [(servers, seeds[i::len(SERVERS)]) for i, servers in enumerate(SERVERS) if i < len(seeds)]


def one_by_one(given):
    """Returns how many seeds had a violation."""
    bad = 0
    for (given.nodes, given.replica, given.patient), seeds in set_ups(given):
        with World(given.nodes, given.replica, given.patient) as world:
            for seed in seeds:
                row = one(world, seed, given)
                bad += row["problems"] > 0
                if given.record:
                    note(given.record, row)
                if given.stop_at_first and PROMISE.match(row["first"]):
                    return bad
    return bad


def side_by_side(given, words):
    """Deals the seeds out to processes of their own; returns how many of these found a violation."""
    shares = [share for share in (seeds_of(given)[job::given.jobs] for job in range(given.jobs)) if share]
    jobs = [subprocess.Popen([sys.executable, __file__, *words, "--jobs", "1", "--these", ",".join(map(str, share))]) for share in shares]
    try:
        while any(job.poll() is None for job in jobs):
            if given.stop_at_first and any(job.returncode for job in jobs):
                break
            time.sleep(0.2)
    finally:
        for job in jobs:
            job.terminate()
        for job in jobs:
            job.wait()
    return sum(job.returncode not in (0, 143) for job in jobs)


def main():
    given = options().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that programs and servers end with us
    if given.jobs > 1:
        return 1 if side_by_side(given, sys.argv[1:]) else 0
    bad = one_by_one(given)
    say([f"storm: {bad} of the seeds with a violation" if bad else "storm: no violation"])
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
