"""Commits, merges and exchanges that only Mercurial has a say about; the rest is in the suite for both tools."""

import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from pathlib import Path

import pytest

from repos.vcs import remote
from repos.vcs.errors import MergeConflict, RefMoved, RemoteError, RevisionNotFound, VcsError
from repos.vcs.hg import HgRepository
from repos.vcs.types import FileWrite, LogQuery, Signature
from tests.repo_builder import ENVIRONMENT, File, RepoBuilder, hg

AUTHOR = Signature("Jürgen", "j@example.com", datetime(2020, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))))


def pair(tmp_path, base, ours, theirs, *, renamed=None):
    """A repository and a fork of it, each one changeset past "base": "ours" and "theirs"; the raw_ids by name."""
    ids = {}
    for folder, files, name in (("r", ours, "ours"), ("fork", theirs, "theirs")):
        builder = RepoBuilder("hg")
        builder.commit("base", base)
        builder.commit(name, files, rename=renamed if name == "theirs" else None)
        ids |= builder.build(tmp_path / folder)
    return HgRepository(tmp_path / "r"), HgRepository(tmp_path / "fork"), ids


def merge(repository, fork, ids, **options):
    return repository.merge(
        fork.path,
        ids["theirs"],
        target_branch=options.pop("target_branch", "default"),
        target_id=ids["ours"],
        message="merge it",
        author=AUTHOR,
        **options,
    )


TEXT = "".join(f"{number}\n" for number in range(30))


def test_merge_puts_both_sides_together(tmp_path):
    repository, fork, ids = pair(
        tmp_path,
        {"a.txt": TEXT, "gone.txt": "x\n", "run": "#!\n"},
        {"a.txt": TEXT.replace("3\n", "three\n", 1), "ours.txt": "o\n"},
        {"a.txt": TEXT.replace("29\n", "last\n"), "gone.txt": None, "run": File(b"#!\n", executable=True)},
    )
    assert repository.merge_preview(fork.path, ids["theirs"], ids["ours"]).conflicts == ()
    assert repository.revisions([ids["theirs"]]) == {}

    new = merge(repository, fork, ids)

    changeset = repository.changeset(new, with_files=True)
    assert changeset.parents == (ids["ours"], ids["theirs"])
    assert (changeset.author, changeset.message, changeset.branch) == ("Jürgen <j@example.com>", "merge it", "default")
    assert changeset.date == AUTHOR.date
    assert changeset.date.utcoffset() == timedelta(hours=2)
    assert changeset.files.changed == ("a.txt", "run")
    assert changeset.files.removed == ("gone.txt",)
    assert repository.read_file(new, "a.txt") == TEXT.replace("3\n", "three\n", 1).replace("29\n", "last\n").encode()
    assert repository.node(new, "run").mode == 0o100755
    assert repository.refs().branches == {"default": new}
    assert repository.verify() == []
    assert hg(repository.path, "log", "-r", "not public()", "-T", "{node}\n") == ""


