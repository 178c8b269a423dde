"""The table: what is measured, by which function, and what it must and should be. A new row is an entry here."""
from dataclasses import dataclass
from typing import Callable

import row_cases
import row_gateway
import row_overdue
import row_router
import row_rtt
import row_timers


@dataclass(frozen=True)
class Target:
    """One line of the table. values(samples) gives {round: value}; judged by its median: at most (<=) or at least (>=)."""
    key: str
    what: str
    unit: str
    values: Callable
    better: str = "<="
    must: float = None
    goal: float = None
    when: Callable = lambda samples: True  # whether what was measured is what the row asks for (its scale)
    against: tuple = ()                    # (name, values): canary and peers, in the same unit
    plot: bool = True


@dataclass(frozen=True)
class Row:
    """One measurement; it may feed several lines."""
    key: str
    run: Callable
    rounds: int
    about: str
    targets: tuple


def of(row, subject, metric):
    return lambda samples: samples.series(row, subject, metric)


def ratio(row, subject, other, metric):
    return lambda samples: samples.ratio(row, subject, other, metric)


def least_of(row, subject, metric, least):
    """True when every round was measured at least at this scale."""
    def check(samples):
        values = samples.series(row, subject, metric).values()
        return bool(values) and min(values) >= least
    return check


def largest_of(row, subjects, metric):
    """The largest over subjects, round by round."""
    def values(samples):
        found = [samples.series(row, s, metric) for s in subjects]
        return {n: max(f[n] for f in found if n in f) for n in found[0]} if found and found[0] else {}
    return values


def kafka_peers(row, metric):
    return tuple((name, of(row, subject, metric)) for name, subject in (
        ("raw loop", "raw"), ("raw loop, 200 keywords", "raw_keywords"), ("Kafka Streams", "kafka_streams")))


# The keys of shards and buckets weigh on few timers. bench_timers takes whole batches: just below a million.
MILLION_TIMERS = least_of("timers", "huiying", "timers", 0.99e6)
OTHERS = ("router", "sentinel", "sla", "dashboard")

