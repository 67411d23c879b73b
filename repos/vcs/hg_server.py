"""Mercurial processes: a few long-lived command servers, and a process of its own for what takes long.

Both run the extension of :mod:`repos.vcs.hg_extension` in an environment of their own: no configuration of the system,
of a user or of a repository, no hooks, no extensions but ours. A server belongs to no repository; it keeps some open.
The protocol between us is Mercurial's own (``hg help internals.command-server``).
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from repos.vcs import hg_extension
from repos.vcs.errors import (
    EmptyRepository,
    NodeNotFound,
    RefMoved,
    RepositoryNotFound,
    RevisionNotFound,
    TooLarge,
    ToolError,
    ToolTimeout,
    VcsError,
)
from repos.vcs.process import CHUNK, Helper, HelperGone, Stream, stream, without_credentials

TIMEOUT = 60.0
MAX_SERVERS = 4
#: A server is replaced after this many questions, so that what Mercurial caches cannot grow without end.
MAX_QUESTIONS = 5000
#: Answers up to this size free their server before the caller gets the first piece.
READ_AHEAD = 1 << 20
MAX_SPOOLED = 1 << 30
#: Bytes of memory for a server. Of a file Mercurial holds three copies, to compare it eight; and one that is all zeros
#: costs nobody anything who pushes it.
MAX_MEMORY = 2 << 30
#: For what takes long, and for a push or clone over HTTP: as much as the largest file that Mercurial can hold takes.
LONG_MEMORY = 6 << 30

_EXTENSION = Path(hg_extension.__file__).parent / "command.py"
_ROOT = _EXTENSION.parents[3]
_START = "import hgdemandimport; hgdemandimport.enable(); from mercurial import dispatch; dispatch.run()"

ENVIRONMENT = {
    "HGRCPATH": "",
    "HGRCSKIPREPO": "1",
    "HGPLAIN": "+strictflags",
    "HGPLAINEXCEPT": "progress",
    "HGENCODING": "utf-8",
    "HGENCODINGMODE": "strict",
    "PYTHONPATH": str(_ROOT),
}

_CONFIG = (
    f"extensions.kallithea={_EXTENSION}",
    "extensions.git=!",  # these would load themselves for a repository that asks for them
    "extensions.largefiles=!",
    "extensions.lfs=!",
    "ui.interactive=false",
    "ui.timeout=60",  # seconds to wait for a lock
    "ui.fallbackencoding=ascii",  # what is not UTF-8 becomes U+FFFD instead of a guess
    "subrepos.allowed=false",
    "worker.enabled=false",
)
_FRAME = struct.Struct(">cI")


def hg_command(*arguments: str, config: tuple[str, ...] = ()) -> list[str]:
    """A command line that runs the Mercurial of this very Python, whichever ``hg`` is on the path."""
    options = [part for setting in (*_CONFIG, *config) for part in ("--config", setting)]
    return [sys.executable, "-P", "-c", _START, *options, *arguments]


class _Server:
    """One command server. Not for two threads at once; gone after any error but a :class:`_Refused`."""

    def __init__(self) -> None:
        self._helper = Helper(hg_command("serve", "--cmdserver", "pipe"), env=ENVIRONMENT, memory=MAX_MEMORY)
        self.owner = os.getpid()
        self.questions = 0
        self._helper.write(b"", timeout=TIMEOUT)
        self._frame()

    @property
    def usable(self) -> bool:
        return self._helper.alive and self.questions < MAX_QUESTIONS

    def send(self, request: bytes, timeout: float) -> Iterator[bytes]:
        """Send a request. ``HelperGone`` raised here means that nobody got it; later it may have been carried out.

        The pieces of its answer: each may take ``timeout`` seconds, not counting what the caller takes.
        """
        self.questions += 1
        arguments = b"kallithea\0" + request
        self._helper.write(b"runcommand\n" + struct.pack(">I", len(arguments)) + arguments, timeout=timeout)
        return self._answer(timeout)

    def _answer(self, timeout: float) -> Iterator[bytes]:
        said = b""
        while True:
            channel, data = self._frame()
            if channel == b"o":
                yield data
                self._helper.write(b"", timeout=timeout)
            elif channel == b"e":
                said = (said + data)[-4096:]
            elif channel == b"r":
                (status,) = struct.unpack(">i", data)
                if status:
                    raise _Refused(status, said)
                return
            elif channel.isupper():  # it asks for input, which there is not
                self.close()
                raise ToolError("hg", 255, "asked for input")

    def _frame(self) -> tuple[bytes, bytes]:
        channel, size = _FRAME.unpack(self._helper.read(_FRAME.size))
        return channel, b"" if channel in (b"I", b"L") else self._helper.read(size)

    def close(self) -> None:
        self._helper.close()


class _Refused(Exception):
    """The extension answered with an error; the server is fine."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said


