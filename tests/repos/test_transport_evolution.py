"""Amended, folded and pruned changesets: what clients of Mercurial exchange about them with a fork, and what stays."""

import pytest

from accounts.models import JournalEntry
from repos.models import Repository, RepositoryChangeset
from repos.services import forks, pull, pushes
from tests.factories import AdminFactory, actor
from tests.repos.clients import Refused, call, clone, commit, head, push, repository, serving

pytestmark = pytest.mark.django_db

#: What the extension ``evolve`` sets; without the extension, ``hg commit --amend`` alone notes what it replaces.
EVOLVE = ("--config", "experimental.evolution=all")


def evolve(work, *args):
    return call("hg", *EVOLVE, *args, cwd=work)


def amend(work, message, content):
    (work / "file").write_text(content)
    evolve(work, "commit", "--amend", "-qm", message)
    return head("hg", work)


def prune(work, raw_id):
    evolve(work, "update", "-q", f"p1({raw_id})")
    evolve(work, "debugobsolete", "--record-parents", raw_id)


def seen(work, *options):
    return call("hg", *options, "log", "-T", "{desc}:{phase} ", cwd=work).split()


@pytest.fixture
def server(repositories_root):
    with serving() as running:
        yield running


@pytest.fixture
def project(repositories_root):
    return repository("hg", repositories_root, name="project")


@pytest.fixture
def fork(server, project, tmp_path):
    """Of a project with one changeset."""
    call("hg", "init", tmp_path / "first")
    commit("hg", tmp_path / "first", "base")
    push("hg", tmp_path / "first", server.url(project, project.owner))
    return forks.create(actor=actor(project.owner), parent=project, name="fork")


@pytest.fixture
def work(server, fork, tmp_path):
    """A clone of the fork whose second changeset is pushed."""
    made = clone("hg", server.url(fork, fork.owner), tmp_path / "work")
    commit("hg", made, "draft")
    push("hg", made, server.url(fork, fork.owner), *EVOLVE)
    return made


@pytest.fixture
def told(monkeypatch):
    """What a listener to pushes hears."""
    heard = []
    monkeypatch.setattr(pushes, "listeners", [lambda *args: heard.append(args[2])])
    return heard


def listed(repository):
    return [position.raw_id for position in repository.vcs.positions()]


def test_an_amended_changeset_takes_the_place_of_the_earlier_one(server, fork, work, told, tmp_path):
    url = server.url(fork, fork.owner)
    colleague = clone("hg", url, tmp_path / "colleague")
    earlier = head("hg", work)
    assert RepositoryChangeset.objects.filter(repository=fork, changeset_id=earlier).exists()
    later = amend(work, "amended", "other")
    push("hg", work, url, *EVOLVE)

    assert fork.vcs.refs().branches == {"default": later}
    assert listed(fork)[1:] == [later]
    fork.refresh_from_db()
    assert fork.last_changeset["raw_id"] == later
    known = RepositoryChangeset.objects.filter(repository=fork).values_list("changeset_id", flat=True)
    assert sorted(known) == sorted(listed(fork))
    assert (told[-1].changesets, told[-1].hidden) == ((later,), (earlier,))
    entry = JournalEntry.objects.filter(action="push").latest("pk")
    assert (entry.data["changesets"], entry.data["hidden"]) == ([later], [earlier])

    call("hg", *EVOLVE, "pull", "-qu", url, cwd=colleague)
    assert seen(colleague, *EVOLVE) == ["amended:draft", "base:public"]


def test_what_was_replaced_can_still_be_read_by_its_id(client, server, fork, work):
    earlier = head("hg", work)
    amend(work, "amended", "other")
    push("hg", work, server.url(fork, fork.owner), *EVOLVE)
    assert fork.vcs.changeset(earlier).message == "draft"
    assert fork.vcs.read_file(earlier, "file") == b"draft"
    assert client.get(f"/fork/changeset/{earlier}").status_code == 200
    assert b"".join(client.get(f"/fork/raw/{earlier}/file").streaming_content) == b"draft"
    assert client.get(f"/fork/changeset/{earlier[:12]}").status_code == 404
    assert earlier not in client.get("/fork/changelog").content.decode()


