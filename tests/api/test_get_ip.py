"""get_ip: the caller's address, and from where somebody may come."""

import pytest


@pytest.mark.parametrize("method", ["get_ip", "show_ip"])
def test_both_spellings(api, method, user):
    user.ip_ranges.create(cidr="10.0.0.0/8")
    answer = api(method, userid="una")
    assert answer["ip_addr_server"] == answer["server_ip_addr"] == "127.0.0.1"
    assert answer["user_ips"] == [{"ip_addr": "10.0.0.0/8", "ip_range": ["10.0.0.0", "10.255.255.255"]}]


def test_a_row_that_cannot_be_read_is_shown_as_it_is(api, user):
    user.ip_ranges.create(cidr="nonsense")
    assert api("get_ip", userid="una")["user_ips"] == [{"ip_addr": "nonsense", "ip_range": ["nonsense", "nonsense"]}]


def test_nobody(api):
    assert api.error("get_ip", userid="nobody") == "user `nobody` does not exist"


def test_is_for_administrators(user_api):
    assert user_api.error("get_ip") == "access denied: get_ip needs administrator rights"
