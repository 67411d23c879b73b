"""Repositories, repository groups, permissions and jobs in the admin panel."""

import csv
import html
import io
import re
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import explanations
from accounts.actors import Actor
from accounts.models import USER_GROUP_TARGET, JournalEntry, User, UserGroup
from accounts.permissions import DEFAULT_USER_ID, Level, with_level
from accounts.services import addresses, site
from repos.models import (
    REPOSITORY_GROUP_TARGET,
    REPOSITORY_TARGET,
    Follower,
    Job,
    Repository,
    RepositoryChangeset,
    RepositoryGroup,
    StoredChangeset,
)
from tests.factories import (
    AdminFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    grant,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db):
    return AdminFactory(username="boss")


@pytest.fixture
def panel(client, boss):
    client.force_login(boss, backend="accounts.authentication.PasswordBackend")
    return client


def address(model, page, *args):
    return reverse(f"admin:repos_{model._meta.model_name}_{page}", args=args)


def actions():
    return list(JournalEntry.objects.order_by("pk").values_list("action", flat=True))


def names(response):
    assert response.status_code == 200
    return [row.name for row in response.context["cl"].result_list]


def group_values(boss, **values):
    return {"base_name": "tools", "owner": boss.pk, "description_en": "Our tools", "description_de": ""} | values


def repository_values(boss, **values):
    return {
        "base_name": "app",
        "kind": "hg",
        "owner": boss.pk,
        "landing": "rev:tip",
        "clone_uri": "",
        "description_en": "An app",
        "description_de": "Eine Anwendung",
    } | values


# -- repository groups ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_make_move_and_delete_a_group(panel, boss, repositories_root):
    panel.post(address(RepositoryGroup, "add"), group_values(boss))
    tools = RepositoryGroup.objects.get()
    assert (tools.name, tools.description) == ("tools", "Our tools")
    assert (repositories_root / "tools").is_dir()
    inner = group_values(boss, base_name="old", parent=tools.pk)
    panel.post(address(RepositoryGroup, "add"), inner)
    old = RepositoryGroup.objects.get(name="tools/old")
    moved = panel.post(address(RepositoryGroup, "change", old.pk), inner | {"base_name": "new", "parent": ""})
    assert moved.status_code == 302
    assert set(RepositoryGroup.objects.values_list("name", flat=True)) == {"tools", "new"}
    assert (repositories_root / "new").is_dir()
    refused = panel.post(address(RepositoryGroup, "change", old.pk), inner | {"base_name": "tools", "parent": ""})
    assert set(refused.context["adminform"].form.errors) == {"base_name"}
    refused = panel.post(address(RepositoryGroup, "change", old.pk), inner | {"base_name": "new", "parent": old.pk})
    assert set(refused.context["adminform"].form.errors) == {"parent"}
    panel.post(address(RepositoryGroup, "delete", old.pk), {"name": "new"})
    assert list(RepositoryGroup.objects.values_list("name", flat=True)) == ["tools"]
    verb = "repository_group"
    assert actions() == [f"create_{verb}", f"create_{verb}", f"update_{verb}", f"delete_{verb}"]


def test_groups_are_a_tree(panel):
    for name in ("b", "a-c", "a", "a/b/c", "a/b", "a/z"):
        RepositoryGroupFactory(name=name)
    page = panel.get(address(RepositoryGroup, "changelist"))
    assert names(page) == ["a", "a/b", "a/b/c", "a/z", "a-c", "b"]
    assert '<span class="tree-2">c</span>' in page.content.decode()


def test_a_group_with_something_in_it_stays(panel, repositories_root):
    group = RepositoryGroupFactory(name="full")
    (repositories_root / "full").mkdir()
    RepositoryFactory(name="full/app", group=group)
    page = panel.get(address(RepositoryGroup, "delete", group.pk)).content.decode()
    assert "repositories" in page
    assert "in the way" in page
    answer = panel.post(address(RepositoryGroup, "delete", group.pk), {"name": "full"})
    assert "not empty" in answer.content.decode()
    assert RepositoryGroup.objects.exists()


