"""What Redis's raw keys say of timers, and what hy.cases says: two independent readers (docs/timers.md), to be compared.

    from harness import timers
    assert timers.in_redis(client) == timers.in_cases(bootstrap, "hy.cases")

`client` is redis.Redis(..., decode_responses=False). Nothing here calls the functions that our program loads.
"""
import re
import struct
from dataclasses import dataclass

from . import contract, topics

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Timer:
    case: str
    clock: str
    epoch: int
    stage: int
    due: int  # Unix milliseconds


@dataclass
class Shard:
    """All of one shard as it stands, for tests that look closer than the set of timers."""
    partition: int
    log_id: str
    offset: int
    token: str
    pending: int
    timers: list      # of Timer
    claimed: set      # of Timer
    outbox: dict      # (case, clock) → offset of its TimerFired, -1 on its way, -2 to be given out again
    index: set        # (case, due) of each entry in a leaf; some no longer hold
    astray: list      # entries in a leaf that is not theirs
    versions: dict    # case → version
    dossiers: dict    # case → dossier


def unpack_id(data):
    """(id, bytes used): 17 bytes are 26 characters of Crockford base32; else 255, a length, a text."""
    if data[0] == 255:
        return data[2:2 + data[1]].decode(), 2 + data[1]
    number = int.from_bytes(data[:17], "big")
    return "".join(ALPHABET[number >> 5 * (25 - i) & 31] for i in range(26)), 17


def unpack_record(data, names):
    """(version, dossier, [(clock, epoch, stage, due, claimed)])."""
    version, length = struct.unpack_from("<IB", data)
    dossier, used = unpack_id(data[5:5 + length])
    assert used == length, "a dossier of another length"
    at, clocks = 5 + length, []
    while at < len(data):
        code, epoch, stage, low, high = struct.unpack_from("<BIBIH", data, at)
        clocks.append((names[code - 1], epoch, stage & 127, low | high << 32, stage > 127))
        at += 12
    return version, dossier, clocks


def partitions(client, prefix="hy"):
    found = (re.fullmatch(rb"%b:\{s(\d+)\}" % re.escape(prefix.encode()), key)
             for key in client.scan_iter(match=f"{prefix}:{{s*}}", count=10000))
    return sorted(int(m.group(1)) for m in found if m)


# All keys of a shard at one moment, so that what is compared belongs together while timers fire.
DUMP = """
local head, records, leaves = KEYS[1], {}, {}
for bucket = 0, 1023 do
    local found = redis.call('HGETALL', head .. ':c:' .. bucket)
    if #found > 0 then records[#records + 1] = found end
end
local index = redis.call('ZRANGE', head .. ':i', 0, -1, 'WITHSCORES')
for at = 1, #index, 2 do
    leaves[#leaves + 1] = {index[at + 1], redis.call('ZRANGE', head .. ':d:' .. index[at], 0, -1, 'WITHSCORES')}
end
return {redis.call('HGETALL', head), records, leaves, redis.call('ZRANGE', head .. ':o', 0, -1, 'WITHSCORES'),
    redis.call('SMEMBERS', head .. ':u')}
"""


def pairs(flat):
    return zip(flat[::2], flat[1::2])


def shard(client, partition, prefix="hy"):
    """Everything of one shard at one moment."""
    header, records, leaves, placed, unplaced = client.eval(DUMP, 1, f"{prefix}:{{s{partition}}}")
    fields = {k.decode(): v for k, v in pairs(header)}
    names = fields.get("names", b"").decode().split("\n")
    out = Shard(partition, fields["log"].decode(), int(fields["offset"]), fields["token"].decode(), int(fields["n"]),
                [], set(), {}, set(), [], {}, {})
    for key, record in (one for bucket in records for one in pairs(bucket)):
        case, _ = unpack_id(key)
        out.versions[case], out.dossiers[case], clocks = unpack_record(record, names)
        for clock, epoch, stage, due, claimed in clocks:
            out.timers.append(Timer(case, clock, epoch, stage, due))
            if claimed:
                out.claimed.add(out.timers[-1])
    bounds = [int(bound) for bound, _ in leaves] + [1 << 62]
    for number, (_, leaf) in enumerate(leaves):
        for key, score in pairs(leaf):
            case, due = unpack_id(key)[0], int(score) // 1024
            out.index.add((case, due))
            if not bounds[number] <= int(score) < bounds[number + 1]:
                out.astray.append((case, due))
    for member, score in [*pairs(placed), *((member, -1) for member in unplaced)]:
        case, used = unpack_id(member)
        assert (case, member[used:].decode()) not in out.outbox, "in both halves of the outbox"
        out.outbox[case, member[used:].decode()] = int(score)
    return out


def check(one):
    """Problems inside a shard: an index, an outbox or a count that does not match the records."""
    problems = []
    waiting = {}
    for timer in one.timers:
        if timer not in one.claimed:
            waiting[timer.case] = min(timer.due, waiting.get(timer.case, timer.due))
    if not one.index >= set(waiting.items()):
        problems.append(f"shard {one.partition}: a case that waits is not in the due index")
    if one.astray:
        problems.append(f"shard {one.partition}: {len(one.astray)} entries of the due index lie in another leaf than theirs")
    if {(t.case, t.clock) for t in one.claimed} != set(one.outbox):
        problems.append(f"shard {one.partition}: the outbox differs from the claimed entries")
    if one.pending != len(one.timers):
        problems.append(f"shard {one.partition}: it counts {one.pending} entries and holds {len(one.timers)}")
    if len(set(one.timers)) != len(one.timers):
        problems.append(f"shard {one.partition}: an entry twice")
    return problems


def in_redis(client, prefix="hy"):
    """The set of all timers in Redis."""
    return {timer for p in partitions(client, prefix) for timer in shard(client, p, prefix).timers}


def of_case(case):
    """The timers that a Case snapshot asks for: each running clock of an open case, with its next stage."""
    kind = type(case).DESCRIPTOR.file.enum_types_by_name
    closed = {kind["CaseState"].values_by_name[n].number for n in ("CASE_STATE_CLOSED", "CASE_STATE_WITHDRAWN")}
    running = kind["ClockState"].values_by_name["CLOCK_STATE_RUNNING"].number
    if case.state in closed:
        return set()
    return {Timer(case.id, c.name, c.epoch, c.stage, (c.stage_due if c.HasField("stage_due") else c.due).unix_ms)
            for c in case.clocks if c.state == running}


def in_cases(bootstrap, topic="hy.cases"):
    """The set of all timers that read_committed hy.cases asks for."""
    found = set()
    for (_, key), value in topics.compacted(bootstrap, topic).items():
        if b"." in key:
            found |= of_case(contract.decode("Case", value))
    return found
