"""Who may do what: every kind of actor on every kind of repository, group and user group, method by method.

A method that is not allowed answers what it answers for something that is not there, byte for byte. All other methods
are in :mod:`tests.api.test_permission_matrix_of_others`, which sees to it that none is forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import IpRange, User
from accounts.permissions import DEFAULT_USER_ID, Level
from repos.models import Repository
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    RepositoryFactory,
    RepositoryGroupFactory,
    UserFactory,
    UserGroupFactory,
    grant,
    key_of,
)
from tests.repo_builder import RepoBuilder

NONE, READ, WRITE, ADMIN = Level.NONE, Level.READ, Level.WRITE, Level.ADMIN
SITE = "site"  # needs administrator rights
ALLOWED = ""  # no error

#: method -> (level needed, further arguments, the error of who may: chosen so that nothing is changed).
ON_REPOSITORIES = {
    "get_repo": (READ, {}, ALLOWED),
    "get_repo_nodes": (READ, {"revision": "tip", "root_path": "/"}, ALLOWED),
    "get_repo_file": (READ, {"commit_id": "tip", "file_path": "a.txt"}, ALLOWED),
    "get_repo_changes": (READ, {"from": 0, "to": 0}, ALLOWED),
    "get_repo_refs": (READ, {}, ALLOWED),
    "get_changesets": (READ, {}, ALLOWED),
    "get_changeset": (READ, {"raw_id": "tip"}, ALLOWED),
    "get_pull_requests": (READ, {}, ALLOWED),
    "comment_commit": (READ, {"commit_id": "nosuch", "message": "x"}, "Changeset nosuch does not exist"),
    "fork_repo": (READ, {"fork_name": "nosuch/fork"}, "repo group `nosuch` not found"),
    "invalidate_cache": (WRITE, {}, ALLOWED),
    "update_repo": (ADMIN, {}, ALLOWED),
    "delete_repo": (ADMIN, {}, "Cannot delete `{name}` it still contains attached forks"),
    "get_repo_audit_logs": (ADMIN, {}, ALLOWED),
    "grant_user_group_permission": (ADMIN, {"usergroupid": "nobody", "perm": "repository.nope"}, None),
    "revoke_user_group_permission": (ADMIN, {"usergroupid": "nobody"}, "user group `nobody` does not exist"),
    "grant_user_permission": (SITE, {"userid": "nobody", "perm": "repository.read"}, "user `nobody` does not exist"),
    "revoke_user_permission": (SITE, {"userid": "nobody"}, "user `nobody` does not exist"),
    "pull": (SITE, {}, "Unable to pull changes from `{name}`"),
}

ON_USER_GROUPS = {
    "get_user_group": (READ, {}, ALLOWED),
    "update_user_group": (ADMIN, {}, ALLOWED),
    "add_user_to_user_group": (ADMIN, {"userid": "member"}, ALLOWED),
    "remove_user_from_user_group": (ADMIN, {"userid": "outsider"}, ALLOWED),
}

ON_REPOSITORY_GROUPS = {
    "grant_user_permission_to_repo_group": (ADMIN, {"userid": "nobody", "perm": "group.read"}, None),
    "revoke_user_permission_from_repo_group": (ADMIN, {"userid": "nobody"}, None),
    "grant_user_group_permission_to_repo_group": (ADMIN, {"usergroupid": "nobody", "perm": "group.read"}, None),
    "revoke_user_group_permission_from_repo_group": (ADMIN, {"usergroupid": "nobody"}, None),
    "get_repo_group": (SITE, {}, ALLOWED),
    "update_repo_group": (SITE, {}, ALLOWED),
}


@dataclass
class World:
    """Everybody's key, the objects by name, and who has which level on each."""

    keys: dict[str, str | None] = field(default_factory=dict)
    levels: dict[tuple[str, str], Level] = field(default_factory=dict)
    admins: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # their keys open nothing


def make_people(world: World) -> dict[str, User]:
    people: dict[str, User] = {name: UserFactory(username=name) for name in PEOPLE}
    people["boss"] = AdminFactory(username="boss")
    world.keys |= {name: key_of(user) for name, user in people.items()}
    world.admins = {"boss"}
    User.objects.filter(pk=people["inactive"].pk).update(is_active=False)
    IpRange.objects.create(user=people["elsewhere"], cidr="10.9.8.0/24")
    expired = ApiKeyFactory(user=people["owner"], expires_on=timezone.now() - timedelta(minutes=1))
    world.keys["expired key"] = expired.value
    world.keys["nobody"] = "x" * 40
    world.keys["no key"] = None
    world.refused = {"inactive", "elsewhere", "expired key", "nobody", "no key"}
    return people


PEOPLE = (
    *("owner", "reader", "writer", "manager"),
    *("member reader", "member writer", "member manager", "left behind", "both"),
    *("stranger", "inactive", "elsewhere"),
)


def give(obj, people, world: World, name: str, *, everybody: Level, private: bool = False) -> None:
    """Grant every level in every way on one object, and write down what everybody must have there."""
    grant(obj, User.objects.get(pk=DEFAULT_USER_ID), everybody)
    for user, level in (("reader", READ), ("writer", WRITE), ("manager", ADMIN), ("both", READ)):
        grant(obj, people[user], level)
    for user, level in (("member reader", READ), ("member writer", WRITE), ("member manager", ADMIN)):
        grant(obj, people[f"group of {user}"], level)
    grant(obj, people["group of both"], WRITE)
    grant(obj, people["inactive group"], ADMIN)
    public = NONE if private else everybody
    own = {
        "owner": ADMIN,
        "boss": ADMIN,
        "reader": READ,
        "writer": WRITE,
        "manager": ADMIN,
        "member reader": READ,
        "member writer": WRITE,
        "member manager": ADMIN,
        "left behind": NONE,
        "both": WRITE,
        "stranger": NONE,
    }
    world.levels |= {(user, name): max(level, public) for user, level in own.items()}