# -- repositories --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_make_change_and_delete_a_repository(panel, boss, repositories_root):
    group = RepositoryGroupFactory(name="tools")
    (repositories_root / "tools").mkdir()
    made = panel.post(address(Repository, "add"), repository_values(boss, group=group.pk))
    assert made.status_code == 302
    app = Repository.objects.get()
    assert (app.name, app.description_en, app.description_de) == ("tools/app", "An app", "Eine Anwendung")
    assert (repositories_root / "tools/app/.hg").is_dir()
    other = UserFactory()
    new = repository_values(
        boss, base_name="web", group="", owner=other.pk, is_private="on", protected_branches="main", max_file_size="9"
    )
    assert panel.post(address(Repository, "change", app.pk), new).status_code == 302
    app.refresh_from_db()
    assert (app.name, app.owner, app.is_private) == ("web", other, True)
    assert (app.protected_branches, app.max_file_size) == ("main", 9)
    assert (repositories_root / "web").is_dir()
    assert panel.get(address(Repository, "change", app.pk)).status_code == 200
    panel.post(address(Repository, "delete", app.pk), {"name": "wrong"})
    assert Repository.objects.exists()
    panel.post(address(Repository, "delete", app.pk), {"name": "web"})
    assert not Repository.objects.exists()
    assert actions() == ["create_repository", "update_repository", "delete_repository"]


def test_what_a_service_refuses_is_said(panel, boss, repositories_root):
    RepositoryFactory(name="app")
    for wrong, field in (
        ({}, "base_name"),
        ({"base_name": "a/b"}, "base_name"),
        ({"base_name": "free", "landing": "moon:x"}, "landing"),
        ({"base_name": "free", "clone_uri": "file:///etc"}, "clone_uri"),
        ({"base_name": "free", "owner": ""}, "owner"),
    ):
        answer = panel.post(address(Repository, "add"), repository_values(boss, **{"description_en": "kept"} | wrong))
        assert set(answer.context["adminform"].form.errors) == {field}, wrong
        assert "kept</textarea>" in answer.content.decode()
    assert Repository.objects.count() == 1


def test_deleting_says_what_it_affects_and_asks_about_forks(panel, repositories_root):
    parent = RepositoryFactory(name="parent")
    fork = RepositoryFactory(name="fork", fork_of=parent)
    Follower.objects.create(user=UserFactory(), repository=parent)
    page = panel.get(address(Repository, "delete", parent.pk)).content.decode()
    for word in ("followers", "deleted too", "kept", "grants on repositories"):
        assert word in page
    panel.post(address(Repository, "delete", parent.pk), {"name": "parent", "forks": "detach"})
    fork.refresh_from_db()
    assert fork.fork_of is None
    again = RepositoryFactory(name="again", fork_of=fork)
    panel.post(address(Repository, "delete", fork.pk), {"name": "fork", "forks": "delete"})
    assert not Repository.objects.filter(pk=again.pk).exists()


def test_what_is_no_number_is_not_found(panel):
    assert panel.get(f"/_admin/repos/repository/{'9' * 30}/grants/").status_code == 404
    for number in ("abc", "²", "9" * 30):
        assert panel.get(f"/_admin/repos/repository/{number}/delete/").status_code == 404


def test_many_are_never_deleted_at_once(panel):
    repository = RepositoryFactory()
    chosen = {"action": "delete_selected", "_selected_action": [repository.pk], "post": "yes"}
    panel.post(address(Repository, "changelist"), chosen)
    assert Repository.objects.exists()


def test_search_by_what_people_know(panel):
    owner = UserFactory(username="olga", email="olga@somewhere.org")
    app = RepositoryFactory(name="tools/app", owner=owner, description_en="payroll", description_de="Gehälter")
    RepositoryFactory(name="other")
    raw_id = "abcdef" + "0" * 34
    StoredChangeset.objects.create(raw_id=raw_id, author="x", timestamp=1, message="x")
    RepositoryChangeset.objects.create(repository=app, changeset_id=raw_id)
    for word in ("ls/ap", "olga", "olga@somewhere", "payroll", "Gehälter", "abcdef", raw_id):
        assert names(panel.get(address(Repository, "changelist"), {"q": word})) == ["tools/app"], word
    assert names(panel.get(address(Repository, "changelist"), {"q": "abcdee"})) == []


def test_filters(panel):
    parent = RepositoryFactory(name="parent", kind="git", size=10)
    RepositoryFactory(name="fork", fork_of=parent, is_private=True, size=5000)
    for query, found in (
        ({"kind__exact": "git"}, ["parent"]),
        ({"fork": "1"}, ["fork"]),
        ({"fork": "0"}, ["parent"]),
        ({"is_private__exact": "1"}, ["fork"]),
        ({"size_from": "100"}, ["fork"]),
        ({"owner__id__exact": parent.owner.pk}, ["parent"]),
    ):
        assert names(panel.get(address(Repository, "changelist"), query)) == found, query


