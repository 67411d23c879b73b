"""Whatever brings changesets in, each is written down once, with who brought it as far as anybody knows."""

import random
import threading

import pytest

from accounts.models import JournalEntry, User
from accounts.permissions import DEFAULT_USER_ID
from repos.models import Follower, Repository
from repos.services import forks, pull, pushes, repositories, rescan
from repos.vcs.push_rules import PushResult
from repos.vcs.types import FileWrite, Signature
from tests.factories import AdminFactory, UserFactory, actor
from tests.repo_builder import START

pytestmark = pytest.mark.django_db

DORA = Signature("Dora Dev", "dora@example.com", START)


@pytest.fixture
def admin():
    return actor(AdminFactory())


@pytest.fixture
def project(kind, admin, repositories_root):
    made = repositories.create(actor=admin, name="project", kind=kind)
    yield made
    made.vcs.close()


@pytest.fixture
def told(monkeypatch):
    heard = []
    monkeypatch.setattr(pushes, "listeners", [lambda *args: heard.append(args)])
    return heard


def commit(repository, message):
    """As somebody who works on the server's disk; the raw_id."""
    trunk = "default" if repository.kind == "hg" else "main"
    parent = repository.vcs.refs().branches.get(trunk)
    file = FileWrite("file", message.encode())
    return repository.vcs.commit([file], message=message, author=DORA, branch=trunk, parent=parent)


def written():
    """(action, who, hashes) of each entry about pushes, the oldest first."""
    entries = JournalEntry.objects.filter(action__in=("push", "pull")).order_by("pk")
    return [(entry.action, entry.user_id, entry.data["changesets"]) for entry in entries]


def again(repository):
    """The row as the next request reads it."""
    return Repository.objects.get(pk=repository.pk)


def test_the_size_on_disk_grows_with_what_comes(project, admin, repositories_root):
    commit(project, "one")
    pushes.notice(again(project))
    small = again(project).size
    commit(project, random.Random(1).randbytes(3000).hex())
    pushes.notice(again(project))
    assert again(project).size >= small + 3000
    fork = forks.create(actor=admin, parent=project, name="fork")
    assert again(fork).size >= 3000
    fork.vcs.close()


def test_the_next_read_finds_what_came_on_the_disk_and_no_further_one_does(project, told):
    made = [commit(project, "one"), commit(project, "two")]
    pushes.notice(project)
    pushes.notice(again(project))
    assert written() == [("push", None, made)]
    assert again(project).last_changeset["raw_id"] == made[-1]
    assert [(who, pushed.changesets) for _, who, pushed in told] == [(None, tuple(made))]


def test_a_page_and_the_api_read(project, client):
    first = commit(project, "one")
    assert client.get("/project").status_code == 200
    second = commit(project, "two")
    repositories.invalidate_cache(actor=actor(project.owner), repository=again(project))
    third = commit(project, "three")
    rescan.rescan(actor=actor(project.owner))
    assert written() == [("push", None, [made]) for made in (first, second, third)]


def test_what_a_repository_had_when_it_was_found_or_copied_is_no_push(kind, admin, put, project):
    commit(project, "one")
    pushes.notice(project)
    before = written()
    put("found", "first")
    rescan.rescan(actor=admin)
    fork = forks.create(actor=admin, parent=project, name="fork")
    pushes.notice(again(fork))
    assert written() == before
    assert fork.changesets.count() == 1
    made = commit(again(fork), "two")
    pushes.notice(again(fork))
    assert written() == [*before, ("push", None, [made])]


def test_a_pull_is_written_down_with_its_hashes_also_when_nothing_came(admin, project, told):
    fork = forks.create(actor=admin, parent=project, name="fork")
    made = commit(project, "one")
    pushes.notice(project)
    del told[:]
    pull.pull(actor=admin, repository=again(fork))
    pull.pull(actor=admin, repository=again(fork))
    assert written()[1:] == [("pull", admin.user.pk, [made]), ("pull", admin.user.pk, [])]
    assert [(repository.pk, who.user) for repository, who, _ in told] == [(fork.pk, admin.user)]


def test_nobody_takes_a_push_under_way_for_a_change_on_the_disk(admin, project, told):
    with pushes.arriving(repository=project, actor=admin) as arrival:
        made = commit(project, "one")
        pushes.notice(again(project))
        assert written() == []
        arrival.pushed = PushResult((), (made,))
    pushes.notice(again(project))
    assert written() == [("push", admin.user.pk, [made])]
    assert len(told) == 1


def test_of_two_pushes_at_once_each_writes_down_its_own(admin, project):
    other = actor(UserFactory())
    with pushes.arriving(repository=project, actor=admin) as long:
        first = commit(project, "one")
        with pushes.arriving(repository=again(project), actor=other) as short:
            second = commit(project, "two")
            short.pushed = PushResult((), (second,))
        assert written() == [("push", other.user.pk, [second])]
        assert again(project).last_changeset["raw_id"] == second
        long.pushed = PushResult((), (first,))
    pushes.notice(again(project))
    assert written() == [("push", other.user.pk, [second]), ("push", admin.user.pk, [first])]
    assert project.changesets.count() == 2


def test_a_push_whose_server_died_before_it_was_written_down_is_found(admin, project):
    made = []

    def die_after_a_push():
        with pushes.arriving(repository=project, actor=admin):
            made.append(commit(project, "one"))
            raise SystemExit

    with pytest.raises(SystemExit):
        die_after_a_push()
    pushes.notice(again(project))
    assert written() == [("push", None, made)]


def test_followers_see_it_in_their_journal(project, client):
    follower = UserFactory()
    Follower.objects.create(user=follower, repository=project)
    commit(project, "one")
    pushes.notice(project)
    client.force_login(follower)
    assert ">pushed to</span>" in client.get("/_admin/journal").text
    assert "push project" in client.get("/_admin/journal/rss").text
    assert "push project" in client.get("/_admin/public_journal/rss").text
    assert User.objects.get(pk=DEFAULT_USER_ID).is_active


def test_git_is_packed_behind_the_push(admin, repositories_root):
    project = repositories.create(actor=admin, name="project", kind="git")
    done = threading.Event()
    with pushes.arriving(repository=project, actor=admin):
        commit(project, "one")
        assert project.vcs.wants_care()
    pushes._care.submit(done.set)
    assert done.wait(30)
    assert (project.path / "objects" / "info" / "commit-graph").exists()
    assert not project.vcs.wants_care()
