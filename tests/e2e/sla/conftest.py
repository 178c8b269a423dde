"""One Kafka and one Redis for the file; a topic and key prefix of its own for each test."""
import pathlib
import sys

import pytest
import redis as redis_client

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import world  # noqa: E402
from harness.kafka import Kafka  # noqa: E402
from harness.redis import Redis  # noqa: E402


@pytest.fixture(scope="module")
def kafka():
    with Kafka() as one:
        yield one


@pytest.fixture(scope="module")
def redis():
    with Redis() as one:
        yield one


@pytest.fixture
def prefix(kafka, request):
    name = f"t{abs(hash(request.node.name)) % 10**8}."
    world.make_topics(kafka.bootstrap, name)
    return name


@pytest.fixture
def client(redis):
    with redis_client.Redis(port=redis.port) as one:
        yield one


@pytest.fixture
def cases(kafka, prefix):
    return world.Cases(kafka.bootstrap, prefix)
