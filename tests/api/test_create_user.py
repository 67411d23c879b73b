"""create_user: who may exist, and under which name."""

import pytest

from accounts.authentication import actor_for_password
from accounts.models import ApiKey, JournalEntry, User
from accounts.permissions import Level
from tests.factories import ApiKeyFactory, UserFactory


def test_with_everything(api):
    answer = api(
        "create_user",
        username="anna",
        email="Anna@Example.COM",
        password="correct horse",
        firstname="Anna",
        lastname="Ö",
        active=True,
        admin=True,
    )
    assert answer["msg"] == "created new user `anna`"
    made = User.objects.get(username="anna")
    assert answer["user"]["user_id"] == made.pk
    assert answer["user"]["email"] == "anna@example.com"
    assert (made.firstname, made.lastname, made.is_admin) == ("Anna", "Ö", True)
    assert actor_for_password("anna", "correct horse", None).user == made


def test_a_new_user_has_one_builtin_key_that_works(api):
    key = api("create_user", username="anna", email="anna@example.com")["user"]["api_key"]
    assert len(key) == 40
    assert key.isalnum()
    row = ApiKey.objects.get(user__username="anna")
    assert (row.is_builtin, row.expires_on) == (True, None)
    api.key = key
    assert api("get_user")["username"] == "anna"


def test_without_a_password_nobody_signs_in_with_one(api):
    api("create_user", username="anna", email="a@example.com")
    assert not User.objects.get(username="anna").has_usable_password()


def test_values_from_the_command_line_are_text(api):
    answer = api("create_user", username="anna", email="", active="False", admin="0", firstname=5)
    assert (answer["user"]["active"], answer["user"]["admin"]) == (False, False)
    assert (answer["user"]["firstname"], answer["user"]["email"]) == ("5", None)


def test_the_published_ldap_dn(api):
    assert api("create_user", username="l", email=None, ldap_dn="cn=l")["user"]["ldap_dn"] == "cn=l"
    assert User.objects.get(username="l").extern_type == "ldap"


@pytest.mark.parametrize("name", ["bar", "BAR", "Bar", "default", "DEFAULT"])
def test_names_differ_by_more_than_case(api, name):
    UserFactory(username="bar", firstname="first")
    assert api.error("create_user", username=name, email="x@example.com") == f"user `{name}` already exist"
    assert User.objects.get(username="bar").firstname == "first"


@pytest.mark.parametrize("name", ["JÜRGEN", "ju\u0308rgen", "\uff4aürgen"])
def test_names_differ_by_more_than_spelling(api, name):
    UserFactory(username="jürgen")
    assert api.error("create_user", username=name, email="") == f"user `{name}` already exist"


@pytest.mark.parametrize("email", ["una@example.com", "UNA@example.com", "second@example.com", "Second@Example.com"])
def test_addresses_belong_to_one_user(api, user, email):
    user.extra_emails.create(email="second@example.com")
    assert api.error("create_user", username="anna", email=email) == f"email `{email}` already exist"
    assert not User.objects.filter(username="anna").exists()


def test_several_users_without_an_address(api):
    api("create_user", username="one", email="")
    assert api("create_user", username="two", email=None)["user"]["emails"] == [None]


@pytest.mark.parametrize("name", ["", " ", " anna", "123", "an\nna", "anna\u202e", "x" * 256])
def test_impossible_names(api, name):
    assert api.error("create_user", username=name, email="") == f"failed to create user `{name}`"


@pytest.mark.parametrize(
    "wrong",
    [
        {"firstname": ["x"]},
        {"lastname": {"a": 1}},
        {"active": "maybe"},
        {"admin": 7},
        {"password": True},
        {"email": 5},
        {"password": "x" * 2000},
        {"firstname": "a\nb"},
    ],
)
def test_wrong_values_change_nothing(api, wrong):
    arguments = {"username": "anna", "email": "a@example.com"} | wrong
    assert api.error("create_user", **arguments) == "failed to create user `anna`"
    assert not User.objects.filter(username="anna").exists()


def test_is_written_down_without_the_password(api, admin):
    api("create_user", username="anna", email="", password="correct horse")
    entry = JournalEntry.objects.get(action="create_user", subject_name="anna")
    assert entry.user == admin
    assert "horse" not in str(entry.data)


def test_is_for_administrators(user_api):
    refused = "access denied: create_user needs administrator rights"
    assert user_api.error("create_user", username="anna", email="", firstname=[]) == refused


def test_a_narrow_key_of_an_administrator_is_not_enough(api, admin):
    narrow = api.as_(ApiKeyFactory(user=admin, level=Level.WRITE))
    assert "needs administrator rights" in narrow.error("create_user", username="anna", email="")
