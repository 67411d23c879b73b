"""get_repo_refs: names to changesets."""

from tests.factories import RepositoryFactory


def test_names(api, put, kind):
    ids = put("one", "first", "second")
    RepositoryFactory(name="one", kind=kind)
    trunk = "default" if kind == "hg" else "main"
    assert api("get_repo_refs", repoid="one") == {
        "branches": {trunk: ids[1]},
        "branches_closed": {},
        "tags": {"tip": ids[1]} if kind == "hg" else {},
        "bookmarks": {},
    }


def test_hidden_is_absent(user_api):
    RepositoryFactory(name="hidden", is_private=True)
    assert user_api.error("get_repo_refs", repoid="hidden") == "repository `hidden` does not exist"
