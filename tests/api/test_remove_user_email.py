"""remove_user_email: only further addresses, the main one stays."""


def test_in_any_case(user_api, user):
    user.extra_emails.create(email="second@example.com")
    answer = user_api("remove_user_email", userid="una", email="SECOND@example.com")
    assert answer["emails"] == ["una@example.com"]


def test_the_main_one_is_not_among_them(api, user):
    missing = "una@example.com is not among the further addresses."
    assert api.error("remove_user_email", userid="una", email="una@example.com") == missing


def test_not_for_others(user_api, admin):
    admin.extra_emails.create(email="second@example.com")
    refused = "userid is not the same as your user"
    assert user_api.error("remove_user_email", userid="boss", email="second@example.com") == refused
    assert admin.extra_emails.exists()
