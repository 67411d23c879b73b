"""revoke_api_key: a further key opens nothing from now on."""

import pytest

from tests.factories import ApiKeyFactory, UserFactory, key_of


@pytest.mark.parametrize("by", ["api_key", "api_key_id"])
def test_at_once(user_api, user, by):
    key = ApiKeyFactory(user=user)
    assert user_api.as_(key)("get_user")
    value = key.value if by == "api_key" else key.pk
    assert user_api("revoke_api_key", userid="una", **{by: value})["api_key_id"] == key.pk
    assert user_api.as_(key).error("get_user") == "Invalid API key"
    assert user_api.error("revoke_api_key", userid="una", **{by: value}) == "api key does not exist"


def test_the_built_in_one_stays(user_api, user):
    refused = "The built-in key cannot be revoked, only reset."
    assert user_api.error("revoke_api_key", userid="una", api_key=key_of(user)) == refused


def test_keys_of_others_do_not_exist(user_api):
    key = ApiKeyFactory(user=UserFactory())
    assert user_api.error("revoke_api_key", userid="una", api_key_id=key.pk) == "api key does not exist"
    assert user_api.error("revoke_api_key", userid=key.user.username, api_key_id=key.pk) == (
        "userid is not the same as your user"
    )


def test_one_of_the_two_is_needed(user_api):
    assert user_api.error("revoke_api_key", userid="una") == "either api_key or api_key_id is needed"


def test_an_error_does_not_repeat_the_key(user_api):
    assert "x" * 40 not in user_api.error("revoke_api_key", userid="una", api_key="x" * 40)
