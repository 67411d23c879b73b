"""Trees, contents, differences, archives and annotations, the same questions to both tools."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import subprocess
import tarfile
import zipfile

import pytest
import zstandard

from repos.vcs.backend import open_repository
from repos.vcs.errors import NodeNotFound, RevisionNotFound, TooLarge
from repos.vcs.types import DiffOptions, NodeType
from repos.vcs.unified import parse
from tests.repo_builder import File, RepoBuilder
from tests.vcs.conftest import write

HOSTILE_PATHS = [
    "..", "../x", ".", "a/../README",
    "--output=MARKER", "-u", "README\0", "README\n", "re:READ", "set:all()", ":README",
    ":(glob)**", "docs//deep", "nosuch", "README/x", "\udcff", "*",
]  # fmt: skip


def test_nodes(sampled):
    nodes = sampled.repository.nodes(sampled["Executable"])
    listed = [(node.path, node.type) for node in nodes if node.path != ".hgtags"]
    assert listed == [
        ("bin", NodeType.DIR),
        ("docs", NodeType.DIR),
        ("src", NodeType.DIR),
        ("README", NodeType.FILE),
        ("link", NodeType.FILE),
        ("logo.bin", NodeType.FILE),
    ]
    below = sampled.repository.nodes(sampled["Executable"], "docs", recursive=True, with_size=True)
    assert [(node.path, node.size) for node in below] == [
        ("docs/deep", None),
        ("docs/deep/er", None),
        ("docs/deep/er/est.txt", 4),
        ("docs/with space.txt", 2),
        ("docs/übersicht.txt", 11),
    ]
    assert sampled.repository.nodes(sampled["Executable"], "/docs/") == sampled.repository.nodes(
        sampled["Executable"], "docs"
    )


def test_node_modes_and_sizes(sampled):
    def node(path):
        return sampled.repository.node(sampled["Executable"], path)

    assert (node("README").mode, node("README").size) == (0o100644, 8)
    assert (node("bin/run.sh").mode, node("bin/run.sh").size) == (0o100755, 10)
    assert (node("link").mode, node("link").type, node("link").size) == (0o120000, NodeType.FILE, 6)
    assert (node("docs").type, node("docs").mode, node("docs").size) == (NodeType.DIR, 0o040000, None)
    assert node("").type is NodeType.DIR


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_hostile_paths_are_not_found(sampled, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    repository, raw_id = sampled.repository, sampled["Remove"]
    for ask in (
        lambda: repository.node(raw_id, path),
        lambda: repository.nodes(raw_id, path),
        lambda: repository.read_file(raw_id, path),
        lambda: list(repository.stream_file(raw_id, path)),
        lambda: repository.annotate(raw_id, path, max_bytes=1000),
    ):
        with pytest.raises(NodeNotFound):
            ask()
    assert not list(tmp_path.glob("*MARKER*"))


def test_files_and_folders_are_told_apart(sampled):
    for path in ("", "docs"):
        with pytest.raises(NodeNotFound):
            sampled.repository.read_file(sampled["Remove"], path)
    for path in ("README", "link"):
        with pytest.raises(NodeNotFound):
            sampled.repository.nodes(sampled["Remove"], path)


def test_read_and_stream(sampled, make, kind):
    assert sampled.repository.read_file(sampled["Executable"], "logo.bin") == bytes(range(256))
    assert sampled.repository.read_file(sampled["Executable"], "link") == b"README"
    assert sampled.repository.read_file(sampled["Stable edit"], "README") == b"Stable\n"
    with pytest.raises(TooLarge):
        sampled.repository.read_file(sampled["Executable"], "logo.bin", max_bytes=255)
    assert len(sampled.repository.read_file(sampled["Executable"], "logo.bin", max_bytes=256)) == 256
    big = b"0123456789abcdef" * 200_000
    builder = RepoBuilder(kind)
    raw_id = builder.commit("big", {"big": big, "none": b""})
    made = make(builder, "big")
    pieces = list(made.repository.stream_file(made[raw_id], "big"))
    assert b"".join(pieces) == big
    assert max(map(len, pieces)) < len(big)
    assert b"".join(made.repository.stream_file(made[raw_id], "none")) == b""
    assert made.repository.read_file(made[raw_id], "big") == big
    half_read = made.repository.stream_file(made[raw_id], "big")
    next(iter(half_read))
    if hasattr(half_read, "close"):
        half_read.close()
    assert made.repository.read_file(made[raw_id], "none") == b""


def test_names_that_are_not_utf8(make, kind):
    name = b"caf\xe9/\xff.txt".decode("utf-8", "surrogateescape")
    builder = RepoBuilder(kind)
    builder.commit("odd", {name: "odd\n", "plain": "x\n"})
    builder.commit("change", {name: "odder\n"})
    made = make(builder)
    repository = made.repository
    assert [node.path for node in repository.nodes(made["odd"], recursive=True)][1:] == sorted([name, "plain"])
    assert repository.read_file(made["change"], name) == b"odder\n"
    assert repository.changeset(made["change"], with_files=True).files.changed == (name,)
    assert [line.content for line in repository.annotate(made["change"], name, max_bytes=100)] == [b"odder\n"]
    assert b"+odder" in b"".join(repository.diff(made["odd"], made["change"], DiffOptions(paths=(name,))))


def diff(repository, old, new, **options):
    return b"".join(repository.diff(old, new, DiffOptions(**options))).decode()


def test_diff_is_in_git_format(sampled, kind):
    text = diff(sampled.repository, sampled["Initial import"], sampled["Stable edit"])
    lines = text.splitlines()
    assert lines[0] == "diff --git a/README b/README"
    if kind == "git":
        assert lines[1].startswith("index ")
        assert len(lines[1]) == len("index ") + 82 + len(" 100644")
    assert "--- a/README" in lines
    assert "+Stable" in lines
    assert "-Example" in lines


def test_diff_of_a_root_binary_rename_and_mode(sampled, kind):
    repository = sampled.repository
    root = diff(repository, None, sampled["Initial import"])
    assert root.count("new file mode 100644") == 2
    assert "+A project." in root
    binary = diff(repository, sampled["Initial import"], sampled["Add runner and logo"])
    assert "GIT binary patch\nliteral 256\n" in binary
    assert "new file mode 100755" in binary
    rename = diff(repository, sampled["tag v1.0" if kind == "hg" else "Add a symlink"], sampled["Rename main"])
    assert "rename from src/main.py\nrename to src/app.py\n" in rename
    plain = diff(repository, sampled["Add a symlink"], sampled["Rename main"], detect_renames=False)
    assert "rename from" not in plain
    assert "deleted file mode 100644" in plain
    mode = diff(repository, sampled["Merge feature"], sampled["Executable"])
    assert mode == "diff --git a/src/util.py b/src/util.py\nold mode 100644\nnew mode 100755\n"


def test_what_a_changeset_changes_is_its_diff_against_the_first_parent(sampled):
    repository, parents = sampled.repository, []
    for raw_id in (position.raw_id for position in repository.positions()):
        before = repository.changeset(raw_id).parents
        parents.append(len(before))
        for options in (DiffOptions(), DiffOptions(context=1)):
            against = repository.diff(before[0] if before else None, raw_id, options)
            assert b"".join(repository.change(raw_id, options)) == b"".join(against)
    assert set(parents) == {0, 1, 2}


def test_only_changesets_are_compared(sampled, kind):
    repository, known = sampled.repository, sampled["Stable edit"]
    strange = ["d" * 40, "", "tip", f"{known}\n{known}", known[:12], repository_tree(repository.path, known, kind)]
    for other in strange:
        for compare in (
            lambda other=other: repository.diff(other, known),
            lambda other=other: repository.diff(known, other),
            lambda other=other: repository.diff(known, other, DiffOptions(context=1)),
            lambda other=other: repository.change(other),
        ):
            with pytest.raises(RevisionNotFound):
                b"".join(compare())
    assert b"".join(repository.change(known))


def repository_tree(path, raw_id, kind):
    """An object that is no changeset."""
    if kind == "hg":
        return "0" * 39 + "1"
    asked = ["git", "-c", "safe.directory=*", "-C", path, "rev-parse", f"{raw_id}^{{tree}}"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def test_diff_options(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("one", {"a": "".join(f"{n}\n" for n in range(30)), "b": "x y\n", "c": "1\n"})
    builder.commit("two", {"a": "".join(f"{n if n != 15 else 'x'}\n" for n in range(30)), "b": "x  y\n", "c": "2\n"})
    made = make(builder)
    old, new = made["one"], made["two"]
    none = diff(made.repository, old, new, context=0, paths=("a",))
    assert [line for line in none.splitlines() if line[:1] == " "] == []
    assert len(diff(made.repository, old, new, context=10, paths=("a",)).splitlines()) > len(none.splitlines()) + 15
    assert "b/b" not in diff(made.repository, old, new, paths=("a", "c"))
    assert "x  y" in diff(made.repository, old, new)
    assert "x  y" not in diff(made.repository, old, new, ignore_whitespace=True)
    assert diff(made.repository, old, new, paths=("*",)) == ""
    assert diff(made.repository, old, old) == ""


def test_a_diff_for_a_page_names_what_is_large_or_binary(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("before", {"grows": "a\n", "shrinks": "b\n" * 600, "moved": "d\ne\nf\n"})
    after = {
        "grows": "a\n" * 600,
        "shrinks": "b\n",
        "new": "e\n" * 600,
        "x.bin": b"\0" * 9,
        "same": "f\n",
    }
    builder.commit("after", after, rename={"moved": "went"})
    made = make(builder)
    options = DiffOptions(most_files=100, largest_file=1000)
    diff = parse(made.repository.diff(made["before"], made["after"], options))
    shown = {file.path: (file.status, file.is_binary, file.added) for file in diff.files}
    assert shown == {
        "grows": ("changed", True, 0),
        "shrinks": ("changed", True, 0),
        "new": ("added", True, 0),
        "x.bin": ("added", True, 0),
        "same": ("added", False, 1),
        "went": ("renamed", False, 0),
    }
    back = parse(made.repository.diff(made["after"], made["before"], options))
    assert ("new", "removed", True) in [(file.path, file.status, file.is_binary) for file in back.files]


def test_a_diff_for_a_page_ends_after_its_last_file(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("many", {f"{number:03}": f"{number}\n" for number in range(200)})
    made = make(builder)
    options = DiffOptions(most_files=6, largest_file=1000)
    diff = parse(made.repository.diff(None, made["many"], options), max_files=5)
    assert [file.path for file in diff.files] == ["000", "001", "002", "003", "004"]
    assert diff.is_cut
    if kind == "hg":  # which writes all of an answer before the first piece is read
        assert b"".join(made.repository.diff(None, made["many"], options)).count(b"diff --git") == 6


def test_sizes_are_left_out_of_a_folder_with_many_files(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("files", {"d/a": "1", "d/b": "22", "c": "333"})
    made = make(builder)

    def sizes(path: str, most: int | None) -> list[int | None]:
        return [node.size for node in made.repository.nodes(made["files"], path, with_size=True, most_sizes=most)]

    assert sizes("d", 1) == [None, None]
    assert sizes("d", 2) == sizes("d", None) == [1, 2]
    assert sizes("", 1) == [None, 3]


def test_mercurial_writes_the_lines_of_no_huge_file(make):
    """It would take ten times the file's size of memory; the binary patch says the same."""
    builder = RepoBuilder("hg")
    builder.commit("huge", {"huge": "x" * (33 << 20), "small": "x\n"})
    made = make(builder)
    text = diff(made.repository, None, made["huge"])
    assert len(text) < 1 << 20
    assert text.count("\nGIT binary patch\n") == 1
    assert "\n+x\n" in text


