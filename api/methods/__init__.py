"""The methods, one module per family, each with its ``namespace``."""

from api.method import ApiNamespace
from api.methods import (
    changesets,
    comments,
    defaults,
    gists,
    itself,
    keys,
    pull_requests,
    repo_grants,
    repo_groups,
    reports,
    repos,
    server,
    upkeep,
    user_groups,
    users,
)

NAMESPACES: tuple[ApiNamespace, ...] = (
    server.namespace,
    users.namespace,
    user_groups.namespace,
    keys.namespace,
    defaults.namespace,
    repos.namespace,
    upkeep.namespace,
    repo_groups.namespace,
    repo_grants.namespace,
    changesets.namespace,
    pull_requests.namespace,
    comments.namespace,
    itself.namespace,
    gists.namespace,
    reports.namespace,
)
