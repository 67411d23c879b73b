"""The server connects where it is allowed to, and nowhere else, however the address is spelled or changes later."""

import base64
import ipaddress
import socket
from contextlib import closing

import pytest

from repos.vcs import remote as remote_module
from repos.vcs.errors import RemoteError
from repos.vcs.remote import allowed, check_url, open_remote, scrub

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


# -- the text of a URL --------------------------------------------------------------------------------------------

REFUSED_FOR_BOTH = [
    "",
    "/etc",
    "relative/path",
    "file:///etc",
    "FILE:///etc",
    "ext::sh -c id",
    "ext::sh",
    "fd::17",
    "bundle:/tmp/x",
    "bundle://x",
    "static-http://example.com/x",
    "git+ssh://example.com/x",
    "ftp://example.com/x",
    "union:a+b",
    "-oProxyCommand=id",
    "--upload-pack=id",
    "http://-oProxyCommand=id/x",
    "ssh://-oProxyCommand=id/x",
    "ssh://git@-oProxyCommand=id/x",
    "ssh://-oProxyCommand=id@example.com/x",
    "ssh://example.com/-oProxyCommand=id",
    "ssh://user:word@example.com/x",
    "http:///x",
    "http://",
    "http://:80/x",
    "http://user@/x",
    "http://example.com:0/x",
    "http://example.com:99999/x",
    "http://example.com:port/x",
    "http://exa mple.com/x",
    "http://example.com/a\nb",
    "http://example.com/a\x00b",
    "http://example.com\\@other.com/x",
    "http://user%0Aname:x@example.com/x",
    "http://example.com/x#branch",
    "http://$(id)/x",
    "http://a;b/x",
    "http://ex\u0430mple.com/x",
    "http://\u2460\u2461\u2466.0.0.1/x",
    "http://[::1%25lo]/x",
    "http://[::1/x",
    "http://example.com/\ud800",
    "http://example.com/" + "a" * 3000,
    "http://" + "a" * 300 + ".com/x",
]


@pytest.mark.parametrize("kind", ["git", "hg"])
@pytest.mark.parametrize("url", REFUSED_FOR_BOTH)
def test_refuses_every_other_transport_and_malformed_urls(url, kind):
    with pytest.raises(RemoteError):
        check_url(url, kind)


@pytest.mark.parametrize("url", ["git://example.com/x", "git@example.com:team/project.git"])
def test_mercurial_has_no_git_transports(url):
    with pytest.raises(RemoteError):
        check_url(url, "hg")


@pytest.mark.parametrize(
    "url", ["git@-oProxyCommand=id:x", "git@example.com:-x", "git@example.com::x", "-x@example.com:x", "git@a$(id):x"]
)
def test_refuses_hostile_short_ssh_addresses(url):
    with pytest.raises(RemoteError):
        check_url(url, "git")


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("HTTPS://Example.COM/Team/x", "https://example.com/Team/x"),
        ("http://example.com:8080/x?y=1", "http://example.com:8080/x?y=1"),
        ("http://me:se%40cret@example.com/x", "http://example.com/x"),
        ("http://example.com/\u00fc", "http://example.com/%C3%BC"),
        ("http://[2001:4860::1]:81/x", "http://[2001:4860::1]:81/x"),
        ("ssh://hg@example.com:2222//abs/path", "ssh://hg@example.com:2222//abs/path"),
    ],
)
def test_gives_the_tool_a_url_without_credentials(url, given):
    assert check_url(url, "hg").url == given


def test_understands_gits_own_addresses():
    assert check_url("git://example.com/x.git", "git").port == 9418
    short = check_url("git@example.com:team/x.git", "git")
    assert (short.scheme, short.host, short.user) == ("ssh", "example.com", "git")


def test_no_message_or_repr_shows_the_password():
    with pytest.raises(RemoteError) as caught:
        check_url("gopher://me:hunter2@example.com/x", "git")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(check_url("http://me:hunter2@example.com/x", "git"))
    assert scrub("fatal: 'https://me:hunter2@h/x' and Authorization: Basic aHVudGVyMg==") == (
        "fatal: 'https://***@h/x' and Authorization: Basic ***"
    )


# -- addresses ----------------------------------------------------------------------------------------------------

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_refused(address):
    assert not allowed(ipaddress.ip_address(address), [])


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address):
    assert allowed(ipaddress.ip_address(address), [])


def test_a_network_can_be_allowed_however_its_addresses_are_written():
    assert allowed(ipaddress.ip_address("::ffff:127.0.0.1"), LOOPBACK)
    assert not allowed(ipaddress.ip_address("10.0.0.1"), LOOPBACK)
    assert allowed(ipaddress.ip_address("fd00::1"), [ipaddress.ip_network("fd00::/8"), *LOOPBACK])


@pytest.fixture
def answers(monkeypatch):
    """A resolver that gives the listed answers of a name one after the other; numbers resolve as always."""
    table = {}
    real = socket.getaddrinfo

    def stub(host, port, *args, **kwargs):
        if host not in table:
            return real(host, port, *args, **kwargs) if host[0].isdigit() or ":" in host else _unknown()
        replies = table[host]
        now = replies.pop(0) if len(replies) > 1 else replies[0]
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in now]

    def _unknown():
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", stub)
    return table


