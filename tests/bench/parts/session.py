"""One run of the bench: its servers, its cities, its raw rows, and what it shows while it works."""
import contextlib
import csv
import hashlib
import json
import os
import subprocess
import sys
import time

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from harness import paths, topics
from harness.kafka import Kafka
from harness.redis import Redis

import city as cities
import proc
from stats import Samples

ROOT = paths.ROOT
# A bench writes much and soon drops it: small segments can go at once, and nothing is cleaned beside a measurement.
BROKER = {"log.segment.bytes": str(64 << 20), "file.delete.delay.ms": "1000", "log.cleaner.enable": "false",
          "log.retention.check.interval.ms": "86400000"}
SAMPLE_S = 0.03
FROM, TO = 0.2, 0.98  # the share of the work between which a drain is measured: start and tail are left out


class BenchError(RuntimeError):
    """A row could not be measured; it counts as failed."""


class Drain:
    """How fast and at what cost one process worked off a topic."""

    def __init__(self, samples, records, pid):
        total = samples[-1][1]
        begin = next(s for s in samples if s[1] >= FROM * total)
        end = next(s for s in samples if s[1] >= TO * total)
        self.coarse = end[1] - begin[1] < 0.4 * total
        if self.coarse:  # too few records for the steps in which they are committed: from before the first one on
            begin = [s for s in samples if s[1] == 0][-1]
        handled = (end[1] - begin[1]) / total * records
        seconds = end[0] - begin[0]
        self.rate = handled / seconds
        self.cpu_us = (end[2] - begin[2]) / handled * 1e6
        self.broker_us = (end[3] - begin[3]) / handled * 1e6
        self.whole_cpu_us = proc.cpu(pid) / records * 1e6
        self.peak_mb, self.forced = proc.peak_mb(pid), proc.forced_switches(pid)

    def figures(self):
        return {"cpu_us": self.cpu_us, "rate": self.rate, "broker_us": self.broker_us, "whole_cpu_us": self.whole_cpu_us,
                "peak_mb": self.peak_mb, "forced_switches": self.forced}


