"""remove_user_ip: without any, all addresses are allowed again."""

import pytest


@pytest.mark.parametrize("named", ["10.0.0.0/8", "10.9.9.9/8", "::ffff:10.0.0.0/104"])
def test_by_any_spelling(api, user_api, user, named):
    user.ip_ranges.create(cidr="10.0.0.0/8")
    assert user_api.error("get_user") == "Invalid API key"
    assert api("remove_user_ip", userid="una", ip_addr=named)["ip_addresses"] == []
    assert user_api("get_user")


@pytest.mark.parametrize("stored", ["nonsense", "10.0.0.0 /8"])
def test_a_row_that_cannot_be_read_goes_by_its_text(api, user, stored):
    user.ip_ranges.create(cidr=stored)
    api("remove_user_ip", userid="una", ip_addr=stored)
    assert not user.ip_ranges.exists()


def test_an_imported_spelling_goes_by_the_normal_one(api, user):
    user.ip_ranges.create(cidr="127.0.0.1")
    api("remove_user_ip", userid="una", ip_addr="127.0.0.1/32")
    assert not user.ip_ranges.exists()


def test_what_is_not_there(api, user):
    missing = "10.0.0.1 is not among the allowed addresses."
    assert api.error("remove_user_ip", userid="una", ip_addr="10.0.0.1") == missing


def test_is_for_administrators(user_api):
    refused = "access denied: remove_user_ip needs administrator rights"
    assert user_api.error("remove_user_ip", userid="una", ip_addr="10.0.0.1") == refused
