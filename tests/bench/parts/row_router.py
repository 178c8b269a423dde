"""The router: what a record costs it, how fast it is, how long a record takes, and what transactions cost.

Subjects work off the same topic of the same broker in turn: the router, the raw transactional loop (the canary), and the
peers that are there.
"""
import re
import subprocess
import time

from harness import paths, topics

import proc

LOG = paths.BUILD / "bench/subjects.log"
OUTS = 11  # topics of the raw loop, as many as the prepared peers have


class Popen:
    """A subject that is no program under supervision: ended by SIGTERM, its output kept, its complaints in LOG."""

    def __init__(self, argv, env=None):
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("ab") as out:
            out.write(f"-- {' '.join(map(str, argv))}\n".encode())
            out.flush()
            self.process = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=out, env=env, text=True,
                                            preexec_fn=paths.die_with_parent)

    def end(self):
        """Ends it; returns what it wrote."""
        self.process.terminate()
        try:
            return self.process.communicate(timeout=20)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.communicate()[0]


def raw_argv(session, topic, out, group, **options):
    return [paths.program("bench_kafka"), "raw", f"brokers={session.kafka.bootstrap}", f"in={topic}", f"out={out}",
            f"group={group}", *(f"{k}={v}" for k, v in options.items())]


def make_outs(session, prefix, names):
    names = list(names)
    for name in names:
        topics.create(session.kafka.bootstrap, prefix + name)
    return [prefix + name for name in names]


def drain_other(session, argv, env, group, topic, records):
    """A drain by a subject that is no program of ours; {figures}, what it wrote."""
    subject = Popen(argv, env)
    try:
        figures = session.drain(lambda: subject, group, topic, records).figures()
    finally:
        said = subject.end()
    return figures, said


def raw_once(session, topic, records, outs=OUTS):
    """The raw loop over a topic, under a group of its own, into topics that are dropped again."""
    prefix, group = f"raw{time.monotonic_ns()}.", f"bench-raw-{time.monotonic_ns()}"
    make_outs(session, prefix, map(str, range(outs)))
    figures, said = drain_other(session, raw_argv(session, topic, prefix, group, outs=outs), None, group, topic, records)
    session.delete_topics(prefix)
    return {**figures, "commit_ms": float(re.search(r'"commit_p50_ms": ([\d.]+)', said).group(1))}


def warm(session, times, records=200_000):
    """A fresh broker is two or three times slower than one that has compiled its code: it gets work first."""
    if not times:
        return
    session.say(f"warming the broker with {times} x {records:,} records")
    topic = f"warm{time.monotonic_ns()}"
    topics.create(session.kafka.bootstrap, topic, 8)
    session.feed(topic, records, mix="mixed")
    for _ in range(times):
        raw_once(session, topic, records)
    session.delete_topics(topic)


class Bench:
    """One input topic and every subject's outputs."""

    def __init__(self, session, peers, records, brokers=None):
        self.session, self.peers, self.records = session, peers, records
        self.city = session.city(("router",), brokers=brokers)
        self.topic = self.city.topic("hy.comments")
        session.say(f"{records:,} messages")
        made = session.feed(self.topic, records, mix="mixed")
        session.say(f"an event has {made['bytes']:.0f} bytes")
        self.raw_outs = make_outs(session, "raw.", map(str, range(OUTS)))
        self.peer_outs = make_outs(session, "peer.", peers.outs) if peers.commands else []
        self.runs = 0

    def router(self):
        figures = self.session.drain(self._start, self.city.topic("router"), self.topic, self.records).figures()
        self.session.stop(self.city, "router")
        self.session.forget_group(self.city.topic("router"))
        self.session.truncate(self.city.topic("hy.commands"), self.city.topic("hy.sightings"))
        return figures

    def _start(self):
        self.city._add("router", 0, True)
        return self.city.programs["router"]

    def group(self, name):
        self.runs += 1
        return f"bench-{name}-{self.runs}"

    def raw(self, **options):
        group = self.group("raw")
        figures, _ = drain_other(self.session, raw_argv(self.session, self.topic, "raw.", group, outs=OUTS, **options), None,
                                 group, self.topic, self.records)
        self.session.truncate(*self.raw_outs)
        return figures

    def peer(self, name):
        group = self.group(name)
        env = self.peers.environment(self.session.kafka.bootstrap, self.topic, "peer.", group, self.records)
        figures, _ = drain_other(self.session, self.peers.commands[name], env, group, self.topic, self.records)
        self.session.truncate(*self.peer_outs)
        return figures

    def plain(self):
        """The router's handler without transactions."""
        group = self.group("plain")
        argv = [paths.program("bench_router_plain"), self.session.kafka.bootstrap, self.city.prefix, "yuancheng", group]
        figures, _ = drain_other(self.session, argv, None, group, self.topic, self.records)
        self.session.truncate(self.city.topic("hy.commands"), self.city.topic("hy.sightings"))
        return figures

    def turns(self, subjects, rounds):
        """Every subject once a round, each round beginning with another."""
        for number in self.session.rounds(rounds):
            names = list(subjects)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                self.session.record(name, subjects[name]())

    def close(self):
        self.session.drop(self.city)
        self.session.delete_topics("raw.")
        self.session.delete_topics("peer.")
        self.session.delete_topics(self.city.prefix)


