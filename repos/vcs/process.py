"""The one place where processes start.

List arguments only, an environment built from nothing, a process group of its own, a time limit, bounded output.
Whoever stops listening (an exception, ``close()``) ends the whole group.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from repos.vcs.errors import TooLarge, ToolError, ToolTimeout, VcsError

Argument = str | bytes | Path

TIMEOUT = 60.0
MAX_OUTPUT = 256 * 1024 * 1024
#: Bytes of memory for a command of Git that goes through trees path by path. A few kilobytes of trees inside each other
#: can have more paths than any machine has memory. (Files that it maps do not count.)
MAX_MEMORY = 1 << 30
_PATH_BY_PATH = frozenset({"archive", "blame", "diff-tree", "ls-tree", "merge-tree"})
CHUNK = 1 << 17
_STDERR_KEPT = 4096
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s]*@")
_LINE_END = re.compile(rb"[\r\n]+")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a tool may know: where programs and temporary files are, UTF-8, UTC, no home of anyone's. ``extra`` wins."""
    return {
        **({"TMPDIR": os.environ["TMPDIR"]} if "TMPDIR" in os.environ else {}),
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",
        **(extra or {}),
    }


def without_credentials(text: str) -> str:
    """``text`` with ``scheme://user:password@`` made ``scheme://***@``."""
    return _CREDENTIALS.sub(r"\1***@", text)


