# SPDX-License-Identifier: GPL-2.0-or-later
"""Three-way merges in memory: no working folder, no merge tool, no question."""

from __future__ import annotations

from typing import Any

from mercurial import context, error, filemerge, registrar, simplemerge
from mercurial import merge as mergemod
from mercurial.node import hex as tohex
from mercurial.node import nullrev

from repos.vcs.hg_extension.base import Call, Operation, node_of, path_text
from repos.vcs.hg_extension.content import joined

#: Mercurial finds the tool under this name in the extension.
internalmerge: Any = registrar.internalmerge()


class Conflict(Exception):
    """The two sides cannot be put together; undoes the transaction that it leaves."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(paths)
        self.paths = paths


@internalmerge(b"kallithea", filemerge.nomerge, binary=True, symlink=True)  # type: ignore[untyped-decorator]
def _merge_file(
    _repo: Any, _node: bytes, local: Any, other: Any, base: Any, configuration: tuple[Any, ...]
) -> tuple[int, bool]:
    """three-way merge of one text; everything else is a conflict, and so is a change against a removal"""
    _tool, _path, binary, symlink, _script = configuration
    mine, theirs = local.fctx, other.fctx
    if binary or symlink or mine.isabsent() or theirs.isabsent():
        return 1, False
    content, conflict = simplemerge.simplemerge(local, base, other)
    if conflict:
        return 1, False
    mine.write(content, mine.flags())
    return 0, False


def _merge_trees(repo: Any, target: bytes, source: bytes) -> tuple[Any, list[str]]:
    """(the merged tree as a context, the paths in conflict)"""
    tree = context.overlayworkingctx(repo)
    tree.setbase(repo[target])
    with repo.ui.configoverride({(b"ui", b"forcemerge"): b":kallithea"}, b"kallithea"):
        try:
            mergemod._update(repo, source, branchmerge=True, force=True, wc=tree)  # noqa: SLF001 - as rebase does
        except (error.InMemoryMergeConflictsError, error.Abort) as problem:
            # A file where the other side has a folder: Mercurial names it in the text only.
            return tree, [path_text(bytes(problem))]
    return tree, sorted(path_text(path) for path in tree.mergestate().unresolved())


def merged(
    repo: Any,
    target: bytes,
    source: bytes,
    *,
    branch: bytes,
    message: bytes,
    user: bytes,
    date: tuple[int, int],
    fast_forward: bool,
) -> bytes:
    """The node that holds both: one of them where it does already, else a new changeset on ``branch``."""
    mine, theirs = repo[target], repo[source]
    ancestor = mine.ancestor(theirs)
    if ancestor == theirs:
        return target
    if ancestor == mine:
        if fast_forward and theirs.branch() == branch:
            return source
        changes = mine.manifest().diff(theirs.manifest())
        new = context.memctx(
            repo, (target, source), message, sorted(changes), _content_of(theirs), user=user, date=date, branch=branch
        )
    else:
        tree, conflicts = _merge_trees(repo, target, source)
        if conflicts:
            raise Conflict(conflicts)
        tree.setparents(target, source)
        new = tree.tomemctx(message, branch=branch, date=date, user=user, parents=(mine.rev(), theirs.rev()))
    node: bytes = repo.commitctx(new)
    return node


def _content_of(tree: Any) -> Any:
    def content(repo: Any, changeset: Any, path: bytes) -> Any:
        if path not in tree:
            return None
        file = tree[path]
        return context.memfilectx(repo, changeset, path, file.data(), file.islink(), file.isexec())

    return content


def _merge_preview(call: Call) -> dict[str, Any]:
    with joined(call, call.path("source"), call["source_id"]) as repo:
        target = node_of(call.repo, call["target_id"])
        source = bytes.fromhex(call["source_id"])
        ancestor = repo[target].ancestor(repo[source])
        conflicts: list[str] = []
        if ancestor.node() not in (target, source):
            conflicts = _merge_trees(repo, target, source)[1]
        return {
            "ancestor": None if ancestor.rev() == nullrev else tohex(ancestor.node()).decode(),
            "fast_forward": ancestor.node() == target,
            "conflicts": conflicts,
        }


OPERATIONS: dict[str, Operation] = {"merge_preview": _merge_preview}
