"""How tests talk to the API: through the endpoint, with a key, as clients do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, User
from tests.api.reviewing import make_reviewed
from tests.factories import AdminFactory, UserFactory, key_of

ENDPOINT = "/_admin/api"


class ApiFailed(Exception):
    """The API answered an error; its text is the exception's."""


class Api:
    """``api("get_user", userid=3)`` answers the result; ``api.error("get_user", ...)`` the text of the error."""

    def __init__(self, client: Client, key: str) -> None:
        self.client, self.key = client, key

    def __call__(self, method: str, /, **args: Any) -> Any:
        body = {"id": 1, "api_key": self.key, "method": method, "args": args}
        response = self.client.post(ENDPOINT, json.dumps(body), content_type="text/plain")
        assert response.status_code == 200
        answer = json.loads(response.getvalue())
        assert set(answer) == {"id", "result", "error"}
        assert answer["id"] == 1
        if answer["error"] is not None:
            assert answer["result"] is None
            raise ApiFailed(answer["error"])
        return answer["result"]

    def error(self, method: str, /, **args: Any) -> str:
        with pytest.raises(ApiFailed) as failed:
            self(method, **args)
        return str(failed.value)

    def as_(self, who: User | ApiKey) -> Api:
        """The same with the built-in key of another user, or with a further key."""
        key = who.value if isinstance(who, ApiKey) else key_of(who)
        assert key is not None
        return Api(self.client, key)


@pytest.fixture
def admin(db) -> User:
    return AdminFactory(username="boss")


@pytest.fixture
def user(db) -> User:
    return UserFactory(username="una")


@pytest.fixture
def api(client, admin) -> Api:
    """As an administrator."""
    return Api(client, key_of(admin))


@pytest.fixture
def user_api(client, user) -> Api:
    """As a regular user."""
    return Api(client, key_of(user))


@pytest.fixture(params=["git", "hg"])
def reviewed(request, db, repositories_root):
    """A repository with a pull request of ``olga``, reviewed by ``rita``, over both tools."""
    made = make_reviewed(request.param, repositories_root)
    yield made
    made.repository.vcs.close()
