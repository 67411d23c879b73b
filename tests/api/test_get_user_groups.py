"""get_user_groups: those that one may read."""

import pytest

from accounts.permissions import Level
from tests.factories import UserFactory, UserGroupFactory


def test_only_readable_ones(api, user_api):
    UserGroupFactory(name="open")
    UserGroupFactory(name="closed", everybody=Level.NONE)
    assert [group["group_name"] for group in user_api("get_user_groups")] == ["open"]
    assert [group["group_name"] for group in api("get_user_groups")] == ["open", "closed"]


@pytest.mark.parametrize("number", [3, 30])
def test_the_number_of_queries_is_fixed(user_api, number, django_assert_num_queries):
    people = UserFactory.create_batch(2)
    UserGroupFactory.create_batch(number, members=people)
    user_api("get_user_groups")
    with django_assert_num_queries(6):  # key, its user, groups, members with users, e-mails, addresses, keys
        groups = user_api("get_user_groups")
    assert [len(group["members"]) for group in groups] == [2] * number
