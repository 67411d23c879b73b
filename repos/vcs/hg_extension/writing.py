# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything that changes a repository. Each operation is one transaction: done, or nothing is left of it."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from typing import Any

from mercurial import bundle2, bundlerepo, changegroup, context, discovery, error, exchange, hg, phases
from mercurial import verify as verification
from mercurial.exchanges import bundle_caps

from repos.vcs.hg_extension.base import (
    CACHE,
    FETCHED,
    LISTED,
    STORED,
    Call,
    Failure,
    Operation,
    has_node,
    node_of,
    open_repository,
    path_bytes,
    text,
)
from repos.vcs.hg_extension.content import outgoing_to
from repos.vcs.hg_extension.merging import Conflict, merged


@contextlib.contextmanager
def _changing(call: Call, name: bytes) -> Iterator[tuple[Any, Any]]:
    """(repository, transaction) under the repository's locks. What an earlier process left half done is undone."""
    repo = call.repo
    try:
        with repo.wlock(), repo.lock():
            if repo.svfs.exists(b"journal"):
                repo.recover()
            with repo.transaction(name) as transaction:
                yield repo, transaction
    finally:
        CACHE.drop(call.path("repository"))  # what it holds may be of a transaction that was undone


def _create(call: Call) -> None:
    hg.repository(call.ui, call.path("repository"), create=True)


def _no_detours() -> None:
    """A source may not have us fetch from a further address, which nobody has checked."""
    bundle_caps.capabilities[b"remote-changegroup"] = ()


def _prepared(call: Call, source: bytes) -> Any:
    """The configuration for bringing in everything of ``source``.

    A fork gets it as it is: drafts stay drafts, and what they were replaced by is known.
    """
    _no_detours()
    ui = call.ui.copy()
    if call["local"]:
        CACHE.get(ui, source)  # refuses what is shared or linked
        ui.setconfig(b"phases", b"publish", b"no", b"kallithea")
        ui.setconfig(b"experimental", b"evolution.createmarkers", b"yes", b"kallithea")
        ui.setconfig(b"experimental", b"evolution.exchange", b"yes", b"kallithea")
    return ui


def _clone(call: Call) -> None:
    source, path = os.fsencode(call["source"]), call.path("repository")
    hg.clone(_prepared(call, source), {}, source, path, update=False)
    # Only the address of the source is in it; no configuration of a repository is ever read here.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(path, b".hg", b"hgrc"))


class _BookmarksAreOurs:
    """Stands for the settings of a remote path: without it, a bookmark that went elsewhere would become two."""

    bookmarks_mode = b"ignore"


def _pull(call: Call) -> None:
    """Everything the source shows, and its bookmarks where it has them; bookmarks of our own stay."""
    source = os.fsencode(call["source"])
    ui = _prepared(call, source)
    repo = open_repository(ui, call.path("repository"), loud=True)
    peer = hg.peer(ui, {}, source)
    try:
        with repo.wlock(), repo.lock():
            if repo.svfs.exists(b"journal"):
                repo.recover()
            with repo.transaction(b"pull") as transaction:
                marks = exchange.pull(repo, peer, _BookmarksAreOurs()).remotebookmarks
                moves = [(name, node) for name, node in marks.items() if has_node(repo, node)]
                repo._bookmarks.applychanges(repo, transaction, moves)  # noqa: SLF001 - has no public name
    finally:
        peer.close()


def _fetch(call: Call) -> None:
    """Bring changesets here as secret ones, so that no client gets them, and note them, so that none is listed.

    What ``beyond`` lacks of them is stored in a bundle as well, because a strip here takes secret changesets too.
    """
    source = CACHE.get(call.ui, call.path("source"))
    heads = [node_of(source, raw_id) for raw_id in call["raw_ids"]]
    with _changing(call, b"fetch") as (repo, transaction):
        _bring_hidden(repo, transaction, source, heads, path_bytes(call["keep_as"]))
    if call["beyond"] is not None:
        repo = call.repo
        os.makedirs(repo.vfs.join(STORED), exist_ok=True)
        base = node_of(repo, call["beyond"])
        for raw_id, head in zip(call["raw_ids"], heads, strict=True):
            path = _bundle(repo, raw_id)
            outgoing = discovery.outgoing(repo, [base], [head])
            bundle2.writenewbundle(
                repo.ui, repo, b"kallithea", path + b".new", b"HG20", outgoing, {}, compression=b"GZ"
            )
            os.replace(path + b".new", path)


def _recall(call: Call) -> bool:
    """Bring back what was fetched and stripped since; whether it is here now."""
    repo, raw_id = call.repo, call["raw_id"]
    path = _bundle(repo, raw_id)
    if not os.path.exists(path):
        return False
    try:
        stored = bundlerepo.makebundlerepository(repo.baseui, repo.root, path)
    except (error.Abort, error.RepoError, error.LookupError):  # what it builds upon was stripped as well
        return False
    try:
        with _changing(call, b"recall") as (repo, transaction):
            _bring_hidden(repo, transaction, stored.unfiltered(), [bytes.fromhex(raw_id)], b"recalled")
    finally:
        stored.close()
    return True


def _bundle(repo: Any, raw_id: str) -> bytes:
    path: bytes = repo.vfs.join(STORED + b"/" + raw_id.encode("ascii") + b".hg")
    return path


def _bring_hidden(repo: Any, transaction: Any, source: Any, heads: list[bytes], keep_as: bytes) -> None:
    new = _bring(repo.unfiltered(), transaction, source, heads, phases.secret)
    if new:
        # Before the transaction ends: a line about a changeset that does not come to be does no harm.
        lines = [node.hex().encode() + b" " + keep_as + b"\n" for node in new]
        with repo.vfs(FETCHED, b"ab") as file:
            file.write(b"".join(lines))


