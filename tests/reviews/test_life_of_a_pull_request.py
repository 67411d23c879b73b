"""From opening to merging, over both tools, with the real clients on the other side."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from repos.vcs.errors import MergeConflict
from reviews.models import ChangesetStatus, Comment, PullRequest, ReviewPolicy, VoteStatus
from reviews.services import comments, iterations, merging, votes
from reviews.services.lines import Place, places
from reviews.services.pull_requests import update
from tests.reviews.conftest import changed

pytestmark = pytest.mark.django_db


def test_open_comment_vote_amend_resolve_approve_merge(scene):
    wc = scene.feature(l3="third", l8="eighth")
    first = wc.head()
    pull_request = scene.open(description="Please, @stan, look")
    iteration = pull_request.current
    assert iteration.revisions == [first]
    assert iteration.origin_raw_id == first
    assert b"+third" in b"".join(iterations.diff(pull_request, iteration))
    start = pull_request.comments.get()
    assert (start.author, start.text) == (scene.owner.user, "")
    assert ChangesetStatus.objects.get().status == VoteStatus.UNDER_REVIEW

    def remark(line, side="new"):
        return comments.respond(
            actor=scene.reviewer, pull_request=pull_request, text="Why?", path="ten.txt", side=side, line=line
        )

    on_third, on_eighth, on_old = remark(3), remark(8), remark(3, "old")
    comments.respond(actor=scene.reviewer, pull_request=pull_request, text="no", status="rejected")
    assert votes.result(pull_request) is VoteStatus.REJECTED

    # The target moves on in a way that conflicts; the owner amends, rebases and solves it.
    other = scene.working_copy(scene.target, "other")
    moved = other.commit("Elsewhere", {"ten.txt": "zero\n" + changed(l8="theirs")})
    other.push()
    outlook = merging.outlook(actor=scene.writer, pull_request=pull_request)
    assert outlook.conflicts == ("ten.txt",)
    before = scene.target.vcs.refs()
    with pytest.raises(MergeConflict):
        merging.merge(actor=scene.writer, pull_request=pull_request)
    assert scene.target.vcs.refs() == before
    assert scene.fresh(pull_request).status == PullRequest.Status.NEW

    wc.amend({"ten.txt": changed(l3="third", l5="fifth")})
    wc.pull(scene.target.path)
    second = wc.rebase()
    wc.push()
    newer = update(actor=scene.owner, pull_request=pull_request, text="rebased")
    assert (newer.number, newer.revisions) == (2, [second])
    assert newer.ancestor_raw_id == moved

    # Both iterations and the way from one to the other stay viewable.
    assert b"+eighth" in b"".join(iterations.diff(pull_request, iteration))
    assert b"+fifth" in b"".join(iterations.diff(pull_request, newer))
    between = b"".join(iterations.interdiff(pull_request, iteration, newer))
    assert b"-eighth" in between
    assert b"+fifth" in between

    # Comments went along with their lines; the one whose line is gone is outdated; the vote was on the earlier one.
    pull_request = scene.fresh(pull_request)
    found = places(pull_request, pull_request.comments.all())
    assert found == {on_third.pk: Place("ten.txt", 4), on_eighth.pk: None, on_old.pk: Place("ten.txt", 4)}
    assert votes.result(pull_request) is VoteStatus.UNDER_REVIEW
    assert votes.latest(pull_request)[scene.reviewer.user.pk].iteration == iteration

    ReviewPolicy.objects.create(repository=scene.target, needs_approval=True)
    with pytest.raises(PermissionDenied, match="approved"):
        merging.merge(actor=scene.writer, pull_request=pull_request)
    comments.respond(actor=scene.reviewer, pull_request=pull_request, text="now", status="approved")
    with pytest.raises(PermissionDenied, match="write permission"):
        merging.merge(actor=scene.stranger, pull_request=pull_request)
    raw_id = merging.merge(actor=scene.writer, pull_request=pull_request)

    pull_request = scene.fresh(pull_request)
    assert (pull_request.status, pull_request.merged_as) == (PullRequest.Status.MERGED, raw_id)
    with pytest.raises(ValidationError, match="already closed"):
        comments.respond(actor=scene.owner, pull_request=pull_request, text="late")

    clone = scene.working_copy(scene.target, "clone")
    assert clone.head() == raw_id
    assert clone.read("ten.txt") == "zero\n" + changed(l3="third", l5="fifth", l8="theirs")
    merged = scene.target.vcs.changeset(raw_id)
    assert merged.parents == (moved, second)
    assert merged.author == "Una User <wim@example.com>"
    assert merged.branch == ("default" if scene.kind == "hg" else None)
    assert scene.target.vcs.verify() == []


def test_no_changeset_of_an_iteration_is_lost(scene):
    wc = scene.feature()
    pull_request = scene.open()
    first = pull_request.current
    wc.amend({"ten.txt": changed(l4="fourth")})
    wc.push()
    update(actor=scene.owner, pull_request=pull_request)
    if scene.kind == "git":
        from tests.repo_builder import git

        for repository in (scene.target, scene.origin):
            repository.vcs.close()
            git(repository.path, "reflog", "expire", "--expire=now", "--all")
            git(repository.path, "gc", "-q", "--prune=now")
    else:
        from tests.repo_builder import hg

        scene.origin.vcs.close()
        hg(scene.origin.path, "--config", "extensions.strip=", "strip", "--no-backup", "-f", first.origin_raw_id)
    assert b"+third" in b"".join(iterations.diff(pull_request, first))
    refs = scene.target.vcs.refs()
    assert "feature" not in refs.branches
    clone = scene.working_copy(scene.target, "clone")
    seen = clone("log", "--all", "--format=%H") if scene.kind == "git" else clone("log", "-T", "{node}\n")
    assert first.origin_raw_id not in seen


@pytest.mark.parametrize("kind", ["hg"])
def test_a_strip_of_the_repository_itself_loses_nothing(scene):
    """Not even of a pull request inside one repository, where nothing had to be fetched."""
    from tests.repo_builder import hg

    wc = scene.working_copy(scene.target, "within")
    wc.branch("feature")
    first = wc.commit("Feature", {"ten.txt": changed(l3="third")})
    wc.push()
    pull_request = scene.open(origin=scene.target)
    wc.amend({"ten.txt": changed(l3="third", l4="fourth")})
    wc.push()
    second = update(actor=scene.owner, pull_request=pull_request)
    scene.target.vcs.close()
    hg(
        scene.target.path,
        "--config",
        "extensions.strip=",
        "strip",
        "--no-backup",
        "-f",
        f"{first}+{second.origin_raw_id}",
    )
    for row in pull_request.iterations.all():
        assert b"+third" in b"".join(iterations.diff(pull_request, row))
    assert b"+fourth" in b"".join(iterations.interdiff(pull_request, pull_request.iterations.first(), second))
    assert "feature" not in scene.target.vcs.refs().branches
    assert first not in scene.working_copy(scene.target, "clone")("log", "-T", "{node}\n")
    merging.merge(actor=scene.writer, pull_request=scene.fresh(pull_request))
    assert scene.working_copy(scene.target, "merged").read("ten.txt") == changed(l3="third", l4="fourth")
    assert scene.target.vcs.verify() == []


def test_what_is_said_is_about_the_iteration_that_was_seen(scene):
    """A page that somebody has left open while the owner updated; and replies to what was said before that."""
    wc = scene.feature(l3="third")
    pull_request = scene.open()
    before = comments.respond(
        actor=scene.owner, pull_request=pull_request, text="x", path="ten.txt", side="new", line=3
    )
    wc.amend({"ten.txt": "zero\n" + changed(l3="third")})
    wc.push()
    update(actor=scene.owner, pull_request=pull_request)
    pull_request = scene.fresh(pull_request)

    def say(**how):
        return comments.respond(actor=scene.reviewer, pull_request=pull_request, **how)

    late = say(text="y", path="ten.txt", side="new", line=3, iteration=1, status="approved")
    reply = say(text="z", reply_to=before)
    now = say(text="now", path="ten.txt", side="new", line=4)
    found = places(pull_request, pull_request.comments.all())
    assert found == dict.fromkeys((before.pk, late.pk, reply.pk, now.pk), Place("ten.txt", 4))
    assert votes.result(pull_request) is VoteStatus.UNDER_REVIEW
    first = pull_request.iterations.get(number=1)
    assert set(places(pull_request, pull_request.comments.all(), first).values()) == {Place("ten.txt", 3)}
    with pytest.raises(ValidationError, match="no iteration 7"):
        say(text="x", iteration=7)


def test_what_changed_since_a_rebase_is_what_its_owner_changed(scene):
    wc = scene.feature(l3="third")
    pull_request = scene.open()
    other = scene.working_copy(scene.target, "other")
    other.commit("Elsewhere", {"elsewhere.txt": "theirs\n"})
    other.push()
    wc.amend({"ten.txt": changed(l3="3rd"), "new.txt": "new\n"})
    wc.pull(scene.target.path)
    wc.rebase()
    wc.push()
    newer = update(actor=scene.owner, pull_request=pull_request)
    between = b"".join(iterations.interdiff(pull_request, pull_request.iterations.first(), newer))
    assert b"-third" in between
    assert b"+3rd" in between
    assert b"+new" in between
    assert b"elsewhere" not in between


def test_comments_go_along_with_a_file_that_is_renamed(scene):
    wc = scene.feature(l3="third")
    pull_request = scene.open()
    made = [
        comments.respond(actor=scene.reviewer, pull_request=pull_request, text="x", path="ten.txt", **where)
        for where in ({}, {"side": "new", "line": 3}, {"side": "new", "line": 5})
    ]
    wc("mv", "ten.txt", "words.txt")
    wc.amend({"words.txt": "zero\n" + changed(l3="third", l5="fifth")})
    wc.push()
    update(actor=scene.owner, pull_request=pull_request)
    pull_request = scene.fresh(pull_request)
    found = places(pull_request, pull_request.comments.all())
    assert [found[comment.pk] for comment in made] == [Place("ten.txt", None), Place("words.txt", 4), None]


def test_a_line_far_from_every_change_is_not_outdated(scene):
    """The page can show the whole file, so any of its lines can be commented on."""
    scene.feature(l1="first")
    pull_request = scene.open()
    comment = comments.respond(
        actor=scene.reviewer, pull_request=pull_request, text="x", path="ten.txt", side="new", line=10
    )
    assert places(pull_request, pull_request.comments.all())[comment.pk] == Place("ten.txt", 10)


def test_a_changeset_without_a_name_can_be_asked_for(scene):
    wc = scene.feature()
    tip = wc.head()
    wc.commit("Not yet", {"not-yet.txt": "x\n"})
    wc.push()
    if scene.kind == "hg":  # a second head of one branch: the newest has its name
        wc("update", "-q", "-r", "0")
        wc("branch", "-q", "-f", "feature")
        wc.commit("Newer head", {"newer.txt": "x\n"})
        wc.push()
    pull_request = scene.open(origin_ref=f"rev:{tip}")
    assert pull_request.current.revisions == [tip]
    with pytest.raises(ValidationError, match="nothing has changed"):
        update(actor=scene.owner, pull_request=pull_request)
    # The target keeps it, but does not have it: who may read only the target opens nothing from there.
    for unknown in (tip, "f" * 40, tip[:12]):
        with pytest.raises(ValidationError, match="does not exist"):
            scene.open(origin=scene.target, origin_ref=f"rev:{unknown}")
    assert merging.merge(actor=scene.writer, pull_request=pull_request)


def test_what_cannot_be_opened_says_why(scene, repositories_root):
    from tests.factories import RepositoryFactory
    from tests.repo_builder import RepoBuilder

    def refused(**how):
        with pytest.raises((ValidationError, PermissionDenied)) as failed:
            scene.open(**how)
        assert not PullRequest.objects.exists()
        return getattr(failed.value, "message", str(failed.value))

    assert "`feature` does not exist" in refused()
    assert "nothing to review" in refused(origin_ref=f"branch:{scene.trunk}")
    scene.feature()
    builder = RepoBuilder(scene.kind)
    builder.commit("stranger", {"x": "x"})
    builder.build(repositories_root / "unrelated")
    unrelated = RepositoryFactory(name="unrelated", kind=scene.kind)
    assert "unrelated" in refused(target=unrelated)
    assert "cannot go from" in refused(target=RepositoryFactory(kind="hg" if scene.kind == "git" else "git"))
    assert "must be a branch" in refused(target_ref="tag:x")
    assert "must be branch:NAME" in refused(origin_ref="feature")
    assert "is not in branch" in refused(origin_ref="branch:feature:" + "1" * 40)
    hidden = RepositoryFactory(name="hidden", kind=scene.kind, is_private=True)
    assert refused(target=hidden) == "repository `hidden` does not exist"
    assert "somebody else" in refused(owner=scene.stranger.user)
    assert "255" in refused(title="x" * 256)


def test_update_without_news_is_an_error(scene):
    scene.feature()
    pull_request = scene.open()
    with pytest.raises(ValidationError, match="nothing has changed"):
        update(actor=scene.owner, pull_request=pull_request)
    with pytest.raises(PermissionDenied):
        update(actor=scene.stranger, pull_request=pull_request)


def test_a_merge_that_was_cut_off_is_completed(scene):
    """The tool had merged, the database never heard of it."""
    scene.feature()
    pull_request = scene.open()
    iteration = pull_request.current
    raw_id = scene.target.vcs.merge(
        scene.origin.path,
        iteration.origin_raw_id,
        target_branch=scene.trunk,
        target_id=iteration.target_raw_id,
        message="cut off",
        author=merging.signature(scene.writer),
    )
    assert merging.merge(actor=scene.writer, pull_request=pull_request) == raw_id
    assert scene.fresh(pull_request).merged_as == raw_id


def test_merge_of_an_iteration_that_is_not_the_newest_is_refused(scene):
    wc = scene.feature()
    pull_request = scene.open()
    wc.commit("More", {"more.txt": "more\n"})
    wc.push()
    update(actor=scene.owner, pull_request=pull_request)
    with pytest.raises(ValidationError, match="newer iteration"):
        merging.merge(actor=scene.writer, pull_request=pull_request, iteration=1)
    assert Comment.objects.count() == 2


def test_fast_forward_by_policy(scene):
    wc = scene.feature()
    ReviewPolicy.objects.create(repository=scene.target, fast_forward=True)
    pull_request = scene.open()
    raw_id = merging.merge(actor=scene.writer, pull_request=pull_request)
    # In Mercurial the changeset is on another named branch, so a merge changeset is needed to get to the trunk.
    assert (raw_id == wc.head()) is (scene.kind == "git")
    assert scene.target.vcs.refs().branches[scene.trunk] == raw_id


def test_what_became_of_an_imported_one_whose_changesets_are_gone(scene):
    """It can be read and closed; it cannot be merged, and says why."""
    scene.feature()
    pull_request = scene.open()
    comment = comments.respond(
        actor=scene.owner, pull_request=pull_request, text="x", path="ten.txt", side="new", line=3
    )
    pull_request.iterations.update(origin_raw_id="1" * 40)
    PullRequest.objects.update(origin_type="rev", target_name="gone")
    pull_request = scene.fresh(pull_request)
    assert places(pull_request, pull_request.comments.all()) == {comment.pk: None}
    assert "does not exist" in merging.outlook(actor=scene.writer, pull_request=pull_request).problem
    PullRequest.objects.update(target_name=scene.trunk)
    pull_request = scene.fresh(pull_request)
    assert "does not exist" in merging.outlook(actor=scene.writer, pull_request=pull_request).problem
    with pytest.raises(ValidationError, match="does not exist"):
        update(actor=scene.owner, pull_request=pull_request)
    comments.respond(actor=scene.owner, pull_request=pull_request, close=True)