def test_closing_a_diff_ends_it(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("big", {f"f{n}": "line\n" * 2000 for n in range(200)})
    made = make(builder)
    pieces = made.repository.diff(None, made["big"])
    assert next(iter(pieces))
    pieces.close()
    assert made.repository.tip().raw_id == made["big"]


def test_patch_headers(sampled, kind):
    text = b"".join(sampled.repository.patch(sampled["Stable edit"])).decode()
    if kind == "git":
        raw_id = sampled["Stable edit"]
        assert text.startswith(
            f"From {raw_id} 2010-01-05 12:30:00\nFrom: Bob Builder <bob@example.com>\nDate: 2010-01-05 12:30:00\n"
            "Subject: [PATCH] Stable edit\n\n---\n\ndiff --git a/README b/README\n"
        )
        assert text.endswith("+Stable\n\n")
    else:
        assert text.startswith("# HG changeset patch\n# User Bob Builder <bob@example.com>\n")
        assert f"# Node ID {sampled['Stable edit']}\n# Parent  {sampled['Initial import']}\n" in text
        assert "\nStable edit\n\ndiff --git a/README b/README\n" in text


def test_the_date_of_a_patch_is_in_the_given_zone(sampled):
    patch = b"".join(sampled.repository.patch(sampled["Stable edit"], zone="America/New_York"))
    assert b" 2010-01-05 07:30:00\n" in patch.partition(b"diff --git")[0]


def test_merge_patch_is_against_the_first_parent(sampled):
    text = b"".join(sampled.repository.patch(sampled["Merge feature"])).decode()
    assert "b/src/feature.py" in text
    assert "b/src/util.py" not in text


def test_diff_between_forks(sampled, tmp_path):
    repository = sampled.repository
    type(repository).clone_local(repository.path, tmp_path / "fork")
    fork = open_repository(repository.kind, tmp_path / "fork")
    head = fork.refs().branches[sampled.trunk]
    new = write(fork, sampled.trunk, head, {"fork.txt": b"fork\n"})
    text = b"".join(repository.diff_between(fork.path, head, new)).decode()
    assert "+fork" in text
    assert text.count("diff --git") == 1
    back = b"".join(fork.diff_between(repository.path, new, sampled["Initial import"])).decode()
    assert "-fork" in back
    assert new not in repository.revisions([new])
    fork.close()


def members(data: bytes, format: str) -> dict[str, bytes]:
    if format == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    plain = {
        "tar": lambda: data,
        "tar.gz": lambda: gzip.decompress(data),
        "tar.bz2": lambda: bz2.decompress(data),
        "tar.zst": lambda: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }[format]()
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}


