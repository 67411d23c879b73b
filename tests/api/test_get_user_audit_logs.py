"""get_user_audit_logs: what somebody has done."""

from tests.factories import UserFactory


def test_newest_first_in_pages(user_api, user):
    for number in range(3):
        user_api("add_user_email", userid="una", email=f"{number}@example.com")
    entries = user_api("get_user_audit_logs", limit=2)
    assert [entry["data"]["email"] for entry in entries] == ["2@example.com", "1@example.com"]
    assert (entries[0]["action"], entries[0]["subject_name"], entries[0]["ip_addr"]) == (
        "add_user_email",
        "una",
        "127.0.0.1",
    )
    older = user_api("get_user_audit_logs", before=entries[-1]["entry_id"])
    assert [entry["data"]["email"] for entry in older] == ["0@example.com"]


def test_not_of_others(user_api, api):
    assert user_api.error("get_user_audit_logs", userid="boss") == "userid is not the same as your user"
    assert api("get_user_audit_logs", userid="una") == []


def test_wrong_values(user_api):
    assert user_api("get_user_audit_logs", limit=-1) == []
    assert user_api.error("get_user_audit_logs", limit="many").startswith("Invalid `limit` arg")


def test_a_second_user_sees_nothing_of_the_first(api, user_api, user):
    user_api("add_user_email", userid="una", email="x@example.com")
    assert api.as_(UserFactory())("get_user_audit_logs") == []
