"""The views for outside tools: the program's own answers, nothing secret, and a role that reads nothing else."""

import os
import random
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from accounts import journal
from accounts.models import USER_GROUP_TARGET, EmailAddress, User, UserGroup
from accounts.permissions import Level, with_level
from repos.models import (
    REPOSITORY_GROUP_TARGET,
    REPOSITORY_TARGET,
    Repository,
    RepositoryChangeset,
    RepositoryGroup,
    StoredChangeset,
)
from reviews import report_views
from reviews.models import ChangesetStatus, Comment, PullRequest, VoteStatus
from tests.factories import (
    AdminFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    actor,
    grant,
)

LEVELS = list(Level)
KINDS = {"repository": Repository, "repository group": RepositoryGroup, "user group": UserGroup}

pytestmark = pytest.mark.django_db

DOCUMENT = (Path(settings.BASE_DIR) / "docs" / "reports.md").read_text()


def select(view):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def columns(view):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view} WHERE 1 = 0")
        return [column[0] for column in cursor.description]


@pytest.mark.parametrize("seed", range(5))
def test_permissions_are_those_of_the_program(seed):
    dice = random.Random(seed)
    users = [UserFactory(is_active=dice.random() < 0.85, is_admin=dice.random() < 0.1) for _ in range(12)]
    anonymous = User.objects.default()
    if dice.random() < 0.3:
        User.objects.filter(pk=anonymous.pk).update(is_active=False)
    groups = [
        UserGroupFactory(
            members=dice.sample(users, 4), is_active=dice.random() < 0.7, owner=dice.choice(users), everybody=Level.NONE
        )
        for _ in range(5)
    ]
    objects = [
        RepositoryFactory(owner=dice.choice(users), is_private=dice.random() < 0.4, everybody=dice.choice(LEVELS))
        for _ in range(10)
    ]
    objects += [RepositoryGroupFactory(owner=dice.choice(users), everybody=dice.choice(LEVELS)) for _ in range(5)]
    for thing in [*objects, *groups]:
        for subject in dice.sample([*users, *groups], 5):
            grant(thing, subject, dice.choice(LEVELS))
    expected = {
        (user.pk, kind, found.pk, int(found.level))
        for user in User.objects.all()
        for kind, model, target in (
            ("repository", Repository, REPOSITORY_TARGET),
            ("repository group", RepositoryGroup, REPOSITORY_GROUP_TARGET),
            ("user group", UserGroup, USER_GROUP_TARGET),
        )
        for found in with_level(model.objects.all().visible_to(actor(user)), actor(user), target)
    }
    rows = select("report_v1_permissions")
    assert {(row["user_id"], row["object_type"], row["object_id"], row["level_number"]) for row in rows} == expected
    assert len(rows) == len(expected)
    assert all(row["level"] == Level(row["level_number"]).label for row in rows)


@pytest.fixture
def history():
    una = UserFactory(username="una", email="Una@Example.com")
    EmailAddress.objects.create(user=una, email="una@home.example")
    repository = RepositoryFactory(name="r", owner=AdminFactory(username="boss"), clone_uri="https://u:hunter2@host/r")
    for number, email in enumerate(("una@example.com", "una@home.example", "nobody@example.com")):
        changeset = StoredChangeset.objects.create(
            raw_id=f"{number:040x}", author="A", author_email=email, timestamp=1_700_000_000, message="m"
        )
        RepositoryChangeset.objects.create(repository=repository, changeset=changeset)
    pull_request = PullRequest.objects.create(title="t", owner=una, origin=repository, target=repository)
    comment = Comment.objects.create(pull_request=pull_request, author=una, text="hello")
    ChangesetStatus.objects.create(
        repository=repository, raw_id="0" * 40, user=una, status=VoteStatus.APPROVED, pull_request=pull_request
    )
    journal.record(actor(una), "pull", repository, source="secret-in-data")
    return una, repository, pull_request, comment


