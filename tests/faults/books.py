"""What the storm's auditor checks besides fates and snapshots: effects of clocks by the pack's own numbers, acts, incidents,
dead letters, bounds, and that nothing personal got where it must not be. I1-I10: the promises by number (docs/reliability.md).
"""
import re
import sys
import urllib.request
from collections import Counter, defaultdict, deque

import yaml
from auditor import name_of
from harness import contract, paths, topics

EARLY_MS = 50
REMEMBERED, MAIN_PERCENT = 1024, 75  # messages of a subject that are known again; weight below which a text is no matter of a subject's
RSS_MB, OPEN_FILES = 400, 400
PERSONAL = re.compile(r"电话139\d|街坊|风暴来客")  # what the storm's messages and their writers have in them (messages.py)


def clocks_of(policies):
    """{(kind, clock): (seconds, [percent of each stage])} of the clocks that the storm measures in seconds."""
    rows = {}
    for name in ("national", "sample", "storm"):
        for kind, row in yaml.safe_load((policies / f"{name}.yaml").read_text()).get("kinds", {}).items():
            for clock, given in row.get("clocks", {}).items():
                rows[kind, clock] = {**rows.get((kind, clock), {}), **given}
    return {key: (row["length"], [*row.get("warnings", []), 100]) for key, row in rows.items() if row["unit"] == "wall_seconds"}


def check_effects(seen, policies, healed_ms, late_ms):
    """I4, I5: a warning or breach never comes before the pack's own time for it, nor long after it (or after all was healed)."""
    found, rules = [], clocks_of(policies)
    for _, j in seen.journal:
        case = seen.cases.get(j.case_id)
        for change in j.clocks if case else ():
            row = (case.kind, change.clock.split("#")[0])
            clock = next((c for c in case.clocks if c.name == change.clock), None)
            if change.what not in ("warned", "breached") or clock is None or row not in rules:
                continue
            length, percents = rules[row]
            stage = change.stage - (change.what == "warned")
            due = clock.started.unix_ms + length * percents[min(stage, len(percents) - 1)] * 10
            at = j.at.unix_ms
            what = f"I4 case {j.case_id}: clock {change.clock} {change.what} stage {stage}"
            if at < due - EARLY_MS:
                found.append(f"{what} {due - at} ms before its time")
            started = max(due, case.opened.unix_ms)
            if j.command == "timer_fired" and at > max(started, healed_ms) + late_ms:
                found.append(f"{what} {at - started} ms late, {at - healed_ms} ms after all was healed")
    return found


def check_never_early(seen):
    """I4: nothing fired before its time, so that no clock had to be armed anew for it. Where Kafka's clock was wrong nobody can
    tell; a wrong clock of Redis's is held up to those of the programs, unless these are wrong, too."""
    return [f"I4 case {j.case_id}: a fire came early: {j.explanation}" for _, j in seen.journal if j.rule == "clock.early"]


def check_overdue(seen, policies, now_ms, late_ms):
    """I4: no clock runs past the pack's own time for its end."""
    found, rules = [], clocks_of(policies)
    for case in seen.cases.values():
        for clock in case.clocks if name_of(case, "state") not in ("STATE_CLOSED", "STATE_WITHDRAWN") else ():
            row = rules.get((case.kind, clock.name.split("#")[0]))
            over = row and now_ms - clock.started.unix_ms - row[0] * 1000
            if row and name_of(clock, "state") == "STATE_RUNNING" and over > late_ms:
                found.append(f"I4 case {case.id}: clock {clock.name} still runs {over:.0f} ms after its end")
    return found


def check_order(seen):
    """I3: a department's feed tells of a case in the order of its steps, each once."""
    found, last = [], {}
    for r, m in sorted(seen.work, key=lambda one: (one[0].topic, one[0].partition, one[0].offset)):
        before = last.get((r.topic, m.case_id), 0)
        if m.seq <= before:
            found.append(f"I3 case {m.case_id}: {r.topic} tells of step {m.seq} after {before}")
        last[r.topic, m.case_id] = m.seq
    return found


def check_acts(seen, acts):
    """I1: what a person did has one verdict, however often it was sent, and takes effect once at most."""
    verdicts = defaultdict(Counter)
    for _, j in seen.journal:
        if j.command_id in acts:
            verdicts[j.command_id][name_of(j, "verdict")] += 1
    return [f"I1 act {command}: sent {times} times, verdicts {dict(verdicts[command])}" for command, times in acts.items()
            if verdicts[command]["APPLIED"] > 1 or len(set(verdicts[command]) - {"REPEATED"}) != 1]


def check_incidents(seen):
    """I6: one open incident a subject, told to 网信办 once a case."""
    found = []
    open_ones = defaultdict(list)
    for case in seen.cases.values():
        if case.kind == "incident" and name_of(case, "state") not in ("STATE_CLOSED", "STATE_WITHDRAWN"):
            open_ones[case.incident.subject].append(case.id)
    found += [f"I6 subject {subject}: {len(ids)} open incidents {ids}" for subject, ids in open_ones.items() if len(ids) > 1]
    first = Counter(m.case_id for _, m in seen.work if name_of(m, "kind") == "KIND_ASSIGNED" and m.seq == 1)
    return found + [f"I6 incident {i}: told {first[i]} times" for ids in open_ones.values() for i in ids if first[i] != 1]


