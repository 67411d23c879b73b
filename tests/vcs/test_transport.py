"""Real git and hg clients against the transport, through a bare threaded WSGI server without Django."""

import gzip
import io
import os
import socket
import socketserver
import struct
import subprocess
import threading
import wsgiref.simple_server
from contextlib import contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace

import pytest

from repos.vcs.errors import VcsError
from repos.vcs.push_rules import PushRules
from repos.vcs.transport import NotTransport, Request, needs_write, serve


def clean_env(**more):
    return {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "HGRCPATH": "", "HGPLAIN": "1", "HGUSER": "A",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": "/dev/null", **more,
    }  # fmt: skip


def call(*args, cwd=None, ok=True, **env):
    done = subprocess.run(list(args), cwd=cwd, env=clean_env(**env), capture_output=True, text=True, timeout=300)
    if ok:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


class Threaded(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def site(kind, path, rules=None, may_write=True):
    """The repository at ``/r`` of a server; its URL, and what pushes reported."""
    seen = SimpleNamespace(pushed=[], rules=rules or PushRules(), requests=[])

    def application(environ, start_response):
        headers = {
            key[5:].lower().replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        service = environ["PATH_INFO"].removeprefix("/r").rstrip("/")
        seen.requests.append((service, environ["QUERY_STRING"], headers))
        request = Request(
            environ["REQUEST_METHOD"], service, environ["QUERY_STRING"], headers, environ["wsgi.input"], length
        )
        answer = serve(kind, path, request, may_write=may_write, rules=seen.rules)
        if answer.pushed:
            seen.pushed.append(answer.pushed)
        start_response(f"{answer.status} x", list(answer.headers))
        return answer.body

    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, Threaded, Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    seen.port = server.server_port
    seen.url = f"http://127.0.0.1:{server.server_port}/r"
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# -- Git ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bare(tmp_path):
    path = tmp_path / "bare"
    call("git", "init", "-q", "--bare", "-b", "master", str(path))
    return path


@pytest.fixture
def work(tmp_path):
    path = tmp_path / "work"
    call("git", "init", "-q", "-b", "trunk", str(path))
    commit(path, "one")
    return path


def commit(path, message, **files):
    for name, content in (files or {"file": message}).items():
        (path / name).write_text(content)
    call("git", "add", "-A", cwd=path)
    call("git", "commit", "-qm", message, cwd=path)
    return head(path)


def head(path, name="HEAD"):
    return call("git", "rev-parse", name, cwd=path).stdout.strip()


def test_the_first_push_makes_its_branch_the_one_that_a_clone_shows(bare, work, tmp_path):
    first, second = head(work), commit(work, "two")
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        call("git", "clone", "-q", server.url, str(tmp_path / "copy"))
    assert call("git", "branch", "--show-current", cwd=tmp_path / "copy").stdout == "trunk\n"
    (pushed,) = server.pushed
    assert pushed.changesets == (first, second)
    assert [(ref.type, ref.name, ref.old, ref.new) for ref in pushed.refs] == [("branch", "trunk", None, second)]


def test_git_speaks_version_two_and_the_older_ones(bare, work, tmp_path):
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        for version in ("0", "1", "2"):
            target = tmp_path / version
            trace = call(
                "git", "-c", f"protocol.version={version}", "clone", "-q", server.url, str(target), GIT_TRACE_PACKET="1"
            ).stderr
            assert ("version 2" in trace) is (version == "2")
            assert head(target) == head(work)


def test_git_fetches_shallow_partial_and_single_commits(bare, work, tmp_path):
    first = head(work)
    commit(work, "two")
    third = commit(work, "three")
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        call("git", "clone", "-q", "--depth=1", server.url, str(tmp_path / "shallow"))
        assert call("git", "rev-list", "HEAD", cwd=tmp_path / "shallow").stdout == third + "\n"
        call("git", "fetch", "-q", "--unshallow", cwd=tmp_path / "shallow")
        assert call("git", "rev-list", "--count", "HEAD", cwd=tmp_path / "shallow").stdout == "3\n"
        call("git", "clone", "-q", "--filter=blob:none", "--no-checkout", server.url, str(tmp_path / "partial"))
        assert call("git", "cat-file", "-p", f"{first}:file", cwd=tmp_path / "partial").stdout == "one"
        call("git", "init", "-q", str(tmp_path / "one"))
        call("git", "fetch", "-q", server.url, first, cwd=tmp_path / "one")


def test_git_reports_tags_deletions_and_forced_updates(bare, work):
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", "trunk:zother", cwd=work)
        call("git", "tag", "-a", "v1", "-m", "v1", cwd=work)
        call("git", "push", "-q", server.url, "v1", cwd=work)
        old = head(work)
        call("git", "commit", "-q", "--amend", "-m", "other", cwd=work)
        assert call("git", "push", server.url, "trunk", cwd=work, ok=False).returncode
        call("git", "push", "-qf", server.url, "trunk", ":zother", cwd=work)
    assert [(ref.type, ref.name) for ref in server.pushed[1].refs] == [("tag", "v1")]
    assert server.pushed[1].changesets == ()
    forced, deleted = sorted(server.pushed[2].refs, key=lambda ref: ref.name)
    assert (forced.old, forced.new) == (old, head(work))
    assert (deleted.name, deleted.new) == ("zother", None)
    assert server.pushed[2].changesets == (head(work),)


def objects(path):
    return sorted(str(entry) for entry in (path / "objects").rglob("*"))


def test_a_refused_git_push_leaves_nothing_behind(bare, work):
    rules = PushRules(protected_branches=("tr*",), max_file_size=1000)
    with site("git", bare, rules) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        before, refs = objects(bare), call("git", "for-each-ref", cwd=bare).stdout
        call("git", "commit", "-q", "--amend", "-m", "rewritten", cwd=work)
        refused = call("git", "push", "-f", server.url, "trunk", "trunk:new", cwd=work, ok=False)
        assert "branch trunk is protected: it may not be rewritten" in refused.stderr
        assert "[remote rejected]" in refused.stderr
        refused = call("git", "push", server.url, ":trunk", cwd=work, ok=False)
        assert "branch trunk is protected: it may not be deleted" in refused.stderr
        call("git", "reset", "-q", "--hard", "HEAD", cwd=work)
        commit(work, "large", large="x" * 1001)
        refused = call("git", "push", server.url, "trunk:feature", cwd=work, ok=False)
        assert "large has 1001 bytes; files of more than 1000 bytes are not accepted here" in refused.stderr
        assert objects(bare) == before
        assert call("git", "for-each-ref", cwd=bare).stdout == refs
        assert len(server.pushed) == 1
        commit(work, "small enough", large="x" * 1000)
        call("git", "reset", "-q", "--soft", "HEAD~2", cwd=work)
        call("git", "commit", "-qm", "squashed", cwd=work)
        call("git", "push", "-q", server.url, "trunk:feature", cwd=work)


def test_hidden_references_are_neither_seen_nor_written(bare, work):
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        call("git", "update-ref", "refs/pull/1/head", head(work), cwd=bare)
        listed = call("git", "ls-remote", server.url).stdout
        assert "refs/heads/trunk" in listed
        assert "refs/pull" not in listed
        for name in ("refs/pull/1/head", "refs/keep/x", "refs/replace/x"):
            assert (
                "deny updating a hidden ref"
                in call("git", "push", server.url, f"trunk:{name}", cwd=work, ok=False).stderr
            )


def test_a_repositorys_own_configuration_and_hooks_are_not_honoured(bare, work, tmp_path):
    marker = tmp_path / "marker"
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction", "proc-receive"):
        (bare / "hooks" / name).write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
        (bare / "hooks" / name).chmod(0o755)
    call("git", "config", "uploadpack.packObjectsHook", f"touch {marker};", cwd=bare)
    call("git", "config", "core.fsmonitor", f"touch {marker}", cwd=bare)
    call("git", "config", "receive.denyNonFastForwards", "true", cwd=bare)
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        call("git", "commit", "-q", "--amend", "-m", "other", cwd=work)
        call("git", "push", "-qf", server.url, "trunk", cwd=work)
        call("git", "clone", "-q", server.url, str(tmp_path / "copy"))
    assert not marker.exists()


def test_a_reader_cannot_push_and_a_stranger_request_is_none(bare, work):
    with pytest.raises(NotTransport):
        needs_write("git", "/info/refs", "")
    with pytest.raises(NotTransport):
        needs_write("git", "/HEAD", "")
    assert needs_write("git", "/info/refs", "service=git-receive-pack")
    assert not needs_write("git", "/git-upload-pack", "")
    request = Request("POST", "/git-receive-pack", "", {}, io.BytesIO())
    with pytest.raises(VcsError):
        serve("git", bare, request, may_write=False)


def test_a_compressed_request_is_unpacked(bare, work):
    with site("git", bare) as server:
        call("git", "push", "-q", server.url, "trunk", cwd=work)
        text = f"want {head(work)}\n"
        body = gzip.compress(f"{len(text) + 4:04x}{text}00000009done\n".encode())
        connection = HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", "/r/git-upload-pack", body, {"Content-Encoding": "gzip"})
        answer = connection.getresponse().read()
        connection.close()
    assert b"PACK" in answer


def test_a_push_that_breaks_off_leaves_nothing(bare, work):
    body = b"00a4" + b"0" * 40 + b" " + head(work).encode() + b" refs/heads/trunk\0 report-status\n"
    request = Request("POST", "/git-receive-pack", "", {}, io.BytesIO(body + b"0000PACK\0\0\0\2"), 100_000)
    before = objects(bare)
    assert not serve("git", bare, request, may_write=True).pushed
    assert objects(bare) == before


# -- Mercurial ----------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "served"
    call("hg", "init", str(path))
    return path


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "local"
    call("hg", "init", str(path))
    hg_commit(path, "one")
    return path


def hg_commit(path, message, **files):
    for name, content in (files or {"file": message}).items():
        (path / name).write_text(content)
    call("hg", "commit", "-qAm", message, cwd=path)
    return hg_id(path)


def hg_id(path, revision="."):
    return call("hg", "log", "-r", revision, "-T", "{node}", cwd=path).stdout


def test_hg_pushes_and_clones(served, local, tmp_path):
    first, second = hg_id(local), hg_commit(local, "two")
    with site("hg", served) as server:
        call("hg", "push", "-q", server.url, cwd=local)
        call("hg", "clone", "-q", server.url, str(tmp_path / "copy"))
    assert [pushed.changesets for pushed in server.pushed] == [(first, second)]
    assert hg_id(tmp_path / "copy") == second
    assert call("hg", "log", "-r", "tip", "-T", "{phase}", cwd=local).stdout == "public"
    assert call("hg", "verify", "-q", cwd=served).returncode == 0


def test_hg_has_named_branches_bookmarks_and_tags(served, local, tmp_path):
    with site("hg", served) as server:
        call("hg", "branch", "-q", "stable", cwd=local)
        stable = hg_commit(local, "stable")
        call("hg", "bookmark", "mark", cwd=local)
        call("hg", "tag", "v1", cwd=local)
        call("hg", "push", "-q", "--new-branch", "-B", "mark", server.url, cwd=local)
        copy = tmp_path / "copy"
        call("hg", "clone", "-q", server.url, str(copy))
        assert "stable" in call("hg", "branches", cwd=copy).stdout
        assert "v1" in call("hg", "tags", cwd=copy).stdout
        assert "mark" in call("hg", "bookmarks", cwd=copy).stdout
        moved = [ref for pushed in server.pushed for ref in pushed.refs]
        assert [(ref.type, ref.name, ref.old) for ref in moved] == [("bookmark", "mark", None)]
        call("hg", "bookmark", "-d", "mark", cwd=local)
        call("hg", "push", "-q", "-B", "mark", server.url, cwd=local, ok=False)  # 1: no changesets
        assert server.pushed[-1].refs[0].new is None
        call("hg", "pull", "-q", "-r", stable, server.url, cwd=copy)


def test_hg_keeps_secret_changesets_to_itself(served, local, tmp_path):
    with site("hg", served) as server:
        call("hg", "push", "-q", server.url, cwd=local)
        call("hg", "update", "-q", cwd=served)
        (served / "file").write_text("hidden")
        call("hg", "commit", "-q", "--secret", "-m", "hidden", cwd=served)
        call("hg", "clone", "-q", server.url, str(tmp_path / "copy"))
    assert call("hg", "log", "-T", "{desc}\n", cwd=tmp_path / "copy").stdout == "one\n"


def test_a_second_head_needs_force_and_a_protected_branch_gets_none(served, local):
    with site("hg", served) as server:
        hg_commit(local, "two")
        call("hg", "push", "-q", server.url, cwd=local)
        call("hg", "update", "-q", "0", cwd=local)
        hg_commit(local, "another head")
        assert "new remote head" in call("hg", "push", server.url, cwd=local, ok=False).stderr
        server.rules = PushRules(protected_branches=("default",))
        refused = call("hg", "push", "-f", server.url, cwd=local, ok=False)
        assert "branch default is protected: it may not get another head" in refused.stdout + refused.stderr
        assert refused.returncode
        assert call("hg", "log", "-T", "{desc}\n", cwd=served).stdout == "two\none\n"
        server.rules = PushRules()
        call("hg", "push", "-qf", server.url, cwd=local)
        server.rules = PushRules(protected_branches=("default",))
        hg_commit(local, "on that head")
        call("hg", "push", "-q", server.url, cwd=local)


def test_a_refused_hg_push_leaves_nothing_behind(served, local):
    with site("hg", served, PushRules(("default", "keep*"), 1000)) as server:
        call("hg", "bookmark", "keep-me", cwd=local)
        call("hg", "push", "-q", "-B", "keep-me", server.url, cwd=local)
        hg_commit(local, "large", large="x" * 1001)
        refused = call("hg", "push", server.url, cwd=local, ok=False)
        assert "large has 1001 bytes; files of more than 1000 bytes" in refused.stdout + refused.stderr
        call("hg", "rollback", "-q", "--config", "ui.rollback=true", cwd=local, ok=False)
        call("hg", "bookmark", "-d", "keep-me", cwd=local)
        refused = call("hg", "push", "-r", "0", "-B", "keep-me", server.url, cwd=local, ok=False)
        assert "bookmark keep-me is protected: it may not be deleted" in refused.stdout + refused.stderr
        call("hg", "update", "-q", "0", cwd=local)
        call("hg", "commit", "-q", "--close-branch", "-m", "close", cwd=local)
        refused = call("hg", "push", "-r", ".", server.url, cwd=local, ok=False)
        assert "branch default is protected: it may not be closed" in refused.stdout + refused.stderr
        names = [str(entry) for entry in (served / ".hg/store").rglob("*")]
        assert not [name for name in names if "large" in name]
    assert call("hg", "log", "-T", "{desc}\n", cwd=served).stdout == "one\n"
    assert len(server.pushed) == 1


def test_hg_honours_no_configuration_of_the_repository(served, local, tmp_path):
    marker = tmp_path / "marker"
    (served / ".hg/hgrc").write_text(
        f"[hooks]\npretxnchangegroup = touch {marker}\nincoming = touch {marker}\n[web]\ndeny_push = *\ndeny_read = *\n"
    )
    with site("hg", served) as server:
        call("hg", "push", "-q", server.url, cwd=local)
    assert not marker.exists()
    assert server.pushed


def bundle(part, **params):
    """A bundle2 of one part that has to be understood (``hg help internals.bundle2``)."""
    pairs = [(key.encode(), str(value).encode()) for key, value in params.items()]
    header = bytes([len(part)]) + part.upper() + struct.pack(">IBB", 0, len(pairs), 0)
    header += b"".join(bytes([len(key), len(value)]) for key, value in pairs) + b"".join(map(b"".join, pairs))
    return b"HG20" + struct.pack(">II", 0, len(header)) + header + struct.pack(">II", 0, 0)


@pytest.mark.parametrize("part", [b"remote-changegroup", b"stream2"])
def test_hg_takes_nothing_in_a_push_that_no_push_has(served, part):
    with site("hg", served) as server, socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.1)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        params = {
            b"remote-changegroup": {"url": url, "size": 1},
            b"stream2": {"requirements": "", "filecount": 0, "bytecount": 0},
        }[part]
        connection = HTTPConnection("127.0.0.1", server.port)
        headers = {"Content-Type": "application/mercurial-0.1"}
        connection.request("POST", "/r?cmd=unbundle&heads=666f726365", bundle(part, **params), headers)
        answer = connection.getresponse().read()
        connection.close()
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert b"ERROR:UNSUPPORTEDCONTENT" in answer
    assert part in answer


def test_hg_repairs_what_a_killed_push_left(served, local):
    with site("hg", served) as server:
        call("hg", "push", "-q", server.url, cwd=local)
        size = (served / ".hg/store/00changelog.i").stat().st_size
        (served / ".hg/store/journal").write_bytes(b"00changelog.i\0%d\n" % size)
        (served / ".hg/store/journal.backupfiles").write_bytes(b"2\n")
        with (served / ".hg/store/00changelog.i").open("ab") as file:
            file.write(b"half of something")
        hg_commit(local, "two")
        call("hg", "push", "-q", server.url, cwd=local)
    assert call("hg", "verify", cwd=served).returncode == 0


def test_hg_writes_only_by_commands_that_write():
    assert needs_write("hg", "", "cmd=unbundle&heads=x")
    assert needs_write("hg", "", "cmd=pushkey")
    assert not needs_write("hg", "", "cmd=batch")
    for query in ("", "cmd=", "cmd=log", "cmd=heads&cmd=unbundle", "cmd=upload"):
        with pytest.raises(NotTransport):
            needs_write("hg", "", query)


def test_a_batch_cannot_smuggle_a_write(served):
    request = Request(
        "GET",
        "",
        "cmd=batch&cmds=pushkey+namespace%3Dbookmarks%2Ckey%3Dx%2Cold%3D%2Cnew%3D" + "0" * 40,
        {},
        io.BytesIO(),
    )
    b"".join(serve("hg", served, request, may_write=True).body)
    assert call("hg", "bookmarks", cwd=served).stdout == "no bookmarks set\n"


@pytest.mark.parametrize("query", ["cmd=known", "cmd=batch&cmds=unbundle", "cmd=known&nodes=zz"])
def test_hg_says_so_where_a_request_lacks_what_it_needs(served, query):
    answer = serve("hg", served, Request("GET", "", query, {}, io.BytesIO()), may_write=False)
    assert answer.status == 400
    assert b"".join(answer.body) == b""


def test_many_requests_at_once_do_no_harm(served, local, tmp_path):
    with site("hg", served) as server:
        call("hg", "push", "-q", server.url, cwd=local)
        failed = []

        def clone(number):
            done = call("hg", "clone", "-q", "-U", server.url, str(tmp_path / f"copy{number}"), ok=False)
            if done.returncode:
                failed.append(done.stderr)

        threads = [threading.Thread(target=clone, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
