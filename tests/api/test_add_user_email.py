"""add_user_email: further addresses, each of one user."""

import pytest

from tests.factories import UserFactory


def test_is_stored_in_lower_case_after_the_main_one(api, user):
    answer = api("add_user_email", userid="una", email="Second@Example.com")
    assert answer["emails"] == ["una@example.com", "second@example.com"]
    assert api("get_user", userid="una")["emails"] == answer["emails"]


def test_for_oneself(user_api):
    assert user_api("add_user_email", userid="una", email="second@example.com")


def test_not_for_others(user_api):
    UserFactory(username="other")
    refused = "userid is not the same as your user"
    assert user_api.error("add_user_email", userid="other", email="x@example.com") == refused


@pytest.mark.parametrize("email", ["taken@example.com", "TAKEN@example.com", "also@example.com", "una@example.com"])
def test_belongs_to_somebody(api, user, email):
    UserFactory(email="taken@example.com").extra_emails.create(email="also@example.com")
    assert api.error("add_user_email", userid="una", email=email) == f"email `{email}` already exist"


@pytest.mark.parametrize("email", ["", "  ", 5, ["x"], "a\nb"])
def test_no_address(api, user, email):
    assert api.error("add_user_email", userid="una", email=email)
    assert not user.extra_emails.exists()


def test_the_default_user_gets_none(api):
    assert api.error("add_user_email", userid="default", email="x@example.com")
