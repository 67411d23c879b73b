"""Who may clone and push: the same rules as everywhere, told to git and hg in the words of HTTP."""

import base64
from datetime import timedelta
from http.client import HTTPConnection

import pytest
from django.utils import timezone

from accounts.models import IpRange, User
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository
from tests.factories import (
    PASSWORD,
    AdminFactory,
    ApiKeyFactory,
    RepositoryGroupFactory,
    UserFactory,
    grant,
    key_of,
)
from tests.repos.clients import Refused, clone, commit, head, push, repository, work_tree

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(kind, repositories_root):
    return repository(kind, repositories_root, name="project")


QUERY = {"git": "/info/refs?service=git-{}-pack", "hg": "?cmd={}"}
READS, WRITES = {"git": "upload", "hg": "capabilities"}, {"git": "receive", "hg": "unbundle"}


def ask(server, name, kind, what, **headers):
    """The status, headers and text of the first request that a client makes."""
    connection = HTTPConnection(server.host, server.port, timeout=120)
    method = "POST" if what == "unbundle" else "GET"
    connection.request(method, f"/{name}" + QUERY[kind].format(what), headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), body


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_everybody_clones_what_everybody_may_read_and_nobody_pushes(server, kind, project, work, tmp_path):
    push(kind, work, server.url(project, project.owner))
    assert head(kind, clone(kind, server.url(project), tmp_path / "copy")) == head(kind, work)
    commit(kind, work, "two")
    with pytest.raises(Refused):
        push(kind, work, server.url(project))
    with pytest.raises(Refused, match=r"403|You may read here"):
        push(kind, work, server.url(project, UserFactory()))
    assert project.vcs.count() == 1


def test_an_archived_repository_is_cloned_and_takes_no_push(server, kind, project, work, tmp_path):
    push(kind, work, server.url(project, project.owner))
    Repository.objects.update(is_archived=True)
    assert head(kind, clone(kind, server.url(project, project.owner), tmp_path / "copy")) == head(kind, work)
    commit(kind, work, "two")
    with pytest.raises(Refused, match=r"403|archived"):
        push(kind, work, server.url(project, project.owner))
    assert project.vcs.count() == 1


def test_everybody_may_push_where_everybody_may_write(server, kind, project, work):
    grant(project, User.objects.default(), Level.WRITE)
    push(kind, work, server.url(project))
    assert project.vcs.count() == 1


@pytest.mark.parametrize("secret", ["key", "password", "further key"])
def test_a_person_signs_in_with_password_or_key(server, kind, project, work, tmp_path, secret):
    Repository.objects.update(is_private=True)
    user = UserFactory(username="Ann Éa" if kind == "git" else "Ann Lee")  # hg sends ASCII only
    grant(project, user, Level.WRITE)
    word = {"key": key_of(user), "password": PASSWORD, "further key": ApiKeyFactory(user=user).value}[secret]
    push(kind, work, server.url(project, user, word))
    assert head(kind, clone(kind, server.url(project, user, word), tmp_path / "copy")) == head(kind, work)


def test_hidden_and_absent_are_told_apart_by_nobody(server, kind, project):
    Repository.objects.update(is_private=True)
    other = basic(UserFactory(username="una"), PASSWORD)
    for headers, status in (({}, 401), (other, 404), (basic("una", "wrong"), 401), (basic("nobody", "wrong"), 401)):
        answers = [ask(server, name, kind, what, **headers) for name in ("project", "absent", f"_{project.pk}", "_9999")
                   for what in (READS[kind], WRITES[kind])]  # fmt: skip
        assert {answer[0] for answer in answers} == {status}
        assert len({answer[2] for answer in answers}) == 1
        assert all(("WWW-Authenticate" in answer[1]) is (status == 401) for answer in answers)


def test_wrong_expired_foreign_and_inactive_sign_ins_are_refused(server, kind, project):
    user, other = UserFactory(username="una"), UserFactory()
    gone = UserFactory(is_active=False)
    expired = ApiKeyFactory(user=user, expires_on=timezone.now() - timedelta(seconds=1))
    for headers in (
        basic(user, "wrong"),
        basic(user, ""),
        basic(user, expired.value),
        basic(other, key_of(user)),
        basic(gone, PASSWORD),
        basic(gone, key_of(gone)),
        basic("default", ""),
        basic("", key_of(user)),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:x").decode()},
        {"Authorization": "Bearer " + "x" * 40},
    ):
        assert ask(server, "project", kind, READS[kind], **headers)[0] == 401, headers
    assert ask(server, "project", kind, READS[kind], **basic("UNA", PASSWORD))[0] == 200
    assert ask(server, "project", kind, READS[kind], Authorization=f"Bearer {key_of(user)}")[0] == 200


