"""The people of the sample day, who only use public interfaces: the handler of the water bureau, the operator who reviews,
and the duty officer of the internet-information office (网信办), whose own system gets a signed webhook."""
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import pathlib
import secrets
import threading
import time

from doors import call


class Desk:
    """REST of the dashboard under one token."""

    def __init__(self, dashboard, token_file):
        self.base = f"http://{dashboard}"
        self.headers = {"Authorization": "Bearer " + pathlib.Path(token_file).read_text().strip()}

    def get(self, path):
        status, body = call("GET", self.base + path, headers=self.headers)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:200]!r}")
        return json.loads(body)

    def act(self, case_id, **act):
        headers = {**self.headers, "Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)}
        status, body = call("POST", f"{self.base}/v1/cases/{case_id}/acts", json.dumps(act, ensure_ascii=False).encode(), headers)
        answer = json.loads(body)
        print(f"{act['verb']} {case_id[:8]}: {status} {answer.get('verdict', '')} {answer.get('explanation', '') or answer.get('error', '')}", flush=True)
        return status == 200


def answer_letter(handler, operator, case_id, text):
    """Sign for it (签收), do the work, write the answer; another person reviews; close it when it was delivered."""
    one = lambda: handler.get(f"/v1/cases/{case_id}")
    handler.act(case_id, verb="sign", expects=one()["step"])
    time.sleep(4)
    handler.act(case_id, verb="handle", expects=one()["step"])
    time.sleep(4)
    handler.act(case_id, verb="reply", text=text, expects=one()["step"])
    time.sleep(3)
    read = one()
    operator.act(case_id, verb="approve", text_hash=read["draft"]["text_hash"], expects=read["step"])
    for _ in range(60):
        if one()["state"] == "delivered":
            break
        time.sleep(0.5)
    handler.act(case_id, verb="close", reason_code="solved", expects=one()["step"])


def find_case(desk, department, words, since, seconds=60):
    """The case of that department whose title or text holds the words: today's, not one of an earlier play of the day."""
    for _ in range(seconds * 2):
        for row in desk.get(f"/v1/cases?filter=all&department={department}&limit=200")["cases"]:
            if words in (row.get("title") or "") and datetime.datetime.fromisoformat(row["opened"]) >= since:
                return row["id"]
        time.sleep(0.5)
    raise RuntimeError(f"no case about {words} stands on the queue of {department}")


class DutyOffice:
    """网信办's own system: takes the webhook, checks its signature, and a person acknowledges half a minute later."""

    def __init__(self, address, secret_file, desk):
        secret = pathlib.Path(secret_file).read_text().strip().removeprefix("whsec_")
        self.key, self.desk, self.seen = base64.b64decode(secret), desk, set()
        host, _, port = address.rpartition(":")
        office = self

        class Door(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(204 if office.take(self.headers, body) else 401)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, int(port)), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers, body):
        text = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        mine = "v1," + base64.b64encode(hmac.new(self.key, text, hashlib.sha256).digest()).decode()
        if not any(hmac.compare_digest(mine, given) for given in headers.get("webhook-signature", "").split()):
            print("webhook: signature does not match", flush=True)
            return False
        if headers["webhook-id"] not in self.seen:  # a repeat under the same id is the same notice
            self.seen.add(headers["webhook-id"])
            threading.Thread(target=self.acknowledge, args=(json.loads(body)["data"]["case_id"],), daemon=True).start()
        return True

    def acknowledge(self, case_id):
        print(f"webhook: incident {case_id[:8]} arrived", flush=True)
        time.sleep(10)
        for _ in range(20):
            if self.desk.act(case_id, verb="acknowledge"):
                return
            time.sleep(1)
