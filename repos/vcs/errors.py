"""What can go wrong at the boundary. Messages are for people and never hold credentials."""


class VcsError(Exception):
    """Base of every error of this package."""


class RevisionNotFound(VcsError):
    """No changeset has this name, number or hash."""

    def __init__(self, revision: object) -> None:
        super().__init__(f"revision {revision!r} does not exist")
        self.revision = revision


class NodeNotFound(VcsError):
    """The path does not exist at the changeset, or is not of the wanted type."""

    def __init__(self, path: str) -> None:
        super().__init__(f"path {path!r} does not exist")
        self.path = path


class EmptyRepository(VcsError):
    """The question needs at least one changeset."""


class RepositoryNotFound(VcsError):
    """The folder is missing or holds no repository of this kind."""


class RemoteError(VcsError):
    """A remote repository could not be reached, refused us, or is not allowed."""


class MergeConflict(VcsError):
    """The merge needs a person. ``paths`` are the files in conflict."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__("conflict in " + ", ".join(paths))
        self.paths = paths


class RefMoved(VcsError):
    """A reference is not where the caller believed it to be; nothing was written."""


class TooLarge(VcsError):
    """The answer is larger than the caller's bound."""


class ToolTimeout(VcsError):
    """The tool took longer than its time limit and was stopped."""


class ToolError(VcsError):
    """The tool ended with an error that is none of the above. ``stderr`` is bounded and free of credentials."""

    def __init__(self, tool: str, status: int, stderr: str) -> None:
        super().__init__(f"{tool} ended with status {status}: {stderr.strip() or 'no message'}")
        self.status = status
        self.stderr = stderr
