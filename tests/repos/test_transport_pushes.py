"""What a push changes besides the repository: the journal, the newest changeset, the store."""

import subprocess
import sys

import pytest

from accounts.models import JournalEntry
from repos.models import Repository, StoredChangeset
from repos.services import pushes
from tests.factories import UserFactory
from tests.repos.clients import Refused, call, clone, commit, head, push, repository, work_tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(kind, repositories_root):
    return repository(kind, repositories_root, name="project")


@pytest.fixture
def told(monkeypatch):
    """What a listener to pushes hears."""
    heard = []
    monkeypatch.setattr(pushes, "listeners", [lambda *args: heard.append(args)])
    return heard


def test_a_push_is_written_down_once(server, kind, project, work, told):
    first, second = head(kind, work), commit(kind, work, "two")
    push(kind, work, server.url(project, project.owner))
    entry = JournalEntry.objects.get(action="push")
    assert (entry.user, entry.subject_id, entry.address) == (project.owner, project.pk, "127.0.0.1")
    assert entry.api_key_id is not None
    assert (entry.data["changesets"], entry.data["count"]) == ([first, second], 2)
    if kind == "git":
        assert entry.data["refs"] == [{"type": "branch", "name": "main", "old": None, "new": second}]
    project.refresh_from_db()
    assert project.last_changeset["raw_id"] == second
    assert project.last_changeset["revision"] == 1
    assert set(StoredChangeset.objects.exclude(files="").values_list("raw_id", flat=True)) == {first, second}
    assert [(repository.pk, actor.user, pushed.changesets) for repository, actor, pushed in told] == [
        (project.pk, project.owner, (first, second))
    ]


def test_what_changes_nothing_sets_nothing_off(server, kind, project, work, told, tmp_path):
    push(kind, work, server.url(project, project.owner))
    if kind == "git":
        push(kind, work, server.url(project, project.owner))
    else:
        with pytest.raises(Refused):  # hg's status for "no changes found"
            push(kind, work, server.url(project, project.owner))
    clone(kind, server.url(project), tmp_path / "copy")
    assert JournalEntry.objects.filter(action="push").count() == len(told) == 1


def test_the_rules_of_the_repository_hold(server, kind, project, work, told):
    Repository.objects.update(protected_branches="main\ndefault\n", max_file_size=2000)
    url = server.url(project, project.owner)
    push(kind, work, url)
    commit(kind, work, "large", "large", "x" * 2001)
    with pytest.raises(Refused, match="large has 2001 bytes; files of more than 2000 bytes are not accepted"):
        push(kind, work, url)
    if kind == "git":
        call("git", "commit", "-q", "--amend", "-m", "other", cwd=work)
        call("git", "reset", "-q", "--hard", "HEAD~1", cwd=work)
        call("git", "commit", "-q", "--amend", "-m", "rewritten", cwd=work)
        with pytest.raises(Refused, match="branch main is protected"):
            push(kind, work, url, "-f", "HEAD:refs/heads/main")
        with pytest.raises(Refused, match="branch main is protected"):
            push(kind, work, url, ":refs/heads/main")
    project.refresh_from_db()
    assert project.vcs.count() == 1
    assert len(told) == 1


def test_a_failing_listener_stops_no_push_and_no_other(server, kind, project, work, monkeypatch, caplog):
    heard = []

    def fails(*args):
        raise RuntimeError("broken")

    monkeypatch.setattr(pushes, "listeners", [fails, lambda *args: heard.append(args)])
    push(kind, work, server.url(project, project.owner))
    assert heard
    assert "after a push to project" in caplog.text


def test_the_first_push_to_an_empty_git_repository_sets_its_head(server, repositories_root, tmp_path):
    made = repository("git", repositories_root, name="made")
    work = work_tree("git", tmp_path / "work")
    push("git", work, server.url(made, made.owner), "HEAD:refs/heads/trunk")
    assert made.vcs.refs().head == "trunk"
    copy = clone("git", server.url(made), tmp_path / "copy")
    assert call("git", "branch", "--show-current", cwd=copy) == "trunk\n"


def test_git_pushes_tags_force_and_deletions(server, repositories_root, tmp_path, told):
    made = repository("git", repositories_root, name="made")
    work = work_tree("git", tmp_path / "work")
    url = server.url(made, made.owner)
    push("git", work, url)
    push("git", work, url, "HEAD:refs/heads/topic")
    call("git", "tag", "-am", "first release", "v1", cwd=work)
    push("git", work, url, "v1")
    call("git", "commit", "-q", "--amend", "-m", "rewritten", cwd=work)
    with pytest.raises(Refused, match=r"non-fast-forward|fetch first|rejected"):
        push("git", work, url)
    push("git", work, url, "-f", "HEAD:refs/heads/main", ":refs/heads/topic")
    assert made.vcs.refs().branches == {"main": head("git", work)}
    assert set(made.vcs.refs().tags) == {"v1"}
    assert [[update.name for update in pushed.refs] for _, _, pushed in told] == [
        ["main"], ["topic"], ["v1"], ["main", "topic"],
    ]  # fmt: skip


def test_no_name_of_a_branch_hides_what_is_pushed(server, repositories_root, tmp_path, told):
    """Unicode has ends of lines that Git does not know, and what follows one could be the hash of a later push."""
    made = repository("git", repositories_root, name="made")
    work = work_tree("git", tmp_path / "work")
    url = server.url(made, made.owner)
    first, second = head("git", work), commit("git", work, "two")
    push("git", work, url, f"HEAD~1:refs/heads/a\u2028{second}", "HEAD~1:refs/heads/b\x85c")
    push("git", work, url)
    assert [pushed.changesets[-1] for _, _, pushed in told] == [first, second]
    assert {update.name for update in told[0][2].refs} == {f"a\u2028{second}", "b\x85c"}
    assert JournalEntry.objects.filter(action="push").count() == 2


