"""Questions about changesets and references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from repos.vcs.backend import Repository
from repos.vcs.errors import EmptyRepository, NodeNotFound, RevisionNotFound
from repos.vcs.git import commits, numbering, readers, references
from repos.vcs.git.isolation import git, objects_only
from repos.vcs.git.readers import Reader
from repos.vcs.process import run
from repos.vcs.types import Changeset, Kind, LogQuery, Position, Refs

_HASH = re.compile(r"[0-9a-f]{40}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")  # a row of zeros is the hash of nothing
_FEW, _FEW_WITH_FILES = 256, 32  # up to so many the persistent readers are faster than new processes


def require_hash(raw_id: str) -> str:
    """``raw_id`` if it is 40 hex digits, else ``RevisionNotFound``: nothing else ever reaches a command line."""
    if not isinstance(raw_id, str) or not _HASH.fullmatch(raw_id):
        raise RevisionNotFound(raw_id)
    return raw_id


def path_bytes(path: str) -> bytes:
    """A path as Git has it. ``NodeNotFound`` for what no path in a tree can be."""
    encoded = path.strip("/").encode("utf-8", "surrogateescape")
    if b"\0" in encoded or any(part in (b"", b".", b"..") for part in encoded.split(b"/") if encoded):
        raise NodeNotFound(path)
    return encoded


class GitHistory(Repository):
    kind = Kind.GIT

    def refs(self) -> Refs:
        return references.refs(self.path, self.state())

    def state(self) -> str:
        return references.state(self.path)

    def is_empty(self) -> bool:
        refs = self.refs()
        return not refs.branches and not refs.tags

    def _index(self) -> numbering.Index:
        return numbering.index(self.path, self.refs())

    # -- naming ----------------------------------------------------------------------------------------------------

    def resolve(self, revision: str | int) -> Position:
        refs = self.refs()
        index = numbering.index(self.path, refs)
        if not len(index):
            raise EmptyRepository("the repository has no changesets")
        number = self._number(revision, refs, index)
        if number is None:
            raise RevisionNotFound(revision)
        return index.position(number)

    def _number(self, revision: str | int, refs: Refs, index: numbering.Index) -> int | None:
        if isinstance(revision, int):
            if revision == -1:
                return len(index) - 1
            return revision if 0 <= revision < len(index) else None
        if revision in ("tip", "-1", "HEAD", ""):  # all the newest, as recorded
            return len(index) - 1
        if _NUMBER.fullmatch(revision) and int(revision) < len(index):
            return int(revision)
        if _HASH.fullmatch(revision):
            return index.number(revision)
        named = refs.branches.get(revision) or refs.tags.get(revision)
        return index.number(named) if named is not None else None

    def tip(self) -> Position | None:
        index = self._index()
        return index.position(len(index) - 1) if len(index) else None

    def count(self) -> int:
        return len(self._index())

    def revisions(self, raw_ids: Iterable[str]) -> Mapping[str, int]:
        index = self._index()
        found = ((raw_id, index.number(require_hash(raw_id))) for raw_id in raw_ids)
        return {raw_id: number for raw_id, number in found if number is not None}

    # -- logs ------------------------------------------------------------------------------------------------------

    def positions(self, query: LogQuery = LogQuery()) -> Sequence[Position]:
        index = self._index()
        return index.positions(self._select(query, index))

    def page(self, query: LogQuery, *, skip: int, count: int) -> Sequence[Position]:
        if skip < 0 or count <= 0:
            return []
        index = self._index()
        numbers = self._select(query, index, newest=skip + count)
        return index.positions(numbers[::-1][skip : skip + count])

    def _select(self, query: LogQuery, index: numbering.Index, newest: int | None = None) -> Sequence[int]:
        """The numbers of a query, ascending. ``newest``: the caller needs no more than so many, from the end."""
        refs = self.refs()
        tips: list[str] = []
        if query.branch:
            if query.branch not in refs.branches:
                raise RevisionNotFound(query.branch)
            tips.append(refs.branches[query.branch])
        if query.ancestors_of is not None:
            tips.append(self.resolve(query.ancestors_of).raw_id)
        first = self.resolve(query.start).revision if query.start is not None else None
        last = self.resolve(query.end).revision if query.end is not None else None
        dated = query.since is not None or query.until is not None

        numbers: Sequence[int] = range(len(index))
        filters, paths = _filters(query)
        if filters is None:
            return []
        if filters or paths:
            starts = tips[:1] or [*refs.branches.values(), *refs.tags.values()]
            tips = tips[1:]
            if newest is not None and not tips and first is None and last is None and not dated:
                # Not sorted: each page must be cut from the one order that Git stops early in.
                filters.append(f"--max-count={newest if query.limit is None else min(newest, query.limit)}")
                return numbering.walk(self.path, index, starts, filters, paths)[::-1]
            numbers = sorted(numbering.walk(self.path, index, starts, filters, paths))
        for tip in tips:
            within = numbering.reachable(self.path, index, tip)
            if len(numbers) == len(index):
                numbers = within
            else:
                wanted = set(within)
                numbers = [number for number in numbers if number in wanted]
        numbers = index.between(numbers, first, last)
        if dated:
            since = query.since.timestamp() if query.since is not None else float("-inf")
            until = query.until.timestamp() if query.until is not None else float("inf")
            times = index.times
            numbers = [number for number in numbers if since <= times[number] <= until]
        if query.limit is not None:
            numbers = numbers[max(0, len(numbers) - max(0, query.limit)) :]
        return numbers

    def changesets(self, raw_ids: Sequence[str], *, with_files: bool = False) -> Iterator[Changeset]:
        ids = [require_hash(raw_id) for raw_id in raw_ids]
        if len(ids) <= (_FEW_WITH_FILES if with_files else _FEW):
            return iter(self._few(ids, with_files=with_files))
        if len(set(ids)) == len(ids):
            return commits.read_many(self.path, ids, with_files=with_files)
        once = {found.raw_id: found for found in self.changesets(list(dict.fromkeys(ids)), with_files=with_files)}
        return (once[raw_id] for raw_id in ids)

    def _few(self, ids: list[str], *, with_files: bool) -> list[Changeset]:
        found = readers.ask(self.path, lambda reader: reader.contents(ids))
        changesets: list[Changeset] = []
        for raw_id, answer in zip(ids, found, strict=True):
            if answer is None or answer[1] != "commit":
                raise RevisionNotFound(raw_id)
            files = None
            if with_files:
                files = commits.parse_changes(readers.ask(self.path, partial(Reader.changes, raw_id=raw_id)))
            changesets.append(commits.parse_commit(raw_id, answer[2], files))
        return changesets

    # -- relations -------------------------------------------------------------------------------------------------

    def common_ancestor(self, a: str, b: str, other: Path | None = None) -> str | None:
        if other is None:
            self._require_commits(a, b)
            return self._merge_base(a, b)
        self._require_commits(a)
        self._require_commits(b, at=other)
        return self._merge_base(a, b, also=[other])

    def missing(self, source: Path, source_id: str, target_id: str) -> Sequence[str]:
        self._require_commits(target_id)
        self._require_commits(source_id, at=source)
        output = run(
            git("rev-list", "--date-order", "--reverse", "--end-of-options", source_id, f"^{target_id}", "--"),
            env=objects_only(self.path, also=[source]),
        )
        return output.decode("ascii").split()

    def _merge_base(self, a: str, b: str, also: Sequence[Path] = ()) -> str | None:
        output = run(git("merge-base", "--end-of-options", a, b), env=objects_only(self.path, also=also), ok=(0, 1))
        return output.decode("ascii").strip() or None

    def _require_commits(self, *raw_ids: str, at: Path | None = None) -> None:
        """``RevisionNotFound`` for the first that is no commit of the repository (``at``: of another one)."""
        ids = [require_hash(raw_id) for raw_id in raw_ids]
        found = readers.ask(at or self.path, lambda reader: reader.infos(ids))
        for raw_id, answer in zip(ids, found, strict=True):
            if answer is None or answer[1] != "commit":
                raise RevisionNotFound(raw_id)


def _filters(query: LogQuery) -> tuple[list[str] | None, list[bytes]]:
    """Options and paths for ``rev-list``; no options at all (``None``) for a text that no changeset can have."""
    filters: list[str] = []
    paths: list[bytes] = []
    for option, text in (("--author", query.author), ("--grep", query.text)):
        if text:
            if "\0" in text or "\n" in text:
                return None, []
            filters.append(f"{option}={text}")
    if filters:
        filters += ["--regexp-ignore-case", "--fixed-strings"]
    if query.path and query.path.strip("/"):
        try:
            paths.append(path_bytes(query.path))
        except NodeNotFound:
            return None, []
    return filters, paths
