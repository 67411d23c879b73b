"""rescan_repos: lists of names."""

import shutil


def test_added_and_removed(api, put, repositories_root):
    put("group/one", "first")
    assert api("rescan_repos") == {"added": ["group/one"], "removed": []}
    shutil.rmtree(repositories_root / "group" / "one")
    assert api("rescan_repos", remove_obsolete="false") == {"added": [], "removed": ["group/one"]}
    assert api("rescan_repos", remove_obsolete=True) == {"added": [], "removed": ["group/one"]}
    assert api("rescan_repos") == {"added": [], "removed": []}
    assert [job["kind"] for job in api("get_jobs")] == ["rescan"] * 4


def test_a_deleted_repository_does_not_come_back(api, put):
    put("one", "first")
    api("rescan_repos")
    api("delete_repo", repoid="one")
    assert api("rescan_repos") == {"added": [], "removed": []}


def test_for_administrators(user_api):
    assert user_api.error("rescan_repos") == "access denied: rescan_repos needs administrator rights"
