"""The dashboard against a real Kafka: one broker for the folder, and for each test a prefix, a dashboard and doors of its own."""
import itertools

import pytest
from harness.kafka import Kafka
from world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka():
    with Kafka() as broker:
        yield broker


@pytest.fixture
def world(kafka, tmp_path):
    with World(kafka.bootstrap, f"d{next(_numbers)}.", tmp_path) as one:
        yield one
