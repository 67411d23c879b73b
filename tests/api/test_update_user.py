"""update_user: what is given changes, the rest stays."""

import pytest

from accounts.authentication import actor_for_password
from accounts.models import JournalEntry, User
from tests.factories import UserFactory, key_of


def test_nothing_given_changes_nothing(api, user):
    before = User.objects.values().get(pk=user.pk)
    assert api("update_user", userid="una", firstname=None)["msg"] == f"updated user ID:{user.pk} una"
    assert User.objects.values().get(pk=user.pk) == before


def test_names_and_address(api, user):
    answer = api("update_user", userid=user.pk, username="anna", firstname="", lastname="Neu", email="NEW@example.com")
    assert answer["msg"] == f"updated user ID:{user.pk} anna"
    assert (answer["user"]["firstname"], answer["user"]["lastname"]) == ("", "Neu")
    assert answer["user"]["emails"] == ["new@example.com"]


def test_the_case_of_ones_own_name(api, user):
    assert api("update_user", userid="una", username="Una")["user"]["username"] == "Una"


def test_a_further_address_becomes_the_main_one(api, user):
    user.extra_emails.create(email="second@example.com")
    assert api("update_user", userid="una", email="second@example.com")["user"]["emails"] == ["second@example.com"]


def test_a_password_leaves_the_key_alone(api, user):
    before = key_of(user)
    api("update_user", userid="una", password="something new")
    assert actor_for_password("una", "something new", None).user == user
    assert key_of(user) == before


def test_inactive_users_and_former_administrators_lose_their_rights_at_once(api, user):
    theirs = api.as_(user)
    api("update_user", userid="una", admin=True)
    assert theirs("get_users")
    api("update_user", userid="una", admin=False)
    assert "administrator rights" in theirs.error("get_users")
    api("update_user", userid="una", active=False)
    assert theirs.error("get_user") == "Invalid API key"


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "taken"},
        {"username": "TAKEN"},
        {"username": ""},
        {"username": "77"},
        {"email": "taken@example.com"},
        {"email": "also-taken@example.com"},
        {"active": "maybe"},
        {"firstname": ["x"]},
    ],
)
def test_wrong_and_taken_values(api, user, wrong):
    UserFactory(username="taken").extra_emails.create(email="also-taken@example.com")
    assert api.error("update_user", userid="una", **wrong) == "failed to update user `una`"
    assert User.objects.get(pk=user.pk).username == "una"


def test_an_odd_imported_name_may_stay(api):
    UserFactory(username="12 ", email=None)
    assert api("update_user", userid="12 ", username="12 ", firstname="Odd")["user"]["firstname"] == "Odd"


def test_the_last_administrator_stays_one(api):
    assert api.error("update_user", userid="boss", admin=False) == "failed to update user `boss`"
    assert api.error("update_user", userid="boss", active=False) == "failed to update user `boss`"


def test_the_default_user_is_not_edited(api):
    assert api.error("update_user", userid="default", firstname="X") == "editing default user is forbidden"


def test_nobody(api):
    assert api.error("update_user", userid="nobody", firstname="X") == "user `nobody` does not exist"


def test_the_journal_names_what_changed_and_no_secret(api, user):
    api("update_user", userid="una", password="something new", lastname="Neu")
    entry = JournalEntry.objects.get(action="update_user")
    assert entry.data["changed"] == ["lastname", "password"]
    assert "something" not in str(entry.data)


def test_is_for_administrators_even_for_oneself(user_api):
    refused = "access denied: update_user needs administrator rights"
    assert user_api.error("update_user", userid="una", firstname="X") == refused
