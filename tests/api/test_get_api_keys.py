"""get_api_keys: which keys there are, but not the keys."""

from accounts.permissions import Level
from tests.factories import ApiKeyFactory, RepositoryFactory, key_of


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
