"""A dashboard with its Kafka topics, filled by a producer that plays casework: cases, history, texts and feeds in the
contract's records. `Casework` here judges acts as plainly as the tests need (a step, an owner, a verdict); what the real
engine decides is tested with the real casework. To show another state of a case, change the snapshot and write() it."""
import hashlib
import json
import secrets
import subprocess
import threading
import time

import httpx
from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import NewTopic

from harness import contract, paths, topics
from harness.supervisor import Program

DEPARTMENTS = ("shuiwu", "jiaotong", "wangxinban", "bangongshi", "triage")
PLAIN = ("hy.posts", "hy.comments", "hy.signals", "hy.cases", "hy.journal", "hy.content", "hy.dead")
DAY = 86_400_000


def now_ms():
    return int(time.time() * 1000)


def receipt_number(event_id):
    plain = contract.identity("receipt", event_id)[:16]
    return "-".join(plain[i:i + 4] for i in range(0, 16, 4))


def enum(name, value):
    message = {"CaseState": "Case", "ClockState": "Case", "DeliveryState": "Case", "WorkKind": "WorkItem",
               "Verdict": "JournalRecord", "Fate": "JournalRecord", "ActorKind": "Actor", "EventKind": "Event"}[name]
    return contract.cls(message).DESCRIPTOR.file.enum_types_by_name[name].values_by_name[value].number


def set_time(field, ms):
    field.unix_ms = ms
    field.offset_minutes = 480


