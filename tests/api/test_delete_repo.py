"""delete_repo: gone from the API, kept on disk under another name."""

from accounts.permissions import Level
from tests.factories import RepositoryFactory, grant


def test_gone_and_its_name_free(api, put, kind, repositories_root):
    put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    answer = api("delete_repo", repoid=repository.pk, forks="nonsense")
    assert answer == {"msg": "Deleted repository `one`", "success": True}
    assert api.error("delete_repo", repoid="one") == "repository `one` does not exist"
    assert api("create_repo", repo_name="one", repo_type=kind)["repo"]["last_changeset"]["revision"] == -1


def test_forks(api, repositories_root):
    for forks in ("detach", "delete"):
        parent = RepositoryFactory(name="parent")
        RepositoryFactory(name=f"fork-{forks}", fork_of=parent)
        refused = "Cannot delete `parent` it still contains attached forks"
        assert api.error("delete_repo", repoid="parent") == refused
        assert api.error("delete_repo", repoid="parent", forks="nonsense") == refused
        words = {"detach": "Detached 1 forks", "delete": "Deleted 1 forks"}[forks]
        assert api("delete_repo", repoid="parent", forks=forks)["msg"] == f"Deleted repository `parent` {words}"
    assert api("get_repo", repoid="fork-detach")["fork_of"] is None
    assert api.error("get_repo", repoid="fork-delete") == "repository `fork-delete` does not exist"


def test_who_may(user_api, user, repositories_root):
    repository = RepositoryFactory(name="one", everybody=Level.WRITE)
    assert user_api.error("delete_repo", repoid="one") == "repository `one` does not exist"
    grant(repository, user, Level.ADMIN)
    assert user_api("delete_repo", repoid="one")["success"] is True
