"""The example site of a first start."""

import pytest

from accounts.actors import Actor
from accounts.models import User
from accounts.permissions import DEFAULT_USER_ID, Level
from kallithea_site import bootstrap
from repos.models import Repository
from reviews.models import PullRequest
from reviews.services import lines
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_example_site(repositories_root):
    UserFactory(is_admin=True)
    bootstrap.create_examples()
    levels = {
        user.username: {
            found.name: found.level for found in Repository.objects.visible_to(Actor(user)).with_level(Actor(user))
        }
        for user in User.objects.all()
    }
    both = {"examples/tides-git", "examples/tides-hg"}
    assert levels["anna"] == dict.fromkeys(both, Level.ADMIN)
    assert levels["ben"] == dict.fromkeys(both, Level.WRITE)
    assert levels["zoe"] == dict.fromkeys(both, Level.READ)
    assert levels[User.objects.get(pk=DEFAULT_USER_ID).username] == {"examples/tides-git": Level.READ}
    for repository in Repository.objects.all():
        vcs, refs = repository.vcs, repository.vcs.refs()
        changesets = list(vcs.changesets([position.raw_id for position in vcs.positions()]))
        assert len(changesets) > 30
        assert len(refs.branches) == 4
        assert {"v1.0", "v1.1"} <= refs.tags.keys()
        assert sum(len(changeset.parents) == 2 for changeset in changesets) == 2
        assert any("🌑" in changeset.message for changeset in changesets)
        assert "harbours/神戸.txt" in {node.path for node in vcs.nodes(refs.branches[str(refs.head)], recursive=True)}
        assert repository.last_changeset["raw_id"] == changesets[-1].raw_id
        assert vcs.verify() == []
        [pull_request] = PullRequest.objects.filter(target=repository)
        remark = pull_request.comments.get(path="wind.py")
        assert lines.places(pull_request, [remark]) == {remark.pk: ("wind.py", 6)}


def test_start_goes_on_without_examples(repositories_root, caplog):
    repositories_root.rmdir()
    repositories_root.write_text("a file where a folder should be")
    UserFactory(is_admin=True)
    bootstrap.create_examples()
    assert "the example site could not be made" in caplog.text
