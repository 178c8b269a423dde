"""One seed's messages, people and faults on one city, and its books afterwards."""
import random
import threading
import time
from collections import Counter

import auditor
import books
import clocks
import faults
import redis
from city import event
from harness import timers, topics
from messages import mixture
from people import People
from weather import Weather

CHUNK = 200  # messages sent at once
LONGEST_CLOCK_S = 12
BACK_S, SETTLED_S = 120, 240  # from the end of the faults until all is well and handled
SENDER = {"message.timeout.ms": 8000, "log_level": 0}


def messages(n, seed):
    """The mixture of the end-to-end tests with names and telephone numbers, which must not be found anywhere else."""
    stock = mixture(n, seed)
    for number, e in enumerate(stock):
        if "139" not in e.text:
            e.author.handle = f"风暴来客{number}"
            e.text += f" 电话139{number:08d}"
    return stock


def outage(seed, n):
    """n writers about one outage at one place."""
    return [event(f"{seed}-o{i}", f"澄湖花园{i % 30 + 1}号楼停水了，求尽快恢复 电话139{i:08d}", title="停水", handle=f"风暴来客o{i}") for i in range(n)]


class Storm:
    def __init__(self, world, city, seed, n, every, late_s=5):
        self.world, self.city, self.seed, self.every = world, city, seed, every
        self.chance, self.weather = random.Random(seed), Weather(seed)
        self.stock = messages(n, seed)
        self.sent, self.poison, self.begun, self.story, self.found = [], [], Counter(), [], []
        self.bursts = set()
        self.lists, self.clocks_wrong = 0, False
        self.senders = []
        self.taken = {}  # what has a fault now: "kafka", "redis"
        self.pending = 0  # ends of faults that have not come yet
        self.lock = threading.RLock()
        self.people = People(city, seed)
        self.started = time.monotonic()
        self.back_s, self.healed_ms, self.late_ms = 0.0, 0, late_s * 1000

    def tell(self, text):
        self.story.append(f"{time.monotonic() - self.started:7.2f} s  {text}")

    # ---- what is sent ----

    def new(self, n):
        """The next n messages that nobody has sent yet (or fewer)."""
        with self.lock:
            first, self.stock = self.stock[:n], self.stock[n:]
        return first

    def send(self, events):
        events = list(events)
        for at in range(0, len(events), CHUNK):
            self.deliver(events[at:at + CHUNK])

    def deliver(self, events):
        """Again and again until Kafka has all of them, as a gateway's spool would: what arrived twice is a repeat."""
        pairs = [(e.dossier.encode(), e.SerializeToString()) for e in events]
        while not self.try_to_send(pairs):
            with self.lock:
                self.sent += events  # some may have arrived
        with self.lock:
            self.sent += events

    def try_to_send(self, pairs, topic="hy.comments"):
        try:
            topics.send(self.city.kafka.bootstrap, self.city.topic(topic), pairs, **SENDER)
            return True
        except Exception as error:  # Kafka is away
            self.tell(f"sending failed: {type(error).__name__}")
            time.sleep(0.5)
            return False

    def send_poison(self, chance):
        for _ in range(5):
            what, value = books.unreadable(chance, len(self.poison))
            self.tell(f"poison: {what}")
            if self.try_to_send([(b"poison", value)]):
                self.poison.append(value)

    # ---- faults ----

    def later(self, seconds, act):
        """Has it done by the thread that outlives all of this: what a thread starts dies with it."""
        def run():
            try:
                act()
            except Exception as error:
                self.tell(f"could not be ended: {type(error).__name__} {error}")
            with self.lock:
                self.pending -= 1
        with self.lock:
            self.pending += 1
        self.world.timeline.at(seconds, run)

    def possible(self, row):
        name, _, _, begin, part = row
        if part in self.taken or self.weather.spares(part) or (begin is faults.redis_failed_over and not self.world.redis.replica):
            return False
        return part != "sender" or (self.sent and "kafka" not in self.taken)

    def strike(self):
        rows = [row for row in faults.FAULTS if self.possible(row)]
        name, _, longest, begin, part = self.weather.pick(rows, self.chance, lambda row: row[0], lambda row: row[1])
        if part and longest:
            self.taken[part] = name
        self.begun[name] += 1
        self.tell(name)
        if part == "sender":  # may take as long as Kafka is away
            self.taken[part] = name
            sender = threading.Thread(target=self.send_by, args=(begin, random.Random(self.chance.random())), daemon=True)
            self.senders.append(sender)
            sender.start()
            return
        try:
            end = begin(self, self.chance)
        except Exception as error:
            self.tell(f"{name} could not begin: {type(error).__name__} {error}")
            end = None
        if end is None:
            self.taken.pop(part, None)
            return

        def over():
            try:
                end()
            finally:
                self.tell(f"{name}: over")
                self.taken.pop(part, None)
        self.later(self.chance.uniform(0.2, max(0.3, longest)), over)

    def send_by(self, begin, chance):
        try:
            begin(self, chance)
        except Exception as error:
            self.tell(f"could not be sent: {type(error).__name__} {error}")
        self.taken.pop("sender", None)

    def rage(self, over):
        while not over.wait(self.chance.expovariate(1 / self.every)):
            self.strike()

    def run(self, seconds):
        """Sends everything over so many seconds while faults strike."""
        over = threading.Event()
        rage = threading.Thread(target=self.rage, args=(over,), daemon=True)
        if self.every:
            rage.start()
        pause = seconds * CHUNK / max(1, len(self.stock))
        half = len(self.stock) // 2
        while self.stock:
            self.deliver(self.new(CHUNK))
            if not self.bursts and len(self.stock) <= half:
                self.bursts.add("澄湖花园")
                self.send(outage(self.seed, 40))
            time.sleep(pause)
        over.set()
        if self.every:
            rage.join()
        while self.pending:
            time.sleep(0.1)
        self.world.heal()
        for sender in self.senders:
            sender.join()
        self.healed_ms = time.time() * 1000

    # ---- the books ----

    def rest(self):
        """Until every stage has handled everything and the last clock has run out."""
        began = time.monotonic()
        self.city.wait_healthy(BACK_S)
        self.city.settle(SETTLED_S)
        self.back_s = time.monotonic() - began
        self.healed_ms = time.time() * 1000
        self.tell("all is well again")
        time.sleep(3)
        self.people.stop()
        time.sleep(LONGEST_CLOCK_S + (self.late_ms / 1000 if self.clocks_wrong else 0))
        self.city.settle(SETTLED_S)

    def whole(self, seconds):
        """The storm from its first message to the last check; returns all problems as texts."""
        self.people.start()
        self.run(seconds)
        try:
            self.rest()
        except RuntimeError as error:  # the books are read all the same
            self.people.stop()
            self.found.append(f"{'I9 ' if 'not settled' in str(error) else ''}{error}")
        return self.found + self.problems()

    def problems(self):
        city = self.city
        client = redis.Redis(port=self.world.redis.master.port)
        redis_now = timers.in_redis(client, city.prefix.rstrip("."))
        cases_now = timers.in_cases(city.kafka.bootstrap, city.topic("hy.cases"))
        found = [f"I4 {p}" for number in timers.partitions(client, city.prefix.rstrip("."))
                 for p in timers.check(timers.shard(client, number, city.prefix.rstrip(".")))]
        found += books.check_bounds(city)
        seen = auditor.Seen(city)
        now_ms = time.time() * 1000
        found += books.check_personal(city, seen)
        for program in city.programs.values():
            program.terminate()
        found += [f"I1 {p}" for p in auditor.check_fates(seen, self.sent)]
        found += [f"I1 I3 {p}" for p in auditor.check_cases(seen) + auditor.check_journal(seen)]
        found += books.check_dead(seen, self.poison) + books.check_acts(seen, self.people.acts) + books.check_order(seen)
        sightings = books.sightings(city)
        found += books.check_incidents(seen) + books.check_subjects(seen, sightings, self.bursts)
        if not self.begun["Kafka's clock set"]:
            found += books.check_windows(city, sightings)
        snapshots = clocks.snapshots(city)
        found += [f"I2 {p}" for p in clocks.check_snapshots(snapshots)]
        found += [f"I4 I5 {p}" for p in clocks.check_history(snapshots, seen)]
        found += books.check_effects(seen, self.world.policies, self.healed_ms, self.late_ms)
        wrong = [self.begun[f"{who}'s clock set"] for who in ("Kafka", "Redis", "program")]
        if not wrong[0] and not (wrong[1] and wrong[2]):
            found += books.check_never_early(seen)
        found += books.check_overdue(seen, self.world.policies, now_ms, self.late_ms)
        found += [f"I4 timer {t} only in Redis" for t in redis_now - cases_now]
        found += [f"I4 timer {t} not in Redis" for t in cases_now - redis_now]
        # Who is asked to stop while Kafka is away gives its drain up and says so: 1.
        allowed = {-9, -15, 0, *([1] if self.begun["come and go"] else [])}
        exits = {name: sorted(set(p.exits) - allowed) for name, p in city.programs.items()}
        return found + [f"{name} ended by itself: {codes}" for name, codes in exits.items() if codes]