class Stream(Iterator[bytes]):
    """A running process as an iterator over its output; started at once, ended by :meth:`close` or exhaustion.

    ``timeout`` counts the seconds spent waiting for the tool, not those that the consumer takes. Raises
    ``ToolTimeout``, ``TooLarge`` above ``max_output`` bytes, and ``ToolError`` at the end for a status not in ``ok``
    (``status`` holds it afterwards). ``on_stderr`` gets each line of stderr, e.g. a progress report. ``input`` may
    come in pieces, each taken when the tool has room for it. ``memory``: bytes that it may have.
    """

    def __init__(
        self,
        args: Sequence[Argument],
        *,
        cwd: Path | None = None,
        input: bytes | Iterable[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        max_output: int | None = MAX_OUTPUT,
        ok: Sequence[int] = (0,),
        on_stderr: Callable[[str], None] | None = None,
        memory: int | None = None,
    ) -> None:
        self.status: int | None = None
        self._tool = Path(os.fsdecode(args[0])).name
        self._ok = ok
        self._left = timeout
        self._room = max_output
        self._pieces = iter((input,) if isinstance(input, bytes) else input or ())
        self._input = memoryview(b"")
        self._on_stderr = on_stderr
        self._stderr = b""
        self._line = b""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = _start(
            args,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if input else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            memory=memory,
        )
        self._poll = select.poll()
        self._out = _number(self._process.stdout)
        self._open = {self._out, _number(self._process.stderr)}
        for fd in self._open:
            self._poll.register(fd, select.POLLIN)
        self._in = -1
        if self._process.stdin is not None:
            self._in = _number(self._process.stdin)
            os.set_blocking(self._in, False)
            self._poll.register(self._in, select.POLLOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __next__(self) -> bytes:
        try:
            chunk = self._read()
        except BaseException:
            self.close()
            raise
        if chunk is None:
            raise StopIteration
        return chunk

    def _read(self) -> bytes | None:
        if self._process is None:
            return None
        while self._open:
            before = time.monotonic()
            events = self._poll.poll(max(0.0, self._left) * 1000)
            self._left -= time.monotonic() - before
            if not events:
                raise ToolTimeout(f"{self._tool} took too long")
            chunk = None
            for fd, _ in events:
                if fd == self._in:
                    self._feed(self._process)
                    continue
                data = os.read(fd, CHUNK)
                if not data:
                    self._poll.unregister(fd)
                    self._open.discard(fd)
                elif fd == self._out:
                    chunk = data
                else:
                    self._hear(data)
            if chunk is not None:
                if self._room is not None:
                    self._room -= len(chunk)
                    if self._room < 0:
                        raise TooLarge(f"the answer of {self._tool} is too large")
                return chunk
        self._finish(self._process)
        return None

    def _finish(self, process: subprocess.Popen[bytes]) -> None:
        try:
            self.status = process.wait(max(0.1, self._left))
        except subprocess.TimeoutExpired:
            raise ToolTimeout(f"{self._tool} took too long") from None
        self._release()
        if self._on_stderr is not None and self._line:
            self._on_stderr(_text(self._line))
        if self.status not in self._ok:
            if b"ut of memory" in self._stderr:
                raise TooLarge(f"the answer of {self._tool} is too large")
            raise ToolError(self._tool, self.status, self.stderr)

    @property
    def stderr(self) -> str:
        """The last few kilobytes that the tool said, without credentials."""
        return _text(self._stderr)

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        if not self._input:
            self._input = memoryview(next((piece for piece in self._pieces if piece), b""))
        ended = not self._input
        try:
            self._input = self._input[os.write(self._in, self._input[:65536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the tool wants no more; its status says whether that is an error
            ended = True
        if ended and process.stdin is not None:
            self._poll.unregister(self._in)
            process.stdin.close()
            self._in = -1

    def _hear(self, data: bytes) -> None:
        self._stderr = (self._stderr + data)[-_STDERR_KEPT:]
        if self._on_stderr is not None:
            *lines, self._line = _LINE_END.split(self._line[-_STDERR_KEPT:] + data)
            for line in lines:
                if line:
                    self._on_stderr(_text(line))

    def close(self) -> None:
        """End the process and all it started. Harmless when it has ended."""
        with self._lock:
            if self._process is None:
                return
            _kill(self._process)
            self.status = self._process.returncode
            self._release()

    def _release(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            _close_pipes(process)

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.close()


#: Start a process and read its output in pieces: see :class:`Stream`.
stream = Stream


def run(
    args: Sequence[Argument],
    *,
    cwd: Path | None = None,
    input: bytes | Iterable[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    max_output: int | None = MAX_OUTPUT,
    ok: Sequence[int] = (0,),
    on_stderr: Callable[[str], None] | None = None,
    memory: int | None = None,
) -> bytes:
    """The whole output of a process. Arguments and errors as for :class:`Stream`."""
    with Stream(
        args,
        cwd=cwd,
        input=input,
        env=env,
        timeout=timeout,
        max_output=max_output,
        ok=ok,
        on_stderr=on_stderr,
        memory=memory,
    ) as output:
        return b"".join(output)


class Helper:
    """A long-lived process that answers on its output what is written to its input. Not for two threads at once.

    After any error here (``ToolTimeout``, ``HelperGone``) the process is gone. A copy that a ``fork`` made
    never touches the parent's process. Requests must fit into a pipe (64 KiB) while answers are unread.
    ``memory``: bytes that it may have, and so may each process that it starts.
    """

    def __init__(
        self,
        args: Sequence[Argument],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        memory: int | None = None,
    ) -> None:
        self._tool = Path(os.fsdecode(args[0])).name
        self._owner = os.getpid()
        self._buffer = bytearray()
        self._process: subprocess.Popen[bytes] | None = _start(
            args, cwd=cwd, env=env, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, memory=memory
        )
        self._in, self._out = _number(self._process.stdin), _number(self._process.stdout)
        os.set_blocking(self._in, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._out, select.POLLIN)
        self._writable.register(self._in, select.POLLOUT)
        self._deadline = time.monotonic() + TIMEOUT

    @property
    def alive(self) -> bool:
        return self._process is not None and self._owner == os.getpid()

    def write(self, data: bytes, *, timeout: float = TIMEOUT) -> None:
        """Ask. The time limit holds for the answer too, until the next question."""
        if not self.alive:
            raise HelperGone(self._tool)
        self._deadline = time.monotonic() + timeout
        view = memoryview(data)
        while view:
            self._wait(self._writable)
            try:
                view = view[os.write(self._in, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                self.close()
                raise HelperGone(self._tool) from None

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes."""
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def read_some(self, limit: int) -> bytes:
        """At least one and at most ``limit`` bytes, as they come."""
        if not self._buffer:
            self._fill()
        return self._take(min(limit, len(self._buffer)))

    def read_until(self, end: bytes, *, max_bytes: int = MAX_OUTPUT) -> bytes:
        """Everything before ``end``, which is taken too. ``TooLarge`` (and the process gone) above ``max_bytes``."""
        start = 0
        while (at := self._buffer.find(end, start)) < 0:
            if len(self._buffer) > max_bytes:
                self.close()
                raise TooLarge(f"the answer of {self._tool} is too large")
            start = max(0, len(self._buffer) - len(end) + 1)
            self._fill()
        return self._take(at + len(end))[: -len(end)]

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> None:
        if not self.alive:
            raise HelperGone(self._tool)
        self._wait(self._readable)
        data = os.read(self._out, CHUNK)
        if not data:
            self.close()
            raise HelperGone(self._tool)
        self._buffer += data

    def _wait(self, poll: select.poll) -> None:
        if not poll.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
            self.close()
            raise ToolTimeout(f"{self._tool} took too long")

    def close(self) -> None:
        """End the process. Harmless when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._owner == os.getpid():
            _kill(process)
        else:
            process.returncode = 0  # the parent's child: not ours to wait for
        _close_pipes(process)

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.close()


class HelperGone(VcsError):
    """A helper process ended before it answered; a new one may."""

    def __init__(self, tool: str) -> None:
        super().__init__(f"the helper process {tool} ended")


def _start(
    args: Sequence[Argument],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: int,
    stderr: int,
    memory: int | None,
) -> subprocess.Popen[bytes]:
    if memory is None and not _PATH_BY_PATH.isdisjoint(args):
        memory = MAX_MEMORY
    if memory is not None:  # set before it begins, so that what it starts at once has the bound as well
        args = ("sh", "-c", f'ulimit -d {memory >> 10} 2>/dev/null; exec "$@"', "sh", *args)
    return subprocess.Popen(
        list(args),
        cwd=cwd or "/",
        env=environment(env),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
        bufsize=0,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the group. The leader is not reaped before, so that its number cannot belong to anyone else."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            process.kill()
        process.wait()


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None and not pipe.closed:
            pipe.close()


def _number(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise ValueError("the process has no such pipe")
    return pipe.fileno()


def _text(data: bytes) -> str:
    return without_credentials(data.decode("utf-8", "replace"))
