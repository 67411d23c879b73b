"""Changesets, references, numbers and logs, the same questions to both tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from repos.vcs.backend import detect_kind, open_repository
from repos.vcs.errors import EmptyRepository, RepositoryNotFound, RevisionNotFound
from repos.vcs.types import FileChanges, Kind, LogQuery
from tests.repo_builder import BOB, START, RepoBuilder, git
from tests.vcs.conftest import write


def names(made, positions):
    back = {raw_id: name for name, raw_id in made.ids.items()}
    return [back[position.raw_id] for position in positions]


def select(made, **query):
    return names(made, made.repository.positions(LogQuery(**query)))


def test_numbers_follow_history(sampled):
    positions = sampled.repository.positions()
    assert [position.revision for position in positions] == list(range(len(sampled.ids)))
    assert sampled.repository.count() == len(sampled.ids)
    assert sampled.repository.tip() == positions[-1]
    order = {position.raw_id: position.revision for position in positions}
    for changeset in sampled.repository.changesets([position.raw_id for position in positions]):
        assert all(order[parent] < order[changeset.raw_id] for parent in changeset.parents)


def test_refs(sampled, kind):
    refs = sampled.repository.refs()
    assert refs.head == sampled.trunk
    assert refs.tags["v1.0"] == sampled["Stable edit"]
    assert refs.tags["v1.1"] == sampled["Remove"]
    assert refs.branches["feature/login"] == sampled["Feature"]
    if kind == "hg":
        assert refs.closed_branches == {"stable": sampled["Close stable"]}
        assert refs.bookmarks == {"marked": sampled["Add a symlink"]}
        assert refs.tags["tip"] == sampled.repository.tip().raw_id
    else:
        assert refs.branches["stable"] == sampled["Stable edit"]
        assert refs.branches["main"] == sampled["Remove"]


def test_resolve_every_spelling(sampled):
    repository = sampled.repository
    tip = repository.tip()
    spellings = ["tip", -1, "-1", tip.revision, str(tip.revision), tip.raw_id]
    # A part of a hash, or one in capitals, names a changeset in Mercurial only, and nothing names Git's newest one.
    parts = [tip.raw_id[:12], tip.raw_id.upper()]
    spellings += parts if repository.kind == "hg" else ["HEAD", ""]
    for spelling in spellings:
        assert repository.resolve(spelling) == tip, spelling
    for spelling in ["HEAD", ""] if repository.kind == "hg" else parts:
        with pytest.raises(RevisionNotFound):
            repository.resolve(spelling)
    assert repository.resolve("v1.0").raw_id == sampled["Stable edit"]
    assert repository.resolve("feature/login").raw_id == sampled["Feature"]
    assert repository.resolve(0).raw_id == sampled["Initial import"]


@pytest.mark.parametrize(
    "revision",
    [
        "nosuch", "f" * 40, "0" * 40, 9999, "9999", -2, "99999999999999999999999", "--output=MARKER", "-u", "--help",
        "ext::sh -c touch% MARKER", "..", "a..b", "tip~1", "HEAD^", "HEAD@{1}", ":/Initial", "all()", "tip:0", "\0",
        "a\nb", "HEAD\nHEAD", "refs/heads/../../x", "*", "\udcff", "☃",
    ],
)  # fmt: skip
def test_unknown_and_hostile_revisions(sampled, revision, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RevisionNotFound):
        sampled.repository.resolve(revision)
    with pytest.raises(RevisionNotFound):
        sampled.repository.positions(LogQuery(start=revision))
    if isinstance(revision, str):
        for ask in (
            lambda: sampled.repository.changeset(revision),
            lambda: sampled.repository.nodes(revision),
            lambda: list(sampled.repository.diff(None, revision)),
            lambda: list(sampled.repository.archive(revision, "tar", "x")),
            lambda: sampled.repository.common_ancestor(revision, sampled["Remove"]),
            lambda: sampled.repository.positions(LogQuery(branch=revision)),
        ):
            with pytest.raises(RevisionNotFound):
                ask()
    assert not list(tmp_path.glob("*MARKER*"))


def test_empty_repository(empty):
    assert empty.is_empty()
    assert empty.tip() is None
    assert empty.count() == 0
    assert list(empty.positions()) == []
    assert list(empty.page(LogQuery(), skip=0, count=10)) == []
    for revision in ("tip", -1, 0, "f" * 40, "nosuch"):
        with pytest.raises(EmptyRepository):
            empty.resolve(revision)
    assert {**empty.refs().branches, **empty.refs().tags} == {}
    assert empty.verify() == []


def test_missing_folder(tmp_path, kind):
    repository = open_repository(kind, tmp_path / "nowhere")
    for ask in (repository.refs, repository.tip, repository.positions, repository.state, repository.size):
        with pytest.raises(RepositoryNotFound):
            ask()
    assert detect_kind(tmp_path / "nowhere") is None


def test_detect_kind(sampled, kind):
    assert detect_kind(sampled.repository.path) is Kind(kind)


def test_changeset(sampled, kind):
    changeset = sampled.repository.changeset(sampled["Add runner and logo"], with_files=True)
    assert changeset.author == BOB
    assert changeset.message == "Add runner and logo\n\nThe runner is executable." + ("\n" if kind == "git" else "")
    assert changeset.date == datetime(2010, 1, 2, 14, 30, tzinfo=UTC)
    assert changeset.date.utcoffset() == timedelta(hours=2)
    assert changeset.parents == (sampled["Initial import"],)
    assert changeset.files == FileChanges(added=("bin/run.sh", "logo.bin"), changed=("README",))
    assert changeset.branch == ("default" if kind == "hg" else None)
    assert sampled.repository.changeset(sampled["Initial import"]).parents == ()
    assert sampled.repository.changeset(sampled["Initial import"]).files is None
    nameless = sampled.repository.changeset(sampled["Füge hinzu — ☃"])
    assert nameless.author == ("plain" if kind == "hg" else "plain <>")


def test_file_lists(sampled, kind):
    def files(name):
        return sampled.repository.changeset(sampled[name], with_files=True).files

    assert files("Initial import") == FileChanges(added=("README", "src/main.py"))
    assert files("Rename main") == FileChanges(added=("src/app.py",), removed=("src/main.py",))
    assert files("Executable") == FileChanges(changed=("src/util.py",))
    merged = ("src/feature.py", "src/util.py") if kind == "git" else ("src/feature.py",)
    assert files("Merge feature") == FileChanges(added=merged)
    assert files("Füge hinzu — ☃").added == ("docs/deep/er/est.txt", "docs/übersicht.txt")


@pytest.mark.parametrize("with_files", [False, True])
def test_many_changesets_equal_single_ones(make, kind, with_files):
    builder = RepoBuilder(kind)
    for number in range(300):
        files = {f"d{number % 7}/f": f"{number}\n"} if number % 3 else {}
        builder.commit(f"number {number}", files or {"always": f"{number}\n"})
        if number % 50 == 49:
            builder.commit(f"side {number}", {f"side{number}": "x"}, branch="side", parents=[f"number {number - 9}"])
            builder.merge("side", f"merge {number}")
    made = make(builder)
    ids = [position.raw_id for position in made.repository.positions()]
    many = list(made.repository.changesets(ids, with_files=with_files))
    assert [changeset.raw_id for changeset in many] == ids
    some = ids[::9]
    assert [many[ids.index(raw_id)] for raw_id in some] == [
        made.repository.changeset(raw_id, with_files=with_files) for raw_id in some
    ]
    twice = ids + ids[:3]
    assert [changeset.raw_id for changeset in made.repository.changesets(twice)] == twice
    with pytest.raises(RevisionNotFound):
        list(made.repository.changesets([*ids, "f" * 40]))


def test_start_and_end_are_inclusive_places(sampled):
    everything = select(sampled)
    assert select(sampled, start=2, end=5) == everything[2:6]
    assert select(sampled, start=sampled["Feature"]) == everything[everything.index("Feature") :]
    assert select(sampled, end="v1.0") == everything[: everything.index("Stable edit") + 1]
    assert select(sampled, start="3", end="3") == everything[3:4]


def test_branch(sampled, kind):
    if kind == "git":  # reachable from it
        assert select(sampled, branch="stable") == ["Initial import", "Stable edit"]
        assert "Feature" in select(sampled, branch="main")
    else:  # on that named branch, closed ones too
        assert select(sampled, branch="stable") == ["Stable edit", "Close stable"]
        assert select(sampled, branch="feature/login") == ["Feature"]
    for name in ("nosuch", "v1.0", sampled["Feature"], "*"):
        with pytest.raises(RevisionNotFound):
            select(sampled, branch=name)


def test_dates_are_inclusive_seconds(sampled):
    second = timedelta(seconds=1)
    assert select(sampled, until=START) == ["Initial import"]
    assert select(sampled, until=START - second) == []
    everything = select(sampled)
    assert select(sampled, since=START) == everything
    assert select(sampled, since=START + second) == everything[1:]
    assert select(sampled, since=START + second, until=START) == []


def test_limit_keeps_first_of_hg_and_last_of_git(sampled, kind):
    everything = select(sampled)
    assert select(sampled, limit=3) == (everything[:3] if kind == "hg" else everything[-3:])
    assert select(sampled, limit=1000) == everything


def test_path_author_text_ancestors(sampled):
    assert select(sampled, path="README") == ["Initial import", "Add runner and logo", "Stable edit"]
    assert select(sampled, path="docs") == ["Füge hinzu — ☃", "Add a symlink"]
    assert select(sampled, path="docs/über*") == []
    assert select(sampled, path="docs/übersicht.txt") == ["Füge hinzu — ☃"]
    for path in ("nosuch", "..", "-x", "a\nb", "a\0b", ":(glob)*", "set:all()", "re:.*"):
        assert select(sampled, path=path) == [], path
    mine = [name for name in select(sampled) if sampled.repository.changeset(sampled[name]).author == BOB]
    assert len(mine) >= 3
    assert select(sampled, author="bob builder") == mine
    assert select(sampled, author=".*") == []
    assert select(sampled, text="FÜGE") in (["Füge hinzu — ☃"], [])
    assert select(sampled, text="runner is") == ["Add runner and logo"]
    assert select(sampled, text="^Add") == []
    for text in ("--all", "-x", "a\nb", "a\0b", "'", '"', "\\"):
        assert select(sampled, text=text) == [], text
        assert select(sampled, author=text) == [], text
    assert select(sampled, ancestors_of="v1.0") == ["Initial import", "Stable edit"]
    assert select(sampled, ancestors_of="v1.0", author="Bob", path="README") == ["Stable edit"]


def test_pages_are_the_log_backwards(sampled):
    for query in (LogQuery(), LogQuery(branch=sampled.trunk), LogQuery(author="alice"), LogQuery(path="src")):
        backwards = list(sampled.repository.positions(query))[::-1]
        pages = [sampled.repository.page(query, skip=skip, count=4) for skip in range(0, len(backwards) + 4, 4)]
        assert [position for page in pages for position in page] == backwards
        assert list(sampled.repository.page(query, skip=1000, count=4)) == []


def test_revisions(sampled):
    numbers = sampled.repository.revisions([sampled["Initial import"], "f" * 40, sampled["Feature"]])
    assert numbers == {
        sampled["Initial import"]: 0,
        sampled["Feature"]: sampled.repository.resolve("feature/login").revision,
    }


def test_common_ancestor(sampled, make, kind):
    ask = sampled.repository.common_ancestor
    assert ask(sampled["Stable edit"], sampled["Remove"]) == sampled["Initial import"]
    assert ask(sampled["Feature"], sampled["Trunk again"]) == sampled["Rename main"]
    assert ask(sampled["Feature"], sampled["Feature"]) == sampled["Feature"]
    builder = RepoBuilder(kind)
    builder.commit("one", {"a": "1"})
    builder.commit("two", {"b": "2"}, branch="other", parents=[])
    apart = make(builder, "apart")
    assert apart.repository.common_ancestor(apart["one"], apart["two"]) is None


def test_common_ancestor_with_a_fork(sampled, tmp_path):
    repository = sampled.repository
    type(repository).clone_local(repository.path, tmp_path / "fork")
    fork = open_repository(repository.kind, tmp_path / "fork")
    new = write(fork, "feature/login", sampled["Feature"], {"fork.txt": b"fork\n"})
    assert repository.common_ancestor(sampled["Trunk again"], new, fork.path) == sampled["Rename main"]
    assert fork.common_ancestor(new, sampled["Stable edit"], repository.path) == sampled["Initial import"]
    with pytest.raises(RevisionNotFound):
        repository.common_ancestor(sampled["Feature"], new)
    fork.close()


def test_missing_within_and_across(sampled, tmp_path):
    repository = sampled.repository
    inside = repository.missing(repository.path, sampled["Merge feature"], sampled["Rename main"])
    assert set(inside) == {sampled["Feature"], sampled["Trunk again"], sampled["Merge feature"]}
    assert inside[-1] == sampled["Merge feature"]
    type(repository).clone_local(repository.path, tmp_path / "fork")
    fork = open_repository(repository.kind, tmp_path / "fork")
    new = write(fork, sampled.trunk, fork.refs().branches[sampled.trunk], {"fork.txt": b"fork\n"})
    assert repository.missing(fork.path, new, repository.refs().branches[sampled.trunk]) == [new]
    fork.close()


def test_another_process_commits(sampled, tmp_path):
    before = sampled.repository.state()
    assert sampled.repository.state() == before
    tip = sampled.repository.tip()
    other = open_repository(sampled.repository.kind, sampled.repository.path)
    head = other.refs().branches[sampled.trunk]
    new = write(other, sampled.trunk, head, {"late.txt": b"late\n"})
    assert sampled.repository.state() != before
    assert sampled.repository.tip() != tip
    assert sampled.repository.resolve(sampled.trunk).raw_id == new
    assert sampled.repository.changeset(new).message.strip() == "written"


def test_replaced_repository_is_never_stale(make, kind, tmp_path):
    previous = ""
    for number in range(4):
        builder = RepoBuilder(kind)
        builder.commit(f"only {number}", {"a.txt": f"{number}\n"})
        ids = builder.build(tmp_path / "same")
        repository = open_repository(kind, tmp_path / "same")
        (raw_id,) = ids.values()
        assert repository.resolve("tip").raw_id == raw_id
        assert repository.read_file(raw_id, "a.txt") == f"{number}\n".encode()
        if number:
            with pytest.raises(RevisionNotFound):
                repository.changeset(previous)
        previous = raw_id
        (tmp_path / "same").rename(tmp_path / f"gone{number}")  # by another process: nobody calls close()
        with pytest.raises(RepositoryNotFound):
            repository.tip()


def test_force_push_hides_the_old_changesets(make):
    builder = RepoBuilder("git")
    for name in ("one", "two", "three"):
        builder.commit(name, {"a.txt": name})
    made = make(builder)
    assert made.repository.resolve("main").raw_id == made["three"]
    git(made.repository.path, "update-ref", "refs/heads/main", made["one"])
    git(made.repository.path, "update-ref", "refs/pull/1/head", made["two"])
    assert made.repository.resolve("main").raw_id == made["one"]
    assert made.repository.count() == 1
    for name in ("two", "three"):
        with pytest.raises(RevisionNotFound):
            made.repository.resolve(made[name])
    assert made.repository.revisions([made["two"]]) == {}
    assert made.repository.changeset(made["two"]).message == "two\n"  # a pull request still has it


def test_git_tags_that_are_no_changesets_are_left_out(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a.txt": "1"})
    made = make(builder)
    path = made.repository.path
    git(path, "tag", "blob", git(path, "rev-parse", "main:a.txt"))
    git(path, "tag", "tree", git(path, "rev-parse", "main^{tree}"))
    git(path, "tag", "fine", "main")
    git(path, "symbolic-ref", "refs/heads/alias", "refs/heads/main")
    (path / "refs/heads/broken").write_text("nonsense\n")
    (path / "refs/heads/gone").write_text("f" * 40 + "\n")
    for _ in range(2):
        refs = made.repository.refs()
        assert refs.tags == {"fine": made["one"]}
        assert refs.branches == {"alias": made["one"], "main": made["one"]}
        assert made.repository.count() == 1
        git(path, "update-ref", "-d", "refs/heads/gone")
        git(path, "pack-refs", "--all")


def test_odd_commits_are_read(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a.txt": "1"})
    made = make(builder)
    path = made.repository.path
    tree = git(path, "rev-parse", "main^{tree}")

    def add(*lines: bytes, message: bytes = b"m\n"):
        data = f"tree {tree}\n".encode() + b"".join(line + b"\n" for line in lines) + b"\n" + message
        raw_id = git(path, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", input=data)
        return made.repository.changeset(raw_id)

    who = b"A <a@b> 1262349000 +0000"
    latin = add(b"author J\xfc <j@x> 1 +0000", b"committer " + who, b"encoding ISO-8859-1", message=b"\xe4\n")
    assert (latin.author, latin.message) == ("Jü <j@x>", "ä\n")
    wrong = add(b"author J\xfc <j@x> 1 +0000", b"committer " + who, b"encoding nonsense")
    assert wrong.author == "J\ufffd <j@x>"
    signed = add(b"author " + who, b"committer " + who, b"gpgsig -----BEGIN", b" encoding x", b" -----END", message=b"")
    assert signed.message == ""
    assert signed.date == START
    assert add(b"author " + who, b"committer A <a@b> 99999999999999999 +0000").date.year == 1970
    for seconds in (b"253402300799", b"-62135596800", b"-99999999999999999"):  # of no year in one time zone or another
        assert add(b"author " + who, b"committer A <a@b> " + seconds + b" +0000").date.year == 1970
    assert add(b"author " + who, b"committer A <a@b> 253402214399 +1400").date.year == 9999
    assert add(b"author " + who, b"committer A <a@b> 1262349000 +9999").date == START
    assert add(b"author nobody", b"committer nobody").author == "nobody <>"
    assert add(b"author A> <x> <y@z> 5 +0000", b"committer " + who).author == "A> <x>"
    assert add(b"nothing").author == " <>"


def test_a_time_that_is_none_leaves_the_history_readable(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a.txt": "1"})
    made = make(builder)
    path = made.repository.path
    data = git(path, "cat-file", "commit", "main").encode().replace(b"1262349000", b"18446744073709551615")
    assert data.count(b"18446744073709551615") == 2
    raw_id = git(path, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", input=data)
    git(path, "update-ref", "refs/heads/odd", raw_id)
    assert {position.raw_id for position in made.repository.positions(LogQuery())} == {made["one"], raw_id}
    assert made.repository.changeset(raw_id).date.year == 1970


def test_many_loose_references_are_packed(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a.txt": "1"})
    made = make(builder)
    path = made.repository.path
    commands = "".join(f"create refs/tags/t{number} {made['one']}\n" for number in range(300))
    git(path, "update-ref", "--stdin", input=commands.encode())
    before = made.repository.refs()
    made.repository.optimise()
    assert made.repository.refs() == before
    assert len(before.tags) == 300
    assert not list((path / "refs/tags").iterdir())
    assert not (path / "packed-refs").is_symlink()
    git(path, "tag", "another", "main")
    assert len(made.repository.refs().tags) == 301
