"""A pull request says that its source has moved, however it did, and sees that its target has it all."""

import pytest
from django.core import mail
from django.core.exceptions import ValidationError

from accounts.models import JournalEntry
from repos.models import Repository
from repos.services import pushes
from reviews.services import merging
from reviews.services.pull_requests import update
from tests.reviews.conftest import changed

pytestmark = pytest.mark.django_db


def again(repository):
    return Repository.objects.get(pk=repository.pk)


@pytest.fixture
def look(scene, django_capture_on_commit_callbacks):
    """What the next reader sets off in both repositories; the addresses that a mail went to."""

    def look():
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            for repository in (scene.origin, scene.target):
                pushes.notice(again(repository))
        return sorted(address for message in mail.outbox for address in message.to)

    return look


def test_a_source_that_moves_is_shown_told_once_and_settled_by_an_update(scene, look, client):
    wc = scene.feature()
    look()
    pull_request = scene.open()
    look()
    tip = wc.commit("More", {"more.txt": "more\n"})
    wc.push()
    assert look() == ["olga@example.com", "rita@example.com"]
    assert "The source has moved: an update is available" in mail.outbox[0].body
    assert look() == []
    assert scene.fresh(pull_request).moved_to == tip
    shown = client.get(pull_request.get_absolute_url()).text
    assert "The source has moved" in shown
    assert tip[:12] in shown
    assert update(actor=scene.owner, pull_request=scene.fresh(pull_request)).origin_raw_id == tip
    assert scene.fresh(pull_request).moved_to == ""
    assert "The source has moved" not in client.get(pull_request.get_absolute_url()).text


def test_other_branches_and_the_target_do_not_count(scene, look):
    scene.feature()
    look()
    pull_request = scene.open()
    target = scene.working_copy(scene.target, "target")
    target.commit("Elsewhere", {"elsewhere.txt": "x\n"})
    target.push()
    other = scene.working_copy(scene.origin, "other")
    other.branch("another")
    other.commit("Another", {"another.txt": "x\n"})
    other.push()
    assert look() == []
    assert scene.fresh(pull_request).moved_to == ""


def test_a_merge_is_a_push_of_who_merges(scene, look):
    scene.feature()
    look()
    pull_request = scene.open()
    look()
    merged = merging.merge(actor=scene.writer, pull_request=pull_request)
    look()
    entry = JournalEntry.objects.get(action="push", subject_id=scene.target.pk)
    assert entry.user == scene.writer.user
    assert entry.data["changesets"] == [*pull_request.current.revisions, merged]
    assert again(scene.target).last_changeset["raw_id"] == merged


def test_a_merge_goes_into_a_protected_branch_but_brings_no_file_that_is_too_large(scene):
    scene.feature(l3="third " * 200)
    pull_request = scene.open()
    Repository.objects.update(protected_branches=scene.trunk, max_file_size=1000)
    pull_request = scene.fresh(pull_request)
    before = scene.target.vcs.refs()
    reason = r"ten.txt has \d+ bytes; files of more than 1000 bytes are not accepted here"
    assert merging.outlook(actor=scene.writer, pull_request=pull_request).problem.startswith("ten.txt has")
    with pytest.raises(ValidationError, match=reason):
        merging.merge(actor=scene.writer, pull_request=pull_request)
    assert scene.target.vcs.refs() == before
    assert scene.fresh(pull_request).is_open
    Repository.objects.update(max_file_size=len(changed(l3="third " * 200)))
    assert merging.merge(actor=scene.writer, pull_request=scene.fresh(pull_request))


def test_who_merges_and_pushes_without_the_server_merges_the_pull_request_too(scene, look, client):
    wc = scene.feature()
    look()
    pull_request = scene.open()
    other = scene.working_copy(scene.target, "other")
    other.commit("Elsewhere", {"elsewhere.txt": "x\n"})
    other.push()
    look()
    assert scene.fresh(pull_request).is_open
    other.merge(scene.origin.path, "feature", wc.head())
    merged = other.head()
    other.push()
    assert look() == ["olga@example.com", "rita@example.com"]
    assert "has merged the pull request" in mail.outbox[0].body
    settled = scene.fresh(pull_request)
    assert (settled.status, settled.merged_as) == ("merged", merged)
    assert JournalEntry.objects.get(action="merge_pull_request").data["raw_id"] == merged
    assert look() == []
    with pytest.raises(ValidationError, match="already closed"):
        merging.merge(actor=scene.writer, pull_request=pull_request)


def test_a_merge_that_the_database_never_heard_of_is_found_by_the_next_reader(scene, look):
    """The server was killed when the tool had merged."""
    scene.feature()
    look()
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
    look()
    assert scene.fresh(pull_request).merged_as == raw_id
