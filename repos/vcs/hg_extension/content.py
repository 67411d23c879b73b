# SPDX-License-Identifier: GPL-2.0-or-later
"""Trees, files, diffs and archives."""

from __future__ import annotations

import base64
import os
import shutil
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from mercurial import archival, bundle2, bundlerepo, discovery, error, mdiff, patch, scmutil
from mercurial.node import bin as unhex
from mercurial.node import nullrev

from repos.vcs.hg_extension.base import CACHE, PIECE, Call, Failure, Operation, node_of, path_bytes, path_text
from repos.vcs.hg_extension.history import common_with
from repos.vcs.hg_extension.sizes import LARGEST_TEXT, size_in, stored_size
from repos.vcs.types import moment

_FILE_MODES = {b"": 0o100644, b"x": 0o100755, b"l": 0o120000}
_SYMLINK = 0o120000
_ZIP_EPOCH = 315532800  # 1980-01-01: the format knows nothing older
_ZIP_END = 4354819198  # the last moment of 2107: nor anything younger


def _file_mode(flags: bytes) -> int:
    return _FILE_MODES.get(flags, 0o100644)


def _path(call: Call) -> bytes:
    path = path_bytes(call["path"])
    if b"\0" in path:  # ends a name in a manifest: Mercurial would find what is before it
        raise Failure("node", call["path"])
    return path.strip(b"/")


def _nodes(call: Call) -> list[list[Any]]:
    """[path, is a folder, mode, size or null], in no order."""
    repo = call.repo
    manifest = repo[node_of(repo, call["raw_id"])].manifest()
    folder = _path(call)
    prefix = folder + b"/" if folder else b""
    start = len(prefix)
    recursive = call["recursive"]
    folders: set[bytes] = set()
    files: list[tuple[bytes, bytes, bytes]] = []
    found = not folder
    for path, node, flags in manifest.iterentries():
        if not path.startswith(prefix):
            continue
        found = True
        end = path.find(b"/", start)
        while end >= 0:
            folders.add(path[:end])
            if not recursive:
                break
            end = path.find(b"/", end + 1)
        if end < 0:
            files.append((path, node, flags))
    if not found:
        raise Failure("node", call["path"])
    with_size = call["with_size"] and (call["most_sizes"] is None or len(files) <= call["most_sizes"])
    nodes: list[list[Any]] = []
    for path, node, flags in files:
        log = repo.file(path) if with_size else None
        nodes.append([path_text(path), False, _file_mode(flags), size_in(log, node) if log else None])
    nodes.extend([path_text(path), True, 0o040000, None] for path in folders)
    return nodes


def _node(call: Call) -> list[Any]:
    repo = call.repo
    manifest = repo[node_of(repo, call["raw_id"])].manifest()
    path = _path(call)
    if path in manifest:
        log = repo.file(path)
        return [path_text(path), False, _file_mode(manifest.flags(path)), size_in(log, manifest[path])]
    if not path or manifest.hasdir(path):
        return [path_text(path), True, 0o040000, None]
    raise Failure("node", call["path"])


def _file(call: Call) -> Any:
    """The file's context; fails for folders and unknown paths."""
    repo = call.repo
    try:
        return repo[node_of(repo, call["raw_id"])][_path(call)]
    except error.ManifestLookupError:
        raise Failure("node", call["path"]) from None


def _read(call: Call) -> None:
    """The content in pieces."""
    file = _file(call)
    if call["max_bytes"] is not None and _size_of(file) > call["max_bytes"]:
        raise Failure("too-large", call["path"])
    data = file.data()
    for start in range(0, len(data), PIECE):
        call.send(data[start : start + PIECE])


def _annotate(call: Call) -> list[list[Any]]:
    """[raw_id, line, content in base64]"""
    file = _file(call)
    if _size_of(file) > call["max_bytes"]:
        raise Failure("too-large", call["path"])
    return [
        [line.fctx.hex().decode(), line.lineno, base64.b64encode(line.text).decode()]
        for line in file.annotate(follow=True)
    ]


