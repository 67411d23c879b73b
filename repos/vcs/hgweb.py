"""The server's side of :mod:`repos.vcs.hgweb_worker`: one worker per process, one connection per request."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from repos.vcs.errors import ToolTimeout, VcsError
from repos.vcs.hg_server import LONG_MEMORY
from repos.vcs.process import Helper

TIMEOUT = 900.0  # seconds without a sign of the worker
_ENVIRONMENT = {
    "HGRCPATH": "",
    "HGRCSKIPREPO": "1",
    "HGPLAIN": "1",
    "HGENCODING": "utf-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_ROOT = Path(__file__).resolve().parents[2]


class _Worker:
    def __init__(self) -> None:
        self.owner = os.getpid()
        self._folder = tempfile.mkdtemp(prefix="hgweb-")
        self._address = os.path.join(self._folder, "socket")
        self._helper = Helper(
            [sys.executable, "-m", "repos.vcs.hgweb_worker", self._address],
            cwd=_ROOT,
            env=_ENVIRONMENT,
            memory=LONG_MEMORY,  # for each request
        )
        self._helper.write(b"")  # starts the clock of the answer
        self._helper.read_until(b"\n")

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._address)
        except OSError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        self._helper.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __del__(self) -> None:
        if os.getpid() == self.owner:
            shutil.rmtree(self._folder, ignore_errors=True)


_worker: _Worker | None = None
_lock = threading.Lock()


def _connect() -> socket.socket:
    """A connection to this process's worker, which is started when there is none or it has died."""
    global _worker  # noqa: PLW0603 - one per process
    with _lock:
        if _worker is not None and _worker.owner == os.getpid():
            try:
                return _worker.connect()
            except OSError:
                _worker.close()
        _worker = _Worker()
        return _worker.connect()


def frames(asked: dict[str, object], body: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Send a request; the frames of its answer, the last of which is ``E``. ``VcsError`` when the worker fails.

    ``body`` is taken piece by piece while the worker has room. Closing the iterator ends the request.
    """
    connection = _connect()
    with connection:
        connection.setblocking(False)
        pieces = iter(body)
        sending = memoryview(json.dumps(asked).encode() + b"\n")
        received = bytearray()
        poll = select.poll()
        poll.register(connection, select.POLLIN | select.POLLOUT)
        while True:
            events = poll.poll(TIMEOUT * 1000)
            if not events:
                raise ToolTimeout("hg took too long")
            if events[0][1] & select.POLLOUT:
                if not sending:
                    sending = memoryview(next((piece for piece in pieces if piece), b""))
                try:
                    ended = not sending
                    sending = sending[connection.send(sending) :] if sending else sending
                    if ended:
                        connection.shutdown(socket.SHUT_WR)
                except BlockingIOError:
                    pass
                except OSError:  # the worker wants no more; its answer says why
                    ended = True
                if ended:
                    poll.modify(connection, select.POLLIN)
            if not events[0][1] & ~select.POLLOUT:
                continue
            try:
                data = connection.recv(1 << 17)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if not data:
                raise VcsError("the worker of hg ended before its answer")
            received += data
            while len(received) >= 5 and len(received) >= 5 + (size := struct.unpack(">I", received[1:5])[0]):
                letter, content = bytes(received[:1]), bytes(received[5 : 5 + size])
                del received[: 5 + size]
                if letter == b"X":
                    raise VcsError(content.decode("utf-8", "replace"))
                yield letter, content
                if letter == b"E":
                    return
