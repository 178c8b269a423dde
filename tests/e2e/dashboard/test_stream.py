"""The event stream: what changed, to those who may see it."""
import json
import threading
import time

import httpx
from world import Casework


class Stream(threading.Thread):
    """Reads /v1/stream in the background."""

    def __init__(self, world, name, headers=None):
        super().__init__(daemon=True)
        self.events, self.open = [], threading.Event()
        self.client = httpx.Client(timeout=httpx.Timeout(30))
        self.request = ("GET", f"http://{world.http}/v1/stream")
        self.headers = {"Authorization": f"Bearer {world.tokens[name]}", **(headers or {})}
        self.over = False
        self.start()
        assert self.open.wait(60)

    def run(self):
        event, data, event_id = "", [], None
        try:
            with self.client.stream(*self.request, headers=self.headers) as answer:
                assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
                self.open.set()
                for line in answer.iter_lines():
                    if self.over:
                        return
                    if line.startswith("event: "):
                        event = line[7:]
                    elif line.startswith("data: "):
                        data.append(line[6:])
                    elif line.startswith("id: "):
                        event_id = line[4:]
                    elif not line and data:
                        self.events.append((time.monotonic(), event, json.loads("\n".join(data)), event_id))
                        event, data, event_id = "", [], None
        except (httpx.TransportError, httpx.StreamError):
            pass

    def of(self, name):
        return [body for _, event, body, _ in list(self.events) if event == name]

    def close(self):
        self.over = True
        self.client.close()


def test_news_reach_those_who_may_see_them(world):
    streams = {name: Stream(world, name) for name in ("operator", "shuiwu", "jiaotong", "wangxinban")}
    assert all(world.wait(lambda s=s: s.of("overview")) for s in streams.values())
    leak = world.open("leak", "水管漏水", "映月小区")
    incident = world.open("停水", department="wangxinban", kind="incident")
    world.note("hello", "你好")
    world.wait(lambda: len(streams["operator"].of("journal")) == 3 and len(streams["operator"].of("case")) >= 2)
    world.wait(lambda: streams["wangxinban"].of("case"))
    world.wait(lambda: streams["shuiwu"].of("journal") and streams["shuiwu"].of("case"))
    seen = {name: ({j["case_id"] for j in s.of("journal")}, {c["id"] for c in s.of("case")}) for name, s in streams.items()}
    assert seen["operator"] == ({leak.id, incident.id, ""}, {leak.id, incident.id})
    assert seen["shuiwu"] == ({leak.id}, {leak.id})
    assert seen["jiaotong"] == (set(), set())
    assert seen["wangxinban"] == ({incident.id}, {incident.id})
    world.wait(lambda: streams["shuiwu"].of("overview")[-1]["totals"]["open"] == 1)
    assert streams["jiaotong"].of("overview")[-1]["totals"]["open"] == 0
    for stream in streams.values():
        stream.close()


def test_an_act_is_seen_on_the_stream_and_then_in_the_case(world):
    one = world.open("leak", "水管漏水", "映月小区")
    world.wait(lambda: world.client("operator").get(f"/v1/cases/{one.id}").status_code == 200)
    stream = Stream(world, "shuiwu")
    with Casework(world, one):
        world.client("shuiwu").post(f"/v1/cases/{one.id}/acts", json={"verb": "sign", "expects": 1})
        record = world.wait(lambda: [j for j in stream.of("journal") if j["command"] == "sign"])[0]
        assert record["verdict"] == "applied" and record["state"] == "signed"
        world.wait(lambda: [c for c in stream.of("case") if c["state"] == "signed"])
    stream.close()


def test_an_overview_comes_at_most_once_a_second(world):
    began = time.monotonic()
    stream = Stream(world, "operator")
    for n in range(30):
        world.open(f"n{n}", "信", "文")
        time.sleep(0.05)
    world.wait(lambda: stream.of("overview")[-1]["totals"]["open"] == 30)
    world.wait(lambda: len(stream.of("journal")) == 30)
    told, took = len(stream.of("overview")), time.monotonic() - began
    assert told <= took + 2, (told, took)  # one at the opening, then at most one a second, however late they are read
    stream.close()


def test_a_broken_line_goes_on_where_it_broke(world):
    stream = Stream(world, "operator")
    for n in range(3):
        world.open(f"a{n}", "信", "文")
    world.wait(lambda: len(stream.of("journal")) == 3)
    last = [event_id for _, event, _, event_id in stream.events if event == "journal"][-1]
    stream.close()
    missed = sorted(world.open(f"b{n}", "信", "文").id for n in range(3))
    world.wait(lambda: world.get("operator", "/v1/overview")["totals"]["open"] == 6)
    again = Stream(world, "operator", {"Last-Event-ID": last})
    # hy.journal has two partitions: cases of both are told in the order in which they were folded.
    world.wait(lambda: sorted(j["case_id"] for j in again.of("journal")) == missed)
    again.close()


def test_a_stream_needs_a_token(world):
    assert world.anonymous().get("/v1/stream").status_code == 401
