"""The real clients at every kind of address, with every kind of sign-in: what works, and what the client is told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import IpRange, JournalEntry
from accounts.permissions import Level
from repos.models import Repository
from repos.services import repositories
from tests.factories import PASSWORD, ApiKeyFactory, RepositoryGroupFactory, UserFactory, actor, grant, key_of
from tests.repos.clients import Refused, call, clone, commit, head, push, repository, work_tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return UserFactory(username="una")


@pytest.fixture
def project(kind, repositories_root, server, work, user):
    """A private repository with one changeset, which the user may write to."""
    made = repository(kind, repositories_root, name="project", is_private=True)
    push(kind, work, server.url(made, made.owner))
    grant(made, user, Level.WRITE)
    return made


def another_address(user):
    IpRange.objects.create(user=user, cidr="10.0.0.0/8")
    return key_of(user)


def inactive(user):
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    return key_of(user)


#: sign-in -> (the password or key, whether it pulls, whether it pushes)
SIGN_INS = {
    "password": (lambda user: PASSWORD, True, True),
    "key": (key_of, True, True),
    "key that writes": (lambda user: ApiKeyFactory(user=user, level=Level.WRITE).value, True, True),
    "key that reads": (lambda user: ApiKeyFactory(user=user, level=Level.READ).value, True, False),
    "key of another repository": (
        lambda user: ApiKeyFactory(user=user, repository_id=Repository.objects.get().pk + 1).value,
        False,
        False,
    ),
    "key of this repository": (
        lambda user: ApiKeyFactory(user=user, repository_id=Repository.objects.get().pk).value,
        True,
        True,
    ),
    "key of this network": (lambda user: ApiKeyFactory(user=user, ip_range="127.0.0.0/8").value, True, True),
    "key of another network": (lambda user: ApiKeyFactory(user=user, ip_range="10.0.0.0/8").value, False, False),
    "expired key": (
        lambda user: ApiKeyFactory(user=user, expires_on=timezone.now() - timedelta(seconds=1)).value,
        False,
        False,
    ),
    "wrong password": (lambda user: "wrong", False, False),
    "another address": (another_address, False, False),
    "inactive": (inactive, False, False),
}


@pytest.mark.parametrize("sign_in", SIGN_INS)
def test_who_signs_in_how_pulls_and_pushes_what(sign_in, server, kind, project, work, user, tmp_path):
    secret, pulls, pushes = SIGN_INS[sign_in]
    url = server.url(project, user, secret(user))
    made = commit(kind, work, "two")
    for allowed, use in ((pulls, lambda: clone(kind, url, tmp_path / "copy")), (pushes, lambda: push(kind, work, url))):
        if allowed:
            use()
        else:
            with pytest.raises(Refused, match=r"40[134]|not found|uthenti|authoriz|may read here"):
                use()
    assert JournalEntry.objects.filter(user=user, action="push").exists() is pushes
    assert (project.vcs.tip().raw_id == made) is pushes


@pytest.mark.parametrize("place", ["name", "group", "unicode", "number", "renamed", "moved"])
def test_every_address_takes_pushes_and_gives_clones(place, server, kind, repositories_root, work, tmp_path):
    name = {"group": "team/inner/x", "unicode": "équipe/dépôt ☃"}.get(place, "project")
    group = RepositoryGroupFactory(name=name.rpartition("/")[0]) if "/" in name else None
    made = repository(kind, repositories_root, name=name, group=group)
    if place in ("renamed", "moved"):
        new = RepositoryGroupFactory(name="team") if place == "moved" else None
        (repositories_root / "team").mkdir(exist_ok=True)
        more = {"group": new} if new else {"name": "other"}
        repositories.update(actor=actor(made.owner), repository=made, **more)
        assert made.name in ("other", "team/project")
    for address in [f"_{made.pk}"] if place == "number" else [made.name, f"_{made.pk}"]:
        url = server.url(address, made.owner, key_of(made.owner))
        commit(kind, work, address)
        push(kind, work, url)
        assert head(kind, clone(kind, url, tmp_path / f"copy of {address.replace('/', '-')}")) == head(kind, work)


def test_hg_draft_secret_and_public(server, repositories_root, tmp_path):
    made = repository("hg", repositories_root, name="made")
    work = work_tree("hg", tmp_path / "work")
    url = server.url(made, made.owner)
    secret = commit("hg", work, "secret")
    call("hg", "phase", "--secret", "--force", secret, cwd=work)
    push("hg", work, url)
    assert made.vcs.count() == 1
    assert call("hg", "log", "-T", "{phase} ", cwd=work) == "secret public "
    copy = clone("hg", url, tmp_path / "copy")
    call("hg", "phase", "--draft", secret, cwd=work)
    push("hg", work, url)
    call("hg", "pull", "-q", cwd=copy)
    assert call("hg", "log", "-T", "{phase} ", cwd=copy) == "public public "


def test_hg_moves_and_deletes_bookmarks_and_closes_branches(server, repositories_root, tmp_path):
    made = repository("hg", repositories_root, name="made")
    work = work_tree("hg", tmp_path / "work")
    url = server.url(made, made.owner)
    call("hg", "bookmark", "mark", cwd=work)
    push("hg", work, url, "-B", "mark")
    moved = commit("hg", work, "two")
    push("hg", work, url)
    assert made.vcs.refs().bookmarks == {"mark": moved}
    call("hg", "bookmark", "-d", "mark", cwd=work)
    with pytest.raises(Refused):  # hg's status for "no changes found"
        push("hg", work, url, "-B", "mark")
    assert made.vcs.refs().bookmarks == {}
    call("hg", "branch", "-q", "old", cwd=work)
    commit("hg", work, "three", "other")
    call("hg", "commit", "-q", "--close-branch", "-m", "done", cwd=work)
    push("hg", work, url, "--new-branch")
    assert set(made.vcs.refs().closed_branches) == {"old"}


def test_protection_by_pattern_is_set_by_its_administrator_and_told_to_the_client(server, kind, project, work, user):
    repositories.update(
        actor=actor(project.owner), repository=project, protected_branches="def*  ma?n", max_file_size=100
    )
    url = server.url(project, user)
    commit(kind, work, "x" * 101)
    with pytest.raises(Refused, match="file has 101 bytes; files of more than 100 bytes are not accepted here"):
        push(kind, work, url)
    repositories.update(actor=actor(project.owner), repository=project, max_file_size=0)
    push(kind, work, url)
    if kind == "git":
        with pytest.raises(Refused, match="branch main is protected: it may not be deleted"):
            push(kind, work, url, ":refs/heads/main")
        call("git", "commit", "-q", "--amend", "-m", "rewritten", cwd=work)
        with pytest.raises(Refused, match="branch main is protected: it may not be rewritten"):
            push(kind, work, url, "-f", "HEAD:refs/heads/main")
    else:
        call("hg", "update", "-q", "0", cwd=work)
        commit(kind, work, "another head", "other")
        with pytest.raises(Refused, match="branch default is protected: it may not get another head"):
            push(kind, work, url, "-f")
    assert project.vcs.count() == 2
