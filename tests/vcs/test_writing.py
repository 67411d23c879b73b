"""Commits and merges that the server makes, copies, pulls and care."""

from __future__ import annotations

import os
import shutil
import threading
import time

import pytest

from repos.vcs.backend import open_repository
from repos.vcs.errors import MergeConflict, RefMoved, RemoteError, RepositoryNotFound, RevisionNotFound, VcsError
from repos.vcs.types import FileChanges, FileWrite, LogQuery
from tests.repo_builder import File, RepoBuilder, git
from tests.vcs.conftest import AUTHOR, write


@pytest.fixture
def two_sides(make, kind):
    """A trunk and a branch "topic" that changed other files, and a branch "clash" that changed the same."""
    builder = RepoBuilder(kind)
    builder.commit("base", {"a": "1\n2\n3\n", "b": "b\n", "old": File(b"x\n", executable=True)})
    builder.commit("topic", {"b": "topic\n", "new/file": "n\n"}, branch="topic")
    builder.commit("clash", {"a": "1\nclash\n3\n"}, branch="clash", parents=["base"])
    builder.commit("trunk", {"a": "1\ntrunk\n3\n", "old": None}, parents=["base"])
    return make(builder)


def merge(made, source, source_id, target="trunk", **options):
    return made.repository.merge(
        source,
        source_id,
        target_branch=made.trunk,
        target_id=made.ids.get(target, target),
        message="Merge it",
        author=AUTHOR,
        **options,
    )


def test_first_commit_of_an_empty_repository(empty):
    branch = "default" if empty.kind == "hg" else "trunk"
    raw_id = write(empty, branch, None, {"a/ü.txt": b"1\n"}, message="Erste ☃\n\nmore")
    assert not empty.is_empty()
    assert empty.refs().branches == {branch: raw_id}
    assert empty.refs().head == branch
    changeset = empty.changeset(raw_id, with_files=True)
    assert changeset.author == "Carol Committer <carol@example.com>"
    assert changeset.date == AUTHOR.date
    assert changeset.message.rstrip("\n") == "Erste ☃\n\nmore"
    assert changeset.parents == ()
    assert changeset.files == FileChanges(added=("a/ü.txt",))
    assert empty.verify() == []


def test_commit_adds_changes_removes(two_sides):
    repository, head = two_sides.repository, two_sides["trunk"]
    raw_id = repository.commit(
        [FileWrite("a", b"new\n"), FileWrite("b", None), FileWrite("bin/x", b"#!\n", executable=True)],
        message="edit",
        author=AUTHOR,
        branch=two_sides.trunk,
        parent=head,
    )
    changeset = repository.changeset(raw_id, with_files=True)
    assert changeset.parents == (head,)
    assert changeset.files == FileChanges(added=("bin/x",), changed=("a",), removed=("b",))
    assert repository.node(raw_id, "bin/x").mode == 0o100755
    assert repository.read_file(raw_id, "a") == b"new\n"
    assert repository.refs().branches[two_sides.trunk] == raw_id
    assert repository.tip().raw_id == raw_id
    assert repository.verify() == []


def test_commit_to_a_branch_that_has_moved(two_sides):
    repository = two_sides.repository
    before = repository.refs()
    with pytest.raises(RefMoved):
        write(repository, two_sides.trunk, two_sides["base"], {"a": b"x"})
    assert repository.refs() == before
    with pytest.raises(RevisionNotFound):
        write(repository, two_sides.trunk, "f" * 40, {"a": b"x"})


def test_only_one_of_many_commits_at_once_wins(two_sides):
    results = []

    def attempt(number):
        own = open_repository(two_sides.repository.kind, two_sides.repository.path)
        try:
            results.append(write(own, two_sides.trunk, two_sides["trunk"], {"a": b"%d" % number}, f"try {number}"))
        except RefMoved:
            results.append(None)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [raw_id for raw_id in results if raw_id is not None]
    assert len(results) == 6
    assert len(winners) == 1
    assert two_sides.repository.refs().branches[two_sides.trunk] == winners[0]


