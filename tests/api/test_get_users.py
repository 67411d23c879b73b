"""get_users: everybody, by name."""

import pytest

from tests.factories import UserFactory, key_of


def test_everybody_but_the_default_user_by_name(api, user, admin):
    UserFactory(username="Zoe")
    UserFactory(username="anna", is_active=False)
    users = api("get_users")
    assert [row["username"] for row in users] == ["Zoe", "anna", "boss", "una"]
    assert {row["username"]: row["active"] for row in users}["anna"] is False
    assert {row["username"]: row["api_key"] for row in users}["una"] == key_of(user)
    assert "permissions" not in users[0]


@pytest.mark.parametrize("more", [1, 28])
def test_the_number_of_queries_is_fixed(api, more, django_assert_num_queries):
    for person in UserFactory.create_batch(more):
        person.extra_emails.create(email=f"also-{person.email}")
        person.ip_ranges.create(cidr="10.0.0.0/8")
    api("get_users")
    with django_assert_num_queries(5):  # key, its user, users, e-mails, addresses, keys
        users = api("get_users")
    assert len(users) == more + 1
    assert users[-1]["emails"][1].startswith("also-")


def test_is_for_administrators(user_api):
    assert user_api.error("get_users") == "access denied: get_users needs administrator rights"