def test_the_page_of_a_repository(panel, put, kind, repositories_root):
    put("parent", "first")
    put("fork", "first", "second")
    parent = RepositoryFactory(name="parent", kind=kind)
    fork = RepositoryFactory(name="fork", kind=kind, fork_of=parent)
    page = panel.get(address(Repository, "change", fork.pk)).content.decode()
    assert address(Repository, "change", parent.pk) in page
    panel.post(reverse("admin:repos_repository_do", args=[parent.pk, "invalidate"]))
    parent.refresh_from_db()
    assert parent.size
    assert parent.last_changeset["message"].strip() == "first"
    panel.post(reverse("admin:repos_repository_do", args=[fork.pk, "pull"]))
    assert Job.objects.get().state == Job.State.DONE
    for button, archived in (("archive", True), ("unarchive", False)):
        assert reverse("admin:repos_repository_do", args=[fork.pk, button]) in page
        panel.post(reverse("admin:repos_repository_do", args=[fork.pk, button]))
        assert Repository.objects.get(pk=fork.pk).is_archived is archived
        page = panel.get(address(Repository, "change", fork.pk)).content.decode()
    panel.post(reverse("admin:repos_repository_do", args=[fork.pk, "detach"]))
    fork.refresh_from_db()
    assert fork.fork_of is None
    assert actions() == ["invalidate_cache", "pull", "update_repository", "update_repository", "detach_fork"]
    assert panel.get(reverse("admin:repos_repository_do", args=[fork.pk, "pull"])).status_code == 405


def test_extra_fields(panel):
    repository = RepositoryFactory()
    page = reverse("admin:repos_repository_fields", args=[repository.pk])
    panel.post(page, {"key": "team", "label": "Team", "value": "blue"})
    panel.post(page, {"key": "team", "label": "Team", "value": "red"})
    assert repository.extra_fields.get().value == "red"
    assert "red" in panel.get(page).content.decode()
    panel.post(page, {"remove": repository.extra_fields.get().pk})
    assert not repository.extra_fields.exists()
    assert actions() == ["set_field", "set_field", "remove_field"]


def test_rescan(panel, put, repositories_root):
    put("found", "first")
    answer = panel.post(reverse("admin:repos_rescan")).content.decode()
    assert "<li>found</li>" in answer
    assert Repository.objects.get().name == "found"


# -- permissions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factory", [RepositoryFactory, RepositoryGroupFactory])
def test_many_grants_at_once(panel, factory):
    on = factory(name="thing")
    una, otto, people = UserFactory(username="una"), UserFactory(), UserGroupFactory(name="people")
    grant(on, una, Level.WRITE)
    grant(on, otto, Level.WRITE)
    page = address(type(on), "grants", on.pk)
    assert 'aria-label="una: write"' in panel.get(page).content.decode()
    assert f'name="group-{people.pk}"' in panel.get(page, {"q": "peop"}).content.decode()
    marks = {
        f"user-{una.pk}": "1",
        f"user-{otto.pk}": "-",
        f"user-{DEFAULT_USER_ID}": "1",
        f"group-{people.pk}": "3",
    }
    assert panel.post(page, marks).status_code == 302
    rows = set(on.grants.values_list("user__username", "user_group__name", "level"))
    assert rows == {("default", None, 1), ("una", None, 1), (None, "people", 3)}
    assert sorted(actions()) == ["grant", "grant", "revoke"]


def test_a_grid_is_saved_completely_or_not_at_all(panel):
    repository = RepositoryFactory()
    una = UserFactory()
    page = address(Repository, "grants", repository.pk)
    for wrong in ({f"user-{DEFAULT_USER_ID}": "-"}, {"user-999999": "1"}, {"user-x": "1"}, {f"user-{una.pk}": "9"}):
        panel.post(page, {f"user-{una.pk}": "3"} | wrong)
        panel.post(page, {f"user-{una.pk}": "3", "children": "x"})
    assert repository.grants.get().user_id == DEFAULT_USER_ID
    assert actions() == []


def test_grants_on_everything_inside(panel, boss):
    group = RepositoryGroupFactory(name="top")
    inside = RepositoryFactory(name="top/app", group=group)
    una = UserFactory()
    panel.post(address(RepositoryGroup, "grants", group.pk), {f"user-{una.pk}": "2", "children": "all"})
    assert inside.grants.get(user=una).level == Level.WRITE


