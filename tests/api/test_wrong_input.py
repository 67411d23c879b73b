"""Wrong input of every type to every argument of every method: a clear error, and nothing written."""

import json
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.server import server
from tests.factories import RepositoryFactory, RepositoryGroupFactory, UserFactory, UserGroupFactory, key_of
from tests.repo_builder import RepoBuilder

#: A good value for every argument, by its name; arguments of other names are left out.
GOOD = {
    "repoid": "real",
    "userid": "una",
    "usergroupid": "people",
    "repogroupid": "group",
    "username": "newcomer",
    "email": "newcomer@example.com",
    "group_name": "newgroup",
    "repo_name": "newrepo",
    "fork_name": "newfork",
    "repo_type": "hg",
    "revision": "tip",
    "commit_id": "tip",
    "raw_id": "tip",
    "root_path": "/",
    "file_path": "a.txt",
    "perm": "repository.read",
    "gistid": "1",
    "files": {"a": {"content": "x"}},
    "args": 1,
    "ip_addr": "10.0.0.0/8",
    "api_key": "x" * 40,
    "pullrequest_id": 1,
    "pull_request_id": 1,
    "pullrequestid": 1,
    "source_repo": "real",
    "target_repo": "real",
    "source_ref": "branch:default",
    "target_ref": "branch:default",
    "from": "0",
    "to": "tip",
    "job_id": 1,
    "name": "newname",
}

WRONG = [
    None,
    "",
    " ",
    0,
    -1,
    2**31,
    2**63,
    2**80,
    1.5,
    -0.0,
    True,
    [],
    [None],
    ["x", 1],
    {},
    {"x": {"y": []}},
    "x" * 10_000,
    "9" * 5_000,
    "NUL\0",
    "half \ud800",
    "-x",
    "--output=marker",
    "..",
    "a/../../b",
    "\u202etxt",
    "%00",
    "İ",
    "1e400",
    "null",
]


@pytest.fixture
def site(client, admin, repositories_root):
    """A small site, and how to call it: ``call(method, arguments)`` answers the error, or ``None``."""
    builder = RepoBuilder("hg")
    builder.commit("one", {"a.txt": "1\n"})
    builder.commit("two", {"a.txt": "2\n"})
    builder.build(repositories_root / "real")
    una = UserFactory(username="una")
    RepositoryFactory(name="real", owner=una)
    RepositoryGroupFactory(name="group", owner=una)
    UserGroupFactory(name="people", owner=una, members=[una])
    (repositories_root / "group").mkdir()
    key = key_of(admin)

    def call(method, arguments):
        body = json.dumps({"id": 1, "api_key": key, "method": method, "args": arguments})
        response = client.post("/_admin/api", body, content_type="application/json")
        assert response.status_code == 200
        content = b"".join(response.streaming_content) if response.streaming else response.content
        answer = json.loads(content)
        assert set(answer) == {"id", "result", "error"}
        return answer["error"]

    return call


def written(root) -> dict:
    """How many rows there are of everything, in one query, and what lies on disk."""
    tables = {
        model._meta.label: model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in ("accounts", "repos", "reviews") and model._meta.label != "repos.StoredChangeset"
    }
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT '{label}', COUNT(*) FROM {name}" for label, name in tables.items()))
        counts = dict(cursor.fetchall())
    assert counts.keys() == tables.keys()
    return counts | {
        "folders": sorted(str(path.relative_to(root)) for path in root.glob("*") if ".hg" not in path.parts)
    }


def good_arguments(name: str) -> dict:
    method = server.methods[name]
    good = {
        argument: GOOD[argument]
        for argument, parameter in method.parameters.items()
        if parameter.default is parameter.empty
    }
    if "perm" in good and "repo_group" in name:
        good["perm"] = "group.read"
    return good


def wrong_calls(name: str) -> Iterator[dict]:
    for argument in server.methods[name].parameters:
        for value in WRONG:
            yield good_arguments(name) | {argument: value}


def check(site, root, name: str, arguments: dict) -> None:
    before = written(root)
    error = site(name, arguments)
    assert error != "Internal server error", arguments
    if error is not None:
        assert error.strip(), arguments
        jobs = "repos.Job"  # a job that failed is a fact worth keeping
        assert written(root) | {jobs: 0} == before | {jobs: 0}, arguments


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(server.methods))
def test_one_wrong_argument(site, repositories_root, name):
    for arguments in wrong_calls(name):
        check(site, repositories_root, name, arguments)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(name for name, method in server.methods.items() if method.parameters))
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mixture(site, repositories_root, name, data):
    parameters = list(server.methods[name].parameters)
    json_values = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    values = st.one_of(json_values, st.sampled_from(WRONG), st.sampled_from(list(GOOD.values())))
    drawn = data.draw(st.dictionaries(st.sampled_from(parameters), values, max_size=len(parameters)))
    check(site, repositories_root, name, good_arguments(name) | drawn)
