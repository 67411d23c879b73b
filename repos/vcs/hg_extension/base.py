# SPDX-License-Identifier: GPL-2.0-or-later
"""Open repositories, revisions and answers: what every operation needs."""

from __future__ import annotations

import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mercurial import error, hg, phases, repoview
from mercurial.node import bin as unhex
from mercurial.node import nullhex, nullrev, wdirhex
from mercurial.utils import repoviewutil

from repos.vcs.own import is_own
from repos.vcs.types import Kind

OPEN_REPOSITORIES = 32
PIECE = 1 << 17
HEX = frozenset("0123456789abcdef")
_NUMBER = re.compile(r"-1|0|[1-9][0-9]{0,9}")

#: Changesets of forks that pull requests brought here, one 40-hex line each: kept, readable by id, in no listing.
FETCHED = b"kallithea-fetched"

#: The folder of bundles with what pull requests asked for, by the changeset they end in.
STORED = b"kallithea-stored"

#: Like Mercurial's own "visible", but without fetched changesets while they are secret.
LISTED = b"kallithea-listed"

Operation = Callable[["Call"], Any]
OPERATIONS: dict[str, Operation] = {}


class Failure(Exception):
    """An error that the other side knows by ``kind``; ``value`` is a text or number for people."""

    def __init__(self, kind: str, value: Any = None) -> None:
        super().__init__(kind, value)
        self.kind = kind
        self.value = value


