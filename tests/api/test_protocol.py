"""Kallithea's envelope, check by check (CONTRACT.md E), and JSON-RPC 2.0 at the same address."""

import json

import pytest

from accounts.actors import Actor
from api.errors import ApiError
from api.server import server
from tests.factories import ApiKeyFactory, key_of

pytestmark = pytest.mark.django_db
ENDPOINT = "/_admin/api"


def post(client, body, content_type="application/json", **headers):
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    response = client.post(ENDPOINT, data, content_type=content_type, headers=headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert b"\n" not in response.content
    return json.loads(response.content)


def envelope(admin, **changes):
    return {"id": 1, "api_key": key_of(admin), "method": "test", "args": {"args": "x"}} | changes


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "multipart/form-data",
        "",
    ],
)
def test_the_body_is_json_whatever_its_content_type_says(client, admin, content_type):
    assert post(client, envelope(admin), content_type) == {"id": 1, "result": "x", "error": None}


@pytest.mark.parametrize("request_id", [0, -5, 1.5, "", "ünï", None, True, [1, {"a": None}], {"x": [1]}, 10**20])
def test_the_id_comes_back_with_its_type(client, admin, request_id):
    answer = post(client, envelope(admin, id=request_id))
    assert answer["id"] == request_id
    assert type(answer["id"]) is type(request_id)
    assert post(client, envelope(admin, id=request_id, method="nope"))["id"] == request_id


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_every_unicode_encoding_parses(client, admin, encoding):
    body = json.dumps(envelope(admin, args={"args": "ü€"}), ensure_ascii=False).encode(encoding)
    assert post(client, body)["result"] == "ü€"


@pytest.mark.parametrize(
    "body",
    ["this is not json", '{"id":1,"api_key":', "{'id':1}", b'{"id":"\xff"}', "[" * 100_000, "NaN", '{"id":1e999}'],
)
def test_what_is_no_json_gets_an_error_without_the_text_of_the_body(client, body):
    answer = post(client, body)
    assert answer["error"].startswith("JSON parse error ERR:")
    assert "RAW" not in answer["error"]
    assert answer["id"] is None


@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "true", "[1]"])
def test_json_that_is_no_object_gets_an_error(client, body):
    assert post(client, body) == {"id": None, "result": None, "error": "Incorrect JSON query: not an object"}


@pytest.mark.parametrize("depth", [200, 300, 600, 900, 980, 2000])
@pytest.mark.parametrize("place", ["id", "args"])
def test_deep_nesting_is_answered_or_refused(client, admin, depth, place):
    nested = "[" * depth + "]" * depth
    body = json.dumps(envelope(admin, **{place: "HERE" if place == "id" else {"args": "HERE"}}))
    error = post(client, body.replace('"HERE"', nested))["error"]
    assert error is None or "nested too deeply" in error


def test_an_argument_that_parses_and_is_nested_too_deeply_all_the_same(admin):
    nested: list[object] = []
    for _ in range(2000):
        nested = [nested]
    with pytest.raises(ApiError, match="Invalid `args` arg in JSON DATA: is nested too deeply"):
        server.methods["test"].call(Actor(admin), {"args": nested})


def test_a_request_without_a_body(client):
    assert post(client, "")["error"] == "Content-Length is 0"
    answer = client.get(ENDPOINT)
    assert json.loads(answer.content)["error"] == "No Content-Length in request"
    answer = client.get(ENDPOINT, CONTENT_LENGTH="0")
    assert json.loads(answer.content)["error"] == "Content-Length is 0"
    assert client.head(ENDPOINT).status_code == 200
    for method in (client.put, client.delete, client.options, client.patch):
        assert method(ENDPOINT).status_code == 405


