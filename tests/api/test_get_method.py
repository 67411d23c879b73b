"""get_method: what a method takes, answers and refuses."""

from api.server import server


def test_everything_about_a_method(user_api):
    [method] = user_api("get_method", pattern="remove_user_from_user_group")
    assert method["signature"] == "remove_user_from_user_group(usergroupid, userid)"
    assert method["summary"] == "End a user's membership in a user group."
    assert method["needs"] == "admin permission on the user group."
    assert method["args"][0] == {
        "name": "usergroupid",
        "type": "number or name",
        "required": True,
        "default": None,
        "description": "user group name or number.",
        "spellings": ["usersgroupid"],
    }
    assert method["returns"].startswith("``success``")
    assert {"error": "user `x` does not exist", "when": "no such user; looked up first."} in method["errors"]


def test_patterns(user_api):
    assert {method["name"] for method in user_api("get_method", pattern="get_repo?")} == {"get_repos"}
    assert {"get_user", "get_users"} < {method["name"] for method in user_api("get_method", pattern="get_user*")}
    assert user_api("get_method", pattern="nosuch") == []
    assert [method["name"] for method in user_api("get_method")] == sorted(server.methods)


def test_a_long_pattern_is_refused(user_api):
    """It would be compiled for seconds, and kept for good."""
    assert user_api.error("get_method", pattern="*a" * 51) == (
        "Invalid `pattern` arg in JSON DATA: is longer than 100 characters"
    )
