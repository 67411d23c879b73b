"""Pulling and cloning from real servers of either tool."""

import ipaddress

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import JournalEntry
from repos.models import Job, Repository
from repos.services import forks, pull, repositories
from repos.vcs import remote
from repos.vcs.errors import RemoteError, VcsError
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, actor
from tests.repo_builder import RepoBuilder
from tests.repos.serving import served

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return actor(AdminFactory())


@pytest.fixture
def loopback(monkeypatch):
    """The server may connect to this machine."""
    monkeypatch.setattr(remote, "_allowed_networks", (ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def source(kind, tmp_path, loopback):
    """The URL of a repository with two changesets."""
    builder = RepoBuilder(kind)
    builder.commit("first", {"a": "1"})
    builder.commit("second", {"a": "2"})
    builder.build(tmp_path / "source")
    with served(kind, tmp_path / "source") as url:
        yield url


def test_clone_then_pull(kind, admin, source, repositories_root, put):
    repository = repositories.create(actor=admin, name="clone", kind=kind, clone_uri=source)
    assert (repository.state, repository.clone_uri) == (Repository.State.CREATED, source)
    assert repository.last_changeset["revision"] == 1
    pull.pull(actor=admin, repository=repository)
    assert list(Job.objects.order_by("pk").values_list("kind", "state")) == [("create", "done"), ("pull", "done")]
    assert JournalEntry.objects.filter(action="pull", subject_name="clone").count() == 1


def test_pull_from_a_url_given_for_once(kind, admin, source, repositories_root):
    repository = repositories.create(actor=admin, name="empty", kind=kind)
    pull.pull(actor=admin, repository=repository, url=source)
    repository.refresh_from_db()
    assert repository.clone_uri is None
    assert repository.last_changeset["revision"] == 1


def test_a_fork_pulls_from_its_parent(kind, admin, put):
    put("parent", "first")
    parent = RepositoryFactory(name="parent", kind=kind)
    fork = forks.create(actor=admin, parent=parent, name="fork")
    pull.pull(actor=admin, repository=fork)
    assert fork.vcs.count() == 1


def test_nothing_to_pull_from(kind, admin, put):
    put("one", "first")
    with pytest.raises(ValidationError):
        pull.pull(actor=admin, repository=RepositoryFactory(name="one", kind=kind))


def test_an_unrelated_repository_is_refused(admin, source, put, kind):
    put("one", "other")
    repository = RepositoryFactory(name="one", kind=kind)
    if kind == "hg":  # Git brings in branches of any origin
        with pytest.raises(VcsError):
            pull.pull(actor=admin, repository=repository, url=source)
        assert repository.vcs.count() == 1


@pytest.mark.parametrize("url", ["/etc/passwd", "file:///tmp", "http://169.254.169.254/x", "http://127.0.0.1:1/x"])
def test_addresses_that_are_not_allowed(admin, put, kind, url):
    """K5: neither paths nor private networks; the password of a URL is nowhere kept."""
    put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    with pytest.raises(RemoteError):
        pull.pull(actor=admin, repository=repository, url=url.replace("http://", "http://me:secret@"))
    assert "secret" not in str([*Job.objects.values(), *JournalEntry.objects.values()])


def test_for_administrators_only():
    una = UserFactory()
    with pytest.raises(PermissionDenied):
        pull.pull(actor=actor(una), repository=RepositoryFactory(owner=una))


def test_a_new_clone_uri_must_answer(admin, loopback):
    repository = RepositoryFactory()
    with pytest.raises(RemoteError, match="nobody answers"):
        repositories.update(actor=admin, repository=repository, clone_uri="http://127.0.0.1:1/")
    repositories.update(actor=admin, repository=repository, clone_uri="")
    assert Repository.objects.get().clone_uri == ""


def test_a_job_taken_up_without_its_url_fails_instead_of_pulling_from_elsewhere(admin, put, kind):
    put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind, clone_uri="http://example.com/x")
    job = Job.objects.create(kind="pull", repository=repository, actor=admin.user, arguments={"source": "http://other"})
    with pytest.raises(ValidationError):
        pull.run(job, print)