@pytest.mark.parametrize(("missing", "answered_id"), [("api_key", None), ("id", None), ("method", 1), ("args", 1)])
def test_every_member_is_needed(client, admin, missing, answered_id):
    body = envelope(admin)
    del body[missing]
    assert post(client, body) == {
        "id": answered_id,
        "result": None,
        "error": f"Incorrect JSON query missing '{missing}'",
    }


def test_the_checks_come_in_the_recorded_order(client, admin):
    assert "'api_key'" in post(client, {})["error"]
    assert "'id'" in post(client, {"api_key": "x"})["error"]
    assert "'method'" in post(client, {"api_key": "x", "id": 1})["error"]
    assert post(client, envelope(admin, api_key="x", method="nope"))["error"] == "Invalid API key"
    assert post(client, envelope(admin, method="nope", args={"x": 1}))["error"] == "No such method: nope"
    assert (
        "`repoid`"
        in post(client, envelope(admin, method="get_repo_nodes", args={"x": 1, "revision": 1, "root_path": ""}))[
            "error"
        ]
    )


@pytest.mark.parametrize("key", ["", "x", None, 1, [], {}, "0" * 40, True, "ü" * 40, "a\0", "\ud800"])
def test_a_wrong_key_of_any_type(client, admin, key):
    assert post(client, envelope(admin, api_key=key))["error"] == "Invalid API key"


def test_a_key_with_a_space_is_another_key(client, admin):
    assert post(client, envelope(admin, api_key=f" {key_of(admin)}"))["error"] == "Invalid API key"
    assert post(client, envelope(admin, api_key=f"{key_of(admin)} "))["error"] == "Invalid API key"


def test_auth_token_stands_for_api_key(client, admin):
    body = envelope(admin)
    body["auth_token"] = body.pop("api_key")
    assert post(client, body)["result"] == "x"


def test_the_header_is_no_substitute_for_the_member(client, admin):
    body = envelope(admin)
    del body["api_key"]
    assert "'api_key'" in post(client, body, authorization=f"Bearer {key_of(admin)}")["error"]


@pytest.mark.parametrize("method", ["_private", "__init__", "_"])
def test_names_with_an_underscore_are_refused(client, admin, method):
    assert post(client, envelope(admin, method=method))["error"] == "Method not allowed"


@pytest.mark.parametrize(
    "method", ["", "get-ip", "GET_IP", "get_ip ", "日本", "get_ip.x", "system.listMethods", "handle"]
)
def test_unknown_methods(client, admin, method):
    assert post(client, envelope(admin, method=method))["error"] == f"No such method: {method}"


@pytest.mark.parametrize("method", [None, 1, [], {}])
def test_a_method_that_is_no_text(client, admin, method):
    assert post(client, envelope(admin, method=method))["error"]


@pytest.mark.parametrize("args", [None, [], [1, 2], "x", 1, True])
def test_arguments_that_are_no_object_count_as_none(client, admin, args):
    assert "server_ip_addr" in post(client, envelope(admin, method="get_ip", args=args))["result"]


def test_missing_and_unknown_arguments(client, admin):
    def error(**args):
        return post(client, envelope(admin, method="get_repo_nodes", args=args))["error"]

    assert error(nosuch=1) == "Missing non optional `root_path` arg in JSON DATA"  # the last one
    good = {"repoid": 1, "revision": 1, "root_path": "/"}
    assert error(**good, nosuch=1) == "Unknown `nosuch` arg in JSON DATA"
    assert error(**good, b=1, a=2) == "Unknown `a`, `b` arg in JSON DATA"
    for name in ("self", "actor", "args", "method", "environ", "", "ünï"):
        assert error(**good, **{name: 1}) == f"Unknown `{name}` arg in JSON DATA"


def test_further_members_are_ignored(client, admin):
    assert post(client, envelope(admin, jsonrpc="2.0", params={}, extra=1))["result"] == "x"


