"""A process that answers Mercurial's HTTP requests, each in a child of its own, with Mercurial's own hgweb.

One repository object in two threads crashes the process, and a fresh interpreter costs 0.2 s a request; so this one
loads Mercurial, listens on the socket named by its argument, and forks for every connection. A request is one line of
JSON and the body until the end of the stream; the answer is frames: a letter, four bytes of length, that many bytes.

    H  JSON ``[status, [[name, value], ...]]``      D  a piece of the body
    R  JSON of what a transaction changed           E  the answer is complete
    X  a traceback, instead of E
"""

from __future__ import annotations

import gc
import io
import json
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mercurial import (
    bundle2,
    bundle2_part_handlers,
    changegroup,
    error,
    exchange,
    hg,
    initialization,
    localrepo,
    phases,
    scmutil,
    util,
)
from mercurial import ui as uimod
from mercurial.exchanges import bundle_caps
from mercurial.hgweb import hgweb_mod, request, webcommands
from mercurial.interfaces import repository

from repos.vcs.hg_extension.sizes import first_larger, out_of_memory
from repos.vcs.push_rules import PushRules, too_large

_LOCK_TIMEOUT = 120  # seconds that a push waits for another
#: What a push consists of. Other parts would have the server connect to an address that the client names, or put the
#: client's files into an empty repository past every check.
_PUSHED = frozenset(
    {
        b"bookmarks",
        b"changegroup",
        b"check:bookmarks",
        b"check:heads",
        b"check:phases",
        b"check:updated-heads",
        b"obsmarkers",
        b"phase-heads",
        b"pushkey",
        b"replycaps",
    }
)


def main(address: str) -> None:
    """Serve until whoever started us closes our standard input."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children need no one to wait for them
    _preload()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(128)
    os.write(1, b"ready\n")
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    waiting.register(0, select.POLLIN)
    gc.freeze()  # what is there now stays; children look at their own only
    while True:
        if 0 in dict(waiting.poll()):
            return
        connection, _ = listener.accept()
        if os.fork() == 0:
            os.setsid()  # the server may end; a push under way does not end in the middle
            os.close(0)
            listener.close()
            try:
                _serve(connection)
            finally:
                os._exit(0)
        connection.close()


def _preload() -> None:
    """Mercurial imports on first use; used now, it is there for every child."""
    initialization.init()
    uimod.ui.load()
    for module in (bundle2, changegroup, exchange, localrepo, scmutil, webcommands, request, repository):
        _ = module.__doc__
    # Each file of a push has caches of whole contents: rings, which would stay until garbage is collected.
    util.lrucachedict.__del__ = util.lrucachedict.clear
    handlers = bundle2_part_handlers.parthandlermapping
    for part in handlers.keys() - _PUSHED:
        del handlers[part]
    del bundle_caps.capabilities[b"remote-changegroup"]
    _speak_of_memory()


def _speak_of_memory() -> None:
    """Where a process has no more memory, in the middle of a push or clone, the client gets a sentence."""
    process_part = bundle2._processpart  # noqa: SLF001 - none of them has a public name
    payload_of = bundle2.bundlepart._payloadchunks  # noqa: SLF001
    chunks_of = bundle2.bundle20._getcorechunk  # noqa: SLF001

    def process(operation: Any, part: Any) -> None:
        with _told_if_too_large():
            process_part(operation, part)

    def payload(part: Any) -> Iterator[bytes]:
        with _told_if_too_large():
            yield from payload_of(part)

    def chunks(bundle: Any) -> Iterator[bytes]:
        with suppress(error.Abort):  # the last chunk says so, and arrives if this just ends
            yield from chunks_of(bundle)

    bundle2._processpart = process  # noqa: SLF001
    bundle2.bundlepart._payloadchunks = payload  # noqa: SLF001
    bundle2.bundle20._getcorechunk = chunks  # noqa: SLF001


@contextmanager
def _told_if_too_large() -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        if out_of_memory(problem):
            raise error.Abort(b"a file is too large for this server") from problem
        raise


class _Frames:
    """The answer on its way out."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.begun = False

    def send(self, letter: bytes, data: bytes) -> None:
        self.begun = True
        self._connection.sendall(letter + struct.pack(">I", len(data)))
        self._connection.sendall(data)


def _serve(connection: socket.socket) -> None:
    frames = _Frames(connection)
    try:
        _answer(connection, frames)
        frames.send(b"E", b"")
    except ConnectionError:
        return  # nobody listens any more
    except Exception as problem:  # noqa: BLE001 - told to the server, which logs it
        if not frames.begun and out_of_memory(problem):
            frames.send(b"H", b"[413, []]")
            frames.send(b"E", b"")
            return
        stumbled = traceback.extract_tb(problem.__traceback__)[-1].filename
        if not frames.begun and os.path.basename(stumbled).startswith("wireproto"):  # it takes arguments for granted
            frames.send(b"H", b"[400, []]")
            frames.send(b"E", b"")
        else:
            frames.send(b"X", traceback.format_exc().encode("utf-8", "replace"))


