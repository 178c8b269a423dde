"""Timers on Redis: how many a second, how many bytes, how late; BullMQ beside them."""
import json
import pathlib
import re
import subprocess
import sys
import time

from harness import paths

from session import BenchError

HERE = pathlib.Path(__file__).resolve().parents[1]
NAMES = {"claimed": "timers", "schedule_7_days_per_second": "schedule", "cancel_per_second": "cancel", "claim_per_second": "claim",
         "bytes_a_timer": "bytes_uniform", "bytes_a_timer_clustered": "bytes_clustered", "reschedule_claimed_per_second": "reschedule"}


def rates(session, peers, rounds):
    """Schedule, cancel, claim+verify+outbox through one connection, and bytes a timer; one clock a case."""
    n = session.options.cases or (1_000_000 if session.options.full else 200_000)
    for _ in session.rounds(rounds):
        session.say(f"{n:,} timers")
        redis = session.redis()
        session.record("zadd", {"schedule": zadd(redis)})
        redis.flush()
        done = subprocess.run([paths.program("bench_timers"), redis.url, str(n), "1"], capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"bench_timers: {done.stderr.strip()}")
        found = dict(line.split() for line in done.stdout.splitlines())
        session.record("huiying", {NAMES[k]: float(v) for k, v in found.items() if k in NAMES})
        session.drop(redis)
        if peers.bullmq:
            redis = session.redis()
            session.record("bullmq", bullmq_rates(peers.bullmq, redis, 40_000))
            session.drop(redis)


def zadd(redis):
    """The canary: plain ZADDs a second, sixteen in flight, by Redis's own tool."""
    done = subprocess.run(["redis-benchmark", "-p", str(redis.port), "-P", "16", "-n", "300000", "-r", "1000000000", "-q",
                           "ZADD", "canary", "__rand_int__", "__rand_int__"], capture_output=True, text=True, check=True)
    return float(re.findall(r"([\d.]+) requests per second", done.stdout)[-1])


def used_memory(redis):
    return int(re.search(r"used_memory:(\d+)", redis.command("INFO", "memory")).group(1))


def ask_bullmq(bullmq, redis, *words):
    command, env = bullmq
    done = subprocess.run([*command, *map(str, words)], env={**env, "REDIS_PORT": str(redis.port)}, capture_output=True, text=True)
    found = re.search(r"^END (.*)$", done.stdout, re.M)
    if done.returncode or not found:
        raise BenchError(f"BullMQ {words[0]}: {done.stderr.strip()[-400:]}")
    return json.loads(found.group(1))


class BullmqWorker:
    """A worker that writes "id due start" a job into a file."""

    def __init__(self, bullmq, redis):
        command, env = bullmq
        self.folder = paths.Folder("bullmq")
        self.file = self.folder.path / "fired"
        self.file.touch()
        self.process = subprocess.Popen([*command, "worker", str(self.file)], env={**env, "REDIS_PORT": str(redis.port)},
                                        stdout=subprocess.PIPE, text=True, preexec_fn=paths.die_with_parent)

    def ready(self):
        self.process.stdout.readline()
        return self

    def rows(self):
        lines = self.file.read_text().splitlines()
        return [tuple(map(float, line.split()[1:])) for line in lines if len(line.split()) == 3]

    def wait(self, n, seconds):
        deadline = time.monotonic() + seconds
        while len(self.rows()) < n:
            if time.monotonic() > deadline:
                raise BenchError(f"BullMQ fired {len(self.rows())} of {n} within {seconds} s")
            time.sleep(0.2)
        return self.rows()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.folder.remove()


def bullmq_rates(bullmq, redis, n):
    before = used_memory(redis)
    now = int(time.time() * 1000)
    made = ask_bullmq(bullmq, redis, "schedule", 0, n, now + 3_600_000, 7 * 86_400_000)
    time.sleep(0.5)  # its client's buffers are gone
    size = (used_memory(redis) - before) / n
    gone = ask_bullmq(bullmq, redis, "cancel", 0, n // 4, 4, 30)
    redis.flush()
    ask_bullmq(bullmq, redis, "schedule", 0, n // 4, now - 60_000, 1)
    worker = BullmqWorker(bullmq, redis).ready()
    try:
        started = sorted(start for _, start in worker.wait(n // 4, 60))
    finally:
        worker.close()
    return {"schedule": n / made["wall"], "cancel": gone["n"] / gone["wall"], "bytes_uniform": size,
            "claim": (len(started) - 1) / (started[-1] - started[0]) * 1000}


def at(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def late(session, peers, rounds):
    """Cases → sla → hy.commands with many timers pending and AOF on, 1,000 due a second."""
    pending, rate = session.options.cases or 200_000, session.options.rate or 1000
    seconds = session.options.seconds or 20
    for _ in session.rounds(rounds):
        done = subprocess.run([sys.executable, str(HERE / "timers_late.py"), "--pending", str(pending), "--rate", str(rate),
                               "--seconds", str(seconds)], capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"timers_late.py: {done.stderr.strip()[-600:]}")
        session.record("huiying", parse_late(done.stdout))
        if peers.bullmq:
            redis = session.redis()
            session.record("bullmq", bullmq_late(peers.bullmq, redis, pending, rate, seconds))
            session.drop(redis)


def parse_late(text):
    figures = {}
    for name in ("claimed", "appended"):
        row = re.search(rf"late until {name}.*: p50 (\S+) p99 (\S+) p99.9 (\S+) max (\S+) min (\S+) of (\d+)", text)
        if row is None:
            raise BenchError(f"timers_late.py said nothing of {name}: {text[-400:]}")
        figures.update(zip((f"{name}_{k}" for k in ("p50", "p99", "p999", "max", "min")), map(float, row.groups()[:5])))
    return figures


def bullmq_late(bullmq, redis, pending, rate, seconds):
    now = int(time.time() * 1000)
    ask_bullmq(bullmq, redis, "schedule", 1_000_000, pending, now + 1_800_000, 7 * 86_400_000)
    worker = BullmqWorker(bullmq, redis).ready()
    try:
        ask_bullmq(bullmq, redis, "paced", 0, rate * seconds, rate, int(time.time() * 1000) + 4000, 3000)
        rows = worker.wait(rate * seconds, 30)
    finally:
        worker.close()
    delays = [start - due for due, start in rows]
    return {"claimed_p50": at(delays, .5), "claimed_p99": at(delays, .99), "claimed_max": max(delays), "claimed_min": min(delays)}