def test_a_push_of_nothing_but_a_pruning(client, server, fork, work, told):
    base, gone = listed(fork)
    prune(work, gone)
    with pytest.raises(Refused, match="no changes found"):  # hg's status; the marker has gone out
        call("hg", *EVOLVE, "push", server.url(fork, fork.owner), cwd=work)
    assert fork.vcs.refs().branches == {"default": base}
    fork.refresh_from_db()
    assert fork.last_changeset["raw_id"] == base
    assert [(pushed.changesets, pushed.hidden) for pushed in told] == [((), (gone,))]
    with pytest.raises(Refused, match="no changes found"):
        call("hg", *EVOLVE, "push", server.url(fork, fork.owner), cwd=work)
    assert len(told) == 1
    client.force_login(fork.owner)
    assert "1 changeset replaced or pruned" in client.get("/_admin/journal").content.decode()


def test_a_client_that_knows_nothing_of_it(server, fork, work, tmp_path):
    url = server.url(fork, fork.owner)
    colleague = clone("hg", url, tmp_path / "colleague")
    amend(work, "amended", "other")
    push("hg", work, url, *EVOLVE)
    call("hg", "pull", "-q", url, cwd=colleague)
    assert seen(colleague) == ["amended:draft", "draft:draft", "base:public"]
    assert seen(clone("hg", url, tmp_path / "new")) == ["amended:draft", "base:public"]
    call("hg", "clone", "-q", "--stream", url, tmp_path / "stream")
    assert seen(tmp_path / "stream") == ["amended:draft", "base:public"]
    # Who goes on upon what was replaced gets it back into view, as with any other server.
    commit("hg", colleague, "upon")
    push("hg", colleague, url, "-f")
    assert [fork.vcs.changeset(raw_id).message for raw_id in listed(fork)] == ["base", "draft", "amended", "upon"]


def test_where_changesets_are_published_nothing_of_it_is_taken(server, project, fork, work, tmp_path):
    amend(work, "amended", "other")
    url = server.url(project, project.owner)
    assert "obsmarkers" not in call("hg", "debugcapabilities", url, cwd=work)
    assert "obsmarkers" in call("hg", "debugcapabilities", server.url(fork, fork.owner), cwd=work)
    push("hg", work, url, *EVOLVE)
    assert seen(clone("hg", url, tmp_path / "new")) == ["amended:public", "base:public"]
    assert not (project.path / ".hg/store/obsstore").exists()


def test_a_fork_that_was_detached_says_nothing_about_its_past(server, fork, work, tmp_path):
    amend(work, "amended", "other")
    push("hg", work, server.url(fork, fork.owner), *EVOLVE)
    forks.detach(actor=actor(fork.owner), repository=fork)
    commit("hg", work, "more")
    said = call("hg", "push", server.url(fork, fork.owner), cwd=work)
    assert "obsolete" not in said
    assert seen(clone("hg", server.url(fork), tmp_path / "new")) == ["more:public", "amended:public", "base:public"]


def test_a_protected_branch_keeps_its_changesets(server, fork, work, told):
    Repository.objects.filter(pk=fork.pk).update(protected_branches="default")
    url = server.url(fork, fork.owner)
    before = listed(fork)
    amend(work, "amended", "other")
    with pytest.raises(Refused, match="branch default is protected: its changesets may not be replaced"):
        push("hg", work, url, *EVOLVE)
    prune(work, head("hg", work))
    with pytest.raises(Refused, match="branch default is protected: its changesets may not be replaced"):
        push("hg", work, url, *EVOLVE)
    assert listed(fork) == before
    assert told == []
    assert not fork.vcs.verify()


def test_a_fork_of_a_fork_follows(server, fork, work, tmp_path, told):
    second = forks.create(actor=actor(fork.owner), parent=fork, name="second")
    earlier = head("hg", work)
    assert listed(second) == listed(fork)
    assert seen(clone("hg", server.url(second), tmp_path / "new")) == ["draft:draft", "base:public"]
    later = amend(work, "amended", "other")
    push("hg", work, server.url(fork, fork.owner), *EVOLVE)
    told.clear()
    pull.pull(actor=actor(AdminFactory()), repository=second)
    assert second.vcs.refs().branches == {"default": later}
    assert [pushed.changesets for pushed in told] == [(later,)]
    prune(work, later)
    with pytest.raises(Refused):
        push("hg", work, server.url(fork, fork.owner), *EVOLVE)
    told.clear()
    pull.pull(actor=actor(AdminFactory()), repository=second)
    assert listed(second) == listed(fork)
    assert len(told) == 1
    third = forks.create(actor=actor(fork.owner), parent=second, name="third")
    assert listed(third) == listed(fork)
    assert earlier not in listed(third)
