"""invalidate_cache: read from disk again."""

from accounts.permissions import Level
from repos.models import Repository
from tests.factories import RepositoryFactory, grant


def test_it_is_read_again(api, put, kind):
    ids = put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    answer = api("invalidate_cache", repoid=repository.pk)
    assert answer == {"msg": f"Cache for repository `{repository.pk}` was invalidated", "repository": "one"}
    stored = Repository.objects.get()
    assert stored.last_changeset["raw_id"] == ids[0]
    assert stored.size


def test_who_may(user_api, user, put, kind):
    put("one", "first")
    repository = RepositoryFactory(name="one", kind=kind)
    assert user_api.error("invalidate_cache", repoid="one") == "repository `one` does not exist"
    grant(repository, user, Level.WRITE)
    assert user_api("invalidate_cache", repoid="one")["repository"] == "one"


def test_a_missing_folder(api):
    RepositoryFactory(name="lost")
    assert api.error("invalidate_cache", repoid="lost") == "Error occurred during cache invalidation action"
