"""Gists: a few files to show around, in a small Mercurial repository each."""

from __future__ import annotations

import secrets
import shutil
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import journal
from accounts.actors import Actor
from accounts.models import User
from accounts.services.checks import require_voice
from repos.models import Gist
from repos.services.names import GIST_STORE
from repos.vcs.backend import Repository, open_repository
from repos.vcs.errors import RepositoryNotFound
from repos.vcs.types import FileWrite, Kind, NodeType, Signature

LONGEST_FILE_NAME = 255
LARGEST_FILE = 1024 * 1024  # bytes
MOST_FILES = 100
PRIVATE_ID_LENGTH = 20


def vcs(gist: Gist) -> Repository:
    """The repository that holds a gist's files."""
    return open_repository(Kind.HG, _folder(gist.access_id))


def _folder(access_id: str) -> Path:
    return Path(settings.REPOSITORIES_ROOT) / GIST_STORE / access_id


def create(
    *, actor: Actor, owner: User, files: Mapping[str, str], is_public: bool, lifetime: int, description: str
) -> Gist:
    """Make a gist.

    Args:
        files: name -> content.
        lifetime: minutes, -1 for ever.

    Raises:
        ValidationError: no files, or a wrong name, size or lifetime.
        PermissionDenied: only administrators make gists for somebody else.
    """
    _require_voice(actor)
    if owner != actor.user and not actor.is_admin:
        raise PermissionDenied("no permission to create gists for others")
    writes = [_checked(name, content) for name, content in files.items()]
    if not 1 <= len(writes) <= MOST_FILES:
        raise ValidationError({"files": f"a gist has 1 to {MOST_FILES} files"})
    gist = Gist(
        owner=owner, is_public=is_public, description=description, expires_on=_expiry(lifetime), access_id=_private_id()
    )
    try:
        with transaction.atomic():
            gist.save()
            if is_public:
                gist.access_id = str(gist.pk)
                gist.save(update_fields=["access_id"])
            journal.record(actor, "create_gist", gist)
            _write(gist, writes)
    except BaseException:
        shutil.rmtree(_folder(gist.access_id), ignore_errors=True)
        raise
    return gist


def _require_voice(actor: Actor) -> None:
    require_voice(actor)
    if actor.is_bound:
        raise PermissionDenied("this key opens one place only")


def _private_id() -> str:
    return "".join(secrets.choice(string.ascii_letters) for _ in range(PRIVATE_ID_LENGTH))


def _expiry(lifetime: int) -> datetime | None:
    if lifetime == -1:
        return None
    try:
        return timezone.now() + timedelta(minutes=lifetime)
    except OverflowError:
        raise ValidationError({"lifetime": "out of range"}) from None


def _checked(name: str, content: str) -> FileWrite:
    if not 0 < len(name.encode()) <= LONGEST_FILE_NAME or "/" in name or "\\" in name or name.startswith("."):
        raise ValidationError({"files": f"{name!r} is no name for a file"})
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ValidationError({"files": "a file name has no control characters"})
    data = content.encode()
    if len(data) > LARGEST_FILE:
        raise ValidationError({"files": f"{name!r} is larger than {LARGEST_FILE} bytes"})
    return FileWrite(name, data)


def _write(gist: Gist, writes: list[FileWrite]) -> None:
    folder = _folder(gist.access_id)
    folder.parent.mkdir(exist_ok=True)
    if folder.exists():  # left by a crash before its row was committed
        shutil.rmtree(folder)
    open_repository(Kind.HG, folder).create(folder)
    author = Signature(gist.owner.full_name or gist.owner.username, gist.owner.email or "", timezone.now())
    names = ", ".join(write.path for write in writes)
    vcs(gist).commit(writes, message=f"added: {names}", author=author, branch="default", parent=None)


def delete(*, actor: Actor, gist: Gist) -> None:
    """Delete a gist and its files; its owner or an administrator may."""
    _require_voice(actor)
    if not Gist.objects.owned_by(actor).filter(pk=gist.pk).exists():
        raise PermissionDenied("not your gist")
    folder = _folder(gist.access_id)
    with transaction.atomic():
        journal.record(actor, "delete_gist", gist)
        gist.delete()
    vcs(gist).close()
    shutil.rmtree(folder, ignore_errors=True)


def read(gist: Gist) -> dict[str, bytes]:
    """Name -> content of a gist's files; nothing when its repository is gone."""
    repository = vcs(gist)
    try:
        tip = repository.tip()
    except RepositoryNotFound:
        return {}
    if tip is None:
        return {}
    return {
        node.path: repository.read_file(tip.raw_id, node.path, max_bytes=LARGEST_FILE)
        for node in repository.nodes(tip.raw_id, recursive=True)
        if node.type is NodeType.FILE and not node.path.startswith(".rc_gist_metadata")
    }
