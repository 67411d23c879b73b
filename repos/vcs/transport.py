"""Clone, fetch and push over HTTP, one request at a time, by the tools' own servers.

Who may do what has been decided before: ``may_write`` is all that is left of it. Fetches stream; a push is complete
when :func:`serve` returns, so that its answer is sent after everything that it sets off.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import parse_qs

from repos.vcs import hgweb
from repos.vcs.errors import RemoteError, RepositoryNotFound, VcsError
from repos.vcs.git import GitRepository
from repos.vcs.git.isolation import git, git_environment, view
from repos.vcs.own import is_own
from repos.vcs.process import Stream, run
from repos.vcs.push_rules import PushResult, PushRules
from repos.vcs.types import Kind, RefUpdate

logger = logging.getLogger(__name__)

TIMEOUT = 3600.0  # seconds that one request may wait for the tool
MAX_PUSH_ANSWER = 64 << 20  # bytes: what the tool says about a push, never content
_CHUNK = 1 << 16
_NOTHING = "0" * 40

#: Mercurial's commands that only read; all others need the right to write.
HG_READS = frozenset(
    {
        "batch",
        "between",
        "branches",
        "branchmap",
        "capabilities",
        "changegroup",
        "changegroupsubset",
        "clonebundles",
        "clonebundles_manifest",
        "get_cached_bundle_inline",
        "getbundle",
        "heads",
        "hello",
        "known",
        "listkeys",
        "lookup",
        "protocaps",
        "stream_out",
    }
)
HG_WRITES = frozenset({"pushkey", "unbundle"})
_GIT_PROTOCOL = re.compile(r"[a-z0-9=._-]+(:[a-z0-9=._-]+)*")


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. ``service``: what follows the repository's URL, for Git ``/info/refs``; empty for Mercurial.

    ``headers``: lower-case names. ``body``: ends by itself; ``length``: of the body where the client said so.
    """

    method: str
    service: str
    query: str
    headers: Mapping[str, str]
    body: Reader
    length: int | None = None
    remote_user: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: Iterable[bytes]  # a generator is closed by whoever stops early
    pushed: PushResult | None = field(default=None)  # of a request that may write


class NotTransport(VcsError):
    """The request is none of the protocol's."""


def needs_write(kind: Kind | str, service: str, query: str) -> bool:
    """Whether a request is part of a push. ``NotTransport`` when it is none of the protocol's."""
    fields = parse_qs(query, keep_blank_values=True)
    if Kind(kind) is Kind.GIT:
        name = fields.get("service", [""])[0] if service == "/info/refs" else service.removeprefix("/")
        if name not in ("git-upload-pack", "git-receive-pack"):
            raise NotTransport("only Git's smart protocol is spoken here")
        return name == "git-receive-pack"
    commands = fields.get("cmd", [])
    if service or len(commands) != 1 or commands[0] not in HG_READS | HG_WRITES:
        raise NotTransport("no such command")
    return commands[0] in HG_WRITES


def serve(
    kind: Kind | str,
    path: Path,
    request: Request,
    *,
    may_write: bool,
    rules: PushRules = PushRules(),
) -> Response:
    """Answer one request about the repository at ``path``.

    Raises ``NotTransport``, ``RepositoryNotFound``, and ``VcsError`` when the tool fails before it has answered.
    """
    writes = needs_write(kind, request.service, request.query)
    if writes and not may_write:
        raise RemoteError("no right to write")
    body = _Body(request)
    if Kind(kind) is Kind.HG:
        if not is_own(Kind.HG, path):
            raise RepositoryNotFound(f"no Mercurial repository at {path.name}")
        return _hg(path, request, body, writes, rules)
    if request.service == "/info/refs":
        return _git_references(path, request, writes)
    if request.method != "POST":
        raise NotTransport("a POST is needed")
    if writes:
        return _git_push(path, body, rules)
    return Response(200, _git_headers("git-upload-pack", "result"), _git_fetch(path, request, body))


