"""Pull requests of people who work with changeset evolution, over HTTP as they do: what is replaced is hidden in the
fork and lost to nobody."""

import pytest

from accounts.models import JournalEntry
from accounts.permissions import Level
from repos.models import Repository
from reviews.models import PullRequest
from reviews.services import comments, iterations, merging
from reviews.services.lines import Place, places
from reviews.services.pull_requests import update
from tests.factories import grant
from tests.repos.clients import Refused, call, clone, head, serving
from tests.reviews.conftest import TEN, changed

pytestmark = pytest.mark.django_db

EVOLVE = ("--config", "experimental.evolution=all", "--config", "extensions.rebase=")


@pytest.fixture
def kind():
    return "hg"


@pytest.fixture
def server(repositories_root):
    with serving() as running:
        yield running


class Work:
    """The owner's clone of the fork."""

    def __init__(self, scene, server, path):
        self.scene, self.server = scene, server
        self.path = clone("hg", server.url(scene.origin, scene.owner.user), path)

    def __call__(self, *args):
        return call("hg", *EVOLVE, *args, cwd=self.path)

    def commit(self, message, content, *more):
        (self.path / "ten.txt").write_text(content)
        self("commit", "-qm", message, *more)
        return head("hg", self.path)

    def push(self, repository=None, *more):
        return self("push", "-q", self.server.url(repository or self.scene.origin, self.scene.owner.user), *more)

    def prune(self, raw_id):
        self("update", "-q", f"p1({raw_id})")
        self("debugobsolete", "--record-parents", raw_id)
        with pytest.raises(Refused, match="no changes found"):  # hg's status for a push without changesets
            self("push", self.server.url(self.scene.origin, self.scene.owner.user))


@pytest.fixture
def work(scene, server, tmp_path):
    return Work(scene, server, tmp_path / "evolving")


def diff(pull_request, iteration):
    return b"".join(iterations.diff(pull_request, iteration))


def test_a_stack_whose_first_changeset_is_amended(client, scene, server, work):
    stack = [
        work.commit("one", changed(l2="two")),
        work.commit("two", changed(l2="two", l5="five")),
        work.commit("three", changed(l2="two", l5="five", l8="eight")),
    ]
    work.push()
    pull_request = scene.open(origin_ref="branch:default")
    on_five, on_eight = (
        comments.respond(
            actor=scene.reviewer, pull_request=pull_request, text="Why?", path="ten.txt", side="new", line=line
        )
        for line in (5, 8)
    )
    comments.comment_changeset(actor=scene.reviewer, repository=scene.origin, raw_id=stack[0], text="Hm, well")

    work("update", "-q", stack[0])
    work.commit("one, better", "zero\n" + changed(l2="two"), "--amend")
    work("rebase", "-q", "-s", stack[1], "-d", ".")
    work("update", "-q", "tip")
    newest = work.commit("three, otherwise", "zero\n" + changed(l2="two", l5="five", l9="nine"), "--amend")
    work.push()

    assert scene.fresh(pull_request).moved_to == newest
    assert scene.origin.vcs.refs().branches == {"default": newest}
    second = update(actor=scene.owner, pull_request=pull_request)
    assert (len(second.revisions), second.origin_raw_id) == (3, newest)
    assert not set(second.revisions) & set(stack)

    pull_request = scene.fresh(pull_request)
    first = pull_request.iterations.get(number=1)
    assert first.revisions == stack
    assert b"+eight" in diff(pull_request, first)
    between = b"".join(iterations.interdiff(pull_request, first, second))
    assert b"-eight" in between
    assert b"+zero" in between
    found = places(pull_request, pull_request.comments.filter(path="ten.txt"))
    assert found == {on_five.pk: Place("ten.txt", 6), on_eight.pk: None}
    raw_id = merging.merge(actor=scene.writer, pull_request=pull_request)
    assert scene.target.vcs.changeset(raw_id).parents[1] == newest
    work("pull", "-q", server.url(scene.target))
    assert work("log", "-r", "draft()") == ""
    assert work("log", "-r", "public()", "-T", "{desc|firstline};").startswith("base;one, better;two;three, otherwise;")
    assert scene.target.vcs.verify() == scene.origin.vcs.verify() == []

    # The page in the fork, to which the journal leads, is there with what was said and says what became of it.
    assert JournalEntry.objects.filter(action="push").earliest("pk").data["changesets"] == stack
    shown = client.get(f"/fork/changeset/{stack[0]}").content.decode()
    assert "Hm, well" in shown
    by = second.revisions[0]
    assert f'It was replaced by <a class="mono" href="/fork/changeset/{by}">{by[:12]}</a>' in shown
    client.force_login(scene.owner.user)
    for raw_id, is_listed in ((stack[0], False), (newest, True)):
        offered = f"origin_ref=rev:{raw_id}" in client.get(f"/fork/changeset/{raw_id}").content.decode()
        assert offered is is_listed
    assert "No branch of this" not in client.get(f"/fork/changeset/{newest}").content.decode()


