"""Reports: the same rows in the panel, as CSV by key, through the API and from the command line."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import reporting
from accounts.models import AccessCount, User
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Job, RepositoryChangeset, StoredChangeset
from reviews.models import PullRequest
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    actor,
    grant,
    key_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return AdminFactory(username="boss")


@pytest.fixture
def repositories(admin):
    now = timezone.now()
    for age, name in enumerate(("new", "group/middle", "old")):
        repository = RepositoryFactory(name=name, owner=admin)
        repository.updated_on = now - timedelta(days=10 * age)
        repository.size = 1000 * (age + 1)
        repository.save()


def get(client, path, user, /, **query):
    return client.get(f"/_admin/reports/{path}", query, headers={"authorization": f"Bearer {key_of(user)}"})


def table(response):
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_csv_by_key(client, admin, repositories):
    response = get(client, "repositories_by_last_change.csv", admin)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = table(response)
    assert [(row["repository"], row["days"]) for row in rows] == [("new", "0"), ("group/middle", "10"), ("old", "20")]


def test_every_door_shows_the_same(client, admin, repositories, capsys):
    from tests.api.conftest import Api

    data = get(client, "repositories_by_size.json", admin).json()
    assert [row["size"] for row in data["rows"]] == [3000, 2000, 1000]
    assert Api(client, key_of(admin))("get_report", name="repositories_by_size") == data
    call_command("report", "repositories_by_size", "--format", "json")
    assert json.loads(capsys.readouterr().out) == data
    call_command("report", "repositories_by_size", "--format", "html")
    kept = capsys.readouterr().out
    assert kept.startswith("<!doctype html>")
    for part in ("<h1>Repositories by size</h1>", "Bars from above: old 2.9", "group/middle</td>"):
        assert part in kept
    page = get(client, "repositories_by_size", admin).content.decode()
    assert "group/middle" in page
    assert 'role="img"' in page
    assert "Bars from above: old 2.9" in page
    assert "The table holds every value." in page
    assert get(client, "repositories_by_size.pdf", admin).status_code == 404
    assert get(client, "repositories_by_size.svg", admin).headers["Content-Type"] == "image/svg+xml"


def test_parameters_stand_where_they_like_on_the_command_line(repositories, capsys):
    RepositoryFactory(name="git", kind="git")
    for arguments in (
        ["--format", "csv", "repositories_by_last_change", "kind=git", "group="],
        ["repositories_by_last_change", "--format", "csv", "kind=git"],
        ["repositories_by_last_change", "kind=git", "--format", "csv", "group="],
    ):
        call_command("report", *arguments)
        assert [line.partition(",")[0] for line in capsys.readouterr().out.splitlines()] == ["repository", "git"]
    with pytest.raises(CommandError, match="nosuch"):
        call_command("report", "repositories_by_last_change", "--format", "csv", "nosuch=1")


def test_repository_admins_see_their_repositories_and_others_nothing(client, repositories):
    una, stranger = UserFactory(), UserFactory()
    grant(RepositoryFactory(name="hers"), una, Level.ADMIN)
    assert [row["repository"] for row in table(get(client, "repositories_by_last_change.csv", una))] == ["hers"]
    assert table(get(client, "repositories_by_last_change.csv", stranger)) == []
    assert get(client, "failed_jobs.csv", una).status_code == 404
    assert get(client, "nosuch.csv", una).status_code == 404


def test_strangers_and_wrong_keys(client, admin, settings):
    settings.API_KEY_IN_URL = False
    anonymous = client.get("/_admin/reports/failed_jobs.csv?days=5&api_key=secret")
    login = "http://testserver/_admin/login?came_from=%2F_admin%2Freports%2Ffailed_jobs.csv%3Fdays%3D5"
    assert (anonymous.status_code, anonymous.headers["Location"]) == (302, login)
    wrong = client.get("/_admin/reports/failed_jobs.csv", headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 403
    scoped = ApiKeyFactory(user=admin, level=Level.READ)
    narrowed = client.get("/_admin/reports/failed_jobs.csv", headers={"authorization": f"Bearer {scoped.value}"})
    assert narrowed.status_code == 404


def test_wrong_parameters_are_named(client, admin):
    response = get(client, "failed_jobs.csv", admin, days="many")
    assert (response.status_code, response.content.decode()) == (400, "days: must be a number\n")
    assert get(client, "failed_jobs.csv", admin, nosuch="1").status_code == 400
    assert b"must be a number" in get(client, "failed_jobs", admin, days="many").content
    with pytest.raises(CommandError, match="days"):
        call_command("report", "failed_jobs", "days=-1")


@pytest.mark.parametrize("parameter", ["group", "repository", "user", "user_group"])
def test_names_that_mean_nothing_are_named(client, admin, repositories, parameter):
    for found in reporting.reports(actor(admin)):
        if parameter in found.parameters:
            response = get(client, f"{found.name}.csv", admin, **{parameter: "nosuch"})
            assert response.status_code == 400, found.name
            assert response.content.decode().startswith(f"{parameter}: There is no such"), found.name
    page = get(client, "activity_by_author", admin, **{parameter: "nosuch", "since": "2026-01-01"})
    assert page.status_code == 400
    assert page.content.decode().count("There is no such") == 1
    assert 'value="nosuch"' in page.content.decode()
    assert 'value="2026-01-01"' in page.content.decode()


def test_a_period_ends_after_its_beginning(client, admin):
    response = get(client, "activity_by_week.csv", admin, since="2026-02-01", until="2026-01-01")
    assert (response.status_code, response.content.decode()) == (400, "until: must not be before the first day\n")


def test_hidden_groups_are_as_those_that_do_not_exist(client):
    """Who administrates a repository could learn otherwise who is in a group, by who worked there."""
    una = UserFactory()
    grant(RepositoryFactory(name="hers"), una, Level.ADMIN)
    UserGroupFactory(name="secret", members=[una], everybody=Level.NONE)
    RepositoryGroupFactory(name="hidden", everybody=Level.NONE)
    for parameter, name in (("user_group", "secret"), ("group", "hidden")):
        texts = {get(client, "activity_by_author.csv", una, **{parameter: asked}).content for asked in (name, "nosuch")}
        assert len(texts) == 1, texts


def test_types_of_parameters(client, admin):
    from tests.api.conftest import Api

    listed = {found["name"]: found["parameter_types"] for found in Api(client, key_of(admin))("get_reports")}
    assert listed["activity_by_week"]["since"] == "date"
    assert listed["failed_jobs"] == {"days": "number", "kind": ["", "create", "fork", "pull", "rescan", "delete"]}
    assert listed["repositories_readable_by_anybody"] == {"group": "text"}


def test_formulas_are_not_for_spreadsheets(admin):
    RepositoryFactory(name="=cmd()", owner=admin)
    found = reporting.find(actor(admin), "repositories_by_last_change")
    assert list(reporting.as_csv(found, found.run(actor(admin), {})))[1].startswith("'=cmd()")


def test_who_can_write_where_says_why(admin):
    una, bert = UserFactory(username="una"), UserFactory(username="bert")
    repository = RepositoryFactory(name="r", owner=admin, is_private=True)
    grant(repository, una, Level.WRITE)
    grant(repository, UserGroupFactory(name="devs", members=[una, bert]), Level.ADMIN)
    grant(repository, UserGroupFactory(name="gone", members=[bert], is_active=False), Level.ADMIN)
    found = reporting.find(actor(admin), "repository_permissions")
    assert found.run(actor(admin), {}) == [
        ("r", "bert", "admin", "user group devs"),
        ("r", "boss", "admin", "owner"),
        ("r", "una", "admin", "user group devs"),
        ("r", "una", "write", "own grant"),
    ]


@pytest.mark.parametrize("name", [found.name for found in reporting.reports(actor(User(is_admin=True)))])
def test_every_report_is_described_and_runs_on_an_empty_site(admin, name, django_assert_max_num_queries):
    found = reporting.find(actor(admin), name)
    assert found.description
    with django_assert_max_num_queries(8):
        assert reporting.as_data(found, found.run(actor(admin), {}))["columns"]


def test_the_document_lists_every_report():
    listed = {}
    for line in (Path(settings.BASE_DIR) / "docs" / "reports.md").read_text().splitlines():
        if match := re.fullmatch(r"\| `(?!report_v1_)(\w+)`(\*?) \| (.*) \| (.*) \|", line):
            listed[match[1]] = (match[3], match[2] == "*", match[4])
    assert listed == {
        found.name: (
            found.description,
            found.for_repository_admins,
            ", ".join(f"`{name}`" for name in found.parameters),
        )
        for found in reporting.reports(actor(User(is_admin=True)))
    }


def test_weeks_are_drawn_in_time_and_said_in_words(client, admin):
    repository = RepositoryFactory(owner=admin)
    for number, timestamp in enumerate((1_767_571_200, 1_767_571_300, 1_770_595_200)):  # 5 January, 9 February 2026
        changeset = StoredChangeset.objects.create(
            raw_id=f"{number:040x}", author="A", timestamp=timestamp, message="m"
        )
        RepositoryChangeset.objects.create(repository=repository, changeset=changeset)
    assert [row["week"] for row in table(get(client, "activity_by_week.csv", admin))] == ["2026-01-05", "2026-02-09"]
    drawn = get(client, "activity_by_week.svg", admin).content.decode()
    assert "From 2026-01-05 to 2026-02-09: 3 in all, most on 2026-01-05 (2)." in drawn
    assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert '<td class="date">2026-02-09</td>' in get(client, "activity_by_week", admin).content.decode()


def test_values_of_the_wrong_type_are_named(client, admin):
    from tests.api.conftest import Api

    ask = Api(client, key_of(admin))
    for name, wrong, text in (
        ("failed_jobs", {"days": 5.7}, "days: must be a number"),
        ("failed_jobs", {"days": True}, "days: must be a number"),
        ("sign_ins_and_refusals", {"address": "10.0.0"}, "address: This is not an IP address."),
        ("api_calls_by_method", {"method": "nope"}, "method: No method of this name has been called."),
    ):
        assert ask.error("get_report", name=name, parameters=wrong).endswith(text)
    for found in reporting.reports(actor(admin)):
        for parameter in found.parameters:
            response = get(client, f"{found.name}.csv", admin, **{parameter: "a\0b"})
            assert response.status_code == 400, (found.name, parameter)
            assert response.content.decode().startswith(f"{parameter}: "), (found.name, parameter)


def test_an_address_is_found_where_it_is_counted(admin):
    day = timezone.now().date()
    for address in ("10.0.0.7", "2001:db8::/64"):
        AccessCount.objects.create(day=day, address=address, kind="key", count=1)
    found = reporting.find(actor(admin), "sign_ins_and_refusals")
    for asked, shown in (
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8::99", "2001:db8::/64"),
        ("2001:db8::/64", "2001:db8::/64"),
    ):
        assert [row[0] for row in found.run(actor(admin), {"address": asked})] == [shown]


def test_what_everybody_may_is_a_reason_too(admin):
    una, gone = UserFactory(username="una"), UserFactory(username="gone", is_active=False)
    RepositoryFactory(name="open", owner=admin, everybody=Level.WRITE)
    RepositoryFactory(name="private", owner=admin, everybody=Level.WRITE, is_private=True)
    User.objects.filter(pk=DEFAULT_USER_ID).update(is_active=False)  # visitors are not let in; una is
    found = reporting.find(actor(admin), "repository_permissions")
    run = lambda **given: [row for row in found.run(actor(admin), given) if row[3] != "owner"]  # noqa: E731
    assert run() == [("open", "default", "write", "everybody")]
    assert run(user=una.username) == [("open", "una", "write", "everybody")]
    assert run(user=gone.username) == []


def test_jobs_count_from_the_day_they_failed(admin):
    now = timezone.now()
    for name, made, failed in (("again", 90, 1), ("old", 90, 89)):
        Job.objects.create(
            kind="pull",
            state=Job.State.FAILED,
            repository_name=name,
            created_on=now - timedelta(days=made),
            finished_on=now - timedelta(days=failed),
        )
    found = reporting.find(actor(admin), "failed_jobs")
    assert [row[2] for row in found.run(actor(admin), {})] == ["again"]


def test_what_nobody_voted_on_has_no_bar(client, admin):
    opened = timezone.now() - timedelta(days=1)
    for name, votes in (("quick", 1), ("waiting", 0)):
        repository = RepositoryFactory(name=name, owner=admin)
        pull_request = PullRequest.objects.create(
            owner=admin, origin=repository, target=repository, title=name, created_on=opened
        )
        for _ in range(votes):
            pull_request.statuses.create(repository=repository, raw_id="1" * 40, user=UserFactory(), status="approved")
    assert {row["repository"] for row in table(get(client, "review_turnaround.csv", admin))} == {"quick", "waiting"}
    drawn = get(client, "review_turnaround.svg", admin).content.decode()
    assert "quick" in drawn
    assert "waiting" not in drawn


def test_a_name_without_an_address_is_that_name(admin):
    repository = RepositoryFactory(owner=admin)
    for number, author in enumerate(("Una <>", "Una")):  # as Git and Mercurial have it
        changeset = StoredChangeset.objects.create(raw_id=f"{number:040x}", author=author, timestamp=5, message="m")
        RepositoryChangeset.objects.create(repository=repository, changeset=changeset)
    found = reporting.find(actor(admin), "activity_by_author")
    assert [row[:4] for row in found.run(actor(admin), {})] == [("Una", "no", 2, 1)]


def test_what_is_talked_about_is_not_stale(admin):
    now, repository = timezone.now(), RepositoryFactory(owner=admin)
    for title in ("forgotten", "commented", "voted"):
        pull_request = PullRequest.objects.create(
            owner=admin, origin=repository, target=repository, title=title, updated_on=now - timedelta(days=90)
        )
        said = {"created_on": now - timedelta(days=2 if title == "commented" else 60)}
        pull_request.comments.create(author=admin, text="Well", **said)
        vote = {"modified_on": now - timedelta(days=2 if title == "voted" else 50)}
        pull_request.statuses.create(repository=repository, raw_id="1" * 40, user=admin, status="approved", **vote)
    found = reporting.find(actor(admin), "stale_pull_requests")
    assert [(row[1], row[6]) for row in found.run(actor(admin), {})] == [("forgotten", 50)]
