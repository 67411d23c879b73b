"""Disk and database never disagree, wherever a process dies."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connection, transaction

from repos import locks
from repos.models import DiskMove, Repository
from repos.services import storage
from repos.services.errors import NameTaken
from repos.services.storage import Move, StorageError
from tests.factories import RepositoryFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(repositories_root):
    """A repository called ``old`` with something in its folder."""
    (repositories_root / "old").mkdir()
    (repositories_root / "old" / "file").write_text("content")
    return RepositoryFactory(name="old")


def rename(repository):
    Repository.objects.filter(pk=repository.pk).update(name="new")


def names(root):
    return {name for name in os.listdir(root) if name != locks.STAGING}


def test_a_move_changes_folder_and_row(folder, repositories_root):
    with storage.moving(Move("old", "group/new")):
        rename(folder)
    assert (repositories_root / "group" / "new" / "file").read_text() == "content"
    assert Repository.objects.get().name == "new"
    assert not DiskMove.objects.exists()


def test_an_error_in_the_block_leaves_everything_as_it_was(folder, repositories_root):
    with pytest.raises(ZeroDivisionError), storage.moving(Move("old", "new")):
        rename(folder) or 1 / 0
    assert names(repositories_root) == {"old"}
    assert Repository.objects.get().name == "old"
    assert not DiskMove.objects.exists()


def test_a_second_move_that_fails_takes_the_first_back(folder, repositories_root, monkeypatch):
    (repositories_root / "other").mkdir()
    rename_folder = Path.rename

    def fail_for_another(path, target):
        if target.name == "another":
            raise OSError("disk full")
        return rename_folder(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_another)
    with pytest.raises(OSError, match="disk full"), storage.moving(Move("old", "new"), Move("other", "another")):
        rename(folder)
    assert names(repositories_root) == {"old", "other"}
    assert Repository.objects.get().name == "old"


def test_a_commit_that_fails_takes_the_folder_back(folder, repositories_root, monkeypatch):
    def fail():
        connection.rollback()
        raise DatabaseError("connection lost")

    with pytest.raises(DatabaseError), storage.moving(Move("old", "new")):
        rename(folder) or monkeypatch.setattr(connection, "commit", fail)
    monkeypatch.undo()
    storage.repair()
    assert names(repositories_root) == {"old"}
    assert Repository.objects.get().name == "old"
    assert not DiskMove.objects.exists()


def test_a_commit_that_happened_but_raised_is_believed(folder, repositories_root, monkeypatch):
    really = connection.commit

    def commit_and_fail():
        monkeypatch.undo()
        really()
        raise DatabaseError("connection lost after the commit")

    with pytest.raises(DatabaseError), storage.moving(Move("old", "new")):
        rename(folder) or monkeypatch.setattr(connection, "commit", commit_and_fail)
    assert names(repositories_root) == {"new"}
    assert Repository.objects.get().name == "new"


CRASH = """
import os, sys
import django
django.setup()
from django.conf import settings
settings.REPOSITORIES_ROOT = sys.argv[1]
from repos.models import Repository
from repos.services import storage
from pathlib import Path
when = sys.argv[2]
def die(*args): os._exit(9)
if when == "before":
    Path.rename = die
elif when == "after":
    from django.db import connection
    rename = Path.rename
    def rename_and_die(path, target):
        rename(path, target)
        die()
    Path.rename = rename_and_die
with storage.moving(storage.Move("old", "new")):
    Repository.objects.filter(name="old").update(name="new")
if when == "committed":
    die()
