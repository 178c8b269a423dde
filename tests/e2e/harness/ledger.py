"""What the auditors share: comparing what was sent with what stands, and counting what was aborted."""
from collections import Counter

from . import topics


def aborted(bootstrap, topic):
    """How many records of aborted transactions a read_uncommitted reader sees beyond a read_committed one."""
    until = topics.ends(bootstrap, topic)  # what is written meanwhile is not compared
    seen, good = ({(r.partition, r.offset) for r in topics.read(bootstrap, topic, isolation) if r.offset < until[r.partition][1]}
                  for isolation in ("read_uncommitted", "read_committed"))
    if good - seen:
        raise AssertionError(f"{topic}: {len(good - seen)} committed records are missing for an uncommitted reader")
    return len(seen - good)


def compare(name, wanted, found, show=5):
    """Problems (list of text) when two multisets differ: missing, unexpected, more than once."""
    wanted, found = Counter(wanted), Counter(found)
    problems = []
    missing, extra = wanted - found, found - wanted
    twice = {k: n for k, n in extra.items() if k in wanted}
    unknown = [k for k in extra if k not in wanted]
    if missing:
        problems.append(f"{name}: {sum(missing.values())} missing, e.g. {list(missing)[:show]}")
    if twice:
        problems.append(f"{name}: {sum(twice.values())} doubled, e.g. {list(twice)[:show]}")
    if unknown:
        problems.append(f"{name}: {len(unknown)} never sent, e.g. {unknown[:show]}")
    return problems