class _Body(Iterable[bytes]):
    """A request's body in pieces, unpacked. One that breaks off just ends, and the tool undoes what it began."""

    def __init__(self, request: Request) -> None:
        self._reader = request.body
        self._left = request.length
        self._packed = request.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip")

    def _raw(self) -> Iterator[bytes]:
        while self._left is None or self._left > 0:
            try:
                piece = self._reader.read(_CHUNK if self._left is None else min(_CHUNK, self._left))
            except (OSError, ValueError, EOFError) as error:
                logger.info("a client went away during its request: %s", error)
                return
            if not piece:
                return
            if self._left is not None:
                self._left -= len(piece)
            yield piece

    def __iter__(self) -> Iterator[bytes]:
        if not self._packed:
            yield from self._raw()
            return
        unpack = zlib.decompressobj(wbits=31)
        for piece in self._raw():
            data = piece
            while data:
                try:
                    unpacked = unpack.decompress(data, 1 << 20)
                except zlib.error:
                    return
                if unpacked:
                    yield unpacked
                data = unpack.unconsumed_tail

    def drain(self) -> None:
        """Read what the tool did not want, so that the client gets to reading the answer."""
        for _ in self._raw():
            pass


# -- Git ----------------------------------------------------------------------------------------------------------

_GIT_CONFIG = {
    # Branches, tags and notes are everybody's; what the server keeps for itself is neither shown nor written to.
    "transfer.hideRefs": ("refs/", "!refs/heads/", "!refs/tags/", "!refs/notes/"),
    "transfer.fsckObjects": ("true",),
    "receive.fsck.zeroPaddedFilemode": ("ignore",),  # harmless, and part of many old histories
    "receive.fsck.badTimezone": ("ignore",),
    "receive.fsck.missingSpaceBeforeDate": ("ignore",),
    "receive.autogc": ("false",),
    "receive.advertisePushOptions": ("false",),
    "receive.updateServerInfo": ("false",),
    "uploadpack.allowFilter": ("true",),
    # Flat memory: large files are streamed and not compared with each other.
    "core.bigFileThreshold": ("20m",),
    "core.packedGitWindowSize": ("16m",),
    "pack.windowMemory": ("100m",),
}


def _git_env(extra: Mapping[str, str] = {}, *, hooks: Path | None = None) -> dict[str, str]:
    pairs = [(key, value) for key, values in _GIT_CONFIG.items() for value in values]
    pairs += [("safe.directory", "*"), ("core.hooksPath", str(hooks) if hooks else "/dev/null")]
    env = {"GIT_CONFIG_COUNT": str(len(pairs)), **extra}
    for number, (key, value) in enumerate(pairs):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return git_environment(extra=env)


def _git_protocol(request: Request) -> dict[str, str]:
    wanted = request.headers.get("git-protocol", "")
    return {"GIT_PROTOCOL": wanted} if len(wanted) < 1000 and _GIT_PROTOCOL.fullmatch(wanted) else {}


