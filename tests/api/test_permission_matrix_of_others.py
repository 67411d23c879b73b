"""Who may call the methods that are not about one repository, group or user group, kind of actor by kind of actor.

Together with :mod:`tests.api.test_permission_matrix`, whose tables are about those, every method is in a table.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import IpRange, User
from accounts.permissions import DEFAULT_USER_ID, Level
from api.server import server
from repos.models import Job, Repository
from tests.api import test_permission_matrix as objects
from tests.api.conftest import Api, ApiFailed
from tests.api.reviewing import make_reviewed
from tests.factories import AdminFactory, ApiKeyFactory, UserFactory, UserGroupFactory, grant, key_of

pytestmark = pytest.mark.django_db

#: For administrators of the site, with arguments that change nothing.
FOR_ADMINISTRATORS = {
    "test": {"args": 1},
    "get_server_info": {},
    "get_ip": {},
    "show_ip": {},
    "get_users": {},
    "create_user": {"username": "9", "email": "x@example.com"},
    "update_user": {"userid": "nobody"},
    "delete_user": {"userid": "nobody"},
    "add_user_ip": {"userid": "nobody", "ip_addr": "10.0.0.1"},
    "remove_user_ip": {"userid": "nobody", "ip_addr": "10.0.0.1"},
    "get_default_permissions": {},
    "update_default_permissions": {},
    "rescan_repos": {},
    "get_repo_groups": {},
    "create_repo_group": {"group_name": "a/b"},
    "delete_repo_group": {"repogroupid": "nosuch"},
}
#: About the caller; about somebody else for administrators only.
ABOUT_ONESELF: dict[str, dict[str, Any]] = {
    "get_user": {},
    "get_user_audit_logs": {},
    "get_gists": {},
    "get_api_keys": {},
    "create_api_key": {"scopes": "nonsense"},
    "reset_api_key": {},
    "revoke_api_key": {"api_key_id": 10**9},
    "add_user_email": {"email": "5"},
    "remove_user_email": {"email": "nobody@example.com"},
}
#: For everybody with a key; what they show is the business of the tests named after them.
FOR_EVERYBODY = {
    *("get_method", "get_reports", "get_report", "get_repos", "get_user_groups", "get_jobs"),
    *("create_gist", "create_repo", "create_user_group", "create_pull_request"),
}
#: About one thing of somebody's: method -> its argument.
ABOUT_ONE = {
    "get_gist": "gistid",
    "delete_gist": "gistid",
    "get_job": "job_id",
    "delete_user_group": "usergroupid",
    "add_user_user_group": "usergroupid",
}
#: method -> its argument, further ones, and who of those that see the pull request may do it.
SEE = {"olga", "rita", "reader", "member", "writer", "chief", "boss"}
MANAGE = {"olga", "chief", "boss"}
ABOUT_PULL_REQUESTS: dict[str, tuple[str, dict, set[str]]] = {
    "get_pullrequest": ("pullrequest_id", {}, SEE),
    "get_pull_request": ("pullrequestid", {}, SEE),
    "get_pull_request_comments": ("pullrequestid", {}, SEE),
    "comment_pull_request": ("pullrequestid", {"message": "x"}, SEE),
    "comment_pullrequest": ("pull_request_id", {"comment_msg": "x"}, SEE),
    "edit_reviewers": ("pull_request_id", {"add": ["rita"]}, MANAGE),
    "update_pull_request": ("pullrequestid", {"title": "A title"}, MANAGE),
    "merge_pull_request": ("pullrequestid", {}, {"writer", "chief", "boss"}),
    "close_pull_request": ("pullrequestid", {}, MANAGE),
}
REFUSED = ("does not exist", "permission", "No right", "Only the owner", "not allowed")


def test_no_method_is_forgotten():
    here = {*FOR_ADMINISTRATORS, *ABOUT_ONESELF, *FOR_EVERYBODY, *ABOUT_ONE, *ABOUT_PULL_REQUESTS}
    there = {*objects.ON_REPOSITORIES, *objects.ON_USER_GROUPS, *objects.ON_REPOSITORY_GROUPS}
    assert here | there == set(server.methods)
    assert not here & there


@pytest.fixture
def people(repositories_root) -> dict[str, User]:
    made: dict[str, User] = {name: UserFactory(username=name) for name in ("una", "stranger", "inactive", "elsewhere")}
    User.objects.filter(username="inactive").update(is_active=False)
    IpRange.objects.create(user=made["elsewhere"], cidr="10.9.8.0/24")
    return made | {"boss": AdminFactory(username="boss")}


def wrong_keys(people) -> dict[str, object]:
    expired = ApiKeyFactory(user=people["boss"], expires_on=timezone.now() - timedelta(minutes=1))
    foreign = ApiKeyFactory(user=people["boss"], ip_range="10.9.8.0/24")
    anonymous = ApiKeyFactory(user_id=DEFAULT_USER_ID, user=None)
    return {
        "inactive": key_of(people["inactive"]),
        "elsewhere": key_of(people["elsewhere"]),
        "expired": expired.value,
        "key for elsewhere": foreign.value,
        "anonymous": anonymous.value,
        "nobody": "x" * 40,
        "empty": "",
        "null": None,
        "list": [key_of(people["boss"])],
    }


def ask(client, key: object, method: str, arguments: dict) -> tuple[str | None, bytes]:
    """The error, and the whole answer."""
    body = json.dumps({"id": 1, "api_key": key, "method": method, "args": arguments})
    content = client.post("/_admin/api", body, content_type="application/json").getvalue()
    return json.loads(content)["error"], content


def test_a_wrong_key_opens_no_method(client, people, settings):
    settings.FAILURE_LIMIT = 10_000
    for who, key in wrong_keys(people).items():
        answers = {ask(client, key, method, {})[1] for method in server.methods}
        assert answers == {b'{"id":1,"result":null,"error":"Invalid API key"}'}, who
    body = json.dumps({"id": 1, "method": "get_user", "args": {}})
    answer = client.post("/_admin/api", body, content_type="application/json").json()
    assert answer["error"] == "Incorrect JSON query missing 'api_key'"


def test_for_administrators(client, people):
    boss = people["boss"]
    weak = {
        "una": key_of(people["una"]),
        "boss, reading": ApiKeyFactory(user=boss, level=Level.READ).value,
        "boss, writing": ApiKeyFactory(user=boss, level=Level.WRITE).value,
        "boss, one repository": ApiKeyFactory(user=boss, repository_id=1).value,
        "boss, one group": ApiKeyFactory(user=boss, group_id=1).value,
    }
    for method, arguments in FOR_ADMINISTRATORS.items():
        for who, key in weak.items():
            error, _ = ask(client, key, method, arguments)
            assert error == f"access denied: {method} needs administrator rights", (method, who)
        error, _ = ask(client, key_of(boss), method, arguments)
        assert error is None or not error.startswith("access denied"), method


def test_about_oneself_and_others(client, people):
    una, boss = people["una"], people["boss"]
    for method, arguments in ABOUT_ONESELF.items():
        key = key_of(una)
        refused, _ = ask(client, key, method, {"userid": "boss"} | arguments)
        absent, _ = ask(client, key, method, {"userid": "nosuch"} | arguments)
        assert refused == absent == "userid is not the same as your user", method
        for asked, userid in ((key, una.pk), (key_of(boss), "una")):
            error, _ = ask(client, asked, method, {"userid": userid} | arguments)
            assert error is None or not error.startswith(("access denied", "userid")), method
        unknown, _ = ask(client, key_of(boss), method, {"userid": "nosuch"} | arguments)
        assert unknown == "user `nosuch` does not exist", method


def test_about_one_thing(client, people):
    """What is somebody else's answers what answers nothing at all."""
    una, boss = people["una"], people["boss"]
    public, private = (
        Api(client, key_of(una))("create_gist", files={"a": {"content": "x"}}, gist_type=kind)["gist"]["access_id"]
        for kind in ("public", "private")
    )
    job = Job.objects.create(kind=Job.Kind.RESCAN, actor=una)
    UserGroupFactory(name="una's", owner=una, everybody=Level.READ)
    further = {"add_user_user_group": {"userid": "una"}}
    bound = ApiKeyFactory(user=una, repository_id=1).value
    for method, argument in ABOUT_ONE.items():
        things = {"gistid": (public, private), "job_id": (job.pk,), "usergroupid": ("una's",)}[argument]
        for thing in things:
            for key in (key_of(people["stranger"]), bound):
                error, answer = ask(client, key, method, {argument: thing} | further.get(method, {}))
                _, absent = ask(client, key, method, {argument: "99999"} | further.get(method, {}))
                assert error is not None, method
                assert answer == absent.replace(b"99999", str(thing).encode()), method
    for method, argument, thing in (("get_gist", "gistid", private), ("get_job", "job_id", job.pk)):
        for who in (una, boss):
            assert ask(client, key_of(who), method, {argument: thing})[0] is None, method
    for method, argument in reversed(ABOUT_ONE.items()):  # they are there, and their owner may
        thing = {"gistid": private, "job_id": job.pk, "usergroupid": "una's"}[argument]
        if method != "get_gist":
            assert ask(client, key_of(una), method, {argument: thing} | further.get(method, {}))[0] is None, method


