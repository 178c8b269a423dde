#!/usr/bin/env python3
"""How late timers fire through Kafka and Redis: cases → sla → hy.commands, measured by the broker's append time.

    build/venv/bin/python tests/bench/timers_late.py [--pending 200000] [--rate 1000] [--seconds 20]

Uses the programs of $HY_BUILD (default: build/release) against a Kafka and a Redis of its own.
"""
import argparse
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/e2e/sla")]
os.environ.setdefault("HY_BUILD", str(ROOT / "build/release"))

import world  # noqa: E402
from harness import contract, topics  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.redis import Redis  # noqa: E402


def write(cases, made):
    for at in range(0, len(made), 5000):
        cases.write(*made[at:at + 5000], remember=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pending", type=int, default=200000)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    prefix, n = "b1.", args.rate * args.seconds
    with Kafka() as kafka, Redis() as redis:
        world.make_topics(kafka.bootstrap, prefix)
        cases = world.Cases(kafka.bootstrap, prefix)
        with world.Sla(kafka, redis.url, prefix) as sla:
            sla.ready()
            far = world.now_ms() + 86400_000
            begin = time.monotonic()
            write(cases, [cases.case(f"far{i}", reply=(1, 0, far + i * 3000)) for i in range(args.pending)])
            world.until(lambda: sla.metric("huiying_sla_pending") >= args.pending, 300, 0.2)
            print(f"pending {args.pending} written and folded in {time.monotonic() - begin:.1f} s "
                  "(the writer is the slower one)")
            made = [cases.case(f"near{i}", reply=(1, 0, 0)) for i in range(n)]
            start = world.now_ms() + 3000 + n // 4
            for i, one in enumerate(made):
                one.clocks[0].stage_due.unix_ms = start + i * 1000 // args.rate
            write(cases, made)
            world.until(lambda: sla.metric("huiying_sla_fired_total") >= n, args.seconds * 3 + 60, 0.5)
            late = sorted(r.timestamp - contract.decode("Command", r.value).timer_fired.due.unix_ms
                          for r in topics.read(kafka.bootstrap, prefix + "hy.commands"))
            claimed = sorted(c.fired.unix_ms - c.due.unix_ms for c in (
                contract.decode("Command", r.value).timer_fired
                for r in topics.read(kafka.bootstrap, prefix + "hy.commands")))
            for name, values in (("claimed", claimed), ("appended", late)):
                print(f"late until {name}, ms at {args.rate}/s: p50 {world.percentile(values, .5)} "
                      f"p99 {world.percentile(values, .99)} p99.9 {world.percentile(values, .999)} max {values[-1]} "
                      f"min {values[0]} of {len(values)}")
            print(f"redis bytes a timer {redis_bytes(redis) / args.pending:.0f}")


def redis_bytes(redis):
    info = redis.command("INFO", "memory")
    return int(next(line for line in info.splitlines() if line.startswith("used_memory:")).split(":")[1])


if __name__ == "__main__":
    main()
