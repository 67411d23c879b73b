"""One running site for all tests of the entry points."""

import pytest

from tests.site.running import RunningSite


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    with RunningSite(tmp_path_factory.mktemp("site") / "home", SCRIPT_NAME="/hg") as running:
        yield running
