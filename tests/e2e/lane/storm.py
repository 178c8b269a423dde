#!/usr/bin/env python3
"""The storm: a toy handler on the lane while its processes are killed and stopped at every named crash point.

Two processes with two lanes each count records per key (16 partitions). Faults are armed so that they hit with records in
an open transaction: kill -9 and SIGSTOP of 4-7 s, before the flush, after it, after send_offsets, after the end. Both
processes are attacked at the same time; a supervisor starts what died. At the end an auditor that shares nothing with the
code under test compares the compacted state and the journal, as a read_committed reader sees them, with the sender's ledger.

    build/venv/bin/python tests/e2e/lane/storm.py                                  # short: 2 kills and 1 stop a point
    build/venv/bin/python tests/e2e/lane/storm.py --kills 100 --stops 100 --records 1000000 --parallel   # long

--parallel runs one system of two processes for each point at the same time, on one broker under prefixes of their own:
a fault costs seconds of waiting for the group's session to expire and no work, so four systems wait as fast as one.
"""
import argparse
import collections
import pathlib
import queue
import random
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from harness import contract, ledger, paths, topics  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.supervisor import Program  # noqa: E402

POINTS = ["lane.before_flush", "lane.after_flush", "lane.after_send_offsets", "lane.after_end"]
KEYS = 5000


