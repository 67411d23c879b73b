"""Where the published text and the real server differ (table D): what a client of either expects is there."""

from __future__ import annotations

import pytest

from accounts.permissions import Level
from tests.factories import RepositoryFactory, UserFactory, UserGroupFactory, grant, key_of

USER_FIELDS = {
    *("user_id", "api_key", "username", "firstname", "lastname", "email", "emails", "ip_addresses", "active", "admin"),
    *("ldap_dn", "last_login", "extern_type", "extern_name"),
}


@pytest.fixture
def one(put, kind, db):
    """A repository on disk with one changeset, and its fork's parent for pulls."""
    put("one", "first")
    return RepositoryFactory(name="one", kind=kind)


def test_d1_both_headers_carry_the_key(client, user):
    for header in ("Authorization", "Authentication"):
        page = client.get("/_admin/my_account", headers={header: f"Bearer {key_of(user)}"})
        assert (page.status_code, "una" in page.content.decode()) == (200, True)


def test_d2_a_user_group_by_both_arguments(api, user):
    repository, group = RepositoryFactory(name="one"), UserGroupFactory(name="people")
    for number, name in enumerate(("usergroupid", "usersgroupid")):
        given = {name: group.name}
        assert api("get_user_group", **given)["group_name"] == "people"
        assert api("update_user_group", **given, description=f"{number}")["msg"].startswith("updated user group")
        assert api("add_user_to_user_group", **given, userid="una")["success"] is True
        assert api("remove_user_from_user_group", **given, userid="una")["success"] is True
        granted = api("grant_user_group_permission", repoid=repository.pk, **given, perm="repository.read")
        assert granted["success"] is True
        assert api("revoke_user_group_permission", repoid=repository.pk, **given)["success"] is True
        doomed = UserGroupFactory(name=f"doomed{number}")
        assert api("delete_user_group", **{name: doomed.pk})["user_group"] is None


@pytest.mark.parametrize("method", ["add_user_user_group", "add_user_to_user_group"])
def test_d3_both_methods_add_a_member(api, user, method):
    UserGroupFactory(name="people")
    answer = api(method, usersgroupid="people", userid="una")
    assert answer == {"success": True, "msg": "added member `una` to user group `people`"}


def test_d4_a_new_user_group_under_both_names(api):
    answer = api("create_user_group", group_name="people")
    assert answer["user_group"] == answer["users_group"]
    assert {"users_group_id", "group_name", "active"} <= set(answer["user_group"])


def test_d5_objects_and_not_sentences(api, one):
    api("fork_repo", repoid="one", fork_name="fork")
    assert api("pull", repoid="fork") == {"msg": "Pulled from `fork`", "repository": "fork"}
    cache = {"msg": f"Cache for repository `{one.pk}` was invalidated", "repository": "one"}
    assert api("invalidate_cache", repoid=str(one.pk)) == cache
    assert api("rescan_repos") == {"added": [], "removed": []}


def test_d6_the_address_of_the_caller_under_both_names(api):
    answer = api("get_ip")
    assert answer["ip_addr_server"] == answer["server_ip_addr"] == "127.0.0.1"


def test_d7_every_field_of_users_everywhere_and_secrets_for_the_right_people(api, user_api, admin, user, one):
    user.ip_ranges.create(cidr="127.0.0.0/8")
    UserGroupFactory(name="people", members=[user])
    grant(one, user, Level.READ)
    api.client.post("/one/follow", headers={"Authorization": f"Bearer {key_of(user)}"})
    [listed] = [row for row in api("get_users") if row["username"] == "una"]
    shown = [listed, api("get_user", userid="una"), user_api("get_user")]
    for asking in (api, user_api):
        [member] = asking("get_user_group", usergroupid="people")["members"]
        [follower] = asking("get_repo", repoid="one")["followers"]
        [granted] = [row for row in asking("get_repo", repoid="one")["members"] if row["name"] == "una"]
        shown += [member, follower, granted]
    for row in shown:
        assert set(row) >= USER_FIELDS
        assert (row["api_key"], row["ip_addresses"]) == (key_of(user), ["127.0.0.0/8"])
    other = api.as_(UserFactory())
    [member] = other("get_user_group", usergroupid="people")["members"]
    [follower] = other("get_repo", repoid="one")["followers"]
    for row in (member, follower):
        assert set(row) >= USER_FIELDS
        assert (row["api_key"], row["ip_addresses"]) == (None, None)


