"""get_job: how far a long operation is."""

from repos.models import Job
from tests.factories import RepositoryFactory


def test_a_job(api, admin):
    job = Job.objects.create(
        kind="create", state="failed", repository_name="gone", actor=admin, progress="50%", error="nobody answers"
    )
    answer = api("get_job", job_id=str(job.pk))
    assert answer.pop("created_on")
    assert answer == {
        "job_id": job.pk,
        "kind": "create",
        "state": "failed",
        "repository": "gone",
        "started_by": "boss",
        "progress": "50%",
        "result": None,
        "error": "nobody answers",
        "started_on": None,
        "finished_on": None,
    }


def test_hidden_is_absent(user_api):
    job = Job.objects.create(kind="pull", repository=RepositoryFactory())
    assert user_api.error("get_job", job_id=job.pk) == f"job `{job.pk}` does not exist"
    assert user_api.error("get_job", job_id=999999) == "job `999999` does not exist"
