"""Makes city, auditor and messages importable by the tests of this folder, and gives the fault tests their town."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_collection_modifyitems(items):
    """What has a city of its own comes first, so that the town does not stand beside it."""
    items.sort(key=lambda item: "town" in item.fixturenames)


@pytest.fixture(scope="session")
def town():
    from town import Town
    with Town() as made:
        yield made