def test_too_many_wrong_ones_lock_the_door_for_a_while(server, kind, project, settings):
    settings.FAILURE_LIMIT = 3
    user = UserFactory()
    for _ in range(3):
        assert ask(server, "project", kind, READS[kind], **basic(user, "wrong"))[0] == 401
    status, headers, _ = ask(server, "project", kind, READS[kind], **basic(user, PASSWORD))
    assert status == 429
    assert headers["Retry-After"]


def test_a_keys_scope_holds(server, kind, project, work, repositories_root):
    user = UserFactory()
    grant(project, user, Level.WRITE)
    elsewhere = repository(kind, repositories_root, name="elsewhere")
    reading = ApiKeyFactory(user=user, level=Level.READ)
    bound = ApiKeyFactory(user=user, repository_id=elsewhere.pk)
    far = ApiKeyFactory(user=user, ip_range="10.0.0.0/8")
    near = ApiKeyFactory(user=user, ip_range="127.0.0.0/8", level=Level.WRITE, repository_id=project.pk)
    assert ask(server, "project", kind, READS[kind], **basic(user, reading.value))[0] == 200
    assert ask(server, "project", kind, WRITES[kind], **basic(user, reading.value))[0] == 403
    assert ask(server, "project", kind, READS[kind], **basic(user, bound.value))[0] == 404
    assert ask(server, "project", kind, READS[kind], **basic(user, far.value))[0] == 401
    push(kind, work, server.url(project, user, near.value))


def test_the_address_whitelist_holds_for_everyone(server, kind, project):
    user = UserFactory()
    IpRange.objects.create(user=user, cidr="10.0.0.0/8")
    assert ask(server, "project", kind, READS[kind], **basic(user, PASSWORD))[0] == 401
    assert ask(server, "project", kind, READS[kind])[0] == 200
    IpRange.objects.create(user_id=DEFAULT_USER_ID, cidr="192.168.0.0/16")
    assert ask(server, "project", kind, READS[kind])[0] == 401
    IpRange.objects.create(user_id=DEFAULT_USER_ID, cidr="127.0.0.1/32")
    assert ask(server, "project", kind, READS[kind])[0] == 200


def test_no_anonymous_access_where_it_is_switched_off(server, kind, project):
    User.objects.filter(pk=DEFAULT_USER_ID).update(is_active=False)
    assert ask(server, "project", kind, READS[kind])[0] == 401
    assert ask(server, "project", kind, READS[kind], **basic(UserFactory(), PASSWORD))[0] == 200


def test_numbers_groups_renames_and_unicode_lead_there(server, kind, repositories_root, work, tmp_path):
    group = RepositoryGroupFactory(name="team/ünïcode")
    made = repository(kind, repositories_root, name="team/ünïcode/dépôt x", group=group)
    push(kind, work, server.url(made, made.owner))
    clone(kind, server.url(f"_{made.pk}"), tmp_path / "number")
    made.path.rename(repositories_root / "new.name")
    Repository.objects.filter(pk=made.pk).update(name="new.name")
    clone(kind, server.url("new.name"), tmp_path / "renamed")
    clone(kind, server.url(f"_{made.pk}"), tmp_path / "number-again")
    with pytest.raises(Refused):
        clone(kind, server.url(made), tmp_path / "old")


def test_the_other_tool_finds_nothing(server, kind, project):
    other = {"git": "hg", "hg": "git"}[kind]
    assert ask(server, "project", other, READS[other], **basic(AdminFactory(), PASSWORD))[0] == 404


def test_a_repository_being_made_is_not_ready(server, kind, project):
    Repository.objects.update(state=Repository.State.PENDING)
    assert ask(server, "project", kind, READS[kind])[0] == 503


def test_git_takes_the_suffix_or_leaves_it(server, repositories_root, tmp_path):
    work = work_tree("git", tmp_path / "work")
    plain = repository("git", repositories_root, name="plain")
    suffixed = repository("git", repositories_root, name="plain2.git")
    for made in (plain, suffixed):
        push("git", work, server.url(made, made.owner))
    clone("git", server.url("plain.git"), tmp_path / "1")
    clone("git", server.url(f"_{plain.pk}.git"), tmp_path / "2")
    clone("git", server.url("plain2.git"), tmp_path / "3")
    with pytest.raises(Refused):
        clone("git", server.url("plain2"), tmp_path / "4")
