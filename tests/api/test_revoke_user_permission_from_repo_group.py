"""revoke_user_permission_from_repo_group: on a group, and on what is inside when asked."""

import pytest

from accounts.models import UserGroup
from accounts.permissions import Level
from repos.models import RepositoryGrant, RepositoryGroupGrant
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserGroupFactory, grant

METHOD = "revoke_user_permission_from_repo_group"


@pytest.fixture
def subject(user):
    people = UserGroupFactory(name="people")
    return {"una": user, "people": people}["una"]


def count(subject):
    field = "user_group" if isinstance(subject, UserGroup) else "user"
    return [model.objects.filter(**{field: subject}).count() for model in (RepositoryGroupGrant, RepositoryGrant)]


def test_revoked(api, subject):
    group = RepositoryGroupFactory(name="a/b")
    grant(group, subject, Level.WRITE)
    grant(RepositoryFactory(name="a/b/one", group=group), subject, Level.WRITE)
    for children, left in [("none", [0, 1]), ("none", [0, 1]), ("all", [0, 0])]:
        answer = api(METHOD, repogroupid="a/b", userid=subject.pk, apply_to_children=children)
        expected = f"Revoked perm (recursive:{children}) for user: `una` in repo group: `b`"
        assert answer == {"msg": expected, "success": True}
        assert count(subject) == left


def test_errors(api, user_api, subject):
    RepositoryGroupFactory(name="a")
    assert api.error(METHOD, repogroupid="x", userid="una") == "repository group `x` does not exist"
    assert api.error(METHOD, repogroupid="a", userid="x") == "user `x` does not exist"
    assert user_api.error(METHOD, repogroupid="a", userid="una") == "repository group `a` does not exist"
