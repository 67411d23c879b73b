"""get_api_keys: which keys there are, but not the keys."""

from accounts.permissions import Level
from tests.factories import ApiKeyFactory, RepositoryFactory, RepositoryGroupFactory, key_of


def test_built_in_first_and_no_secret(user_api, user):
    repository = RepositoryFactory(name="foo")
    further = ApiKeyFactory(user=user, description="CI", level=Level.READ, repository_id=repository.pk)
    keys = user_api("get_api_keys")
    assert [(key["builtin"], key["scopes"]) for key in keys] == [(True, ["admin"]), (False, ["read", "repository:foo"])]
    assert (keys[1]["api_key_id"], keys[1]["description"], keys[1]["expired"]) == (further.pk, "CI", False)
    assert keys[0]["last_used_from"] == "127.0.0.1"
    assert key_of(user) not in str(keys)
    assert further.value not in str(keys)


def test_not_of_others(user_api, api):
    assert user_api.error("get_api_keys", userid="boss") == "userid is not the same as your user"
    assert len(api("get_api_keys", userid="una")) == 1


def test_a_place_that_is_hidden_now_is_not_named(user_api, api, user):
    repository = RepositoryFactory(name="secret", is_private=True)
    group = RepositoryGroupFactory(name="secrets")
    group.grants.all().delete()
    ApiKeyFactory(user=user, repository_id=repository.pk)
    ApiKeyFactory(user=user, group_id=group.pk)
    assert [key["scopes"][1] for key in user_api("get_api_keys")[1:]] == ["repository:", "group:"]
    shown = [key["scopes"][1] for key in api("get_api_keys", userid=user.username)[1:]]
    assert shown == ["repository:secret", "group:secrets"]