def test_merge_follows_a_rename(tmp_path):
    repository, fork, ids = pair(
        tmp_path, {"old.txt": TEXT}, {"old.txt": TEXT.replace("3\n", "three\n", 1)}, {}, renamed={"old.txt": "new.txt"}
    )
    new = merge(repository, fork, ids)
    assert [node.path for node in repository.nodes(new)] == ["new.txt"]
    assert b"three\n" in repository.read_file(new, "new.txt")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "paths"),
    [
        ({"a": "1\n"}, {"a": "2\n"}, {"a": "3\n"}, ("a",)),
        ({"a": "1\n"}, {"a": "2\n"}, {"a": None}, ("a",)),
        ({"a": "1\n"}, {"a": None}, {"a": "2\n"}, ("a",)),
        ({"z": ""}, {"a": "2\n"}, {"a": "3\n"}, ("a",)),
        ({"a": "1\0\n"}, {"a": "2\0\n"}, {"a": "3\0\n"}, ("a",)),
        ({"a": File(b"x", link=True)}, {"a": File(b"y", link=True)}, {"a": File(b"z", link=True)}, ("a",)),
        (
            {"a": "1\n", "b": "1\n", "c": "1\n"},
            {"a": "2\n", "b": "2\n", "c": "2\n"},
            {"a": "3\n", "b": "2\n", "c": "3\n"},
            ("a", "c"),
        ),
    ],
)
def test_a_conflict_names_the_files_and_leaves_nothing(tmp_path, base, ours, theirs, paths):
    repository, fork, ids = pair(tmp_path, base, ours, theirs)
    before = repository.refs(), repository.positions()
    assert repository.merge_preview(fork.path, ids["theirs"], ids["ours"]).conflicts == paths
    with pytest.raises(MergeConflict) as caught:
        merge(repository, fork, ids)
    assert caught.value.paths == paths
    assert (repository.refs(), repository.positions()) == before
    assert repository.revisions([ids["theirs"]]) == {}
    assert repository.verify() == []


def test_a_file_where_the_other_side_has_a_folder_is_a_conflict(tmp_path):
    repository, fork, ids = pair(tmp_path, {"z": ""}, {"a": "file\n"}, {"a/b": "in a folder\n"})
    assert repository.merge_preview(fork.path, ids["theirs"], ids["ours"]).conflicts
    with pytest.raises(MergeConflict):
        merge(repository, fork, ids)
    assert repository.count() == 2


def test_hundreds_of_conflicts_are_all_named(tmp_path):
    names = [f"some/rather/long/folder/file{number:04}.txt" for number in range(500)]
    repository, fork, ids = pair(
        tmp_path, dict.fromkeys(names, "1\n"), dict.fromkeys(names, "2\n"), dict.fromkeys(names, "3\n")
    )
    with pytest.raises(MergeConflict) as caught:
        merge(repository, fork, ids)
    assert caught.value.paths == tuple(names)


def test_merge_wants_the_branch_where_it_was(tmp_path):
    repository, fork, ids = pair(tmp_path, {"a": ""}, {"b": ""}, {"c": ""})
    with pytest.raises(RefMoved):
        merge(repository, fork, ids | {"ours": ids["base"]})
    with pytest.raises(RefMoved):
        merge(repository, fork, ids, target_branch="nosuch")
    with pytest.raises(RevisionNotFound):
        merge(repository, fork, ids | {"theirs": "1" * 40})
    assert repository.count() == 2


