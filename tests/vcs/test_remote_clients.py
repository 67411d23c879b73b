"""The real clients of both tools clone through the addresses that were checked, and keep no credentials."""

import base64
import http.server
import ipaddress
import os
import socket
import subprocess
import threading
from contextlib import closing, contextmanager

import pytest

from repos.vcs import hg_server
from repos.vcs import remote as remotes
from repos.vcs.errors import RemoteError, TooLarge, VcsError
from repos.vcs.git import GitRepository, lifecycle
from repos.vcs.hg import HgRepository
from repos.vcs.remote import open_remote

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


def clean_env(**more):
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "HGRCPATH": "",
        "HGPLAIN": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com",
        **more,
    }


def call(*args, env=None, cwd=None, ok=True):
    done = subprocess.run(args, cwd=cwd, env=clean_env(**(env or {})), capture_output=True, text=True, timeout=300)
    if ok:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def git_source(tmp_path):
    work = tmp_path / "work"
    call("git", "init", "-q", "-b", "main", str(work))
    (work / "file").write_text("content\n")
    call("git", "add", "file", cwd=work)
    call("git", "commit", "-q", "-m", "first", cwd=work)
    root = tmp_path / "served"
    root.mkdir()
    call("git", "clone", "-q", "--bare", str(work), str(root / "source.git"))
    call("git", "update-server-info", cwd=root / "source.git")
    return root


@pytest.fixture
def hg_source(tmp_path):
    source = tmp_path / "hgsource"
    call("hg", "init", str(source))
    (source / "file").write_text("content\n")
    call("hg", "commit", "-qA", "-m", "first", "-u", "a", cwd=source)
    return source


