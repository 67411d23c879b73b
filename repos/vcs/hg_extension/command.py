# SPDX-License-Identifier: GPL-2.0-or-later
"""The Mercurial extension: one command that takes a request as JSON and answers it.

``hg kallithea '{"operation": "tip", "repository": "/path"}'``. The answer goes to the output; JSON in one piece, or
pieces as each operation documents. Errors are one line of JSON on the error channel and status 1.
"""

from __future__ import annotations

import gc
import json
from functools import partial
from typing import Any

from mercurial import changelog, context, error, extensions, localrepo, registrar

from repos.vcs.hg_extension import content, history, merging, writing
from repos.vcs.hg_extension.base import CACHE, OPERATIONS, Call, Failure, text
from repos.vcs.hg_extension.sizes import out_of_memory

LARGE = 4 << 20  # bytes of an answer

cmdtable: dict[bytes, Any] = {}
command: Any = registrar.command(cmdtable)
internalmerge = merging.internalmerge

for module in (content, history, merging, writing):
    OPERATIONS.update(module.OPERATIONS)
OPERATIONS["forget"] = lambda call: CACHE.drop(call.path("repository"))


def _supported(_ui: Any, supported: set[bytes]) -> None:
    """Repositories with large files can be read; what stands in for each large file is what is shown."""
    supported.add(b"largefiles")


def uisetup(_ui: Any) -> None:
    localrepo.featuresetupfuncs.add(_supported)
    extensions.wrapfunction(context.basefilectx, "isbinary", content.is_binary)
    changelog.changelogrevision.date = property(partial(history.date, changelog.changelogrevision.date.fget))


@command(b"kallithea", norepo=True)  # type: ignore[untyped-decorator]
def kallithea(ui: Any, request: bytes, **_options: Any) -> int:
    """answer one request of the server; - reads it from the input"""
    arguments = json.loads(ui.fin.read() if request == b"-" else request)
    call = Call(ui, arguments)
    is_full = False
    try:
        answer = OPERATIONS[arguments["operation"]](call)
    except Failure as failure:
        return _fail(ui, failure.kind, failure.value)
    except error.LockHeld:
        return _fail(ui, "locked")
    except (error.FilteredRepoLookupError, error.RepoLookupError, error.FilteredLookupError) as problem:
        return _fail(ui, "revision", text(bytes(problem)))
    except Exception as problem:  # noqa: BLE001 - else a defect here would take the server down with it
        if "repository" in arguments:
            CACHE.drop(call.path("repository"))
        is_full = out_of_memory(problem)
        if is_full:
            return _fail(ui, "too-large", "the answer of hg")
        if isinstance(problem, error.Error | error.RepoError | OSError):
            return _fail(ui, "failed", _message(problem))
        return _fail(ui, "failed", f"internal error: {type(problem).__name__}")
    finally:
        if is_full or call.sent > LARGE:
            gc.collect()  # what was large hangs in circles and would stay until the next question
    if answer is not None:
        call.send_json(answer)
    return 0


def _fail(ui: Any, kind: str, value: Any = None) -> int:
    if isinstance(value, str):
        value = value[:500]  # the other side keeps the end of what it hears
    ui.ferr.write(json.dumps({"error": kind, "value": value}).encode("ascii") + b"\n")
    ui.ferr.flush()
    return 1


def _message(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or str(problem)  # of HTTP's errors the second
    return text(bytes(problem)) if hasattr(problem, "__bytes__") else type(problem).__name__
