"""add_user_ip: from where somebody may come."""

import pytest

from accounts.models import IpRange, User


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3/32"),
        (" 10.1.2.3 ", "10.1.2.3/32"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_networks_are_stored_in_their_normal_form(api, user, given, stored):
    assert api("add_user_ip", userid="una", ip_addr=given)["ip_addr"] == stored
    assert list(user.ip_ranges.values_list("cidr", flat=True)) == [stored]


def test_takes_effect_at_once(api, user_api, user):
    api("add_user_ip", userid="una", ip_addr="10.0.0.0/8")
    assert user_api.error("get_user") == "Invalid API key"
    api("add_user_ip", userid="una", ip_addr="127.0.0.1")
    assert user_api("get_user")["ip_addresses"] == ["10.0.0.0/8", "127.0.0.1/32"]


def test_for_everybody(api, user_api):
    api("add_user_ip", userid="default", ip_addr="127.0.0.0/8")
    assert User.objects.default().ip_ranges.count() == 1
    assert user_api("get_user")


def test_twice_is_once(api, user):
    api("add_user_ip", userid="una", ip_addr="127.0.0.1")
    assert api("add_user_ip", userid="una", ip_addr="127.0.0.1/32")["ip_addresses"] == ["127.0.0.1/32"]


@pytest.mark.parametrize("wrong", ["", "nonsense", "10.0.0.0/33", "10.0.0.256", "10.0.0.1-10.0.0.9", 7, ["10.0.0.1"]])
def test_no_address(api, user, wrong):
    assert api.error("add_user_ip", userid="una", ip_addr=wrong)
    assert not IpRange.objects.exists()


def test_nobody(api):
    assert api.error("add_user_ip", userid="nobody", ip_addr="10.0.0.1") == "user `nobody` does not exist"


def test_is_for_administrators(user_api):
    refused = "access denied: add_user_ip needs administrator rights"
    assert user_api.error("add_user_ip", userid="una", ip_addr="10.0.0.1") == refused
