"""A long file is replayed by a process that is killed (-9) again and again: started again it goes on, and in the end every
row stands in Kafka once, in its order, and has its one fate."""
import json
import os
import random
import subprocess
import time

import auditor
import clocks
from city import identity
from harness import ledger, paths
from messages import MATTERS

ROWS = 3000
RATE = 100  # rows a second of the runs that are killed: so each kill finds them at work, in a small transaction
# Its records stand in Kafka, and its row beside them; nothing is committed.
POINTS = ["replay.after_flush", "replay.after_send_offsets"] * 3
MAPPING = "platform: board\naccount: city\nkind: LETTER\ncolumns: {native_id: id, author: user, title: title, text: text, occurred: time}\n"


def write_rows(path, rng):
    with open(path, "w") as out:
        for i in range(ROWS):
            row = {"id": f"row-{i:05}", "user": f"u{i}", "title": f"第{i}封来信", "text": f"澄塘区第{i}号街坊：{rng.choice(MATTERS)}，请处理",
                   "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1577836800 + 60 * i))}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


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
    for point in POINTS:
        fault = {"HY_FAULT_POINT": f"{point}:{rng.randint(2, 8)}"}
        killed = subprocess.run([*command, "--rate", str(RATE)], env=os.environ | fault, capture_output=True, text=True, timeout=180)
        assert killed.returncode == -9, killed.stderr[-1000:]
        progress.append(len(replayed(town)))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    aborted = ledger.aborted(town.kafka.bootstrap, "hy.comments") - before
    print(f"\nrows there after each kill {progress}, {aborted} records of aborted transactions")
    assert progress == sorted(set(progress)) and progress[-1] < ROWS, "a run committed nothing, or all"
    assert aborted >= len(POINTS), "a kill came outside of a transaction: it tried nothing"

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
    assert subprocess.run(command, capture_output=True, timeout=180).returncode == 0 and len(replayed(town)) == ROWS  # nothing left to do