def _answer(connection: socket.socket, frames: _Frames) -> None:
    source = connection.makefile("rb", buffering=65536)
    asked = json.loads(source.readline())
    environ: dict[str, Any] = {
        **asked["environ"],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": source,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": True,
    }
    rules = PushRules.from_json(asked["rules"])
    ui = _ui(asked["may_write"], rules, lambda data: frames.send(b"R", json.dumps(data).encode()))
    path = os.fsencode(asked["path"])
    _recover(ui, path)

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], None]:
        frames.send(b"H", json.dumps([int(status.partition(" ")[0]), headers]).encode())
        return lambda data: frames.send(b"D", data)

    answer: Iterable[bytes] = hgweb_mod.hgweb(path, baseui=ui)(environ, start_response)
    for piece in answer:
        for start in range(0, len(piece), 1 << 20):
            frames.send(b"D", piece[start : start + (1 << 20)])


def _ui(may_write: bool, rules: PushRules, report: Callable[[dict[str, Any]], None]) -> Any:
    ui = uimod.ui.load()
    for section, name, value in (
        ("web", "push_ssl", "no"),
        ("web", "allow-push" if may_write else "deny_push", "*"),
        ("web", "allow-pull", "yes"),
        ("ui", "timeout", str(_LOCK_TIMEOUT)),
        ("ui", "interactive", "no"),
        ("server", "validate", "yes"),
        ("phases", "publish", "yes" if rules.publishes else "no"),
        # Where changesets stay drafts, it is also exchanged what has become of them (docs/decisions/0005).
        ("experimental", "evolution.exchange", "no" if rules.publishes else "yes"),
        ("experimental", "evolution.createmarkers", "yes"),  # else clients are warned of markers from before
        # A copy of the files would hold what is hidden, and clients that know nothing of markers could not take it.
        ("server", "uncompressed", "yes" if rules.publishes else "no"),
    ):
        ui.setconfig(section.encode(), name.encode(), value.encode(), b"server")

    def before_commit(repo: Any, **_: Any) -> bool:
        """The last moment at which a push can still be undone as a whole."""
        transaction = repo.currenttransaction()
        everything = repo.unfiltered()
        new = range(transaction.changes[b"origrepolen"], len(everything))
        moved = transaction.changes.get(b"bookmarks", {})
        hidden = _hidden_by(everything, transaction, new.start)
        _check(everything, rules, new, moved, hidden)
        data = {
            "changesets": [everything[number].hex().decode() for number in new],
            "hidden": [everything[number].hex().decode() for number in hidden],
            "bookmarks": [
                [name.decode("utf-8", "replace"), old and old.hex(), target and target.hex()]
                for name, (old, target) in sorted(moved.items())
            ],
        }
        transaction.addpostclose(b"report", lambda _: report(data))
        return False

    ui.setconfig(b"hooks", b"pretxnclose.rules", before_commit, b"server")
    return ui


def _hidden_by(repo: Any, transaction: Any, known: int) -> list[int]:
    """Which of the first ``known`` changesets its markers make obsolete."""
    markers = transaction.changes[b"obsmarkers"]
    found = {repo.changelog.index.get_rev(marker[0]) for marker in markers}
    return sorted(
        number
        for number in found
        if number is not None
        and number < known
        and repo[number].phase() == phases.draft  # what is only kept here is secret, nothing becomes of public ones
        and repo.obsstore.successors[repo[number].node()] <= markers
    )


def _check(
    repo: Any,
    rules: PushRules,
    new: range,
    moved: dict[bytes, tuple[bytes | None, bytes | None]],
    hidden: list[int],
) -> None:
    if rules.max_file_size is not None and (large := first_larger(repo, new, rules.max_file_size)):
        path, size = large
        raise error.Abort(too_large(path.decode("utf-8", "replace"), size, rules.max_file_size).encode())
    if not rules.protected_branches:
        return
    for number in hidden:
        branch = repo[number].branch().decode("utf-8", "replace")
        if rules.protects(branch):
            raise error.Abort(f"branch {branch} is protected: its changesets may not be replaced".encode())
    for name in {repo[number].branch() for number in new}:
        branch = name.decode("utf-8", "replace")
        if not rules.protects(branch):
            continue
        before = (
            len(repo.revs(b"heads(branch(%s) and 0:%d) and not closed()", b"literal:" + name, new.start - 1))
            if new.start
            else 0
        )
        after = len(repo.revs(b"heads(branch(%s)) and not closed()", b"literal:" + name))
        if after > max(before, 1):
            raise error.Abort(f"branch {branch} is protected: it may not get another head".encode())
        if before and not after:
            raise error.Abort(f"branch {branch} is protected: it may not be closed".encode())
    for name, (old, target) in moved.items():
        bookmark = name.decode("utf-8", "replace")
        if old is None or not rules.protects(bookmark):
            continue
        if target is None:
            raise error.Abort(f"bookmark {bookmark} is protected: it may not be deleted".encode())
        if not repo[old].isancestorof(repo[target]):
            raise error.Abort(f"bookmark {bookmark} is protected: it only moves forward".encode())


def _recover(ui: Any, path: bytes) -> None:
    """Roll back what a process that was killed left half written; a push under way holds the lock."""
    if not os.path.exists(os.path.join(path, b".hg/store/journal")):
        return
    repo = hg.repository(ui, path)
    try:
        with repo.lock(wait=False):
            if repo.svfs.exists(b"journal"):
                repo.recover()
    except error.LockError:
        return


if __name__ == "__main__":
    main(sys.argv[1])