def check_subjects(seen, sightings, bursts):
    """I6, I7: each burst became an incident, and it counted no message twice."""
    found = []
    incidents = [c.incident for c in seen.cases.values() if c.kind == "incident"]
    batch = defaultdict(set)
    for _, s in sightings:
        batch[s.subject].add(s.event_id)
    for incident in incidents:
        if incident.messages > len(batch[incident.subject]):
            found.append(f"I7 incident of {incident.subject}: counts {incident.messages} messages, the log has {len(batch[incident.subject])}")
    for place in bursts:
        if not any(place in i.subject for i in incidents):
            found.append(f"I6 the burst at {place} became no incident")
    return found


def check_windows(city, sightings):
    """I7: what sentinel has counted of each subject is what anybody counts who reads the log from its start: each message once,
    unless it came again after so many others that it was forgotten. Not where Kafka's clock was wrong: it moves windows on."""
    counted, remembered = Counter(), defaultdict(lambda: deque(maxlen=REMEMBERED))
    for _, s in sorted(sightings, key=lambda one: (one[0].partition, one[0].offset)):
        if s.historic or s.weight * 100 < MAIN_PERCENT or s.event_id in remembered[s.subject]:
            continue
        remembered[s.subject].append(s.event_id)
        counted[s.subject] += 1
    held = Counter()
    for (_, key), value in topics.compacted(city.kafka.bootstrap, city.topic("hy.subjects")).items():
        if len(key) == 26:
            state = contract.decode("SubjectState", value)
            held[state.subject] = sum(bucket.messages for bucket in state.buckets)
    return [f"I7 subject {subject}: sentinel counts {held[subject]} messages, the log has {counted[subject]}"
            for subject in sorted(set(held) | set(counted)) if held[subject] != counted[subject]]


def check_dead(seen, poison):
    """I1: one dead letter for each record that cannot be read, and for no other."""
    found, wanted = [], Counter(poison)
    letters = Counter((d.source.topic, d.source.partition, d.source.offset) for _, d in seen.dead)
    found += [f"I1 record {where}: {n} dead letters" for where, n in letters.items() if n > 1]
    spoilt = Counter(bytes(d.original) for _, d in seen.dead)
    found += [f"I1 poison {value[:20]!r}: {spoilt[value[:len(value)]]} dead letters, sent {n} times at least"
              for value, n in wanted.items() if spoilt[value] < n]
    return found + [f"I1 dead letter of {d.program}: {d.reason}: {d.detail}" for _, d in seen.dead if bytes(d.original) not in wanted]


def check_personal(city, seen):
    """I10: nothing of the messages or their writers in logs, metrics or the reasons of dead letters."""
    found = []
    for name, program in city.programs.items():
        hit = PERSONAL.search(program.text())
        if hit:
            found.append(f"I10 log of {name}: {hit.group()!r}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{city.ports[name]}/metrics", timeout=5) as answer:
                if PERSONAL.search(answer.read().decode()):
                    found.append(f"I10 metrics of {name}")
        except OSError as error:
            found.append(f"I9 {name} gives no metrics: {error}")
    return found + [f"I10 dead letter: {d.reason} {d.detail}" for _, d in seen.dead if PERSONAL.search(d.reason + d.detail)]


def check_bounds(city):
    """I9: memory and open files of each program after the storm."""
    found = []
    for name, program in city.programs.items():
        pid = program.process.pid
        try:
            status = paths.pathlib.Path(f"/proc/{pid}/status").read_text()
            files = len(list(paths.pathlib.Path(f"/proc/{pid}/fd").iterdir()))
        except OSError:
            found.append(f"I9 {name} does not run")
            continue
        rss = int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) // 1024
        if rss > RSS_MB:
            found.append(f"I9 {name} holds {rss} MB")
        if files > OPEN_FILES:
            found.append(f"I9 {name} holds {files} open files")
    return found


def sightings(city):
    return city.read("hy.sightings", "Sighting")


def unreadable(chance, number):
    """Bytes that no event is: (what, value). Each is like no other, so that its dead letter can be found."""
    mark = f"poison-{number}-{chance.randrange(1 << 40)}".encode()
    event = contract.cls("Event")(id="X" * 26, native_id=mark.decode(), schema_version=1).SerializeToString()
    return chance.choice([
        ("truncated", event[:-3]),
        ("unknown version", contract.cls("Event")(schema_version=99, native_id=mark.decode()).SerializeToString()),
        ("not protobuf", b"\xff\xfe" + mark),
        ("invalid UTF-8", b"\x08\x01\x12\x1a" + b"\xc3\x28" * 13 + b"\x2a" + bytes([len(mark)]) + mark),
        ("no identity", contract.cls("Event")(schema_version=1, native_id=mark.decode()).SerializeToString()),
    ])