def _diff_pieces(old: Any, new: Any, options: dict[str, Any]) -> Iterator[bytes]:
    repo = new.repo()
    match = scmutil.matchfiles(repo, [path_bytes(path) for path in options["paths"]]) if options["paths"] else None
    is_short = options["largest_file"] is not None
    wanted = mdiff.diffopts(
        git=True,
        showfunc=True,
        context=options["context"],
        ignorews=options["ignore_whitespace"],
        nobinary=is_short,
    )
    changes: list[list[bytes]] | None = None
    large: list[bytes] = []
    if is_short:
        changes, large = _shortened(old, new, match, options)
        match = scmutil.matchfiles(repo, [path for group in changes for path in group])
    copies: dict[bytes, bytes] | None = None if options["detect_renames"] else {}
    pieces: Iterator[bytes] = patch.diff(repo, old, new, match, changes=changes, opts=wanted, copy=copies)
    return chain(pieces, large)


def _shortened(old: Any, new: Any, match: Any, options: dict[str, Any]) -> tuple[list[list[bytes]], list[bytes]]:
    """[modified, added, removed] of the first files, without large ones; for these a piece each, without content."""
    status = old.status(new, match=match)
    groups = [status.modified, status.added, status.removed]
    first = sorted(path for group in groups for path in group)[: options["most_files"]]
    large = {path for path in first if max(_stored_size(old, path), _stored_size(new, path)) > options["largest_file"]}
    kept = {*first} - large
    return [[path for path in group if path in kept] for group in groups], [
        _named_only(old, new, path) for path in sorted(large)
    ]


def is_binary(original: Callable[[Any], bool], file: Any) -> bool:
    """Also what is too large to be compared by lines, for which Mercurial takes several times its size of memory."""
    return file.size() > LARGEST_TEXT or original(file)


def _stored_size(context: Any, path: bytes) -> int:
    """Nearly the size of a file, without reading it; 0 where there is none."""
    return stored_size(context.repo().file(path), context.filenode(path)) if path in context else 0


def _size_of(file: Any) -> int:
    return size_in(file.filelog(), file.filenode())


def _named_only(old: Any, new: Any, path: bytes) -> bytes:
    lines = [b"diff --git a/%s b/%s" % (path, path)]
    if path not in old:
        lines.append(b"new file mode %o" % _file_mode(new.flags(path)))
    elif path not in new:
        lines.append(b"deleted file mode %o" % _file_mode(old.flags(path)))
    return b"\n".join([*lines, b"Binary files differ\n"])


def _diff(call: Call) -> None:
    """Pieces of a Git-format diff."""
    repo = call.repo
    new = repo[node_of(repo, call["new"])]
    old = repo[repo.nullid] if call["old"] is None else repo[node_of(repo, call["old"])]
    call.send_pieces(_diff_pieces(old, new, call["options"]))


def _diff_between(call: Call) -> None:
    """Pieces of a diff from ``old`` here to ``new`` in the repository at ``other``."""
    with joined(call, call.path("other"), call["new"]) as repo:
        old = repo[node_of(call.repo, call["old"])]
        new = repo[unhex(call["new"])]
        call.send_pieces(_diff_pieces(old, new, call["options"]))


def _common_ancestor(call: Call) -> str:
    """Of ``a`` here and ``b`` in the repository at ``other``."""
    with joined(call, call.path("other"), call["b"]) as repo:
        found = repo[node_of(call.repo, call["a"])].ancestor(repo[unhex(call["b"])])
        return "" if found.rev() == nullrev else found.hex().decode()


def _patch(call: Call) -> None:
    """A header as Kallithea writes it, with the date as it was in a ``zone``, and the diff against the first parent."""
    repo = call.repo
    new = repo[node_of(repo, call["raw_id"])]
    date = moment(new.date()[0], ZoneInfo(call["zone"])).strftime("%Y-%m-%d %H:%M:%S").encode()
    lines = [b"# HG changeset patch", b"# User " + new.user(), b"# Date " + date, b"# Node ID " + new.hex()]
    lines += [b"# Parent  " + parent.hex() for parent in new.parents() if parent.rev() >= 0]
    lines += [b"", new.description(), b"", b""]

    def pieces() -> Iterator[bytes]:
        yield b"\n".join(lines)
        yield from _diff_pieces(new.p1(), new, call["options"])
        yield b"\n"

    call.send_pieces(pieces())