def test_a_tag_of_a_file_is_no_way_past_the_largest_size(server, repositories_root, tmp_path):
    made = repository("git", repositories_root, name="made", max_file_size=2000)
    work = work_tree("git", tmp_path / "work")
    url = server.url(made, made.owner)
    (work / "large").write_text("x" * 2001)
    call("git", "tag", "v1", call("git", "hash-object", "-w", "large", cwd=work).strip(), cwd=work)
    call("git", "tag", "-am", "the same", "v2", "v1", cwd=work)
    for tag in ("v1", "v2"):
        with pytest.raises(Refused, match="has 2001 bytes; files of more than 2000 bytes are not accepted"):
            push("git", work, url, tag)
    (work / "large").write_text("x" * 2000)
    call("git", "tag", "v3", call("git", "hash-object", "-w", "large", cwd=work).strip(), cwd=work)
    push("git", work, url, "v3")


_LIARS = """
import sys
from mercurial import hg, ui
from mercurial.metadata import ChangingFiles

repo = hg.repository(ui.ui(), sys.argv[1].encode())
none, named = ChangingFiles(), ChangingFiles(touched=[b"large"])
with repo.lock(), repo.transaction(b"test") as transaction:
    log, head, tree = repo.changelog, repo[b"tip"].node(), repo[b"tip"].manifestnode()
    file = repo.file(b"large", writable=True)
    file_node = file.add(b"x" * 2001, {}, transaction, len(log), repo.nullid, repo.nullid)
    head = log.add(tree, named, b"brings what its tree has not", transaction, head, repo.nullid, b"Ann")
    copy = repo.manifestlog[tree].copy()
    copy.read()[b"large"] = file_node
    tree = copy.write(transaction, len(log), tree, repo.nullid, [b"large"], [])
    log.add(tree, none, b"has what it does not name", transaction, head, repo.nullid, b"Ann")
"""


def test_a_changeset_that_names_other_files_is_no_way_past_the_largest_size(server, repositories_root, tmp_path):
    made = repository("hg", repositories_root, name="made", max_file_size=2000)
    work = work_tree("hg", tmp_path / "work")
    push("hg", work, server.url(made, made.owner))
    subprocess.run([sys.executable, "-c", _LIARS, work], check=True)
    call("hg", "verify", "-q", cwd=work)
    with pytest.raises(Refused, match="large has 2001 bytes; files of more than 2000 bytes are not accepted"):
        push("hg", work, server.url(made, made.owner))
    assert made.vcs.count() == 1


def test_git_fetches_shallow_and_partial(server, repositories_root, tmp_path):
    made = repository("git", repositories_root, name="made")
    work = work_tree("git", tmp_path / "work")
    commit("git", work, "two")
    push("git", work, server.url(made, made.owner))
    call("git", "clone", "-q", "--depth=1", server.url(made), tmp_path / "shallow")
    assert call("git", "rev-list", "--count", "HEAD", cwd=tmp_path / "shallow") == "1\n"
    commit("git", tmp_path / "shallow", "three")
    push("git", tmp_path / "shallow", server.url(made, made.owner))
    assert made.vcs.count() == 3
    call("git", "clone", "-q", "--filter=blob:none", server.url(made), tmp_path / "partial")
    assert call("git", "show", "HEAD~2:file", cwd=tmp_path / "partial") == "one"


def test_hg_pushes_branches_bookmarks_and_phases(server, repositories_root, tmp_path, told):
    made = repository("hg", repositories_root, name="made")
    work = work_tree("hg", tmp_path / "work")
    url = server.url(made, made.owner)
    push("hg", work, url)
    call("hg", "branch", "-q", "stable", cwd=work)
    commit("hg", work, "two")
    call("hg", "bookmark", "mark", cwd=work)
    with pytest.raises(Refused, match="new remote branch"):
        push("hg", work, url)
    push("hg", work, url, "--new-branch", "-B", "mark")
    refs = made.vcs.refs()
    assert set(refs.branches) == {"default", "stable"}
    assert refs.bookmarks == {"mark": head("hg", work)}
    assert call("hg", "log", "-T", "{phase} ", cwd=work) == "public public "
    assert [update.name for _, _, pushed in told for update in pushed.refs] == ["mark"]


def test_what_a_writer_pushes_the_next_reader_pulls(server, kind, project, work, tmp_path):
    user = UserFactory()
    url = server.url(project, project.owner)
    push(kind, work, url)
    copy = clone(kind, server.url(project, user), tmp_path / "copy")
    commit(kind, work, "two")
    push(kind, work, url)
    call(kind, "pull", "-q", *(["-u"] if kind == "hg" else []), cwd=copy)
    assert head(kind, copy) == head(kind, work)


def test_what_is_pushed_to_a_fork_can_still_be_amended(server, repositories_root, tmp_path):
    made = repository("hg", repositories_root, name="made")
    fork = repository("hg", repositories_root, name="fork", owner=made.owner, fork_of=made)
    work = work_tree("hg", tmp_path / "work")
    for phase, into in (("draft", fork), ("public", made)):
        push("hg", work, server.url(into, made.owner))
        copy = clone("hg", server.url(into), tmp_path / into.name)
        for place in (work, copy):
            assert call("hg", "log", "-T", "{phase}", cwd=place) == phase
