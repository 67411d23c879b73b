"""Long work: at once without a broker, by workers with one; taken up again when its worker died."""

from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.db import connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import JournalEntry
from kallithea_site import server
from repos import tasks
from repos.models import Job, Repository
from repos.services import changes, forks, jobs, pull, repositories, rescan
from tests.factories import AdminFactory, ApiKeyFactory, RepositoryFactory, UserFactory, actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def workers(settings, monkeypatch):
    """With a broker: the numbers of the jobs that were sent to it."""
    sent = []
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks.run_job, "delay", sent.append)
    return sent


@pytest.fixture
def forked(put, kind, workers, django_capture_on_commit_callbacks):
    """The job of a fork that no worker has taken yet."""
    put("parent", "first")
    parent = RepositoryFactory(name="parent", kind=kind)
    with django_capture_on_commit_callbacks(execute=True):
        fork = forks.create(actor=actor(AdminFactory()), parent=parent, name="fork")
    assert fork.state == Repository.State.PENDING
    return Job.objects.get()


def test_with_a_broker_the_job_waits_for_a_worker(forked, workers, repositories_root):
    assert workers == [forked.pk]
    assert not (repositories_root / "fork").exists()
    tasks.run_job(forked.pk)
    assert Job.objects.get().state == Job.State.DONE
    assert Repository.objects.get(name="fork").state == Repository.State.CREATED
    assert Repository.objects.get(name="fork").vcs.count() == 1


def test_a_broker_that_is_away_loses_no_job(workers, monkeypatch, put, kind, django_capture_on_commit_callbacks):
    def away(number):
        raise OperationalError("connection refused")

    put("parent", "first")
    parent = RepositoryFactory(name="parent", kind=kind)
    with monkeypatch.context() as patched:
        patched.setattr(tasks.run_job, "delay", away)
        patched.setattr(jobs, "PATIENCE", 0)
        with django_capture_on_commit_callbacks(execute=True):
            forks.create(actor=actor(AdminFactory()), parent=parent, name="fork")
        assert rescan.rescan(actor=actor(AdminFactory())).added == []
    job = Job.objects.get(kind="fork")
    assert job.state == Job.State.WAITING
    jobs.resume()
    assert workers == [job.pk]


def test_every_page_shows_how_far_it_is(client, forked):
    Job.objects.update(state=Job.State.RUNNING, progress="Receiving objects: 43% (86/200)")
    client.force_login(Repository.objects.get(name="fork").owner)
    for view in ("", "/changelog", "/files/tip/", "/branches"):
        response = client.get(f"/fork{view}")
        assert response.status_code == (503 if view else 200), view
        assert b"86/200" in response.content
        assert b"You can leave this page" in response.content
        assert b"data-reload" in response.content
    assert client.get("/fork/settings").status_code == 200
    Job.objects.update(state=Job.State.FAILED, error="abort: no")
    failed = client.get("/fork").content
    assert b"abort: no" in failed
    assert b"You can leave this page" not in failed
    assert b"data-reload" not in failed


@pytest.mark.parametrize(
    ("progress", "share"), [("changesets 60/120", 50), ("0% (0/0)", None), ("done", None), ("", None)]
)
def test_the_share_that_is_done(progress, share):
    assert Job(progress=progress).share == share


def test_who_looks_while_the_changesets_are_written_down_does_not_do_it_too(client, forked, monkeypatch):
    fork, seen = Repository.objects.get(name="fork"), []
    client.force_login(fork.owner)

    def look(repository):
        seen.append(client.get("/fork"))
        assert not repository.vcs_state
        refresh(repository)

    refresh = changes.refresh
    monkeypatch.setattr(changes, "refresh", look)
    tasks.run_job(forked.pk)
    (answer,) = seen
    assert answer.status_code == 200
    assert b"data-reload" in answer.content
    assert b"are being written down" in answer.content
    fork.refresh_from_db()
    assert fork.vcs_state
    assert client.get("/fork").status_code == 200