def full(session, peers, rounds):
    """Rows router_cpu and router_rate."""
    bench = Bench(session, peers, session.options.records or 400_000)
    subjects = {"router": bench.router, "raw": bench.raw}
    subjects.update({name: (lambda name=name: bench.peer(name)) for name in peers.commands})
    bench.turns(subjects, rounds)
    bench.close()


def transactions(session, peers, rounds):
    """The same router with and without transactions, on two lanes; the raw loop with and without, on one."""
    bench = Bench(session, peers, session.options.records or 400_000)
    bench.turns({"router": bench.router, "router_plain": bench.plain, "raw": bench.raw, "raw_plain": lambda: bench.raw(txn=0)},
                rounds)
    bench.close()


def hop(session, peers, rounds):
    """Sent to hy.comments → visible to a committed reader behind the router, open loop at 5,000/s."""
    rate, seconds = session.options.rate or 5000, session.options.seconds or 8
    city = session.city(("router",))
    first = 0

    def probe(subject, source, out):
        nonlocal first
        first += rate * (seconds + 4) + 1
        pid = subject.process.pid if subject else 0
        began = proc.cpu(pid)
        found = session.tool("late", f"brokers={session.kafka.bootstrap}", f"in={source}", f"out={out}", f"rate={rate}",
                             "warm=4", f"seconds={seconds}", f"first={first}")
        return {**found, "cpu_s_per_s": (proc.cpu(pid) - began) / (seconds + 4)}

    def router():
        figures = probe(session.start(city, "router"), city.topic("hy.comments"), city.topic("hy.commands"))
        session.stop(city, "router")
        return figures

    def fresh(name):
        topic = f"late.{name}.{time.monotonic_ns()}"
        topics.create(session.kafka.bootstrap, topic, 8)
        return topic

    def floor():
        topic = fresh("floor")
        return probe(None, topic, topic)

    def other(name, outs, command):
        topic, group = fresh(name), f"late-{name}-{time.monotonic_ns()}"
        prefix = topic + ".out."
        make_outs(session, prefix, outs)
        argv, env = command(topic, prefix, group)
        subject = Popen(argv, env)
        time.sleep(3)  # it has no sign that it is ready; what comes within the first 4 s is not counted
        figures = probe(subject, topic, prefix + "*")
        subject.end()
        session.delete_topics(topic)
        return figures

    subjects = {"router": router, "floor": floor,
                "raw": lambda: other("raw", map(str, range(OUTS)), lambda t, p, g: (raw_argv(session, t, p, g), None))}
    if "kafka_streams" in peers.commands:
        subjects["kafka_streams"] = lambda: other("kafka_streams", peers.outs, lambda t, p, g: (
            peers.commands["kafka_streams"], peers.environment(session.kafka.bootstrap, t, p, g, 0)))
    for number in session.rounds(rounds):
        names = list(subjects)
        for name in names[number % len(names):] + names[:number % len(names)]:
            session.record(name, subjects[name]())
    session.drop(city)
    session.delete_topics("late.")
    session.delete_topics(city.prefix)
