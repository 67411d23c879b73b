"""get_repo_audit_logs: what was done to a repository."""

from accounts.permissions import Level
from repos.services import forks
from tests.factories import RepositoryFactory, actor


def test_newest_first_in_pages(api, repositories_root):
    api("create_repo", repo_name="one")
    api("create_repo", repo_name="other")
    api("update_repo", repoid="one", description="New")
    newest, oldest = api("get_repo_audit_logs", repoid="one")
    assert (newest["action"], oldest["action"]) == ("update_repository", "create_repository")
    assert newest["data"] == {"description_en": "New"}  # in the language that was written
    assert api("get_repo_audit_logs", repoid="one", limit=1) == [newest]
    assert api("get_repo_audit_logs", repoid="one", before=newest["entry_id"]) == [oldest]


def test_for_admins_of_the_repository(user_api):
    RepositoryFactory(name="one", everybody=Level.WRITE)
    assert user_api.error("get_repo_audit_logs", repoid="one") == "repository `one` does not exist"


def test_what_it_was_detached_from_is_not_named(api):
    parent = RepositoryFactory(name="secret", is_private=True)
    fork = RepositoryFactory(name="one", fork_of=parent)
    forks.detach(actor=actor(fork.owner), repository=fork)
    [entry] = api("get_repo_audit_logs", repoid="one")
    assert entry["data"] == {"parent_id": parent.pk}
