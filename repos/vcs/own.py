"""Whether a repository is all its own: nothing that the tools read of it leads to the files of another one.

A folder that somebody unpacked below the root may hold links, alternates, or the path of a shared store. Followed, they
would show a hidden repository to whoever may read this one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from repos.vcs.types import Kind

#: Looked at before every use; all that lies deeper only when a repository is found on disk.
_PARTS = {
    Kind.GIT: (
        *("", "HEAD", "packed-refs", "shallow", "refs", "refs/heads", "refs/tags"),
        *("objects", "objects/info", "objects/pack"),
    ),
    Kind.HG: (
        *("", ".hg", ".hg/store", ".hg/store/data", ".hg/store/dh", ".hg/store/meta"),
        *(f".hg/store/00{name}.{ending}" for name in ("changelog", "manifest") for ending in "id"),
    ),
}
#: Files whose only meaning is that something is kept elsewhere.
_ELSEWHERE = {Kind.GIT: ("objects/info/alternates",), Kind.HG: (".hg/sharedpath", ".hg/shared")}
_FOLDERS = {Kind.GIT: ("objects", "refs"), Kind.HG: (".hg",)}
_NEVER_READ = {"hgrc"}


def is_own(kind: Kind, path: Path) -> bool:
    """A few looks, before every use."""
    parts = (os.path.join(path, part) for part in _PARTS[kind])
    elsewhere = (os.path.join(path, name) for name in _ELSEWHERE[kind])
    return not any(map(_is_link, parts)) and not any(map(os.path.lexists, elsewhere))


def is_own_throughout(kind: Kind, path: Path) -> bool:
    """A look at every file, for a repository that nobody knows yet."""
    inside = os.path.join(os.path.realpath(path), "")
    return is_own(kind, path) and not any(_leads_out(os.path.join(path, name), inside) for name in _FOLDERS[kind])


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path.rstrip("/")).st_mode)
    except OSError:
        return False


def _leads_out(folder: str, inside: str) -> bool:
    """Whether a link below ``folder`` leads out. Mercurial's own (locks, a trial of what the disk can do) do not."""
    with os.scandir(folder) as entries:
        return any(
            entry.name not in _NEVER_READ and not os.path.realpath(entry.path).startswith(inside)
            if entry.is_symlink()
            else entry.is_dir(follow_symlinks=False) and _leads_out(entry.path, inside)
            for entry in entries
        )
