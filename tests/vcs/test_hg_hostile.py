"""What a hostile name or a hostile Mercurial repository cannot do."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from repos.vcs.errors import NodeNotFound, RepositoryNotFound, RevisionNotFound, TooLarge, VcsError
from repos.vcs.hg import HgRepository
from repos.vcs.hg_server import close_servers
from repos.vcs.types import LogQuery
from tests.repo_builder import File, RepoBuilder, hg


@pytest.fixture
def built(tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("first", {"a.txt": "one\n", "dir/b.txt": "b\n"})
    builder.commit("second", {"a.txt": "two\n"})
    builder.commit("third", {"c.txt": "c\n"}, branch="stable")
    ids = builder.build(tmp_path / "r")
    return HgRepository(tmp_path / "r"), ids


@pytest.mark.parametrize(
    "revision",
    [
        "",
        " ",
        "all()",
        "-1:0",
        "0:2",
        "0::",
        "tip^",
        "tip~1",
        "first(all())",
        "file('a.txt')",
        "branch(default)",
        "ancestor(0,1)",
        "p1(tip)",
        ".",
        "wdir()",
        "--config=alias.log=!touch x",
        "--debugger",
        "-r0",
        "-2",
        "+1",
        "01",
        "1_0",
        "\uff11",
        "2.0",
        "99999999999999999999",
        "0" * 40,
        "f" * 40,
        "0" * 12,
        "f" * 12,
        "x1",
        "\0",
        "a\0b",
        "tip\n",
        "\udcff",
        "a" * 10000,
        9999,
        -2,
        2**70,
    ],
)
def test_a_revision_is_a_name_and_nothing_else(built, revision):
    repository, _ = built
    with pytest.raises(RevisionNotFound):
        repository.resolve(revision)
    with pytest.raises(RevisionNotFound):
        repository.positions(LogQuery(start=revision))


_FAR = """
import sys
from mercurial import context, hg, ui

repository = hg.repository(ui.ui(), sys.argv[1].encode())
date = (int(sys.argv[2]), 0)
file = lambda repo, commit, path: context.memfilectx(repo, commit, path, b"far")
parents = [repository[b"tip"].node(), None]
repository.commitctx(context.memctx(repository, parents, b"far", [b"a.txt"], file, b"Far <far@example.com>", date))
"""


@pytest.mark.parametrize("seconds", [253402300799, 99999999999999, -62135596800])
def test_a_date_of_no_calendar_leaves_everything_readable(built, seconds):
    repository, ids = built
    subprocess.run([sys.executable, "-c", _FAR, str(repository.path), str(seconds)], check=True)
    far = repository.tip().raw_id
    assert far not in ids.values()
    assert repository.changeset(far).date == datetime(1970, 1, 1, tzinfo=UTC)
    assert [found.raw_id for found in repository.changesets([*ids.values(), far])] == [*ids.values(), far]
    assert b"# Date 1970-01-01 01:00:00\n" in b"".join(repository.patch(far, zone="Europe/Berlin"))
    assert b"".join(repository.archive(far, "zip", "far"))
    assert b"".join(repository.archive(far, "tar", "far"))


_NO_DATE = """
import sys
from mercurial import hg, ui

repository = hg.repository(ui.ui(), sys.argv[1].encode())
log, tip = repository.changelog, repository[b"tip"].node()
lines = log.revision(tip).split(b"\\n")
lines[2] = sys.argv[2].encode()
with repository.lock(), repository.transaction(b"test") as transaction:
    log.addrevision(b"\\n".join(lines), transaction, len(log), tip, repository.nullid)
