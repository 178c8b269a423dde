"""Timers against a real Kafka and Redis: each running clock fires at its due time, whatever is killed, stopped or lost."""
import signal
import time

import pytest

import world
from harness import timers
from world import Engine, Sla, now_ms, percentile, until


def names(prefix):
    return prefix.rstrip(".")


def same(client, kafka, prefix):
    return timers.in_redis(client, names(prefix)) == timers.in_cases(kafka.bootstrap, prefix + "hy.cases")


def check_shards(client, prefix):
    problems = [p for n in timers.partitions(client, names(prefix))
                for p in timers.check(timers.shard(client, n, names(prefix)))]
    assert not problems, problems


def fired_keys(engine):
    return engine.known


def ids_are_stable(engine):
    by_key = {}
    for key, command_id, *_ in engine.fires:
        by_key.setdefault(key, set()).add(command_id)
    assert all(len(ids) == 1 for ids in by_key.values()), "a repeat had another id"
    assert len({next(iter(ids)) for ids in by_key.values()}) == len(by_key), "two fires shared an id"


@pytest.fixture
def engine(kafka, cases):
    one = Engine(kafka.bootstrap, cases)
    yield one
    one.close()
    assert one.broken is None


def test_a_timer_fires_at_its_due_time_and_never_before(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix, sla__resend="60s") as sla:
        sla.ready()
        start = now_ms() + 3000  # enough to make and write them before the first is due, on a busy machine too
        made = [cases.case(f"c{i}", reply=(1, 0, start + i * 5), forward=(1, 0, start + 3600_000)) for i in range(600)]
        cases.write(*made)
        until(lambda: len(fired_keys(engine)) == 1800, show=lambda: len(fired_keys(engine)))
        assert min(engine.late) >= 0, "a timer fired before it was due"
        # The first stage was armed ahead; later ones wait for the engine here, which is not what is measured. The bench
        # says how late they are on a machine that does nothing else; here it does.
        first = [stamp - due for (_, _, _, stage), _, stamp, due in engine.fires if stage == 0]
        print(f"late ms: p50 {percentile(first, .5)} p99 {percentile(first, .99)} max {max(first)}")
        assert percentile(first, .5) < 1000 and percentile(first, .99) < 3000
        assert all(n == 1 for n in engine.effects.values()) and len(engine.effects) == 1800
        assert len(engine.fires) == 1800, "a fire was repeated without need"
        ids_are_stable(engine)
        until(lambda: same(client, kafka, prefix))
        check_shards(client, prefix)
        until(lambda: sla.metric("huiying_sla_outbox") == 0 and sla.metric("huiying_sla_pending") == 600)
        assert sla.terminate() == 0


