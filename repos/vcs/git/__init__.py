"""Git, through its own commands."""

from repos.vcs.git.writing import GitRepository

__all__ = ["GitRepository"]