class World:
    def __init__(self, kafka, prefix, folder, settings=None, start=True, make=True):
        self.kafka, self.bootstrap, self.prefix, self.folder = kafka, kafka.bootstrap, prefix, folder
        self.config = folder / "config.yaml"
        self.tokens = {name: secrets.token_urlsafe(32) for name in
                       ("operator", "shuiwu", "jiaotong", "wangxinban", "stranger")}
        self.more = settings or {}
        self.producer = topics.producer(self.bootstrap)
        self.journal_seq, self.programs, self.clients = {}, [], []
        self.http, self.public = f"127.0.0.1:{paths.free_port()}", f"127.0.0.1:{paths.free_port()}"
        self.write_files()
        if make:
            self.make_topics()
        if start:
            self.dashboard = self.start_dashboard()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for client in self.clients:
            client.close()
        codes = [program.terminate() for program in self.programs if program.alive()]
        logs = "".join(program.text() for program in self.programs)
        for program in self.programs:
            program.close()
        if not kind:  # a drained end, and nothing that a sanitizer had to say
            assert not any(codes) and "Sanitizer" not in logs and "runtime error" not in logs, logs[-4000:]

    def write_files(self):
        roles = {"operator": "operator -", "wangxinban": "wangxinban -", "stranger": "guest -"}
        lines = [f"{name} {roles.get(name, 'department ' + name)} {token}" for name, token in self.tokens.items()]
        tokens = self.folder / "tokens"
        tokens.write_text("\n".join(lines) + "\n")
        tokens.chmod(0o600)
        settings = {"kafka.brokers": self.bootstrap, "kafka.prefix": self.prefix, "log.format": "text",
                    "hyctl": {"policy.pack": "sample"},
                    "dashboard": {"http.listen": self.http, "public.listen": self.public, "data.dir": str(self.folder), "policy.pack": "sample",
                                  "dashboard.tokens": str(tokens), **self.more}}
        lines = []
        for key, value in settings.items():
            if isinstance(value, dict):
                lines += [f"{key}:"] + [f"  {k}: {json.dumps(v)}" for k, v in value.items()]
            else:
                lines.append(f"{key}: {json.dumps(value)}")
        self.config.write_text("\n".join(lines) + "\n")

    def hyctl(self, *words):
        done = subprocess.run([paths.program("hyctl"), *words, "--config", str(self.config)], capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr + done.stdout

    def publish(self):
        """Topics and packs as hyctl makes them; gives the registry's records without the topics' log ids."""
        self.hyctl("topics", "create")
        self.hyctl("policy", "publish")
        records = topics.read_all(self.bootstrap, self.prefix + "hy.registry")
        return [(r.key, r.value) for r in records if not r.key.startswith(b"log/")]

    def make_topics(self):
        """What the dashboard reads and writes, two partitions each, with log ids and the published packs."""
        names = [*PLAIN, "hy.registry", "hy.commands", *(f"hy.work.{code}" for code in DEPARTMENTS)]
        settings = {"hy.registry": {"cleanup.policy": "compact"}, "hy.commands": {"message.timestamp.type": "LogAppendTime"}}
        one = ("hy.registry", "hy.work.")
        admin = topics.admin(self.bootstrap)  # must outlive its futures
        made = admin.create_topics(
            [NewTopic(self.prefix + name, 1 if name.startswith(one) else 2, 1, config=settings.get(name, {})) for name in names])
        for future in made.values():
            future.result(30)
        ids = []
        for name in names:
            content = contract.identity("log", self.prefix, name).encode()
            record = contract.cls("RegistryRecord")(schema_version=1, kind="log", id=self.prefix + name, content=content,
                                                    hash=hashlib.sha256(content).digest())
            ids.append((f"log/{self.prefix}{name}".encode(), record.SerializeToString()))
        topics.send(self.bootstrap, self.prefix + "hy.registry", ids + self.kafka.published)

    def start_dashboard(self):
        program = Program("dashboard", [paths.program("dashboard"), "--config", str(self.config)], folder=self.folder)
        self.programs.append(program)
        self.wait(lambda: self.anonymous().get("/healthz").status_code == 200, 90, "the dashboard is healthy")
        # Names of departments come with the pack, a moment after the door is open.
        self.wait(lambda: "packs.in_force" in program.text(), 90, "the dashboard has a pack")
        return program

    # ---- doors

    def client(self, name):
        client = httpx.Client(base_url=f"http://{self.http}", headers={"Authorization": f"Bearer {self.tokens[name]}"}, timeout=30)
        self.clients.append(client)
        return client

    def anonymous(self, public=False):
        client = httpx.Client(base_url=f"http://{self.public if public else self.http}", timeout=30)
        self.clients.append(client)
        return client

    def get(self, name, path):
        answer = self.client(name).get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    def wait(self, true, seconds=60, what="it"):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if value := true():
                    return value
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        log = self.programs[-1].text()[-3000:] if self.programs else ""
        raise AssertionError(f"waited {seconds} s in vain: {what}\n{log}")

    # ---- records

    def put(self, topic, key, message):
        """Sends one record and waits; its offset."""
        placed = []
        value = None if message is None else message.SerializeToString()
        self.producer.produce(self.prefix + topic, value, key.encode(),
                              on_delivery=lambda error, m: placed.append(error or (m.partition(), m.offset())))
        self.producer.flush(20)
        assert placed and isinstance(placed[0], tuple), placed
        return placed[0][1]

    def case(self, native, department="shuiwu", kind="letter", due_in=5 * DAY, platform="web", account="default"):
        dossier = contract.identity("dossier", platform, account, native)
        one = contract.cls("Case")(schema_version=1, dossier=dossier, kind=kind, owner=department, step=1, version=1,
                                   id=contract.identity("case", dossier, platform, account, native), urgency="normal",
                                   state=enum("CaseState", "CASE_STATE_ASSIGNED"), last_offset=-1)
        set_time(one.received, now_ms() - 60_000)
        set_time(one.opened, now_ms() - 59_000)
        if kind == "incident":
            one.incident.subject, one.incident.level, one.incident.writers, one.incident.messages = native, 2, 17, 40
        else:
            one.platform, one.account, one.category = platform, account, "供水"
            one.opening_event = contract.identity("event", platform, account, native, "FORM")
            one.receipt_number = receipt_number(one.opening_event)
            one.content_keys.append(f"{one.id}/m/{one.opening_event}")
            one.reasons.add(step="list", what="水管", weight=2.5)
        clock = one.clocks.add(name="reply" if kind == "letter" else "cac_ack", epoch=1,
                               state=enum("ClockState", "CLOCK_STATE_RUNNING"))
        set_time(clock.started, now_ms() - 60_000)
        set_time(clock.due, now_ms() + due_in)
        return one

    def key(self, one):
        return f"{one.dossier}.{one.id}"

    def open(self, native, title="", text="", **more):
        """A new case as casework writes it: history, text, feed and state."""
        one = self.case(native, **more)
        one.work_seq, one.work_item = 1, f"{one.id}-1"
        if one.opening_event:
            content = contract.cls("Content")(schema_version=1, key=one.content_keys[0], case_id=one.id, kind="message",
                                              title=title, text=text, event_id=one.opening_event)
            set_time(content.at, now_ms())
            self.put("hy.content", content.key, content)
        self.journal(one, "message", fate="FATE_OPENED", event_id=one.opening_event, rule="message.opened",
                     explanation=f"opened for {one.owner}")
        self.work(one, "ASSIGNED", title=title, text=text)
        self.write(one)
        return one

    def write(self, one):
        one.version += 1
        self.put("hy.cases", self.key(one), one)

    def journal(self, one, command, verdict="VERDICT_APPLIED", fate=None, command_id=None, dossier=None, **more):
        record = contract.cls("JournalRecord")(schema_version=1, command=command, verdict=enum("Verdict", verdict),
                                               command_id=command_id or secrets.token_hex(8), **more)
        record.dossier = one.dossier if one else dossier
        if one:
            record.case_id, record.step, record.owner_after = one.id, one.step, one.owner
            record.state_after = type(one).DESCRIPTOR.file.enum_types_by_name["CaseState"].values_by_number[
                one.state].name.removeprefix("CASE_STATE_").lower()
        if fate:
            record.fate = enum("Fate", fate)
        key = self.key(one) if one else dossier
        record.seq = self.journal_seq[key] = self.journal_seq.get(key, 0) + 1
        set_time(record.at, now_ms())
        self.put("hy.journal", key, record)
        return record

    def work(self, one, kind, department=None, why="", **more):
        item = contract.cls("WorkItem")(schema_version=1, id=f"{one.id}-{one.work_seq}", case_id=one.id, dossier=one.dossier,
                                        seq=one.work_seq, kind=enum("WorkKind", "WORK_KIND_" + kind), why=why,
                                        department=department or one.owner, case_kind=one.kind, step=one.step, **more)
        set_time(item.at, now_ms())
        return self.put(f"hy.work.{item.department}", one.id, item)

    def note(self, native, text, why="a greeting asks for nothing"):
        """A message that became no case."""
        event_id = contract.identity("event", "web", "default", native, "FORM")
        dossier = contract.identity("dossier", "web", "default", native)
        content = contract.cls("Content")(schema_version=1, key=f"{dossier}/n/{event_id}", kind="message", text=text,
                                          event_id=event_id)
        self.put("hy.content", content.key, content)
        self.journal(None, "message", fate="FATE_NOTED", event_id=event_id, dossier=dossier, rule="message.noted", explanation=why)
        return event_id

    def deliver(self, one, purpose, text, state="SENT", target="status_page"):
        """A delivery row with its text."""
        row = one.deliveries.add(row=f"d{len(one.deliveries) + 1}", target=target, purpose=purpose,
                                 state=enum("DeliveryState", "DELIVERY_STATE_" + state),
                                 content_hash=hashlib.sha256(text.encode()).digest())
        row.content_key = f"{one.id}/n/{row.row}"
        content = contract.cls("Content")(schema_version=1, key=row.content_key, case_id=one.id, kind="notice", text=text)
        set_time(content.at, now_ms())
        one.content_keys.append(row.content_key)
        self.put("hy.content", content.key, content)
        self.write(one)
        return row


class Casework(threading.Thread):
    """Reads hy.commands and answers each act with a journal record and a snapshot, as casework does."""

    def __init__(self, world, *cases, delay=0.0, silent=False, until=None):
        super().__init__(daemon=True)
        self.world, self.cases, self.delay, self.silent, self.until = world, {c.id: c for c in cases}, delay, silent, until
        self.commands, self.seen, self.over = [], {}, False
        topic = world.prefix + "hy.commands"
        self.consumer = Consumer({"bootstrap.servers": world.bootstrap, "group.id": world.prefix + "stand-in",
                                  "auto.offset.reset": "earliest", "enable.auto.commit": False, "enable.partition.eof": True})
        self.unread, self.ready = set(topics.partitions_of(world.bootstrap, topic)), threading.Event()
        self.consumer.assign([TopicPartition(topic, p, 0) for p in self.unread])

    def __enter__(self):
        self.start()
        assert self.ready.wait(60), "hy.commands could not be read"  # an act that is sent now has its verdict in time
        return self

    def __exit__(self, *_):
        self.over = True
        if self.until:
            self.until.set()
        self.join(10)
        self.consumer.close()

    def run(self):
        while not self.over:
            message = self.consumer.poll(0.1)
            if message is not None and message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                self.unread.discard(message.partition())
                if not self.unread:
                    self.ready.set()
            if message is None or message.error():
                continue
            command = contract.decode("Command", message.value())
            self.commands.append((message.key().decode(), command))
            self.until.wait(60) if self.until else time.sleep(self.delay)
            if not self.silent:
                self.judge(command, message.offset())

    def judge(self, command, offset):
        one = self.cases.get(command.case_id)
        if command.id in self.seen:
            verdict, rule, why = "VERDICT_REPEATED", "act.repeated", "this act was applied before"
        elif one is None:
            self.world.journal(None, "open", command_id=command.id, dossier=command.dossier, rule="letter.open",
                               event_id=command.act.event_id, explanation="opened")
            return
        elif command.HasField("expects") and command.expects != one.step:
            verdict, rule, why = "VERDICT_REFUSED", "act.expects", f"the case moved on: it is at step {one.step}, with {one.owner}"
        else:
            verdict, rule, why = "VERDICT_APPLIED", "letter.sign", f"{one.owner} signed for it"
            one.state, one.step = enum("CaseState", "CASE_STATE_SIGNED"), one.step + 1
        self.seen[command.id] = verdict
        name = type(command.act).DESCRIPTOR.file.enum_types_by_name["Verb"].values_by_number[command.act.verb].name
        self.world.journal(one, name.removeprefix("VERB_").lower(), verdict=verdict, command_id=command.id, rule=rule,
                           explanation=why)
        one.last_offset = offset
        self.world.write(one)
