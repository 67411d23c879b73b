"""get_changeset: one changeset by any of its names."""

import pytest

from tests.factories import RepositoryFactory
from tests.repo_builder import RepoBuilder

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["hg", "git"])
def repository(request, repositories_root):
    builder = RepoBuilder(request.param)
    builder.commit("one", {"a.txt": "1\n"})
    builder.commit("two\n\nmore", {"a.txt": "2\n", "b.txt": "x"}, name="two")
    builder.tag("v1", "one")
    row = RepositoryFactory(kind=request.param, name="real")
    row.ids = builder.build(repositories_root / "real")
    return row


def test_every_field(api, repository):
    answer = api("get_changeset", repoid="real", raw_id=repository.ids["two"])
    assert answer["message"].rstrip("\n") == "two\n\nmore"
    del answer["message"]
    assert answer == {
        "id": repository.ids["two"],
        "raw_id": repository.ids["two"],
        "short_id": repository.ids["two"][:12],
        "revision": 1,
        "date": "2010-01-02T12:30:00",
        "author": {"name": "Alice Example", "email": "alice@example.com"},
        "added": ["b.txt"],
        "changed": ["a.txt"],
        "removed": [],
    }


def test_every_name_of_a_changeset(api, repository):
    one = repository.ids["one"]
    for name in (one, 0, "0", "v1", *([one[:12]] if repository.kind == "hg" else [])):
        assert api("get_changeset", repoid="real", raw_id=name)["raw_id"] == one
    newest = api("get_changesets", repoid="real", start="tip")[-1]["raw_id"]
    for name in ("tip", -1, None, *(["HEAD", ""] if repository.kind == "git" else [])):
        assert api("get_changeset", repoid="real", raw_id=name)["raw_id"] == newest


@pytest.mark.parametrize(
    "name", ["nosuch", "1234567890" * 4, 9999, "", [], {}, 2**80, 1.5, True, "tip^", "--help", "f" * 40, "0" * 40]
)
def test_what_names_no_changeset(api, repository, name):
    if name == "" and repository.kind == "git":
        return  # the newest, see above
    error = api.error("get_changeset", repoid="real", raw_id=name)
    assert error == f"Changeset {name} does not exist"


def test_absent_equals_hidden(api, user_api, repository):
    repository.is_private = True
    repository.save()
    texts = [user_api.error("get_changeset", repoid=name, raw_id="tip") for name in ("real", "nope")]
    assert [text.replace("real", "nope") for text in texts] == ["repository `nope` does not exist"] * 2
