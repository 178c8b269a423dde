"""Redis loses everything while clocks run and fire: it is made again from hy.cases, and nobody is warned twice or not at all."""
import random
import time

import auditor
import clocks
import redis
from city import event
from harness import timers
from messages import MATTERS
from town import until

LETTERS = 200
FRESH = 20
FLUSHES = 3
BACK_S = 10  # within which the timers must stand in Redis again, also on a machine that does much else


def letters(name, n, rng, oldest_ms):
    now = int(time.time() * 1000)
    return [event(f"{name}-{i}", f"澄塘区第{i}号街坊：{rng.choice(MATTERS)}，请处理", at=now - rng.randrange(oldest_ms)) for i in range(n)]


def opened(town, letters):
    """{event id: (case id, received, opened)} once all of them have their cases."""
    received = {e.id: e.received.unix_ms for e in letters}

    def found():
        out = {j.event_id: (j.case_id, received[j.event_id], j.at.unix_ms) for _, j in town.read("hy.journal", "JournalRecord")
               if j.event_id in received and auditor.name_of(j, "fate") == "OPENED"}
        return out if len(out) == len(letters) else None
    return until(found, 90, 0.3)


def flush(town, client):
    """Empties Redis; how long until all timers that nothing can have taken since stand there again."""
    lasting = {t for t in timers.in_cases(town.kafka.bootstrap) if t.due > (time.time() + BACK_S + 2) * 1000}
    assert len(lasting) >= 2 * FRESH, "too few clocks run: the test tries nothing"
    town.redis.flush()
    began = time.monotonic()
    until(lambda: lasting <= timers.in_redis(client), BACK_S, 0.1, lambda: f"{len(lasting - timers.in_redis(client))} timers are missing")
    return time.monotonic() - began


def compare(town, cases, until_ms):
    """Problems, and the lateness of each effect in ms. Wanted: what the pack's numbers ask for up to until_ms."""
    seen = auditor.Seen(town)
    counts, times = clocks.effects(seen, {case_id for case_id, _, _ in cases.values()})
    now, problems, late = int(time.time() * 1000), [], []
    for case_id, received_ms, opened_ms in cases.values():
        must, may = (clocks.wanted_effects(received_ms, opened_ms, end) for end in (until_ms, now))
        problems += [f"case {case_id}: {what} was missed" for what in must if not counts[case_id][what]]
        problems += [f"case {case_id}: {what} came {n} times" for what, n in counts[case_id].items() if n > 1]
        problems += [f"case {case_id}: {what} came though nothing asked for it" for what in counts[case_id] if what not in may]
        problems += [f"case {case_id}: {what} came early" for what, due in may.items() if times.get((case_id, *what), due) < due]
        late += [times[case_id, *what] - max(due, opened_ms) for what, due in may.items() if (case_id, *what) in times]
    return problems, late


def equal_at_rest(town, client):
    """The timers in Redis are just the running clocks of the open cases, looked at while the engine changes neither."""
    engine = town.programs["casework"]
    assert engine.terminate() == 0
    wanted = timers.in_cases(town.kafka.bootstrap)
    until(lambda: timers.in_redis(client) == wanted, 60, 0.1, lambda: timers.in_redis(client) ^ wanted)
    assert {(t.case, t.clock, t.epoch, t.stage, t.due) for t in wanted} == auditor.running_clocks(auditor.Seen(town))
    for n in timers.partitions(client):  # claims go on meanwhile: looked at again when one came between two keys
        until(lambda: not timers.check(timers.shard(client, n)), 60, 0.1, lambda: timers.check(timers.shard(client, n)))
    engine.start()


def test_a_flushed_redis_is_made_again_within_seconds_and_no_effect_is_missed_or_doubled(town):
    client, rng = redis.Redis(port=town.redis.port), random.Random(20260214)
    longest = int(max(clocks.stages()["reply"]) * 1000)  # letters of any age: stages of every kind come due all the time
    cases = opened(town, town.send(letters("flush", LETTERS, rng, longest)))
    lost, began, back = town.metric("sla", "huiying_sla_lost_total"), time.time() * 1000, []
    for n in range(FLUSHES):
        cases |= opened(town, town.send(letters(f"fresh-{n}", FRESH, rng, 1)))
        back.append(flush(town, client))
    until_ms = int(time.time() * 1000)
    until(lambda: not compare(town, cases, until_ms)[0], 60, 0.5, lambda: compare(town, cases, until_ms)[0][:10])
    equal_at_rest(town, client)
    problems, late = compare(town, cases, until_ms)
    during = sum(1 for case_id, received, opened_ms in cases.values()
                 for due in clocks.wanted_effects(received, opened_ms, until_ms).values() if due > began)
    print(f"\ntimers back after {[f'{s:.2f} s' for s in back]}; {len(late)} effects, {during} of them due during the flushes, "
          f"the latest {max(late) / 1000:.1f} s late")
    assert problems == [] and during >= 30 and max(late) < 1000 * clocks.LATE_S
    assert town.metric("sla", "huiying_sla_lost_total") > lost
    assert town.problems() == []
