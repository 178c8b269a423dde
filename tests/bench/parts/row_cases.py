"""Casework and everything behind it: what a command costs, how soon a department sees a message, many departments in one
transaction, how long a restart takes, and what open cases cost in memory and time."""
import re
import shutil
import time
import urllib.request

from harness import paths, topics

import proc
import row_router

ALL = ("casework", "router", "sentinel", "sla", "dashboard")
LANES = ("router", "casework", "sentinel")
DEPARTMENTS = 60


def metric(city, program, name, **labels):
    """Sum of a metric's series; 0 while the program does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{city.ports[program]}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return 0.0
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith((name + " ", name + "{")) and all(f'{k}="{v}"' in line for k, v in labels.items()))


def lag(session, city, group, topic):
    """Records that a group has not committed yet."""
    ends = topics.ends(session.kafka.bootstrap, city.topic(topic), "read_committed")
    done = topics.group_offsets(session.kafka.bootstrap, city.topic(group), city.topic(topic))
    return sum(max(0, high - max(low, done.get(p, 0))) for p, (low, high) in ends.items())


def route(session, city, n, **options):
    """Feeds letters and lets the router, alone, make commands of them."""
    session.feed(city.topic("hy.comments"), n, **options)
    session.start(city, "router")
    session.until(lambda: lag(session, city, "router", "hy.comments") == 0, 120 + n / 5000, every=0.3)
    session.stop(city, "router")


def commits(city, program="casework"):
    """(commits, seconds in them) so far."""
    return tuple(metric(city, program, f"huiying_lane_commit_seconds_{what}") for what in ("count", "sum"))


def mean_ms(before, after):
    """How long a commit took on average between two such counts."""
    return (after[1] - before[1]) / max(1, after[0] - before[0]) * 1000


def start_casework(city):
    city._add("casework", 0, True)
    return city.programs["casework"]


def drain_casework(session, city, n):
    """Figures of casework working off what the router has sent; leaves it running."""
    return session.drain(lambda: start_casework(city), city.topic("casework"), city.topic("hy.commands"), n, 180 + n / 2000)


def open_cases(session, city, n, **options):
    """n letters through router and casework until each has opened its case."""
    route(session, city, n, **options)
    session.start(city, "casework", seconds=180)
    session.until(lambda: lag(session, city, "casework", "hy.commands") == 0, 180 + n / 2000, every=0.3)
    session.stop(city, "casework")


def end(session, city):
    session.drop(city)
    session.drop(city.redis)
    session.delete_topics(city.prefix)


# ---- rows ----

def casework(session, peers, rounds):
    """Each round new letters, new topics: every command opens a case and writes snapshot, journal, content, work item."""
    n = session.options.records or 100_000
    for number in session.rounds(rounds):
        city = session.city(("router", "casework"))
        route(session, city, n, first=number * n)
        session.record("casework", drain_casework(session, city, n).figures())
        session.until(lambda: lag(session, city, "casework", "hy.commands") == 0, 60)  # the figures end before the tail
        session.stop(city, "casework")
        journal = topics.ends(session.kafka.bootstrap, city.topic("hy.journal"), "read_committed")
        if sum(high - low for low, high in journal.values()) < n:
            raise RuntimeError(f"{n} commands left fewer records in hy.journal: this did not measure what it says")
        session.record("raw", row_router.raw_once(session, city.topic("hy.commands"), n))
        end(session, city)


def warm(session, city, letters):
    """Through all programs: a fresh broker takes three times as long for what it has done a hundred thousand times."""
    session.say(f"warming the broker with {letters:,} letters")
    session.feed(city.topic("hy.comments"), letters, first=100_000_000)
    for group, topic in (("router", "hy.comments"), ("casework", "hy.commands")):
        session.until(lambda: lag(session, city, group, topic) == 0, 180, every=0.3)


def visible(session, peers, rounds):
    """Sent to hy.comments → first work item visible on the department's queue, every program running, open loop."""
    rate, seconds = session.options.rate or 1000, session.options.seconds or 12
    city = session.city(ALL)
    session.start(city, *ALL)
    if session.options.warm:
        warm(session, city, 75_000)
    for number in session.rounds(rounds):
        before, done = {name: proc.cpu(city.programs[name].process.pid) for name in ALL}, {name: commits(city, name) for name in LANES}
        figures = session.tool("late", f"brokers={session.kafka.bootstrap}", f"in={city.topic('hy.comments')}",
                               f"out={city.topic('hy.work.')}*", f"rate={rate}", "warm=4", f"seconds={seconds}",
                               f"first={number * rate * (seconds + 5)}")
        spent = {f"cpu_{name}": (proc.cpu(city.programs[name].process.pid) - before[name]) / (seconds + 4) for name in ALL}
        took = {f"commit_ms_{name}": mean_ms(done[name], commits(city, name)) for name in LANES}
        session.record("huiying", {**figures, **spent, **took})
    session.stop(city, *ALL)
    end(session, city)


