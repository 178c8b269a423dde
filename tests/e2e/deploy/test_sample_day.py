"""The sample day, followed as a visitor would: by REST, live events and the page alone, within two minutes of "ready"."""
import json
import pathlib
import sys
import threading
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from up import Up  # noqa: E402

SECONDS = 120
# What the story must have told, as rules of the journal.
STORY = {"routed": "message.opened", "warned": "clock.warned", "overdue": "clock.breached", "incident open": "incident.opened",
         "acknowledged": "incident.acknowledge"}


class Visitor:
    """Reads the live events of the dashboard as they come, and asks REST for what they point to."""

    def __init__(self, up):
        self.base = f"http://{up.where()['http']['dashboard']}"
        self.headers = {"Authorization": f"Bearer {up.token('operator')}"}
        self.journal, self.overview = [], {}
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        kind = ""
        with httpx.stream("GET", f"{self.base}/v1/stream?recent=500", headers=self.headers, timeout=None) as stream:
            for line in stream.iter_lines():
                if line.startswith("event:"):
                    kind = line[6:].strip()
                elif line.startswith("data:") and kind == "journal":
                    self.journal.append(json.loads(line[5:]))
                elif line.startswith("data:") and kind == "overview":
                    self.overview = json.loads(line[5:])

    def get(self, path):
        answer = httpx.get(self.base + path, headers=self.headers, timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def cases(self, **only):
        rows = self.get("/v1/cases?filter=all&limit=50")["cases"]
        return [self.get(f"/v1/cases/{row['id']}") for row in rows if all(row[key] == value for key, value in only.items())]

    def rules(self):
        return {record["rule"] for record in self.journal if record["verdict"] == "applied"}


def arrived(case, purpose):
    return any(d["purpose"] == purpose and d["state"] == "sent" and d["receipt"] for d in case["deliveries"])


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """(visitor, deploy/up) when the story is told, or its time is over."""
    with Up(tmp_path_factory.mktemp("day")) as up:
        up.wait_ready()
        ready, visitor = time.monotonic(), Visitor(up)
        while time.monotonic() - ready < SECONDS and missing(visitor):
            time.sleep(2)
        yield visitor, up


def missing(visitor):
    """What the story has not told yet."""
    lacks = [what for what, rule in STORY.items() if rule not in visitor.rules()]
    if lacks:
        return lacks
    letters, incidents = visitor.cases(kind="letter"), visitor.cases(kind="incident")
    if not any(arrived(case, "reply") for case in letters):
        lacks.append("answered")
    if not any(case["late"] and case["supervised"] for case in letters):
        lacks.append("escalated")
    if not any(arrived(case, "notice") for case in incidents):
        lacks.append("notified")
    return lacks


def test_the_whole_story_is_told_within_two_minutes(day):
    visitor, up = day
    told = (up.data / "log/sample.log").read_text(errors="replace")[-2000:]
    assert missing(visitor) == [], f"after {SECONDS} s; the end of the sample's log:\n{told}"


def test_each_event_of_the_story_stands_in_the_journal_of_its_case(day):
    visitor, _ = day
    for what, rule in STORY.items():
        record = next(r for r in visitor.journal if r["rule"] == rule)
        journal = visitor.get(f"/v1/cases/{record['case_id']}")["journal"]
        assert any(j["rule"] == rule and j["command_id"] == record["command_id"] for j in journal), what


def test_messages_of_several_platforms_went_to_several_departments(day):
    letters = day[0].cases(kind="letter")
    assert len({case["platform"] for case in letters}) >= 3 and len({case["owner"] for case in letters}) >= 4
    assert all(case["owner"] and case["clocks"] for case in letters)


def test_the_page_tells_the_same_story(day):
    from playwright.sync_api import sync_playwright
    visitor, up = day
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page, faults = browser.new_page(), []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(visitor.base + "/")
        page.fill("#token", up.token("operator"))
        page.click("#login button")
        page.wait_for_function("() => Number(document.querySelector('#total-late b')?.textContent) >= 1", timeout=60000)
        incident = visitor.overview["incidents"][0]
        shown = page.inner_text("#incidents")
        assert incident["acknowledged"] and all(part in shown for part in incident["subject"].split("|") if part)
        totals = {key: int(page.inner_text(f"#total-{key} b")) for key in ("open", "late", "incident")}
        assert totals["open"] >= 5 and totals["incident"] >= 1
        page.click("#total-late")
        page.wait_for_selector("#cases tbody tr td a")
        assert page.locator("#cases tbody tr").count() >= 1
        browser.close()
    assert faults == []