@pytest.mark.parametrize("format", ["zip", "tar", "tar.gz", "tar.bz2", "tar.zst"])
def test_archives(sampled, format):
    def digest():
        return hashlib.sha256(b"".join(sampled.repository.archive(sampled["Executable"], format, "x-1"))).digest()

    data = b"".join(sampled.repository.archive(sampled["Executable"], format, "x-1"))
    found = members(data, format)
    assert found["x-1/README"] == b"Changed\n"
    assert found["x-1/logo.bin"] == bytes(range(256))
    assert found["x-1/docs/übersicht.txt"] == "äöü €\n".encode()
    assert all(name.startswith("x-1/") for name in found)
    assert ("x-1/.hg_archival.txt" in found) == (sampled.repository.kind == "hg")
    assert digest() == digest()


def test_annotate(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("one", {"a": "1\n2\n3\n", "none": ""})
    builder.commit("two", {"a": "1\nzwei\n3\n4"})
    builder.commit("three", {"a": "0\n1\nzwei\n3\n4"})
    made = make(builder)
    lines = made.repository.annotate(made["three"], "a", max_bytes=100)
    back = {raw_id: name for name, raw_id in made.ids.items()}
    assert [(back[line.raw_id], line.line, line.content) for line in lines] == [
        ("three", 1, b"0\n"),
        ("one", 1, b"1\n"),
        ("two", 2, b"zwei\n"),
        ("one", 3, b"3\n"),
        ("two", 4, b"4"),
    ]
    assert made.repository.annotate(made["one"], "none", max_bytes=100) == []
    with pytest.raises(TooLarge):
        made.repository.annotate(made["three"], "a", max_bytes=5)


def test_a_name_is_taken_literally(make, kind):
    builder = RepoBuilder(kind)
    builder.commit("one", {"--output=x": "1\n", "[a]": "2\n", "a": "3\n", ":(top)a": "4\n", 'q"uo\\te': File(b"5\n")})
    builder.commit("two", {"[a]": "22\n", "a": "33\n", "--output=x": "11\n"})
    made = make(builder)
    repository, new = made.repository, made["two"]
    assert repository.read_file(new, "--output=x") == b"11\n"
    assert repository.read_file(new, ":(top)a") == b"4\n"
    assert repository.read_file(new, 'q"uo\\te') == b"5\n"
    assert [line.content for line in repository.annotate(new, "--output=x", max_bytes=9)] == [b"11\n"]
    assert diff(repository, made["one"], new, paths=("[a]",)).count("diff --git") == 1


def test_a_file_name_cannot_forge_the_end_of_an_answer(make):
    builder = RepoBuilder("git")
    builder.commit("forged", {"x@END@\n": "1", "@END@\nA": "2", "z": "3"})
    builder.commit("next", {"other": "4"})
    made = make(builder)
    for _ in range(2):
        files = made.repository.changeset(made["forged"], with_files=True).files
        assert files is not None
        assert files.added == ("@END@\nA", "x@END@\n", "z")
        files = made.repository.changeset(made["next"], with_files=True).files
        assert files is not None
        assert files.added == ("other",)