@pytest.fixture
def world(db, repositories_root) -> World:
    world = World()
    people = make_people(world)
    for user in ("member reader", "member writer", "member manager", "both"):
        people[f"group of {user}"] = UserGroupFactory(name=f"{user}s", members=[people[user]], everybody=NONE)
    gone = UserGroupFactory(name="gone", members=[people["left behind"]], is_active=False, everybody=NONE)
    people["inactive group"] = gone
    UserFactory(username="member"), UserFactory(username="outsider")
    owner = people["owner"]

    builder = RepoBuilder("hg")
    builder.commit("one", {"a.txt": "1\n"})
    group = RepositoryGroupFactory(name="group", owner=people["boss"], everybody=NONE)
    (repositories_root / "group").mkdir()
    for name, everybody, private in (
        ("public", READ, False),
        ("open", WRITE, False),
        ("closed", NONE, False),
        ("private", READ, True),
        ("group/inside", NONE, False),
        ("forked", NONE, False),
    ):
        inside: dict[str, Any] = {"group": group} if "/" in name else {}
        if name == "forked":
            inside["fork_of"] = Repository.objects.get(name="public")
        repository = RepositoryFactory(name=name, owner=owner, is_private=private, everybody=everybody, **inside)
        builder.build(repositories_root / name)
        RepositoryFactory(name=f"fork-of-{repository.pk}", fork_of=repository, owner=people["boss"], everybody=NONE)
        give(repository, people, world, name, everybody=everybody, private=private)
    for name, everybody in (("people", READ), ("secret people", NONE)):
        user_group = UserGroupFactory(name=name, owner=owner, members=[User.objects.get(username="member")])
        give(user_group, people, world, name, everybody=everybody)
    for name, everybody in (("folder", READ), ("secret folder", NONE)):
        give(RepositoryGroupFactory(name=name, owner=owner), people, world, name, everybody=everybody)
        (repositories_root / name).mkdir()

    # Keys that are weaker than their user.
    world.keys["owner's read key"] = ApiKeyFactory(user=owner, level=READ).value
    world.keys["boss's write key"] = ApiKeyFactory(user=people["boss"], level=WRITE).value
    for (user, name), level in list(world.levels.items()):
        if user == "owner":
            world.levels["owner's read key", name] = min(level, READ)
        if user == "boss":
            world.levels["boss's write key", name] = min(level, WRITE)
    public = next(repository for repository in owner.owned_repositories.all() if repository.name == "public")
    world.keys["key for public"] = ApiKeyFactory(user=owner, repository_id=public.pk).value
    world.levels |= {("key for public", name): NONE for _, name in list(world.levels)}
    world.levels["key for public", "public"] = ADMIN
    return world


def ask(client, key: str | None, method: str, arguments: dict) -> str | None:
    """The error, or ``None``."""
    body = {"id": 1, "method": method, "args": arguments} | ({} if key is None else {"api_key": key})
    response = client.post("/_admin/api", json.dumps(body), content_type="application/json")
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return json.loads(content)["error"]


def check(client, world: World, method: str, needed, names, argument: str, further: dict, granted: str | None) -> None:
    absent = {"repoid": "repository", "usergroupid": "user group", "repogroupid": "repository group"}[argument]
    for who, key in world.keys.items():
        nosuch = ask(client, key, method, {argument: "nosuch"} | further)
        for name in names:
            error = ask(client, key, method, {argument: name} | further)
            where = f"{who} on {name}: {error}"
            if who in world.refused:
                expected = "Invalid API key" if key is not None else "Incorrect JSON query missing 'api_key'"
                assert error == expected, where
            elif needed == SITE and who not in world.admins:
                assert error == f"access denied: {method} needs administrator rights", where
            elif needed != SITE and world.levels[who, name] < needed:
                assert error == f"{absent} `{name}` does not exist", where
                assert error == (nosuch or "").replace("nosuch", name, 1), where
            elif granted is None:
                assert error is None or not error.startswith((absent, "access denied")), where
            else:
                assert (error or "") == granted.format(name=name), where


@pytest.mark.parametrize("method", ON_REPOSITORIES)
def test_repositories(client, world, method):
    needed, further, granted = ON_REPOSITORIES[method]
    names = ("public", "open", "closed", "private", "group/inside", *(("forked",) if method != "pull" else ()))
    check(client, world, method, needed, names, "repoid", further, granted)


@pytest.mark.parametrize("method", ON_USER_GROUPS)
def test_user_groups(client, world, method):
    needed, further, granted = ON_USER_GROUPS[method]
    check(client, world, method, needed, ("people", "secret people"), "usergroupid", further, granted)


@pytest.mark.parametrize("method", ON_REPOSITORY_GROUPS)
def test_repository_groups(client, world, method):
    needed, further, granted = ON_REPOSITORY_GROUPS[method]
    check(client, world, method, needed, ("folder", "secret folder"), "repogroupid", further, granted)


def test_lists_hold_what_is_visible_and_nothing_else(client, world):
    names = {"public", "open", "closed", "private", "group/inside", "forked"}
    for who, key in world.keys.items():
        if who in world.refused:
            continue
        body = {"id": 1, "api_key": key, "method": "get_repos", "args": {}}
        response = client.post("/_admin/api", json.dumps(body), content_type="application/json")
        content = b"".join(response.streaming_content) if response.streaming else response.content
        listed = {row["repo_name"] for row in json.loads(content)["result"]} & names
        assert listed == {name for name in names if world.levels[who, name] >= READ}, who
