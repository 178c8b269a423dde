"""Kafka dies and comes back while people write: the door goes on answering, and afterwards nothing is lost, nothing is
there twice, and every conversation stands in the order in which it was said."""
import itertools
import threading
import time

import auditor
import clocks
from messages import MATTERS
from town import until

WRITERS, THREADS = 12, 6
PLATFORM_LIMIT_S = 5  # after which a platform takes its message for lost


class Writers:
    """People who each write one message after the other, the next when the one before was taken, until told to stop."""

    def __init__(self, town):
        self.town, self.answers, self.said, self.over = town, [], {}, threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(range(t, WRITERS, THREADS),), daemon=True) for t in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def _run(self, writers):
        first = {}
        for n in itertools.count():
            for w in writers:
                if self.over.wait(0.15):
                    return
                fields = {"account": "mayor", "title": "路灯", "text": f"第{w}位街坊第{n}次反映：{MATTERS[w % len(MATTERS)]}",
                          **({"thread": first[w]} if n else {})}
                status, body, seconds = self.town.post(fields, f"kafka-{w}-{n:04}")
                self.answers.append((time.monotonic(), status, seconds))
                if status not in (200, 202):
                    return
                first.setdefault(w, body["native_id"])
                self.said.setdefault(body["dossier"], []).append(body["event_id"])

    def await_more(self, n):
        wanted = len(self.answers) + n
        until(lambda: len(self.answers) >= wanted, 120, show=lambda: self.answers[-5:])

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "somebody never got an answer"


def overdue(town):
    now = time.time()
    return clocks.check_due(clocks.snapshots(town), now)


def in_order(records):
    """{dossier: event ids in the order of the log}, first occurrences."""
    out = {}
    for dossier, event_id in records:
        if event_id and event_id not in out.setdefault(dossier, []):
            out[dossier].append(event_id)
    return out


def test_while_kafka_is_away_the_door_answers_and_afterwards_nothing_is_lost_or_doubled(town):
    writers, meanwhile = Writers(town), 0
    for hurt in (town.kafka.kill, town.kafka.stop):
        writers.await_more(60)
        hurt()
        before = len(writers.answers)
        writers.await_more(60)
        meanwhile += len(writers.answers) - before
        town.kafka.start()
    writers.await_more(60)
    writers.stop()
    slowest = max(seconds for _, _, seconds in writers.answers)
    assert [status for _, status, _ in writers.answers if status not in (200, 202)] == [] and slowest < PLATFORM_LIMIT_S
    assert town.metric("gateway", "huiying_gateway_accepted_total", safe="spool") >= meanwhile
    began = time.monotonic()
    until(lambda: town.metric("gateway", "huiying_spool_waiting") == 0, 120, show=lambda: town.programs["gateway"].text()[-2000:])
    town.settle()
    until(lambda: not overdue(town), 90, 0.5, show=lambda: overdue(town)[:5])
    print(f"\n{len(writers.answers)} answers, {meanwhile} of them while Kafka was away, the slowest {slowest:.2f} s; "
          f"caught up {time.monotonic() - began:.1f} s after the last")
    assert town.problems() == []
    came = in_order((e.dossier, e.id) for _, e in sorted(town.read("hy.comments", "Event"), key=lambda one: (one[0].partition, one[0].offset)))
    journal = sorted(town.read("hy.journal", "JournalRecord"), key=lambda one: (one[0].partition, one[0].offset))
    handled = in_order((j.dossier, j.event_id) for _, j in journal if auditor.name_of(j, "fate") not in ("UNSPECIFIED", "REPEATED"))
    for dossier, said in writers.said.items():
        assert came[dossier] == said and handled[dossier] == said
    for name, program in town.programs.items():
        assert program.exits == [], f"{name} died of it:\n{program.text()[-2000:]}"
