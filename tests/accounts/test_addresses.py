"""Addresses and networks have one normal form, and a request comes from one address."""

import ipaddress

import pytest
from django.test import RequestFactory

from accounts.addresses import normal_address, normal_network
from accounts.authentication import address_allowed, client_address
from accounts.models import User
from tests.factories import UserFactory


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("10.0.0.1", "10.0.0.1"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0A00:0001", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_normal_address(text, normal):
    assert str(normal_address(text)) == normal


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.01", "localhost", "10.0.0.1:80", "10.0.0.0/8", "unix:"])
def test_no_address(text):
    assert normal_address(text) is None


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("10.0.0.1", "10.0.0.1/32"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_normal_network(text, normal):
    assert str(normal_network(text)) == normal


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.0/x", "example.com/8"])
def test_no_network(text):
    assert normal_network(text) is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "comes_from"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "", "10.0.0.1"),
        ("198.51.100.7", "10.0.0.1", "198.51.100.7"),  # nobody asked this one
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "10.0.0.1, 203.0.113.9", "203.0.113.9"),  # the client wrote the first
        ("127.0.0.1", "10.0.0.1, 203.0.113.9, 127.0.0.2", "203.0.113.9"),
        ("::ffff:127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "nonsense", ""),
        ("127.0.0.1", "127.0.0.3", "127.0.0.3"),
        ("", "203.0.113.9", ""),
    ],
)
def test_only_trusted_proxies_say_where_a_request_comes_from(settings, peer, forwarded, comes_from):
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.0/8")]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded, HTTP_X_REAL_IP="1.2.3.4")
    assert client_address(request) == comes_from


@pytest.fixture
def una(db):
    return UserFactory(username="una")


@pytest.mark.parametrize(
    ("everybody", "own", "address", "allowed"),
    [
        ([], [], "198.51.100.7", True),
        ([], ["10.0.0.0/8"], "10.9.9.9", True),
        ([], ["10.0.0.0/8"], "::ffff:10.9.9.9", True),
        ([], ["::ffff:10.0.0.0/104"], "10.9.9.9", True),  # imported as it was written
        ([], ["10.0.0.0/8"], "11.0.0.1", False),
        ([], ["10.0.0.0/8"], "2001:db8::1", False),
        (["192.168.0.0/16"], ["10.0.0.0/8"], "192.168.1.1", True),
        (["192.168.0.0/16"], ["10.0.0.0/8"], "10.1.1.1", True),
        (["192.168.0.0/16"], [], "10.1.1.1", False),
        ([], ["nonsense", "10.0.0.0/8"], "10.1.1.1", True),  # one bad row locks nobody out
        ([], ["nonsense"], "10.1.1.1", False),  # and lets nobody in
        ([], ["10.0.0.0/8"], "", False),
        ([], ["10.0.0.0/8"], "nonsense", False),
        ([], ["10.0.0.0/8"], None, True),  # the system itself
    ],
)
def test_address_rules(una, django_assert_max_num_queries, everybody, own, address, allowed):
    for cidr in everybody:
        User.objects.default().ip_ranges.create(cidr=cidr)
    for cidr in own:
        una.ip_ranges.create(cidr=cidr)
    UserFactory().ip_ranges.create(cidr="198.51.100.0/24")  # of somebody else
    with django_assert_max_num_queries(1):
        assert address_allowed(una, address) is allowed
