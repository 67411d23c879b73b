"""Reports about repositories: what they are, who may do what in them, and who works in them."""

from repos.reports import activity, permissions, repositories

__all__ = ["activity", "permissions", "repositories"]
