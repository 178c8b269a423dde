"""What can go wrong in the storm. A fault is a function of the storm and its chance that begins it and returns how to end it
(or None); the storm ends it some seconds later, whatever else goes on. A new fault is a function and a row in FAULTS.
"""
import signal

from servers import publish

LANE_POINTS = ["lane.before_flush", "lane.after_flush", "lane.after_send_offsets", "lane.after_end", "lane.mid_handle",
               "lane.in_restore", "lane.before_ends", "lane.after_start"]
SLA_POINTS = ["sla.before_write", "sla.after_write", "sla.after_claim", "sla.before_publish", "sla.before_confirm"]


def programs(storm):
    return [storm.city.programs[name] for name in sorted(storm.city.programs)]


def program(storm, chance):
    return storm.weather.pick(programs(storm), chance, lambda one: one.name)


def point(storm, chance, program):
    return storm.weather.pick(SLA_POINTS if program.name.startswith("sla") else LANE_POINTS, chance)


# ---- programs ----

def kill(storm, chance):
    program(storm, chance).kill()


def kill_at_a_point(storm, chance):
    victim = program(storm, chance)
    victim.arm(f"{point(storm, chance, victim)}:{chance.randrange(2, 12)}:kill")
    return lambda: victim.arm("")


def stop(storm, chance):
    victim = program(storm, chance)
    victim.signal(signal.SIGSTOP)
    victim.stops += 1
    return lambda: victim.signal(signal.SIGCONT)


def stop_at_a_point(storm, chance):
    """Asleep with work in hand for longer than its session, and awake again when another has its partitions."""
    victim = program(storm, chance)
    victim.arm(f"{point(storm, chance, victim)}:{chance.randrange(2, 12)}:stop")
    victim.stops += 1

    def wake():
        victim.arm("")
        victim.signal(signal.SIGCONT)
    return wake


def come_and_go(storm, chance):
    """A group that never rests: one member leaves and joins again and again."""
    restless = program(storm, chance)
    for pause in range(5):
        storm.later(pause * 2, lambda: restless.signal(signal.SIGTERM))
    return lambda: None


def program_clock(storm, chance):
    storm.world.clock.set(chance.choice([3600, -3600, 30, -30]))
    return lambda: storm.world.clock.set(0)


# ---- Kafka ----

def broker_killed(storm, chance):
    node = chance.choice(storm.world.kafka.nodes)
    node.kill()
    return lambda: node.alive() or node.start()


def broker_stopped(storm, chance):
    process = chance.choice(storm.world.kafka.nodes).process
    process.send_signal(signal.SIGSTOP)
    return lambda: process.poll() is None and process.send_signal(signal.SIGCONT)


def broker_clock(storm, chance):
    node = chance.choice(storm.world.kafka.nodes)
    node.clock.set(chance.choice([3600, -3600, 30, -30]))
    # What was due meanwhile may come late by as long as the clock was wrong (docs/reliability.md).
    storm.late_ms, storm.clocks_wrong = max(storm.late_ms, 15000), True
    return lambda: node.clock.set(0)


def kafka_way(how):
    def fault(storm, chance):
        doors = storm.world.kafka.doors if chance.random() < 0.5 else [chance.choice(storm.world.kafka.doors)]
        for door in doors:
            how(door, chance)
        return lambda: [door.heal() for door in doors]
    return fault


def cut(door, chance):
    door.cut()


def silence(door, chance):
    door.silence(chance.choice([("upstream", "downstream"), ("upstream",), ("downstream",)]))


def slow(door, chance):
    door.slow(chance.randrange(5, 200))


def lossy(door, chance):
    door.lose(chance.choice([5, 30]))


# ---- Redis ----

def redis_way(how):
    def fault(storm, chance):
        how(storm.world.redis.door, chance)
        return storm.world.redis.door.heal
    return fault


