"""get_repo_groups: all of them by name, in a fixed number of queries."""

from tests.factories import RepositoryFactory, RepositoryGroupFactory


def test_all_by_name(api, django_assert_max_num_queries):
    parent = RepositoryGroupFactory(name="a")
    for number in range(10):
        group = RepositoryGroupFactory(name=f"a/g{number}", parent=parent)
        RepositoryFactory(name=f"a/g{number}/r", group=group)
    with django_assert_max_num_queries(8):
        answer = api("get_repo_groups")
    assert [group["group_name"] for group in answer] == ["a", *(f"a/g{number}" for number in range(10))]
    assert (answer[1]["parent_group"], answer[1]["repositories"]) == ("a", ["a/g0/r"])
    assert "members" not in answer[0]


def test_for_administrators(user_api):
    assert user_api.error("get_repo_groups") == "access denied: get_repo_groups needs administrator rights"
