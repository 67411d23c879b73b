"""Review on pages, without a script."""

from __future__ import annotations

import json
import re

import pytest
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.permissions import Level
from repos.models import Repository
from reviews.models import Comment, MailPreference, PullRequest, ReviewPolicy
from reviews.services import comments
from reviews.services.pull_requests import update
from tests.factories import RepositoryFactory, grant, key_of
from tests.reviews.conftest import Scene, changed

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def opened(scene: Scene) -> PullRequest:
    scene.feature()
    return scene.open(title=EVIL, description=f"{EVIL} **bold**")


def act(client, pull_request, action, **values):
    return client.post(f"/main/pull-request/{pull_request.pk}/do/{action}", values, follow=True)


def test_opened_with_a_preview(client, scene):
    scene.feature()
    client.force_login(scene.owner.user)
    values = {"origin_ref": "branch:feature", "target_ref": f"branch:{scene.trunk}", "reviewers": "RITA"}
    assert client.get("/fork/pull-request/new").status_code == 200
    seen = client.post("/fork/pull-request/new?target=main", {**values, "preview": "1"}).content.decode()
    assert "Feature" in seen
    assert "third" in seen
    assert not PullRequest.objects.exists()
    unknown = client.post("/fork/pull-request/new?target=main", {**values, "reviewers": "nobody", "open": "1"})
    assert unknown.status_code == 200
    made = client.post("/fork/pull-request/new?target=main", {**values, "open": "1"})
    pull_request = PullRequest.objects.get()
    assert made["Location"] == pull_request.get_absolute_url()
    assert [row.user.username for row in pull_request.reviewer_rows.all()] == ["rita"]


def test_another_target_is_chosen_without_losing_what_was_typed(client, scene):
    """By the button that works without a script; what cannot be chosen there any more is chosen anew."""
    scene.feature()
    near = RepositoryFactory(name="near", kind=scene.kind, owner=scene.owner.user, fork_of=scene.origin)
    near.vcs.create(near.path)
    client.force_login(scene.owner.user)
    typed = {"title": "Half a title", "description": "- [x] half", "reviewers": "nobody, yet"}
    values = {**typed, "origin_ref": "branch:feature", "target_ref": "branch:feature"}

    def choose(target, address="/fork/pull-request/new?target=main"):
        html = client.post(address, {**values, "target": target}).text
        for text in typed.values():
            assert text in html
        assert '<option value="branch:feature" selected>' in html
        assert 'class="error"' not in html
        return html

    html = choose("fork")
    assert html.count('<option value="branch:feature" selected>') == 2
    html = choose("main")
    assert '<option value="main" selected>' in html
    assert f'<option value="branch:{scene.trunk}" selected>' in html
    assert '<option value="near" selected>' in choose("near")  # it is empty
    for action in ({}, {"open": "1"}):  # what cannot be seen, or no more
        html = client.post("/fork/pull-request/new", {**values, **action, "target": "hidden"}).text
        assert "repository `hidden` does not exist" in html
        assert "Half a title" in html
    assert not PullRequest.objects.exists()
    values |= {"target": "main", "target_ref": f"branch:{scene.trunk}", "reviewers": "rita", "open": "1"}
    assert client.post("/fork/pull-request/new?target=fork", values).status_code == 302
    made = PullRequest.objects.get()
    assert (made.target, made.title, made.description) == (scene.target, "Half a title", "- [x] half")
    assert "[x] half" in client.get(made.get_absolute_url()).text


def test_the_whole_family_can_be_chosen(client, scene):
    """A fork of a fork goes to its parent, the parent's parent, a sibling and itself, as far as they can be seen."""
    scene.feature()
    fork = {"kind": scene.kind, "owner": scene.owner.user}
    child, sibling, hidden = (
        RepositoryFactory(name=name, fork_of=scene.origin, is_private=name == "hidden", **fork)
        for name in ("child", "sibling", "hidden")
    )
    for repository in (child, sibling, hidden):
        repository.vcs.clone_local(scene.origin.path, repository.path)
    client.force_login(scene.stranger.user)

    def choices(repository):
        html = client.get(f"/{repository}/pull-request/new").text
        return re.findall(r"<option value=\"(\w+)\"", html)

    assert choices("child") == ["fork", "child", "main", "sibling"]
    assert choices("fork") == ["main", "fork", "child", "sibling"]
    assert choices("main") == ["main", "fork"]
    working = scene.working_copy(child, "child")
    working.branch("topic")
    working.commit("Topic", {"topic.txt": "x\n"})
    working.push()
    values = {"origin_ref": "branch:topic", "target_ref": f"branch:{scene.trunk}", "target": "sibling", "open": "1"}
    assert client.post("/child/pull-request/new", values).status_code == 302
    assert PullRequest.objects.get().target == sibling
    for repository in (child, sibling):
        repository.vcs.close()


