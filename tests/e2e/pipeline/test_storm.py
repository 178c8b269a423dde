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
    """Kills one program, now this copy of it, now that, at its crash points (lanes) or at any moment with work in hand
    (folds), until it has done so KILLS times or is told to stop."""

    def __init__(self, city, name, seed):
        super().__init__(daemon=True)
        self.copies = [program for key, program in city.programs.items() if key.split(".")[0] == name]
        self.name, self.rng = name, random.Random(f"{seed}-{name}")
        self.kills, self.over = 0, threading.Event()

    def run(self):
        while self.kills < KILLS and not self.over.is_set():
            program = self.rng.choice(self.copies)
            before = program.kills
            if self.name in LANES:
                # Not the first passage: a record that is hit alone five times in a row is rightly taken for poison.
                program.arm(f"{self.rng.choice(POINTS)}:{self.rng.randrange(4, 12)}:kill")
            else:
                time.sleep(self.rng.uniform(1.0, 3.0))
                program.kill()
            while program.kills == before and not self.over.wait(0.02):
                pass
            program.arm("")
            self.kills = sum(copy.kills for copy in self.copies)
            self.over.wait(self.rng.uniform(0.2, 1.0))


def feed(city, sent, killers, seed):
    """Sends in small lots until all are sent; goes on with repeats while a killer still needs work to hit."""
    rng = random.Random(seed)
    for at in range(0, len(sent), 50):
        city.send(sent[at:at + 50])
        time.sleep(0.15)
    repeated, deadline = [], time.monotonic() + 240
    while any(k.is_alive() for k in killers) and time.monotonic() < deadline:
        repeated += city.send([rng.choice(sent) for _ in range(20)])
        time.sleep(0.25)
    return repeated


def storm(city, seed):
    """Sends and kills until both are done and every stage has handled all there is; returns (sent, kills by program)."""
    sent = mixture(MESSAGES, seed)
    killers = [Killer(city, name, seed) for name in city.names]
    for killer in killers:
        killer.start()
    sent += feed(city, sent, killers, seed)
    for killer in killers:
        killer.over.set()
        killer.join()
    city.wait_healthy(120)
    city.programs["sla"].terminate()  # else clocks go on firing for as long as anybody waits
    city.settle(240)
    for program in city.programs.values():  # the books are read when nobody writes
        program.terminate()
    return sent, {killer.name: killer.kills for killer in killers}


def test_nothing_is_lost_or_doubled_while_programs_are_killed(capsys):
    seed = int(os.environ.get("HY_SEED", str(int(time.time()))))
    with City(copies={"router": 2, "casework": 2}) as city:
        sent, kills = storm(city, seed)
        aborts = {topic: ledger.aborted(city.kafka.bootstrap, topic) for topic in ("hy.commands", "hy.journal", "hy.subjects")}
        moved = sum(auditor.takeovers(city, topic) for topic in ("hy.cases", "hy.subjects"))
        problems = auditor.audit(city, sent)
        with capsys.disabled():
            print(f"\nstorm: seed={seed} messages={len(sent)} kills={kills} aborted_records={aborts} takeovers={moved} "
                  f"problems={len(problems)}", flush=True)
        assert not problems, f"seed {seed}:\n" + "\n".join(problems[:20])
        assert min(kills.values()) >= KILLS, f"too few kills: {kills}"
        assert aborts["hy.commands"] >= KILLS and aborts["hy.journal"] >= KILLS, f"too few aborts: {aborts}"
        assert moved >= KILLS, f"too few takeovers: {moved}"
