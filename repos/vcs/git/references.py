"""Branches, tags and HEAD, read from the files they are in: no process, and one stat per loose reference."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from repos.vcs.errors import RepositoryNotFound
from repos.vcs.git.isolation import require_own
from repos.vcs.git.readers import ask, signature
from repos.vcs.types import Refs

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
_HASH = re.compile(rb"[0-9a-f]{40}")
_MAX_CACHED = 64

_cache: OrderedDict[tuple[Path, str], Refs] = OrderedDict()
_commits: OrderedDict[str, str | None] = OrderedDict()  # object -> the commit it peels to; never changes
_lock = Lock()


def state(path: Path) -> str:
    """A digest of the files that hold branches, tags and HEAD. Changes whenever one of them does."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr(signature(path)).encode())
    try:
        _add(digest, "HEAD", path / "HEAD")
    except FileNotFoundError:
        raise RepositoryNotFound(f"no Git repository at {path.name}") from None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(path / "packed-refs")  # may be large, and is never written in place
        digest.update(f"{status.st_ino} {status.st_mtime_ns} {status.st_size}\0".encode())
    for prefix in (BRANCHES, TAGS):
        for name, entry in _loose(path, prefix):
            with contextlib.suppress(FileNotFoundError):  # packed or deleted meanwhile: the next look differs too
                _add(digest, name, entry)
    return digest.hexdigest()


def _add(digest: hashlib.blake2b, name: str, file: Path | os.DirEntry[str]) -> None:
    """What a file holds, and not its times: they say nothing about a file that is written twice within one tick."""
    with open(file, "rb") as content:
        digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + content.read(4096) + b"\0")


def refs(path: Path, current: str) -> Refs:
    """The references of a repository that is at the state ``current``."""
    with _lock:
        found = _cache.get((path, current))
        if found is not None:
            _cache.move_to_end((path, current))
            return found
    found = _read(path)
    with _lock:
        _cache[path, current] = found
        while len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return found


def loose_count(path: Path) -> int:
    """How many branches and tags have a file of their own."""
    return len(_loose(path, BRANCHES)) + len(_loose(path, TAGS))


def named_objects(path: Path) -> dict[str, str]:
    """Full name -> object of every branch and tag; annotated tags are not peeled."""
    require_own(path)
    values = _packed(path)
    for prefix in (BRANCHES, TAGS):
        for name, entry in _loose(path, prefix):
            target = _follow(path, Path(entry.path), values)
            if target is not None:
                values[name] = target
            else:
                values.pop(name, None)
    return values


def _read(path: Path) -> Refs:
    values = named_objects(path)
    commits = _peel(path, list(values.values()))
    branches: dict[str, str] = {}
    tags: dict[str, str] = {}
    for name in sorted(values):
        commit = commits.get(values[name])
        if commit is not None:
            group, prefix = (branches, BRANCHES) if name.startswith(BRANCHES) else (tags, TAGS)
            group[_text(name[len(prefix) :])] = commit
    return Refs(branches=branches, tags=tags, head=_head(path, branches))


def _head(path: Path, branches: dict[str, str]) -> str | None:
    """The branch of HEAD; while it names none that exists, the one that :func:`head_for` would choose."""
    name = head_name(path)
    return name if name in branches else head_for(branches)


def head_name(path: Path) -> str | None:
    """The branch that the file HEAD names, which may not exist yet; ``None`` when it names a commit."""
    text = (path / "HEAD").read_bytes()[:4096].strip()
    if text.startswith(b"ref: refs/heads/"):
        return text[len(b"ref: refs/heads/") :].decode("utf-8", "replace")
    return None


def head_for(branches: dict[str, str]) -> str | None:
    """The branch to show when nothing says which: main, master, else the first."""
    return next((name for name in ("main", "master", *branches) if name in branches), None)


def _packed(path: Path) -> dict[str, str]:
    try:
        lines = (path / "packed-refs").read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    return {
        os.fsdecode(line[41:].rstrip(b"\r")): line[:40].decode("ascii")
        for line in lines
        if line[41:].startswith((b"refs/heads/", b"refs/tags/")) and _HASH.fullmatch(line[:40])
    }


def _loose(path: Path, prefix: str) -> list[tuple[str, os.DirEntry[str]]]:
    found: list[tuple[str, os.DirEntry[str]]] = []
    folders = [(prefix, path / prefix)]
    while folders:
        name, folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append((f"{name}{entry.name}/", Path(entry.path)))
                    elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(".lock"):
                        found.append((name + entry.name, entry))
        except (FileNotFoundError, NotADirectoryError):
            continue
    found.sort(key=lambda item: item[0])
    return found


def _follow(path: Path, file: Path, packed: dict[str, str], depth: int = 5) -> str | None:
    """The hash in a loose reference, through symbolic ones that stay among branches and tags."""
    try:
        text = file.read_bytes()[:4096].strip()
    except OSError:
        return None
    if _HASH.fullmatch(text):
        return text.decode("ascii")
    name = os.fsdecode(text[5:].strip())
    if depth and text.startswith(b"ref: ") and name.startswith((BRANCHES, TAGS)) and ".." not in name:
        target = path / name
        if target.is_file() and not target.is_symlink():
            return _follow(path, target, packed, depth - 1)
        return packed.get(name)
    return None


def _peel(path: Path, ids: list[str]) -> dict[str, str | None]:
    """The commit that each object is or peels to; ``None`` for trees, blobs and what is missing."""
    with _lock:
        known = {oid: _commits[oid] for oid in ids if oid in _commits}
    unknown = sorted({oid for oid in ids if oid not in known})
    if unknown:
        answers = ask(path, lambda reader: reader.infos([f"{oid}^{{commit}}" for oid in unknown]))
        with _lock:
            for oid, answer in zip(unknown, answers, strict=True):
                known[oid] = answer[0] if answer is not None else None
                if answer is not None:
                    _commits[oid] = answer[0]
            while len(_commits) > 200_000:
                _commits.popitem(last=False)
    return known


def _text(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "replace")