@pytest.mark.parametrize(
    "path", ["", "/", "..", "../x", "a/../x", ".git/config", "x/.GIT/hooks/post-update", ".hg/hgrc", "a\0b", "a//b"]
)
def test_paths_that_must_not_be_written(two_sides, path):
    if path == ".git/config" or ".GIT" in path:
        if two_sides.repository.kind == "hg":
            pytest.skip("means nothing to Mercurial")
    elif path == ".hg/hgrc" and two_sides.repository.kind == "git":
        pytest.skip("means nothing to Git")
    before = two_sides.repository.refs()
    with pytest.raises(VcsError):
        write(two_sides.repository, two_sides.trunk, two_sides["trunk"], {path: b"x"})
    assert two_sides.repository.refs() == before


@pytest.mark.parametrize("branch", ["", "--upload-pack=x", "a..b", "a\nb", "a\0b", "x.lock", "/x"])
def test_git_branch_names_that_are_none(make, branch):
    builder = RepoBuilder("git")
    builder.commit("one", {"a": "1"})
    made = make(builder)
    with pytest.raises(VcsError):
        write(made.repository, branch, made["one"], {"a": b"2"})
    assert made.repository.refs().branches == {"main": made["one"]}


def test_names_cannot_forge_headers(two_sides):
    author = type(AUTHOR)("Eve\ncommitter X <x> 1 +0000", "e@x>\nauthor", AUTHOR.date)
    try:
        raw_id = two_sides.repository.commit(
            [FileWrite("a", b"x")], message="m", author=author, branch=two_sides.trunk, parent=two_sides["trunk"]
        )
    except VcsError:
        return  # refused is as good as cleaned
    changeset = two_sides.repository.changeset(raw_id)
    assert changeset.date == AUTHOR.date
    assert "\n" not in changeset.author
    assert two_sides.repository.verify() == []


def test_merge(two_sides):
    repository = two_sides.repository
    preview = repository.merge_preview(repository.path, two_sides["topic"], two_sides["trunk"])
    assert preview.ancestor == two_sides["base"]
    assert not preview.fast_forward
    assert preview.conflicts == ()
    raw_id = merge(two_sides, repository.path, two_sides["topic"])
    changeset = repository.changeset(raw_id)
    assert changeset.parents == (two_sides["trunk"], two_sides["topic"])
    assert changeset.author == "Carol Committer <carol@example.com>"
    assert repository.refs().branches[two_sides.trunk] == raw_id
    assert {node.path for node in repository.nodes(raw_id, recursive=True)} == {"a", "b", "new", "new/file"}
    assert repository.read_file(raw_id, "a") == b"1\ntrunk\n3\n"
    assert repository.read_file(raw_id, "b") == b"topic\n"
    assert repository.verify() == []


def test_conflict_leaves_nothing_behind(two_sides):
    repository = two_sides.repository
    before, state = repository.refs(), repository.count()
    preview = repository.merge_preview(repository.path, two_sides["clash"], two_sides["trunk"])
    assert preview.conflicts == ("a",)
    with pytest.raises(MergeConflict) as raised:
        merge(two_sides, repository.path, two_sides["clash"])
    assert raised.value.paths == ("a",)
    assert (repository.refs(), repository.count()) == (before, state)
    if repository.kind == "git":
        assert git(repository.path, "for-each-ref", "refs/merge") == ""
    assert repository.verify() == []


def test_merge_into_a_branch_that_has_moved(two_sides):
    with pytest.raises(RefMoved):
        merge(two_sides, two_sides.repository.path, two_sides["topic"], target="base")


def test_merge_from_a_fork(two_sides, tmp_path):
    repository = two_sides.repository
    type(repository).clone_local(repository.path, tmp_path / "fork")
    fork = open_repository(repository.kind, tmp_path / "fork")
    new = write(fork, "topic", two_sides["topic"], {"fork": b"f\n"})
    count = repository.count()
    assert repository.merge_preview(fork.path, new, two_sides["trunk"]).conflicts == ()
    assert repository.count() == count
    fork.close()
    raw_id = merge(two_sides, fork.path, new)
    assert repository.read_file(raw_id, "fork") == b"f\n"
    shutil.rmtree(fork.path)
    assert repository.verify() == []
    assert repository.count() == count + 2


