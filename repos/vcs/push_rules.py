"""What a push may do, and what it did."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from repos.vcs.types import RefUpdate


@dataclass(frozen=True, slots=True)
class PushRules:
    """What every push to a repository must respect. A push that does not changes nothing.

    ``protected_branches``: patterns (``*``, ``?``, ``[...]``) of Git branches, Mercurial named branches and bookmarks
    that are never deleted or rewritten; for a named branch: never closed altogether, never given a second head, and
    none of its changesets marked as obsolete.
    ``max_file_size``: bytes; ``None``: any. ``publishes``: Mercurial's changesets become public by it, so that their
    author's client refuses to amend or rebase them; else they stay drafts, and it is exchanged what replaced them.
    """

    protected_branches: tuple[str, ...] = ()
    max_file_size: int | None = None
    publishes: bool = True

    def __bool__(self) -> bool:
        """Whether there is anything to check."""
        return bool(self.protected_branches) or self.max_file_size is not None

    def protects(self, branch: str) -> bool:
        return any(fnmatchcase(branch, pattern) for pattern in self.protected_branches)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PushRules:
        data = json.loads(text)
        return cls(tuple(data["protected_branches"]), data["max_file_size"], data["publishes"])


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push changed. All empty: nothing.

    ``changesets``: raw_ids that no branch or tag reached before, oldest first. ``refs``: branches and tags of Git,
    bookmarks of Mercurial. ``hidden``: raw_ids of changesets that were replaced (amended, folded, ...) or pruned.
    """

    refs: tuple[RefUpdate, ...] = ()
    changesets: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.refs or self.changesets or self.hidden)


def too_large(path: str, size: int, limit: int) -> str:
    """The sentence that refuses a file."""
    return f"{path} has {size} bytes; files of more than {limit} bytes are not accepted here"
