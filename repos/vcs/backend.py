"""The one protocol that both tools answer.

``git`` and ``hg`` implement it; nothing above this package knows which.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from repos.vcs.types import (
    AnnotatedLine,
    ArchiveFormat,
    Changeset,
    DiffOptions,
    FileWrite,
    Kind,
    LogQuery,
    MergePreview,
    Node,
    Position,
    Refs,
    Signature,
)

#: Called with a line of progress of a long command, e.g. ``"Receiving objects: 45% (450/1000)"``.
ProgressCallback = Callable[[str], None]


class Repository(abc.ABC):
    """One repository on disk. Cheap to make, safe to share between threads, holds no open file of its own.

    A ``revision`` argument is anything that names a changeset: 40 hex digits, a number (``int`` or digits), a branch,
    tag or bookmark, ``"tip"`` or ``-1`` (the newest by number); for Mercurial also the first digits of a hash, for Git
    ``"HEAD"`` and ``""``, which are the newest too (recorded). It may be hostile: it never becomes an option, a revset
    or a range. Unknown ones raise :class:`~repos.vcs.errors.RevisionNotFound`; on an empty repository
    :class:`~repos.vcs.errors.EmptyRepository`.
    A ``raw_id`` argument must be 40 hex digits. A missing folder raises ``RepositoryNotFound``.
    """

    kind: ClassVar[Kind]

    def __init__(self, path: Path) -> None:
        self.path = path

    # -- life ------------------------------------------------------------------------------------------------------

    @classmethod
    @abc.abstractmethod
    def create(cls, path: Path) -> None:
        """Make an empty repository. ``path`` must not exist; its parent must."""

    @classmethod
    @abc.abstractmethod
    def clone_local(cls, source: Path, path: Path, progress: ProgressCallback | None = None) -> None:
        """Copy a repository of this server with everything in it (all branches, tags, bookmarks; no hidden refs).

        Objects may be hard-linked, never shared by reference: deleting the source must not hurt the copy.
        """

    @classmethod
    @abc.abstractmethod
    def clone_remote(cls, url: str, path: Path, progress: ProgressCallback | None = None) -> None:
        """Copy from ``url`` (checked by :mod:`repos.vcs.remote` before any process starts)."""

    @abc.abstractmethod
    def pull_remote(self, url: str, progress: ProgressCallback | None = None) -> None:
        """Bring in everything ``url`` has; branches move as the source's did."""

    @abc.abstractmethod
    def pull_local(self, source: Path) -> None:
        """Like :meth:`pull_remote`, from another repository of this server."""

    @abc.abstractmethod
    def fetch_changesets(self, source: Path, raw_ids: Sequence[str], keep_as: str, beyond: str | None = None) -> None:
        """Bring changesets of another local repository here without showing them in any reference of :meth:`refs`.

        ``keep_as`` is a name below the server's own hidden references (Git: ``refs/<keep_as>/<n>``) that keeps them
        from being collected; Mercurial brings them in as secret ones. Against a strip here, Mercurial also stores a
        bundle of what they have and the changeset ``beyond`` lacks, where that is given.
        """

    @abc.abstractmethod
    def recall(self, raw_id: str) -> bool:
        """Bring back a fetched changeset that was stripped since, from its bundle; whether it is here now."""

    @abc.abstractmethod
    def is_empty(self) -> bool: ...

    @abc.abstractmethod
    def close(self) -> None:
        """End every helper process that has this repository open. Call before deleting or moving the folder."""

    @abc.abstractmethod
    def verify(self) -> list[str]:
        """Run the tool's own check (``git fsck`` / ``hg verify``); the problems found, none when sound."""

    @abc.abstractmethod
    def size(self) -> int:
        """Bytes on disk."""

    # -- history ---------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def refs(self) -> Refs: ...

    @abc.abstractmethod
    def state(self) -> str:
        """A short text that changes whenever a reference moves (a key for caches). Costs no process for Git."""

    @abc.abstractmethod
    def resolve(self, revision: str | int) -> Position: ...

    @abc.abstractmethod
    def tip(self) -> Position | None:
        """The newest changeset by number; ``None`` when empty."""

    @abc.abstractmethod
    def count(self) -> int:
        """How many changesets :meth:`positions` numbers."""

    @abc.abstractmethod
    def positions(self, query: LogQuery = LogQuery()) -> Sequence[Position]:
        """The changesets a query selects, oldest first."""

    @abc.abstractmethod
    def page(self, query: LogQuery, *, skip: int, count: int) -> Sequence[Position]:
        """``count`` changesets of a query, *newest first*, after ``skip`` of them, as cheap at any depth."""

    @abc.abstractmethod
    def revisions(self, raw_ids: Iterable[str]) -> Mapping[str, int]:
        """Numbers of those changesets that exist here."""

    @abc.abstractmethod
    def changesets(self, raw_ids: Sequence[str], *, with_files: bool = False) -> Iterator[Changeset]:
        """Read many, in the order given; one process or command for all of them, streamed."""

    def changeset(self, raw_id: str, *, with_files: bool = False) -> Changeset:
        return next(iter(self.changesets([raw_id], with_files=with_files)))

    @abc.abstractmethod
    def common_ancestor(self, a: str, b: str, other: Path | None = None) -> str | None:
        """The best common ancestor of two raw_ids of this repository; ``b`` of the one at ``other`` if given."""

    @abc.abstractmethod
    def missing(self, source: Path, source_id: str, target_id: str) -> Sequence[str]:
        """raw_ids that are ancestors of ``source_id`` (in the repository at ``source``, maybe this one) and not of
        ``target_id`` here: what a pull request would bring, oldest first."""

    def successor(self, raw_id: str) -> str | None:
        """``raw_id`` while it is listed; else the listed changeset that took its place, where there is just one and the
        tool knows: Mercurial does of what was amended, rebased, folded or split, Git of nothing."""
        return raw_id if self.positions(LogQuery(start=raw_id, end=raw_id)) else None

    # -- content ---------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def nodes(
        self,
        raw_id: str,
        path: str = "",
        *,
        recursive: bool = False,
        with_size: bool = False,
        most_sizes: int | None = None,
    ) -> list[Node]:
        """The entries below a folder, folders first, each sorted by path. ``NodeNotFound`` for a file or nothing.

        ``most_sizes``: no sizes where there are more files, each of which Mercurial would have to open.
        """

    @abc.abstractmethod
    def node(self, raw_id: str, path: str) -> Node:
        """One path, with its size where it is a file."""

    @abc.abstractmethod
    def read_file(self, raw_id: str, path: str, *, max_bytes: int | None = None) -> bytes:
        """The content; ``TooLarge`` above ``max_bytes``. Blobs only: no link is followed, no filter runs."""

    @abc.abstractmethod
    def stream_file(self, raw_id: str, path: str) -> Iterator[bytes]:
        """The content in pieces, memory flat; a missing path raises before the first piece."""

    @abc.abstractmethod
    def diff(self, old: str | None, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        """A Git-format diff in pieces, as Kallithea's raw diff has it; ``old`` None compares with the empty tree.

        Git: full index lines, binary as ``GIT binary patch``. Mercurial: ``diff --git`` without index lines except
        where Mercurial itself writes them, and files above 32 MiB as binary ones. With ``options.largest_file`` both
        say ``Binary files ... differ`` instead.
        Closing the iterator ends the process.
        """

    def change(self, raw_id: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        """What a changeset changes: its :meth:`diff` against the first parent, a root's against the empty tree."""
        parents = self.changeset(raw_id).parents
        return self.diff(parents[0] if parents else None, raw_id, options)

    @abc.abstractmethod
    def diff_between(self, other: Path, old: str, new: str, options: DiffOptions = DiffOptions()) -> Iterator[bytes]:
        """A diff from ``old`` here to ``new`` in the repository at ``other`` (a fork), which may not be fetched."""

    @abc.abstractmethod
    def patch(self, raw_id: str, options: DiffOptions = DiffOptions(), zone: str = "UTC") -> Iterator[bytes]:
        """The changeset with its header, against its first parent, as ``changeset-patch`` serves it.

        ``zone``: name of the time zone of the header's date, which does not say it.
        """

    @abc.abstractmethod
    def archive(self, raw_id: str, format: ArchiveFormat, prefix: str) -> Iterator[bytes]:
        """The whole tree below ``prefix/``; the same changeset gives the same bytes. Streamed."""

    @abc.abstractmethod
    def annotate(self, raw_id: str, path: str, *, max_bytes: int) -> list[AnnotatedLine]: ...

    # -- writing ---------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def commit(
        self, files: Sequence[FileWrite], *, message: str, author: Signature, branch: str, parent: str | None
    ) -> str:
        """Make one changeset without a checkout and move ``branch`` to it; the new raw_id.

        ``parent`` None makes a root. ``RefMoved`` when the branch has gone past ``parent``.
        """

    @abc.abstractmethod
    def large_file(self, source: Path, source_id: str, target_id: str, limit: int) -> tuple[str, int] | None:
        """A file of more than ``limit`` bytes in the changesets of :meth:`missing`, with its size."""

    @abc.abstractmethod
    def merge_preview(self, source: Path, source_id: str, target_id: str) -> MergePreview: ...

    @abc.abstractmethod
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
        """Merge into ``target_branch`` of this repository, which must still be at ``target_id`` (else ``RefMoved``).

        The raw_id the branch is at afterwards. ``MergeConflict`` leaves nothing behind. Mercurial: the merge
        changeset is on the named branch ``target_branch``.
        """

    @abc.abstractmethod
    def set_description(self, description: str) -> None:
        """Write the text that the tool's own web pages show (Git's ``description`` file)."""

    @abc.abstractmethod
    def wants_care(self) -> bool:
        """Whether :meth:`optimise` is worth its time now. Costs a look at some folders."""

    @abc.abstractmethod
    def optimise(self) -> None:
        """Keep it fast after it changed: Git's commit-graph with changed paths; nothing for Mercurial."""


def open_repository(kind: Kind | str, path: Path) -> Repository:
    """The repository of ``kind`` at ``path``; nothing is checked until a question is asked."""
    if Kind(kind) is Kind.GIT:
        from repos.vcs.git import GitRepository

        return GitRepository(path)
    from repos.vcs.hg import HgRepository

    return HgRepository(path)


def detect_kind(path: Path) -> Kind | None:
    """The tool whose repository lies at ``path``: ``.hg`` inside, or a bare Git folder. Links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return None
    if (path / ".hg").is_dir() and not (path / ".hg").is_symlink():
        return Kind.HG
    if (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir():
        return Kind.GIT
    return None