def test_a_pruned_head_is_noticed_and_what_was_asked_for_stays(scene, work):
    kept, gone = work.commit("one", changed(l2="two")), work.commit("two", changed(l2="two", l5="five"))
    work.push()
    pull_request = scene.open(origin_ref="branch:default")
    work.prune(gone)
    pull_request = scene.fresh(pull_request)
    assert pull_request.moved_to == kept
    assert b"+five" in diff(pull_request, pull_request.current)
    assert update(actor=scene.owner, pull_request=pull_request).revisions == [kept]


def test_a_changeset_without_a_name_is_followed_to_what_replaced_it(scene, work):
    first = work.commit("one", changed(l2="two"))
    work.push()
    pull_request = scene.open(origin_ref=f"rev:{first}")
    second = work.commit("one", changed(l2="second"), "--amend")
    third = work.commit("one", changed(l2="third"), "--amend")
    work.push()
    assert scene.fresh(pull_request).moved_to == third
    assert update(actor=scene.owner, pull_request=pull_request).revisions == [third]
    assert first != second
    work.prune(third)
    assert scene.fresh(pull_request).moved_to == ""  # it is gone: what was asked for stays
    assert merging.outlook(actor=scene.writer, pull_request=scene.fresh(pull_request)).possible


def test_a_bookmark_goes_along(scene, work):
    work("bookmark", "work")
    work.commit("one", changed(l2="two"))
    work.push(None, "-B", "work")
    pull_request = scene.open(origin_ref="book:work")
    later = work.commit("one", changed(l2="second"), "--amend")
    work.push()
    assert scene.origin.vcs.refs().bookmarks == {"work": later}
    assert update(actor=scene.owner, pull_request=pull_request).revisions == [later]


def test_the_target_is_a_fork_that_hears_of_the_replacement_first(scene, server, work):
    """The target keeps the first iteration hidden, and gets a marker for it before the pull request is updated."""
    Repository.objects.filter(pk=scene.target.pk).update(fork_of=scene.origin)
    grant(scene.target, scene.owner.user, Level.WRITE)
    first = work.commit("one", changed(l2="two"))
    work.push()
    pull_request = scene.open(origin_ref="branch:default")
    later = work.commit("one", changed(l2="second"), "--amend")
    work("update", "-q", "null")
    target = scene.target.vcs
    base = target.refs().branches["default"]
    work("push", "-q", server.url(scene.target, scene.owner.user))
    assert target.refs().branches == {"default": later}
    assert first not in [position.raw_id for position in target.positions()]
    assert b"+two" in diff(pull_request, pull_request.current)
    assert base != later

    # Who merges what was asked for gets it, replaced or not; nothing of it stays hidden.
    assert not merging.outlook(actor=scene.writer, pull_request=pull_request).possible  # both change the same line
    work.push()
    pull_request = scene.fresh(pull_request)
    assert pull_request.status == PullRequest.Status.NEW
    assert pull_request.moved_to == later


def test_what_was_replaced_is_merged_where_nobody_has_updated(scene, server, work):
    Repository.objects.filter(pk=scene.target.pk).update(fork_of=scene.origin)
    first = work.commit("one", changed(l2="two"))
    work.push()
    pull_request = scene.open(origin_ref="branch:default")
    work.commit("one", changed(l2="second"), "--amend")
    work.push()
    raw_id = merging.merge(actor=scene.writer, pull_request=scene.fresh(pull_request))
    assert scene.target.vcs.changeset(raw_id).parents[1] == first
    assert scene.target.vcs.refs().branches == {"default": raw_id}
    assert scene.target.vcs.read_file(raw_id, "ten.txt").decode() == changed(l2="two") != TEN
    other = clone("hg", server.url(scene.target), work.path.with_name("other"))
    assert head("hg", other) == raw_id


def test_one_opened_from_what_the_target_has_hidden(scene, server, work):
    """A target that was a fork got the changeset and its replacement; then the earlier one is asked for again."""
    Repository.objects.filter(pk=scene.target.pk).update(fork_of=scene.origin)
    grant(scene.target, scene.owner.user, Level.WRITE)
    first = work.commit("one", changed(l2="two"))
    work.push()
    work.push(scene.target)
    work.commit("one", changed(l2="second"), "--amend")
    work.push(scene.target)
    pull_request = scene.open(origin_ref="branch:default")
    assert pull_request.current.revisions == [first]
    assert b"+two" in diff(pull_request, pull_request.current)
