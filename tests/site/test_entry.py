"""What clients send, byte for byte, to the real server."""

import json
import socket
from urllib.parse import unquote, urlsplit

import pytest

from tests.site.running import KEY

pytestmark = [pytest.mark.own_site, pytest.mark.xdist_group("running site")]

CALL = json.dumps({"id": 7, "api_key": KEY, "method": "test", "args": {"args": "påt"}}).encode()
RESULT = {"id": 7, "result": "påt", "error": None}


def talk(site, *pieces):
    """Status line, headers and body that a server sends to these bytes, sent one piece after the other."""
    with socket.create_connection(site.host, timeout=120) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while data := connection.recv(65536):
            received += data
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode(), body


def head(*lines, path="/_admin/api"):
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: site", "Connection: close", *lines, "", ""]).encode()


def chunks(body, size=50):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_chunked_call_without_length_as_dotnet_sends_it(site):
    header = head("Content-Type: application/json; charset=utf-8", "Transfer-Encoding: chunked")
    status, body = talk(site, header, chunks(CALL))
    assert status.startswith("HTTP/1.1 200 ")
    assert json.loads(body) == RESULT


def test_chunked_call_that_waits_for_100_continue(site):
    with socket.create_connection(site.host, timeout=120) as connection:
        connection.sendall(head("Content-Type: text/plain", "Transfer-Encoding: chunked", "Expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(chunks(CALL))
        received = b""
        while data := connection.recv(65536):
            received += data
    assert json.loads(received.partition(b"\r\n\r\n")[2]) == RESULT


def test_chunked_body_above_the_limit_is_answered_by_the_api(tmp_path_factory, site):
    body = b"[" + b" " * (33 * 1024 * 1024) + b"]"
    status, answer = talk_large(site, head("Transfer-Encoding: chunked"), chunks(body, 1024 * 1024))
    assert status.startswith("HTTP/1.1 200 ")
    assert json.loads(answer) == {"id": None, "result": None, "error": "Request body is too large"}


def test_chunked_body_above_the_limit_elsewhere_is_413(site):
    body = b"x" * (33 * 1024 * 1024)
    status, _ = talk_large(site, head("Transfer-Encoding: chunked", path="/_admin/login"), chunks(body, 1024 * 1024))
    assert status.startswith("HTTP/1.1 413 ")
    assert_harmless(status)


def assert_harmless(head):
    """Whatever a browser takes the body for, nothing in it runs."""
    headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["/", "/nosuch", "/_admin/nosuch", "/_admin/login", "/_admin/health", "/_admin/api", "/_static/kallithea/icon.svg",
     "/nosuch/info/refs?service=git-upload-pack", "/nosuch?cmd=heads", "/?api_key=wrong"],
)  # fmt: skip
def test_every_answer_is_harmless(site, path):
    status, _ = talk(site, f"GET /hg{path} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n".encode())
    assert_harmless(status)
    assert "referrer-policy" in status.lower()


def test_what_another_site_says_of_itself_is_not_believed(site):
    """Without trusted proxies no header says where a request comes from, or by which way."""
    lines = ("X-Forwarded-For: 10.9.9.9", "X-Real-IP: 10.9.9.9", "Forwarded: for=10.9.9.9", "X-Forwarded-Proto: https",
             "X-Forwarded-Host: evil.example", "SCRIPT_NAME: /evil", "X-Forwarded-Ssl: on", "X_Forwarded_For: 10.9.9.9",
             "X-Script-Name: /evil", "Remote-Addr: 10.9.9.9")  # fmt: skip
    body = json.dumps({"id": 1, "api_key": KEY, "method": "get_user", "args": {}}).encode()
    _, answer = talk(site, head(f"Content-Length: {len(body)}", *lines), body)
    assert json.loads(answer)["error"] is None
    call = json.dumps({"id": 1, "api_key": KEY, "method": "get_api_keys", "args": {"userid": "admin"}}).encode()
    _, answer = talk(site, head(f"Content-Length: {len(call)}", *lines), call)
    assert {key["last_used_from"] for key in json.loads(answer)["result"]} == {"127.0.0.1"}
    status, _ = talk(site, head(*lines, path="/_admin/my_account").replace(b"POST", b"GET"))
    assert "location: http://site/hg/_admin/login" in status.lower()


def talk_large(site, header, body):
    """Like ``talk``, for a server that may stop reading before everything is sent."""
    with socket.create_connection(site.host, timeout=120) as connection:
        connection.sendall(header)
        received = b""
        try:
            connection.sendall(body)
            while data := connection.recv(65536):
                received += data
        except ConnectionError:
            connection.settimeout(60)
            received += connection.recv(65536)
    status, _, answer = received.partition(b"\r\n\r\n")
    return status.decode(), answer


@pytest.mark.parametrize(
    "path",
    [
        "/_admin/api",
        "//_admin/api",
        "///_admin/api",
        "/_admin/api?x=1",
        "/hg/_admin/api",
        "/hg//_admin/api",
        "//hg/_admin/api",
    ],
)
def test_addresses_glued_together_and_below_the_prefix(site, path):
    _, body = talk(site, head(f"Content-Length: {len(CALL)}", path=path), CALL)
    assert json.loads(body) == RESULT


def test_double_slash_never_leads_to_another_host(site):
    status, _ = talk(site, b"GET //evil.example/_admin HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n")
    location = next((line[10:] for line in status.splitlines() if line.lower().startswith("location: ")), "/hg/")
    target = urlsplit(unquote(location))
    assert (target.netloc or "site", target.path[:4]) == ("site", "/hg/")
    assert "//" not in target.path + target.query


def test_malformed_chunk_is_a_bad_request(site):
    status, _ = talk(site, head("Transfer-Encoding: chunked"), b"zz\r\nhello\r\n0\r\n\r\n")
    assert status.startswith("HTTP/1.1 400 ")


def test_connection_goes_on_after_a_chunked_call(site):
    header = head("Transfer-Encoding: chunked").replace(b"Connection: close", b"Connection: keep-alive")
    status, body = talk(site, header + chunks(CALL), head(f"Content-Length: {len(CALL)}") + CALL)
    assert (status + body.decode()).count("HTTP/1.1 200 OK") == 2


def test_keys_in_addresses_are_not_logged(site):
    talk(site, b"GET /_admin/health?api_key=tell-nobody HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
    talk(site, b"GET /_admin/health?api_key=tell-nobody HTTP/9.9 x\r\n\r\n")
    talk(site, b"GET /%0aforged HTTP/1.1\r\nHost: s\r\nReferer: /?tell-nobody\r\nConnection: close\r\n\r\n")
    log = site.said()
    assert '"GET /_admin/health" 200' in log
    assert "tell-nobody" not in log
    assert '"GET /\\nforged" 302' in log
    assert "\nforged" not in log


def test_links_for_a_new_password_are_not_logged(site):
    talk(site, b"GET /_admin/password_reset/Mg/hush HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
    log = site.said()
    assert "/_admin/password_reset/..." in log
    assert "hush" not in log