def test_the_largest_body_is_bounded(client, admin, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(client, envelope(admin, args={"args": "x" * 2000}))["error"] == "Request body is too large"


def test_an_unexpected_exception_is_logged_and_not_shown(client, admin, monkeypatch, caplog):
    def explode():
        raise TypeError("the secret is 42")

    monkeypatch.setattr("api.methods.server.platform.platform", explode)
    answer = post(client, envelope(admin, method="get_server_info", args={}))
    assert answer == {"id": 1, "result": None, "error": "Internal server error"}
    assert "the secret is 42" in caplog.text


# -- JSON-RPC 2.0 --------------------------------------------------------------------------------------------------


def test_json_rpc_2(client, admin):
    call = {"jsonrpc": "2.0", "id": 7, "method": "test", "params": {"args": "x"}}
    bearer = {"authorization": f"Bearer {key_of(admin)}"}
    assert post(client, call, **bearer) == {"jsonrpc": "2.0", "id": 7, "result": "x"}
    assert post(client, call | {"params": ["y"]}, **bearer)["result"] == "y"
    batch = post(client, [call, call | {"id": 8, "method": "nope"}], **bearer)
    assert [answer["id"] for answer in batch] == [7, 8]
    assert batch[1]["error"]["code"] == -32601
    assert post(client, [call] * 1001, **bearer)["error"]["message"] == "a batch has at most 1000 calls"
    for refused in (post(client, call, authorization="Bearer wrong"), post(client, call)):
        assert (refused["id"], refused["error"]["message"]) == (7, "Invalid API key")
    assert post(client, call | {"id": {}})["id"] is post(client, [call])["id"] is None
    refused = post(client, call | {"params": {"nosuch": 1}}, **bearer)["error"]
    assert refused == {"code": -32602, "message": "Missing non optional `args` arg in JSON DATA"}
    assert post(client, call | {"params": [1, 2]}, **bearer)["error"]["code"] == -32602


def test_json_rpc_2_answers_every_member_of_a_batch_by_itself(client, admin):
    call = {"jsonrpc": "2.0", "id": 7, "method": "test", "params": ["x"]}
    silent = {"jsonrpc": "2.0", "method": "test", "params": ["x"]}
    wrong = [1, None, "x", [call], {}, call | {"jsonrpc": "3.0"}, call | {"method": []}, call | {"id": {}}]
    bearer = {"authorization": f"Bearer {key_of(admin)}"}
    answers = post(client, [*wrong, silent, call], **bearer)
    assert answers[-1] == {"jsonrpc": "2.0", "id": 7, "result": "x"}
    assert [(answer["id"], answer["error"]["code"]) for answer in answers[:-1]] == [(None, -32600)] * len(wrong)
    assert post(client, call | {"method": {}}, **bearer)["error"]["code"] == -32600


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_rpc_2_in_every_unicode_encoding(client, admin, encoding):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "test", "params": ["ü"]}, ensure_ascii=False)
    assert post(client, body.encode(encoding), authorization=f"Bearer {key_of(admin)}")["result"] == "ü"


def test_json_rpc_2_notification_has_no_answer(client, admin):
    call = {"jsonrpc": "2.0", "method": "test", "params": {"args": "x"}}
    response = client.post(
        ENDPOINT,
        json.dumps(call),
        content_type="application/json",
        headers={"authorization": f"Bearer {key_of(admin)}"},
    )
    assert (response.status_code, response.content) == (204, b"")


def test_rpc_discover_describes_the_api(client, user):
    call = {"jsonrpc": "2.0", "id": 1, "method": "rpc.discover"}
    document = post(client, call, authorization=f"Bearer {key_of(user)}")["result"]
    assert {"get_changesets", "get_ip"} <= {method["name"] for method in document["methods"]}


def test_a_scoped_key_of_an_administrator_has_no_administrator_rights(client, admin):
    from accounts.permissions import Level

    key = ApiKeyFactory(user=admin, level=Level.READ)
    assert "needs administrator rights" in post(client, envelope(admin, api_key=key.value))["error"]
