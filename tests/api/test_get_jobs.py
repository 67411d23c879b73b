"""get_jobs: long operations, newest first."""

from repos.models import Job
from tests.factories import RepositoryFactory


def test_of_one_repository_or_all(api, user_api, django_assert_max_num_queries):
    repository = RepositoryFactory(name="one")
    numbers = [Job.objects.create(kind="pull", repository=repository).pk for _ in range(5)]
    other = Job.objects.create(kind="rescan").pk
    with django_assert_max_num_queries(8):
        assert [job["job_id"] for job in api("get_jobs")] == [other, *reversed(numbers)]
    assert [job["job_id"] for job in api("get_jobs", repoid="one", limit=2)] == [numbers[4], numbers[3]]
    assert user_api("get_jobs") == []


def test_hidden_is_absent(user_api):
    RepositoryFactory(name="hidden", is_private=True)
    assert user_api.error("get_jobs", repoid="hidden") == "repository `hidden` does not exist"


def test_what_a_repository_is_called_now_is_for_those_who_see_it(api, user_api, user):
    repository = RepositoryFactory(name="secret", is_private=True)
    number = Job.objects.create(kind="pull", repository=repository, repository_name="old", actor=user).pk
    assert [job["repository"] for job in user_api("get_jobs")] == ["old"]
    assert user_api("get_job", job_id=number)["repository"] == "old"
    assert api("get_job", job_id=number)["repository"] == "secret"