def test_what_a_worker_left_uncounted_is_counted_by_the_next(forked, monkeypatch):
    def die(repository):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(changes, "refresh", die)
        with pytest.raises(KeyboardInterrupt):
            tasks.run(forked.pk)
    assert Repository.objects.get(name="fork").state == Repository.State.CREATED
    assert tasks.run(forked.pk) is True
    assert Repository.objects.get(name="fork").vcs_state


def test_who_made_it_sees_why_it_failed(client, forked):
    Repository.objects.filter(name="parent").update(name="elsewhere")
    tasks.run_job(forked.pk)
    error = Job.objects.get().error
    client.force_login(forked.actor)
    answer = client.get("/fork")
    assert answer.status_code == 404
    assert error in answer.content.decode()
    client.force_login(UserFactory())
    assert error not in client.get("/fork").content.decode()
    client.logout()
    assert client.get("/fork").status_code == 302


def test_running_it_twice_does_no_harm(forked, repositories_root):
    tasks.run_job(forked.pk)
    Job.objects.update(state=Job.State.WAITING)
    tasks.run_job(forked.pk)
    assert Job.objects.get().state == Job.State.DONE
    assert Repository.objects.get(name="fork").vcs.count() == 1


def test_a_dead_workers_job_is_taken_up_again(forked, workers):
    Job.objects.update(state=Job.State.RUNNING)
    with tasks.alone(forked.pk):
        assert tasks.run(forked.pk) is False  # somebody is at it
    workers.clear()
    jobs.resume()
    assert workers == [forked.pk]
    assert tasks.run(forked.pk) is True
    assert Repository.objects.get(name="fork").state == Repository.State.CREATED


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_without_a_broker_a_job_that_was_cut_off_has_failed(forked, settings, state):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    Job.objects.update(state=state, created_on=timezone.now() - jobs.SOON)
    with tasks.alone(forked.pk):
        jobs.resume()
        assert Repository.objects.filter(name="fork").exists()
    jobs.resume()
    assert (Job.objects.get().state, Job.objects.get().error) == ("failed", "The server was stopped.")
    assert not Repository.objects.filter(name="fork").exists()


def test_a_job_that_was_made_just_now_is_left_to_its_request(forked, settings):
    settings.CELERY_TASK_ALWAYS_EAGER = True
    jobs.resume()
    assert Job.objects.get().state == Job.State.WAITING


def test_a_fork_deleted_meanwhile_is_not_made(forked, repositories_root):
    Repository.objects.get(name="fork").delete()
    tasks.run_job(forked.pk)
    assert not (repositories_root / "fork").exists()


def test_a_failing_job_does_not_stop_the_worker(forked, caplog):
    Repository.objects.filter(name="parent").update(name="elsewhere")
    tasks.run_job(forked.pk)
    assert Job.objects.get().state == Job.State.FAILED
    assert Job.objects.get().error
    assert not Repository.objects.filter(name="fork").exists()


@pytest.fixture
def one(put, kind):
    put("one", "first")
    return RepositoryFactory(name="one", kind=kind)


def test_a_request_that_needs_the_result_waits_for_the_worker(one, settings, monkeypatch, repositories_root):
    settings.CELERY_TASK_ALWAYS_EAGER = False
    monkeypatch.setattr(tasks.run_job, "delay", tasks.run_job)
    admin = actor(AdminFactory())
    assert rescan.rescan(actor=admin).added == []
    Repository.objects.update(clone_uri="http://127.0.0.1:1/")
    one.refresh_from_db()
    with pytest.raises(jobs.JobFailed):
        pull.pull(actor=admin, repository=one)
    repositories.delete(actor=admin, repository=one)
    assert not (repositories_root / "one").exists()
    done = list(Job.objects.order_by("pk").values_list("kind", "state"))
    assert done == [("rescan", "done"), ("pull", "failed"), ("delete", "done")]


