"""Two clients that are not ours read a department's queue by the published contract alone: kcat, and Python's
confluent-kafka with the classes that protoc makes of proto/. What they see is what REST says."""
import datetime
import hashlib
import importlib
import subprocess
import sys
import urllib.error

import auditor
import pytest
from city import event
from confluent_kafka import Consumer
from harness import paths
from town import until

FEED = "hy.work.shuiwu"


@pytest.fixture(scope="module")
def work_pb2(tmp_path_factory):
    """huiying.v1.work as any department's programmer gets it."""
    folder = tmp_path_factory.mktemp("pb")
    files = sorted((paths.ROOT / "proto/huiying/v1").glob("*.proto"))
    subprocess.run(["protoc", f"--proto_path={paths.ROOT / 'proto'}", f"--python_out={folder}", *map(str, files)], check=True)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("huiying.v1.work_pb2")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def letters(town):
    """Letters to the waterworks, one of them then given to another department; on the feed and in the view."""
    sent = town.send([event(f"client-{i}", f"澄塘区第{i}号街坊：自来水管漏水没人修，请处理𠮷\n第二行", title=f"自来水管漏水 {i}") for i in range(5)])
    ids = [until(lambda: fate(town, e.id), 90, 0.1)["case_id"] for e in sent]
    until(lambda: transferred(town, ids[0], "zhujian"))
    town.settle()
    for department in ("shuiwu", "zhujian"):
        last = confluent(town, f"hy.work.{department}")[-1][1]
        until(lambda: town.rest(f"/v1/work?department={department}")["feed_offset"] > last)
    return dict(zip(ids, sent))


def transferred(town, case_id, department):
    """Gives it to the department unless it is there; a clock may move the case between the look at it and the act."""
    shown = town.rest(f"/v1/cases/{case_id}")
    if shown["owner"] == department:
        return True
    try:
        town.rest(f"/v1/cases/{case_id}/acts", {"verb": "transfer", "department": department, "reason_code": "not_ours", "expects": shown["step"]})
    except urllib.error.HTTPError as error:
        assert error.code == 409, error.read()
    return False


def fate(town, event_id):
    try:
        found = town.rest(f"/v1/events/{event_id}")
        return found if found["case_id"] else None
    except urllib.error.HTTPError:
        return None


def confluent(town, topic):
    """[(partition, offset, key, headers, value)] with a group of its own, from the beginning to the end."""
    client = Consumer({"bootstrap.servers": town.kafka.bootstrap, "group.id": "a-department", "auto.offset.reset": "earliest",
                       "enable.auto.commit": False, "enable.partition.eof": True})
    client.subscribe([topic])
    out = []
    try:
        while True:
            m = client.poll(60)
            assert m is not None, "nothing came within 60 s"
            if m.error():
                return out
            out.append((m.partition(), m.offset(), m.key(), m.headers() or [], m.value()))
    finally:
        client.close()


