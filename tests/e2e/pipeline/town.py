"""One running city for all fault tests of this folder: it goes through one fault after the other, as a real one would.

Its ledger is kept over the tests, so each test's audit holds for all that came before it, too. A test that fails leaves
its problems behind: problems() tells only those that no test before it has told.
"""
import http.client
import json
import time
import urllib.request

import auditor
import clocks
from city import City


def until(what, seconds=90, every=0.05, show=None):
    """Waits until what() is true and returns it; fails with what show() says."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s" + (f": {show()}" if show else "")
        time.sleep(every)


# A killed node may register again after 4 s, not 9.
BROKER = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}


class Town(City):
    """A city with the HTTP door. promised: native ids that somebody was told are taken, by platform."""

    def __init__(self):
        super().__init__(programs=("router", "casework", "sentinel", "sla", "dashboard", "gateway"), broker=BROKER)
        self.promised, self.told = set(), set()

    # ---- ways in ----

    def send(self, events, topic="hy.comments"):
        sent = super().send(events, topic)
        if topic == "hy.comments":
            self.promised |= {e.id for e in sent}
        return sent

    def post(self, fields, key, timeout=30):
        """POST /v1/messages at the gateway: (status, JSON, seconds). What is answered with success is promised."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["gateway"], timeout=timeout)
        try:
            connection.request("POST", "/v1/messages", json.dumps(fields, ensure_ascii=False).encode(),
                               {"Content-Type": "application/json", "Idempotency-Key": key})
            answer = connection.getresponse()
            status, body = answer.status, json.loads(answer.read())
        finally:
            connection.close()
        if status in (200, 202):
            self.promised.add(body["event_id"])
        return status, body, time.monotonic() - began

    # ---- what the programs say ----

    def rest(self, path, body=None):
        """GET, or POST of a body, at the dashboard as the operator."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['dashboard']}{path}", body and json.dumps(body).encode(),
                                         {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def metric(self, program, name, **labels):
        """Sum of the series of a name whose labels contain these. A program that does not answer yet is asked again: its
        silence is no figure."""
        def asked():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[program]}/metrics", timeout=10) as answer:
                    return answer.read().decode()
            except OSError:
                return ""
        text = until(asked, show=lambda: f"{program} does not answer")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith((name + " ", name + "{")) and all(f'{k}="{v}"' in line for k, v in labels.items()))

    # ---- a second process of a program ----

    def join(self, name, copy=1):
        """Starts another process of a program and returns it; leave() ends it."""
        self._add(name, copy, True)
        return self.programs[f"{name}.{copy}"]

    def leave(self, name, copy=1):
        program = self.programs.pop(f"{name}.{copy}")
        code = program.terminate()
        program.close()
        return code

    # ---- the books ----

    def problems(self):
        """Settles, then audits everything since the start; only what was not told before."""
        self.settle()
        found = [p for p in self._audit() if p not in self.told]
        self.told |= set(found)
        return found

    def _audit(self):
        began = time.time()
        snapshots = clocks.snapshots(self)  # read first: whatever it shows, the journal read after it knows
        seen = auditor.Seen(self)
        dead = [(d.source.topic, d.source.partition, d.source.offset) for _, d in seen.dead]
        buried = set(dead)
        found = [f"record {at}: more than one dead letter" for at in buried if dead.count(at) > 1]
        taken = [e for r, e in self.read("hy.comments", "Event") if (r.topic, r.partition, r.offset) not in buried]
        ids = {e.id for e in taken}
        found += [f"event {i}: promised but not in hy.comments" for i in self.promised - ids]
        found += [f"event {i}: in hy.comments but nobody sent it" for i in ids - self.promised]
        return (found + auditor.check_fates(seen, taken) + auditor.check_cases(seen) + auditor.check_journal(seen)
                + clocks.check_snapshots(snapshots) + clocks.check_history(snapshots, seen) + clocks.check_due(snapshots, began))
