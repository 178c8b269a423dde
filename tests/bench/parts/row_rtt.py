"""The router over a long line: how much of its speed is left when Kafka is 5 or 20 ms away, and what more lanes give back. Its
way to the broker leads through a proxy that delays the answers; the raw loop beside it has the short way."""
import sys

from harness import paths

import row_router

sys.path.append(str(paths.ROOT / "tests/faults"))

from servers import Cluster  # noqa: E402
from toxi import Toxi  # noqa: E402

TRIPS, LANES = (0, 5, 20), (2, 4, 8)  # milliseconds there and back; threads


def name_of(trip, lanes):
    return f"{trip} ms, {lanes} lanes"


def rtt(session, peers, rounds):
    toxi = session.keep(Toxi())
    cluster = session.keep(Cluster(toxi, 1))
    with session.on(cluster.nodes[0]):
        row_router.warm(session, session.options.warm)
        bench = row_router.Bench(session, peers, session.options.records or 200_000, brokers=cluster.address)
        for _ in session.rounds(rounds):
            session.record("raw", bench.raw())
            for trip in TRIPS:
                for lanes in LANES:
                    session.record(name_of(trip, lanes), over(cluster.doors[0], bench, trip, lanes))
        bench.close()
    session.drop(cluster)
    session.drop(toxi)


def over(door, bench, trip, lanes):
    door.heal()
    if trip:
        door.delay(trip)
    bench.city.env = lambda copy: {"HY_LANE_LANES": str(lanes)}
    figures = bench.router()
    door.heal()
    return figures
