"""get_repo_nodes and get_repo_file."""

import base64

import pytest

from tests.factories import RepositoryFactory
from tests.repo_builder import File, RepoBuilder

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["hg", "git"])
def repository(request, repositories_root):
    builder = RepoBuilder(request.param)
    builder.commit(
        "one",
        {
            "readme": "hello\n",
            "docs/a.txt": "a",
            "docs/deep/b.txt": "b",
            "bin/run": File(b"#!/bin/sh\n", executable=True),
            "blob": b"\0\xff",
            "link": File(b"readme", link=True),
        },
    )
    row = RepositoryFactory(kind=request.param, name="real")
    builder.build(repositories_root / "real")
    return row


def names(answer):
    return [row["name"] for row in answer]


def test_folders_first_in_the_order_of_a_walk(api, repository):
    answer = api("get_repo_nodes", repoid="real", revision="tip", root_path="/")
    assert names(answer) == [
        *("bin", "docs", "docs/deep"),
        *("blob", "link", "readme", "bin/run", "docs/a.txt", "docs/deep/b.txt"),
    ]
    assert [row["type"] for row in answer] == ["dir"] * 3 + ["file"] * 6


def test_types_and_folders(api, repository):
    def nodes(**args):
        return names(api("get_repo_nodes", repoid="real", revision="tip", **args))

    assert nodes(root_path="docs", ret_type="dirs") == ["docs/deep"]
    assert nodes(root_path="/docs/", ret_type="files") == ["docs/a.txt", "docs/deep/b.txt"]
    assert nodes(root_path="", ret_type="dirs") == ["bin", "docs", "docs/deep"]


@pytest.mark.parametrize("path", ["nosuch", "readme", "link", "..", ".", "docs//deep", None, 5, "a\\b", "-x"])
def test_what_is_no_folder(api, repository, path):
    error = api.error("get_repo_nodes", repoid="real", revision="tip", root_path=path)
    assert error == "failed to get repo: `real` nodes"


@pytest.mark.parametrize("ret_type", ["nosuch", "", None, 5, [], "file"])
def test_wrong_ret_type(api, repository, ret_type):
    error = api.error("get_repo_nodes", repoid="real", revision="tip", root_path="/", ret_type=ret_type)
    assert error == "ret_type must be one of all,dirs,files"


def test_reading_files(api, repository):
    text = api("get_repo_file", repoid="real", commit_id="tip", file_path="bin/run")
    assert (text["content"], text["mode"], text["size"], text["binary"]) == ("#!/bin/sh\n", "100755", 10, False)
    assert api("get_repo_file", repoid="real", commit_id=0, file_path="link")["content"] == "readme"
    blob = api("get_repo_file", repoid="real", commit_id="tip", file_path="blob")
    assert (blob["content"], base64.b64decode(blob["content_base64"])) == (None, b"\0\xff")


def test_files_that_are_not_answered(api, repository):
    def error(path, **args):
        return api.error("get_repo_file", repoid="real", commit_id="tip", file_path=path, **args)

    for path in ("nosuch", "docs", "../../etc/passwd", "/etc/passwd", "--output=x"):
        assert error(path) == f"file `{path}` does not exist"
    assert error("readme", max_file_bytes=2) == "file `readme` is larger than 2 bytes"
    assert "max_file_bytes" in error("readme", max_file_bytes=0)