class Session:
    def __init__(self, options):
        self.options = options
        self.name = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        self.samples = Samples()
        self.load = os.getloadavg()[0]
        self.config = self._config()
        self.closing = []
        self._kafka = self._admin = None
        self._cities = 0
        self.row = None
        self.warm = False  # whether the broker has had work

    def _config(self):
        """A hash of what the figures belong to: the source, the build and the options."""
        git = ["git", "-C", str(ROOT)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        change = subprocess.run([*git, "diff", "HEAD"], capture_output=True).stdout
        build = (paths.preset_dir() / "CMakeCache.txt").read_bytes()
        given = json.dumps(vars(self.options), sort_keys=True, default=str).encode()
        return hashlib.sha256(head.encode() + change + build + given).hexdigest()[:12]

    # ---- servers ----

    @property
    def kafka(self):
        if self._kafka is None:
            self.say("starting Kafka")
            self._kafka = self.keep(Kafka(BROKER, heap="1g"))
            self.pin(self._kafka.process.pid, 0)
        return self._kafka

    def redis(self, *extra):
        """A Redis of its own; close() it or leave it to the end."""
        made = self.keep(Redis("--maxmemory", "4gb", *extra))
        self.pin(made.process.pid, 0)
        return made

    def pin(self, pid, core):
        if self.options.pin:
            subprocess.run(["taskset", "-a", "-p", "-c", str(core), str(pid)], check=True, stdout=subprocess.DEVNULL)

    def keep(self, thing):
        self.closing.append(thing)
        return thing

    def drop(self, thing):
        """Ends something that was kept before the session ends."""
        self.closing.remove(thing)
        thing.close()

    @contextlib.contextmanager
    def on(self, kafka):
        """What is done within is done on another broker than the session's own."""
        mine, self._kafka, self._admin = self._kafka, kafka, None
        try:
            yield
        finally:
            self._kafka, self._admin = mine, None

    def city(self, programs, pack="yuancheng", redis=None, policies=None, brokers=None):
        """Topics and packs under a prefix of their own; programs are started by start(). brokers: as the programs know them."""
        self._cities += 1
        redis = redis or self.redis()
        made = cities.City(programs=programs, pack=pack, start=False, servers=(self.kafka, redis), prefix=f"b{self._cities}.",
                           doors=brokers and (brokers, redis.url), policies=policies)
        return self.keep(made)

    def close(self):
        """Ends everything; what is asked for afterwards is started anew."""
        self._admin = None  # before its broker
        for thing in reversed(self.closing):
            thing.close()
        self.closing, self._kafka, self.warm = [], None, False

    # ---- processes ----

    def start(self, city, *names, seconds=60):
        """Starts programs of a city and waits until they are healthy; returns the last one."""
        for name in names:
            city._add(name, 0, True)
            self.pin(city.programs[name].process.pid, 1)
        self.until(lambda: all(city.healthy(name) for name in names), seconds, lambda: city.logs())
        return city.programs[names[-1]]

    def stop(self, city, *names):
        for name in names:
            if city.programs[name].terminate():
                raise BenchError(f"{name} ended badly: {city.programs[name].text()[-800:]}")

    def tool(self, *words, **more):
        """bench_kafka's answer: its last line as JSON."""
        done = subprocess.run([paths.program("bench_kafka"), *map(str, words)], capture_output=True, text=True, **more)
        if done.returncode:
            raise BenchError(f"bench_kafka {words[0]}: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def feed(self, topic, n, **options):
        return self.tool("feed", f"brokers={self.kafka.bootstrap}", f"topic={topic}", f"n={n}",
                         *(f"{k}={v}" for k, v in options.items()))

    def until(self, what, seconds, show=lambda: "", every=0.05):
        deadline = time.monotonic() + seconds
        while not what():
            if time.monotonic() > deadline:
                raise BenchError(f"not within {seconds} s {show()}")
            time.sleep(every)

    # ---- measuring ----

    def drain(self, start, group, topic, records, cap=180, low=None):
        """start() gives the process (a harness Program or a Popen) that works off a topic under a consumer group; its
        progress is what it has committed there beyond `low` (else the topic's first offsets)."""
        ends = topics.ends(self.kafka.bootstrap, topic, "read_committed")
        low = low or {p: ends[p][0] for p in ends}
        total = sum(high - low[p] for p, (_, high) in ends.items())
        asker = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": group})
        wanted = [TopicPartition(topic, p) for p in ends]
        began, samples = time.monotonic(), [(0.0, 0, 0.0, proc.cpu(self.kafka.process.pid))]
        process = start()
        pid = process.process.pid if hasattr(process, "process") else process.pid
        self.pin(pid, 1)
        try:
            done = 0
            while done < TO * total:
                time.sleep(SAMPLE_S)
                done = sum(max(0, tp.offset - low[tp.partition]) for tp in self._committed(asker, wanted))
                samples.append((time.monotonic() - began, done, proc.cpu(pid), proc.cpu(self.kafka.process.pid)))
                if time.monotonic() - began > cap or not proc.lives(pid):
                    raise BenchError(f"{group}: {done} of {total} after {time.monotonic() - began:.0f} s")
            samples.append((*samples[-1][:1], total, *samples[-1][2:]))
            made = Drain(samples, records, pid)
            if made.coarse:
                self.say(f"  coarse: {records:,} records are too few to leave the start out")
            return made
        finally:
            asker.close()

    @staticmethod
    def _committed(asker, wanted):
        try:
            return asker.committed(wanted, timeout=10)
        except KafkaException:  # the group's coordinator is just being made
            return []

    def admin(self):
        """A client that lasts: one that is thrown away answers nothing any more."""
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap, "log_level": 3})
        return self._admin

    def forget_group(self, group):
        """A group that never was starts at the first record again. Waits until its members have left."""
        admin = self.admin()

        def gone():
            try:
                admin.delete_consumer_groups([group], request_timeout=10)[group].result(20)
            except KafkaException as error:
                return "NOT_FOUND" in error.args[0].name()
            return True
        self.until(gone, 60, lambda: f"group {group} is not empty", 0.2)

    def truncate(self, *names):
        """Drops all records of topics."""
        wanted = [TopicPartition(name, p, OFFSET_END) for name in names for p in topics.partitions_of(self.kafka.bootstrap, name)]
        admin = self.admin()
        for future in admin.delete_records(wanted).values():
            future.result(60)

    def delete_topics(self, prefix):
        admin = self.admin()
        names = [name for name in admin.list_topics(timeout=15).topics if name.startswith(prefix)]
        for future in (admin.delete_topics(names) if names else {}).values():
            future.result(60)

    # ---- rows and progress ----

    def rounds(self, count, warm_up=True):
        """0 (dropped), 1, 2, …"""
        for number in range(0 if warm_up else 1, count + 1):
            self.round = number
            self.say(f"round {number} of {count}" + (" (warms up, dropped)" if number == 0 else ""))
            yield number

    def record(self, subject, figures):
        for metric, value in figures.items():
            if value is not None:
                self.samples.rows.append({"session": self.name, "config": self.config, "load": f"{self.load:.2f}",
                                          "row": self.row, "round": self.round, "subject": subject, "metric": metric, "value": f"{value:.6g}"})
        shown = "  ".join(f"{k} {v:,.2f}" if v < 1000 else f"{k} {v:,.0f}" for k, v in list(figures.items())[:4] if v is not None)
        self.say(f"  {subject:<18} {shown}")

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {self.row or '':<12} {text}", file=sys.stderr, flush=True)

    def save(self, path):
        with open(path, "w", newline="") as out:
            writer = csv.DictWriter(out, Samples.COLUMNS)
            writer.writeheader()
            writer.writerows(self.samples.rows)