def redis_killed(storm, chance):
    master = storm.world.redis.master
    master.kill()
    return lambda: master.alive() or master.start()


def redis_flushed(storm, chance):
    storm.world.redis.flush()


def redis_restored(storm, chance):
    folder = storm.world.folder.path / "copy"
    storm.world.redis.copy(folder)
    return lambda: storm.world.redis.restore(folder)


def redis_failed_over(storm, chance):
    storm.world.redis.lag()
    return storm.world.redis.fail_over


def redis_asleep(storm, chance):
    storm.world.redis.master.command("DEBUG", "SLEEP", str(chance.choice([0.5, 2])))


def redis_full(storm, chance):
    master = storm.world.redis.master
    master.command("CONFIG", "SET", "maxmemory", "1mb")
    return lambda: master.command("CONFIG", "SET", "maxmemory", "512mb")


def redis_functions_gone(storm, chance):
    storm.world.redis.master.command("FUNCTION", "FLUSH")


def redis_clock(storm, chance):
    master = storm.world.redis.master
    master.clock.set(chance.choice([3600, -3600, 30, -30]))
    return lambda: master.clock.set(0)


# ---- what comes in ----

def redelivered(storm, chance):
    """The platform delivers what it delivered before, ten times."""
    storm.send(chance.choice(storm.sent) for _ in range(30) for _ in range(10))


def burst(storm, chance):
    storm.send(storm.new(1000))


def poison(storm, chance):
    storm.send_poison(chance)


def pack_published(storm, chance):
    """A new dispatch list under way: the routers take it up without a pause."""
    storm.lists += 1
    publish(storm.city, storm.world.policies, lambda text: text + f"# list {storm.lists}\n")


def broken_pack_refused(storm, chance):
    if publish(storm.city, storm.world.policies, lambda text: text.replace("inherits: sample", "inherits: nowhere")) == 0:
        storm.found.append("hyctl published a dispatch list that inherits from nowhere")


# (name, weight, most seconds until it ends, function, what it must have for itself)
FAULTS = [
    ("kill", 20, 0, kill, None),
    ("kill at a point", 30, 8, kill_at_a_point, None),
    ("stop", 10, 14, stop, None),
    ("stop at a point", 15, 14, stop_at_a_point, None),
    ("come and go", 2, 10, come_and_go, None),
    ("program's clock set", 2, 6, program_clock, "clock"),
    ("Kafka killed", 3, 6, broker_killed, "kafka"),
    ("Kafka stopped", 3, 12, broker_stopped, "kafka"),
    ("Kafka's clock set", 1, 6, broker_clock, "kafka"),
    ("Kafka cut", 6, 12, kafka_way(cut), "kafka"),
    ("Kafka silent", 6, 20, kafka_way(silence), "kafka"),
    ("Kafka slow", 4, 8, kafka_way(slow), "kafka"),
    ("Kafka lossy", 3, 8, kafka_way(lossy), "kafka"),
    ("Redis killed", 4, 5, redis_killed, "redis"),
    ("Redis flushed", 3, 0, redis_flushed, "redis"),
    ("Redis restored", 3, 5, redis_restored, "redis"),
    ("Redis failed over", 3, 4, redis_failed_over, "redis"),
    ("Redis cut", 3, 8, redis_way(cut), "redis"),
    ("Redis silent", 2, 8, redis_way(silence), "redis"),
    ("Redis asleep", 2, 0, redis_asleep, "redis"),
    ("Redis full", 2, 5, redis_full, "redis"),
    ("Redis without functions", 2, 0, redis_functions_gone, "redis"),
    ("Redis's clock set", 3, 8, redis_clock, "redis"),
    ("redelivered", 4, 0, redelivered, "sender"),
    ("burst", 2, 0, burst, "sender"),
    ("poison", 4, 0, poison, "sender"),
    ("pack published", 2, 0, pack_published, "sender"),
    ("broken pack", 1, 0, broken_pack_refused, "sender"),
]
