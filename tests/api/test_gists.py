"""create_gist, get_gist, get_gists, delete_gist."""

import time

import pytest

from repos.models import Gist
from repos.services import gists

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("repositories_root")]

FILES = {"a.py": {"content": "print(1)\n", "lexer": "python"}, "ünï.txt": {"content": "ß"}}


def test_a_public_gist(api, admin):
    answer = api("create_gist", files=FILES, description="Snippets")
    assert answer["msg"] == "created new gist"
    gist = Gist.objects.get()
    assert answer["gist"] == {
        "gist_id": gist.pk,
        "type": "public",
        "access_id": str(gist.pk),
        "description": "Snippets",
        "url": f"http://testserver/_admin/gists/{gist.pk}",
        "expires": -1.0,
        "created_on": answer["gist"]["created_on"],
    }
    assert api("get_gist", gistid=gist.pk) == api("get_gist", gistid=str(gist.pk)) == answer["gist"]
    assert gists.read(gist) == {"a.py": b"print(1)\n", "ünï.txt": "ß".encode()}
    assert gists.vcs(gist).verify() == []


def test_a_private_gist_is_found_by_its_access_id_only(api):
    answer = api("create_gist", files=FILES, gist_type="private")["gist"]
    assert (answer["type"], len(answer["access_id"])) == ("private", 20)
    assert api("get_gist", gistid=answer["access_id"]) == answer
    assert api.error("get_gist", gistid=answer["gist_id"]) == f"gist `{answer['gist_id']}` does not exist"


def test_lists_are_the_owner_s_newest_first_without_expired_ones(api, user_api, user):
    first = user_api("create_gist", files=FILES)["gist"]
    second = user_api("create_gist", files=FILES, lifetime=5)["gist"]
    gone = user_api("create_gist", files=FILES, lifetime=0)["gist"]
    assert second["expires"] > time.time()
    assert user_api("get_gists") == [second, first]
    assert api("get_gists") == []
    assert api("get_gists", userid=user.username) == api("get_gists", userid=user.pk) == [second, first]
    assert user_api("get_gist", gistid=gone["access_id"]) == gone  # its owner may still look


def test_others_see_nothing(api, user_api, admin):
    gist = api("create_gist", files=FILES)["gist"]
    for method in ("get_gist", "delete_gist"):
        assert user_api.error(method, gistid=gist["access_id"]) == f"gist `{gist['access_id']}` does not exist"
        assert user_api.error(method, gistid="nope") == "gist `nope` does not exist"
    assert user_api.error("get_gists", userid=admin.username) == "userid is not the same as your user"
    assert user_api.error("get_gists", userid=10**9) == "userid is not the same as your user"


def test_one_s_own_gists_by_number_and_not_by_name(user_api, user):
    gist = user_api("create_gist", files=FILES)["gist"]
    assert user_api("get_gists", userid=user.pk) == user_api("get_gists", userid=str(user.pk)) == [gist]
    for userid in (user.username, True, [user.pk]):
        assert user_api.error("get_gists", userid=userid) == "userid is not the same as your user"


def test_delete_removes_the_files(api, repositories_root):
    gist = api("create_gist", files=FILES)["gist"]
    folder = repositories_root / ".rc_gist_store" / gist["access_id"]
    assert folder.is_dir()
    assert api("delete_gist", gistid=gist["gist_id"]) == {"msg": f"deleted gist ID:{gist['access_id']}", "gist": None}
    assert not folder.exists()
    assert not Gist.objects.exists()


def test_an_administrator_makes_one_for_somebody(api, user_api, user, admin):
    assert api("create_gist", files=FILES, owner=user.username)["gist"]
    assert user_api("create_gist", files=FILES, owner=user.username)["gist"]
    assert len(user_api("get_gists")) == 2
    assert api.error("create_gist", files=FILES, owner="nope") == "failed to create gist"
    for owner in (admin.username, admin.pk, "nope"):
        refused = user_api.error("create_gist", files=FILES, owner=owner)
        assert refused == "Only Kallithea admin can specify `owner` param"


@pytest.mark.parametrize(
    "args",
    [
        {"files": {}},
        {"files": []},
        {"files": None},
        {"files": "x"},
        {"files": {"a": "x"}},
        {"files": {"a": {"lexer": "x"}}},
        {"files": {"../a": {"content": "x"}}},
        {"files": {".hg": {"content": "x"}}},
        {"files": {"": {"content": "x"}}},
        {"files": {"a\nb": {"content": "x"}}},
        {"files": {"ü" * 200: {"content": "x"}}},
        {"files": {"a": {"content": "x" * (gists.LARGEST_FILE + 1)}}},
        {"files": FILES, "gist_type": "secret"},
        {"files": FILES, "lifetime": 2**62},
        {"files": FILES, "lifetime": "soon"},
        {"files": FILES, "description": []},
    ],
)
def test_wrong_input_leaves_nothing_behind(api, repositories_root, args):
    assert api.error("create_gist", **args) == "failed to create gist"
    assert not Gist.objects.exists()
    store = repositories_root / ".rc_gist_store"
    assert not store.exists() or not list(store.iterdir())
