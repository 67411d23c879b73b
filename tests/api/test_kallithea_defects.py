"""Kallithea's defects, each shown to be absent (table K). Longer tests of the same stand with what they are about."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from accounts.actors import Actor
from accounts.authentication import AuthenticationFailed, actor_for_password, address_allowed
from accounts.models import User
from accounts.services import site
from repos.models import Repository, RepositoryGrant, RepositoryGroup
from repos.vcs.git import GitRepository
from reviews.models import PullRequest
from tests.factories import PASSWORD, AdminFactory, RepositoryFactory, UserFactory, key_of
from tests.repo_builder import RepoBuilder
from tests.repos.clients import call, clone, push, serving, work_tree


@pytest.fixture
def one(put, kind, db):
    put("one", "first", "second")
    return RepositoryFactory(name="one", kind=kind, enable_downloads=True)


def test_k1_a_user_of_the_same_name_in_another_case_is_refused(api, user):
    before = User.objects.filter(pk=user.pk).values().get()
    new = {"username": "UNA", "email": "new@example.com", "password": "another one 1"}
    assert api.error("create_user", **new) == "user `UNA` already exist"
    assert api.error("create_user", username="bo", email="UNA@Example.com") == "email `UNA@Example.com` already exist"
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert User.objects.filter(username__iexact="una").count() == 1


def test_k2_a_group_with_repositories_is_not_deleted(api, repositories_root):
    number = api("create_repo_group", group_name="group")["repo_group"]["group_id"]
    api("create_repo", repo_name="group/one")
    assert api.error("delete_repo_group", repogroupid="group") == f"failed to delete repo group ID:{number} group"
    assert RepositoryGroup.objects.get().name == "group"
    assert Repository.objects.get().path.is_dir()


def test_k3_the_fork_of_a_private_repository_is_private(api, user_api, one):
    api("update_repo", repoid="one", private=True)
    api("fork_repo", repoid="one", fork_name="fork")
    assert user_api.error("get_repo", repoid="fork") == "repository `fork` does not exist"
    assert api("get_repo", repoid="fork")["private"] is True


def test_k4_source_and_target_of_a_pull_request_must_be_readable(user_api, reviewed):
    number = reviewed.number
    assert user_api("get_pullrequest", pullrequest_id=number)
    hidden = RepositoryFactory(kind=reviewed.repository.kind, is_private=True)
    PullRequest.objects.update(target=hidden)
    error = user_api.error("get_pullrequest", pullrequest_id=number)
    assert error == f"pull request `{number}` does not exist"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/x", "http://[::ffff:127.0.0.1]:1/x", "http://localhost:1/x", "http://169.254.169.254/latest"],
)
def test_k5_the_server_connects_nowhere_because_a_user_says_so(api, user_api, repositories_root, url):
    assert "clone_uri" in user_api.error("create_repo", repo_name="one", clone_uri="http://example.com/x")
    site.update(actor=Actor(AdminFactory()), clone_uri_allowed_to="all")
    cache.clear()
    for caller in (api, user_api):
        assert caller.error("create_repo", repo_name="one", clone_uri=url) == "failed to create repository `one`"
    assert not Repository.objects.exists()


def test_k6_an_imported_repository_runs_no_code(api, put, kind, repositories_root, tmp_path):
    put("evil", "first")
    marker = tmp_path / "marker"
    hgrc = f"[hooks]\npre-log = touch {marker}\npre-identify = touch {marker}\n"
    config = f"[core]\nfsmonitor = touch {marker}\nhooksPath = {tmp_path}\n"
    file, text = (".hg/hgrc", hgrc) if kind == "hg" else ("config", config)
    with (repositories_root / "evil" / file).open("a") as own:
        own.write(text)
    assert api("rescan_repos")["added"] == ["evil"]
    assert len(api("get_changesets", repoid="evil")) == 1
    assert not marker.exists()


@pytest.mark.parametrize("perm", ["hg.admin", "group.admin", "usergroup.read", "hg.create.repository"])
def test_k7_only_permissions_of_repositories_are_granted_on_one(api, user_api, user, perm):
    RepositoryFactory(name="one")
    error = api.error("grant_user_permission", repoid="one", userid="una", perm=perm)
    assert error == f"permission `{perm}` is invalid, should start with repository."
    assert not RepositoryGrant.objects.filter(user=user).exists()
    assert user_api("get_repos")


@pytest.mark.parametrize("name", ["x.svg", "x.html", "x.xhtml"])
def test_k8_script_in_a_raw_file_does_not_run(client, db, repositories_root, name):
    builder = RepoBuilder("git")
    builder.commit("one", {name: "<script>alert(1)</script>"})
    builder.build(repositories_root / "one")
    repository = RepositoryFactory(name="one", kind="git")
    response = client.get(f"/one/raw/tip/{name}")
    assert response.getvalue()
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    repository.vcs.close()


def test_k9_votes_are_votes_and_comments_say_something(api, reviewed):
    before = list(reviewed.pull_request.comments.values())
    for wrong in ("great", "closed", "under_review ", 5):
        assert api.error("comment_pullrequest", pull_request_id=reviewed.number, status=wrong)
    for empty in ({}, {"comment_msg": ""}, {"comment_msg": None, "status": None}):  # the answer is recorded
        assert api("comment_pullrequest", pull_request_id=reviewed.number, **empty) is True
    assert list(reviewed.pull_request.comments.values()) == before
    assert reviewed.fresh().status == "new"


def test_k10_a_private_name_is_no_name(user_api):
    RepositoryFactory(name="secret", is_private=True)
    for method, arguments in (
        ("get_changesets", {}),
        ("get_repo", {}),
        ("get_repo_nodes", {"revision": "tip", "root_path": "/"}),
    ):
        hidden = user_api.error(method, repoid="secret", **arguments)
        assert hidden == "repository `secret` does not exist"
        assert hidden.replace("secret", "nosuch") == user_api.error(method, repoid="nosuch", **arguments)


@pytest.mark.parametrize("name", [".hg", ".git", "_1", "_admin", "share/.git"])
def test_k11_names_that_mean_something_else(api, repositories_root, name):
    api("create_repo_group", group_name="share")
    assert api.error("create_repo", repo_name=name) == f"failed to create repository `{name}`"
    assert not Repository.objects.exists()


def test_k12_one_unreadable_address_row_locks_nobody_out(user_api, user):
    user.ip_ranges.create(cidr="nonsense")
    user.ip_ranges.create(cidr="127.0.0.0/8")
    assert user_api("get_user")["username"] == "una"
    assert address_allowed(user, "::ffff:127.0.0.1")
    assert not address_allowed(user, "::ffff:10.0.0.1")


def test_k13_forty_zeros_are_no_changeset(api, one):
    for zeros in ("0" * 40, "0" * 12):
        assert api.error("get_changeset", repoid="one", raw_id=zeros) == f"Changeset {zeros} does not exist"


def test_k14_a_legacy_password_is_a_wrong_one(client, user):
    sha256_of_password = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
    User.objects.filter(pk=user.pk).update(password=sha256_of_password)
    with pytest.raises(AuthenticationFailed):
        actor_for_password("una", "password", "127.0.0.1")
    page = client.post("/_admin/login", {"username": "una", "password": "password"})
    assert (page.status_code, "_auth_user_id" in client.session) == (200, False)


def test_k15_wrong_keys_and_passwords_are_counted(client, user, user_api, settings):
    settings.FAILURE_LIMIT = 2
    user_api.key = "x" * 40
    assert [user_api.error("get_user") for _ in range(2)] == ["Invalid API key"] * 2
    assert user_api.error("get_user").startswith("Too many failed attempts")
    page = client.get("/", headers={"Authorization": f"Bearer {key_of(user)}"})
    assert (page.status_code, page["Retry-After"]) == (429, str(settings.FAILURE_WINDOW))
    assert client.post("/_admin/login", {"username": "una", "password": PASSWORD}).status_code == 429


def test_k16_what_is_unknown_or_not_allowed_has_its_status(client, one):
    for name in ("tip.rar", "tip", "nosuch.zip"):
        assert client.get(f"/one/archive/{name}").status_code == 404
    assert client.get("/one/archive/tip.zip").status_code == 200
    Repository.objects.update(enable_downloads=False)
    assert client.get("/one/archive/tip.zip").status_code == 403


def test_k17_head_follows_the_first_push(api, repositories_root, tmp_path):
    owner = UserFactory()
    api("create_repo", repo_name="one", repo_type="git", owner=owner.username)
    work = work_tree("git", tmp_path / "work")
    with serving() as server:
        push("git", work, server.url("one", owner), "HEAD:refs/heads/main")
        copy = clone("git", server.url("one"), tmp_path / "copy")
    assert call("git", "branch", "--show-current", cwd=copy) == "main\n"
    assert GitRepository(repositories_root / "one").refs().head == "main"
    assert api("get_repo", repoid="one")["last_changeset"]["revision"] == 0
