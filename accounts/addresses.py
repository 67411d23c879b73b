"""IP addresses and networks, each in its one normal form: IPv4 ones that come as IPv6 are IPv4."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def normal_address(text: str) -> Address | None:
    """An address (``::ffff:10.0.0.1`` is ``10.0.0.1``), or ``None`` if the text is none."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def neighbourhood(text: str) -> str:
    """What failures and sign-ins are counted by: who has one IPv6 address has 2**64 of them."""
    address = normal_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text[:64]


def normal_network(text: str) -> Network | None:
    """A network, also from an address alone (``10.1.2.3/8`` is ``10.0.0.0/8``), or ``None`` if the text is none."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        first = network.network_address.ipv4_mapped
        return ipaddress.IPv4Network((int(first or 0), network.prefixlen - 96))
    return network
