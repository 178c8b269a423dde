"""5,000 messages while router, casework, sentinel, sla and dashboard are killed (-9), most of them inside an open
transaction: every accepted event has one fate, each opened case one opening work item, nothing twice."""
import os
import random
import threading
import time

import auditor
from city import City, LANES
from harness import ledger
from messages import mixture

MESSAGES = int(os.environ.get("HY_STORM_MESSAGES", "5000"))
KILLS = int(os.environ.get("HY_STORM_KILLS", "10"))
# Inside an open transaction, with work in hand (lib/base/fault.h).
POINTS = ["lane.before_flush", "lane.after_flush", "lane.after_send_offsets"]


class Killer(threading.Thread):
    """Kills one program at its crash points (lanes) or at any moment with work in hand (folds) until told to stop."""

    def __init__(self, city, name, seed):
        super().__init__(daemon=True)
        self.city, self.name, self.rng = city, name, random.Random(f"{seed}-{name}")
        self.kills, self.over = 0, threading.Event()

    def run(self):
        while self.kills < KILLS and not self.over.is_set():
            program = self.city.programs[self.name]
            before = program.kills
            if self.name in LANES:
                program.arm(f"{self.rng.choice(POINTS)}:1:kill")
            else:
                time.sleep(self.rng.uniform(1.0, 3.0))
                program.kill()
            while program.kills == before and not self.over.wait(0.02):
                pass
            program.arm("")
            self.kills = program.kills
            self.over.wait(self.rng.uniform(0.2, 1.0))


def feed(city, sent, killers, seed):
    """Sends in small lots until all are sent; goes on with repeats while a killer still needs work to hit."""
    rng = random.Random(seed)
    for at in range(0, len(sent), 50):
        city.send(sent[at:at + 50])
        time.sleep(0.15)
    repeated, deadline = [], time.monotonic() + 150
    while any(k.is_alive() for k in killers) and time.monotonic() < deadline:
        repeated += city.send([rng.choice(sent) for _ in range(20)])
        time.sleep(0.25)
    return repeated


def test_nothing_is_lost_or_doubled_while_programs_are_killed():
    seed = int(os.environ.get("HY_SEED", str(int(time.time()))))
    with City() as city:
        sent = mixture(MESSAGES, seed)
        killers = [Killer(city, name, seed) for name in city.names]
        for killer in killers:
            killer.start()
        sent += feed(city, sent, killers, seed)
        for killer in killers:
            killer.over.set()
            killer.join()
        for program in city.programs.values():
            program.arm("")
        city.wait_healthy(60)
        city.settle(180)
        for program in city.programs.values():  # clocks go on firing: the books are read when nobody writes
            program.terminate()
        aborts = {topic: ledger.aborted(city.kafka.bootstrap, topic) for topic in ("hy.commands", "hy.journal", "hy.subjects")}
        kills = {k.name: k.kills for k in killers}
        problems = auditor.audit(city, sent)
        print(f"\nseed {seed}: {len(sent)} messages, kills {kills}, aborted records {aborts}, problems {len(problems)}")
        assert not problems, f"seed {seed}:\n" + "\n".join(problems[:20])
        assert min(kills.values()) >= KILLS, f"too few kills: {kills}"
        assert aborts["hy.commands"] >= KILLS and aborts["hy.journal"] >= KILLS, f"too few aborts: {aborts}"
