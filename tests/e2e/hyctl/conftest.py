"""hyctl against a real Kafka: one broker for the whole folder, a prefix of its own for each test, so that none sees another's topics."""
import dataclasses
import itertools
import json
import os
import subprocess

import pytest
from harness import paths, topics
from harness.kafka import Kafka

_numbers = itertools.count(1)


@dataclasses.dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Hyctl:
    """Runs hyctl with the configuration of one test; what it must not have is a terminal or a stray environment."""

    def __init__(self, bootstrap, folder):
        self.bootstrap, self.folder = bootstrap, folder
        self.prefix = f"t{next(_numbers)}."
        self.config = folder / "config.yaml"
        self.config.write_text(f"kafka: {{brokers: '{bootstrap}', prefix: '{self.prefix}'}}\n"
                               "policy: {pack: sample}\nrouter: {anything: of another program}\n")

    def __call__(self, *words, config=True, text=None, env=None, cwd=None):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HY_")}
        if config:
            kept["HY_CONFIG"] = str(self.config)
        done = subprocess.run([paths.program("hyctl"), *map(str, words)], input=text, capture_output=True, text=True,
                              env=kept | (env or {}), cwd=cwd or self.folder, timeout=120)
        return Answer(done.returncode, done.stdout, done.stderr)

    def good(self, *words, **more):
        answer = self(*words, **more)
        assert answer.code == 0, answer
        return answer

    def topic(self, name):
        return self.prefix + name

    def topics(self):
        """{table name: partitions} of what stands under our prefix."""
        found = topics.admin(self.bootstrap).list_topics(timeout=10).topics
        return {name[len(self.prefix):]: len(t.partitions) for name, t in found.items() if name.startswith(self.prefix)}


@pytest.fixture(scope="session")
def kafka():
    with Kafka() as broker:
        yield broker


@pytest.fixture
def hyctl(kafka, tmp_path):
    return Hyctl(kafka.bootstrap, tmp_path)


@pytest.fixture
def repo():
    return paths.ROOT
