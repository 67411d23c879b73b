"""delete_user: gone with everything that is only theirs."""

import pytest

from accounts.models import ApiKey, JournalEntry, Membership, User
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserFactory, UserGroupFactory


def test_keys_and_memberships_go_too(api, user):
    UserGroupFactory(members=[user])
    theirs = api.as_(user)
    assert api("delete_user", userid="una") == {"msg": f"deleted user ID:{user.pk} una", "user": None}
    assert not ApiKey.objects.filter(user_id=user.pk).exists()
    assert not Membership.objects.exists()
    assert theirs.error("get_user") == "Invalid API key"
    assert api.error("delete_user", userid="una") == "user `una` does not exist"


@pytest.mark.parametrize("factory", [RepositoryFactory, RepositoryGroupFactory, UserGroupFactory])
def test_owners_stay(api, user, factory):
    factory(owner=user)
    assert api.error("delete_user", userid="una") == f"failed to delete user ID:{user.pk} una"
    assert User.objects.filter(pk=user.pk).exists()
    assert not JournalEntry.objects.filter(action="delete_user").exists()


def test_the_default_user_stays(api):
    assert api.error("delete_user", userid="default") == "failed to delete user ID:1 default"


def test_the_last_administrator_stays(api, admin):
    assert api.error("delete_user", userid="boss") == f"failed to delete user ID:{admin.pk} boss"


def test_what_they_did_is_still_written(api, user_api, user):
    user_api("add_user_email", userid="una", email="second@example.com")
    api("delete_user", userid="una")
    entry = JournalEntry.objects.get(action="add_user_email")
    assert (entry.user, entry.username) == (None, "una")


def test_is_for_administrators(user_api):
    UserFactory(username="other")
    refused = "access denied: delete_user needs administrator rights"
    assert user_api.error("delete_user", userid="other") == refused