def test_a_cancelled_clock_does_not_fire_and_a_rescheduled_one_fires_once_at_its_new_time(
        kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        sla.ready()
        due = now_ms() + 6000
        stopped, closed, gone, moved = (cases.case(n, reply=(1, 0, due)) for n in ("stopped", "closed", "gone", "moved"))
        cases.write(stopped, closed, gone, moved)
        until(lambda: len(timers.in_redis(client, names(prefix))) == 4)
        later = due + 1500
        cases.write(cases.set_clocks(stopped), cases.close(closed), cases.set_clocks(moved, reply=(2, 0, later)),
                    raw=[(world.partition_of(gone.dossier), f"{gone.dossier}.{gone.id}".encode(), None)])
        until(lambda: timers.in_redis(client, names(prefix)) == {timers.Timer(moved.id, "reply", 2, 0, later)})
        until(lambda: (moved.id, "reply", 2, 0) in fired_keys(engine))
        assert {k[0] for k in fired_keys(engine)} == {moved.id}
        assert (moved.id, "reply", 1, 0) not in fired_keys(engine)
        check_shards(client, prefix)


def test_an_aborted_snapshot_and_a_stale_version_change_nothing(kafka, redis, client, cases, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        due = now_ms() + 3600_000
        one = cases.case("one", reply=(5, 1, due))
        one.version = 9
        cases.write(one)
        want = {timers.Timer(one.id, "reply", 5, 1, due)}
        until(lambda: timers.in_redis(client, names(prefix)) == want)
        old = type(one)()
        old.CopyFrom(one)
        cases.set_clocks(old, reply=(4, 0, due - 9000))
        old.version = 8
        cases.write(old, remember=False)
        until(lambda: sla.metric('huiying_sla_refused_total{reason="version"}') == 1)
        cases.write(cases.set_clocks(one, reply=(6, 0, due)), abort=True)
        time.sleep(1)
        assert timers.in_redis(client, names(prefix)) == want


def test_what_cannot_be_read_is_counted_and_stops_nothing(kafka, redis, client, cases, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        good = cases.case("good", reply=(1, 0, now_ms() + 3600_000))
        wrong = cases.case("wrong", reply=(1, 0, now_ms()))
        newer = cases.case("newer", reply=(1, 0, now_ms()))
        newer.schema_version = 99
        far = cases.case("far", reply=(1, 0, 10**15), **{"x" * 70: (1, 0, now_ms())})
        p = world.partition_of(good.dossier)
        cases.write(newer, far, raw=[(p, b"D.CASE", b"\xff\xff\xff"), (p, b"D.OTHER", wrong.SerializeToString()),
                                     (p, b"D.EMPTY", b""), (p, b"dossier only", b"\x01"), (p, b"", b"x")], remember=False)
        cases.write(good)
        until(lambda: timers.in_redis(client, names(prefix)) == timers.of_case(good))
        until(lambda: sla.metric("huiying_sla_unreadable_total") == 4 and sla.metric("huiying_sla_unfit_clocks_total") == 2)


def test_a_flushed_redis_is_folded_again_within_seconds_and_no_effect_is_missed_or_doubled(
        kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        sla.ready()
        start = now_ms() + 1500
        far = {t for i in range(500) for t in timers.of_case(cases.case(f"far{i}", reply=(1, 0, start + 3600_000)))}
        cases.write(*[cases.case(f"far{i}", reply=(1, 0, start + 3600_000)) for i in range(500)])
        for k in range(10):
            cases.write(*[cases.case(f"c{k}-{i}", reply=(1, 0, start + (k * 100 + i) * 5)) for i in range(100)])
        for _ in range(3):
            time.sleep(1.2)
            redis.flush()
            at = time.monotonic()
            until(lambda: far <= timers.in_redis(client, names(prefix)), 20)
            print(f"back after {time.monotonic() - at:.2f} s")
        until(lambda: len(engine.effects) == 3000, show=lambda: len(engine.effects))
        assert all(n == 1 for n in engine.effects.values())
        assert min(engine.late) >= 0
        ids_are_stable(engine)
        assert sla.metric("huiying_sla_lost_total") >= 3
        until(lambda: same(client, kafka, prefix))
        check_shards(client, prefix)


def test_an_older_copy_of_redis_is_noticed_and_folded_again(kafka, redis, client, cases, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        due = now_ms() + 3600_000
        first = [cases.case(f"a{i}", reply=(1, 0, due)) for i in range(50)]
        cases.write(*first)
        until(lambda: len(timers.in_redis(client, names(prefix))) == 50)
        copy = {key: client.dump(key) for key in client.scan_iter(match=names(prefix) + ":*", count=10000)}
        cases.write(*[cases.set_clocks(c, reply=(2, 0, due + 5)) for c in first])
        until(lambda: same(client, kafka, prefix))
        pipe = client.pipeline()
        for key in client.scan_iter(match=names(prefix) + ":*", count=10000):
            pipe.delete(key)
        for key, value in copy.items():
            pipe.restore(key, 0, value)
        pipe.execute()
        until(lambda: same(client, kafka, prefix))
        check_shards(client, prefix)
        assert sla.metric('huiying_fold_refolds_total{fold="sla",why="store"}') >= 1


def test_a_topic_made_anew_is_folded_from_its_start(kafka, redis, client, cases, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        cases.write(*[cases.case(f"a{i}", reply=(1, 0, now_ms() + 3600_000)) for i in range(20)])
        until(lambda: len(timers.in_redis(client, names(prefix))) == 20)
        world.set_log_id(kafka.bootstrap, prefix + "hy.cases", world.new_id("another", prefix))
        sla.kill()
        until(lambda: sla.metric('huiying_fold_refolds_total{fold="sla",why="log"}') == world.PARTITIONS)
        until(lambda: same(client, kafka, prefix))


def test_a_stopped_owner_that_wakes_is_refused_by_its_token(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix, "a", sla__sleep_max="100ms") as a:
        start = now_ms() + 2000
        cases.write(*[cases.case(f"c{i}", reply=(1, 0, start + i * 10)) for i in range(1200)])
        a.ready()
        with Sla(kafka, redis.url, prefix, "b", sla__sleep_max="100ms") as b:
            b.ready(2)
            a.arm("sla.before_write:1:stop")  # it stops with a write in hand, and goes on with just that when it wakes
            cases.write(*[cases.case(f"w{i}", reply=(1, 0, now_ms() + i * 10)) for i in range(100)])
            until(lambda: a.state() == "T")
            b.ready()
            cases.write(*[cases.case(f"d{i}", reply=(1, 0, now_ms() + i * 10)) for i in range(200)])
            time.sleep(1)
            a.signal(signal.SIGCONT)
            until(lambda: len(engine.effects) == 4500, show=lambda: len(engine.effects))
            until(lambda: a.metric('huiying_sla_refused_total{reason="token"}') >= 1)
            assert all(n == 1 for n in engine.effects.values())
            assert min(engine.late) >= 0
            ids_are_stable(engine)
            a.ready(2)
            until(lambda: same(client, kafka, prefix))
            check_shards(client, prefix)


def test_a_restarted_and_a_stopped_redis_cost_lateness_and_nothing_else(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        start = now_ms() + 1000
        cases.write(*[cases.case(f"c{i}", reply=(1, 0, start + i * 10)) for i in range(800)])
        time.sleep(1.5)
        redis.kill()
        until(lambda: sla.metric("huiying_sla_redis_up", 1) == 0)
        until(lambda: sla.health()[0] == 503)
        redis.start()
        until(lambda: sla.metric("huiying_sla_redis_up") == 1)
        redis.process.send_signal(signal.SIGSTOP)
        until(lambda: sla.metric("huiying_sla_redis_up", 1) == 0)
        time.sleep(1)
        redis.process.send_signal(signal.SIGCONT)
        until(lambda: len(engine.effects) == 2400, show=lambda: len(engine.effects))
        assert all(n == 1 for n in engine.effects.values())
        assert min(engine.late) >= 0
        ids_are_stable(engine)
        until(lambda: sla.health()[0] == 200, show=sla.health)


def test_a_fire_that_casework_passed_without_effect_is_sent_again_with_the_same_id(kafka, redis, cases, engine, prefix):
    dropped = []
    engine.ignore = lambda fired: len(dropped) < 5 and not dropped.append(fired)
    with Sla(kafka, redis.url, prefix, sla__resend="300ms") as sla:
        cases.write(*[cases.case(f"c{i}", reply=(1, 0, now_ms() + 500)) for i in range(20)])
        until(lambda: len(engine.effects) == 60, show=lambda: len(engine.effects))
        assert len(engine.fires) >= 61
        assert all(n == 1 for n in engine.effects.values())
        ids_are_stable(engine)
        assert sla.metric("huiying_sla_repeated_total") >= 1


def test_a_jump_of_the_clock_holds_the_timers_until_it_is_steady(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix, sla__hold="6s") as sla:
        sla.ready()
        one = cases.case("one", reply=(1, 0, now_ms() + 3600_000))
        cases.write(one)
        until(lambda: same(client, kafka, prefix))
        assert sla.terminate() == 0
        ahead = now_ms() + 60_000  # Redis's clock once said this much: it has gone back since
        for p in timers.partitions(client, names(prefix)):
            client.hset(f"{names(prefix)}:{{s{p}}}", "mark", ahead)
        held = time.monotonic()
        sla.start()
        until(lambda: sla.metric("huiying_sla_held") == 1)
        assert sla.health()[0] == 503
        cases.write(cases.set_clocks(one, reply=(2, 0, now_ms())))
        until(lambda: engine.fires)
        assert time.monotonic() - held > 6, "it fired although it was held"
        until(lambda: sla.metric("huiying_sla_held") == 0)
        assert sla.metric("huiying_sla_clock_steps_total") >= 1
        until(lambda: len(engine.effects) == 3)


def test_a_full_redis_takes_no_new_timers_and_fires_those_it_holds(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        sla.ready()
        start = now_ms() + 6000
        cases.write(*[cases.case(f"held{i}", reply=(1, 2, start + i * 500)) for i in range(30)])
        until(lambda: len(timers.in_redis(client, names(prefix))) == 30)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1mb")
        try:
            cases.write(*[cases.case(f"new{i}", reply=(1, 0, now_ms() + 3600_000)) for i in range(20)])
            until(lambda: sla.health()[0] == 503)
            until(lambda: len(engine.known) >= 10)
            sla.kill()  # who comes back finds it full
            until(lambda: len(engine.known) == 30, show=lambda: len(engine.known))
        finally:
            client.config_set("maxmemory", "0")
        until(lambda: same(client, kafka, prefix))
        until(lambda: sla.health()[0] == 200)


def test_the_auditor_finds_what_somebody_took_from_redis(kafka, redis, client, cases, prefix):
    with Sla(kafka, redis.url, prefix, sla__audit="500ms") as sla:
        cases.write(*[cases.case(f"c{i}", reply=(1, 0, now_ms() + 3600_000)) for i in range(200)])
        until(lambda: same(client, kafka, prefix))
        until(lambda: sla.metric("huiying_sla_audits_total") >= 8)
        kinds = ("missing", "extra", "differs", "counts")
        assert all(sla.metric(f'huiying_sla_audit_differences_total{{kind="{k}"}}') == 0 for k in kinds)
        bucket = next(client.scan_iter(match=f"{names(prefix)}:*:c:*", count=10000))
        client.delete(bucket)
        until(lambda: sla.metric('huiying_sla_audit_differences_total{kind="missing"}') >= 1)
        until(lambda: same(client, kafka, prefix))
        leaf = next(client.scan_iter(match=f"{names(prefix)}:*:d:*", count=10000))
        client.delete(leaf)
        until(lambda: sla.metric('huiying_sla_audit_differences_total{kind="counts"}') >= 1)
        until(lambda: not [p for n in timers.partitions(client, names(prefix))
                           for p in timers.check(timers.shard(client, n, names(prefix)))])


def test_killed_at_random_moments_every_fire_has_its_effect_once(kafka, redis, client, cases, engine, prefix):
    points = ["sla.before_publish", "sla.after_claim", "sla.before_write", "sla.after_write", "now"]
    with Sla(kafka, redis.url, prefix) as sla:
        sla.ready()
        for round_no in range(12):
            # Work in hand at each kill: timers that come due within the next second, and while the engine is held,
            # fires whose answer is long in coming, so that they are sent again.
            engine.held = round_no % 3 == 2
            starts, point = sla.starts, "sla.before_confirm" if engine.held else points[round_no % len(points)]
            if point != "now":
                sla.arm(f"{point}:{world.rng.randint(1, 5)}:kill")
            for i in range(0, 80, 8):
                start = now_ms() + 150
                cases.write(*[cases.case(f"c{round_no}-{i + k}", reply=(1, 0, start + k * 10)) for k in range(8)])
            if point == "now":
                time.sleep(world.rng.uniform(0.05, 0.3))
                sla.kill()
            until(lambda: sla.starts > starts, show=lambda: f"{point} was not passed")
            sla.ready()
        engine.held = False
        total = 12 * 80 * 3
        until(lambda: len(engine.effects) == total, show=lambda: len(engine.effects))
        print(f"kills {sla.kills}, fires {len(engine.fires)} for {total} effects")
        assert sla.kills >= 12
        assert len(engine.fires) > total, "no kill came between a send and its confirmation: the test tried nothing"
        assert all(n == 1 for n in engine.effects.values())
        assert min(engine.late) >= 0
        ids_are_stable(engine)
        until(lambda: same(client, kafka, prefix))
        check_shards(client, prefix)


def test_kafka_restarted_costs_lateness_and_nothing_else(kafka, redis, client, cases, engine, prefix):
    with Sla(kafka, redis.url, prefix) as sla:
        sla.ready()
        cases.write(*[cases.case(f"c{i}", reply=(1, 0, now_ms() + 6000 + i * 5)) for i in range(500)])
        until(lambda: len(timers.in_redis(client, names(prefix))) == 500)
        kafka.restart()
        until(lambda: len(engine.effects) == 1500, show=lambda: len(engine.effects))
        assert all(n == 1 for n in engine.effects.values())
        ids_are_stable(engine)
        until(lambda: same(client, kafka, prefix))
        assert sla.terminate() == 0
