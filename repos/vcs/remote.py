"""Which remote repositories the server may talk to, and the guarantee that it talks to no one else.

A URL is checked as text (:func:`check_url`), its host is resolved once and every address must be public or inside a
network that the configuration allows, and the tool is then tied to those addresses (:func:`open_remote`): HTTP goes
through a proxy of our own that connects to checked addresses only, so a second DNS answer or a redirect changes
nothing; SSH and Git's own protocol get the address itself.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from repos.vcs.errors import RemoteError, VcsError
from repos.vcs.proxy import Proxy
from repos.vcs.types import Kind

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_URL = 1024  # characters
REACH_TIMEOUT = 10.0  # seconds

_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SCHEMES = {Kind.HG: ("http", "https", "ssh"), Kind.GIT: ("http", "https", "ssh", "git")}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_SCP = re.compile(r"(?P<user>[^@:/\s]+)@(?P<host>[^@:/\[\]\s]+):(?P<path>[^:\s][^\s]*)")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s]*@")
_AUTHORIZATION = re.compile(r"(?i)\b(authorization:\s*\w+\s+)\S+")

# Not the interpreter's is_global: what it knows depends on its version, and it calls multicast global.
_NOT_PUBLIC: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata service behind a public address
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",  # protocol assignments, among them Teredo, which carries IPv4 addresses
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries IPv4 addresses
        "3fff::/20",
    )
)
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")  # all else is local, multicast, translated (NAT64) or unassigned

# Asked by Git when that host, and no other, answers 401; the words come from the environment, never from a shell text.
_GIT_HELPER = (
    """!f() { [ "$1" = get ] && printf 'username=%s\\npassword=%s\\n' "$REMOTE_USER" "$REMOTE_PASSWORD"; }; f"""
)

_allowed_networks: tuple[IPNetwork, ...] = ()


def configure(*, allowed_networks: Sequence[IPNetwork] = ()) -> None:
    """Say once, at start, which networks that are not public the server may connect to (none by default)."""
    global _allowed_networks  # noqa: PLW0603 - one setting per process
    _allowed_networks = tuple(allowed_networks)


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A checked URL in its parts. ``url`` has no user and password for HTTP, and is what the tool gets."""

    url: str
    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Remote:
    """What a tool needs to talk to one remote repository, while the context of :func:`open_remote` is open.

    ``env`` is enough: merged into the tool's environment it carries the configuration too (``GIT_CONFIG_COUNT`` or a
    private file in ``HGRCPATH``), so that no secret is on a command line. ``git_config`` and ``hg_config`` say the
    same as a mapping, for a caller with a configuration environment of its own.
    """

    url: str
    env: Mapping[str, str] = field(repr=False)
    git_config: Mapping[str, str] = field(default_factory=dict, repr=False)
    hg_config: Mapping[str, str] = field(default_factory=dict, repr=False)


def scrub(text: str) -> str:
    """``text`` (a tool's message, a URL) without credentials."""
    return _AUTHORIZATION.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", text))


