"""From the bytes of commits and of ``diff-tree`` to values."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta, timezone
from functools import lru_cache
from pathlib import Path

from repos.vcs.errors import RevisionNotFound
from repos.vcs.git.isolation import git, objects_only
from repos.vcs.git.readers import DIFF_TREE
from repos.vcs.process import Stream, stream
from repos.vcs.types import Changeset, FileChanges, moment

TIMEOUT = 300.0
_COMMIT = re.compile(
    rb"tree [0-9a-f]{40}\n((?:parent [0-9a-f]{40}\n)*)author ([^\n]*)\n"
    rb"committer (?:[^\n]*> ?(-?[0-9]{1,18}) ([+-][0-9]{4})|[^\n]*)\n((?:[^\n]+\n)*)\n?"
)
_ENCODING = re.compile(rb"^encoding ([!-~]+)$", re.MULTILINE)
_NO_CHANGES = FileChanges()
_EPOCH = moment(0)


def parse_commit(raw_id: str, data: bytes, files: FileChanges | None = None) -> Changeset:
    """A commit object as ``cat-file`` gives it."""
    match = _COMMIT.match(data)
    if match is None:  # nothing that Git would have written
        return Changeset(raw_id, " <>", _EPOCH, data.partition(b"\n\n")[2].decode("utf-8", "replace"), (), files=files)
    parents, author, seconds, zone, others = match.groups()
    encoding = "utf-8"
    if others and (named := _ENCODING.search(others)):
        encoding = _codec(named[1].decode("ascii"))
    return Changeset(
        raw_id,
        _person(author).decode(encoding, "replace"),
        moment(int(seconds), _zone(zone)) if seconds else _EPOCH,
        data[match.end() :].decode(encoding, "replace"),
        tuple(parents.decode("ascii").split()[1::2]),
        files=files,
    )


def parse_changes(output: bytes) -> FileChanges:
    """The changes of one commit against any of its parents."""
    return next((changes for _, changes in _changes(iter((output,)))), _NO_CHANGES)


def read_many(path: Path, raw_ids: Sequence[str], *, with_files: bool) -> Iterator[Changeset]:
    """Two processes for any number of changesets, read side by side. No id may come twice."""
    lines = "".join(f"{raw_id}\n" for raw_id in raw_ids).encode("ascii")
    env = objects_only(path)
    with stream(
        git("cat-file", "--batch", "--buffer"), input=lines, env=env, timeout=TIMEOUT, max_output=None
    ) as objects:
        if not with_files:
            for raw_id, data in _objects(objects):
                yield parse_commit(raw_id, data)
            return
        with stream(git(*DIFF_TREE), input=lines, env=env, timeout=TIMEOUT, max_output=None) as differences:
            changed = _changes(differences)
            ahead = next(changed, None)
            for raw_id, data in _objects(objects):
                files = _NO_CHANGES
                if ahead is not None and ahead[0] == raw_id:
                    files = ahead[1]
                    ahead = next(changed, None)
                yield parse_commit(raw_id, data, files)


def _objects(chunks: Stream) -> Iterator[tuple[str, bytes]]:
    buffer, at = b"", 0
    for chunk in chunks:
        buffer, at = buffer[at:] + chunk, 0
        while (end := buffer.find(b"\n", at)) >= 0:
            parts = buffer[at:end].split(b" ")
            if len(parts) != 3 or parts[1] != b"commit":
                raise RevisionNotFound(parts[0].decode("ascii", "replace"))
            after = end + 1 + int(parts[2])
            if len(buffer) <= after:
                break
            yield parts[0].decode("ascii"), buffer[end + 1 : after]
            at = after + 1


def _changes(chunks: Iterator[bytes]) -> Iterator[tuple[str, FileChanges]]:
    """(raw_id, changes) for each commit that has any: its hash, then status and path in turn, all NUL-ended."""
    raw_id = ""
    found: dict[str, set[str]] = {}
    tokens = _tokens(chunks)
    for token in tokens:
        if len(token) == 1:
            found.setdefault(token, set()).add(next(tokens, ""))
        else:
            if token != raw_id and found:
                yield raw_id, _file_changes(found)
                found = {}
            raw_id = token
    if found:
        yield raw_id, _file_changes(found)


def _tokens(chunks: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        whole, end, rest = (rest + chunk).rpartition(b"\0")
        if end:
            yield from whole.decode("utf-8", "surrogateescape").split("\0")


def _file_changes(found: dict[str, set[str]]) -> FileChanges:
    changed = found.get("M", set()) | found.get("T", set())
    return FileChanges(tuple(sorted(found.get("A", ()))), tuple(sorted(changed)), tuple(sorted(found.get("D", ()))))


def _person(line: bytes) -> bytes:
    """``Name <mail>`` of an author line, also of one that Git itself would not write."""
    name, bracket, rest = line.partition(b"<")
    if not bracket:
        return line.strip() + b" <>"
    return name.strip() + b" <" + rest.partition(b">")[0] + b">"


@lru_cache(maxsize=2048)
def _zone(text: bytes) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    if minutes >= 24 * 60:
        return UTC
    return timezone(timedelta(minutes=-minutes if text[:1] == b"-" else minutes))


@lru_cache(maxsize=64)
def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name if codecs.lookup(name)._is_text_encoding else "utf-8"  # noqa: SLF001
    except (LookupError, ValueError):
        return "utf-8"
