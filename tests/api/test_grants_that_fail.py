"""What grants and revocations answer for a value that nothing can be called."""

import pytest


@pytest.mark.parametrize("verb", ["grant_{}", "revoke_{}"])
@pytest.mark.parametrize(
    ("method", "target", "where"),
    [("{}_permission", "repoid", "repo"), ("{}_permission_{}_repo_group", "repogroupid", "repo group")],
)
@pytest.mark.parametrize(
    ("kind", "subject", "who"), [("user", "userid", "user"), ("user_group", "usergroupid", "user group")]
)
def test_a_name_with_nul(api, verb, method, target, where, kind, subject, who):
    granting = verb.startswith("grant")
    name = verb.format(method.format(kind, "to" if granting else "from"))
    arguments = {target: "one", subject: "half\0"} | ({"perm": "x"} if granting else {})
    assert api.error(name, **arguments) == f"failed to edit permission for {who}: `half\0` in {where}: `one`"
