"""Methods about the server itself."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, distributions, version
from typing import Any

from accounts.actors import Actor
from accounts.models import IpRange
from accounts.permissions import DEFAULT_USER_ID
from api import lookups
from api.method import ApiNamespace, Id, JsonObject
from repos.vcs import process

namespace = ApiNamespace()


@namespace.method(admin=True)
def test(actor: Actor, args: Any) -> Any:
    """Answer the argument, to try a connection and a key.

    Needs: administrator rights.

    Args:
        args: any JSON value.

    Returns:
        The same value.
    """
    return args


@namespace.method(admin=True)
def get_server_info(actor: Actor) -> JsonObject:
    """What the server is made of.

    Needs: administrator rights.

    Returns:
        ``modules``: a sorted list of ``[name, version]``; ``py_version``, ``platform``, ``kallithea_version``,
        ``git_version``, ``git_path``.
    """
    modules = {package.name: package.version for package in distributions()}
    said = process.run(["git", "--version"], timeout=20, max_output=1000).decode("utf-8", "replace")
    number = re.search(r"\d+(\.\d+)+", said)
    return {
        "modules": [list(module) for module in sorted(modules.items(), key=lambda module: module[0].lower())],
        "py_version": platform.python_version(),
        "platform": platform.platform(),
        "kallithea_version": _own_version(),
        "git_version": number[0] if number else said.strip(),
        "git_path": "git",
    }


def _own_version() -> str:
    try:
        return version("kallithea-next")
    except PackageNotFoundError:  # run from a checkout
        return "unreleased"


@namespace.method(admin=True, also=("show_ip",))
def get_ip(actor: Actor, userid: Id = None) -> JsonObject:
    """The caller's address as the server sees it, and the addresses a user may come from.

    Needs: administrator rights.

    Args:
        userid: user name or number; the caller when not given.

    Returns:
        ``ip_addr_server`` and ``server_ip_addr``: the caller's address; ``user_ips``: a list of ``ip_addr`` and
        ``ip_range`` (first and last address).
    """
    user = actor.user if userid is None else lookups.user(userid)
    rows = IpRange.objects.filter(user__in={DEFAULT_USER_ID, user.pk}).order_by("-user", "pk")
    return {
        "server_ip_addr": actor.address,
        "ip_addr_server": actor.address,
        "user_ips": [{"ip_addr": row.cidr, "ip_range": _ends(row)} for row in rows],
    }


def _ends(row: IpRange) -> list[str]:
    network = row.network
    return [row.cidr, row.cidr] if network is None else [str(network[0]), str(network[-1])]