def test_a_page_does_not_wait_for_a_pull(one, workers, client, django_capture_on_commit_callbacks):
    client.force_login(AdminFactory())
    page = "/one/settings/remote"
    assert b"Pull now" not in client.get(page).content  # from where?
    Repository.objects.update(clone_uri="http://127.0.0.1:1/")
    assert b"Pull now" in client.get(page).content
    for _ in range(2):  # one at a time, of which the broker hears again
        with django_capture_on_commit_callbacks(execute=True):
            assert client.post(page, {"pull": "1"}).status_code == 302
        assert b"Pull now" in client.get(page).content
    job = Job.objects.get(kind="pull")
    assert workers == [job.pk, job.pk]
    Job.objects.update(progress="changesets 30/120", started_on=timezone.now())
    shown = client.get(page).content.decode()
    assert "data-reload" in shown
    assert '<progress max="100" value="25"' in shown
    assert "Pull now" not in shown
    tasks.run_job(job.pk)
    job.refresh_from_db()
    over = client.get(page).content.decode()
    assert job.error
    assert job.error in over
    assert "data-reload" not in over


def test_a_request_never_waits_for_nobody(one, workers, monkeypatch, repositories_root):
    monkeypatch.setattr(jobs, "PATIENCE", 0)
    repositories.delete(actor=actor(one.owner, address="192.0.2.1"), repository=one)
    assert workers == [Job.objects.get().pk]
    assert Job.objects.get().state == Job.State.DONE
    assert not (repositories_root / "one").exists()
    entry = JournalEntry.objects.get(action="delete_repository")
    assert (entry.user, entry.address) == (one.owner, "192.0.2.1")


def test_deleting_twice_deletes_nothing_that_has_taken_the_name(one, repositories_root, put):
    repositories.delete(actor=actor(one.owner), repository=one)
    put("one", "first")
    RepositoryFactory(name="one", kind=one.kind)
    Job.objects.update(state=Job.State.RUNNING)
    assert tasks.run(Job.objects.get().pk) is True
    assert (repositories_root / "one").exists()
    assert Repository.objects.filter(name="one").exists()


def test_progress_and_errors_hold_no_password(monkeypatch):
    def runner(job, progress):
        progress("cloning http://me:secret@example.com/")
        raise RuntimeError("http://me:secret@example.com/ does not answer")

    monkeypatch.setitem(tasks.RUNNERS, "pull", runner)
    job = Job.objects.create(kind="pull")
    with pytest.raises(RuntimeError):
        tasks.run(job.pk)
    job.refresh_from_db()
    assert job.progress == "cloning http://***@example.com/"
    assert job.error == "http://***@example.com/ does not answer"


def test_who_sees_which_jobs():
    una, bob = UserFactory(), UserFactory()
    hers = Job.objects.create(kind="pull", repository=RepositoryFactory(owner=una))
    his = Job.objects.create(kind="create", actor=bob)
    assert list(jobs.visible_to(actor(una))) == [hers]
    assert list(jobs.visible_to(actor(bob))) == [his]
    assert list(jobs.visible_to(actor(UserFactory()))) == []
    assert set(jobs.visible_to(actor(AdminFactory()))) == {hers, his}
    key = ApiKeyFactory(user=bob, repository_id=hers.repository_id)
    assert list(jobs.visible_to(actor(bob, key=key))) == []


def test_a_job_that_was_made_just_before_the_end_is_looked_at_again(forked, settings, monkeypatch):
    """A restart within :data:`jobs.SOON` cannot tell it from one that a request is about to begin."""
    settings.CELERY_TASK_ALWAYS_EAGER = True
    timer = Mock()
    monkeypatch.setattr(server, "Timer", timer)
    monkeypatch.setattr(server, "gc", Mock())
    monkeypatch.setattr(connections, "close_all", Mock())
    server.post_worker_init(Mock())
    assert Job.objects.get().state == Job.State.WAITING
    seconds, look, given = timer.call_args.args
    assert seconds > jobs.SOON.total_seconds()
    Job.objects.update(created_on=timezone.now() - timedelta(seconds=seconds))
    look(*given)
    assert Job.objects.get().state == Job.State.FAILED
    assert not Repository.objects.filter(name="fork").exists()