@contextmanager
def serving(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files_of(root, seen, password=None, redirect=None):
    """A handler that serves files below ``root`` (Git's plain HTTP protocol), or redirects every request."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(root), **kwargs)

        def do_GET(self):
            seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if redirect:
                return self._answer(302, Location=redirect + self.path)
            token = "Basic " + base64.b64encode((password or "").encode()).decode()
            if password and self.headers["Authorization"] != token:
                return self._answer(401, **{"WWW-Authenticate": 'Basic realm="x"'})
            return super().do_GET()

        def _answer(self, status, **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    return Handler


def git_clone(url, target, networks=LOOPBACK, ok=True):
    with open_remote(url, "git", allowed_networks=networks) as remote:
        done = call("git", "clone", "-q", "--bare", "--end-of-options", remote.url, str(target), env=remote.env, ok=ok)
        if done.returncode:
            raise VcsError(done.stderr)
    return done


def test_git_clones_over_http_with_credentials_that_no_other_file_keeps(git_source, tmp_path):
    seen = []
    with serving(files_of(git_source, seen, password="me:p@ss")) as port:
        git_clone(f"http://me:p%40ss@127.0.0.1:{port}/source.git", tmp_path / "clone")
    assert call("git", "log", "--format=%s", cwd=tmp_path / "clone").stdout == "first\n"
    assert seen
    assert not any("proxy-authorization" in headers for _, headers in seen)
    assert "p@ss" not in (tmp_path / "clone/config").read_text()


def test_git_follows_a_redirect_to_an_allowed_host(git_source, tmp_path):
    with (
        serving(files_of(git_source, [])) as other,
        serving(files_of(git_source, [], redirect=f"http://127.0.0.1:{other}")) as port,
    ):
        git_clone(f"http://127.0.0.1:{port}/source.git", tmp_path / "clone")


@pytest.mark.parametrize("kind", ["git", "hg"])
def test_a_redirect_does_not_take_the_password_along(git_source, tmp_path, kind):
    seen = []
    with (
        serving(files_of(git_source, seen, password="me:word")) as other,
        serving(files_of(git_source, [], redirect=f"http://127.0.0.1:{other}")) as port,
        pytest.raises(VcsError),
    ):
        CLONE[kind](f"http://me:word@127.0.0.1:{port}/source.git", tmp_path / "clone", ok=False)
    assert seen
    assert not any("authorization" in headers for _, headers in seen)


@pytest.mark.parametrize("kind", ["git", "hg"])
def test_a_redirect_into_a_network_that_is_not_allowed_is_refused(kind, tmp_path, git_source, listener):
    only_one = [ipaddress.ip_network("127.0.0.1/32")]
    with (
        listener() as (inner, seen),
        serving(files_of(git_source, [], redirect=f"http://127.0.0.2:{inner}")) as port,
        pytest.raises(RemoteError, match=r"may not connect to 127\.0\.0\.2"),
    ):
        CLONE[kind](f"http://127.0.0.1:{port}/x", tmp_path / "clone", only_one, ok=False)
    assert seen == []


def test_a_redirect_to_the_cloud_metadata_address_is_refused(tmp_path, git_source):
    with (
        serving(files_of(git_source, [], redirect="http://169.254.169.254")) as port,
        pytest.raises(RemoteError, match=r"169\.254\.169\.254"),
    ):
        git_clone(f"http://127.0.0.1:{port}/x", tmp_path / "clone", ok=False)


def test_git_clones_from_a_git_daemon(git_source, tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    daemon = subprocess.Popen(
        ["git", "daemon", "--export-all", f"--base-path={git_source}", "--listen=127.0.0.1", f"--port={port}",
         "--verbose", "--informative-errors"],
        stderr=subprocess.PIPE, env=clean_env(), start_new_session=True,
    )  # fmt: skip
    try:
        assert b"Ready" in daemon.stderr.readline()
        git_clone(f"git://127.0.0.1:{port}/source.git", tmp_path / "clone")
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait()
        daemon.stderr.close()
    assert call("git", "log", "--format=%s", cwd=tmp_path / "clone").stdout == "first\n"


def hg_clone(url, target, networks=LOOPBACK, ok=True):
    with open_remote(url, "hg", allowed_networks=networks) as remote:
        done = call("hg", "clone", "-q", "-U", "--", remote.url, str(target), env=remote.env, ok=ok)
        if done.returncode:
            raise VcsError(done.stderr)


CLONE = {"git": git_clone, "hg": hg_clone}


def test_hg_clones_over_http(hg_source, tmp_path):
    server = subprocess.Popen(
        ["hg", "serve", "-a", "127.0.0.1", "-p", "0", "-R", str(hg_source), "--print-url"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_env(), text=True,
    )  # fmt: skip
    try:
        url = server.stdout.readline().strip()
        port = url.rstrip("/").rpartition(":")[2]
        hg_clone(f"http://me:word@127.0.0.1:{port}/", tmp_path / "clone")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    assert call("hg", "log", "-T", "{desc}\n", cwd=tmp_path / "clone").stdout == "first\n"
    assert "word" not in (tmp_path / "clone/.hg/hgrc").read_text()


def test_hg_sends_its_credentials_to_the_remote(tmp_path):
    seen = []
    with serving(files_of(tmp_path, seen, password="me:p@ss")) as port, pytest.raises(VcsError):
        hg_clone(f"http://me:p%40ss@127.0.0.1:{port}/x", tmp_path / "clone", ok=False)
    token = "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert token in [headers.get("authorization") for _, headers in seen]


class Endless(http.server.BaseHTTPRequestHandler):
    """Begins an answer as each tool wants it, and goes on for longer than anybody has memory in this test."""

    def do_GET(self):
        is_git = "info/refs" in self.path
        self.send_response(200)
        self.send_header("Content-Type", "application/" + (self.GIT if is_git else self.HG))
        self.end_headers()
        piece = b"003e%040x refs/heads/00000\n" % 1 * 20000 if is_git else b"lookup " * 200_000
        try:
            self.wfile.write(b"001e# service=git-upload-pack\n0000" if is_git else b"")
            for _ in range(300):
                self.wfile.write(piece)
        except OSError:
            return  # it has had enough

    GIT = "x-git-upload-pack-advertisement"
    HG = "mercurial-0.1"

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("repository", [GitRepository, HgRepository])
def test_a_remote_that_answers_without_end_takes_no_memory_without_end(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(remotes, "_allowed_networks", LOOPBACK)
    monkeypatch.setattr(lifecycle, "TRANSFER_MEMORY", 96 << 20)
    monkeypatch.setattr(hg_server, "LONG_MEMORY", 96 << 20)
    with serving(Endless) as port:
        url = f"http://127.0.0.1:{port}/r"
        with pytest.raises(TooLarge):
            repository.clone_remote(url, tmp_path / "clone")
        repository.create(tmp_path / "mirror")
        with pytest.raises(TooLarge):
            repository(tmp_path / "mirror").pull_remote(url)
    assert not (tmp_path / "clone").exists()


def test_a_remote_that_is_no_repository_of_mercurial_is_said_to_be_none(tmp_path, monkeypatch):
    monkeypatch.setattr(remotes, "_allowed_networks", LOOPBACK)
    (tmp_path / "index.html").write_text("<p>Welcome</p>")
    with (
        serving(files_of(tmp_path, [])) as port,
        pytest.raises(VcsError, match="does not appear to be an hg repository"),
    ):
        HgRepository.clone_remote(f"http://127.0.0.1:{port}/", tmp_path / "clone")