def departments_pack():
    """A folder of policies with a pack of sixty departments, each called by a name of its own."""
    folder = paths.BUILD / "bench/deploy"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("policies", "gazetteer", "calendars"):
        shutil.copytree(paths.ROOT / "deploy" / name, folder / name)
    text = (folder / "policies/yuancheng.yaml").read_text().replace("pack: yuancheng", "pack: sixty", 1)
    rows = "".join(f"  d{i:02}: {{name: 第{i:02}专办局, supervisor: bangongshi}}\n" for i in range(1, DEPARTMENTS + 1))
    (folder / "policies/sixty.yaml").write_text(text.replace("  triage: {drop: true}\n", "  triage: {drop: true}\n" + rows, 1))
    lists = (folder / "policies/dispatch/yuancheng.yaml").read_text()
    mine = "".join(f"  - {{department: d{i:02}, topic: 专办{i:02}, phrases: {{10: [第{i:02}专办局]}}}}\n" for i in range(1, DEPARTMENTS + 1))
    (folder / "policies/dispatch/sixty.yaml").write_text(lists.replace("id: yuancheng", "id: sixty", 1) + "rows:\n" + mine)
    return folder / "policies"


def sixty(session, peers, rounds):
    """Casework's commit while letters of sixty departments come mixed; the raw loop with as many topics beside it."""
    n, policies = session.options.records or 60_000, departments_pack()
    for number in session.rounds(rounds):
        city = session.city(("router", "casework"), pack="sixty", policies=policies)
        route(session, city, n, departments=DEPARTMENTS, first=number * n)
        drain_casework(session, city, n)
        session.until(lambda: commits(city)[0] > 0, 30, every=0.1)
        count, seconds = commits(city)
        session.stop(city, "casework")
        touched = [t for t, high in work_ends(session, city).items() if high]
        if len([t for t in touched if re.search(r"\.d\d\d$", t)]) < DEPARTMENTS:
            raise RuntimeError(f"only {len(touched)} department topics have records: this did not measure sixty departments")
        session.record("casework", {"commit_ms": seconds / count * 1000, "commits": count, "commands_a_commit": n / count})
        session.record("raw", row_router.raw_once(session, city.topic("hy.commands"), n, DEPARTMENTS))
        end(session, city)


def work_ends(session, city):
    """{topic: records} of the departments' queues."""
    names = [t for t in topics.admin(session.kafka.bootstrap).list_topics(timeout=15).topics if t.startswith(city.topic("hy.work."))]
    return {t: topics.ends(session.kafka.bootstrap, t)[0][1] for t in names}


def scale_of(session, small=100_000):
    return session.options.cases or (1_000_000 if session.options.full else small)


def restore(session, peers, rounds):
    """How long casework takes to have all open cases again, and sla to have all timers in an empty Redis."""
    n = scale_of(session)
    city = session.city(("router", "casework", "sla"))
    session.say(f"opening {n:,} cases")
    open_cases(session, city, n)
    for _ in session.rounds(rounds):
        bare = session.tool("read", f"brokers={session.kafka.bootstrap}", f"topics={city.topic('hy.cases')}")
        session.record("bare_reader", {"restore_s": bare["seconds"], "records": bare["n"]})
        session.record("casework", restore_casework(session, city, n))
        session.record("sla", refold(session, city, n))
    end(session, city)