ROWS = (
    Row("router", row_router.full, 8, "the router works off messages, beside the raw loop and Kafka Streams", (
        Target("router_cpu", "router, full routing: CPU a record", "µs", of("router", "router", "cpu_us"), "<=", 8, 5,
               against=kafka_peers("router", "cpu_us")),
        # The limits in µs come from a machine whose raw loop costs 1.9 µs; only ratios say the same on another one.
        Target("router_cpu_ratio", "router, full routing: CPU a record, times the raw loop's", "×", ratio("router", "router", "raw", "cpu_us"),
               "<=", 8 / 1.9, 5 / 1.9, against=(("Kafka Streams", ratio("router", "kafka_streams", "raw", "cpu_us")),)),
        Target("router_rate", "router, full routing: records/s, share of the raw loop", "of raw", ratio("router", "router", "raw", "rate"),
               ">=", 0.40, 0.65, against=(("Kafka Streams", ratio("router", "kafka_streams", "raw", "rate")),)),
        Target("router_records", "router, full routing: records/s", "records/s", of("router", "router", "rate"), ">=",
               against=kafka_peers("router", "rate")),
    )),
    Row("casework", row_cases.casework, 5, "casework opens a case with every command", (
        Target("casework_cpu", "casework: CPU a command (snapshot, journal, content, work item)", "µs",
               of("casework", "casework", "cpu_us"), "<=", 25, 12, against=(("raw loop", of("casework", "raw", "cpu_us")),)),
        Target("casework_rate", "casework: commands/s", "commands/s", of("casework", "casework", "rate"), ">=",
               against=(("raw loop", of("casework", "raw", "rate")),)),
    )),
    Row("hop", row_router.hop, 5, "sent → visible behind the router at 5,000/s", (
        Target("hop_p50", "router hop p50 at 5,000/s", "ms", of("hop", "router", "p50"), "<=", 90, 65,
               against=(("no router", of("hop", "floor", "p50")), *kafka_peers("hop", "p50"))),
        Target("hop_p99", "router hop p99 at 5,000/s", "ms", of("hop", "router", "p99"), "<=", 180, 125,
               against=(("no router", of("hop", "floor", "p99")), *kafka_peers("hop", "p99"))),
    )),
    Row("visible", row_cases.visible, 5, "sent → visible on the department's queue at 1,000/s, every program running", (
        Target("visible_p99", "accepted → visible on the department's queue, p99 at 1,000/s", "ms", of("visible", "huiying", "p99"),
               "<=", 500, 250),
        Target("visible_lost", "… letters that did not come, or came twice", "letters",
               lambda s: {n: v + s.series("visible", "huiying", "twice")[n] for n, v in s.series("visible", "huiying", "missing").items()},
               "<=", 0, plot=False),
    )),
    Row("timers", row_timers.rates, 5, "timers on Redis: rates and bytes, one clock a case", (
        Target("timers_schedule", "timers on Redis: schedule", "timers/s", of("timers", "huiying", "schedule"), ">=", 100e3, 150e3,
               against=(("ZADD", of("timers", "zadd", "schedule")), ("BullMQ", of("timers", "bullmq", "schedule")))),
        Target("timers_cancel", "timers on Redis: cancel", "timers/s", of("timers", "huiying", "cancel"), ">=", 100e3, 150e3,
               against=(("BullMQ", of("timers", "bullmq", "cancel")),)),
        Target("timers_claim", "timers on Redis: claim + verify + outbox", "timers/s", of("timers", "huiying", "claim"), ">=", 100e3, 150e3,
               against=(("BullMQ", of("timers", "bullmq", "claim")),)),
        Target("timers_bytes", "bytes a timer, all included, uniform over 7 days", "bytes", of("timers", "huiying", "bytes_uniform"),
               "<=", 120, 60, when=MILLION_TIMERS, against=(("BullMQ", of("timers", "bullmq", "bytes_uniform")),)),
        Target("timers_bytes_clustered", "bytes a timer, all included, clustered at opening time", "bytes",
               of("timers", "huiying", "bytes_clustered"), "<=", 120, 60, when=MILLION_TIMERS),
    )),
    Row("late", row_timers.late, 3, "how late timers are claimed at 1,000/s, AOF on", (
        Target("late_p50", "claim lateness p50 at 1,000/s", "ms", of("late", "huiying", "claimed_p50"), "<=", 2, 0.5,
               against=(("BullMQ", of("late", "bullmq", "claimed_p50")),)),
        Target("late_p99", "claim lateness p99 at 1,000/s", "ms", of("late", "huiying", "claimed_p99"), "<=", 20, 5,
               against=(("BullMQ", of("late", "bullmq", "claimed_p99")),)),
        Target("late_early", "earliest claim before it was due", "ms",
               lambda s: {n: max(0.0, -v) for n, v in s.series("late", "huiying", "claimed_min").items()}, "<=", 0, plot=False),
    )),
    Row("overdue", row_overdue.overdue, 2, "very many timers overdue at once, as after an outage", (
        Target("overdue_letters", "1M timers overdue after an outage: a letter that comes in while they go out, p99", "ms",
               of("overdue", "huiying", "p99"), "<=", 2000, when=least_of("overdue", "huiying", "timers", 1e6)),
        Target("overdue_rate", "… worked off by casework meanwhile", "timers/s", of("overdue", "huiying", "rate"), ">="),
        Target("overdue_unlimited", "… drained with the limiter off", "timers/s", of("overdue", "unlimited", "rate"), ">=", None, 100e3,
               when=least_of("overdue", "huiying", "timers", 1e6)),
    )),
    Row("transactions", row_router.transactions, 5, "the router with and without transactions, two lanes", (
        Target("transactions", "transactions on / off, same router, two lanes", "of off",
               ratio("transactions", "router", "router_plain", "rate"), ">=", 0.70, 0.85,
               against=(("raw loop, one lane", ratio("transactions", "raw", "raw_plain", "rate")),)),
        Target("transactions_cpu", "… CPU a record on / off", "times", ratio("transactions", "router", "router_plain", "cpu_us"), "<=",
               against=(("raw loop, one lane", ratio("transactions", "raw", "raw_plain", "cpu_us")),)),
    )),
    Row("rtt", row_rtt.rtt, 3, "the router with Kafka at a distance, by lanes", tuple(
        Target(f"rtt_{trip}", f"router with 8 lanes, Kafka {trip} ms away: records/s, share of the raw loop beside the broker", "of raw",
               ratio("rtt", row_rtt.name_of(trip, 8), "raw", "rate"), ">=",
               against=tuple((f"{lanes} lanes", ratio("rtt", row_rtt.name_of(trip, lanes), "raw", "rate")) for lanes in row_rtt.LANES[:-1]))
        for trip in row_rtt.TRIPS)),
    Row("departments", row_cases.sixty, 3, "casework's commits with sixty departments in them", (
        Target("departments", "60 departments in one transaction: mean commit", "ms", of("departments", "casework", "commit_ms"), "<=",
               None, 120, against=(("raw loop, 60 topics, median commit", of("departments", "raw", "commit_ms")),)),
    )),
    Row("restore", row_cases.restore, 2, "casework and sla begin again", (
        Target("restore", "restore of 1M open cases", "s", of("restore", "casework", "restore_s"), "<=", 20, 8,
               when=least_of("restore", "casework", "cases", 1e6), against=(("bare reader", of("restore", "bare_reader", "restore_s")),)),
        Target("refold", "refold of timers, per million", "s", of("restore", "sla", "refold_s_per_million"), "<=", 20, 8,
               when=least_of("restore", "sla", "timers", 1e6)),
    )),
    Row("memory", row_cases.memory, 1, "resident memory of every program", (
        Target("memory_casework", "resident memory at 100,000 open cases: casework", "MB", of("memory", "casework", "rss_mb"), "<=", 300, 150,
               when=least_of("memory", "casework", "open_cases", 1e5), against=(("started again", of("memory", "casework again", "rss_mb")),)),
        Target("memory_others", "resident memory at 100,000 open cases: the largest of the others", "MB",
               largest_of("memory", OTHERS, "rss_mb"), "<=", 100, 50, when=least_of("memory", "casework", "open_cases", 1e5),
               against=tuple((name, of("memory", name, "rss_mb")) for name in OTHERS)),
    )),
    Row("gateway", row_gateway.gateway, 5, "WeChat pushes in safe mode, each in Kafka before it is answered", (
        Target("gateway_rate", "gateway, durable before the answer, WeChat safe mode", "posts/s", of("gateway", "gateway", "rate"), ">=",
               5000, 10000, against=(("empty POST on libmicrohttpd", of("gateway", "mhd", "rate")),)),
        Target("gateway_p99", "gateway, answer p99 at half of that", "ms", of("gateway", "gateway", "half_p99"), "<=", None, 50),
    )),
    Row("scale", row_cases.scale, 3, "what a command costs with few and with many cases open", (
        Target("scale", "cost per event at 1M open cases, to that at 10,000", "times", ratio("scale", "many", "few", "cpu_us"), "<=", 1.3, 1.1,
               when=least_of("scale", "many", "open_cases", 1e6)),
    )),
)

BY_TARGET = {target.key: row for row in ROWS for target in row.targets}
BY_KEY = {row.key: row for row in ROWS}


def named(names):
    """Rows by their own key or by one of their lines', in the table's order."""
    wanted = {id(BY_KEY.get(name) or BY_TARGET.get(name)) for name in names}
    return [row for row in ROWS if id(row) in wanted]
