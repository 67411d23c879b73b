"""Repositories that somebody else wrote: nothing in them runs, nothing in them hangs or floods the server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

import pytest

from repos.vcs import process
from repos.vcs.backend import open_repository
from repos.vcs.errors import TooLarge
from repos.vcs.git import commits, readers
from repos.vcs.types import DiffOptions, LogQuery
from tests.repo_builder import File, RepoBuilder, git, hg
from tests.vcs.conftest import AUTHOR, write

HOOKS = """
    pre-receive update post-update post-receive reference-transaction proc-receive post-commit pre-commit post-checkout
    post-merge post-rewrite pre-auto-gc fsmonitor-watchman push-to-checkout prepare-commit-msg commit-msg
""".split()  # noqa: SIM905


def poison(path, marker):
    """Put everything into a repository that could make its tool run ``marker``'s script."""
    script = marker.with_suffix(".sh")
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat 2>/dev/null\nexit 0\n")
    script.chmod(0o755)
    if (path / ".hg").is_dir():
        extension = marker.with_suffix(".py")
        extension.write_text(f"open({str(marker)!r}, 'w').close()\n")
        (path / ".hg/hgrc").write_text(
            f"[extensions]\nevil = {extension}\n[hooks]\n"
            + "".join(
                f"{name} = {script}\n"
                for name in ("pre-log", "pre-status", "pretxncommit", "commit", "changegroup", "incoming", "update",
                             "pretxnopen", "txnclose", "prechangegroup", "pre-commit", "precommit", "outgoing",
                             "preoutgoing", "pre-archive", "pre-diff", "pre-identify", "pre-serve", "pre-pull")
            )
            + f"[extdiff]\ncmd.diff = {script}\n[alias]\nlog = !{script}\nverify = !{script}\n"
            f"[merge-tools]\nevil.executable = {script}\nevil.priority = 1000\n[ui]\nmerge = evil\nssh = {script}\n"
            f"[encode]\n** = pipe: {script}\n[decode]\n** = pipe: {script}\n[diff]\nnodates = yes\n"
        )  # fmt: skip
        return
    (path / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        (path / "hooks" / hook).symlink_to(script)
    (path / "info").mkdir(exist_ok=True)
    (path / "info/attributes").write_text("* diff=evil filter=evil merge=evil\n")
    with (path / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {script}\n\thooksPath = {path}/hooks\n\tsshCommand = {script}\n"
            f"\tpager = {script}\n"
            f"\teditor = {script}\n\talternateRefsCommand = {script}\n\tgitProxy = {script}\n"
            f"\tattributesFile = {path}/info/attributes\n\tworktree = {path}\n"
            f'[diff]\n\texternal = {script}\n[diff "evil"]\n\tcommand = {script}\n\ttextconv = {script}\n'
            f'[filter "evil"]\n\tsmudge = {script}\n\tclean = {script}\n\tprocess = {script}\n\trequired = true\n'
            f'[merge "evil"]\n\tdriver = {script}\n[merge]\n\tdefault = evil\n[credential]\n\thelper = !{script}\n'
            f"[uploadpack]\n\tpackObjectsHook = {script}\n[tar]\n\tumask = 077\n"
            f'[tar "tar.gz"]\n\tcommand = {script}\n[gpg]\n\tprogram = {script}\n[log]\n\tshowSignature = true\n'
            f'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\turl = ext::{script}\n'
            f"\tuploadpack = {script}\n\tpromisor = true\n"
            f"[protocol]\n\tallow = always\n[commit]\n\tgpgSign = true\n[gc]\n\tauto = 1\n"
            f"[blame]\n\tignoreRevsFile = /etc/passwd\n[include]\n\tpath = {path}/more\n"
        )
    (path / "more").write_text(f"[core]\n\tfsmonitor = {script}\n")


def everything(repository, ids, trunk, tmp_path):
    """Ask every question and do every deed."""
    repository.tip(), repository.refs(), repository.count(), repository.verify(), repository.size()
    list(repository.positions(LogQuery(path="a.txt", author="alice")))
    many = list(ids.values())
    list(repository.changesets(many, with_files=True))
    list(commits.read_many(repository.path, many, with_files=True)) if repository.kind == "git" else None
    first, last = ids["one"], ids["two"]
    repository.nodes(last, recursive=True, with_size=True)
    assert repository.read_file(last, "a.txt") == b"two\n"
    b"".join(repository.stream_file(last, "a.txt"))
    assert b"+two" in b"".join(repository.diff(first, last, DiffOptions()))
    b"".join(repository.patch(last))
    repository.annotate(last, "a.txt", max_bytes=1000)
    for kind in ("zip", "tar", "tar.gz"):
        assert b"".join(repository.archive(last, kind, "x"))
    repository.common_ancestor(first, last)
    repository.missing(repository.path, last, first)
    side = write(repository, "side" if repository.kind == "git" else trunk, first if repository.kind == "git" else last,
                 {"b.txt": b"b\n"})  # fmt: skip
    type(repository).clone_local(repository.path, tmp_path / "copy")
    copy = open_repository(repository.kind, tmp_path / "copy")
    copy.pull_local(repository.path)
    new = write(copy, trunk, copy.refs().branches[trunk], {"c.txt": b"c\n"})
    repository.pull_local(copy.path)
    repository.fetch_changesets(copy.path, [new], "pull/1")
    list(repository.diff_between(copy.path, first, new))
    if repository.kind == "git":
        repository.merge(copy.path, side, target_branch=trunk, target_id=new, message="m", author=AUTHOR)
    repository.optimise()
    copy.close()


def test_nothing_in_a_repository_runs(make, kind, tmp_path):
    marker = tmp_path / "MARKER"
    builder = RepoBuilder(kind)
    attributes = "* diff=evil filter=evil merge=evil\n*.txt export-subst\n"
    builder.commit("one", {"a.txt": "one\n", ".gitattributes": attributes, ".gitmodules": '[submodule "x"]\n'})
    builder.commit("two", {"a.txt": "two\n", ".hgsub": "", "link": File(b"/etc/passwd", link=True)})
    made = make(builder)
    poison(made.repository.path, marker)
    everything(made.repository, made.ids, made.trunk, tmp_path)
    assert not marker.exists()
    with contextlib.suppress(RuntimeError):
        git(made.repository.path, "diff", made["one"], "main") if kind == "git" else hg(made.repository.path, "tip")
    assert marker.exists(), "the poison does not work, so the test shows nothing"
    assert made.repository.read_file(made["two"], "link") == b"/etc/passwd"


def test_the_servers_environment_stays_here(make, kind, tmp_path, monkeypatch):
    marker = tmp_path / "MARKER"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    script.chmod(0o755)
    (tmp_path / "gitconfig").write_text(f"[core]\n\tfsmonitor = {script}\n[diff]\n\texternal = {script}\n")
    (tmp_path / "hgrc").write_text(f"[hooks]\npretxncommit = {script}\npre-log = {script}\n")
    for name, value in {
        "GIT_DIR": "/nonexistent", "GIT_WORK_TREE": "/", "GIT_EXTERNAL_DIFF": str(script), "GIT_INDEX_FILE": "/x",
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "GIT_CONFIG_COUNT": "bad", "GIT_SSH_COMMAND": str(script),
        "HGRCPATH": str(tmp_path / "hgrc"), "HOME": str(tmp_path), "LC_ALL": "de_DE.ISO-8859-1", "TZ": "Asia/Tokyo",
        "GIT_OBJECT_DIRECTORY": "/nonexistent", "GIT_TRACE": str(marker), "HG": str(script), "PAGER": str(script),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    builder = RepoBuilder(kind)
    builder.commit("one", {"a.txt": "one\n"})
    builder.commit("two", {"a.txt": "two\n"})
    made = make(builder)
    everything(made.repository, made.ids, made.trunk, tmp_path)
    assert not marker.exists()


def test_eight_threads_get_the_right_answers(make, kind):
    builders = []
    for number in range(3):
        builder = RepoBuilder(kind)
        for step in range(12):
            builder.commit(f"{number}-{step}", {"a": f"{number}-{step}\n", f"f{step}": "x"})
        builders.append(make(builder, f"repository{number}"))
    wrong: list[str] = []

    def work(seed):
        for call in range(50):
            number, step = (seed + call) % 3, (seed * 7 + call) % 12
            made, name = builders[number], f"{(seed + call) % 3}-{(seed * 7 + call) % 12}"
            raw_id = made[name]
            try:
                changeset = made.repository.changeset(raw_id, with_files=bool(call % 2))
                assert changeset.message.strip() == name
                if call % 2:
                    assert f"f{step}" in changeset.files.added
                assert made.repository.read_file(raw_id, "a") == f"{name}\n".encode()
                assert made.repository.resolve(raw_id).revision == step
                if call % 10 == 0:
                    assert f"+{name}".encode() in b"".join(made.repository.diff(None, raw_id))
            except Exception as error:  # noqa: BLE001
                wrong.append(f"{number}-{step}: {error!r}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_readers_are_bounded_and_survive_death(make, monkeypatch):
    monkeypatch.setattr(readers, "MAX_READERS", 2)
    repositories = []
    for number in range(5):
        builder = RepoBuilder("git")
        builder.commit(f"c{number}", {"a": f"{number}"})
        repositories.append(make(builder, f"r{number}"))
    for _ in range(2):
        for number, made in enumerate(repositories):
            assert made.repository.read_file(made[f"c{number}"], "a") == f"{number}".encode()
    assert len(readers._readers) <= 2
    last = repositories[-1]
    helper = readers._readers[last.repository.path]._cat
    assert helper is not None
    assert helper._process is not None
    os.kill(helper._process.pid, 9)
    assert last.repository.read_file(last["c4"], "a") == b"4"


def test_no_line_of_a_file_ends_a_difference(make, kind):
    """Else the rest of it would be shown as the next difference, of another changeset."""
    builder = RepoBuilder(kind)
    builder.commit("one", {"a": "1\n"})
    builder.commit("two", {"a": "x@END@\n@END@\n@\n"})
    builder.commit("three", {"b": "harmless\n"})
    made = make(builder)
    for _ in range(2):
        odd = b"".join(made.repository.change(made["two"]))
        assert odd.endswith(b"+x@END@\n+@END@\n+@\n")
        assert b"".join(made.repository.change(made["three"])).endswith(b"+harmless\n")


def bomb(path, *, depth, width, files):
    """A commit whose tree has ``width ** depth`` folders of ``files`` files, all the same."""

    def write(kind, data):
        done = subprocess.run(
            ["git", "-C", path, "hash-object", "-w", "-t", kind, "--stdin"], input=data, capture_output=True, check=True
        )
        return bytes.fromhex(done.stdout.decode())

    blob = write("blob", b"x")
    tree = write("tree", b"".join(b"100644 f%06d\0%b" % (number, blob) for number in range(files)))
    for _ in range(depth):
        tree = write("tree", b"".join(b"40000 d%06d\0%b" % (number, tree) for number in range(width)))
    people = b"author A <a@b> 0 +0000\ncommitter A <a@b> 0 +0000\n"
    return write("commit", b"tree %b\n%b\nbomb\n" % (tree.hex().encode(), people)).hex()


def test_trees_inside_each_other_take_no_memory_without_end(tmp_path, monkeypatch):
    """Some kilobytes in a push can have more paths than there is memory."""
    monkeypatch.setattr(process, "MAX_MEMORY", 128 << 20)
    repository = open_repository("git", tmp_path / "deep")
    repository.create(repository.path)
    raw_id = bomb(repository.path, depth=6, width=20, files=20)
    for ask in (
        lambda: repository.change(raw_id),
        lambda: repository.change(raw_id, DiffOptions(context=4)),
        lambda: repository.archive(raw_id, "tar", "x"),
        lambda: iter(repository.nodes(raw_id, recursive=True)),
        lambda: iter([repository.changeset(raw_id, with_files=True)]),
    ):
        with pytest.raises(TooLarge):
            sum(1 for _ in ask())
    repository.close()


@pytest.mark.parametrize(("width", "files"), [(1500, 1000), (1, 1_200_000)])
def test_the_same_folder_again_and_again_is_not_listed(tmp_path, width, files):
    repository = open_repository("git", tmp_path / "wide")
    repository.create(repository.path)
    raw_id = bomb(repository.path, depth=1, width=width, files=files)
    with pytest.raises(TooLarge):
        repository.nodes(raw_id, recursive=True)
    repository.close()


def test_a_fork_leaves_the_parents_readers_alone(make):
    builder = RepoBuilder("git")
    builder.commit("one", {"a": "1"})
    made = make(builder)
    assert made.repository.read_file(made["one"], "a") == b"1"
    read, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write_end, made.repository.read_file(made["one"], "a") + b"%d" % len(readers._readers))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"11"
    assert made.repository.read_file(made["one"], "a") == b"1"
    os.close(read)
    os.close(write_end)