class _Pool:
    """The servers of this process, started when needed, the one used last first (it has most in its caches)."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.reset()

    def reset(self) -> None:
        """Forget every server: a forked child must neither use nor end those of its parent."""
        self._idle: list[_Server] = []
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(self._size)

    def take(self) -> _Server:
        if not self._room.acquire(timeout=TIMEOUT):
            raise ToolTimeout("all Mercurial servers are busy")
        try:
            with self._lock:
                if self._idle:
                    return self._idle.pop()
            return _Server()
        except BaseException:
            self._room.release()
            raise

    def give(self, server: _Server) -> None:
        if server.owner != os.getpid():
            return  # a copy that a fork made of somebody's answer
        if server.usable:
            with self._lock:
                self._idle.append(server)
        else:
            server.close()
        self._room.release()

    def idle(self) -> Iterator[_Server]:
        """Take every server that answers nobody, one after the other; each must be given back."""
        with self._lock:
            idle, self._idle = self._idle, []
        for server in idle:
            self._room.acquire()
            yield server

    def close(self) -> None:
        """End the servers that answer nobody."""
        for server in self.idle():
            server.close()
            self.give(server)


_POOL = _Pool(MAX_SERVERS)
os.register_at_fork(after_in_child=_POOL.reset)
close_servers = _POOL.close


class Answer(Iterator[bytes]):
    """The pieces of an answer. A short one is complete when this exists; a long one holds its server until the end.

    :meth:`close` before the end ends the server, since nothing else stops what it is writing.
    """

    def __init__(
        self, operation: str, path: Path, arguments: dict[str, Any], timeout: float, *, again: bool = True
    ) -> None:
        self._path = path
        self._ready: list[bytes] = []
        self._server: _Server | None = None
        request = _request(operation, path, arguments)
        for last_try in (False, True):
            self._server = _POOL.take()
            sent = False
            try:
                self._pieces = self._server.send(request, timeout)
                sent = True
                self._read_ahead()
                break
            except HelperGone:  # it had died while idle
                self.close()
                if last_try or (sent and not again):
                    raise
                self._ready = []
            except BaseException:
                self.close()
                raise
        self._ready.reverse()

    def _read_ahead(self) -> None:
        size = 0
        while size < READ_AHEAD:
            piece = self._next()
            if piece is None:
                return
            self._ready.append(piece)
            size += len(piece)

    def _next(self) -> bytes | None:
        if self._server is None:
            return None
        try:
            return next(self._pieces)
        except StopIteration:
            self._release()
            return None
        except _Refused as refused:
            self._release()
            raise _error(self._path, refused.status, refused.said.decode("utf-8", "replace")) from None

    def _release(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            _POOL.give(server)

    def __next__(self) -> bytes:
        if self._ready:
            return self._ready.pop()
        try:
            piece = self._next()
        except BaseException:
            self.close()
            raise
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_server", None) is not None:
            self.close()


def ask_pieces(operation: str, path: Path, /, *, timeout: float = TIMEOUT, **arguments: Any) -> Answer:
    """Ask a server of the pool for an answer in pieces. Errors of the question itself raise here, not later."""
    return Answer(operation, path, arguments, timeout)


class Spool(Iterator[bytes]):
    """All pieces of an answer, kept in memory or a temporary file: a slow reader must not hold a server."""

    def __init__(self, answer: Answer) -> None:
        self._file = tempfile.SpooledTemporaryFile(READ_AHEAD)  # noqa: SIM115 - closed by close()
        try:
            with answer:
                for piece in answer:
                    self._file.write(piece)
                    if self._file.tell() > MAX_SPOOLED:
                        raise TooLarge("the answer of hg is too large")
        except BaseException:
            self.close()
            raise
        self._file.seek(0)

    def __next__(self) -> bytes:
        piece = b"" if self._file.closed else self._file.read(CHUNK)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()


def ask_spooled(operation: str, path: Path, /, *, timeout: float = TIMEOUT, **arguments: Any) -> Spool:
    """Ask a server of the pool for an answer that somebody outside may read slowly."""
    return Spool(Answer(operation, path, arguments, timeout))


def ask(operation: str, path: Path, /, *, timeout: float = TIMEOUT, **arguments: Any) -> Any:
    """Ask a server of the pool for a value."""
    return _value(b"".join(ask_pieces(operation, path, timeout=timeout, **arguments)))


def change(operation: str, path: Path, /, *, timeout: float = TIMEOUT, **arguments: Any) -> Any:
    """Like :func:`ask` for what must not be done twice."""
    return _value(b"".join(Answer(operation, path, arguments, timeout, again=False)))


def forget(path: Path) -> None:
    """Let the idle servers close the repository at ``path``; a busy one notices by itself when the folder is gone."""
    request = _request("forget", path, {})
    for server in _POOL.idle():
        with contextlib.suppress(VcsError, _Refused):
            for _ in server.send(request, TIMEOUT):
                pass
        _POOL.give(server)


def run(
    operation: str,
    path: Path,
    /,
    *,
    timeout: float = TIMEOUT,
    progress: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    **arguments: Any,
) -> Any:
    """Run an operation in a process of its own: what takes long, or needs an environment of its own."""
    with (
        own_process(operation, path, timeout=timeout, progress=progress, env=env, **arguments) as pieces,
        _explained(path),
    ):
        return _value(b"".join(pieces))


def own_process(
    operation: str,
    path: Path,
    /,
    *,
    timeout: float = TIMEOUT,
    progress: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    **arguments: Any,
) -> Stream:
    """Start an operation in a process of its own, whose output is the answer. The request goes through its input."""
    show = ("progress.assume-tty=true", "progress.delay=0", "progress.format=topic number") if progress else ()
    settings = ("ui.message-output=stderr", *show)  # the output is for the answer alone
    return stream(
        hg_command("kallithea", "-", config=settings),
        env={**ENVIRONMENT, **(env or {})},
        input=_request(operation, path, arguments),
        timeout=timeout,
        max_output=None,
        on_stderr=progress,
        memory=LONG_MEMORY,
    )


def explained(path: Path, pieces: Stream) -> Iterator[bytes]:
    """The pieces of a process of its own, with its errors made ours. Closing ends the process."""
    with pieces, _explained(path):
        yield from pieces


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except ToolError as error:
        raise _error(path, error.status, error.stderr) from None


def _request(operation: str, path: Path, arguments: dict[str, Any]) -> bytes:
    return json.dumps({"operation": operation, "repository": str(path), **arguments}).encode("ascii")


def _value(data: bytes) -> Any:
    return json.loads(data) if data else None


def _error(path: Path, status: int, said: str) -> VcsError:
    """What the last line of the error channel says, as an exception."""
    try:
        answer = json.loads(said.strip().rpartition("\n")[2])
        kind, value = answer["error"], answer["value"]
    except (ValueError, TypeError, KeyError):
        return ToolError("hg", status, without_credentials(said))
    match kind:
        case "no-repository":
            return RepositoryNotFound(f"no Mercurial repository at {path.name}")
        case "empty":
            return EmptyRepository("the repository is empty")
        case "revision":
            return RevisionNotFound(value)
        case "node":
            return NodeNotFound(value)
        case "too-large":
            return TooLarge(f"{value} is too large")
        case "moved":
            return RefMoved(str(value))
        case "locked":
            return ToolTimeout("the repository is locked by somebody else")
    return VcsError(without_credentials(str(value)))