def test_opened_from_a_changeset(client, scene):
    tip = scene.feature().head()
    client.force_login(scene.owner.user)
    link = f"/fork/pull-request/new?origin_ref=rev:{tip}"
    assert link in client.get(f"/fork/changeset/{tip}").text
    assert f'<option value="rev:{tip}" selected>' in client.get(link).text
    assert f'value="branch:{scene.trunk}" selected' in client.get(link).text
    values = {"origin_ref": f"rev:{tip}", "target_ref": f"branch:{scene.trunk}", "open": "1"}
    assert client.post("/fork/pull-request/new?target=main", values).status_code == 302
    assert PullRequest.objects.get().current.revisions == [tip]


def test_who_asks_somebody_that_cannot_see_it_hears_of_that(client, scene, opened):
    Repository.objects.filter(pk=scene.origin.pk).update(is_private=True)
    grant(scene.origin, scene.writer.user, Level.READ)
    client.force_login(scene.owner.user)
    shown = act(client, opened, "reviewers", reviewers="rita, stan, wim").text
    assert "stan may not read the repositories" in shown
    assert "wim may not read the repositories" not in shown


def test_shown_commented_voted_and_merged(client, scene, opened):
    address = opened.get_absolute_url()
    shown = client.get(address).content.decode()
    assert EVIL not in shown
    assert "<strong>bold</strong>" in shown
    assert client.post(f"/main/pull-request/{opened.pk}/do/comment", {"text": "x"}).status_code == 302
    assert not Comment.objects.exclude(text="").exists()  # the anonymous were asked to sign in

    client.force_login(scene.reviewer.user)
    act(client, opened, "comment", text=f"on a line {EVIL}", path="ten.txt", side="new", line="3")
    comment = Comment.objects.get(line=3)
    answered = act(client, opened, "comment", text="an answer", reply_to=comment.pk).content.decode()
    assert answered.index("on a line") < answered.index("an answer") < answered.index('id="talk"')
    assert EVIL not in answered
    voted = act(client, opened, "comment", text="fine", status="approved").content.decode()
    assert "approved" in voted
    assert b"error" in act(client, opened, "comment", text="x", status="nonsense").content
    assert b"error" in act(client, opened, "merge").content
    assert act(client, opened, "edit-comment", comment=comment.pk, text="better").status_code == 200
    act(client, opened, "delete-comment", comment=comment.pk)
    assert "better" not in client.get(address).content.decode()

    client.force_login(scene.writer.user)
    assert "Merged." in act(client, opened, "merge", iteration="1").content.decode()
    assert scene.fresh(opened).status == "merged"


def test_iterations_and_management(client, scene, opened):
    client.force_login(scene.owner.user)
    act(client, opened, "edit", title="Better", description="")
    act(client, opened, "reviewers", reviewers="stan, wim")
    fresh = scene.fresh(opened)
    assert fresh.title == "Better"
    assert {row.user.username for row in fresh.reviewer_rows.all()} == {"stan", "wim"}
    assert "nothing has changed" in act(client, opened, "update").content.decode()
    for query in ("?iteration=1", "?iteration=1&since=1", "?iteration=99", "?diff=split"):
        assert client.get(opened.get_absolute_url() + query).status_code == 200
    act(client, opened, "close")
    assert scene.fresh(opened).status == "closed"
    assert client.post(f"/main/pull-request/{opened.pk}/do/nonsense").status_code == 404


def test_hidden_ones_are_absent(client, scene, opened):
    scene.target.is_private = True
    scene.target.save()
    client.force_login(scene.stranger.user)
    assert client.get(opened.get_absolute_url()).status_code == 404
    assert client.get(f"/fork/pull-request/{opened.pk}").status_code == 404
    assert (
        EVIL.replace("<", "&lt;").replace(">", "&gt;")
        not in client.get("/_admin/my_pullrequests?which=all").content.decode()
    )