def kcat(town, topic):
    """The same from kcat's output: a line of what it says of the record, then the raw value."""
    wire = subprocess.run(["kcat", "-C", "-b", town.kafka.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-f", r"%p|%o|%k|%h|%S\n%s"],
                          capture_output=True, check=True, timeout=60).stdout
    out, at = [], 0
    while at < len(wire):
        end = wire.index(b"\n", at)
        partition, offset, key, headers, size = wire[at:end].split(b"|")
        at = end + 1 + int(size)
        out.append((int(partition), int(offset), key, [h for h in headers.split(b",") if h], wire[end + 1:at]))
    return out


def time_of(text):
    return int(datetime.datetime.fromisoformat(text).timestamp() * 1000)


def standing(items):
    """The queue as docs/contract.md tells a reader to keep it: the highest seq of a case counts, an end takes it away."""
    queue = {}
    for item in items:
        if item.case_id not in queue or item.seq > queue[item.case_id].seq:
            queue[item.case_id] = item
    return {case_id for case_id, item in queue.items() if auditor.name_of(item, "kind") not in ("KIND_RECALLED", "KIND_CLOSED")}


def test_kcat_and_a_consumer_of_python_see_the_same_raw_records(town, letters):
    records = kcat(town, FEED)
    assert records and records == confluent(town, FEED)[:len(records)]  # a reminder may have come meanwhile
    assert all(headers == [] for _, _, _, headers, _ in records)


def test_an_item_decoded_with_the_published_classes_says_what_rest_says(town, letters, work_pb2):
    pages = {case_id: town.rest(f"/v1/cases/{case_id}") for case_id in letters}
    items = [(key, work_pb2.WorkItem.FromString(value)) for _, _, key, _, value in kcat(town, FEED)]
    for case_id, sent in letters.items():
        shown = pages[case_id]
        (item,) = [i for _, i in items if i.case_id == case_id and i.kind == work_pb2.WORK_KIND_ASSIGNED]
        assert (item.schema_version, item.id, item.seq, item.department) == (1, f"{case_id}-1", 1, "shuiwu")
        (row,) = [w for w in shown["work"] if w["id"] == item.id]  # REST has an item once, with the last that was said of it
        (last,) = [i for _, i in items if i.case_id == case_id and i.seq == row["seq"]]
        said = (last.department, last.seq, auditor.name_of(last, "kind").removeprefix("KIND_").lower(), last.at.unix_ms, last.why)
        assert (row["department"], row["seq"], row["kind"], time_of(row["at"]), row["why"]) == said
        assert (item.case_id, item.dossier, item.case_kind) == (shown["id"], shown["dossier"], shown["kind"])
        assert (item.title, item.text) == (sent.title, sent.text) == (shown["texts"][0]["title"], shown["texts"][0]["text"])
        assert item.content_keys == [shown["texts"][0]["key"]]
        for field in ("urgency", "category", "area", "platform", "account", "receipt_number"):
            assert getattr(item, field) == shown[field], field
        assert item.received.unix_ms == time_of(shown["received"]) and item.received.offset_minutes == 480
        assert {c.name: c.due.unix_ms for c in item.clocks} == {c["name"]: time_of(c["due"]) for c in shown["clocks"]}
        assert [(r.step, r.what, r.weight) for r in item.reasons] == [(r["step"], r["what"], r["weight"]) for r in shown["reasons"]]
    assert all(key.decode() == item.case_id for key, item in items)


def test_the_queue_that_a_reader_keeps_is_the_list_that_rest_gives(town, letters, work_pb2):
    for department in ("shuiwu", "zhujian"):
        items = [work_pb2.WorkItem.FromString(value) for *_, value in confluent(town, f"hy.work.{department}")]
        shown, after = [], ""
        while after is not None:
            page = town.rest(f"/v1/work?department={department}&limit=3&after={after}")
            shown += [row["case_id"] for row in page["items"]]
            after = page["next"] or None
        assert sorted(shown) == sorted(standing(items)) and shown
    moved = next(iter(letters))
    (recalled,) = [i for i in map(work_pb2.WorkItem.FromString, (r[-1] for r in confluent(town, FEED))) if i.case_id == moved
                   and i.kind == work_pb2.WORK_KIND_RECALLED]
    (given,) = [i for i in items if i.case_id == moved and i.kind == work_pb2.WORK_KIND_ASSIGNED]
    assert recalled.ends == f"{moved}-1" and given.seq == recalled.seq + 1 and given.department == "zhujian"


def test_whoever_goes_on_at_the_offset_of_the_list_sees_what_came_after_it(town, letters, work_pb2):
    begin = town.rest("/v1/work?department=shuiwu")["feed_offset"]
    (late,) = town.send([event("client-late", "水管爆裂，自来水漏水没人修", title="自来水管爆裂")])
    case_id = until(lambda: fate(town, late.id), 90, 0.1)["case_id"]
    new = until(lambda: [i for p, o, k, h, v in kcat(town, FEED) if o >= begin for i in [work_pb2.WorkItem.FromString(v)]
                         if i.case_id == case_id], 90, 0.3)
    assert new[0].seq == 1 and new[0].title == late.title
    assert hashlib.sha256(new[0].text.encode()).digest() == hashlib.sha256(late.text.encode()).digest()
