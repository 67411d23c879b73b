"""pull: from the repository's own source, the parent of a fork, or a URL."""

import pytest

from tests.factories import RepositoryFactory


@pytest.fixture
def repository(put, kind, db):
    put("one", "first")
    return RepositoryFactory(name="one", kind=kind)


def test_a_fork_pulls_from_its_parent(api, repository):
    api("fork_repo", repoid="one", fork_name="fork")
    assert api("pull", repoid="fork") == {"msg": "Pulled from `fork`", "repository": "fork"}
    job = api("get_jobs", repoid="fork")[0]
    assert (job["kind"], job["state"], job["error"]) == ("pull", "done", None)


@pytest.mark.parametrize("url", [None, "/etc", "http://127.0.0.1:1/x", "http://me:secret@10.0.0.1/", "nonsense"])
def test_it_fails(api, repository, url):
    """K5: private networks are refused like everything else; the answer never holds a password."""
    assert api.error("pull", repoid=repository.pk, clone_uri=url) == "Unable to pull changes from `one`"
    assert "secret" not in str(api("get_jobs", repoid="one"))


def test_who_may(api, user_api):
    assert api.error("pull", repoid="missing") == "repository `missing` does not exist"
    assert user_api.error("pull", repoid="missing") == "access denied: pull needs administrator rights"
