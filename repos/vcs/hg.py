"""Mercurial, through :mod:`repos.vcs.hg_server`. Mercurial itself is never imported into this process."""

from __future__ import annotations

import base64
import bz2
import hashlib
import json
import math
import os
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any, Protocol

import zstandard

from repos.vcs import hg_server
from repos.vcs.backend import ProgressCallback, Repository
from repos.vcs.errors import MergeConflict, RepositoryNotFound, VcsError
from repos.vcs.remote import open_remote
from repos.vcs.types import (
    AnnotatedLine,
    ArchiveFormat,
    Changeset,
    DiffOptions,
    FileChanges,
    FileWrite,
    Kind,
    LogQuery,
    MergePreview,
    Node,
    NodeType,
    Position,
    Refs,
    Signature,
    moment,
)

_LONG = 3600.0  # seconds for what copies a whole repository
_ARCHIVE = 600.0
_CHANGE = 300.0
_RECORD = struct.Struct(">I20s")
_STATE_FILES = (
    "requires",
    "bookmarks",
    "localtags",
    "store/bookmarks",
    "store/00changelog.i",
    "store/phaseroots",
    "store/obsstore",
)


class HgRepository(Repository):
    """A Mercurial repository, of which two kinds of changesets can be read by their id, but are in no listing, no
    reference and no number's reach:

    Hidden ones, which somebody has amended, folded or pruned (``hg help -e evolve`` tells of it). And those that
    :meth:`fetch_changesets` brought, until they arrive by a pull or merge: secret ones, recorded in
    ``.hg/kallithea-fetched``. Other secret changesets are listed.
    """

    kind = Kind.HG

    # -- life ------------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path) -> None:
        hg_server.change("create", path)

    @classmethod
    def clone_local(cls, source: Path, path: Path, progress: ProgressCallback | None = None) -> None:
        cls._clone(str(source), path, progress, local=True)

    @classmethod
    def clone_remote(cls, url: str, path: Path, progress: ProgressCallback | None = None) -> None:
        with open_remote(url, Kind.HG) as remote:
            cls._clone(remote.url, path, progress, env=remote.env, local=False)

    @staticmethod
    def _clone(source: str, path: Path, progress: ProgressCallback | None, **how: Any) -> None:
        if path.exists() or path.is_symlink():
            raise VcsError(f"{path.name} exists already")
        try:
            hg_server.run("clone", path, timeout=_LONG, progress=progress, source=source, **how)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def pull_remote(self, url: str, progress: ProgressCallback | None = None) -> None:
        with open_remote(url, Kind.HG) as remote:
            hg_server.run(
                "pull", self.path, timeout=_LONG, progress=progress, env=remote.env, source=remote.url, local=False
            )

    def pull_local(self, source: Path) -> None:
        hg_server.run("pull", self.path, timeout=_LONG, source=str(source), local=True)

    def fetch_changesets(self, source: Path, raw_ids: Sequence[str], keep_as: str, beyond: str | None = None) -> None:
        self._change("fetch", source=str(source), raw_ids=list(raw_ids), keep_as=keep_as, beyond=beyond)

    def recall(self, raw_id: str) -> bool:
        found: bool = self._change("recall", raw_id=raw_id)
        return found

    def is_empty(self) -> bool:
        return self.tip() is None

    def close(self) -> None:
        hg_server.forget(self.path)

    def verify(self) -> list[str]:
        problems: list[str] = hg_server.run("verify", self.path, timeout=_LONG)
        return problems

    def size(self) -> int:
        self._require_folder()
        total = 0
        for folder, _, files in os.walk(self.path):
            for name in files:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue
        return total

    # -- history ---------------------------------------------------------------------------------------------------

    def refs(self) -> Refs:
        return Refs(**self._ask("refs"))

    def state(self) -> str:
        self._require_folder()
        digest = hashlib.sha1(usedforsecurity=False)
        for name in _STATE_FILES:
            try:
                found = os.lstat(self.path / ".hg" / name)
            except OSError:
                continue
            digest.update(f"{name}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns};".encode())
        return digest.hexdigest()

    def resolve(self, revision: str | int) -> Position:
        return Position(*self._ask("resolve", revision=revision))

    def tip(self) -> Position | None:
        found = self._ask("tip")
        return Position(*found) if found else None

    def count(self) -> int:
        count: int = self._ask("count")
        return count

    def positions(self, query: LogQuery = LogQuery()) -> Sequence[Position]:
        return self._positions(query, newest_first=False, skip=0, count=None)

    def page(self, query: LogQuery, *, skip: int, count: int) -> Sequence[Position]:
        return self._positions(query, newest_first=True, skip=skip, count=count)

    def _positions(self, query: LogQuery, *, newest_first: bool, skip: int, count: int | None) -> list[Position]:
        filters: dict[str, Any] = asdict(query)
        filters["since"] = None if query.since is None else math.ceil(query.since.timestamp())
        filters["until"] = None if query.until is None else math.floor(query.until.timestamp())
        filters["author"] = query.author.lower() if query.author else None
        filters["text"] = query.text.lower() if query.text else None
        filters["path"] = query.path.strip("/") if query.path and query.path.strip("/") else None
        records = b"".join(self._pieces("positions", query=filters, newest_first=newest_first, skip=skip, count=count))
        return [Position(revision, node.hex()) for revision, node in _RECORD.iter_unpack(records)]

    def revisions(self, raw_ids: Iterable[str]) -> Mapping[str, int]:
        found: dict[str, int] = self._ask("revisions", raw_ids=list(raw_ids))
        return found

    def changesets(self, raw_ids: Sequence[str], *, with_files: bool = False) -> Iterator[Changeset]:
        pieces = self._pieces("changesets", raw_ids=list(raw_ids), with_files=with_files)
        return (_changeset(record) for piece in pieces for record in json.loads(piece))

    def common_ancestor(self, a: str, b: str, other: Path | None = None) -> str | None:
        return self._ask("common_ancestor", a=a, b=b, other=str(other or self.path)) or None

    def missing(self, source: Path, source_id: str, target_id: str) -> Sequence[str]:
        found: list[str] = self._ask("missing", source=str(source), source_id=source_id, target_id=target_id)
        return found

    def successor(self, raw_id: str) -> str | None:
        return self._ask("successor", raw_id=raw_id) or None

    # -- content ---------------------------------------------------------------------------------------------------

    def nodes(
        self,
        raw_id: str,
        path: str = "",
        *,
        recursive: bool = False,
        with_size: bool = False,
        most_sizes: int | None = None,
    ) -> list[Node]:
        sizes = {"with_size": with_size, "most_sizes": most_sizes}
        found = self._ask("nodes", raw_id=raw_id, path=path, recursive=recursive, **sizes)
        found.sort(key=lambda entry: (not entry[1], entry[0]))
        return [_node(entry) for entry in found]

    def node(self, raw_id: str, path: str) -> Node:
        return _node(self._ask("node", raw_id=raw_id, path=path))

    def read_file(self, raw_id: str, path: str, *, max_bytes: int | None = None) -> bytes:
        return b"".join(self._pieces("read", raw_id=raw_id, path=path, max_bytes=max_bytes))

    def stream_file(self, raw_id: str, path: str) -> Iterator[bytes]:
        return self._spooled("read", raw_id=raw_id, path=path, max_bytes=None)

    def diff(self, old: str | None, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        return self._spooled("diff", old=old, new=new, options=asdict(options))

    def diff_between(self, other: Path, old: str, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        return self._spooled("diff_between", other=str(other), old=old, new=new, options=asdict(options))

    def patch(self, raw_id: str, options: DiffOptions = DiffOptions(), zone: str = "UTC") -> Iterator[bytes]:
        return self._spooled("patch", raw_id=raw_id, options=asdict(options), zone=zone)

    def archive(self, raw_id: str, format: ArchiveFormat, prefix: str) -> Iterator[bytes]:
        self._ask("node", raw_id=raw_id, path="")  # an unknown changeset is an error before any output
        kind = "zip" if format == "zip" else "tar"
        pieces = hg_server.explained(
            self.path,
            hg_server.own_process(
                "archive", self.path, timeout=_ARCHIVE, raw_id=raw_id, format=kind, prefix=prefix.strip("/")
            ),
        )
        return pieces if format in ("zip", "tar") else _compressed(pieces, _compressor(format))

    def annotate(self, raw_id: str, path: str, *, max_bytes: int) -> list[AnnotatedLine]:
        lines = self._ask("annotate", raw_id=raw_id, path=path, max_bytes=max_bytes)
        return [AnnotatedLine(found, line, base64.b64decode(content)) for found, line, content in lines]

    # -- writing ---------------------------------------------------------------------------------------------------

    def commit(
        self, files: Sequence[FileWrite], *, message: str, author: Signature, branch: str, parent: str | None
    ) -> str:
        contents = [
            {
                "path": file.path,
                "content": None if file.content is None else base64.b64encode(file.content).decode(),
                "executable": file.executable,
            }
            for file in files
        ]
        new: str = self._ask("commit", files=contents, message=message, branch=branch, parent=parent, **_signed(author))
        return new

    def large_file(self, source: Path, source_id: str, target_id: str, limit: int) -> tuple[str, int] | None:
        found = self._ask("large_file", source=str(source), source_id=source_id, target_id=target_id, limit=limit)
        return (found[0], found[1]) if found else None

    def merge_preview(self, source: Path, source_id: str, target_id: str) -> MergePreview:
        found = self._ask("merge_preview", source=str(source), source_id=source_id, target_id=target_id)
        return MergePreview(found["ancestor"], found["fast_forward"], tuple(found["conflicts"]))

    def merge(
        self,
        source: Path,
        source_id: str,
        *,
        target_branch: str,
        target_id: str,
        message: str,
        author: Signature,
        allow_fast_forward: bool = False,
    ) -> str:
        done = self._change(
            "merge",
            source=str(source),
            source_id=source_id,
            target_branch=target_branch,
            target_id=target_id,
            message=message,
            allow_fast_forward=allow_fast_forward,
            **_signed(author),
        )
        if done["conflicts"]:
            raise MergeConflict(tuple(done["conflicts"]))
        new: str = done["raw_id"]
        return new

    def set_description(self, description: str) -> None:
        """Nothing: hgweb takes it from the repository's configuration, which this server never reads."""

    def wants_care(self) -> bool:
        return False

    def optimise(self) -> None:
        """Nothing: Mercurial keeps its own caches."""

    def _require_folder(self) -> None:
        if not (self.path / ".hg").is_dir():
            raise RepositoryNotFound(f"no Mercurial repository at {self.path.name}")

    def _ask(self, operation: str, **arguments: Any) -> Any:
        return hg_server.ask(operation, self.path, **arguments)

    def _change(self, operation: str, **arguments: Any) -> Any:
        return hg_server.change(operation, self.path, timeout=_CHANGE, **arguments)

    def _pieces(self, operation: str, **arguments: Any) -> hg_server.Answer:
        return hg_server.ask_pieces(operation, self.path, **arguments)

    def _spooled(self, operation: str, **arguments: Any) -> hg_server.Spool:
        return hg_server.ask_spooled(operation, self.path, **arguments)


def _changeset(record: Sequence[Any]) -> Changeset:
    raw_id, author, seconds, offset, message, parents, branch, closes, files = record
    # Mercurial counts seconds west of Greenwich.
    zone = timezone(timedelta(seconds=-offset)) if offset and -86400 < offset < 86400 else UTC
    return Changeset(
        raw_id=raw_id,
        author=author,
        date=moment(seconds, zone),
        message=message,
        parents=tuple(parents),
        branch=branch,
        closes_branch=closes,
        files=None if files is None else FileChanges(*map(tuple, files)),
    )


def _signed(author: Signature) -> dict[str, Any]:
    offset = author.date.utcoffset() or timedelta()
    return {
        "user": f"{author.name} <{author.email}>",
        "date": [int(author.date.timestamp()), -int(offset.total_seconds())],
    }


def _node(entry: Sequence[Any]) -> Node:
    path, is_folder, mode, size = entry
    return Node(path, NodeType.DIR if is_folder else NodeType.FILE, mode, size)


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _compressor(format: str) -> _Compressor:
    """Fast levels; the same input gives the same bytes (zlib writes no time and no name into its gzip header)."""
    if format == "tar.gz":
        return zlib.compressobj(1, zlib.DEFLATED, 31)
    if format == "tar.bz2":
        return bz2.BZ2Compressor()
    if format == "tar.zst":
        return zstandard.ZstdCompressor(level=3).compressobj()
    raise VcsError(f"unknown archive format {format}")


def _compressed(pieces: Iterator[bytes], compressor: _Compressor) -> Iterator[bytes]:
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()