def test_what_they_show(history):
    una, _, pull_request, comment = history
    changesets = select("report_v1_changesets")
    assert [row["user_id"] for row in sorted(changesets, key=lambda row: row["raw_id"])] == [una.pk, una.pk, None]
    assert {str(row["committed_on"])[:19] for row in changesets} == {"2023-11-14 22:13:20"}
    assert [(row["id"], row["target_repository"]) for row in select("report_v1_pull_requests")] == [
        (pull_request.pk, "r")
    ]
    assert [(row["username"], row["status"]) for row in select("report_v1_votes")] == [("una", "approved")]
    assert [row["text"] for row in select("report_v1_comments")] == ["hello"]
    Comment.objects.update(deleted_on=comment.created_on)
    assert select("report_v1_comments") == []
    assert [(row["username"], row["action"]) for row in select("report_v1_journal")] == [("una", "pull")]


def test_nothing_secret_is_in_them(history):
    una = history[0]
    key = una.api_keys.get()
    everything = "".join(str(row) for view in report_views.VIEWS for row in select(view))
    for secret in (key.digest, key.encrypted, key.value, una.password, "hunter2", "secret-in-data"):
        assert secret not in everything
    named = {column for view in report_views.VIEWS for column in columns(view)}
    assert not named & {"password", "digest", "encrypted", "clone_uri", "data", "api_key_id"}


def test_the_document_lists_every_view_with_its_columns():
    listed = dict(re.findall(r"^\| `(report_v1_\w+)` \| (.*?) \|", DOCUMENT, re.MULTILINE))
    assert {view: ", ".join(f"`{name}`" for name in columns(view)) for view in report_views.VIEWS} == listed


@pytest.mark.django_db(transaction=True)
def test_migrations_can_rebuild_the_tables_they_look_at():
    field = UserGroup._meta.get_field("description")
    wider = models.CharField(max_length=9000, null=True)
    wider.set_attributes_from_name("description")
    wider.model = UserGroup
    app = apps.get_app_config("reviews")
    report_views.before_migrate(app, "default", plan=["something"])
    if connection.vendor == "sqlite":
        for old, new in ((field, wider), (wider, field)):
            with connection.schema_editor() as editor:
                editor.alter_field(UserGroup, old, new)
    report_views.after_migrate(app, "default", plan=[])
    assert columns("report_v1_user_groups")


@pytest.mark.django_db(transaction=True)
def test_migrate_makes_them_again():
    report_views.drop(connection)
    call_command("migrate", verbosity=0)
    assert all(columns(view) for view in report_views.VIEWS)
    with CaptureQueriesContext(connection) as queries:
        # Later tests on this database make users: their numbers must not begin again at 1, the default user's.
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
    assert not any("VIEW" in query["sql"] for query in queries)


@pytest.fixture
def role():
    """The statements of the document, for a role and a database of the test's own."""
    name, database = f"test_reports_{os.getpid()}", connection.settings_dict["NAME"]
    (statements,) = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    statements = statements.replace("kallithea_reports", name).replace("DATABASE kallithea", f'DATABASE "{database}"')
    with connection.cursor() as cursor:
        cursor.execute(statements)
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {name}")
        cursor.execute(f"DROP ROLE {name}")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="roles are PostgreSQL's")
@pytest.mark.django_db(transaction=True)
def test_the_documented_role_reads_the_views_and_nothing_else(role):
    import psycopg

    login = connection.get_connection_params() | {"user": role, "password": "a long password"}
    login = {name: login[name] for name in ("host", "port", "dbname", "user", "password") if login.get(name)}
    tables = connection.introspection.table_names()
    with psycopg.connect(**login, autocommit=True) as outside:
        for view in report_views.VIEWS:
            outside.execute(f"SELECT count(*) FROM {view}")
        refused = [f"SELECT 1 FROM {table}" for table in tables]
        refused += ["SET default_transaction_read_only = off; DELETE FROM report_v1_users", "CREATE TABLE x (y int)"]
        for statement in refused:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                outside.execute(statement)
        assert len(tables) > 20
        outside.execute("SET default_transaction_read_only = off")  # it may, and gains nothing
        writes = ("DELETE FROM report_v1_users", "CREATE TABLE x (y int)", "CREATE TEMPORARY TABLE x (y int)")
        for statement in (*writes, "CREATE SCHEMA x", "SELECT nextval('accounts_user_id_seq')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                outside.execute(statement)
    call_command("migrate", verbosity=0)  # makes the views again
    with psycopg.connect(**login) as outside:
        outside.execute("SELECT count(*) FROM report_v1_permissions")