def test_default_permissions(panel):
    repository, private = RepositoryFactory(), RepositoryFactory(is_private=True)
    page = reverse("admin:repos_defaults")
    form = panel.get(page).context["form"]
    values = {name: form[name].value() for name in form.fields if name not in ("anonymous", "overwrite")}
    panel.post(page, values | {"repository": "repository.write", "overwrite": "on"})
    assert repository.grants.get().level == Level.WRITE
    assert private.grants.get().level == Level.READ
    assert not User.objects.default().is_active
    assert actions() == ["update_default_permissions"]


def test_reasons_agree_with_the_rule():
    una = UserFactory(username="una")
    active, inactive = UserGroupFactory(members=[una]), UserGroupFactory(members=[una], is_active=False)
    objects = []
    for make in (RepositoryFactory, RepositoryGroupFactory, UserGroupFactory):
        objects += [make(), make(owner=una), make(everybody=Level.NONE)]
        for subject in (una, active, inactive):
            given = make(everybody=Level.NONE)
            grant(given, subject, Level.WRITE)
            objects.append(given)
    hidden = RepositoryFactory(is_private=True, everybody=Level.WRITE)
    targets = {Repository: REPOSITORY_TARGET, RepositoryGroup: REPOSITORY_GROUP_TARGET, UserGroup: USER_GROUP_TARGET}
    gone = UserFactory(is_active=False)
    for user in (una, AdminFactory(), User.objects.default(), gone):
        for thing in [*objects, hidden]:
            model = type(thing)
            readable = model.objects.filter(pk=thing.pk).visible_to(Actor(user), Level.READ)
            found = with_level(readable, Actor(user), targets[model]).first()
            level = Level.NONE if found is None else found.level
            why = explanations.reasons(user, targets[model], [thing])[thing.pk]
            counting = [reason.level for reason in why if reason.counts]
            assert max(counting, default=Level.NONE) == level, (user, thing, why)
            assert [reason.level for reason in why if reason.decides] == [level] * counting.count(level)


def test_effective_permissions_are_shown_with_the_reason(panel):
    una = UserFactory(username="una")
    grant(RepositoryFactory(name="app"), UserGroupFactory(name="people", members=[una]), Level.WRITE)
    text = panel.get(reverse("admin:repos_effective", args=[una.pk])).content.decode()
    assert "<strong>user group people: write</strong>" in text
    assert "everybody: read" in text
    for kind in ("groups", "user-groups"):
        assert panel.get(reverse("admin:repos_effective", args=[una.pk]), {"kind": kind}).status_code == 200


def test_would_this_address_pass(panel, boss):
    una = UserFactory(username="una")
    addresses.add(actor=Actor(boss), user=boss, cidr="127.0.0.1")
    page = reverse("admin:accounts_simulator")
    verdict = lambda response: response.context_data["verdict"]  # noqa: E731
    ask = lambda given: verdict(panel.get(page, {"user": "una", "address": given}))  # noqa: E731
    assert ask("10.2.3.4").allowed
    row = addresses.add(actor=Actor(boss), user=una, cidr="10.2.0.0/16")
    assert row.cidr in ask("10.2.3.4").because
    assert not ask("10.3.3.4").allowed
    addresses.add(actor=Actor(boss), user=User.objects.default(), cidr="10.3.0.0/16")
    assert ask("10.3.3.4").because == "10.3.0.0/16 is allowed to everybody."
    assert ask("nonsense") is None
    assert panel.get(page, {"user": "nobody", "address": "10.2.3.4"}).context_data["form"].errors


# -- jobs and the journal ------------------------------------------------------------------------------------------