class Sender(threading.Thread):
    """Sends the records in uneven bursts while the faults last, the rest at once; keeps the ledger."""

    def __init__(self, bootstrap, prefix, records, jobs, seed):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.bootstrap, self.topic = bootstrap, prefix + "hy.commands"
        self.wanted, self.jobs = records, jobs
        self.hurry = threading.Event()
        self.sent = []       # (partition, offset, amount)
        self.count, self.sum = collections.Counter(), collections.Counter()
        self.failed = []

    def _send(self, client, n):
        for _ in range(n):
            key, amount = b"k%d" % self.random.randrange(KEYS), self.random.randrange(1, 1000)

            def done(error, message, key=key, amount=amount):
                if error:
                    self.failed.append(str(error))
                    return
                self.sent.append((message.partition(), message.offset(), amount))
                self.count[key] += 1
                self.sum[key] += amount
            while True:
                try:
                    client.produce(self.topic, b"%d" % amount, key, on_delivery=done)
                    break
                except BufferError:
                    client.poll(0.1)
        client.poll(0)

    def run(self):
        client = topics.producer(self.bootstrap)
        left = self.wanted
        while left:
            if self.hurry.is_set():
                n = min(left, 20000)
            else:
                # What is left, over the time that the faults left may take (7 s each, two at a time); never all of it,
                # since a fault needs work in hand. A Pareto burst (mean 6) makes transactions of every size.
                mean = left / (self.jobs.qsize() * 3.5 + 20) * 0.05
                n = max(1, min(left // 10, int(self.random.paretovariate(1.2) * mean / 6)))
                self.hurry.wait(0.05)
            self._send(client, n)
            left -= n
        if client.flush(60):
            self.failed.append("not all records were acknowledged")


class Attacker(threading.Thread):
    """Arms one fault after the other on one process and waits until it is hit."""

    def __init__(self, program, jobs, counts, seed):
        super().__init__(daemon=True)
        self.program, self.jobs, self.counts = program, jobs, counts
        self.random = random.Random(seed)
        self.problems = []

    def _await(self, hit, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if hit():
                return True
            time.sleep(0.01)
        return False

    def _attack(self, point, action):
        # Not the first passage: a record that is hit alone five times in a row is rightly taken for poison.
        starts, nth = self.program.starts, self.random.randrange(8, 40)
        self.program.arm(f"{point}:{nth}:{action}")
        if action == "kill":
            if not self._await(lambda: self.program.starts > starts):
                return False
        else:
            if not self._await(lambda: self.program.state() == "T"):
                return False
            self.program.stops += 1
            time.sleep(self.random.uniform(4, 7))
            self.program.arm("")
            self.program.signal(18)
        self.counts[point, action] += 1
        return True

    def run(self):
        while True:
            try:
                point, action = self.jobs.get_nowait()
            except queue.Empty:
                return
            if not self._attack(point, action):
                self.problems.append(f"{self.program.name}: {point}:{action} was not hit within 120 s")
                self.program.arm("")
                return


def takeovers(bootstrap, prefix):
    """How often a partition's progress went from one process to the other, in log order."""
    last, changes = {}, 0
    for r in topics.read(bootstrap, prefix + "hy.cases"):
        if r.key != b"!progress":
            continue
        who = contract.decode("Progress", r.value).instance
        changes += last.get(r.partition, who) != who
        last[r.partition] = who
    return changes


def audit(bootstrap, prefix, sender):
    """Problems (texts); empty = the state and the journal are exactly what was sent."""
    problems = list(sender.failed)
    rows = [r.value.split() for r in topics.read(bootstrap, prefix + "hy.journal")]
    problems += ledger.compare("journal", sender.sent, [(int(p), int(o), int(a)) for p, o, a, _, _ in rows])
    problems += [f"dead letter {r.key.decode()}: {contract.decode('DeadLetter', r.value).reason}"
                 for r in topics.read(bootstrap, prefix + "hy.dead")]
    state, next_offset = {}, {}
    for (partition, key), value in topics.compacted(bootstrap, prefix + "hy.cases").items():
        if key == b"!progress":
            next_offset[partition] = contract.decode("Progress", value).next_offset
            continue
        if key in state:
            problems.append(f"state: key {key} stands in two partitions")
        state[key] = tuple(int(x) for x in value.split())
    problems += ledger.compare("state", [(k, n, sender.sum[k]) for k, n in sender.count.items()],
                               [(k, n, s) for k, (n, s) in state.items()])
    ends = {p: high for p, (_, high) in topics.ends(bootstrap, prefix + "hy.commands").items()}
    if next_offset != ends:
        problems.append(f"progress {next_offset} is not at the end {ends}")
    if topics.group_offsets(bootstrap, prefix + "toy", prefix + "hy.commands") != ends:
        problems.append("the group's offsets are not at the end")
    return problems, len(rows)


def await_end(bootstrap, prefix, timeout):
    deadline = time.monotonic() + timeout
    ends = {p: high for p, (_, high) in topics.ends(bootstrap, prefix + "hy.commands").items()}
    while time.monotonic() < deadline:
        if topics.group_offsets(bootstrap, prefix + "toy", prefix + "hy.commands") == ends:
            return True
        time.sleep(0.5)
    return False


def storm(kafka, prefix, points, kills, stops, records, seed, partitions=16, say=print, counts=None):
    """One system through its faults, counted in counts as they hit. Returns (problems, figures)."""
    toy = paths.program("lane_toy")
    subprocess.run([toy, "create", kafka.bootstrap, prefix, str(partitions)], check=True, capture_output=True)
    rng, jobs = random.Random(seed), queue.Queue()
    counts = collections.Counter() if counts is None else counts
    plan = [(p, "kill") for p in points for _ in range(kills)] + [(p, "stop") for p in points for _ in range(stops)]
    rng.shuffle(plan)
    for job in plan:
        jobs.put(job)
    started = time.monotonic()
    sender = Sender(kafka.bootstrap, prefix, records, jobs, seed + 1)
    programs = [Program(f"{prefix}toy-{i}", [toy, "run", kafka.bootstrap, prefix, str(i), "2"]) for i in range(2)]
    sender.start()
    attackers = [Attacker(p, jobs, counts, seed + 2 + i) for i, p in enumerate(programs)]
    try:
        for a in attackers:
            a.start()
        for a in attackers:
            a.join()
        faults_done = time.monotonic()
        sender.hurry.set()
        sender.join()
        problems = [x for a in attackers for x in a.problems]
        if not await_end(kafka.bootstrap, prefix, 180):
            problems.append("the lanes did not reach the end of hy.commands within 180 s")
        caught_up = time.monotonic()
        codes = [p.terminate() for p in programs]
        if codes != [0, 0]:
            problems.append(f"exit codes after SIGTERM: {codes}, not 0")
        found, journal = audit(kafka.bootstrap, prefix, sender)
        text = "".join(p.text() for p in programs)
        restores = [int(x) for x in re.findall(r"past the barrier.* ms=(\d+)", text)]
        figures = {
            "seed": seed, "records": len(sender.sent), "journal": journal,
            "kills": sum(n for (_, a), n in counts.items() if a == "kill"),
            "stops": sum(n for (_, a), n in counts.items() if a == "stop"),
            "aborted_records": ledger.aborted(kafka.bootstrap, prefix + "hy.journal"),
            "takeovers": takeovers(kafka.bootstrap, prefix),
            "restores": len(restores), "restore_ms_median": sorted(restores)[len(restores) // 2] if restores else None,
            "unexpected_exits": sum(c not in (0, -9) for p in programs for c in p.exits),
            "faults_s": round(faults_done - started), "caught_up_s": round(caught_up - faults_done, 1),
            "per_point": {f"{p}:{a}": n for (p, a), n in sorted(counts.items())},
        }
        problems += found
        if figures["unexpected_exits"]:
            problems.append(f"{figures['unexpected_exits']} processes ended by themselves")
        if problems:
            for p in programs:
                say(f"log of {p.name}: {keep(p)}")
        return problems, figures
    finally:
        for p in programs:
            p.close()


def keep(program):
    """Saves the log of a failed run under build/ and returns its path."""
    target = paths.BUILD / f"storm-{program.name}.log"
    target.write_text(program.text())
    return target


def short(seed):
    """The short form on a broker of its own."""
    with Kafka() as kafka:
        return storm(kafka, "s.", POINTS, kills=2, stops=1, records=60000, seed=seed)


def report(problems, figures, say=print):
    say("storm: " + " ".join(f"{k}={v}" for k, v in figures.items() if k != "per_point"))
    say("storm: " + " ".join(f"{k}={v}" for k, v in figures["per_point"].items()))
    for p in problems:
        say(f"PROBLEM {p}")


def show_progress(counts, wanted, over):
    """A bar on a terminal; elsewhere a line each minute."""
    started, terminal = time.monotonic(), sys.stderr.isatty()
    while not over.wait(0.5 if terminal else 60):
        hit = sum(sum(one.values()) for one in counts)
        bar = "#" * (40 * hit // wanted)
        text = f"[{bar:<40}] {hit} of {wanted} faults, {time.monotonic() - started:.0f} s"
        print(text, end="\r" if terminal else "\n", file=sys.stderr, flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=2, help="kill -9 at each point")
    options.add_argument("--stops", type=int, default=1, help="SIGSTOP of 4-7 s at each point")
    options.add_argument("--records", type=int, default=60000, help="of each system")
    options.add_argument("--points", default=",".join(POINTS))
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--parallel", action="store_true", help="one system a point, all at the same time")
    given = options.parse_args()
    points = given.points.split(",")
    groups = [[p] for p in points] if given.parallel else [points]
    results, over = [None] * len(groups), threading.Event()
    counts = [collections.Counter() for _ in groups]

    def one(i):
        results[i] = storm(kafka, f"s{i}.", groups[i], given.kills, given.stops, given.records, given.seed + 10 * i, counts=counts[i])
        report(*results[i])

    with Kafka(heap="1g") as kafka:
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(groups))]
        threading.Thread(target=show_progress, args=(counts, len(points) * (given.kills + given.stops), over), daemon=True).start()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        over.set()
    bad = sum(r is None or bool(r[0]) for r in results)
    print(f"storm: {len(groups) - bad} of {len(groups)} systems right")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
