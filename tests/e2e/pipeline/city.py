"""A whole small city for end-to-end tests: real Kafka and Redis, every program under supervision, one pack, and messages.

    with City() as city:
        ledger = city.send(letters(1000))
        city.settle()
        problems = auditor.audit(city, ledger)

Nothing is mocked. The programs are those of HY_BUILD (harness/paths.py). City.programs[name] is a harness Program.
"""
import json
import pathlib
import subprocess
import time
import urllib.request

from confluent_kafka import KafkaException
from google.protobuf.message import DecodeError
from harness import contract, paths, topics
from harness.contract import identity
from harness.kafka import Kafka
from harness.redis import Redis
from harness.supervisor import Program

ROOT = paths.ROOT
LANES = ["router", "casework", "sentinel"]


def event(native_id, text, *, platform="test", account="main", kind="LETTER", who=None, title="", at=None, handle=None,
          answers="", received=None):
    """An Event as an adapter would make it. who: what the dossier is made of (default: the message itself)."""
    now = int(time.time() * 1000)
    at = at or now
    e = contract.cls("Event")()
    e.schema_version = 1
    e.id = identity("event", platform, account, native_id, kind)
    e.platform, e.account, e.native_id = platform, account, native_id
    e.kind = e.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name[f"EVENT_KIND_{kind}"].number
    e.dossier = identity("dossier", platform, account, who or native_id)
    e.author.handle = handle or who or native_id
    e.occurred.unix_ms, e.occurred.offset_minutes = at, 480
    e.received.unix_ms, e.received.offset_minutes = received or min(at, now), 480
    e.ingested.unix_ms, e.ingested.offset_minutes = now, 480
    e.title, e.text, e.answers = title, text, answers
    if kind not in ("POST", "SIGNAL"):
        e.comment.thread_id = ""
        e.comment.SetInParent()
    return e