def test_about_pull_requests(client, people, repositories_root):
    made = make_reviewed("git", repositories_root)
    code = made.repository
    Repository.objects.update(is_private=True)
    keys = {name: key_of(User.objects.get(username=name)) for name in ("olga", "rita", "chief", "boss", "stranger")}
    for name, level in (("reader", Level.READ), ("writer", Level.WRITE)):
        user: User = UserFactory(username=name)
        grant(code, user, level)
        keys[name] = key_of(user)
    for name, is_active in (("member", True), ("left behind", False)):
        user = UserFactory(username=name)
        grant(code, UserGroupFactory(name=name, members=[user], is_active=is_active), Level.READ)
        keys[name] = key_of(user)
    for user in (made.owner, made.reviewer):
        grant(code, user, Level.READ)
    keys["olga, elsewhere"] = ApiKeyFactory(user=made.owner, repository_id=code.pk + 1).value or ""
    for method, (argument, further, allowed) in ABOUT_PULL_REQUESTS.items():
        for who, key in sorted(keys.items(), key=lambda item: item[0] in allowed):
            error, answer = ask(client, key, method, {argument: made.number} | further)
            if who not in SEE and method != "comment_pullrequest":  # whose words are recorded
                _, absent = ask(client, key, method, {argument: 99999} | further)
                assert answer == absent.replace(b"99999", str(made.number).encode()), (method, who)
            is_refused = error is not None and any(text in error for text in REFUSED)
            assert is_refused is (who not in allowed), (method, who, error)
    code.vcs.close()


def test_a_list_of_pull_requests_is_of_a_repository_that_one_may_read(client, people, repositories_root):
    make_reviewed("git", repositories_root).repository.vcs.close()
    Repository.objects.update(is_private=True)
    api = Api(client, key_of(people["stranger"]))
    refs = {"source_ref": "branch:feature", "target_ref": "branch:main"}
    for method, arguments in (
        ("get_pull_requests", {"repoid": "code"}),
        ("create_pull_request", {"source_repo": "code", "target_repo": "code"} | refs),
    ):
        with pytest.raises(ApiFailed, match=r"^repository `code` does not exist$"):
            api(method, **arguments)
