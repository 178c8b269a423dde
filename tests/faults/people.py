"""The handlers of the storm's city: they read hy.cases as their page would and act, some at once, some late, some twice."""
import random
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from harness import contract, topics

# state: (verb, and what the act says besides)
PLANS = {
    ("letter", "OPENED"): ("SIGN", {}),
    ("letter", "ASSIGNED"): ("SIGN", {}),
    ("letter", "SIGNED"): ("REPLY", {"text": "您好，已安排人员到现场处理。"}),
    ("letter", "HANDLED"): ("REPLY", {"text": "您好，问题已处理。"}),
    ("letter", "DRAFTED"): ("APPROVE", {}),
    ("letter", "REVIEW"): ("APPROVE", {}),
    ("incident", "OPENED"): ("ACKNOWLEDGE", {}),
    ("incident", "ASSIGNED"): ("ACKNOWLEDGE", {}),
}
OFFICES = ["jiaoyu", "zhujian", "chengguan", "huanbao", "jiaotong", "shuiwu", "gongan"]


def word(message, field):
    return message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[getattr(message, field)].name.split("_", 2)[2]


class People(threading.Thread):
    """Acts on every third case. acts: {command id: times sent}, those that Kafka has."""

    def __init__(self, city, seed):
        super().__init__(daemon=True)
        self.city, self.chance = city, random.Random(f"people-{seed}")
        self.over = threading.Event()
        self.acts, self.waiting, self.steps, self.places, self.number = {}, [], {}, {}, 0

    def run(self):
        consumer = Consumer({"bootstrap.servers": self.city.kafka.bootstrap, "group.id": "people", "isolation.level": "read_committed",
                             "enable.auto.commit": False, "auto.offset.reset": "earliest", "log_level": 0})
        topic = self.city.topic("hy.cases")
        consumer.assign([TopicPartition(topic, p, 0) for p in topics.partitions_of(self.city.kafka.bootstrap, topic)])
        while not self.over.is_set():
            for m in consumer.consume(500, 0.1):
                if not m.error() and m.value() and b"." in m.key():
                    self.see(contract.decode("Case", m.value()), m.partition())
            self.work()
        consumer.close()

    def see(self, case, partition):
        self.steps[case.id], self.places[case.id] = case.step, partition
        plan = PLANS.get((case.kind, word(case, "state")))
        if plan is None or (case.kind == "letter" and hash_of(case.id) % 3):
            return
        verb, more = plan
        if verb == "SIGN" and self.chance.random() < 0.25:
            verb, more = "TRANSFER", {"department": self.chance.choice(OFFICES), "reason_code": "not_ours"}
        elif verb == "SIGN" and self.chance.random() < 0.15 and word(case, "state") == "ASSIGNED":
            verb, more = "RETURN", {"reason_code": "not_ours"}
        if verb == "APPROVE":
            more = {"text_hash": case.draft.text_hash}
        self.number += 1
        self.waiting.append((time.monotonic() + self.chance.expovariate(0.4), self.command(case, verb, more)))

    def command(self, case, verb, more):
        c = contract.cls("Command")()
        c.schema_version, c.dossier, c.case_id, c.expects = 1, case.dossier, case.id, case.step
        c.id = contract.identity("act", case.id, str(self.number))
        c.issued.unix_ms, c.issued.offset_minutes = int(time.time() * 1000), 480
        c.actor.kind = c.actor.DESCRIPTOR.fields_by_name["kind"].enum_type.values_by_name["ACTOR_KIND_PERSON"].number
        c.actor.id, c.actor.role, c.actor.department = f"{case.owner}-{verb}", "department", case.owner
        c.act.verb = c.act.DESCRIPTOR.fields_by_name["verb"].enum_type.values_by_name[f"VERB_{verb}"].number
        for field, value in more.items():
            setattr(c.act, field, value)
        return c

    def work(self):
        now = time.monotonic()
        due = [c for at, c in self.waiting if at <= now]
        self.waiting = [(at, c) for at, c in self.waiting if at > now]
        current = [c for c in due if self.steps.get(c.case_id) == c.expects]
        twice = [c for c in current if self.chance.random() < 0.1]
        for lot in (current, twice):
            self.send(lot)

    def send(self, commands):
        """Again until Kafka has them: a page that got no answer asks again under the same id."""
        pairs = [(f"{c.dossier}.{c.case_id}".encode(), c.SerializeToString(), self.places[c.case_id]) for c in commands]
        while pairs and not self.over.is_set():
            for c in commands:
                self.acts[c.id] = self.acts.get(c.id, 0) + 1
            try:
                topics.send(self.city.kafka.bootstrap, self.city.topic("hy.commands"), pairs, **{"message.timeout.ms": 5000, "log_level": 0})
                return
            except (KafkaException, RuntimeError):
                self.over.wait(0.5)

    def stop(self):
        self.over.set()
        self.join()


def hash_of(text):
    return sum(text.encode())
