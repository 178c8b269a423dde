"""deploy/up with all of its programs: they answer, come back when they die, and carry a message to a queue and a page."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import httpx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from up import ROOT, Up, until  # noqa: E402

PROGRAMS = [line.split()[0] for line in (ROOT / "deploy/programs").read_text().splitlines() if line and line[0] not in "# "]
LETTER = {"account": "default", "title": "水管爆裂", "text": "上城街道翔丰花园门口自来水管爆裂，路面积水，请区水务局尽快抢修。",
          "author": {"name": "测试者"}}


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    with Up(tmp_path_factory.mktemp("all"), "--no-sample") as started:
        started.wait_ready()
        yield started


def well(at):
    try:
        return httpx.get(f"http://{at}/healthz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def rest(up, path, role="operator"):
    """(status, body) of the dashboard under a role's token."""
    answer = httpx.get(f"http://{up.where()['http']['dashboard']}{path}", headers={"Authorization": f"Bearer {up.token(role)}"}, timeout=30)
    return answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else None


def send(up, key):
    """The gateway's answer to a letter."""
    answer = httpx.post(f"http://{up.where()['http']['gateway']}/v1/messages", json=LETTER, headers={"Idempotency-Key": key}, timeout=30)
    assert answer.status_code in (200, 201, 202), answer.text
    return answer.json()


def case_of(up, event_id, seconds=90):
    deadline = time.monotonic() + seconds
    while True:
        status, fate = rest(up, f"/v1/events/{event_id}")
        if status == 200 and fate.get("case_id") and rest(up, f"/v1/cases/{fate['case_id']}")[0] == 200:
            return fate["case_id"]
        assert time.monotonic() < deadline, f"no case for the message within {seconds} s: {status} {fate}"
        time.sleep(0.2)


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_serves_health_and_its_own_figures(up, name):
    at = up.where()["http"][name]
    # A lane says 503 for the moment in which its partitions move to a lane that joins.
    until(lambda: well(at), 90)
    assert f'huiying_build_info{{program="{name}"' in httpx.get(f"http://{at}/metrics").text


def test_a_message_becomes_a_case_on_a_department_s_queue_with_its_clock(up):
    case_id = case_of(up, send(up, "queue-and-clock")["event_id"])
    status, case = rest(up, f"/v1/cases/{case_id}")
    assert status == 200 and case["owner"] and any(clock["due"] for clock in case["clocks"])
    status, work = rest(up, f"/v1/work?department={case['owner']}")
    assert status == 200 and case_id in json.dumps(work)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_killed_comes_back_and_is_counted(up, name):
    before = up.programs()[name]
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: up.programs()[name]["restarts"] == before["restarts"] + 1 and up.programs()[name]["state"] == "running", 120)
    assert up.programs()[name]["last_exit"] == "signal 9 (SIGKILL)"


def test_hyctl_status_shows_health_and_restarts(up):
    def status():
        return subprocess.run([up.where()["bin"] + "/hyctl", "status", "--json", "--config", up.where()["config"]],
                              capture_output=True, text=True, check=False)
    until(lambda: status().returncode == 0, 90)  # who was killed a moment ago may still be starting, and status says so
    told = status().stdout
    assert all(name in told for name in PROGRAMS) and '"restarts"' in told


def test_after_all_kills_messages_still_arrive(up):
    assert case_of(up, send(up, "after-the-kills")["event_id"], 120)


def test_no_token_no_answer(up):
    base = f"http://{up.where()['http']['dashboard']}"
    assert httpx.get(f"{base}/v1/overview").status_code == 401
    assert httpx.get(f"{base}/v1/overview", headers={"Authorization": "Bearer " + "x" * 43}).status_code == 401


def test_the_page_shows_the_open_case_in_a_browser(up):
    from playwright.sync_api import sync_playwright
    case_of(up, send(up, "on-the-page")["event_id"])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page, faults = browser.new_page(), []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"http://{up.where()['http']['dashboard']}/")
        page.fill("#token", up.token("operator"))
        page.click("#login button")
        page.wait_for_selector("#total-open b")
        page.wait_for_function("() => Number(document.querySelector('#total-open b').textContent) >= 1", timeout=60000)
        page.click("#total-open")
        page.wait_for_selector("#cases tbody tr td a")
        assert LETTER["title"] in page.inner_text("#cases")
        browser.close()
    assert faults == []


def test_all_of_it_stops_cleanly(up):
    names = set(up.programs())
    assert up.stop(signal.SIGTERM) == 0
    assert {p["state"] for p in up.programs().values()} == {"stopped"} and names >= set(PROGRAMS)
    assert not any("did not stop in time" in line for line in up.lines)