SPELLINGS = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]"]


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
@pytest.mark.parametrize("host", SPELLINGS)
def test_every_spelling_of_this_machine_is_refused(host, scheme, listener):
    with listener() as (port, seen):
        with pytest.raises(RemoteError), open_remote(f"{scheme}://{host}:{port}/x", "hg", allowed_networks=[]):
            pass
        assert seen == []


@pytest.mark.parametrize("kind", ["git", "hg"])
def test_one_bad_address_among_good_ones_refuses_the_host(answers, kind):
    answers["mixed.example"] = [["8.8.8.8", "10.0.0.1"]]
    with pytest.raises(RemoteError, match=r"mixed\.example"), open_remote("https://mixed.example/x", kind):
        pass


def test_an_unknown_host_is_a_clear_error(answers):
    with pytest.raises(RemoteError, match="is not known"), open_remote("https://nowhere.example/x", "git"):
        pass


def proxied(remote, request: bytes, user_password: str | None = None) -> bytes:
    """Send one request through the proxy that ``remote`` names; the whole answer."""
    proxy = remote.git_config["http.proxy"].removeprefix("http://")
    credentials, _, address = proxy.rpartition("@")
    token = base64.b64encode((user_password or credentials).encode())
    host, _, port = address.partition(":")
    head, _, body = request.partition(b"\r\n")
    with closing(socket.create_connection((host, int(port)), timeout=60)) as connection:
        connection.sendall(head + b"\r\nProxy-Authorization: Basic " + token + b"\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_a_second_dns_answer_changes_nothing(answers, monkeypatch, listener):
    """The name answers with a public address first and with this machine later: only the first is ever connected to."""
    answers["rebind.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    tried = []

    def connect(address, timeout=None):
        tried.append(address)
        raise OSError("no network in a test")

    with listener() as (port, seen), open_remote(f"http://rebind.example:{port}/x", "git") as remote:
        real = socket.create_connection
        monkeypatch.setattr(
            socket, "create_connection", lambda a, timeout=None: connect(a) if a[1] == port else real(a, timeout)
        )
        for request in (f"GET http://rebind.example:{port}/x HTTP/1.1", f"CONNECT rebind.example:{port} HTTP/1.1"):
            assert b" 502 " in proxied(remote, request.encode() + b"\r\n\r\n")
        assert set(tried) == {("8.8.8.8", port)}
        assert seen == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "inner.example"]
)
@pytest.mark.parametrize("method", ["GET", "CONNECT"])
def test_the_proxy_goes_to_no_other_private_address(answers, host, method, listener):
    answers["good.example"] = [["8.8.8.8"]]
    answers["inner.example"] = [["127.0.0.1"]]
    with listener() as (port, seen), open_remote("https://good.example/x", "git") as remote:
        target = f"{host}:{port}" if method == "CONNECT" else f"http://{host}:{port}/latest"
        assert b" 403 " in proxied(remote, f"{method} {target} HTTP/1.1\r\n\r\n".encode())
        assert seen == []


def test_the_proxy_is_for_its_own_client_only(listener):
    with (
        listener() as (port, seen),
        open_remote(f"http://127.0.0.1:{port}/x", "git", allowed_networks=LOOPBACK) as remote,
    ):
        request = f"GET http://127.0.0.1:{port}/x HTTP/1.1\r\n\r\n".encode()
        assert b" 407 " in proxied(remote, request, "proxy:guess")
        assert seen == []
        proxied(remote, request)
        assert len(seen) == 1


def test_the_proxy_ends_with_its_context():
    with open_remote("http://127.0.0.1:1/x", "git", allowed_networks=LOOPBACK) as remote:
        port = int(remote.git_config["http.proxy"].rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(OSError):  # noqa: PT011 - refused
        socket.create_connection(("127.0.0.1", port))


def test_ssh_connects_to_the_checked_address(answers):
    answers["ssh.example"] = [["8.8.4.4"], ["127.0.0.1"]]
    for kind in ("git", "hg"):
        answers["ssh.example"] = [["8.8.4.4"], ["127.0.0.1"]]
        with open_remote("ssh://me@ssh.example:2222/x", kind) as remote:
            command = remote.env["GIT_SSH_COMMAND"] if kind == "git" else remote.hg_config["ui.ssh"]
        assert "-o HostName=8.8.4.4" in command
        assert "-F none" in command


def test_git_names_the_host_and_connects_to_the_address(answers):
    answers["git.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    with open_remote("git://git.example/x.git", "git") as remote:
        assert remote.url == "git://8.8.8.8:9418/x.git"
        assert remote.env["GIT_OVERRIDE_VIRTUAL_HOST"] == "git.example"


def test_networks_can_be_configured_once(monkeypatch):
    monkeypatch.setattr(remote_module, "_allowed_networks", ())
    with pytest.raises(RemoteError), open_remote("http://127.0.0.1:1/x", "git"):
        pass
    remote_module.configure(allowed_networks=LOOPBACK)
    with open_remote("http://127.0.0.1:1/x", "git"):
        pass
