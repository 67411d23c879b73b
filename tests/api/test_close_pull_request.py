"""close_pull_request."""


def test_close(api, user_api, reviewed):
    assert "No right" in user_api.error("close_pull_request", pullrequestid=reviewed.number)
    done = api.as_(reviewed.owner)("close_pull_request", pullrequestid=reviewed.number, message="not now")
    assert done == {"pull_request_id": reviewed.number, "close_status": "under_review", "closed": True}
    assert api("get_pullrequest", pullrequest_id=reviewed.number)["comments"][-1]["text"] == "not now"
    assert "already closed" in api.error("close_pull_request", pullrequestid=reviewed.number)
