"""create_api_key: further keys, as wide or as narrow as asked for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ApiKey
from accounts.permissions import Level
from tests.factories import ApiKeyFactory, RepositoryFactory, RepositoryGroupFactory, UserFactory


def test_works_like_the_built_in_one(user_api, user):
    answer = user_api("create_api_key", userid="una", description="CI")
    assert len(answer["api_key"]) == 40
    row = ApiKey.objects.get(pk=answer["api_key_id"])
    assert (row.user, row.description, row.is_builtin, row.expires_on) == (user, "CI", False, None)
    user_api.key = answer["api_key"]
    assert user_api("get_user")["username"] == "una"


def test_lives_for_minutes(api, user):
    hour = ApiKey.objects.get(pk=api("create_api_key", userid="una", lifetime="60")["api_key_id"])
    assert hour.expires_on is not None
    assert abs(hour.expires_on - timezone.now() - timedelta(hours=1)) < timedelta(minutes=1)
    expired = [api("create_api_key", userid="una", lifetime=lifetime)["api_key"] for lifetime in (0, -5)]
    for api.key in expired:
        assert api.error("get_user") == "Invalid API key"


@pytest.mark.parametrize("scopes", [["read"], "read", "read,repository:foo", ["repo:foo", "read"]])
def test_reading_only(api, user, scopes):
    repository = RepositoryFactory(name="foo")
    key = ApiKey.objects.get(pk=api("create_api_key", userid="una", scopes=scopes)["api_key_id"])
    assert key.level == Level.READ
    assert key.repository_id in (None, repository.pk)


def test_one_group(api, user):
    group = RepositoryGroupFactory(name="a/b")
    key = ApiKey.objects.get(pk=api("create_api_key", userid="una", scopes=["group:a/b"])["api_key_id"])
    assert (key.group_id, key.level) == (group.pk, Level.ADMIN)


def test_only_from_an_address(api, user):
    api.key = api("create_api_key", userid="una", ip_range="10.0.0.1/8")["api_key"]
    assert ApiKey.objects.get(user=user, is_builtin=False).ip_range == "10.0.0.0/8"
    assert api.error("get_user") == "Invalid API key"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scopes": ["everything"]}, "unknown scope `everything`"),
        ({"scopes": ["none"]}, "unknown scope `none`"),
        ({"scopes": ["read", "write"]}, "scope `write` contradicts another"),
        ({"scopes": ["repository:foo", "group:g"]}, "A key is bound to one repository or one group, not to both."),
        ({"scopes": ["repository:secret"]}, "repository `secret` does not exist"),
        ({"scopes": ["group:nothing"]}, "repository group `nothing` does not exist"),
        ({"scopes": {"read": 1}}, "Invalid `scopes` arg in JSON DATA: must be a list"),
        ({"lifetime": "soon"}, "Invalid `lifetime` arg in JSON DATA: must be a whole number"),
        ({"lifetime": 10**15}, "That is too long; -1 makes a key that never expires."),
        ({"ip_range": "10.0.0.0/99"}, "Not an IP address or network: 10.0.0.0/99"),
    ],
)
def test_wrong_values(user_api, user, wrong, error):
    RepositoryFactory(name="foo")
    RepositoryGroupFactory(name="g")
    RepositoryFactory(name="secret", is_private=True)
    assert user_api.error("create_api_key", userid="una", **wrong) == error
    assert not user.api_keys.filter(is_builtin=False).exists()


def test_not_for_others(user_api):
    UserFactory(username="other")
    assert user_api.error("create_api_key", userid="other") == "userid is not the same as your user"


def test_the_default_user_gets_none(api):
    assert api.error("create_api_key", userid="default") == "The default user cannot be changed."


@pytest.mark.parametrize("narrow", [{"level": Level.WRITE}, {"repository_id": 1}])
def test_a_narrow_key_makes_no_wider_one(user_api, user, narrow):
    key = ApiKeyFactory(user=user, **narrow)
    assert user_api.as_(key).error("create_api_key", userid="una") == "access denied: not your account"