def test_fast_forward_only_within_a_branch_and_only_when_allowed(tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("base", {"a": "1\n", "b": "1\n"})
    base = builder.build(tmp_path / "r")["base"]
    builder.commit("theirs", {"a": "2\n", "b": None, "c": File(b"", executable=True)})
    builder.commit("elsewhere", {"d": ""}, branch="feature")
    ids = builder.build(tmp_path / "fork")
    fork = HgRepository(tmp_path / "fork")

    repository = HgRepository(tmp_path / "r")
    assert repository.merge_preview(fork.path, ids["theirs"], base).fast_forward
    options = {"target_branch": "default", "message": "m", "author": AUTHOR}
    new = repository.merge(fork.path, ids["theirs"], target_id=base, allow_fast_forward=True, **options)
    assert new == ids["theirs"]
    assert repository.refs().branches == {"default": new}

    new = repository.merge(fork.path, ids["elsewhere"], target_id=new, allow_fast_forward=True, **options)
    changeset = repository.changeset(new, with_files=True)
    assert changeset.parents == (ids["theirs"], ids["elsewhere"])
    assert changeset.branch == "default"
    assert changeset.files.added == ("d",)
    assert repository.merge(fork.path, ids["theirs"], target_id=new, **options) == new  # it is in already
    assert repository.count() == 4

    other = HgRepository(tmp_path / "other")
    HgRepository.create(other.path)
    root = other.commit([FileWrite("a", b"1\n")], message="root", author=AUTHOR, branch="default", parent=None)
    assert other.merge_preview(fork.path, ids["theirs"], root).ancestor is None


def test_merge_without_fast_forward_makes_a_changeset(tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("base", {"a": "1\n", "b": "1\n"})
    base = builder.build(tmp_path / "r")["base"]
    builder.commit("theirs", {"a": "2\n", "b": None, "c": File(b"a", link=True)})
    theirs = builder.build(tmp_path / "fork")["theirs"]
    repository = HgRepository(tmp_path / "r")
    new = repository.merge(
        tmp_path / "fork", theirs, target_branch="default", target_id=base, message="m", author=AUTHOR
    )
    changeset = repository.changeset(new, with_files=True)
    assert changeset.parents == (base, theirs)
    assert (changeset.files.added, changeset.files.changed, changeset.files.removed) == (("c",), ("a",), ("b",))
    assert b"".join(repository.diff(theirs, new)) == b""
    assert repository.verify() == []


def test_fetched_changesets_can_be_read_and_are_in_no_listing(tmp_path):
    repository, fork, ids = pair(tmp_path, {"a": "1\n"}, {"b": "1\n"}, {"c": "1\n"})
    fork_tip = fork.commit([FileWrite("d", b"")], message="more", author=AUTHOR, branch="feature", parent=ids["theirs"])
    before = repository.refs(), repository.positions(), repository.count(), repository.tip()
    state = repository.state()
    repository.fetch_changesets(fork.path, [fork_tip], "pull/1/1")
    repository.fetch_changesets(fork.path, [fork_tip], "pull/1/2")

    assert (repository.refs(), repository.positions(), repository.count(), repository.tip()) == before
    assert repository.changeset(ids["theirs"]).message == "theirs"
    assert repository.changeset(fork_tip).branch == "feature"
    assert b"+++ b/c" in b"".join(repository.diff(ids["ours"], fork_tip))
    assert repository.resolve(fork_tip).raw_id == fork_tip
    assert repository.missing(repository.path, fork_tip, ids["ours"]) == [ids["theirs"], fork_tip]
    assert repository.merge_preview(repository.path, fork_tip, ids["ours"]).conflicts == ()
    for revision in (2, "3", "feature", fork_tip[:12]):
        with pytest.raises(RevisionNotFound):
            repository.resolve(revision)
    with pytest.raises(RevisionNotFound):
        repository.positions(LogQuery(branch="feature"))

    HgRepository.clone_local(repository.path, tmp_path / "copy")
    assert HgRepository(tmp_path / "copy").count() == 2
    assert HgRepository(tmp_path / "copy").revisions([fork_tip]) == {}

    new = repository.merge(
        repository.path, fork_tip, target_branch="default", target_id=ids["ours"], message="m", author=AUTHOR
    )
    assert repository.count() == 5
    assert repository.tip().raw_id == new
    assert repository.refs().branches["feature"] == fork_tip
    assert repository.state() != state


def test_commits_after_a_fetch_are_not_secret(tmp_path):
    repository, fork, ids = pair(tmp_path, {"a": "1\n"}, {"b": "1\n"}, {"c": "1\n"})
    repository.fetch_changesets(fork.path, [ids["theirs"]], "pull/1")
    new = repository.commit([FileWrite("a", b"2\n")], message="m", author=AUTHOR, branch="default", parent=ids["ours"])
    HgRepository.clone_local(repository.path, tmp_path / "copy")
    assert HgRepository(tmp_path / "copy").tip().raw_id == new


def test_what_a_dead_process_left_half_done_is_undone(tmp_path):
    repository, _, ids = pair(tmp_path, {"a": "1\n"}, {"b": "1\n"}, {})
    script = (
        "import os, sys; from mercurial import context, hg, ui\n"
        "repo = hg.repository(ui.ui.load(), sys.argv[1].encode())\n"
        "repo.lock().__enter__(); repo.transaction(b'x').__enter__()\n"
        "new = lambda r, c, p: context.memfilectx(r, c, p, b'x')\n"
        "repo.commitctx(context.memctx(repo, (repo[b'tip'].node(), None), b'half', [b'h'], new, b'x', (0, 0)))\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, repository.path], env=ENVIRONMENT, check=False)
    assert (repository.path / ".hg/store/journal").exists()
    new = repository.commit(
        [FileWrite("a", b"2\n")], message="whole", author=AUTHOR, branch="default", parent=ids["ours"]
    )
    assert [repository.changeset(found.raw_id).message for found in repository.positions()] == ["base", "ours", "whole"]
    assert repository.tip().raw_id == new
    assert repository.verify() == []


def test_commit_makes_branches_and_keeps_other_files(tmp_path):
    repository, _, ids = pair(tmp_path, {"a": "1\n", "d/b": "2\n"}, {"c": "3\n"}, {})
    new = repository.commit(
        [FileWrite("a", b"x\n", executable=True), FileWrite("c", None), FileWrite("d/e/f", b"\xff\0")],
        message="Ä\n\nlong",
        author=AUTHOR,
        branch="neü",
        parent=ids["ours"],
    )
    changeset = repository.changeset(new, with_files=True)
    assert (changeset.branch, changeset.message) == ("neü", "Ä\n\nlong")
    assert (changeset.files.added, changeset.files.changed, changeset.files.removed) == (("d/e/f",), ("a",), ("c",))
    assert repository.read_file(new, "d/e/f") == b"\xff\0"
    assert repository.refs().branches == {"default": ids["ours"], "neü": new}
    with pytest.raises(RefMoved):
        repository.commit([FileWrite("a", b"")], message="m", author=AUTHOR, branch="neü", parent=ids["ours"])
    with pytest.raises(RefMoved):
        repository.commit([FileWrite("a", b"")], message="m", author=AUTHOR, branch="neü", parent=None)


def test_pull_brings_changesets_and_moves_bookmarks(tmp_path):
    repository, fork, ids = pair(tmp_path, {"a": "1\n"}, {"b": "1\n"}, {"c": "1\n"})
    hg(fork.path, "bookmark", "-r", ids["base"], "theirs-mark", "both")
    hg(repository.path, "bookmark", "-r", ids["ours"], "ours-mark", "both")
    repository.pull_local(fork.path)
    assert repository.refs().bookmarks == {"theirs-mark": ids["base"], "both": ids["base"], "ours-mark": ids["ours"]}
    hg(fork.path, "bookmark", "-f", "-r", ids["theirs"], "theirs-mark")
    repository.pull_local(fork.path)
    assert repository.refs().bookmarks["theirs-mark"] == ids["theirs"]
    assert repository.count() == 3


def test_pull_of_something_unrelated_is_refused(tmp_path):
    repository, _, _ = pair(tmp_path, {"a": "1\n"}, {}, {})
    RepoBuilder("hg").build(tmp_path / "empty")
    builder = RepoBuilder("hg")
    builder.commit("other root", {"x": ""})
    builder.build(tmp_path / "unrelated")
    repository.pull_local(tmp_path / "empty")
    with pytest.raises(VcsError, match="unrelated"):
        repository.pull_local(tmp_path / "unrelated")
    assert repository.count() == 2


@pytest.fixture
def served(tmp_path):
    """A Mercurial web server on this machine; its URL and folder."""
    builder = RepoBuilder("hg")
    builder.commit("first", {"a.txt": "a\n"})
    builder.commit("second", {"b.txt": "b\n"}, branch="stable")
    builder.bookmark("mark")
    ids = builder.build(tmp_path / "served")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("hg")
    command = [program, "-R", tmp_path / "served", "serve", "-a", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/", tmp_path / "served", ids
        process.terminate()


def test_clone_and_pull_over_http(served, tmp_path):
    url, folder, ids = served
    remote.configure(allowed_networks=[ip_network("127.0.0.0/8")])
    try:
        heard = []
        HgRepository.clone_remote(url, tmp_path / "copy", heard.append)
        copy = HgRepository(tmp_path / "copy")
        assert copy.refs() == HgRepository(folder).refs()
        assert any("2 changesets" in line or "changesets" in line for line in heard)
        assert not (tmp_path / "copy/.hg/hgrc").exists()
        source = HgRepository(folder)
        new = source.commit([FileWrite("c", b"")], message="m", author=AUTHOR, branch="default", parent=ids["first"])
        hg(folder, "bookmark", "-f", "-r", new, "mark")
        copy.pull_remote(url)
        assert copy.refs() == source.refs()
        with pytest.raises(VcsError) as caught:
            HgRepository.clone_remote(url.replace("http://", "http://u:geheim@") + "nosuch", tmp_path / "bad")
        assert "geheim" not in str(caught.value)
        assert not (tmp_path / "bad").exists()
    finally:
        remote.configure()


def test_an_address_that_is_not_allowed_is_never_connected_to(served, tmp_path):
    with pytest.raises(RemoteError):
        HgRepository.clone_remote(served[0], tmp_path / "copy")
    for url in ("file:///etc", "/etc", "--config=x", "ssh://-oProxyCommand=x/y", "bundle:x"):
        with pytest.raises(RemoteError):
            HgRepository.clone_remote(url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_verify_finds_damage(tmp_path):
    repository, _, _ = pair(tmp_path, {"a": "1\n", "b": "2\n"}, {"a": "3\n"}, {})
    (file,) = (repository.path / ".hg/store/data").glob("a.i")
    content = bytearray(file.read_bytes())
    content[-1] ^= 0xFF
    file.write_bytes(content)
    assert repository.verify()


def test_dates_far_away_and_texts_that_are_not_utf8(tmp_path):
    HgRepository.create(tmp_path / "r")
    script = (
        "import sys; from mercurial import context, hg, ui\n"
        "repo = hg.repository(ui.ui.load(), sys.argv[1].encode())\n"
        "text = 'r\\xe9sum\\xe9'.encode('latin-1')\n"
        "new = lambda r, c, p: context.memfilectx(r, c, p, b'x')\n"
        "c = context.memctx(repo, (repo.nullid, None), b'x', [text], new, b'x', (-5000000000, 3600))\n"
        "c._text = text; c._user = text\n"
        "repo.commitctx(c)\n"
    )
    env = ENVIRONMENT | {"HGENCODING": "latin-1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", script, tmp_path / "r"], env=env, check=True)
    repository = HgRepository(tmp_path / "r")
    changeset = repository.changeset(repository.tip().raw_id, with_files=True)
    assert changeset.date.astimezone(UTC).year == 1811
    assert changeset.files.added == ("r\udce9sum\udce9",)
    assert repository.read_file(changeset.raw_id, "r\udce9sum\udce9") == b"x"
    assert repository.node(changeset.raw_id, "r\udce9sum\udce9").size == 1
    assert [node.path for node in repository.nodes(changeset.raw_id)] == ["r\udce9sum\udce9"]
    for kind in ("tar", "zip"):
        assert b"".join(repository.archive(changeset.raw_id, kind, "x"))


@pytest.mark.parametrize("how", ["pull", "push"])
def test_fetched_changesets_are_listed_once_they_arrive(tmp_path, how):
    repository, fork, ids = pair(tmp_path, {"a": "1\n"}, {"b": "1\n"}, {"c": "1\n"})
    repository.fetch_changesets(fork.path, [ids["theirs"]], "pull/1")
    assert repository.count() == 2
    if how == "pull":
        repository.pull_local(fork.path)
    else:
        hg(fork.path, "push", "-q", "-f", str(repository.path))
    assert repository.count() == 3
    assert repository.resolve(2).raw_id == ids["theirs"]
    assert repository.tip().raw_id == ids["theirs"]