"""


@pytest.mark.parametrize("written", ["x 0", "nan 0", "-inf 0", "0 x", "0", ""])
def test_a_date_that_is_no_number_leaves_everything_readable(built, written):
    repository, ids = built
    subprocess.run([sys.executable, "-c", _NO_DATE, str(repository.path), written], check=True)
    last = repository.tip().raw_id
    assert last not in ids.values()
    assert repository.changeset(last).date == datetime(1970, 1, 1, tzinfo=UTC)
    query = LogQuery(until=datetime(2000, 1, 1, tzinfo=UTC))
    assert [position.raw_id for position in repository.positions(query)] == [last]
    assert b"# Date 1970-01-01 00:00:00\n" in b"".join(repository.patch(last))
    assert b"".join(repository.archive(last, "zip", "last"))
    assert b"".join(repository.diff(ids["first"], last))
    assert repository.annotate(last, "a.txt", max_bytes=1000)


@pytest.mark.parametrize("raw_id", ["tip", "0", "all()", "", "0" * 40, "f" * 40, "A" * 40, "e" * 40, "--help"])
def test_a_raw_id_is_forty_digits_of_a_changeset(built, raw_id):
    repository, ids = built
    for ask in (
        lambda: repository.changeset(raw_id),
        lambda: repository.nodes(raw_id),
        lambda: repository.read_file(raw_id, "a.txt"),
        lambda: b"".join(repository.diff(ids["first"], raw_id)),
        lambda: b"".join(repository.diff(raw_id, ids["first"])),
        lambda: b"".join(repository.archive(raw_id, "tar", "x")),
    ):
        with pytest.raises(RevisionNotFound):
            ask()
    assert repository.revisions([raw_id]) == {}


@pytest.mark.parametrize("path", ["/etc/passwd", "../r/a.txt", "dir/../a.txt", "path:a.txt", "re:.*", "dir", "", "\0"])
def test_a_path_is_no_pattern_and_stays_inside(built, path):
    repository, ids = built
    with pytest.raises(NodeNotFound):
        repository.read_file(ids["third"], path)
    with pytest.raises(NodeNotFound):
        repository.stream_file(ids["third"], path)


def test_configuration_extensions_and_hooks_of_a_repository_never_run(built, tmp_path):
    repository, ids = built
    marker = tmp_path / "marker"
    extension = tmp_path / "evil.py"
    extension.write_text(f"open({str(marker)!r}, 'w').close()\n")
    hooks = "\n".join(
        f"{name} = touch {marker}"
        for name in ("pre-kallithea", "pretxncommit", "commit", "pretxnclose", "txnclose", "changegroup", "incoming")
    )
    hgrc = f"[extensions]\nevil = {extension}\n[hooks]\n{hooks}\n[alias]\nkallithea = !touch {marker}\n"
    (repository.path / ".hg/hgrc").write_text(hgrc)
    (repository.path / ".hg/hgrc-not-shared").write_text(hgrc)

    assert repository.resolve("tip").raw_id == ids["third"]
    assert repository.verify() == []
    HgRepository.clone_local(repository.path, tmp_path / "copy")
    HgRepository(tmp_path / "copy").pull_local(repository.path)
    repository.pull_local(tmp_path / "copy")
    assert b"".join(repository.archive(ids["first"], "tar", "x"))

    assert not marker.exists()
    assert not (tmp_path / "copy/.hg/hgrc").exists()


def test_the_environment_of_the_server_does_not_reach_mercurial(built, tmp_path, monkeypatch):
    marker = tmp_path / "marker"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    (tmp_path / "rc").write_text(f"[extensions]\nevil = {tmp_path}/evil.py\n")
    monkeypatch.setenv("HGRCPATH", str(tmp_path / "rc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".hgrc").write_text((tmp_path / "rc").read_text())
    assert built[0].verify() == []
    assert not marker.exists()


def test_a_share_of_another_repository_is_refused(built, tmp_path):
    share = tmp_path / "share"
    (share / ".hg").mkdir(parents=True)
    (share / ".hg/sharedpath").write_text(str(built[0].path / ".hg"))
    (share / ".hg/requires").write_text("shared\nshare-safe\n")
    with pytest.raises(RepositoryNotFound):
        HgRepository(share).tip()


@pytest.mark.parametrize("link", ["", ".hg", ".hg/store"])
def test_links_to_another_repository_are_refused(built, tmp_path, link):
    other = tmp_path / "other"
    target = built[0].path / link
    (other / link).parent.mkdir(parents=True, exist_ok=True)
    (other / link).symlink_to(target)
    with pytest.raises(RepositoryNotFound):
        HgRepository(other).tip()
    with pytest.raises(VcsError):
        HgRepository.clone_local(other, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_subrepositories_are_never_followed(tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("plain", {"a.txt": "a\n"})
    builder.commit(
        "with", {".hgsub": "sub = [git]ext::sh -c touch% /tmp/x\n", ".hgsubstate": f"{'1' * 40} sub\n", "a.txt": "b\n"}
    )
    ids = builder.build(tmp_path / "r")
    repository = HgRepository(tmp_path / "r")
    assert b"+b\n" in b"".join(repository.diff(ids["plain"], ids["with"]))
    assert b".hgsubstate" in b"".join(repository.archive(ids["with"], "tar", "x"))
    assert repository.verify() == []
    HgRepository.clone_local(tmp_path / "r", tmp_path / "copy")
    assert not (tmp_path / "copy/sub").exists()


def test_an_archive_holds_no_name_that_leaves_its_folder(tmp_path):
    """Mercurial itself refuses to write such a name into a working folder, but a changeset can hold it."""
    builder = RepoBuilder("hg")
    files = dict.fromkeys(("a/..b/c", "../x", "a/../../x", "/etc/x", "a//b", "./a", "link/x", "link/y/z"), "x\n")
    builder.commit("evil", {**files, "link": File(b"/etc", link=True)})
    ids = builder.build(tmp_path / "r")
    repository = HgRepository(tmp_path / "r")
    as_tar, as_zip = (BytesIO(b"".join(repository.archive(ids["evil"], kind, "p"))) for kind in ("tar", "zip"))
    with tarfile.open(fileobj=as_tar) as tar, zipfile.ZipFile(as_zip) as packed:
        assert tar.getnames() == packed.namelist() == ["p/.hg_archival.txt", "p/a/..b/c", "p/link"]


def test_a_file_that_is_too_large_is_not_read_to_find_out(tmp_path):
    """Zeros cost nothing in a push, and reading them takes several times their size of memory."""
    builder = RepoBuilder("hg")
    builder.commit("zeros", {"zeros": bytes(48 << 20)})
    raw_id = builder.build(tmp_path / "r")["zeros"]
    repository = HgRepository(tmp_path / "r")
    close_servers()  # those that begin now have read nothing
    assert repository.node(raw_id, "zeros").size == 48 << 20
    assert [node.size for node in repository.nodes(raw_id, with_size=True)] == [48 << 20]
    with pytest.raises(TooLarge):
        repository.read_file(raw_id, "zeros", max_bytes=1 << 20)
    with pytest.raises(TooLarge):
        repository.annotate(raw_id, "zeros", max_bytes=1 << 20)
    children = [int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    servers = [pid for pid in children if b"mercurial import dispatch" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    peaks = [re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text()) for pid in servers]
    assert 0 < max(int(peak) for found in peaks for peak in found) < 100_000


def test_a_missing_or_damaged_repository_is_an_error_of_ours(tmp_path):
    with pytest.raises(RepositoryNotFound):
        HgRepository(tmp_path / "nosuch").tip()
    (tmp_path / "odd/.hg/store").mkdir(parents=True)
    (tmp_path / "odd/.hg/requires").write_text("store\nsomething-unheard-of\n")
    with pytest.raises(VcsError, match="something-unheard-of"):
        HgRepository(tmp_path / "odd").tip()


def test_commit_refuses_names_that_do_harm(built):
    from datetime import UTC, datetime

    from repos.vcs.types import FileWrite, Signature

    repository, ids = built
    author = Signature("A", "a@example.com", datetime(2020, 1, 1, tzinfo=UTC))
    for path in ("../x", "/x", ".hg/hgrc", "a/.HG/hgrc", ".git/config", "a//b", "", "a\nb", "a.txt/b", "dir"):
        with pytest.raises(VcsError):
            repository.commit(
                [FileWrite(path, b"")], message="m", author=author, branch="default", parent=ids["second"]
            )
    assert repository.count() == 3


def test_hidden_changesets_are_found_by_their_id_only(built):
    repository, ids = built
    path = Path(repository.path)
    with (path / ".hg/hgrc").open("w") as file:
        file.write("[experimental]\nevolution = all\n")
    hg(path, "debugobsolete", ids["third"])
    assert repository.count() == 2
    assert repository.tip().raw_id == ids["second"]
    for revision in (ids["third"][:12], 2, "2", "stable"):
        with pytest.raises(RevisionNotFound):
            repository.resolve(revision)
    assert repository.changeset(ids["third"]).message == "third"
    assert (repository.successor(ids["second"]), repository.successor(ids["third"])) == (ids["second"], None)
    assert repository.verify() == []
    assert "stable" not in repository.refs().branches
    assert os.path.exists(path / ".hg/store/obsstore")