def test_d8_ldap_dn_and_extern_type(api):
    dn = "uid=una,ou=people"
    made = api("create_user", username="una", email="una@example.com", ldap_dn=dn)["user"]
    other = api("create_user", username="bo", email="b@example.com", extern_type="ldap", extern_name="uid=bo")["user"]
    assert (made["ldap_dn"], made["extern_type"], made["extern_name"]) == (dn, "ldap", dn)
    assert (other["ldap_dn"], other["extern_type"], other["extern_name"]) == ("uid=bo", "ldap", "uid=bo")
    assert api("update_user", userid="una", ldap_dn="uid=new")["user"]["extern_name"] == "uid=new"
    assert api("update_user", userid="una", extern_type="internal")["user"]["ldap_dn"] is None


@pytest.mark.parametrize(
    ("method", "argument", "what"),
    [
        ("get_user", "userid", "user"),
        ("get_user_group", "usergroupid", "user group"),
        ("get_repo", "repoid", "repository"),
        ("get_repo_group", "repogroupid", "repository group"),
    ],
)
def test_d9_what_is_missing_is_an_error(api, method, argument, what):
    assert api.error(method, **{argument: "nobody"}) == f"{what} `nobody` does not exist"


def test_d10_members_of_a_repository_with_the_fields_of_both(api, user, one):
    group = UserGroupFactory(name="people")
    grant(one, user, Level.WRITE)
    grant(one, group, Level.ADMIN)
    members = {row["name"]: row for row in api("get_repo", repoid="one")["members"]}
    una, people = members["una"], members["people"]
    assert (una["type"], una["permission"], una["user_id"]) == ("user", "repository.write", user.pk)
    assert set(una) >= USER_FIELDS
    assert {"type": "user_group", "permission": "repository.admin", "id": group.pk, "active": True}.items() <= (
        people.items()
    )


@pytest.mark.parametrize("given", [{}, {"landing_rev": "tip"}, {"landing_rev": "rev:tip"}, {"landing_rev": None}])
def test_d11_the_landing_revision(api, repositories_root, given):
    api("create_repo", repo_name="one", **given)
    assert api("get_repo", repoid="one")["landing_rev"] == ["rev", "tip"]
    assert api.error("update_repo", repoid="one", landing_rev="tip") == "failed to update repo `one`"  # recorded
    answer = api("update_repo", repoid="one", landing_rev="branch:stable")
    assert answer["repository"]["landing_rev"] == ["branch", "stable"]


def test_d12_a_new_repository_with_success_and_itself(api, repositories_root):
    answer = api("create_repo", repo_name="one")
    assert (answer["msg"], answer["success"]) == ("Created new repository `one`", True)
    assert {"repo_id", "repo_name", "repo_type", "clone_uri", "private", "landing_rev"} <= set(answer["repo"])


def test_d13_the_servers_sentences(api, user, one):
    group = UserGroupFactory(name="people", members=[user])
    assert api("update_repo", repoid="one", description="x")["msg"] == f"updated repo ID:{one.pk} one"
    granted = api("grant_user_group_permission", repoid="one", usergroupid="people", perm="repository.write")
    assert granted["msg"] == "Granted perm: `repository.write` for user group: `people` in repo: `one`"
    revoked = api("revoke_user_group_permission", repoid="one", usergroupid=group.pk)
    assert revoked["msg"] == "Revoked perm for user group: `people` in repo: `one`"
    removed = api("remove_user_from_user_group", usergroupid="people", userid="una")
    assert removed["msg"] == "removed member `una` from user group `people`"
    assert api("add_user_to_user_group", usergroupid="people", userid="una")["msg"] == (
        "added member `una` to user group `people`"
    )


def test_d14_any_reader_lists_files(user_api, one):
    [node] = user_api("get_repo_nodes", repoid="one", revision="tip", root_path="/")
    assert node == {"name": "first.txt", "type": "file"}


def test_d15_what_the_text_does_not_have(api, reviewed):
    assert {"modules", "py_version", "platform", "kallithea_version", "git_version"} <= set(api("get_server_info"))
    assert api("create_repo_group", group_name="group")["repo_group"]["group_name"] == "group"
    assert [row["group_name"] for row in api("get_repo_groups")] == ["group"]
    assert api("get_repo_group", repogroupid="group")["repositories"] == []
    gist = api("create_gist", files={"a.txt": {"content": "a"}})["gist"]
    assert api("get_gist", gistid=gist["access_id"])["access_id"] == gist["access_id"]
    UserFactory(username="carl")
    edited = api("edit_reviewers", pull_request_id=reviewed.number, add="carl", remove="rita")
    assert (edited["added"], edited["removed"]) == (["carl"], ["rita"])


def test_d16_a_regular_user_is_told_why(user_api):
    for method, arguments in (("get_users", {}), ("test", {"args": 1}), ("rescan_repos", {}), ("get_server_info", {})):
        assert user_api.error(method, **arguments) == f"access denied: {method} needs administrator rights"