def test_fast_forward(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("trunk", {"a": "1\n"})
    builder.commit("topic", {"a": "2\n"}, branch="topic" if kind == "git" else None)
    made = make(builder)
    repository = made.repository
    assert repository.merge_preview(repository.path, made["topic"], made["trunk"]).fast_forward
    if kind == "git":
        assert merge(made, repository.path, made["topic"], allow_fast_forward=True) == made["topic"]
        assert repository.refs().branches["main"] == made["topic"]
        assert merge(made, repository.path, made["trunk"], target="topic") == made["topic"]  # nothing to do


def test_merge_without_fast_forward_makes_a_changeset(make):
    builder = RepoBuilder("git")
    builder.commit("trunk", {"a": "1\n"})
    builder.commit("topic", {"a": "2\n"}, branch="topic")
    made = make(builder)
    raw_id = merge(made, made.repository.path, made["topic"])
    assert made.repository.changeset(raw_id).parents == (made["trunk"], made["topic"])


def test_clone_local_is_whole_and_independent(sampled, tmp_path):
    repository = sampled.repository
    lines: list[str] = []
    type(repository).clone_local(repository.path, tmp_path / "copy", lines.append)
    copy = open_repository(repository.kind, tmp_path / "copy")
    assert copy.refs() == repository.refs()
    assert list(copy.positions()) == list(repository.positions())
    repository.close()
    shutil.rmtree(repository.path)
    assert copy.verify() == []
    assert copy.read_file(sampled["Executable"], "logo.bin") == bytes(range(256))
    copy.close()


def test_clone_local_of_an_empty_one_and_of_none(empty, tmp_path):
    type(empty).clone_local(empty.path, tmp_path / "copy")
    assert open_repository(empty.kind, tmp_path / "copy").is_empty()
    with pytest.raises(VcsError):
        type(empty).clone_local(tmp_path / "nowhere", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(VcsError):
        type(empty).create(empty.path)


def test_git_clone_leaves_hidden_references_out(make, tmp_path):
    builder = RepoBuilder("git")
    builder.commit("one", {"a": "1"})
    builder.commit("two", {"a": "2"})
    made = make(builder)
    made.repository.fetch_changesets(made.repository.path, [made["two"]], "pull/7")
    git(made.repository.path, "update-ref", "refs/heads/main", made["one"])
    type(made.repository).clone_local(made.repository.path, tmp_path / "copy")
    assert git(tmp_path / "copy", "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_pull_local(sampled, empty):
    empty.pull_local(sampled.repository.path)
    assert empty.refs().tags == sampled.repository.refs().tags
    assert empty.refs().branches == sampled.repository.refs().branches
    assert empty.refs().head == sampled.trunk
    new = write(sampled.repository, sampled.trunk, sampled.repository.refs().branches[sampled.trunk], {"n": b"n"})
    empty.pull_local(sampled.repository.path)
    assert empty.resolve(sampled.trunk).raw_id == new
    with pytest.raises(RepositoryNotFound):
        empty.pull_local(sampled.repository.path / "nowhere")


def test_fetched_changesets_show_nowhere(sampled, make, kind):
    builder = RepoBuilder(kind)
    builder.commit("apart", {"x": "1\n"})
    made = make(builder, "apart")
    repository = made.repository
    before = (repository.refs(), repository.count(), repository.state())
    repository.fetch_changesets(sampled.repository.path, [sampled["Feature"], sampled["Stable edit"]], "pull/1")
    assert (repository.refs(), repository.count()) == before[:2]
    if kind == "git":
        assert repository.state() == before[2]
        git(repository.path, "gc", "-q", "--prune=now")
        assert repository.changeset(sampled["Feature"]).message == "Feature\n"
        for name in ("heads/x", "tags/x", "../x", "x y", "", "-x"):
            with pytest.raises(VcsError):
                repository.fetch_changesets(sampled.repository.path, [sampled["Feature"]], name)
    with pytest.raises(RevisionNotFound):
        repository.fetch_changesets(sampled.repository.path, ["f" * 40], "pull/2")


@pytest.mark.parametrize(
    "url", ["ext::sh -c touch% MARKER", "file:///etc", "/etc", "--upload-pack=touch MARKER", "http://127.0.0.1:9/x", ""]
)
def test_remote_urls_are_checked(empty, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RemoteError):
        empty.pull_remote(url)
    with pytest.raises(RemoteError):
        type(empty).clone_remote(url, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_optimise_keeps_everything(sampled):
    repository = sampled.repository
    before = (repository.refs(), list(repository.positions()), list(repository.positions(LogQuery(path="README"))))
    repository.optimise()
    assert (
        repository.refs(),
        list(repository.positions()),
        list(repository.positions(LogQuery(path="README"))),
    ) == before
    assert repository.verify() == []
    if repository.kind == "git":
        assert (repository.path / "objects/info/commit-graph").exists()


def test_git_head_follows_the_first_push(empty, tmp_path):
    if empty.kind != "git":
        pytest.skip("Mercurial has no HEAD")
    work = tmp_path / "work"
    git(tmp_path, "init", "-q", "-b", "trunk", str(work))
    git(work, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "first")
    git(work, "push", "-q", str(empty.path), "trunk")
    assert empty.refs().head == "trunk"
    assert empty.resolve("HEAD") == empty.tip()
    empty.follow_head()
    assert git(empty.path, "symbolic-ref", "HEAD") == "refs/heads/trunk"


def test_size_and_description(sampled):
    assert sampled.repository.size() > 1000
    sampled.repository.set_description("A tool — ☃\n")
    if sampled.repository.kind == "git":
        assert (sampled.repository.path / "description").read_text() == "A tool — ☃\n"


def test_verify_finds_damage(sampled):
    for file in sampled.repository.path.glob(
        "objects/??/*" if sampled.repository.kind == "git" else ".hg/store/data/**/*.i"
    ):
        file.chmod(0o644)
        data = bytearray(file.read_bytes())
        data[-8:] = b"\xff" * 8
        file.write_bytes(bytes(data))
    sampled.repository.close()
    assert sampled.repository.verify()


def test_optimise_while_another_does(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a": "1"})
    made = make(builder)
    (made.repository.path / "objects/info").mkdir(exist_ok=True)
    (made.repository.path / "objects/info/commit-graph.lock").touch()
    made.repository.optimise()
    (made.repository.path / "objects/info/commit-graph.lock").unlink()
    for number in range(40):  # enough loose objects for a pack
        head = made.repository.refs().branches["main"]
        made.repository.commit(
            [FileWrite(f"f{number}-{part}", b"%d %d" % (number, part)) for part in range(60)],
            message=f"{number}",
            author=AUTHOR,
            branch="main",
            parent=head,
        )
    made.repository.optimise()
    assert list((made.repository.path / "objects/pack").glob("*.pack"))
    assert made.repository.verify() == []
    assert made.repository.count() == 41


@pytest.fixture
def half_pushed(make):
    """A Git repository with what a push brings until it is accepted, and the folder that has it."""
    builder = RepoBuilder("git")
    builder.commit("one", {"a": "1"})
    repository = make(builder).repository
    quarantine = repository.path / "objects" / "tmp_objdir-incoming-x"
    (quarantine / "pack").mkdir(parents=True)
    (quarantine / "pack" / "pack-0.pack").write_text("half")
    return repository, quarantine


def test_a_fork_takes_nothing_of_a_push_under_way(half_pushed, tmp_path):
    repository, quarantine = half_pushed
    type(repository).clone_local(repository.path, tmp_path / "fork")
    assert not (tmp_path / "fork" / "objects" / quarantine.name).exists()
    assert open_repository(repository.kind, tmp_path / "fork").verify() == []


def test_what_a_killed_push_has_left_is_deleted_once_nobody_can_be_at_it(half_pushed):
    repository, quarantine = half_pushed
    repository.optimise()
    assert quarantine.exists()
    long_ago = time.time() - 2 * 86400
    os.utime(quarantine, (long_ago, long_ago))
    repository.optimise()
    assert not quarantine.exists()
    assert repository.verify() == []
