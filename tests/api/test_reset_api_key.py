"""reset_api_key: a new built-in key, and the old one is dead."""

from accounts.models import ApiKey
from accounts.permissions import Level
from tests.factories import ApiKeyFactory, key_of


def test_at_once(api, user):
    theirs = api.as_(user)
    answer = api("reset_api_key", userid="una")
    assert theirs.error("get_user") == "Invalid API key"
    theirs.key = answer["api_key"]
    assert theirs("get_user")["api_key"] == answer["api_key"] == key_of(user)
    assert ApiKey.objects.filter(user=user).count() == 1


def test_ones_own(user_api, user):
    user_api.key = user_api("reset_api_key")["api_key"]
    assert user_api("get_user")["username"] == "una"


def test_a_user_without_one_gets_one(api, user):
    user.api_keys.all().delete()
    assert api("reset_api_key", userid="una")["api_key"] == key_of(user)


def test_a_narrow_key_may_not(user_api, user):
    narrow = user_api.as_(ApiKeyFactory(user=user, level=Level.READ))
    assert narrow.error("reset_api_key") == "access denied: not your account"


def test_not_for_others(user_api, admin):
    assert user_api.error("reset_api_key", userid="boss") == "userid is not the same as your user"
