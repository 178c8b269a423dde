"""The dashboard against a real Kafka: one broker for the folder, and for each test a prefix, a dashboard and doors of its own."""
import itertools

import pytest
from harness.kafka import Kafka
from world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The broker, with the published packs as hyctl writes them, once: each test's registry is a copy."""
    with Kafka() as broker:
        with World(broker, "base.", tmp_path_factory.mktemp("base"), start=False, make=False) as base:
            broker.published = base.publish()
        yield broker


@pytest.fixture
def world(kafka, tmp_path):
    with World(kafka, f"d{next(_numbers)}.", tmp_path) as one:
        yield one
