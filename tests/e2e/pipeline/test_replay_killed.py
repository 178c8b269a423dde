"""A long file is replayed by a process that is killed (-9) again and again: started again it goes on, and in the end every
row stands in Kafka once, in its order, and has its one fate."""
import json
import random
import signal
import subprocess
import time

import auditor
import clocks
from city import identity
from confluent_kafka import Consumer, TopicPartition
from harness import ledger, paths, topics
from messages import MATTERS
from town import until

ROWS, KILLS = 3000, 5
RATE = 200  # rows a second of the runs that are killed: slow enough that each kill finds them at work
MAPPING = "platform: board\naccount: city\nkind: LETTER\ncolumns: {native_id: id, author: user, title: title, text: text, occurred: time}\n"


def write_rows(path, rng):
    with open(path, "w") as out:
        for i in range(ROWS):
            row = {"id": f"row-{i:05}", "user": f"u{i}", "title": f"第{i}封来信", "text": f"澄塘区第{i}号街坊：{rng.choice(MATTERS)}，请处理",
                   "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1577836800 + 60 * i))}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


class Watch:
    """Where hy.comments ends, quickly asked again and again."""

    def __init__(self, town):
        self.clients = [Consumer({"bootstrap.servers": town.kafka.bootstrap, "group.id": "watch", "isolation.level": level})
                        for level in ("read_committed", "read_uncommitted")]
        self.partitions = topics.partitions_of(town.kafka.bootstrap, "hy.comments")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.close()

    def committed(self, client=0):
        return sum(self.clients[client].get_watermark_offsets(TopicPartition("hy.comments", p), timeout=15)[1] for p in self.partitions)

    def open(self):
        """Records of a transaction that is not over yet."""
        return self.committed(1) - self.committed(0)


def stop_inside(watch, process):
    """Stops the replay inside a transaction: it stays open while nobody ends it."""
    for _ in range(40):
        until(lambda: watch.open() > 0, 20, 0)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)  # an end that is on its way arrives
        if watch.open() > 0:
            return
        process.send_signal(signal.SIGCONT)


def replayed(town):
    """[(record, event)] of this file, in the order of the partitions."""
    found = [(r, e) for r, e in town.read("hy.comments", "Event") if e.platform == "board"]
    return sorted(found, key=lambda one: (one[0].partition, one[0].offset))


def test_a_replay_that_is_killed_goes_on_without_a_double_or_a_gap(town, tmp_path):
    rng = random.Random(20260214)
    write_rows(tmp_path / "rows.jsonl", rng)
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    command = [paths.program("replay"), "--config", str(town.config), "--mapping", str(tmp_path / "mapping.yaml"), "--historic",
               str(tmp_path / "rows.jsonl")]
    before, progress = ledger.aborted(town.kafka.bootstrap, "hy.comments"), []
    with Watch(town) as watch:
        for _ in range(KILLS):
            stood = watch.committed()
            with open(tmp_path / "replay.log", "ab") as log:
                process = subprocess.Popen([*command, "--rate", str(RATE)], stdout=log, stderr=log, preexec_fn=paths.die_with_parent)
            until(lambda: watch.committed() > stood, 30, show=lambda: (tmp_path / "replay.log").read_text()[-1000:])
            time.sleep(rng.uniform(0, 0.5))
            stop_inside(watch, process)
            process.kill()
            assert process.wait() == -9, "it was done before it was killed"
            progress.append(len(replayed(town)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    aborted = ledger.aborted(town.kafka.bootstrap, "hy.comments") - before
    print(f"\nrows there after each kill {progress}, {aborted} records of aborted transactions")
    assert aborted > 0 and progress[-1] < ROWS, "no kill came inside a transaction: the test tried nothing"

    rows = replayed(town)
    assert sorted(e.native_id for _, e in rows) == [f"row-{i:05}" for i in range(ROWS)]
    for (r, e), (s, f) in zip(rows, rows[1:]):
        assert r.partition != s.partition or e.native_id < f.native_id
    town.promised |= {e.id for _, e in rows}
    assert {e.id for _, e in rows} == {identity("event", "board", "city", f"row-{i:05}", "LETTER") for i in range(ROWS)}
    assert town.problems() == []
    ids, seen = {e.id for _, e in rows}, auditor.Seen(town)
    assert all(seen.fates[i] in (["OPENED"], ["NOTED"]) and not seen.repeats[i] for i in ids)
    assert not [c for cases in clocks.snapshots(town).values() for c in cases if c.platform == "board" and c.clocks], "old data has no clocks"
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0 and len(replayed(town)) == ROWS  # nothing left to do
