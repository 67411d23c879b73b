"""Merging, updating, closing and commenting at once: one outcome, no lost comment, no broken repository."""

import threading

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from repos.vcs.errors import RefMoved
from repos.vcs.types import FileWrite
from reviews.models import PullRequest
from reviews.services import comments, merging
from reviews.services.pull_requests import update
from tests.api.reviewing import DORA, make_reviewed
from tests.factories import actor

ROUNDS = 50


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["git", "hg"])
def test_one_outcome(kind, repositories_root):
    reviewed = make_reviewed(kind, repositories_root)
    vcs, boss, trunk = reviewed.repository.vcs, actor(reviewed.repository.owner), reviewed.trunk
    comments.respond(actor=boss, pull_request=reviewed.pull_request, close=True)
    outcomes = set()
    for number in range(ROUNDS):
        outcomes.add(one_round(reviewed, vcs, boss, trunk, number))
    assert len(outcomes) > 1, "the deeds never met"
    assert vcs.verify() == []
    vcs.close()


def one_round(reviewed, vcs, boss, trunk, number):
    from reviews.services.pull_requests import open_pull_request

    start = vcs.refs().branches[trunk]
    branch = f"topic{number}"
    file = FileWrite(f"{branch}.txt", b"x")
    tip = vcs.commit([file], message=branch, author=DORA, branch=branch, parent=start)
    pull_request = open_pull_request(
        actor=boss,
        origin=reviewed.repository,
        origin_ref=f"branch:{branch}",
        target=reviewed.repository,
        target_ref=f"branch:{trunk}",
    )
    vcs.commit([FileWrite("more.txt", branch.encode())], message="more", author=DORA, branch=branch, parent=tip)
    done, problems = {}, []
    gate = threading.Barrier(5)

    def run(name, deed):
        try:
            gate.wait()
            done[name] = deed()
        except (ValidationError, PermissionDenied, RefMoved) as error:
            done[name] = error
        except BaseException as error:  # noqa: BLE001 - a thread's exception would be lost
            problems.append((name, error))
        finally:
            connection.close()

    deeds = {
        "merge": lambda: merging.merge(actor=boss, pull_request=fresh(pull_request)),
        "merge again": lambda: merging.merge(actor=boss, pull_request=fresh(pull_request)),
        "update": lambda: update(actor=boss, pull_request=fresh(pull_request)).number,
        "close": lambda: comments.respond(actor=boss, pull_request=fresh(pull_request), close=True, text="bye").pk,
        "comment": lambda: comments.respond(actor=boss, pull_request=fresh(pull_request), text="hi").pk,
    }
    threads = [threading.Thread(target=run, args=deed) for deed in deeds.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    won = {name for name, outcome in done.items() if not isinstance(outcome, Exception)}
    assert len(won & {"merge", "merge again", "close"}) == 1
    end = fresh(pull_request)
    merges = won & {"merge", "merge again"}
    now = vcs.refs().branches[trunk]
    if merges:
        assert end.status == PullRequest.Status.MERGED
        assert done[merges.pop()] == end.merged_as == now
        assert vcs.changeset(now).parents == (start, end.current.origin_raw_id)
    else:
        assert end.status == PullRequest.Status.CLOSED
        assert now == start
    assert end.iteration_number == (2 if "update" in won else 1) == end.iterations.count()
    texts = list(end.comments.values_list("text", flat=True))
    assert ("hi" in texts) is ("comment" in won)
    assert ("bye" in texts) is ("close" in won)
    return (bool(merges), "update" in won, "comment" in won)


def fresh(pull_request):
    return PullRequest.objects.get(pk=pull_request.pk)
