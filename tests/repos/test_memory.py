"""What a file that is too large for the memory of Mercurial's processes does to a page, a push and a clone.

A file of zeros costs who pushes it nothing, and Mercurial holds several copies of it.
"""

from __future__ import annotations

import pytest

from repos.vcs import hg_server, hgweb
from repos.vcs.errors import TooLarge
from tests.factories import UserFactory
from tests.repo_builder import RepoBuilder
from tests.repos.clients import Refused, call, clone, commit, push, repository, work_tree

pytestmark = pytest.mark.django_db

LITTLE = 96 << 20  # bytes
ZEROS = bytes(64 << 20).decode()


@pytest.fixture
def little_memory(monkeypatch):
    """For processes that start from now on; those of the other tests wait until the end."""
    for module, limit in ((hg_server, "MAX_MEMORY"), (hg_server, "LONG_MEMORY"), (hgweb, "LONG_MEMORY")):
        monkeypatch.setattr(module, limit, LITTLE)
    servers = hg_server._Pool(1)
    monkeypatch.setattr(hg_server, "_POOL", servers)
    monkeypatch.setattr(hgweb, "_worker", None)
    yield
    servers.close()
    if hgweb._worker is not None:
        hgweb._worker.close()


def test_a_page_of_what_takes_too_much_memory_is_413(client, little_memory, make_repository):
    builder = RepoBuilder("hg")
    builder.commit("small", {"small": "x\n"})
    builder.commit("zeros", {"zeros": ZEROS})
    made, ids = make_repository(builder)
    for page in ("raw-changeset/{}", "raw/{}/zeros"):
        assert client.get(f"/{made.name}/{page.format(ids['zeros'])}").status_code == 413, page
    with pytest.raises(TooLarge):
        b"".join(client.get(f"/{made.name}/archive/{ids['zeros']}.zip").streaming_content)
    assert b"".join(client.get(f"/{made.name}/raw/{ids['zeros']}/small").streaming_content) == b"x\n"


def test_a_push_of_what_takes_too_much_memory_is_refused(server, little_memory, repositories_root, tmp_path):
    made = repository("hg", repositories_root, name="made")
    work = work_tree("hg", tmp_path / "work")
    url = server.url(made, made.owner)
    push("hg", work, url)
    commit("hg", work, "zeros", "zeros", ZEROS)
    with pytest.raises(Refused, match="a file is too large for this server"):
        push("hg", work, url)
    assert made.vcs.count() == 1
    assert call("hg", "verify", "-q", cwd=made.path) == ""
    call("hg", "update", "-q", "0", cwd=work)
    commit("hg", work, "small")
    push("hg", work, url, "-r", ".")
    assert made.vcs.count() == 2


def test_a_clone_of_what_takes_too_much_memory_says_so(server, little_memory, make_repository, tmp_path):
    builder = RepoBuilder("hg")
    builder.commit("zeros", {"zeros": ZEROS})
    made, _ = make_repository(builder)
    with pytest.raises(Refused, match="a file is too large for this server"):
        clone("hg", server.url(made, UserFactory()), tmp_path / "copy")