class joined:  # noqa: N801 - used as a function
    """A view of this repository together with the ancestors of a changeset of another; nothing is written to either.

    The other's changesets go through a bundle in a temporary folder unless this one has them already.
    """

    def __init__(self, call: Call, other: bytes, raw_id: str) -> None:
        self._call = call
        self._other = other
        self._raw_id = raw_id
        self._folder: bytes | None = None

    def __enter__(self) -> Any:
        repo = self._call.repo
        try:
            node_of(repo, self._raw_id)
        except Failure:
            source = CACHE.get(self._call.ui, self._other)
        else:
            return repo
        head = node_of(source, self._raw_id)
        self._folder = tempfile.mkdtemp(prefix=b"kallithea-bundle-")
        path = os.path.join(self._folder, b"bundle.hg")
        outgoing = outgoing_to(source, repo, [head])
        bundle2.writenewbundle(source.ui, source, b"kallithea", path, b"HG20", outgoing, {}, compression=b"UN")
        self._joined = bundlerepo.makebundlerepository(repo.baseui, repo.root, path)
        return self._joined.unfiltered()

    def __exit__(self, *_problem: object) -> None:
        if self._folder is not None:
            self._joined.close()
            shutil.rmtree(self._folder, ignore_errors=True)


def outgoing_to(source: Any, repo: Any, heads: list[bytes]) -> Any:
    """What ``repo`` lacks of the ancestors of ``heads`` in ``source``."""
    return discovery.outgoing(source, common_with(source, heads, repo), heads)


def _archive(call: Call) -> None:
    """A tar (not compressed) or zip of the whole tree, in pieces."""
    repo = call.repo
    context = repo[node_of(repo, call["raw_id"])]
    prefix = path_bytes(call["prefix"])
    mtime = int(moment(context.date()[0]).timestamp())
    writer = _zip if call["format"] == "zip" else _tar
    writer(_Output(call), _entries(context, prefix + b"/"), mtime)


def _entries(context: Any, prefix: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """(name, mode, content) of each file, sorted, after Mercurial's own note of what this is."""
    repo = context.repo()
    yield prefix + b".hg_archival.txt", 0o100644, archival.buildmetadata(context)
    manifest = context.manifest()
    for path, node, flags in sorted(manifest.iterentries()):
        if _safe(path) and not any(folder in manifest for folder in _folders(path)):
            yield prefix + path, _file_mode(flags), repo.file(path).read(node)


def _folders(path: bytes) -> Iterator[bytes]:
    """Those around a file. Where one is a file as well, such as a link, unpacking could leave the archive by it."""
    end = path.find(b"/")
    while end >= 0:
        yield path[:end]
        end = path.find(b"/", end + 1)


def _safe(path: bytes) -> bool:
    """A hostile repository can hold names that would leave the folder into which an archive is unpacked."""
    return not path.startswith(b"/") and not {b"", b".", b".."} & set(path.split(b"/"))


class _Output:
    """A file to write into, not to seek in."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        self._size += len(data)
        if self._size >= PIECE:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._size:
            self._call.send_pieces(self._waiting)
            self._waiting, self._size = [], 0


def _tar(output: Any, entries: Iterable[tuple[bytes, int, bytes]], mtime: int) -> None:
    with tarfile.open(mode="w|", fileobj=output, format=tarfile.GNU_FORMAT, bufsize=PIECE) as archive:
        for name, mode, data in entries:
            entry = tarfile.TarInfo(os.fsdecode(name))
            entry.mtime = mtime
            if mode == _SYMLINK:
                entry.type = tarfile.SYMTYPE
                entry.mode = 0o777
                entry.linkname = os.fsdecode(data)
                archive.addfile(entry)
            else:
                entry.mode = mode & 0o777
                entry.size = len(data)
                archive.addfile(entry, BytesIO(data))
    output.flush()


def _zip(output: Any, entries: Iterable[tuple[bytes, int, bytes]], mtime: int) -> None:
    date = time.gmtime(min(max(mtime, _ZIP_EPOCH), _ZIP_END))[:6]
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, mode, data in entries:
            entry = zipfile.ZipInfo(name.decode("utf-8", "replace"), date)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix: the modes count
            entry.external_attr = (mode | 0o777 if mode == _SYMLINK else mode) << 16
            archive.writestr(entry, data)
    output.flush()


OPERATIONS: dict[str, Operation] = {
    "nodes": _nodes,
    "node": _node,
    "read": _read,
    "annotate": _annotate,
    "diff": _diff,
    "diff_between": _diff_between,
    "common_ancestor": _common_ancestor,
    "patch": _patch,
    "archive": _archive,
}
