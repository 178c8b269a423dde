"""After an outage: very many timers overdue at once. How long a letter takes that comes in while they are worked off, and how
fast they go out when nothing holds them back."""
import time

import row_cases

AGE_S = 40 * 86400  # of the letters: every clock of theirs has run out before its case is opened
PROBES = 20         # letters a second while the timers go out


def overdue(session, peers, rounds):
    n = row_cases.scale_of(session)
    for number in session.rounds(rounds, warm_up=False):
        city = session.city(("router", "casework", "sla"))
        session.say(f"opening {n:,} cases whose time is over")
        first = number * (2 * n + 100_000)
        row_cases.open_cases(session, city, n, first=first, age=AGE_S)
        session.record("huiying", {"timers": n, **with_limit(session, city, first + 2 * n)})
        session.say(f"opening {n:,} more")
        row_cases.open_cases(session, city, n, first=first + n, age=AGE_S)
        session.record("unlimited", without_limit(session, city, n))
        row_cases.end(session, city)


def fired(city):
    return row_cases.metric(city, "sla", "huiying_sla_fired_total")


def with_limit(session, city, first):
    """Letters among the fires, with everything running."""
    seconds = session.options.seconds or 20
    session.start(city, "router", "casework", seconds=180)
    start_sla(city, "1s")
    session.until(lambda: fired(city) > 0, 300, city.logs)
    began, before = time.monotonic(), fired(city)
    letters = session.tool("late", f"brokers={session.kafka.bootstrap}", f"in={city.topic('hy.comments')}",
                           f"out={city.topic('hy.work.')}*", f"rate={session.options.rate or PROBES}", "warm=0", f"seconds={seconds}",
                           f"first={first}")
    rate = (fired(city) - before) / (time.monotonic() - began)
    left = row_cases.metric(city, "sla", "huiying_sla_held_back")
    session.stop(city, "router", "casework", "sla")
    return {**letters, "rate": rate, "shards_left": left}


def without_limit(session, city, n):
    """Fires a second from a Redis that was filled anew, with nobody to answer them."""
    start_sla(city, "0ms")
    session.until(lambda: fired(city) > 0, 300, city.logs, every=0.01)
    began, before = time.monotonic(), fired(city)
    session.until(lambda: fired(city) >= 0.9 * n, 120, city.logs, every=0.01)
    rate = (fired(city) - before) / (time.monotonic() - began)
    session.stop(city, "sla")
    return {"rate": rate}


def start_sla(city, lag):
    city.more["sla"] = {"sla.engine_lag": lag, "sla.audit": "0ms"}
    city._write_config()
    city._add("sla", 0, True)
