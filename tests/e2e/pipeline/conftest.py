"""Makes city, auditor and messages importable by the tests of this folder, and gives the fault tests their town."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def pytest_collection_modifyitems(items):
    """The storm and the real files have cities of their own: first, so that the town does not stand beside them."""
    items.sort(key=lambda item: item.path.name not in ("test_storm.py", "test_real_files.py"))


@pytest.fixture(scope="session")
def town():
    from town import Town
    with Town() as made:
        yield made
