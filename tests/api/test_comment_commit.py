"""comment_commit, and what get_changeset shows of comments and votes."""


def test_comments_and_votes_on_a_changeset(api, user_api, reviewed):
    raw_id = reviewed.ids["one"]
    general = user_api("comment_commit", repoid="code", commit_id=raw_id, message="nice")
    user_api("comment_commit", repoid="code", commit_id=raw_id, message="here", path="a.txt", line="n2")
    assert general["success"] is True
    assert "No right" in user_api.error("comment_commit", repoid="code", commit_id=raw_id, status="approved")
    api("comment_commit", repoid="code", commit_id=raw_id, status="approved", message="fine")
    found = api(
        "get_changeset",
        repoid="code",
        raw_id=raw_id,
        with_reviews=True,
        with_comments=True,
        with_inline_comments=True,
    )
    assert [(row["status"], row["reviewer"]) for row in found["reviews"]] == [("approved", "boss")]
    assert [(row["username"], row["text"]) for row in found["comments"]] == [("una", "nice"), ("boss", "fine")]
    [[path, lines]] = found["inline_comments"]
    assert (path, [row["text"] for row in lines["n2"]]) == ("a.txt", ["here"])


def test_a_vote_on_the_pull_request_shows_at_its_changesets(api, reviewed):
    newest = reviewed.ids["two"]
    assert api("get_changeset", repoid="code", raw_id=newest, with_reviews=True)["reviews"][0]["reviewer"] == "olga"
    assert api("get_changeset", repoid="code", raw_id=reviewed.ids["base"], with_reviews=True)["reviews"] == []
    plain = api("get_changeset", repoid="code", raw_id=newest)
    assert not {"reviews", "comments", "inline_comments"} & set(plain)


def test_errors(user_api, reviewed):
    assert "Changeset nosuch does not exist" in user_api.error(
        "comment_commit", repoid="code", commit_id="nosuch", message="x"
    )
    assert "needs a text" in user_api.error("comment_commit", repoid="code", commit_id="tip")
    reviewed.repository.is_private = True
    reviewed.repository.save()
    assert "does not exist" in user_api.error("comment_commit", repoid="code", commit_id="tip", message="x")
