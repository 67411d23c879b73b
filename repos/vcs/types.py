"""The values that cross the boundary.

All are frozen; paths are ``str`` relative to the repository's root, ``/``-separated.

Bytes that are not UTF-8 are decoded with ``surrogateescape`` in paths (so that they can be sent back to the tool)
and with U+FFFD replacement in texts (authors, messages, reference names).
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Literal, NamedTuple

NULL_ID = "0" * 40


#: The second day of the year 1 and the last of 9999 in seconds: in between, every time zone has a name for a moment.
_SECOND_DAY, _LAST_DAY = -62_135_510_400, 253_402_214_400


def moment(seconds: float, zone: tzinfo = UTC) -> datetime:
    """The date of a changeset, which may be anything that somebody wrote: 1970 where no calendar has it."""
    return datetime.fromtimestamp(seconds if _SECOND_DAY <= seconds < _LAST_DAY else 0, zone)


class Kind(StrEnum):
    """The two tools."""

    HG = "hg"
    GIT = "git"


class Position(NamedTuple):
    """One changeset in the repository's own numbering.

    ``revision``: Mercurial's local number; for Git the index in ``rev-list --date-order --reverse`` over all branches
    and tags (Kallithea's numbering).
    """

    revision: int
    raw_id: str


@dataclass(frozen=True, slots=True)
class FileChanges:
    """What a changeset did to the tree; a rename is one removed and one added path. Each tuple is sorted.

    Git compares with *any* parent (``log -m``), Mercurial with the first: what Kallithea answers.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changeset:
    """A commit of either tool. Everything in it is implied by ``raw_id`` and can be stored forever."""

    raw_id: str
    author: str  # "Name <mail>" as recorded
    date: datetime  # aware, in the recorded offset; Git: the committer's date
    message: str  # Git keeps the final newline, Mercurial has none
    parents: tuple[str, ...]  # none for a root
    branch: str | None = None  # Mercurial: the named branch
    closes_branch: bool = False
    files: FileChanges | None = None  # only when asked for

    @property
    def short_id(self) -> str:
        return self.raw_id[:12]


@dataclass(frozen=True, slots=True)
class Refs:
    """Name -> raw_id. Annotated Git tags are peeled to their changeset; tags that name no changeset are left out."""

    branches: dict[str, str] = field(default_factory=dict)  # open ones
    closed_branches: dict[str, str] = field(default_factory=dict)  # Mercurial only
    tags: dict[str, str] = field(default_factory=dict)  # Mercurial: with "tip" unless empty
    bookmarks: dict[str, str] = field(default_factory=dict)  # Mercurial only
    head: str | None = None  # the branch that a fresh clone shows: Git's HEAD, Mercurial's "default"


class NodeType(StrEnum):
    FILE = "file"
    DIR = "dir"
    SUBMODULE = "submodule"


class Node(NamedTuple):  # there can be a million: a dataclass takes three times as long to make
    """A path at a changeset. A symbolic link is a file of mode 0o120000 whose content is its target."""

    path: str
    type: NodeType
    mode: int  # as Git writes it: 0o100644, 0o100755, 0o120000, 0o040000, 0o160000
    size: int | None = None  # bytes of a file, where it was asked for


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which changesets, oldest first. Every filter is optional; ``start`` and ``end`` are inclusive.

    ``branch``: Git: reachable from that branch; Mercurial: on that named branch, closed ones too.
    ``since``/``until``: inclusive, whole seconds.
    ``limit``: at most this many of what the other filters leave: the *first* ones of Mercurial, the *last* ones of
    Git (recorded so).
    ``path``: only changesets that touch this file or folder. ``author``/``text``: substrings, without case.
    ``ancestors_of``: only ancestors of this revision, itself included.
    """

    start: str | int | None = None
    end: str | int | None = None
    since: datetime | None = None
    until: datetime | None = None
    branch: str | None = None
    limit: int | None = None
    path: str | None = None
    author: str | None = None
    text: str | None = None
    ancestors_of: str | None = None


@dataclass(frozen=True, slots=True)
class DiffOptions:
    context: int = 3  # lines
    ignore_whitespace: bool = False
    paths: tuple[str, ...] = ()  # only these files; none means all
    detect_renames: bool = True
    #: For pages: at most so many files, and of those above so many bytes, or binary, only that they differ.
    most_files: int | None = None
    largest_file: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedLine:
    raw_id: str
    line: int  # number in the changeset that wrote it, from 1
    content: bytes  # with its line end


ArchiveFormat = Literal["zip", "tar", "tar.gz", "tar.bz2", "tar.zst"]


@dataclass(frozen=True, slots=True)
class FileWrite:
    """One file of a commit that the server makes itself. ``content`` None deletes the path."""

    path: str
    content: bytes | None
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """Who a changeset of the server's own is by, and when (aware)."""

    name: str
    email: str
    date: datetime


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One reference that moved. ``old`` None: created; ``new`` None: deleted."""

    type: Literal["branch", "tag", "bookmark"]
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class MergePreview:
    """What a merge would do, without doing it."""

    ancestor: str | None  # None: unrelated histories
    fast_forward: bool  # the target is an ancestor of the source
    conflicts: tuple[str, ...] = ()
