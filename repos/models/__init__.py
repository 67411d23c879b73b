"""The data of repositories."""

from repos.models.changesets import RepositoryChangeset, StoredChangeset
from repos.models.gists import Gist
from repos.models.groups import REPOSITORY_GROUP_TARGET, RepositoryGroup, RepositoryGroupGrant
from repos.models.jobs import DiskMove, Job
from repos.models.repositories import (
    REPOSITORY_TARGET,
    ExtraField,
    Follower,
    Repository,
    RepositoryGrant,
    RepositoryQuerySet,
)

__all__ = [
    "REPOSITORY_GROUP_TARGET",
    "REPOSITORY_TARGET",
    "DiskMove",
    "ExtraField",
    "Follower",
    "Gist",
    "Job",
    "Repository",
    "RepositoryChangeset",
    "RepositoryGrant",
    "RepositoryGroup",
    "RepositoryGroupGrant",
    "RepositoryQuerySet",
    "StoredChangeset",
]
