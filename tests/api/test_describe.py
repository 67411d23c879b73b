"""The API describes itself, completely, from one source."""

import json
from pathlib import Path

import pytest
from django.conf import settings

from api.describe import describe, markdown, openrpc
from api.server import server


@pytest.mark.parametrize("method", server.methods.values(), ids=server.methods.keys())
def test_every_method_is_described(method):
    description = describe(method)
    assert description.summary.endswith("."), "no summary sentence"
    assert description.needs, "no line 'Needs: ...'"
    assert description.returns, "no section 'Returns:'"
    undescribed = [argument.name for argument in description.arguments if not argument.text]
    assert not undescribed, "arguments without a text"


def test_the_text_of_an_error_may_have_colons():
    errors = dict(describe(server.methods["grant_user_permission"]).errors)
    assert errors["failed to edit permission for user: `x` in repo: `y`"] == "a value cannot be used."
    assert errors["user `x` does not exist"] == "unknown."


def test_the_generated_page_is_up_to_date():
    path = Path(settings.BASE_DIR) / "docs" / "api.md"
    assert path.read_text() == markdown(), "run make docs"


def test_openrpc_document_names_every_method_and_is_json():
    document = json.loads(json.dumps(openrpc()))
    assert [method["name"] for method in document["methods"]] == sorted(server.methods)
    changesets = next(method for method in document["methods"] if method["name"] == "get_changesets")
    assert changesets["params"][0] == {
        "name": "repoid",
        "description": "repository name or number.",
        "required": True,
        "schema": {"type": ["integer", "string"]},
    }
