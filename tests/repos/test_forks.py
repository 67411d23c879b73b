"""Forks: a copy of everything, as hidden as its parent."""

import shutil

import pytest
from django.core.exceptions import PermissionDenied

from accounts.models import GlobalGrant
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Job, Repository
from repos.services import forks
from repos.vcs.errors import RepositoryNotFound
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, actor, grant

pytestmark = pytest.mark.django_db


@pytest.fixture
def parent(put, kind):
    put("parent", "first", "second")
    return RepositoryFactory(name="parent", kind=kind)


def test_a_fork_has_everything_and_lives_on_without_its_parent(parent, repositories_root):
    fork = forks.create(actor=actor(UserFactory()), parent=parent, name="fork")
    assert (fork.fork_of, fork.state, fork.kind) == (parent, Repository.State.CREATED, parent.kind)
    assert fork.last_changeset["raw_id"] == parent.vcs.tip().raw_id
    shutil.rmtree(repositories_root / "parent")
    assert fork.vcs.count() == 2
    assert fork.vcs.verify() == []
    job = Job.objects.get()
    assert (job.kind, job.state, job.repository, job.error) == ("fork", "done", fork, "")


def test_the_fork_of_a_private_repository_is_private(parent):
    """K3: unless asked otherwise."""
    Repository.objects.filter(pk=parent.pk).update(is_private=True)
    parent.refresh_from_db()
    admin = actor(AdminFactory())
    fork = forks.create(actor=admin, parent=parent, name="fork")
    assert fork.is_private
    assert not Repository.objects.filter(pk=fork.pk).visible_to(actor(UserFactory())).exists()
    assert not forks.create(actor=admin, parent=parent, name="public", is_private=False).is_private


def test_grants_of_the_parent_can_be_copied(parent):
    grant(parent, UserFactory(username="una"), Level.WRITE)
    fork = forks.create(actor=actor(AdminFactory()), parent=parent, name="fork", copy_permissions=True)
    levels = {"default": Level.READ, "una": Level.WRITE}
    assert dict(fork.grants.values_list("user__username", "level")) == levels


def test_who_may_fork(parent):
    una = UserFactory()
    hidden = RepositoryFactory(is_private=True)
    with pytest.raises(PermissionDenied):
        forks.create(actor=actor(una), parent=hidden, name="fork")
    GlobalGrant.objects.filter(user=DEFAULT_USER_ID, kind="hg.fork").update(permission="hg.fork.none")
    with pytest.raises(PermissionDenied, match="fork"):
        forks.create(actor=actor(una), parent=parent, name="fork")
    assert not Repository.objects.filter(name="fork").exists()


def test_a_fork_that_fails_leaves_nothing_but_its_job(repositories_root):
    with pytest.raises(RepositoryNotFound):
        forks.create(actor=actor(AdminFactory()), parent=RepositoryFactory(name="lost"), name="fork")
    assert not Repository.objects.filter(name="fork").exists()
    assert Job.objects.get().state == "failed"
