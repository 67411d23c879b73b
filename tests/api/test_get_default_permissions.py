"""get_default_permissions: what everybody may do."""


def test_of_a_fresh_site(api):
    assert api("get_default_permissions") == {
        "create_repo": "hg.create.repository",
        "fork": "hg.fork.repository",
        "user_group_create": "hg.usergroup.create.false",
        "repo_perm": "repository.read",
        "repo_group_perm": "group.read",
        "user_group_perm": "usergroup.read",
        "register": "hg.register.manual_activate",
        "extern_activate": "hg.extern_activate.auto",
        "anonymous": True,
    }


def test_is_for_administrators(user_api):
    refused = "access denied: get_default_permissions needs administrator rights"
    assert user_api.error("get_default_permissions") == refused