def check_url(url: str, kind: Kind | str) -> RemoteUrl:
    """Check the text of a remote URL; nothing is resolved or contacted.

    Git: http, https, ssh, git and ``user@host:path``; Mercurial: http, https, ssh. ``RemoteError`` says what is wrong.
    """
    kind = Kind(kind)
    if len(url) > MAX_URL:
        raise RemoteError(f"the URL is longer than {MAX_URL} characters")
    if _FORBIDDEN.search(url) or not url.isprintable():
        raise RemoteError("the URL contains a space, a backslash or a control character")
    if kind is Kind.GIT and "://" not in url and (match := _SCP.fullmatch(url)):
        user, host, path = match["user"], match["host"], match["path"]
        _check_host(host)
        if not _USER.fullmatch(user) or path.startswith("-"):
            raise RemoteError("the URL is not valid")
        return RemoteUrl(url, "ssh", host.lower(), _PORTS["ssh"], user)
    scheme, separator, _ = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _SCHEMES[kind]:
        raise RemoteError(f"only {', '.join(_SCHEMES[kind])} URLs are allowed for {kind}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RemoteError("the URL is not valid") from None
    host = (parts.hostname or "").lower()
    _check_host(host)
    if port == 0 or parts.fragment or "#" in url:
        raise RemoteError("the URL is not valid")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if _CONTROL.search((user or "") + (password or "")) or (user and ":" in user):
        raise RemoteError("the user name or password in the URL is not valid")
    authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    if scheme == "ssh":
        if password:
            raise RemoteError("a password in an ssh URL cannot be used; set up a key")
        if user and not _USER.fullmatch(user):
            raise RemoteError("the user name in the URL is not valid")
        authority = f"{user}@{authority}" if user else authority
    elif scheme == "git" and (user or password):
        raise RemoteError("a git URL carries no user name or password")
    if scheme in ("ssh", "git") and (parts.query or not parts.path.strip("/") or parts.path.startswith("/-")):
        raise RemoteError("the URL is not valid")
    rest = parts.path + (f"?{parts.query}" if parts.query else "")
    if scheme in ("http", "https"):
        rest = quote(rest, safe="/?%:@!$&'()*+,;=~-._")
    return RemoteUrl(f"{scheme}://{authority}{rest}", scheme, host, port or _PORTS[scheme], user, password)


def _check_host(host: str) -> None:
    if not host:
        raise RemoteError("the URL has no host")
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise RemoteError("the host in the URL is not valid") from None
        if "%" not in host:
            return
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise RemoteError("the host in the URL is not valid")


def allowed(address: IPAddress, networks: Sequence[IPNetwork]) -> bool:
    """Whether the server may connect there: a public address, or one inside ``networks``."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in networks):
        return True
    if address.version == 6 and address not in _PUBLIC_IPV6:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def resolve(host: str, port: int, networks: Sequence[IPNetwork]) -> list[str]:
    """Every address of ``host``, in the order to try. ``RemoteError`` when there is none or *any* is not allowed."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RemoteError(f"the host {host} is not known") from None
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    for text in addresses:
        try:
            good = "%" not in text and allowed(ipaddress.ip_address(text), networks)
        except ValueError:
            good = False
        if not good:
            raise RemoteError(f"the server may not connect to {host}: it is in a network that is not allowed")
    if not addresses:
        raise RemoteError(f"the host {host} is not known")
    return addresses


def reach(url: str, kind: Kind | str) -> None:
    """Check ``url`` and that its host takes connections, without saying anything to it. ``RemoteError`` if not."""
    remote = check_url(url, kind)
    for address in resolve(remote.host, remote.port, _allowed_networks):
        with suppress(OSError), socket.create_connection((address, remote.port), timeout=REACH_TIMEOUT):
            return
    raise RemoteError(f"nobody answers at {remote.host}, port {remote.port}")


@contextmanager
def open_remote(url: str, kind: Kind | str, *, allowed_networks: Sequence[IPNetwork] | None = None) -> Iterator[Remote]:
    """Check ``url``, resolve its host, and yield what ties ``git`` or ``hg`` to the addresses found.

    ``allowed_networks``: instead of those of :func:`configure`. A ``VcsError`` from inside is replaced by a
    ``RemoteError`` that names the host when the tool was stopped from going somewhere else (a redirect).
    """
    kind = Kind(kind)
    networks = _allowed_networks if allowed_networks is None else tuple(allowed_networks)
    remote = check_url(url, kind)
    addresses = resolve(remote.host, remote.port, networks)
    with ExitStack() as stack:
        proxy: Proxy | None = None
        if remote.scheme in ("http", "https"):
            proxy = stack.enter_context(_proxy(remote, addresses, networks))
        if kind is Kind.GIT:
            config = _git_config(remote, proxy)
            env = _git_env(remote, addresses[0]) | _git_config_env(config)
            target = _git_daemon_url(remote, addresses[0]) if remote.scheme == "git" else remote.url
            made = Remote(target, env, git_config=config)
        else:
            config = _hg_config(remote, proxy, addresses[0])
            made = Remote(remote.url, {"HGRCPATH": stack.enter_context(_hgrc(config))}, hg_config=config)
        try:
            yield made
        except VcsError as error:
            if proxy is not None and proxy.refusal:
                raise RemoteError(proxy.refusal) from error
            raise


def _proxy(remote: RemoteUrl, addresses: list[str], networks: tuple[IPNetwork, ...]) -> Proxy:
    """A proxy that knows the first host's addresses and holds every other host to the same rule, once."""
    pinned = {(remote.host, remote.port): addresses}
    lock = threading.Lock()

    def addresses_of(host: str, port: int) -> list[str]:
        key = (host.lower(), port)
        with lock:
            if key not in pinned:
                _check_host(key[0])
                pinned[key] = resolve(key[0], port, networks)
            return pinned[key]

    return Proxy(addresses_of)


def _ssh(remote: RemoteUrl, address: str) -> str:
    """An ssh command that connects to ``address`` and checks the key known for the host. No configuration file."""
    # Host and address are plain words (checked), so the shell that both tools use sees nothing to expand.
    name = remote.host if remote.port == 22 else f"[{remote.host}]:{remote.port}"
    options = {
        "HostName": address,
        "HostKeyAlias": f"'{name}'",
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ClearAllForwardings": "yes",
        "ConnectTimeout": "15",
        "ServerAliveInterval": "30",
    }
    return "ssh -F none " + " ".join(f"-o {option}={value}" for option, value in options.items())


def _git_config(remote: RemoteUrl, proxy: Proxy | None) -> dict[str, str]:
    config = {"credential.helper": "", "transfer.bundleURI": "false", "fetch.uriProtocols": ""}
    if proxy is not None:
        config |= {
            "http.proxy": f"http://{proxy.user}:{proxy.password}@127.0.0.1:{proxy.port}",
            "http.proxyAuthMethod": "basic",
            "http.lowSpeedLimit": "1",  # bytes a second, so that a silent server does not hold us
            "http.lowSpeedTime": "300",
        }
        if remote.user is not None or remote.password is not None:
            # A helper, not a header: Git would send the header along to another host after a redirect.
            scheme, _, rest = remote.url.partition("://")
            config[f"credential.{scheme}://{rest.split('/')[0]}.helper"] = _GIT_HELPER
    return config


def _git_config_env(config: Mapping[str, str]) -> dict[str, str]:
    env = {"GIT_CONFIG_COUNT": str(len(config))}
    for number, (key, value) in enumerate(config.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def _git_env(remote: RemoteUrl, address: str) -> dict[str, str]:
    env = {
        "GIT_ALLOW_PROTOCOL": "http:https" if remote.scheme in ("http", "https") else remote.scheme,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "NO_PROXY": "",
        "no_proxy": "",
    }
    if remote.scheme == "ssh":
        env |= {"GIT_SSH_COMMAND": _ssh(remote, address), "GIT_SSH_VARIANT": "ssh"}
    elif remote.user is not None or remote.password is not None:
        env |= {"REMOTE_USER": remote.user or "", "REMOTE_PASSWORD": remote.password or ""}
    elif remote.scheme == "git":
        port = "" if remote.port == _PORTS["git"] else f":{remote.port}"
        env["GIT_OVERRIDE_VIRTUAL_HOST"] = (f"[{remote.host}]" if ":" in remote.host else remote.host) + port
    return env


def _git_daemon_url(remote: RemoteUrl, address: str) -> str:
    path = urlsplit(remote.url).path
    return f"git://{f'[{address}]' if ':' in address else address}:{remote.port}{path}"


def _hg_config(remote: RemoteUrl, proxy: Proxy | None, address: str) -> dict[str, str]:
    config = {"ui.interactive": "no", "ui.clonebundles": "no"}
    if proxy is not None:
        config |= {
            "http_proxy.host": f"127.0.0.1:{proxy.port}",
            "http_proxy.user": proxy.user,
            "http_proxy.passwd": proxy.password,
            "http_proxy.always": "yes",
            "http.timeout": "300",
        }
        if remote.user is not None or remote.password is not None:
            config |= {
                "auth.remote.prefix": remote.url.split("?")[0],
                "auth.remote.username": remote.user or "",
                "auth.remote.password": remote.password or "",
            }
    else:
        config["ui.ssh"] = _ssh(remote, address)
    return config


@contextmanager
def _hgrc(config: Mapping[str, str]) -> Iterator[str]:
    """The configuration as a file that only we can read; its path."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="remote-", suffix=".rc") as file:
        for key, value in config.items():
            section, _, name = key.partition(".")
            file.write(f"[{section}]\n{name} = {value}\n")
        file.flush()
        yield file.name
