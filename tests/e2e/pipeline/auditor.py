"""An auditor of its own: reads topics and Redis with clients that are not ours, and compares with the sender's ledger."""
from collections import Counter, defaultdict

from harness import contract, topics


def departments(city):
    """The feeds of the departments, by their table names."""
    full = topics.admin(city.kafka.bootstrap).list_topics(timeout=10).topics
    return sorted(t.removeprefix(city.prefix) for t in full if t.startswith(city.topic("hy.work.")))


def name_of(message, field):
    """The word of an enum: FATE_OPENED → OPENED."""
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    word = enum.values_by_number[getattr(message, field)].name
    return word.split("_", 1)[1] if "_" in word else word


def takeovers(city, topic):
    """How often a partition's progress went from one start of a program to another, in log order."""
    last, changes = {}, 0
    for r in topics.read(city.kafka.bootstrap, city.topic(topic)):
        if r.key == b"!progress" and r.value:
            who = contract.decode("Progress", r.value).instance
            changes += last.get(r.partition, who) != who
            last[r.partition] = who
    return changes


def trace(city, event_id):
    """Where an event's id was seen on its way, for the one who asks why it has not one fate."""
    return [f"{isolation} {topic}/{r.partition}/{r.offset}" for topic in ("hy.posts", "hy.comments", "hy.commands", "hy.dead")
            for isolation in ("read_committed", "read_uncommitted")
            for r in topics.read(city.kafka.bootstrap, city.topic(topic), isolation) if event_id.encode() in (r.value or b"")]


class Seen:
    """What stands in Kafka, as a read_committed reader sees it."""

    def __init__(self, city):
        self.city = city
        self.journal = city.read("hy.journal", "JournalRecord")
        self.dead = city.read("hy.dead", "DeadLetter")
        self.work = [(r, m) for topic in departments(city) for r, m in city.read(topic, "WorkItem")]
        self.cases = {}
        for (_, key), value in topics.compacted(city.kafka.bootstrap, city.topic("hy.cases")).items():
            if b"." in key:
                case = contract.decode("Case", value)
                self.cases[case.id] = case
        self.fates = defaultdict(list)
        self.repeats = Counter()
        for _, j in self.journal:
            fate = name_of(j, "fate")
            if fate == "REPEATED":
                self.repeats[j.event_id] += 1
            elif fate != "UNSPECIFIED":
                self.fates[j.event_id].append(fate)


def check_fates(seen, sent):
    """I1: every accepted event has one fate; what came again is repeated."""
    problems = []
    times = Counter(e.id for e in sent)
    dead = {d.event_id for _, d in seen.dead if d.event_id}  # a record that was spoilt bears the id of a whole one
    for event_id, n in times.items():
        fates = seen.fates.get(event_id) or ["DEAD"] * (event_id in dead)
        if len(fates) != 1:
            problems.append(f"event {event_id}: fates {fates}, wanted exactly one; seen at {trace(seen.city, event_id)}")
        if seen.repeats[event_id] > n - 1:
            problems.append(f"event {event_id}: sent {n} times, repeated {seen.repeats[event_id]} times")
    for event_id in set(seen.fates) - set(times):
        problems.append(f"event {event_id}: has a fate but was never sent")
    return problems


def check_cases(seen):
    """Each opened case: one opening work item, one owner while open; versions and sequences without doubles."""
    problems = []
    opened = Counter(j.case_id for _, j in seen.journal if name_of(j, "fate") == "OPENED")
    opening = Counter(m.case_id for _, m in seen.work if name_of(m, "kind") == "KIND_ASSIGNED" and m.seq == 1)
    for case_id, case in seen.cases.items():
        if case.kind == "letter" and opened[case_id] != 1:
            problems.append(f"case {case_id}: opened {opened[case_id]} times in the journal")
        if opening[case_id] != 1:
            problems.append(f"case {case_id}: {opening[case_id]} opening work items")
        if not case.owner:
            problems.append(f"case {case_id}: nobody owns it")
    for case_id in set(opened) - set(seen.cases):
        problems.append(f"case {case_id}: opened in the journal but not in hy.cases")
    items = Counter(m.id + "@" + m.department for _, m in seen.work)
    problems += [f"work item {item}: {n} times" for item, n in items.items() if n > 1]
    return problems


def check_journal(seen):
    """Sequences of each chain are 1, 2, 3 … in the order of the log, each naming the hash of the one before."""
    problems, last, hashes = [], defaultdict(int), {}
    for r, j in sorted(seen.journal, key=lambda one: (one[0].partition, one[0].offset)):
        key = r.key
        if j.seq != last[key] + 1:
            problems.append(f"journal {key.decode()}: seq {j.seq} after {last[key]}")
        if key in hashes and j.previous_hash != hashes[key]:
            problems.append(f"journal {key.decode()}: seq {j.seq} does not follow the record before")
        last[key], hashes[key] = j.seq, j.hash
    sources = Counter((j.source.partition, j.source.offset) for _, j in seen.journal if j.source.topic)
    problems += [f"command {where}: {n} journal records" for where, n in sources.items() if n > 1]
    return problems


def running_clocks(seen):
    """{(case, clock, epoch, stage, due ms)} of the open cases in hy.cases."""
    out = set()
    for case in seen.cases.values():
        if name_of(case, "state") in ("STATE_CLOSED", "STATE_WITHDRAWN"):
            continue
        for clock in case.clocks:
            if name_of(clock, "state") == "STATE_RUNNING":
                out.add((case.id, clock.name, clock.epoch, clock.stage, clock.stage_due.unix_ms))
    return out


def audit(city, sent):
    """All problems, as texts; [] = the books balance."""
    seen = Seen(city)
    return check_fates(seen, sent) + check_cases(seen) + check_journal(seen)
