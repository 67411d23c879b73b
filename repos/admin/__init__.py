"""Repositories, repository groups, permissions and jobs in the admin panel."""

from repos.admin import groups, jobs, permissions, repositories

__all__ = ["groups", "jobs", "permissions", "repositories"]
