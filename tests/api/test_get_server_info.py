"""get_server_info: what the server is made of."""

import django


def test_versions(api):
    info = api("get_server_info")
    modules = [name.lower() for name, _version in info["modules"]]
    assert modules == sorted(modules)
    assert ["Django", django.get_version()] in [[name.capitalize(), version] for name, version in info["modules"]]
    assert info["git_version"][0].isdigit()
    assert info["git_path"] == "git"
    assert all(isinstance(info[name], str) for name in ("py_version", "platform", "kallithea_version"))


def test_is_for_administrators(user_api):
    assert user_api.error("get_server_info") == "access denied: get_server_info needs administrator rights"