class Call:
    """One request: its arguments, where its answer goes, and the repository it is about."""

    def __init__(self, ui: Any, arguments: dict[str, Any]) -> None:
        self.ui = ui
        self.arguments = arguments
        self.sent = 0  # bytes

    def __getitem__(self, name: str) -> Any:
        return self.arguments[name]

    def path(self, name: str) -> bytes:
        return os.fsencode(self.arguments[name])

    @property
    def repo(self) -> Any:
        """Everything, also hidden changesets: what somebody knows the id of stays readable."""
        return CACHE.get(self.ui, self.path("repository"))

    @property
    def listed(self) -> Any:
        """What listings, numbers and names are about."""
        return self.repo.filtered(LISTED)

    def send(self, data: bytes) -> None:
        self.sent += len(data)
        self.ui.fout.write(data)

    def send_json(self, value: Any) -> None:
        self.send(json.dumps(value, separators=(",", ":")).encode("ascii"))

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Small pieces leave together, large ones are cut."""
        waiting: list[bytes] = []
        size = 0
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= PIECE:
                data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
                waiting, size = [], 0
                for start in range(0, len(data), PIECE):
                    self.send(data[start : start + PIECE])
        if size:
            self.send(b"".join(waiting))


class RepositoryCache:
    """Open repositories by path, newest use last; each is opened again when its files changed."""

    def __init__(self) -> None:
        self._open: OrderedDict[bytes, tuple[tuple[Any, ...], Any]] = OrderedDict()

    def get(self, ui: Any, path: bytes) -> Any:
        state = _files_state(path)
        known = self._open.get(path)
        if known is not None and known[0] == state:
            self._open.move_to_end(path)
            return known[1]
        self._open.pop(path, None)
        repo = open_repository(ui, path).unfiltered()
        self._open[path] = (state, repo)
        while len(self._open) > OPEN_REPOSITORIES:
            self._open.popitem(last=False)
        return repo

    def drop(self, path: bytes) -> None:
        self._open.pop(path, None)


CACHE = RepositoryCache()

_WATCHED = (
    b".hg",
    b".hg/requires",
    b".hg/bookmarks",
    b".hg/localtags",
    b".hg/" + FETCHED,
    b".hg/store/requires",
    b".hg/store/00changelog.i",
    b".hg/store/phaseroots",
    b".hg/store/obsstore",
    b".hg/store/bookmarks",
)


def _files_state(path: bytes) -> tuple[Any, ...]:
    """Changes with every commit, strip, bookmark, phase and with another repository in the same place.

    In nanoseconds and with inodes: Mercurial's own ``cachedlocalrepo`` looks at whole seconds and sizes, and misses
    a bookmark that moves twice in a second.
    """
    state: list[Any] = []
    for name in _WATCHED:
        try:
            found = os.lstat(os.path.join(path, name))
        except OSError:
            state.append(None)
        else:
            # Caches and locks come and go in .hg itself: only its identity counts.
            state.append(found.st_ino if name == b".hg" else (found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(state)


def open_repository(ui: Any, path: bytes, *, loud: bool = False) -> Any:
    """The repository of this very folder: nothing shared with others, no link in the way.

    A ``loud`` one reports progress where ``ui`` does, so it must not outlive the request.
    """
    inner = os.path.join(path, b".hg")
    if not os.path.isdir(inner) or not is_own(Kind.HG, Path(os.fsdecode(path))):
        raise Failure("no-repository")
    own = ui.copy()
    own.setconfig(b"experimental", b"evolution.createmarkers", b"yes", b"kallithea")  # else those there are a warning
    if not loud:
        own.setconfig(b"ui", b"quiet", b"true", b"kallithea")
        own.fout = own.ferr = own.fmsg = _NOWHERE
    try:
        return hg.repository(own, path).filtered(b"visible")
    except error.RepoError as problem:
        raise Failure("failed", text(bytes(problem))) from problem


class _Nowhere:
    """Takes what a repository of the cache says between two requests."""

    name = b"nowhere"

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        return

    def isatty(self) -> bool:
        return False


_NOWHERE = _Nowhere()


def _unlisted(repo: Any, *_exceptions: Any) -> frozenset[int]:
    hidden: frozenset[int] = repoview.filterrevs(repo, b"visible")
    lines = repo.vfs.tryread(FETCHED).split()
    if not lines:
        return hidden
    secret = repo._phasecache.getrevset(repo, (phases.secret,))  # noqa: SLF001 - as Mercurial's own filters do
    known = repo.changelog.index.get_rev
    fetched = {known(unhex(line)) for line in lines if len(line) == 40}
    return frozenset(hidden | (fetched & set(secret)))


repoview.filtertable[LISTED] = _unlisted
repoviewutil.subsettable[LISTED] = b"served"


def text(data: bytes) -> str:
    """Names, authors and messages."""
    return data.decode("utf-8", "replace")


def path_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def path_bytes(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character from somewhere else: the name of nothing
        return path.encode("utf-8", "surrogatepass")


def node_of(repo: Any, raw_id: str) -> bytes:
    """The node of a changeset that this view has. The two pseudo changesets of Mercurial are none."""
    if len(raw_id) == 40 and HEX.issuperset(raw_id):
        encoded = raw_id.encode("ascii")
        if encoded not in (nullhex, wdirhex):
            node: bytes = unhex(encoded)
            if has_node(repo, node):
                return node
    raise Failure("revision", raw_id)


def rev_of(repo: Any, raw_id: str) -> int:
    rev: int = repo.changelog.rev(node_of(repo, raw_id))
    return rev


def has_node(repo: Any, node: bytes) -> bool:
    found: bool = repo.changelog.hasnode(node)
    return found


def resolve(call: Call, revision: str | int) -> tuple[int, bytes]:
    """(number, node) of anything that names a changeset. Lookups only: no revset is ever evaluated."""
    listed = call.listed
    cl = listed.changelog
    if cl.tiprev() == nullrev:
        raise Failure("empty")
    found = _by_number(cl, revision) if isinstance(revision, int) else _by_text(call, listed, revision)
    if found is None:
        raise Failure("revision", revision)
    return found


def _by_number(cl: Any, number: int) -> tuple[int, bytes] | None:
    if number == -1:
        number = cl.tiprev()
    if 0 <= number < len(cl) and number not in cl.filteredrevs:
        return number, cl.node(number)
    return None


def _by_text(call: Call, listed: Any, name: str) -> tuple[int, bytes] | None:
    cl = listed.changelog
    if name == "tip":
        return _by_number(cl, -1)
    if name == "null":  # recorded so: the name of nothing
        return nullrev, listed.nullid
    if _NUMBER.fullmatch(name) and (found := _by_number(cl, int(name))):
        return found
    digits = name.lower() if HEX.issuperset(name.lower()) else ""
    if len(digits) == 40:
        return rev_of(call.repo, digits), unhex(digits)  # fetched ones too
    node: bytes | None
    try:
        node = listed.names.singlenode(listed, path_bytes(name))
    except (KeyError, error.LookupError):
        node = None
    if node is None and 4 <= len(digits) < 40 and digits.strip("0"):
        try:
            node = cl._partialmatch(digits.encode("ascii"))  # noqa: SLF001 - has no public name
        except (error.LookupError, error.WdirUnsupported):  # ambiguous, or hidden
            node = None
    if node is None or node == listed.nullid or not has_node(listed, node):
        return None
    return cl.rev(node), node
