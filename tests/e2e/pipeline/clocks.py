"""Whether clocks did what they must: by the snapshots, by the journal, by Redis's raw keys and by the pack's own numbers."""
import functools
import time
from collections import Counter, defaultdict

import yaml
from auditor import name_of
from harness import contract, paths, topics

LATE_S = 10  # how late a fire may come before it counts as missed


def snapshots(city):
    """{case id: [Case, …]} in the order of the log, as a read_committed reader sees hy.cases."""
    out = defaultdict(list)
    for r in topics.read(city.kafka.bootstrap, city.topic("hy.cases")):
        if r.value and b"." in r.key:
            out[r.key].append(contract.decode("Case", r.value))
    return {cases[0].id: cases for cases in out.values()}


def check_snapshots(found):
    """Versions, journal sequences and offsets of the commands only rise: two writers would break one of them."""
    problems = []
    for case_id, cases in found.items():
        for before, after in zip(cases, cases[1:]):
            if after.version <= before.version or after.journal_seq < before.journal_seq or after.last_offset < before.last_offset:
                problems.append(f"case {case_id}: version {after.version} seq {after.journal_seq} offset {after.last_offset} stands "
                                f"behind version {before.version} seq {before.journal_seq} offset {before.last_offset}")
    return problems


def _follow(clock, change):
    """The clock (state, stage) after a change of the journal, or None when it cannot follow."""
    state, stage = clock
    if change.what == "started":
        return ("RUNNING", change.stage) if state is None else None
    if change.what == "warned":
        return ("RUNNING", change.stage) if state == "RUNNING" and change.stage == stage + 1 else None
    if change.what == "breached":
        return ("BREACHED", change.stage) if state == "RUNNING" and change.stage == stage else None
    if change.what in ("rearmed", "moved"):
        return (state, change.stage) if state == "RUNNING" else None
    return {"stopped": ("STOPPED", stage), "refuted": ("REFUTED", stage)}.get(change.what)


def check_history(found, seen):
    """The journal tells each warning and breach once and in turn, and up to a snapshot's version just what it shows."""
    problems, now = [], {}
    newest = {case_id: cases[-1] for case_id, cases in found.items()}
    for _, j in sorted(seen.journal, key=lambda one: (one[0].partition, one[0].offset)):
        for change in j.clocks:
            key = (j.case_id, change.clock)
            after = _follow(now.get(key, (None, 0)), change)
            if after is None:
                problems.append(f"case {j.case_id}: clock {change.clock} {change.what} stage {change.stage} after {now.get(key)}")
                continue
            if j.case_id in newest and j.version <= newest[j.case_id].version:
                now[key] = after
    for case_id, case in newest.items():
        for clock in case.clocks:
            shown = name_of(clock, "state").removeprefix("STATE_")
            if now.get((case_id, clock.name)) != (shown, clock.stage):
                problems.append(f"case {case_id}: clock {clock.name} is {shown} stage {clock.stage}, the journal says "
                                f"{now.get((case_id, clock.name))}")
    return problems


def check_due(found, when):
    """No running clock of snapshots that were read from that second on stood before a stage that should have fired long
    before: reading the rest of the books takes seconds, in which clocks go on."""
    limit = (when - LATE_S) * 1000
    return [f"case {case_id}: clock {c.name} stage {c.stage} was due {when - c.stage_due.unix_ms / 1000:.1f} s before it was looked at"
            for case_id, cases in found.items() for c in cases[-1].clocks
            if name_of(c, "state") == "STATE_RUNNING" and c.stage_due.unix_ms < limit]


# ---- what the pack's own numbers ask for ----

@functools.cache
def stages(kind="letter", pack="sample"):
    """{clock: [seconds after its start, … the breach]} as the pack's file says."""
    rows = yaml.safe_load((paths.ROOT / f"deploy/policies/{pack}.yaml").read_text())["kinds"][kind]["clocks"]
    return {name: [row["length"] * percent / 100 for percent in row.get("warnings", [])] + [row["length"]]
            for name, row in rows.items() if row["unit"] == "wall_seconds"}


def wanted_effects(received_ms, opened_ms, until_ms):
    """{(clock, stage): due ms} of a letter that nobody touches. Its clocks start when it was received; stages that had
    passed before it was opened are told by the last of them alone."""
    out = {}
    for name, seconds in stages().items():
        dues = [received_ms + int(s * 1000) for s in seconds]
        first = max((i for i, due in enumerate(dues) if due <= opened_ms), default=0)
        out.update({(name, i): due for i, due in enumerate(dues) if i >= first and due <= until_ms})
    return out


def effects(seen, case_ids):
    """{case id: Counter of (clock, stage)} and {(case id, clock, stage): ms} of the warnings and breaches in the journal."""
    times, counts = {}, {case_id: Counter() for case_id in case_ids}
    for _, j in seen.journal:
        for change in j.clocks if j.case_id in counts else ():
            if change.what in ("warned", "breached"):
                stage = change.stage - (change.what == "warned")
                counts[j.case_id][change.clock, stage] += 1
                times[j.case_id, change.clock, stage] = j.at.unix_ms
    return counts, times
