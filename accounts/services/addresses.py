"""From which addresses a user may come. Those of the default user are everybody's."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts import journal
from accounts.actors import Actor
from accounts.addresses import normal_network
from accounts.models import IpRange, User
from accounts.services import checks


def add(*, actor: Actor, user: User, cidr: str) -> IpRange:
    """Allow an address or a network; stored in its normal form. Allowed twice is allowed once."""
    checks.require_admin(actor)
    network = normal_network(cidr)
    if network is None:
        raise checks.invalid("ip_addr", _("Not an IP address or network: %s") % cidr)
    with checks.writing():
        row, _created = IpRange.objects.get_or_create(user=user, cidr=str(network))
        journal.record(actor, "add_user_ip", user, ip_addr=row.cidr)
    return row


def remove(*, actor: Actor, user: User, cidr: str) -> None:
    """Allow an address or network no longer; a row that cannot be read is named by its text."""
    checks.require_admin(actor)
    network = normal_network(cidr)
    with checks.writing():
        rows = user.ip_ranges.filter(cidr__in={cidr, str(network)})
        if network is not None:  # written otherwise by the system it was imported from
            rows |= user.ip_ranges.filter(pk__in=[row.pk for row in user.ip_ranges.all() if row.network == network])
        if not rows.delete()[0]:
            raise checks.invalid("ip_addr", _("%s is not among the allowed addresses.") % cidr, "absent")
        journal.record(actor, "remove_user_ip", user, ip_addr=cidr)