"""


SET_UP = """
import sys, django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.models import User
from repos.models import Repository
Repository.objects.create(name="old", kind="hg", owner=User.objects.get(pk=1))
"""

LOOK = """
import sys, django
django.setup()
from django.conf import settings
settings.REPOSITORIES_ROOT = sys.argv[1]
from repos.models import DiskMove, Repository
from repos.services import storage
storage.repair()
print(Repository.objects.get().name, DiskMove.objects.count())
"""


def python(home, code, *args):
    """Run code in a process and with a database of its own."""
    env = {
        **os.environ,
        "KALLITHEA_HOME": str(home),
        "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
        "DJANGO_SETTINGS_MODULE": "kallithea_site.settings",
        "PYTHONPATH": str(django_settings.BASE_DIR),
    }
    return subprocess.run([sys.executable, "-c", code, *args], env=env, capture_output=True, text=True)


def test_a_killed_process_is_repaired_by_the_next(tmp_path):
    """Ended without any cleaning up: before the rename, between rename and commit, after the commit."""
    home = tmp_path / "home"
    home.mkdir()
    assert python(home, SET_UP).returncode == 0
    for when, survivor in [("before", "old"), ("after", "old"), ("committed", "new")]:
        root = tmp_path / when
        (root / "old").mkdir(parents=True)
        assert python(home, CRASH, str(root), when).returncode == 9
        assert python(home, LOOK, str(root)).stdout.split() == [survivor, "0"]
        assert names(root) == {survivor}


def test_the_next_move_repairs_what_an_earlier_one_left(folder, repositories_root):
    (repositories_root / "old").rename(repositories_root / "new")
    DiskMove.objects.create(source="old", destination="new")
    with storage.moving(Move("old", "newer")):
        pass
    assert names(repositories_root) == {"newer"}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite commits in the process itself")
def test_a_commit_that_outlives_its_process_is_waited_for(folder, repositories_root):
    DiskMove.objects.create(source="old", destination="new")
    (repositories_root / "old").rename(repositories_root / "new")
    dead = connection.copy()
    dead.set_autocommit(False)
    with dead.cursor() as cursor:
        cursor.execute("DELETE FROM repos_diskmove")
        cursor.execute("UPDATE repos_repository SET name = 'new'")

    def repair():
        storage.repair()
        connection.close()

    repairing = Thread(target=repair)
    repairing.start()
    try:
        deadline = monotonic() + 120
        with connection.cursor() as cursor:
            waiting = None
            while not waiting:
                assert monotonic() < deadline
                cursor.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                waiting = cursor.fetchone()
    finally:
        dead.commit()
        dead.close()
        repairing.join(120)
    assert Repository.objects.get().name == "new"
    assert names(repositories_root) == {"new"}
    assert not DiskMove.objects.exists()


def test_a_taken_destination_and_a_missing_source_are_refused(folder, repositories_root):
    (repositories_root / "taken").mkdir()
    with pytest.raises(NameTaken), storage.moving(Move("old", "taken")):
        pass
    with pytest.raises(StorageError), storage.moving(Move("missing", "new")):
        pass
    assert names(repositories_root) == {"old", "taken"}


def test_it_must_be_the_outermost_transaction(folder, repositories_root):
    with pytest.raises(RuntimeError), transaction.atomic(), storage.moving(Move("old", "new")):
        pass
    assert names(repositories_root) == {"old"}


@pytest.mark.parametrize("name", ["../outside", "a/../b", "", "a//b", "a/", "/etc", "a\0b", ".", "link/inside", "link"])
def test_every_path_lies_inside_the_root(repositories_root, tmp_path, name):
    (tmp_path / "outside").mkdir()
    (repositories_root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError):
        storage.locate(name)


def test_staged_folders_are_deleted_unless_moved_away(repositories_root):
    with storage.staging() as staged:
        storage.locate(staged).mkdir()
        assert storage.exists(staged)
    assert not storage.exists(staged)


def test_repair_deletes_staged_folders_that_nobody_fills_any_more(repositories_root):
    (repositories_root / locks.STAGING / "abandoned").mkdir(parents=True)
    with storage.staging() as staged:
        storage.locate(staged).mkdir()
        storage.repair()
        assert storage.exists(staged)
    assert os.listdir(repositories_root / locks.STAGING) == ["lock"]


def test_deleted_names_fit_into_a_folder_name():
    name = storage.trash_name("group/" + "ü" * 127)
    assert name.startswith("group/rm__")
    assert len(name.rpartition("/")[2].encode()) <= 255