class City:
    """Programs start at once unless start=False; copies: {program: processes of it}; broker: settings of Kafka's own.

    servers: (kafka, redis) that others have, too, and end: the city's topics and keys then begin with prefix. doors:
    (brokers, Redis's URL) as the programs are to know them, when that is not how the tests do. policies: folder of the pack. more: {program: {setting: value}}. env: what
    copy n of a program has in its environment, env(n).
    """

    def __init__(self, programs=("router", "casework", "sentinel", "sla", "dashboard"), pack="sample", start=True, copies=None,
                 broker=None, servers=None, prefix="", doors=None, policies=None, more=None, env=None):
        self.folder = paths.Folder("city")
        self.own = servers is None
        self.kafka, self.redis = servers or (Kafka(broker), Redis())
        self.prefix, self.doors = prefix, doors or (self.kafka.bootstrap, self.redis.url)
        self.pack, self.names, self.policies = pack, programs, policies
        self.more, self.env = more or {}, env or (lambda copy: {})
        self.ports = {name: paths.free_port() for name in (*programs, "public")}
        self.config = self.folder.path / "config.yaml"
        self._write_config()
        self._publish()
        self.programs = {}
        for name in programs:
            for copy in range((copies or {}).get(name, 1)):
                self._add(name, copy, start)
        if start:
            self.wait_healthy()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _write_config(self):
        tokens = self.folder.path / "tokens"
        self.token = "t" * 40
        tokens.write_text(f"operator operator - {self.token}\nshui department shuiwu {'s' * 40}\nwang wangxinban - {'w' * 40}\n")
        tokens.chmod(0o600)
        settings = {
            "kafka.brokers": self.doors[0],
            "kafka.prefix": self.prefix,
            "redis.url": self.doors[1],
            "data.dir": str(self.folder.path),
            "log.format": "text",
        }
        lines = [f"{key}: {json.dumps(value)}" for key, value in settings.items()]
        for name in ("router", "casework", "sentinel", "hyctl"):
            lines += [f"{name}:", f"  policy.pack: {self.pack}"]
        if "sla" in self.names:
            lines += ["sla:", f"  redis.prefix: {json.dumps(self.prefix.rstrip('.') or 'hy')}"]
            lines += [f"  {key}: {json.dumps(value)}" for key, value in self.more.get("sla", {}).items()]
        if "dashboard" in self.names:
            lines += ["dashboard:", f"  policy.pack: {self.pack}", f"  tokens: {json.dumps(str(tokens))}", f"  public.listen: \"127.0.0.1:{self.ports['public']}\""]
        self.config.write_text("\n".join(lines) + "\n")

    def _publish(self):
        hyctl = paths.program("hyctl")
        folder = ["--policies", str(self.policies)] if self.policies else []
        for words in (["topics", "create"], ["policy", "publish", self.pack, *folder]):
            done = subprocess.run([hyctl, *words, "--config", str(self.config)], capture_output=True, text=True, timeout=120)
            if done.returncode:
                raise RuntimeError(f"hyctl {' '.join(words)}: {done.stdout}{done.stderr}")

    def _add(self, name, copy, start):
        port = self.ports[name] if copy == 0 else paths.free_port()
        argv = [str(paths.program(name)), "--config", str(self.config), "--set", f"instance={copy}",
                "--set", f"http.listen=127.0.0.1:{port}"]
        key = name if copy == 0 else f"{name}.{copy}"
        self.ports[key] = port
        self.programs[key] = Program(key, argv, env=self.env(copy), folder=self.folder.path, start=start)

    def topic(self, name):
        """The full name of a topic of the table."""
        return self.prefix + name

    def healthy(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[name]}/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def wait_healthy(self, seconds=120):
        deadline = time.monotonic() + seconds
        waiting = set(self.programs)
        while waiting:
            waiting = {name for name in waiting if not self.healthy(name)}
            if time.monotonic() > deadline:
                raise RuntimeError(f"not healthy after {seconds} s: {sorted(waiting)}\n" +
                                   "\n".join(self.programs[n].text()[-1500:] for n in sorted(waiting)))
            time.sleep(0.1)

    def send(self, events, topic="hy.comments"):
        """Publishes in order and waits until Kafka has them; returns the events."""
        events = list(events)
        topics.send(self.kafka.bootstrap, self.topic(topic), [(e.dossier.encode(), e.SerializeToString()) for e in events])
        return events

    def read(self, topic, name, isolation="read_committed"):
        """[(Record, message)] of a topic; tombstones are left out, and what is no such message (hy.dead has its letter)."""
        out = []
        for r in topics.read(self.kafka.bootstrap, self.topic(topic), isolation):
            try:
                out += [(r, contract.decode(name, r.value))] if r.value else []
            except DecodeError:
                continue
        return out

    def behind(self):
        """Partitions that router, casework and sentinel have not yet committed to their end, by group."""
        out = {}
        for group, names in (("router", ["hy.comments", "hy.posts", "hy.signals"]), ("casework", ["hy.commands"]),
                             ("sentinel", ["hy.sightings"])):
            if group not in self.names:
                continue
            lag = {}
            for topic in names:
                ends = topics.ends(self.kafka.bootstrap, self.topic(topic), "read_committed")
                done = topics.group_offsets(self.kafka.bootstrap, self.topic(group), self.topic(topic))
                lag |= {f"{topic}/{p}": f"{done.get(p)} of {high}" for p, (low, high) in ends.items() if high > max(done.get(p, 0), low)}
            out[group] = lag
        return out

    def settle(self, seconds=180):
        """Waits until every stage has handled all there is, twice in a row."""
        deadline, quiet = time.monotonic() + seconds, 0
        while quiet < 2:
            try:
                lag = self.behind()
            except KafkaException as error:  # a broker that has just come back answers such questions late
                lag = {"kafka": error}
            quiet = quiet + 1 if not any(lag.values()) else 0
            if time.monotonic() > deadline:
                raise RuntimeError(f"not settled after {seconds} s: {lag}\n" + self.logs())
            time.sleep(0.5)

    def logs(self, size=2000):
        return "\n".join(f"--- {name}\n{p.text()[-size:]}" for name, p in self.programs.items())

    def close(self):
        for program in self.programs.values():
            program.close()
        if self.own:
            self.redis.close()
            self.kafka.close()
        self.folder.remove()