def _git_headers(service: str, what: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", f"application/x-{service}-{what}"), ("Cache-Control", "no-cache, max-age=0"))


def _git_references(path: Path, request: Request, writes: bool) -> Response:
    if request.method not in ("GET", "HEAD"):
        raise NotTransport("a GET is needed")
    service = "git-receive-pack" if writes else "git-upload-pack"
    protocol = {} if writes else _git_protocol(request)  # a push is always version 0
    with view(path) as folder:
        told = run(
            git(service.removeprefix("git-"), "--stateless-rpc", "--http-backend-info-refs", folder),
            env=_git_env(protocol),
            timeout=TIMEOUT,
        )
    if "version=2" not in protocol.get("GIT_PROTOCOL", "").split(":"):
        line = f"# service={service}\n"
        told = f"{len(line) + 4:04x}{line}0000".encode() + told
    return Response(200, _git_headers(service, "advertisement"), [told], PushResult() if writes else None)


def _git_fetch(path: Path, request: Request, body: _Body) -> Iterator[bytes]:
    with (
        view(path) as folder,
        Stream(
            git("upload-pack", "--stateless-rpc", folder),
            input=body,
            env=_git_env(_git_protocol(request)),
            timeout=TIMEOUT,
            max_output=None,
            ok=(0, 128),  # what went wrong has been said inside the protocol
        ) as output,
    ):
        yield from output


def _git_push(path: Path, body: _Body, rules: PushRules) -> Response:
    with view(path) as folder:
        hooks = folder / "hooks"
        hooks.mkdir()
        moved = folder / "moved"
        _hook(hooks / "post-receive", f'exec cat >"{moved}"')
        extra = {}
        if rules:
            _hook(hooks / "pre-receive", f'exec "{sys.executable}" -I -S "{_PRE_RECEIVE}"')
            extra["PUSH_RULES"] = rules.to_json()
        told = run(
            git("receive-pack", "--stateless-rpc", folder),
            input=body,
            env=_git_env(extra, hooks=hooks),
            timeout=TIMEOUT,
            max_output=MAX_PUSH_ANSWER,
            ok=(0, 1, 128),
        )
        body.drain()
        updates = _git_updates(moved)
        changesets = _git_new(folder, updates) if updates else ()
    if updates:
        GitRepository(path).follow_head()
    return Response(200, _git_headers("git-receive-pack", "result"), [told], PushResult(updates, changesets))


_PREFIXES: dict[Literal["branch", "tag"], str] = {"branch": "refs/heads/", "tag": "refs/tags/"}
_PRE_RECEIVE = Path(__file__).with_name("git_pre_receive.py")


def _hook(file: Path, command: str) -> None:
    file.write_text(f"#!/bin/sh\n{command}\n")
    file.chmod(0o700)


def _git_updates(moved: Path) -> tuple[RefUpdate, ...]:
    """What the references' new values are, from the lines of Git's hook."""
    if not moved.exists():
        return ()
    updates = []
    for line in _lines(moved.read_bytes()):
        old, new, name = line.split(" ", 2)
        for kind, prefix in _PREFIXES.items():
            if name.startswith(prefix):
                values = (None if value == _NOTHING else value for value in (old, new))
                updates.append(RefUpdate(kind, name.removeprefix(prefix), *values))
    return tuple(updates)


def _git_new(folder: Path, updates: tuple[RefUpdate, ...]) -> tuple[str, ...]:
    """Commits that the new values reach and that nothing reached before, oldest first."""
    new = {update.new for update in updates if update.new}
    if not new:
        return ()
    here = {_PREFIXES["branch" if update.type == "branch" else "tag"] + update.name for update in updates}
    listed = run(git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"), env=_in(folder))
    known = {line[:40] for line in _lines(listed) if line[41:] not in here}
    known |= {update.old for update in updates if update.old}
    asked = "".join(f"{raw_id}\n" for raw_id in new) + "".join(f"^{raw_id}\n" for raw_id in known)
    out = run(
        git("rev-list", "--reverse", "--topo-order", "--ignore-missing", "--stdin"),
        input=asked.encode(),
        env=_in(folder),
    )
    return tuple(out.decode("ascii").split())


def _lines(output: bytes) -> list[str]:
    """The lines that Git wrote. The name of a reference may hold what Python takes for the end of a line (U+2028)."""
    return output.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _in(folder: Path) -> dict[str, str]:
    return {**_git_env(), "GIT_DIR": str(folder)}


# -- Mercurial ----------------------------------------------------------------------------------------------------


def _hg(path: Path, request: Request, body: _Body, writes: bool, rules: PushRules) -> Response:
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "",
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_USER": request.remote_user,
        "REMOTE_HOST": "",
        "REMOTE_ADDR": "",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
    }
    for name, value in request.headers.items():
        if name in ("accept", "user-agent") or name.startswith("x-hg"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    if request.length is not None and not request.headers.get("content-encoding"):
        environ["CONTENT_LENGTH"] = str(request.length)
    # Only what is a push by name may write: a batch is checked command by command by hgweb itself.
    asked = {"path": str(path), "environ": environ, "may_write": writes, "rules": rules.to_json()}
    done: list[PushResult] = []
    frames = hgweb.frames(asked, body)
    status, headers = json.loads(next(_hg_frames(frames, b"H", done), b"[500, []]"))
    kept = tuple((name, value) for name, value in headers if name.lower() in ("content-type", "content-length"))
    pieces = _hg_frames(frames, b"D", done)
    if not writes:
        return Response(status, kept, pieces)
    told = list(pieces)
    body.drain()
    return Response(
        status,
        kept,
        told,
        PushResult(
            tuple(update for result in done for update in result.refs),
            tuple(raw_id for result in done for raw_id in result.changesets),
            tuple(raw_id for result in done for raw_id in result.hidden),
        ),
    )


def _hg_frames(frames: Iterator[tuple[bytes, bytes]], wanted: bytes, done: list[PushResult]) -> Iterator[bytes]:
    """The contents of one kind of frames; what transactions changed is put into ``done`` on the way."""
    for letter, content in frames:
        if letter == wanted:
            yield content
        elif letter == b"R":
            data = json.loads(content)
            refs = tuple(RefUpdate("bookmark", name, old, new) for name, old, new in data["bookmarks"])
            done.append(PushResult(refs, tuple(data["changesets"]), tuple(data["hidden"])))