def test_lists(client, scene, opened):
    client.force_login(scene.reviewer.user)
    for path in ("/main/pull-request", "/fork/pull-request?from_=1", "/_admin/my_pullrequests?which=review"):
        assert f"#{opened.pk}" in client.get(path).content.decode(), path
    for words in ("script alert", "OLGA", "feature script"):
        assert f"#{opened.pk}" in client.get("/main/pull-request", {"q": words}).text, words
    assert f"#{opened.pk}" not in client.get("/main/pull-request", {"q": "script nosuch"}).text
    for path in ("/main/pull-request?closed=1", "/_admin/my_pullrequests"):
        assert f"#{opened.pk}" not in client.get(path).content.decode(), path


def test_to_review_is_what_waits_for_a_verdict(client, scene, opened):
    def waiting() -> bool:
        return f"#{opened.pk}" in client.get("/_admin/my_pullrequests?which=review").text

    client.force_login(scene.reviewer.user)
    assert waiting()
    act(client, opened, "comment", text="", status="under_review")
    assert waiting()
    act(client, opened, "comment", text="", status="rejected")
    assert not waiting()
    wc = scene.working_copy(scene.origin, "again")
    wc.switch("feature")
    wc.commit("more", {"more.txt": "more\n"})
    wc.push()
    update(actor=scene.owner, pull_request=scene.fresh(opened))
    assert waiting()  # there is more to say something about
    act(client, opened, "comment", text="", status="approved")
    assert not waiting()
    act(client, opened, "comment", text="", status="not_reviewed")
    assert waiting()
    comments.respond(actor=scene.owner, pull_request=scene.fresh(opened), text="", close=True)
    assert not waiting()
    assert f"#{opened.pk}" in client.get("/_admin/my_pullrequests?which=review&closed=1").text


