"""Keys that open less than their user may: by level, place, address and time, at every door; and no way to more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey
from accounts.permissions import Level
from tests.api.conftest import Api
from tests.factories import (
    PASSWORD,
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    key_of,
)
from tests.repo_builder import RepoBuilder

pytestmark = pytest.mark.django_db
HERE, FAR = "127.0.0.1", "10.9.8.7"
KEYS_PAGE = "/_admin/my_account/api_keys"


@pytest.fixture
def owner(db):
    return UserFactory(username="olga")


@pytest.fixture
def places(owner, repositories_root):
    """``group/deep/inside`` and ``outside``, both private and of ``olga``."""
    builder = RepoBuilder("hg")
    builder.commit("one", {"a.txt": "1\n"})
    group = RepositoryGroupFactory(name="group", owner=owner)
    deep = RepositoryGroupFactory(name="group/deep", owner=owner, parent=group)
    made = {}
    for name, parent in (("group/deep/inside", deep), ("outside", None)):
        (repositories_root / name).parent.mkdir(parents=True, exist_ok=True)
        builder.build(repositories_root / name)
        made[name] = RepositoryFactory(name=name, group=parent, owner=owner, is_private=True)
    yield {"group": group, **made}
    for repository in made.values():
        repository.vcs.close()


def doors(value: str, name: str, address: str = HERE) -> dict[str, bool]:
    """What a key opens of one repository: reading and changing by the API, its page, clone and push."""
    client = Client(REMOTE_ADDR=address)
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {value}"}
    push = client.post(f"/{name}?cmd=unbundle&heads=x", b"", content_type="application/mercurial-0.1", **bearer)
    return {
        "api": works(client, value, "get_repo", repoid=name),
        "api change": works(client, value, "update_repo", repoid=name, description="x"),
        "page": client.get(f"/{name}", **bearer).status_code == 200,
        "clone": client.get(f"/{name}?cmd=capabilities", **bearer).status_code == 200,
        "push": push.status_code not in (401, 403, 404),
    }


def works(client: Client, value: str, method: str, **args) -> bool:
    body = {"id": 1, "api_key": value, "method": method, "args": args}
    return client.post("/_admin/api", body, content_type="application/json").json()["error"] is None


ALL = {"api": True, "api change": True, "page": True, "clone": True, "push": True}
NOTHING = dict.fromkeys(ALL, False)


def test_a_level_caps_what_the_owner_may_do(owner, places):
    assert doors(key_of(owner), "outside") == ALL
    reading = ApiKeyFactory(user=owner, level=Level.READ).value
    assert doors(reading, "outside") == ALL | {"api change": False, "push": False}
    writing = ApiKeyFactory(user=owner, level=Level.WRITE).value
    assert doors(writing, "outside") == ALL | {"api change": False}


def test_a_place_is_the_only_place(owner, places):
    one = ApiKeyFactory(user=owner, repository_id=places["outside"].pk).value
    assert doors(one, "outside") == ALL
    assert doors(one, "group/deep/inside") == NOTHING
    group = ApiKeyFactory(user=owner, group_id=places["group"].pk).value
    assert doors(group, "group/deep/inside") == ALL
    assert doors(group, "outside") == NOTHING


def test_an_administrators_bound_key_is_bound(places):
    boss = AdminFactory()
    one = ApiKeyFactory(user=boss, repository_id=places["outside"].pk).value
    assert doors(one, "outside") == ALL
    assert doors(one, "group/deep/inside") == NOTHING
    assert Client().get("/_admin/", headers={"Authorization": f"Bearer {one}"}).status_code == 403


def test_addresses(owner, places):
    key = ApiKeyFactory(user=owner, ip_range="10.9.8.0/24").value
    assert doors(key, "outside") == NOTHING
    assert doors(key, "outside", FAR) == ALL
    assert doors(key, "outside", f"::ffff:{FAR}") == ALL


def test_time(owner, places):
    key = ApiKeyFactory(user=owner, expires_on=timezone.now() + timedelta(minutes=1))
    assert doors(key.value, "outside") == ALL
    ApiKey.objects.filter(pk=key.pk).update(expires_on=timezone.now())
    assert doors(key.value, "outside") == NOTHING


def test_a_revoked_and_a_reset_key_open_nothing_at_once(owner, places):
    """Nothing of a key is kept between two requests: what the database says counts, for every process."""
    further, builtin = ApiKeyFactory(user=owner), key_of(owner)
    assert doors(further.value, "outside") == doors(builtin, "outside") == ALL
    ApiKey.objects.filter(pk=further.pk).delete()  # as another process would
    assert doors(further.value, "outside") == NOTHING
    Api(Client(), builtin)("reset_api_key")
    assert doors(builtin, "outside") == NOTHING
    assert doors(key_of(owner), "outside") == ALL


# -- no way to more ------------------------------------------------------------------------------------------------

LIMITS = {
    "level": {"level": Level.WRITE},
    "repository": {"repository_id": 1},
    "group": {"group_id": 1},
    "address": {"ip_range": "127.0.0.0/8"},
    "time": {"expires_on": timezone.now() + timedelta(days=1)},
}


@pytest.fixture(params=LIMITS)
def limit(request):
    return LIMITS[request.param]


@pytest.mark.parametrize("is_admin", [False, True])
def test_a_limited_key_leads_to_no_wider_one(client, limit, is_admin):
    me = UserFactory(username="una", is_admin=is_admin)
    other = UserFactory(username="other")
    further = ApiKeyFactory(user=me)
    before = set(ApiKey.objects.values_list("digest"))
    limited = ApiKeyFactory(user=me, **limit)
    api = Api(client, limited.value or "")
    for userid in ("una", "other") if is_admin else ("una",):
        for method, args in (
            ("get_api_keys", {}),
            ("create_api_key", {}),
            ("create_api_key", {"scopes": "read", "lifetime": 1}),
            ("reset_api_key", {}),
            ("revoke_api_key", {"api_key_id": further.pk}),
        ):
            error = api.error(method, userid=userid, **args)
            assert error.startswith(("access denied", "userid is not the same", "api key does not exist")), method
    assert api("get_user")["api_key"] is None
    assert api.error("update_user", userid="una", password="a good password").startswith(("access", "failed"))
    assert api.error("create_user", username="x", email="x@example.com", admin=True).startswith(("access", "failed"))
    assert api.error("update_user", userid="other", admin=True).startswith(("access", "failed"))
    assert api.error("update_user", userid="una", email="mine@example.com").startswith(("access", "failed"))
    other.refresh_from_db()
    assert not other.is_admin
    assert {*before, (limited.digest,)} == set(ApiKey.objects.values_list("digest"))


def test_an_administrators_limited_key_sees_no_keys_of_others(client, admin, user):
    limited = Api(client, ApiKeyFactory(user=admin, ip_range="127.0.0.0/8").value)
    assert {row["api_key"] for row in limited("get_users")} == {None}
    made = limited("create_user", username="new", email="new@example.com")
    assert made["user"]["api_key"] is None
    assert limited("get_server_info")


def test_the_pages_say_the_same(client, limit):
    me = UserFactory()
    further = ApiKeyFactory(user=me)
    digests = set(ApiKey.objects.values_list("digest"))
    bearer = {"Authorization": f"Bearer {ApiKeyFactory(user=me, **limit).value}"}
    assert client.get(KEYS_PAGE, headers=bearer).status_code == 403
    form = {"description": "mine", "lifetime": -1, "level": 3, "repository": "", "ip_range": ""}
    assert client.post(KEYS_PAGE, form, headers=bearer).status_code == 403
    assert client.post("/_admin/my_account/api_keys/reset", headers=bearer).status_code == 403
    assert client.post(f"/_admin/my_account/api_keys/{further.pk}/revoke", headers=bearer).status_code == 403
    assert digests < set(ApiKey.objects.values_list("digest"))


def test_a_whole_key_sees_no_values_on_the_page(client):
    me = UserFactory()
    further = ApiKeyFactory(user=me)
    page = client.get(KEYS_PAGE, headers={"Authorization": f"Bearer {key_of(me)}"})
    assert page.status_code == 200
    assert further.value not in page.content.decode()


READING_WRITES = {
    "/_admin/my_account": {"firstname": "Eve", "lastname": "x", "email": "eve@example.com"},
    "/_admin/my_account/emails": {"add": "1", "email": "eve@example.com"},
    "/_admin/my_account/password": {
        "current": PASSWORD,
        "password": "another good one 1",
        "again": "another good one 1",
    },
    "/_admin/my_account/notices": {"choice": "none"},
    "/_admin/my_account/sessions": {},
    "/_admin/gists/new": {"content": "x", "filename": "x", "lifetime": "-1", "is_public": "on", "description": ""},
    "/_admin/create_repository": {"name": "new", "kind": "git", "group": "", "description": ""},
    "/outside/follow": {},
    "/outside/fork": {"name": "fork", "group": "", "description": ""},
    "/outside/settings": {"name": "other", "group": "", "description": "x"},
    "/outside/settings/danger": {"name": "outside"},
    "/outside/refresh": {},
}


def rows() -> dict[str, list]:
    """Everything in the database but the use of keys."""
    left_out = {"last_used_on", "last_used_from"}
    names = {model: [field.attname for field in model._meta.concrete_fields] for model in apps.get_models()}
    return {
        model._meta.label: list(
            model.objects.order_by("pk").values_list(*(name for name in fields if name not in left_out))
        )
        for model, fields in names.items()
    }


def test_a_key_that_reads_writes_nothing(client, owner, places):
    other = Client()
    other.force_login(owner)
    api = Api(Client(), key_of(owner))
    gist = api("create_gist", files={"a": {"content": "x"}})["gist"]["access_id"]
    value = ApiKeyFactory(user=owner, level=Level.READ).value
    pages = READING_WRITES | {f"/_admin/gists/{gist}/delete": {}}
    client.get("/outside", headers={"Authorization": f"Bearer {value}"})  # what was pushed is noticed now
    before = rows()
    for page, form in pages.items():
        answer = client.post(page, form, headers={"Authorization": f"Bearer {value}"})
        assert answer.status_code in (200, 302, 403), page
        assert rows() == before, page
    reading = Api(client, value or "")
    for method, args in (
        ("create_gist", {"files": {"a": {"content": "x"}}}),
        ("delete_gist", {"gistid": gist}),
        ("comment_commit", {"repoid": "outside", "commit_id": "tip", "message": "x"}),
        ("create_repo", {"repo_name": "new"}),
        ("fork_repo", {"repoid": "outside", "fork_name": "fork"}),
        ("add_user_email", {"userid": "olga", "email": "eve@example.com"}),
        ("create_user_group", {"group_name": "new"}),
    ):
        assert reading.error(method, **args), method
        assert rows() == before, method
    assert other.get("/_admin/my_account/sessions").status_code == 200
    for page, form in pages.items():  # and each of them is a page that writes
        if "danger" not in page:
            assert other.post(page, form).status_code in (200, 302), page
    assert rows() != before


def test_a_bound_key_tells_of_its_place_only(client, owner, places):
    api = Api(client, key_of(owner))
    api("update_repo", repoid="outside", description="x")
    api("update_repo", repoid="group/deep/inside", description="x")
    api("create_gist", files={"a": {"content": "x"}}, gist_type="private")
    value = ApiKeyFactory(user=owner, repository_id=places["outside"].pk).value
    bound = Api(client, value or "")
    assert {entry["subject_name"] for entry in bound("get_user_audit_logs")} == {"outside"}
    assert bound("get_gists") == []
    assert bound.error("create_gist", files={"a": {"content": "x"}}) == "this key opens one place only"
    for page in ("/_admin/journal", "/_admin/journal/rss", "/_admin/gists?which=own"):
        text = client.get(page, headers={"Authorization": f"Bearer {value}"}).content.decode()
        assert "group/deep" not in text
        assert "private" not in text


# -- too many wrong ones -------------------------------------------------------------------------------------------


@pytest.fixture
def three_failures(settings):
    settings.FAILURE_LIMIT = 3
    settings.FAILURE_WINDOW = 77


def test_too_many_wrong_keys(client, user, three_failures):
    api = Api(client, key_of(user))
    wrong = Api(client, "x" * 40)
    for _ in range(2):
        assert wrong.error("get_user") == "Invalid API key"
    assert api("get_user")  # a right key does not wipe out what came before
    assert wrong.error("get_user") == "Invalid API key"
    blocked = "Too many failed attempts, try again in 77 seconds"
    assert api.error("get_user") == wrong.error("get_user") == blocked
    page = client.get("/_admin/my_account", headers={"Authorization": f"Bearer {key_of(user)}"})
    assert (page.status_code, page["Retry-After"]) == (429, "77")
    assert Api(Client(REMOTE_ADDR=FAR), key_of(user))("get_user")  # nobody locks others out
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "get_user"}
    answer = client.post("/_admin/api", rpc, "application/json", headers={"Authorization": f"Bearer {key_of(user)}"})
    assert answer.json()["error"]["message"] == blocked


def test_wrong_keys_on_pages_count_too(client, user, three_failures):
    for header in ("Bearer wrong", "Bearer ", "Bearer \x7f"):
        assert client.get("/_admin/my_account", headers={"Authorization": header}).status_code == 403
    assert client.get(f"/_admin/my_account?api_key={key_of(user)}").status_code == 429
    assert Api(client, key_of(user)).error("get_user").startswith("Too many failed attempts")
