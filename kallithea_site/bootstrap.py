"""What a start does before it serves: look around, migrate, and furnish the site on its very first start."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.core.checks import Error
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction

from accounts import journal
from accounts.actors import Actor
from accounts.models import API_KEY_ALPHABET, API_KEY_LENGTH, User, new_api_key
from accounts.permissions import DEFAULT_USER_ID
from accounts.services import users
from kallithea_site import checks, demo
from kallithea_site.celery import app as celery
from repos.services import jobs

_TEMPORARY = "kallithea-server-"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Credentials:
    """What the first administrator signs in with; shown once."""

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that of two starts on one port the second knows at once.

    Raises:
        CommandError: the port is in use, or the address is not this machine's.
    """
    if not 0 <= port < 65536:  # getaddrinfo would take the rest of a division
        raise CommandError(f"PORT must be between 0 and 65535, not {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        raise CommandError(f"Cannot listen on HOST {host}, PORT {port}: {error.strerror}") from None
    return listener


def look_around() -> None:
    """Raise CommandError with one line about the first thing that is missing."""
    for message in (*checks.tools(), *checks.folders()):
        if isinstance(message, Error):
            raise CommandError(message.msg)
    given_credentials()
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise CommandError(f"The database cannot be reached (DATABASE_URL): {_one_line(error)}") from None
    if settings.REDIS_URL:
        try:
            cache.get("reachable")
        except Exception as error:  # noqa: BLE001 - whatever the client library raises
            raise CommandError(f"Redis cannot be reached (REDIS_URL): {_one_line(error)}") from None
    if settings.CELERY_BROKER_URL:
        try:
            with celery.connection_for_write(connect_timeout=5) as broker:
                broker.connect()
        except Exception as error:  # noqa: BLE001 - whatever the client library raises
            raise CommandError(f"The broker cannot be reached (CELERY_BROKER_URL): {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def given_credentials() -> tuple[str | None, str | None]:
    """Password and API key of the first administrator, where the environment names them."""
    password = os.environ.get("KALLITHEA_ADMIN_PASSWORD") or None
    api_key = os.environ.get("KALLITHEA_ADMIN_API_KEY") or None
    if api_key is not None and not re.fullmatch(f"[{API_KEY_ALPHABET}]{{{API_KEY_LENGTH}}}", api_key):
        raise CommandError(f"KALLITHEA_ADMIN_API_KEY must be {API_KEY_LENGTH} letters and digits")
    return password, api_key


@contextmanager
def alone() -> Iterator[None]:
    """One start at a time for this data folder; the next one waits and finds everything done."""
    with (settings.KALLITHEA_HOME / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def temporary_folder() -> Path:
    """A folder of this server for its temporary files, locked until its last process has ended.

    What servers that were killed have left is deleted. It is not below the data folder, whose path may be too long for
    the sockets that are in it.
    """
    root = Path(tempfile.gettempdir())
    for folder in root.glob(f"{_TEMPORARY}*"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=root))
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.exists():  # else another start took it for an abandoned one, just now
                os.set_inheritable(descriptor, True)  # the server is another program in this process
                return folder


def prepare() -> Credentials | None:
    """Bring database and static files up to date; on the first start also make the administrator, and say who it is."""
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise CommandError(f"The database cannot be migrated: {_one_line(error)}") from None
    call_command("collectstatic", interactive=False, verbosity=0)
    jobs.resume()
    return create_first_admin()


def create_examples() -> None:
    """The example site. A site without it is still one, so what goes wrong here does not stop the start."""
    try:
        demo.create_example_site(User.objects.filter(is_admin=True).earliest("pk"))
    except Exception:
        log.exception("the example site could not be made")


def create_first_admin() -> Credentials | None:
    """The first administrator, unless there is anybody already (a second start, an imported site)."""
    if User.objects.exclude(pk=DEFAULT_USER_ID).exists():
        return None
    password, api_key = given_credentials()
    password, api_key = password or secrets.token_urlsafe(12), api_key or new_api_key()
    user = User(
        username="admin",
        firstname="Kallithea",
        lastname="Admin",
        email="admin@example.com",
        is_admin=True,
    )
    user.set_password(password)
    with transaction.atomic():
        user.save()
        users.add_builtin_key(user, api_key)
        journal.record(Actor(user), "create_user", user, admin=True, active=True)
    return Credentials(user.username, password, api_key)
