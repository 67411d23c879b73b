"""Finding what was put below the root by hand, believing nothing that lies in it."""

import os
import shutil
import subprocess

import pytest
from django.core.exceptions import PermissionDenied

from accounts.permissions import Level
from repos.models import DiskMove, Repository, RepositoryGroup
from repos.services import rescan
from repos.vcs.types import Kind
from tests.factories import AdminFactory, RepositoryFactory, UserFactory, actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return actor(AdminFactory())


def scan(admin, **how):
    found = rescan.rescan(actor=admin, **how)
    return found.added, found.removed


def test_new_repositories_belong_to_the_first_administrator(kind, admin, put):
    (first,) = put("group/sub/one", "first")
    put("two", "second")
    AdminFactory()
    assert scan(admin) == (["group/sub/one", "two"], [])
    assert scan(admin) == ([], [])
    repository = Repository.objects.get(name="group/sub/one")
    assert (repository.kind, repository.owner) == (kind, admin.user)
    assert (repository.group.name, repository.group.parent.name) == ("group/sub", "group")
    assert repository.group.description == "group/sub group"
    assert repository.last_changeset["raw_id"] == first
    assert repository.description == "group/sub/one repository"
    assert [grant.level for grant in repository.grants.all()] == [Level.READ]
    assert [follower.user for follower in repository.followers.all()] == [admin.user]


def test_gits_description_file_is_read_but_no_link_is(admin, repositories_root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    for name in ("with", "without", "linked"):
        subprocess.run(["git", "init", "-q", "--bare", "--template=", repositories_root / name], check=True)
    (repositories_root / "with" / "description").write_text("What it is\n")
    (repositories_root / "linked" / "description").symlink_to(tmp_path / "secret")
    scan(admin)
    found = dict(Repository.objects.values_list("name", "description"))
    assert found == {
        "with": "What it is\n",
        "without": "without repository",
        "linked": "linked repository",
    }


def test_what_is_gone_is_told_and_only_deleted_when_asked(kind, admin, put, repositories_root):
    put("one", "first")
    scan(admin)
    fork = RepositoryFactory(name="fork", kind=kind, fork_of=Repository.objects.get(name="one"))
    put("fork", "first")
    shutil.rmtree(repositories_root / "one")
    assert scan(admin) == ([], ["one"])
    assert Repository.objects.count() == 2
    assert scan(admin, remove_obsolete=True) == ([], ["one"])
    assert Repository.objects.get() == fork
    assert Repository.objects.get().fork_of is None
    assert scan(admin, remove_obsolete=True) == ([], [])


def test_a_repository_that_is_still_being_made_is_not_gone(admin, repositories_root):
    RepositoryFactory(name="pending", state=Repository.State.PENDING)
    assert scan(admin, remove_obsolete=True) == ([], [])
    assert Repository.objects.exists()


def test_changes_behind_the_servers_back_are_read(kind, admin, put, repositories_root):
    put("one", "first")
    scan(admin)
    shutil.rmtree(repositories_root / "one")
    ids = put("one", "first", "second")
    scan(admin)
    assert Repository.objects.get().last_changeset["raw_id"] == ids[-1]


def test_what_is_passed_over(kind, admin, put, repositories_root, tmp_path):
    """Links, deleted and staged folders, impossible names, repositories inside repositories."""
    put("good", "first")
    for name in (
        "rm__20260101_000000_000000__old",
        ".staging/new",
        ".rc_gist_store/1",
        "bad name",
        "123",
        "_1",
        "group/-x",
        "good/inner",
    ):
        (repositories_root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(repositories_root / "good", repositories_root / name, ignore=shutil.ignore_patterns("inner"))
    shutil.copytree(repositories_root / "good", tmp_path / "outside")
    (repositories_root / "link").symlink_to(tmp_path / "outside")
    (repositories_root / "loop").symlink_to(repositories_root)
    assert scan(admin) == (["good"], [])
    assert not RepositoryGroup.objects.exists()


def test_what_leads_to_another_repository_is_passed_over(kind, admin, put, repositories_root, caplog):
    put("secret", "first")
    shutil.copytree(repositories_root / "secret", repositories_root / "evil", symlinks=True)
    inner, file = ("objects", "info/alternates") if kind == "git" else (".hg/store", "undo.backup.x")
    (repositories_root / "evil" / inner / file).parent.mkdir(exist_ok=True)
    (repositories_root / "evil" / inner / file).symlink_to(repositories_root / "secret" / inner)
    assert scan(admin) == (["secret"], [])
    assert "passed over 'evil'" in caplog.text


def test_a_folder_that_is_not_quite_a_repository(repositories_root, tmp_path):
    (repositories_root / "half").mkdir()
    (repositories_root / "half" / "HEAD").touch()
    (repositories_root / "linked").mkdir()
    (tmp_path / "hg").mkdir()
    (repositories_root / "linked" / ".hg").symlink_to(tmp_path / "hg")
    (repositories_root / "real" / ".hg").mkdir(parents=True)
    assert dict(rescan.walk(repositories_root)) == {"real": Kind.HG}


def test_no_code_of_an_imported_repository_runs(admin, put, kind, repositories_root, tmp_path):
    """K6: hooks, extensions and helpers of its own configuration."""
    marker = tmp_path / "marker"
    put("evil", "first")
    config = repositories_root / "evil"
    if kind == "hg":
        (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\n")
        with (config / ".hg" / "hgrc").open("a") as hgrc:
            hgrc.write(f"[extensions]\nevil = {tmp_path}/evil.py\n[hooks]\npre-log = touch {marker}\n")
            hgrc.write(f"pre-identify = touch {marker}\n[ui]\npager = touch {marker}\n")
    else:
        with (config / "config").open("a") as own:
            own.write(f"[core]\nfsmonitor = touch {marker}\npager = touch {marker}\nhooksPath = {tmp_path}\n")
            own.write(f'[alias]\nlog = "!touch {marker}"\n')
    assert scan(admin) == (["evil"], [])
    assert Repository.objects.get().last_changeset["revision"] == 0
    assert not marker.exists()


def test_moves_that_were_cut_off_are_repaired_first(admin, put, repositories_root, kind):
    put("new", "first")
    RepositoryFactory(name="old", kind=kind)
    DiskMove.objects.create(source="old", destination="new")
    assert scan(admin) == ([], [])
    assert (repositories_root / "old").is_dir()


def test_many_known_repositories_cost_no_query_each(admin, repositories_root, django_assert_max_num_queries):
    for number in range(30):
        os.makedirs(repositories_root / f"group{number}" / "r" / ".hg")
    scan(admin)
    assert Repository.objects.count() == 30
    scan(admin)
    with django_assert_max_num_queries(15):
        scan(admin)


def test_for_administrators_only():
    with pytest.raises(PermissionDenied):
        rescan.rescan(actor=actor(UserFactory()))
