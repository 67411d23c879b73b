"""comment_pull_request and get_pull_request_comments."""

import pytest


def test_places_replies_and_iterations(api, user_api, reviewed):
    number = reviewed.number
    said = user_api("comment_pull_request", pullrequestid=number, message="why?", path="a.txt", line="n2")
    api("comment_pull_request", pullrequestid=number, message="because", reply_to=said["comment_id"])
    api("comment_pull_request", pullrequestid=number, message="gone?", path="nosuch.txt")
    voted = api("comment_pull_request", pullrequestid=number, status="approved")
    assert voted["status"] == {"given": "approved"}
    _, first, reply, lost, last = user_api("get_pull_request_comments", pullrequestid=number)
    assert (first["comment_f_path"], first["comment_lineno"], first["iteration"]) == ("a.txt", "n2", 1)
    assert (first["outdated"], first["current_line"]) == (False, 2)
    assert (reply["reply_to"], reply["comment_lineno"]) == (first["comment_id"], "n2")
    assert lost["outdated"] is True
    assert last["comment_status"] == "approved"


@pytest.mark.parametrize("line", ["2", "n0", "x2", "n"])
def test_bad_line(api, reviewed, line):
    error = api.error("comment_pull_request", pullrequestid=reviewed.number, message="x", path="a.txt", line=line)
    assert "n12 or o7" in error


def test_errors(api, reviewed):
    number = reviewed.number
    assert api.error("comment_pull_request", pullrequestid=number) == "A comment needs a text."
    assert "needs a file" in api.error("comment_pull_request", pullrequestid=number, message="x", line="n1")
    assert api.error("comment_pull_request", pullrequestid=number, message="x", reply_to=999999) == (
        "comment `999999` does not exist"
    )
