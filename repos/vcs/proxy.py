"""A forward proxy for one clone: loopback only, a random password, and it connects only where it is told it may.

It carries ``CONNECT`` (HTTPS) and plain requests (HTTP), one request per connection, for as long as its context.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import re
import secrets
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from repos.vcs.errors import RemoteError

#: ``(host, port)`` -> the addresses to try; ``RemoteError`` when none may be used.
AddressesOf = Callable[[str, int], list[str]]

CONNECT_TIMEOUT = 15.0  # seconds, for each address
IDLE_TIMEOUT = 300.0  # seconds without a byte; a server may think that long before a large answer
MAX_CONNECTIONS = 16  # at a time
_MAX_HEAD = 65536
_CHUNK = 65536
_AUTHORITY = re.compile(r"\[(?P<v6>[^\]]+)\]:(?P<port6>\d{1,5})|(?P<host>[^:/@\s]+):(?P<port>\d{1,5})")


class Proxy:
    """Use as a context. ``refusal``: why the last connection that was not allowed was refused, if one was."""

    def __init__(self, addresses_of: AddressesOf) -> None:
        self.user = "proxy"
        self.password = secrets.token_hex(20)
        self.refusal: str | None = None
        self._token = b"Basic " + base64.b64encode(f"{self.user}:{self.password}".encode())
        self._addresses_of = addresses_of
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and cut every connection."""
        with self._lock:
            self._closed = True
            connections = [self._listener, *self._open]
        for connection in connections:
            _cut(connection)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            self._slots.acquire()
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxy-connection", daemon=True).start()

    def _keep(self, connection: socket.socket) -> None:
        with self._lock:
            if self._closed:
                raise OSError("the proxy is closed")
            self._open.add(connection)

    def _serve(self, client: socket.socket) -> None:
        upstream: socket.socket | None = None
        try:
            self._keep(client)
            client.settimeout(CONNECT_TIMEOUT)
            head, rest = _read_head(client)
            client.settimeout(IDLE_TIMEOUT)
            upstream, to_upstream, to_client = self._answer(client, head)
            if upstream is None:
                return
            if to_client:
                client.sendall(to_client)
            upload = threading.Thread(
                target=_pump, args=(client, upstream, to_upstream + rest), name="proxy-upload", daemon=True
            )
            upload.start()
            _pump(upstream, client, b"")
            _cut(client)
            upload.join()
        except (OSError, ValueError):
            pass  # the client sees a broken connection and says so
        finally:
            with self._lock:
                self._open -= {client} | ({upstream} if upstream else set())
            client.close()
            if upstream is not None:
                upstream.close()
            self._slots.release()

    def _answer(self, client: socket.socket, head: bytes) -> tuple[socket.socket | None, bytes, bytes]:
        """Connect as the request's head asks; the connection, what to send there first, what to send to the client."""
        lines = head.split(b"\r\n")
        method, target, version = lines[0].decode("latin-1").split(" ")
        headers = [line for line in lines[1:] if line]
        token = b""
        kept = []
        for line in headers:
            name, _, value = line.partition(b":")
            if name.lower() == b"proxy-authorization":
                token = value.strip()
            elif name.lower() not in (b"connection", b"proxy-connection", b"keep-alive"):
                kept.append(line)
        if not hmac.compare_digest(token, self._token):
            _refuse(client, "407 Proxy Authentication Required", b"Proxy-Authenticate: Basic realm=proxy\r\n")
            return None, b"", b""
        try:
            if method == "CONNECT":
                match = _AUTHORITY.fullmatch(target)
                if not match:
                    raise RemoteError("the address is not valid")
                upstream = self._connect(match["v6"] or match["host"], int(match["port6"] or match["port"]))
                return upstream, b"", b"HTTP/1.1 200 Connection established\r\n\r\n"
            parts = urlsplit(target)
            if parts.scheme != "http" or not parts.hostname:
                raise RemoteError("the address is not valid")
            upstream = self._connect(parts.hostname, parts.port or 80)
        except RemoteError as error:
            self.refusal = str(error)
            _refuse(client, "403 Forbidden")
            return None, b"", b""
        except OSError:
            _refuse(client, "502 Bad Gateway")
            return None, b"", b""
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        first = b"%s %s %s" % (method.encode("latin-1"), path.encode("latin-1"), version.encode("latin-1"))
        return upstream, b"\r\n".join([first, *kept, b"Connection: close", b"", b""]), b""

    def _connect(self, host: str, port: int) -> socket.socket:
        failure = OSError("no address")
        for address in self._addresses_of(host, port):
            try:
                upstream = socket.create_connection((address, port), timeout=CONNECT_TIMEOUT)
            except OSError as error:
                failure = error
                continue
            upstream.settimeout(IDLE_TIMEOUT)
            self._keep(upstream)
            return upstream
        raise failure


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """The request line and headers, and what already came after them."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        if len(data) > _MAX_HEAD:
            raise ValueError("the request's head is too large")
        chunk = client.recv(_CHUNK)
        if not chunk:
            raise ValueError("the request has no head")
        data += chunk
    return data[:end], data[end + 4 :]


def _refuse(client: socket.socket, status: str, headers: bytes = b"") -> None:
    client.sendall(
        b"HTTP/1.1 " + status.encode() + b"\r\n" + headers + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    )


def _pump(source: socket.socket, target: socket.socket, first: bytes) -> None:
    """Copy until ``source`` ends, then tell ``target`` so."""
    try:
        if first:
            target.sendall(first)
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _cut(source)
        _cut(target)


def _cut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
