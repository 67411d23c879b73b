"""Comments: places, replies, changing and deleting them; nobody's but one's own."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.permissions import Level
from repos.vcs.errors import RevisionNotFound
from reviews.models import Comment
from reviews.services import comments
from tests.api.reviewing import make_reviewed
from tests.factories import ApiKeyFactory, UserFactory, actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(db, repositories_root):
    made = make_reviewed("git", repositories_root)
    yield made
    made.repository.vcs.close()


@pytest.fixture
def tom():
    return actor(UserFactory(username="tom"))


def say(who, reviewed, text="Hello", **how):
    return comments.respond(actor=who, pull_request=reviewed.pull_request, text=text, **how)


def test_edit_keeps_what_it_said(reviewed, tom):
    comment = say(tom, reviewed, "frist")
    comments.edit(actor=tom, comment=comment, text="first")
    comments.delete(actor=tom, comment=comment)
    comment.refresh_from_db()
    assert comment.text == ""
    assert comment.deleted_on is not None
    assert [row.text for row in comment.edits.all()] == ["frist", "first"]
    assert comment not in Comment.objects.present()
    for deed in (
        lambda: comments.edit(actor=tom, comment=comment, text="x"),
        lambda: say(tom, reviewed, reply_to=comment),
    ):
        with pytest.raises(ValidationError):
            deed()


def test_only_its_author_changes_a_comment(reviewed, tom):
    comment = say(tom, reviewed)
    for other in (reviewed.owner, reviewed.repository.owner):
        with pytest.raises(PermissionDenied):
            comments.edit(actor=actor(other), comment=comment, text="x")
        with pytest.raises(PermissionDenied):
            comments.delete(actor=actor(other), comment=comment)
    comment.refresh_from_db()
    assert comment.text == "Hello"


def test_a_deleted_vote_comment_leaves_the_vote(reviewed):
    reviewer = actor(reviewed.reviewer)
    comment = say(reviewer, reviewed, status="approved")
    comments.delete(actor=reviewer, comment=comment)
    assert reviewed.pull_request.statuses.filter(status="approved").count() == 2


def test_a_vote_is_read_once_for_all_its_changesets(reviewed):
    say(actor(reviewed.reviewer), reviewed, status="approved")
    assert reviewed.pull_request.statuses.count() == 4
    once = reviewed.pull_request.statuses.once_per_vote().order_by("pk")
    assert list(once.values_list("user__username", "status")) == [("olga", "under_review"), ("rita", "approved")]


@pytest.mark.parametrize(
    "place",
    [
        {"line": 1},
        {"line": 1, "side": "new"},
        {"path": "a.txt", "line": 0, "side": "new"},
        {"path": "a.txt", "line": 1},
        {"path": "a.txt", "side": "new"},
        {"path": "a.txt", "line": 1, "side": "both"},
    ],
)
def test_impossible_places(reviewed, tom, place):
    with pytest.raises(ValidationError):
        say(tom, reviewed, **place)


def test_a_reply_stays_in_its_pull_request(reviewed, tom):
    elsewhere = comments.comment_changeset(
        actor=tom, repository=reviewed.repository, raw_id=reviewed.ids["one"], text="x"
    )
    with pytest.raises(ValidationError):
        say(tom, reviewed, reply_to=elsewhere)
    with pytest.raises(ValidationError):
        comments.comment_changeset(
            actor=tom, repository=reviewed.repository, raw_id=reviewed.ids["two"], text="x", reply_to=elsewhere
        )


def test_who_has_no_voice(reviewed, tom):
    reader = ApiKeyFactory(user=tom.user, level=Level.READ)
    for silent in (actor(), actor(tom.user, key=reader)):
        with pytest.raises(PermissionDenied):
            say(silent, reviewed)
        with pytest.raises(PermissionDenied):
            comments.comment_changeset(
                actor=silent, repository=reviewed.repository, raw_id=reviewed.ids["one"], text="x"
            )


def test_bounds(reviewed, tom):
    with pytest.raises(ValidationError):
        say(tom, reviewed, "x" * (comments.LONGEST + 1))
    with pytest.raises(RevisionNotFound):
        comments.comment_changeset(actor=tom, repository=reviewed.repository, raw_id="1" * 40, text="x")