def _bring(repo: Any, transaction: Any, source: Any, heads: list[bytes], phase: int) -> list[bytes]:
    """Add what is missing of the ancestors of ``heads``; the nodes that are new."""
    outgoing = outgoing_to(source, repo, heads)
    if not outgoing.missing:
        return []
    before = len(repo.changelog)
    group = changegroup.makechangegroup(source, outgoing, changegroup.safeversion(source), b"pull")
    group.apply(repo, transaction, b"pull", b"file:" + source.root, targetphase=phase)
    return [repo.changelog.node(rev) for rev in range(before, len(repo.changelog))]


def _publish(repo: Any, transaction: Any, node: bytes) -> None:
    """What the server itself adds to a branch is as public as if it had been pushed."""
    phase = phases.public if repo.publishing() else phases.draft
    phases.advanceboundary(repo.unfiltered(), transaction, phase, [node])


def _require_head(repo: Any, branch: bytes, node: bytes | None) -> None:
    """Fail unless ``node`` is a head of the named branch; None: unless there is no such branch."""
    branches = repo.filtered(LISTED).branchmap()
    heads = branches.branchheads(branch, closed=True) if branch in branches else []
    if node not in heads if node is not None else heads:
        raise Failure("moved", f"branch {text(branch)} has moved")


def _commit(call: Call) -> str:
    branch = path_bytes(call["branch"])
    files = {_checked(file["path"]): file for file in call["files"]}
    with _changing(call, b"commit") as (repo, transaction):
        parent = repo.nullid if call["parent"] is None else node_of(repo, call["parent"])
        if call["parent"] is None or branch in repo.filtered(LISTED).branchmap():
            _require_head(repo, branch, None if call["parent"] is None else parent)
        before = repo[parent].manifest()

        def content(_repo: Any, changeset: Any, path: bytes) -> Any:
            file = files[path]
            if file["content"] is None:
                return None
            return context.memfilectx(
                repo, changeset, path, base64.b64decode(file["content"]), isexec=file["executable"]
            )

        for path, file in files.items():
            if file["content"] is None and path not in before:
                raise Failure("node", file["path"])
            if file["content"] is not None and _in_the_way(before, path, files):
                raise Failure("failed", f"{file['path']} is a file and a folder")
        new = context.memctx(
            repo,
            (parent, None),
            call["message"].encode("utf-8", "replace"),
            sorted(files),
            content,
            user=call["user"].encode("utf-8", "replace"),
            date=tuple(call["date"]),
            branch=branch,
        )
        node: bytes = repo.commitctx(new)
        _publish(repo, transaction, node)
    return node.hex()


def _checked(path: str) -> bytes:
    """A path that may be written: inside the tree, and no name that Mercurial or a client would stumble over."""
    checked = path_bytes(path)
    parts = checked.split(b"/")
    if {b"", b".", b".."} & set(parts) or any(part.lower() in (b".hg", b".git") for part in parts):
        raise Failure("failed", f"{path!r} cannot be the name of a file")
    if b"\n" in checked or b"\r" in checked or b"\0" in checked:
        raise Failure("failed", f"{path!r} cannot be the name of a file")
    return checked


def _in_the_way(manifest: Any, path: bytes, files: dict[bytes, Any]) -> bool:
    def stays(other: bytes) -> bool:
        return other not in files or files[other]["content"] is not None

    if manifest.hasdir(path) and any(name.startswith(path + b"/") and stays(name) for name in manifest):
        return True
    parts = path.split(b"/")
    folders = [b"/".join(parts[:end]) for end in range(1, len(parts))]
    return any((folder in manifest or folder in files) and stays(folder) for folder in folders)


def _merge(call: Call) -> dict[str, Any]:
    """The changeset that the branch is at afterwards, or the conflicts, which can be many."""
    try:
        return {"raw_id": _merge_in_transaction(call), "conflicts": []}
    except Conflict as conflict:
        return {"raw_id": None, "conflicts": conflict.paths}


def _merge_in_transaction(call: Call) -> str:
    branch = path_bytes(call["target_branch"])
    source_repo = CACHE.get(call.ui, call.path("source"))
    head = node_of(source_repo, call["source_id"])
    with _changing(call, b"merge") as (repo, transaction):
        target = node_of(repo, call["target_id"])
        _require_head(repo, branch, target)
        everything = repo.unfiltered()
        _bring(everything, transaction, source_repo, [head], phases.draft)
        phases.advanceboundary(everything, transaction, phases.draft, [head])  # where it was fetched before
        node = merged(
            everything,
            target,
            head,
            branch=branch,
            message=call["message"].encode("utf-8", "replace"),
            user=call["user"].encode("utf-8", "replace"),
            date=tuple(call["date"]),
            fast_forward=call["allow_fast_forward"],
        )
        _publish(repo, transaction, node)
    return node.hex()


def _verify(call: Call) -> list[str]:
    try:
        repo = open_repository(call.ui, call.path("repository"))
    except Failure as failure:
        if failure.kind == "failed":
            return [failure.value]
        raise
    said: list[bytes] = []
    repo.ui.warn = lambda *parts, **_options: said.extend(parts)
    try:
        verification.verify(repo)  # not hg.verify, which goes on into subrepositories
    except Exception as problem:  # noqa: BLE001 - whatever damage does to the check, it is damage
        said.append(bytes(problem) if isinstance(problem, error.Error) else repr(problem).encode())
    return [line.strip() for line in text(b"".join(said)).splitlines() if line.strip()]


OPERATIONS: dict[str, Operation] = {
    "create": _create,
    "clone": _clone,
    "pull": _pull,
    "fetch": _fetch,
    "recall": _recall,
    "commit": _commit,
    "merge": _merge,
    "verify": _verify,
}
