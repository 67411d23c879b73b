"""What every test can ask for."""

import pytest
from django.core.cache import cache
from django.utils import translation

from accounts import metrics
from tests.repo_builder import RepoBuilder


def pytest_collection_modifyitems(items):
    """What the migrations put into the database is there again after a test that had to empty it."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if marker is not None and marker.kwargs.get("transaction"):
            marker.kwargs["serialized_rollback"] = True


@pytest.fixture(autouse=True)
def _nothing_remembered():
    cache.clear()
    metrics.take()
    yield
    metrics.take()
    translation.deactivate()  # a page's language stays with the thread


@pytest.fixture
def repositories_root(settings, tmp_path):
    """An empty repositories root of the test's own."""
    root = tmp_path / "repositories"
    root.mkdir()
    settings.REPOSITORIES_ROOT = root
    return root


@pytest.fixture(params=["hg", "git"])
def kind(request):
    """Both tools in turn."""
    return request.param


@pytest.fixture
def put(kind, repositories_root):
    """``put("group/name", "first", "second")`` puts a repository with these commits below the root; their raw_ids."""

    def put(name, *messages):
        builder = RepoBuilder(kind)
        for message in messages:
            builder.commit(message, {f"{message}.txt": f"{message}\n"})
        (repositories_root / name).parent.mkdir(parents=True, exist_ok=True)
        return list(builder.build(repositories_root / name).values())

    return put