def test_the_number_of_queries_does_not_grow_with_comments(client, scene, opened):
    from django.db import connection

    from reviews.services.comments import respond

    client.force_login(scene.owner.user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(opened.get_absolute_url()).status_code == 200
        return len(captured)

    queries()
    before = queries()
    for number in range(10):
        respond(actor=scene.reviewer, pull_request=opened, text=f"{number}", path="ten.txt", side="new", line=3)
    assert queries() == before < 30


def test_an_earlier_iteration_has_its_comments_and_takes_new_ones(client, scene):
    wc = scene.feature(l3="third")
    pull_request = scene.open()
    client.force_login(scene.reviewer.user)
    act(client, pull_request, "comment", text="on a line", path="ten.txt", side="new", line="3")
    act(client, pull_request, "comment", text="on the file", path="ten.txt")
    act(client, pull_request, "comment", status="rejected")
    wc.amend({"ten.txt": changed(l3="3rd")})
    wc.push()
    update(actor=scene.owner, pull_request=pull_request)
    address = pull_request.get_absolute_url()
    newest = client.get(address).text
    assert "outdated" in newest
    assert "on iteration 1" in newest
    assert newest.index('id="talk"') < newest.index("on a line")
    assert newest.index('id="talk"') < newest.index("on the file")
    (line,) = re.findall(r'href="(\?iteration=1#f\w+n3)">ten.txt:3</a>', newest)
    earlier = client.get(address + line).text
    assert earlier.index("on a line") < earlier.index('id="talk"')
    assert f'id="{line.partition("#")[2]}"' in earlier
    assert 'name="status"' not in earlier
    assert earlier.count('name="iteration" value="1"') == 2  # of the form for all of it, and of the one for a line
    between = client.get(f"{address}?iteration=2&since=1").text
    assert "comment-form" not in between
    assert "on a line" not in between
    client.force_login(scene.owner.user)
    act(client, pull_request, "close")
    closed = client.get(address).text
    assert "outdated" in closed
    assert 'name="reply_to"' not in closed


@pytest.mark.parametrize("mode", ["", "?diff=split"])
def test_a_comment_stands_below_its_line_whichever_number_was_taken(client, opened, scene, mode):
    client.force_login(scene.reviewer.user)
    for side, line in (("old", 2), ("new", 2), ("old", 3), ("new", 3)):
        act(client, opened, "comment", text=f"on {side} {line}", path="ten.txt", side=side, line=line)
    shown = client.get(opened.get_absolute_url() + mode).text
    assert max(shown.index(f"on {side} {line}") for side in ("old", "new") for line in (2, 3)) < shown.index(
        'id="talk"'
    )


def test_without_scripts_a_form_asks_for_file_and_line(client, scene, opened):
    client.force_login(scene.reviewer.user)
    shown = client.get(opened.get_absolute_url()).content.decode()
    fields = shown.partition("<noscript>")[2].partition("</noscript>")[0]
    assert '<option value="ten.txt">' in fields
    assert all(f'name="{name}"' in fields for name in ("path", "line", "side"))
    act(client, opened, "comment", text="On all", path="", line="", side="", status="")
    act(client, opened, "comment", text="On the third", path="ten.txt", line="3", side="new", status="")
    made = opened.comments.order_by("pk")
    assert [(one.path, one.line, one.side) for one in made][1:] == [("", None, ""), ("ten.txt", 3, "new")]


def test_what_a_comment_said_before_can_be_read(client, scene, opened):
    client.force_login(scene.reviewer.user)
    act(client, opened, "comment", text="first words")
    comment = Comment.objects.get(text="first words")
    act(client, opened, "edit-comment", comment=comment.pk, text="second words")
    shown = client.get(opened.get_absolute_url()).text
    assert shown.index("second words") < shown.index("edited") < shown.index("first words")
    act(client, opened, "delete-comment", comment=comment.pk)
    shown = client.get(opened.get_absolute_url()).text
    assert "first words" not in shown
    assert "second words" not in shown


def test_administrators_of_a_repository_decide_what_a_merge_needs(client, scene):
    address = "/main/settings/reviews"
    client.force_login(scene.writer.user)
    assert client.post(address, {"needs_approval": "on", "save": "1"}).status_code == 403
    assert not ReviewPolicy.objects.exists()
    grant(scene.target, scene.writer.user, Level.ADMIN)
    assert "Merge only what is approved" in client.get(address).text
    assert client.post(address, {"needs_approval": "on", "save": "1"})["Location"] == address
    policy = ReviewPolicy.objects.get(repository=scene.target)
    assert (policy.needs_approval, policy.fast_forward) == (True, False)
    client.post(address, {"save": "1"})
    policy.refresh_from_db()
    assert not policy.needs_approval


def test_a_changeset_has_comments_and_votes(client, scene):
    raw_id = scene.target.vcs.resolve("tip").raw_id
    client.force_login(scene.writer.user)
    action = f"/main/changeset-review/{raw_id}/do/comment"
    shown = client.post(action, {"text": "nice", "status": "approved"}, follow=True).content.decode()
    assert "nice" in shown
    assert "approved" in shown
    inline = client.post(action, {"text": "here", "path": "ten.txt", "side": "new", "line": "2"}, follow=True)
    assert "here" in inline.content.decode()
    client.force_login(scene.stranger.user)
    assert b"error" in client.post(action, {"text": "", "status": "approved"}, follow=True).content


def test_a_number_of_any_length_is_answered(client, scene, opened):
    client.force_login(scene.admin.user)
    for number in ("9" * 30, "9" * 5000):
        assert "There is a newer iteration" in act(client, opened, "merge", iteration=number).text
        place = {"path": "ten.txt", "side": "new", "line": number}
        refused = act(client, opened, "comment", text="typed", **place).text
        assert "What you wrote:\ntyped" in refused
        on_changeset = f"/fork/changeset-review/{opened.current.origin_raw_id}/do/comment"
        assert "What you wrote:\ntyped" in client.post(on_changeset, {"text": "typed", **place}, follow=True).text
        assert client.post("/main/settings/fields", {"remove": number}).status_code == 404
    opened.refresh_from_db()
    assert opened.is_open


def test_votes_of_a_hidden_pull_request_are_not_shown(client, scene, opened):
    """Its changesets can be in a public fork, and votes on it tell of the repository that they are meant for."""
    raw_id = opened.current.origin_raw_id
    scene.target.grants.all().delete()
    for who, sees in ((scene.owner.user, True), (scene.stranger.user, False)):
        if sees:
            grant(scene.target, who, Level.READ)
        client.force_login(who)
        assert ("Newest vote:" in client.get(f"/fork/changeset/{raw_id}").text) is sees
        arguments = {"repoid": "fork", "raw_id": raw_id, "with_reviews": True}
        call = {"id": 1, "api_key": key_of(who), "method": "get_changeset", "args": arguments}
        answer = client.post("/_admin/api", json.dumps(call), content_type="application/json").json()
        assert len(answer["result"]["reviews"]) == sees


@pytest.mark.django_db
def test_previews_and_notices(client):
    user = User.objects.create(username="una", email="u@example.com")
    assert client.post("/_admin/markdown", {"text": "x"}).status_code == 302
    client.force_login(user)
    html = client.post("/_admin/markdown", {"text": f"**b** {EVIL}"}).content.decode()
    assert "<strong>b</strong>" in html
    assert "<script" not in html
    assert client.post("/_admin/my_account/notices", {"choice": "none"}).status_code == 302
    assert MailPreference.objects.get(user=user).choice == "none"


def test_what_was_written_is_shown_again_where_it_is_refused(client, scene, opened):
    client.force_login(scene.reviewer.user)
    assert "A comment needs a text." in act(client, opened, "comment", text=" ").text
    refused = act(client, opened, "comment", text=f"a long\nthought {EVIL}", status="nonsense").text
    assert "What you wrote:\na long\nthought &lt;script&gt;" in refused
    assert "What you wrote" not in act(client, opened, "comment", text="a thought").text
    assert "What you wrote:\nIn one go" in act(client, opened, "merge", message="In one go").text
    client.force_login(scene.owner.user)
    refused = act(client, opened, "reviewers", reviewers="rita, nobody").text
    assert "There is no user nobody." in refused
    assert "What you wrote:\nrita, nobody" in refused
    comments.respond(actor=scene.owner, pull_request=opened, close=True)
    refused = act(client, opened, "edit", title="A better title", description="and more").text
    assert "What you wrote:\nA better title\nand more" in refused


def test_who_comments_goes_on_in_the_same_view(client, scene, opened):
    client.force_login(scene.reviewer.user)
    address = f"/main/pull-request/{opened.pk}"

    def answer(action: str, referer: str) -> str:
        values = {"text": "x", "comment": Comment.objects.latest("pk").pk}
        return client.post(f"{address}/do/{action}", values, headers={"Referer": f"http://testserver{referer}"}).url

    assert answer("comment", f"{address}?diff=split&api_key=secret").startswith(f"{address}?diff=split#comment-")
    labelled = opened.get_absolute_url()
    assert answer("edit-comment", f"{labelled}?iteration=1").startswith(f"{address}?iteration=1#comment-")
    assert answer("comment", "/elsewhere?diff=split").startswith(f"{address}#comment-")
    assert answer("close", f"{address}?iteration=1") == address
    raw_id = scene.target.vcs.resolve("tip").raw_id
    changeset, action = f"/main/changeset/{raw_id}", f"/main/changeset-review/{raw_id}/do/comment"
    client.force_login(scene.writer.user)
    made = client.post(action, {"text": "x"}, headers={"Referer": f"http://testserver{changeset}?diff=split"})
    assert made.url.startswith(f"{changeset}?diff=split#comment-")


def test_the_head_of_the_page_leads_to_the_comments(client, scene, opened):
    client.force_login(scene.reviewer.user)
    address = opened.get_absolute_url()
    assert '<a href="#talk">No comments yet · Comment or vote</a>' in client.get(address).text
    act(client, opened, "comment", text="on a line", path="ten.txt", side="new", line="3")
    act(client, opened, "comment", text="on all")
    assert '<a href="#talk">2 comments · Comment or vote</a>' in client.get(address).text
    client.logout()
    assert '<a href="#talk">2 comments</a>' in client.get(address).text


def test_conflicts_are_named_before_and_after_it_is_opened(client, scene, opened):
    trunk = scene.working_copy(scene.target, "trunk")
    trunk.commit("Other", {"ten.txt": changed(l3="another third")})
    trunk.push()
    named = "There are conflicts in: <code>ten.txt</code>"
    for who in (scene.owner, scene.writer):  # the first has to resolve them and may not merge
        client.force_login(who.user)
        shown = client.get(opened.get_absolute_url()).text
        assert named in shown
        assert "Merge the target into the source" in shown
        assert "do/merge" not in shown
    values = {"origin_ref": "branch:feature", "target_ref": f"branch:{scene.trunk}", "preview": "1"}
    client.force_login(scene.owner.user)
    assert named in client.post("/fork/pull-request/new?target=main", values).text