def test_a_failed_job_runs_again(panel, boss, repositories_root, put, kind):
    put("parent", "first")
    put("fork", "first")
    fork = RepositoryFactory(name="fork", kind=kind, fork_of=RepositoryFactory(name="parent", kind=kind))
    failed = {"state": Job.State.FAILED, "error": "no", "actor": boss}
    job = Job.objects.create(kind="pull", repository=fork, arguments={"source": ""}, **failed)
    clone = Job.objects.create(kind="create", **failed)
    chosen = {"action": "retry", "_selected_action": [job.pk, clone.pk]}
    panel.post(address(Job, "changelist"), chosen)
    job.refresh_from_db()
    clone.refresh_from_db()
    assert (job.state, job.error) == (Job.State.DONE, "")
    assert clone.state == Job.State.FAILED
    assert "retry_job" in actions()
    button = partial(reverse, "admin:repos_job_retry")
    for of, shown in ((job, False), (clone, False)):
        assert (button(args=[of.pk]) in panel.get(address(Job, "change", of.pk)).content.decode()) is shown
    again = Job.objects.create(kind="pull", repository=fork, arguments={"source": ""}, **failed)
    assert button(args=[again.pk]) in panel.get(address(Job, "change", again.pk)).content.decode()
    panel.post(button(args=[again.pk]))
    again.refresh_from_db()
    assert again.state == Job.State.DONE
    assert panel.post(address(Job, "delete", job.pk), {"post": "yes"}).status_code == 403


def test_nothing_comes_into_an_archive_by_running_a_pull_again(panel, boss, repositories_root, put, kind):
    put("parent", "first")
    put("fork", "second")
    parent = RepositoryFactory(name="parent", kind=kind)
    fork = RepositoryFactory(name="fork", kind=kind, fork_of=parent, is_archived=True)
    job = Job.objects.create(
        kind="pull", repository=fork, arguments={"source": ""}, state=Job.State.FAILED, error="no", actor=boss
    )
    panel.post(reverse("admin:repos_job_retry", args=[job.pk]))
    job.refresh_from_db()
    assert job.state == Job.State.FAILED
    assert "archived" in job.error


def test_the_journal_as_csv(panel):
    JournalEntry.objects.create(username="una", action="push", subject_name="=1+1")
    JournalEntry.objects.create(username="otto", action="grant", subject_name="app")
    page = reverse("admin:accounts_journalentry_export")
    text = b"".join(panel.get(page, {"action": "push"}).streaming_content).decode()
    header, row = csv.reader(io.StringIO(text))
    assert header[:3] == ["created_on", "username", "action"]
    assert row[1:3] == ["una", "push"]
    assert "'=1+1" in row


def test_the_export_button_keeps_the_filters(panel):
    for action in ("push", "grant"):
        JournalEntry.objects.create(username="una", action=action, subject_name="app")
    journal = reverse("admin:accounts_journalentry_changelist")
    page = panel.get(journal, {"action": "push"})
    (link,) = set(re.findall(r'href="([^"]*/export/[^"]*)"', page.content.decode()))
    text = b"".join(panel.get(html.unescape(link)).streaming_content).decode()
    assert [row[2] for row in csv.reader(io.StringIO(text))] == ["action", "push"]
    assert 'export/"' in panel.get(journal).content.decode()


# -- everything ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Repository, RepositoryGroup, Job], ids=lambda model: model.__name__)
def test_the_number_of_queries_of_a_list_does_not_grow(panel, model):
    def fill(count):
        for _ in range(count):
            group = RepositoryGroupFactory()
            repository = RepositoryFactory(group=group, fork_of=Repository.objects.first())
            Follower.objects.create(user=repository.owner, repository=repository)
            Job.objects.create(kind="pull", repository=repository, actor=repository.owner)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert panel.get(address(model, "changelist")).status_code == 200
        return len(asked)

    site.current()  # remembered from now on
    fill(3)
    few = queries()
    fill(60)
    assert queries() == few


def test_pages_of_many_objects_ask_as_often_as_pages_of_few(panel):
    una = UserFactory()
    repository = RepositoryFactory()
    pages = [reverse("admin:repos_effective", args=[una.pk]), address(Repository, "grants", repository.pk)]

    site.current()  # remembered from now on

    def queries():
        counts = []
        for page in pages:
            with CaptureQueriesContext(connection) as asked:
                assert panel.get(page).status_code == 200
            counts.append(len(asked))
        return counts

    few = queries()
    for _ in range(40):
        grant(RepositoryFactory(), una, Level.WRITE)
        grant(repository, UserFactory(), Level.WRITE)
    assert queries() == few


@pytest.mark.parametrize(
    "page", ["repository/", "repositorygroup/", "job/", "repository/defaults/", "repository/rescan/"]
)
def test_is_for_administrators(client, page):
    assert client.get(f"/_admin/repos/{page}").status_code == 302
    client.force_login(UserFactory(), backend="accounts.authentication.PasswordBackend")
    assert client.get(f"/_admin/repos/{page}").status_code == 403
