"""``kallithea-api``, the installed script, against a running site."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from tests.site.running import CLIENT, KEY, ROOT

pytestmark = [pytest.mark.own_site, pytest.mark.xdist_group("running site")]


@pytest.fixture
def kallithea_api(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [CLIENT, *arguments],
            cwd=ROOT,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def login(site):
    return f"--apihost={site.url}", f"--apikey={KEY}"


def test_answer_as_kallithea_prints_it(kallithea_api, login, site):
    ended = kallithea_api(*login, "test", "args:https://example.com:8080/å")
    assert ended.stdout == (f'Calling method test => {site.url}\nServer response\n"https://example.com:8080/\\u00e5"\n')
    assert (ended.returncode, ended.stderr) == (0, "")


def test_objects_are_sorted_and_indented(kallithea_api, login):
    lines = kallithea_api(*login, "get_ip").stdout.splitlines()
    assert lines[2:4] == ["{", '    "ip_addr_server": "127.0.0.1",']


def test_error_as_kallithea_prints_it(kallithea_api, login, site):
    ended = kallithea_api(*login, "test")
    expected = 'ERROR:"Missing non optional `args` arg in JSON DATA"'
    assert ended.stdout == f"Calling method test => {site.url}\nServer response\n{expected}\n"
    assert ended.returncode == 1


def test_json_prints_the_result_only(kallithea_api, login):
    assert json.loads(kallithea_api(*login, "--format", "json", "test", "args:1").stdout) == "1"
    refused = kallithea_api(*login, "--format=json", "nope")
    assert (refused.stdout, refused.stderr, refused.returncode) == ("", 'ERROR:"No such method: nope"\n', 1)


def test_options_may_follow_the_arguments(kallithea_api, login):
    assert kallithea_api("test", "args:x", *login).returncode == 0


def test_saved_config_is_used_and_private(kallithea_api, login, tmp_path, site):
    assert kallithea_api("--save-config", *login).returncode == 0
    saved = tmp_path / ".config" / "kallithea"
    assert json.loads(saved.read_text()) == {"apihost": site.url, "apikey": KEY}
    assert saved.stat().st_mode & 0o777 == 0o600
    assert kallithea_api("test", "args:x").returncode == 0
    assert kallithea_api("--config", str(saved), "test", "args:x").returncode == 0
    assert "Invalid API key" in kallithea_api("--apikey=wrong", "test", "args:x").stdout


def test_wrong_command_lines(kallithea_api, login):
    for arguments, text in (
        ((), "--apihost and --apikey are needed"),
        (login, "a method is needed"),
        ((*login, "test", "args"), "must look like name:value"),
        (("--apihost=example.com", "--apikey=x", "test"), "must start with http:// or https://"),
    ):
        ended = kallithea_api(*arguments)
        assert ended.returncode == 2
        assert text in ended.stderr


class Other(BaseHTTPRequestHandler):
    """Whatever is no Kallithea."""

    answers: ClassVar = {
        "/html": (200, {}, b"<html>"),
        "/list": (200, {}, b"[]"),
        "/away": (302, {"Location": "http://evil.example/"}, b""),
        "/broken": (500, {}, b"oops"),
    }

    def do_POST(self):
        status, headers, body = self.answers.get(self.path.removesuffix("/_admin/api"), (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def other_server():
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/html", "does not answer in JSON"),
        ("/list", "does not answer like Kallithea's API"),
        ("/away", "answers 302 Found (to http://evil.example/)"),
        ("/broken", "answers 500 Internal Server Error"),
        ("/nothing", "answers 404 Not Found"),
    ],
)
def test_what_is_no_kallithea_is_named_in_one_line(kallithea_api, other_server, path, text):
    ended = kallithea_api(f"--apihost={other_server}{path}", "--apikey=x", "--format=json", "test")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert text in ended.stderr


def test_host_that_does_not_answer(kallithea_api):
    for host, text in (("http://127.0.0.1:1", "Connection refused"), ("http://host.invalid", "does not answer")):
        ended = kallithea_api(f"--apihost={host}", "--apikey=x", "test")
        assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
        assert text in ended.stderr
