"""A repository whose files lead to those of another one shows nothing of it, whichever way it is asked."""

from __future__ import annotations

import io
import os
import shutil

import pytest

from repos.vcs.backend import open_repository
from repos.vcs.errors import RepositoryNotFound
from repos.vcs.git import GitRepository
from repos.vcs.own import is_own, is_own_throughout
from repos.vcs.transport import Request, serve
from repos.vcs.types import Kind
from tests.repo_builder import RepoBuilder

SECRET = "for few eyes\n"


@pytest.fixture
def secret(make, kind):
    """The repository that others lead to."""
    builder = RepoBuilder(kind)
    builder.commit("hidden", {"secret.txt": SECRET})
    return make(builder, "secret")


def alternates(path, secret):
    GitRepository.create(path)
    (path / "objects/info").mkdir(exist_ok=True)
    (path / "objects/info/alternates").write_text(f"{secret.path}/objects\n")
    refs = secret.refs().branches
    (path / "packed-refs").write_text("".join(f"{raw_id} refs/heads/{name}\n" for name, raw_id in refs.items()))


def links(*names):
    """A copy in which these are links to the secret one's."""

    def build(path, secret):
        shutil.copytree(secret.path, path, symlinks=True)
        for name in names:
            target = path / name
            shutil.rmtree(target, ignore_errors=True)
            target.unlink(missing_ok=True)
            target.symlink_to(secret.path / name)

    return build


def share(path, secret):
    (path / ".hg").mkdir(parents=True)
    (path / ".hg/sharedpath").write_text(f"{secret.path}/.hg")
    (path / ".hg/requires").write_text((secret.path / ".hg/requires").read_text() + "shared\n")


WAYS = {
    "git": {
        "alternates": alternates,
        "folders": links("objects", "refs"),
        "packs": links("objects/pack", "packed-refs"),
        "head": links("HEAD"),
    },
    "hg": {"share": share, "store": links(".hg/store"), "files": links(".hg/store/00changelog.i", ".hg/store/data")},
}


@pytest.mark.parametrize("way", sorted({*WAYS["git"], *WAYS["hg"]}))
def test_nothing_of_another_repository_is_shown(secret, kind, way, tmp_path):
    if way not in WAYS[kind]:
        return
    path = tmp_path / "evil"
    WAYS[kind][way](path, secret.repository)
    assert not is_own(Kind(kind), path)
    evil, raw_id = open_repository(kind, path), secret["hidden"]
    service, query = ("/info/refs", "service=git-upload-pack") if kind == "git" else ("", "cmd=heads")
    for ask in (
        lambda: evil.read_file(raw_id, "secret.txt"),
        evil.tip,
        evil.refs,
        lambda: list(evil.changesets([raw_id])),
        lambda: serve(kind, path, Request("GET", service, query, {}, io.BytesIO()), may_write=False),
        lambda: type(evil).clone_local(path, tmp_path / "copy"),
    ):
        with pytest.raises(RepositoryNotFound):
            ask()
    secret.repository.pull_local(secret.repository.path)
    evil.close()


def test_what_lies_deeper_is_seen_when_a_repository_is_found(secret, kind, tmp_path):
    path = tmp_path / "evil"
    shutil.copytree(secret.repository.path, path, symlinks=True)
    assert is_own_throughout(Kind(kind), path)
    deep = path / ("objects/ab" if kind == "git" else ".hg/cache/deep")
    deep.parent.mkdir(exist_ok=True)
    deep.symlink_to(tmp_path)
    assert is_own(Kind(kind), path)
    assert not is_own_throughout(Kind(kind), path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_files_of_somebody_else_are_read_as_any_other(secret, kind):
    """Git and Mercurial distrust them; nothing of them is run anyway, and no setting outside the call says so."""
    path, raw_id = secret.repository.path, secret["hidden"]
    for folder, _, names in os.walk(path):
        for name in ("", *names):
            os.lchown(os.path.join(folder, name), 1234, 1234)
    assert secret.repository.read_file(raw_id, "secret.txt") == SECRET.encode()
    assert secret.repository.refs().branches
    service, query = ("/info/refs", "service=git-upload-pack") if kind == "git" else ("", "cmd=heads")
    answer = serve(kind, path, Request("GET", service, query, {}, io.BytesIO()), may_write=False)
    assert raw_id.encode() in b"".join(answer.body)


def test_links_that_tools_and_administrators_make_do_no_harm(secret, kind, tmp_path):
    path = secret.repository.path
    if kind == "git":
        (path / "hooks").mkdir(exist_ok=True)
        (path / "hooks/post-receive").symlink_to("/bin/true")
        (path / "description").unlink(missing_ok=True)
        (path / "description").symlink_to(tmp_path)
    else:
        (path / ".hg/wlock").symlink_to("host:1")
        (path / ".hg/cache/checklink").symlink_to("checklink-target")
        (path / ".hg/hgrc").unlink(missing_ok=True)
        (path / ".hg/hgrc").symlink_to(tmp_path)
        (path / "in-the-working-folder").symlink_to("/etc")
    assert is_own_throughout(Kind(kind), path)
