"""Views for outside tools (docs/reports.md): what is in the database, in names that stay, without anything secret.

They are made after every ``migrate`` and not by one migration: SQLite cannot rebuild a table while a view looks at it,
so there they are taken away before. PostgreSQL replaces them, which keeps what was granted on them. A view's columns
are a promise: new ones are added at the end; for anything else there is a ``report_v2_*`` besides.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from accounts.permissions import DEFAULT_USER_ID, Level


def _levels(table: str, grants: str, field: str, *, has_private: bool) -> str:
    """All that speaks for an active user's level on an object of a table: the rule of :mod:`accounts.permissions`.

    Administrators and owners have all, else the highest counts of own grants, those of active groups, and everybody's.
    """
    public = "AND NOT o.is_private" if has_private else ""
    who = "u.id AS user_id, u.username, o.id AS object_id, o.name AS object_name"
    return f"""
        SELECT {who}, {Level.ADMIN:d} AS level FROM accounts_user u CROSS JOIN {table} o
            WHERE u.is_active AND u.is_admin
        UNION ALL
        SELECT {who}, {Level.ADMIN:d} FROM {table} o JOIN accounts_user u ON u.id = o.owner_id
            WHERE u.is_active AND u.id <> {DEFAULT_USER_ID}
        UNION ALL
        SELECT {who}, g.level FROM {grants} g
            JOIN accounts_user u ON u.id = g.user_id AND u.is_active AND u.id <> {DEFAULT_USER_ID}
            JOIN {table} o ON o.id = g.{field}
        UNION ALL
        SELECT {who}, g.level FROM {grants} g
            JOIN accounts_usergroup ug ON ug.id = g.user_group_id AND ug.is_active
            JOIN accounts_membership m ON m.user_group_id = ug.id
            JOIN accounts_user u ON u.id = m.user_id AND u.is_active
            JOIN {table} o ON o.id = g.{field}
        UNION ALL
        SELECT {who}, g.level FROM {grants} g
            JOIN {table} o ON o.id = g.{field} {public}
            CROSS JOIN accounts_user u WHERE u.is_active AND g.user_id = {DEFAULT_USER_ID}"""  # noqa: S608 - names of this module


def _permissions() -> str:
    """Grouped by everything that people ask by, so that the database looks at one user or object where one is meant."""
    kinds = (
        ("repository", "repos_repository", "repos_repositorygrant", "repository_id"),
        ("repository group", "repos_repositorygroup", "repos_repositorygroupgrant", "group_id"),
        ("user group", "accounts_usergroup", "accounts_usergroupgrant", "on_id"),
    )
    words = " ".join(f"WHEN {level:d} THEN '{level.label}'" for level in Level)
    return " UNION ALL ".join(
        f"""SELECT l.user_id, l.username, '{kind}' AS object_type, l.object_id, l.object_name,
            MAX(l.level) AS level_number, CASE MAX(l.level) {words} END AS level
        FROM ({_levels(table, grants, field, has_private=kind == "repository")}) l
        GROUP BY l.user_id, l.username, l.object_id, l.object_name
        HAVING MAX(l.level) > {Level.NONE:d}"""  # noqa: S608 - names of this module
        for kind, table, grants, field in kinds
    )


#: Name -> query. ``%(moment)s`` is the database's way to say the moment of a changeset.
VIEWS = {
    "report_v1_users": """
        SELECT id, username, firstname, lastname, email, is_active, is_admin, extern_type, created_on, last_login
        FROM accounts_user""",
    "report_v1_user_groups": """
        SELECT g.id, g.name, g.description, g.is_active, g.owner_id, o.username AS owner, g.created_on
        FROM accounts_usergroup g JOIN accounts_user o ON o.id = g.owner_id""",
    "report_v1_user_group_members": """
        SELECT m.user_group_id, g.name AS user_group, m.user_id, u.username
        FROM accounts_membership m
        JOIN accounts_usergroup g ON g.id = m.user_group_id JOIN accounts_user u ON u.id = m.user_id""",
    "report_v1_repository_groups": """
        SELECT g.id, g.name, g.parent_id, g.description, g.owner_id, o.username AS owner, g.created_on
        FROM repos_repositorygroup g JOIN accounts_user o ON o.id = g.owner_id""",
    "report_v1_repositories": """
        SELECT r.id, r.name, r.kind, r.state, r.group_id, r.description, r.owner_id, o.username AS owner, r.is_private,
            r.fork_of_id, r.size, r.created_on, r.updated_on, r.is_archived
        FROM repos_repository r JOIN accounts_user o ON o.id = r.owner_id""",
    "report_v1_permissions": _permissions(),
    "report_v1_pull_requests": """
        SELECT p.id, p.title, p.status, p.owner_id, o.username AS owner, p.origin_id AS origin_repository_id,
            p.origin_type, p.origin_name, p.target_id AS target_repository_id, r.name AS target_repository,
            p.target_type, p.target_name, p.iteration_number, p.merged_as, p.created_on, p.updated_on
        FROM reviews_pullrequest p
        JOIN accounts_user o ON o.id = p.owner_id JOIN repos_repository r ON r.id = p.target_id""",
    "report_v1_votes": """
        SELECT v.id, v.pull_request_id, i.number AS iteration, v.repository_id, v.raw_id, v.user_id, u.username,
            v.status, v.modified_on AS voted_on
        FROM reviews_changesetstatus v
        LEFT JOIN reviews_iteration i ON i.id = v.iteration_id LEFT JOIN accounts_user u ON u.id = v.user_id""",
    "report_v1_comments": """
        SELECT c.id, c.pull_request_id, i.number AS iteration, c.repository_id, c.raw_id, c.path, c.side, c.line,
            c.reply_to_id, c.author_id, u.username AS author, c.text, c.created_on, c.modified_on
        FROM reviews_comment c
        LEFT JOIN reviews_iteration i ON i.id = c.iteration_id LEFT JOIN accounts_user u ON u.id = c.author_id
        WHERE c.deleted_on IS NULL""",
    "report_v1_changesets": """
        SELECT h.repository_id, r.name AS repository, c.raw_id, c.author, c.author_email,
            COALESCE(u.id, e.user_id) AS user_id, %(moment)s AS committed_on, c.branch, c.message
        FROM repos_repositorychangeset h
        JOIN repos_repository r ON r.id = h.repository_id
        JOIN repos_storedchangeset c ON c.raw_id = h.changeset_id
        LEFT JOIN accounts_user u ON LOWER(u.email) = c.author_email
        LEFT JOIN accounts_emailaddress e ON LOWER(e.email) = c.author_email""",
    "report_v1_journal": """
        SELECT id, created_on, user_id, username, action, subject_type, subject_id, subject_name, address
        FROM accounts_journalentry""",
}

_MOMENT = {"postgresql": "to_timestamp(c.timestamp)", "sqlite": "datetime(c.timestamp, 'unixepoch')"}


def create(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name, query in VIEWS.items():
            replace = "OR REPLACE " if connection.vendor == "postgresql" else ""
            cursor.execute(f"CREATE {replace}VIEW {name} AS " + query.replace("%(moment)s", _MOMENT[connection.vendor]))


def drop(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name in VIEWS:
            cursor.execute(f"DROP VIEW IF EXISTS {name}")


def before_migrate(sender: AppConfig, using: str, plan: Any = (), **kwargs: Any) -> None:
    if plan and connections[using].vendor == "sqlite":
        drop(connections[using])


def after_migrate(sender: AppConfig, using: str, plan: Any = None, **kwargs: Any) -> None:
    """``plan`` is missing when the database was only emptied, as tests do."""
    connection = connections[using]
    if plan is None or _is_behind(connection):
        return
    if connection.vendor == "sqlite":
        drop(connection)
    create(connection)


def _is_behind(connection: BaseDatabaseWrapper) -> bool:
    """Somebody asked for an earlier state, in which tables can be missing."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