def restore_casework(session, city, n):
    began = time.monotonic()
    city._add("casework", 0, True)
    program = city.programs["casework"]
    session.until(lambda: metric(city, "casework", "huiying_lane_partitions") == 16
                  and metric(city, "casework", "huiying_lane_state_keys") >= n, 60 + n / 1000, city.logs)
    took = time.monotonic() - began
    pid = program.process.pid
    figures = {"restore_s": took, "cases": n, "cpu_s": proc.cpu(pid), "rss_mb": proc.rss_mb(pid), "peak_mb": proc.peak_mb(pid)}
    session.until(lambda: city.healthy("casework"), 60)
    session.stop(city, "casework")
    return figures


def refold(session, city, n):
    city.redis.flush()
    began = time.monotonic()
    city._add("sla", 0, True)
    pid = city.programs["sla"].process.pid

    def folded():
        return metric(city, "sla", "huiying_fold_partitions_open", fold="sla") == 16 and metric(city, "sla", "huiying_sla_pending") >= n \
            and city.healthy("sla")
    session.until(folded, 60 + n / 1000, lambda: city.logs())
    took = time.monotonic() - began
    pending = metric(city, "sla", "huiying_sla_pending")
    figures = {"refold_s": took, "timers": pending, "cpu_s": proc.cpu(pid), "rss_mb": proc.rss_mb(pid),
               "refold_s_per_million": took / pending * 1e6}
    session.stop(city, "sla")
    return figures


def memory(session, peers, rounds):
    """What each program holds resident when it has seen so many cases come, and when it has been started again."""
    n = session.options.cases or 100_000
    for _ in session.rounds(rounds, warm_up=False):
        city = session.city(ALL)
        session.say(f"{n:,} letters through every program")
        session.feed(city.topic("hy.comments"), n)
        session.start(city, *ALL, seconds=180)
        idle(session, city, n)
        resident(session, city, "{}", n)
        session.stop(city, *ALL)
        session.start(city, *ALL, seconds=180)
        idle(session, city, n)
        resident(session, city, "{} again", n)
        session.stop(city, *ALL)
        end(session, city)


def idle(session, city, n):
    """Waits until every program has handled all there is."""
    groups = (("router", "hy.comments"), ("casework", "hy.commands"), ("sentinel", "hy.sightings"))
    session.until(lambda: all(lag(session, city, *group) == 0 for group in groups), 300 + n / 500, city.logs, every=0.5)
    session.until(lambda: metric(city, "sla", "huiying_sla_pending") >= n, 120, city.logs, every=0.5)


def resident(session, city, naming, n):
    for name in ALL:
        pid = city.programs[name].process.pid
        session.record(naming.format(name), {"rss_mb": proc.rss_mb(pid), "peak_mb": proc.peak_mb(pid), "open_cases": n})


def scale(session, peers, rounds):
    """What a command costs casework at 10,000 open cases and at many."""
    k = session.options.records or 20_000
    many = scale_of(session)
    sizes = {"few": 10_000, "many": many}
    towns = {}
    for name, n in sizes.items():
        towns[name] = session.city(("router", "casework"))
        session.say(f"opening {n:,} cases")
        open_cases(session, towns[name], n)
    opened = dict(sizes)
    for number in session.rounds(rounds):
        for name, city in towns.items():
            route(session, city, k, first=opened[name])
            opened[name] += k
            session.record(name, {**tail(session, city, k), "open_cases": opened[name]})
    for city in towns.values():
        end(session, city)


def tail(session, city, k):
    """Casework's cost of the commands that it has not handled yet; what it restores before is left out."""
    group, topic = city.topic("casework"), city.topic("hy.commands")
    ends = topics.ends(session.kafka.bootstrap, topic, "read_committed")
    done = topics.group_offsets(session.kafka.bootstrap, group, topic)
    low = {p: max(first, done.get(p, 0)) for p, (first, _) in ends.items()}
    figures = session.drain(lambda: start_casework(city), group, topic, k, 300, low).figures()
    session.stop(city, "casework")
    return {name: figures[name] for name in ("cpu_us", "rate", "broker_us")}
