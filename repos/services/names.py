"""Which names repositories and repository groups may have.

A name is a path of the database, of the disk and of URLs at once, so what one of them misreads is refused. What
Kallithea accepted stays accepted (dots, letters of every language); what it accepted by mistake does not.
"""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext as _

from repos.models import Repository, RepositoryGroup
from repos.services.errors import InvalidName, NameTaken

MAX_NAME = 255  # characters of the whole path
MAX_PART = 255  # bytes of one folder name

_ASCII = re.compile(r"[A-Za-z0-9_.-]*")
GIST_STORE = ".rc_gist_store"  # where Kallithea keeps gists, so that imported ones are found
#: Folders of the tools and of the server itself, in any case.
_FOLDERS = frozenset({".", "..", ".hg", ".git", ".svn", ".staging", GIST_STORE})
#: What the server keeps for itself at the top: ``/_admin``, ``/_static``, ``/_12/...``
_RESERVED = re.compile(r"_(\d|admin|static|media|error|health)", re.IGNORECASE)
TRASH_PREFIX = "rm__"  # of deleted folders


def check_part(name: str) -> str:
    """The last part of a path in Unicode's composed form (NFC), or ``InvalidName``."""
    name = unicodedata.normalize("NFC", name)
    ascii_only = "".join(character for character in name if character < "\x80")
    if not name:
        raise InvalidName(_("The name is empty."))
    if len(name.encode("utf-8", "surrogatepass")) > MAX_PART:
        raise InvalidName(_("The name is too long."))
    if not _ASCII.fullmatch(ascii_only) or not name.isprintable() or any(map(str.isspace, name)):
        raise InvalidName(_("The name may contain letters, digits, dots, underscores and dashes only."))
    if name.startswith("-") or name.endswith("-") or "--" in name:
        raise InvalidName(_("The name may not begin or end with a dash or contain two of them in a row."))
    if name.lower() in _FOLDERS or name.startswith(TRASH_PREFIX):
        raise InvalidName(_("The name is reserved."))
    return name


def full_name(group: RepositoryGroup | None, name: str) -> str:
    """The checked path of ``name`` (one part) in ``group``."""
    name = check_part(name)
    path = f"{group.name}/{name}" if group is not None else name
    if len(path) > MAX_NAME:
        raise InvalidName(_("The name is too long."))
    if group is None and _RESERVED.match(name):
        raise InvalidName(_("The name is reserved."))
    if group is None and name.isdecimal():
        raise InvalidName(_("A name of digits only would be taken for a number."))
    return path


def is_valid(path: str) -> bool:
    """Whether a folder found at ``path`` could have been made by this server."""
    parts = path.split("/")
    try:
        normal = "/".join(check_part(part) for part in parts)
        if len(parts) == 1:
            full_name(None, parts[0])
    except InvalidName:
        return False
    return normal == path and len(path) <= MAX_NAME and not _RESERVED.match(path)


def check_free(path: str, model: type[Repository | RepositoryGroup], *, but: int | None = None) -> None:
    """``NameTaken`` unless a new ``model`` (or the one with number ``but``) may be called ``path``.

    Names that differ in case only are different names, but not of a repository and a repository group: one folder
    would be inside the other where the disk ignores case.
    """
    repositories, groups = Repository.objects.all(), RepositoryGroup.objects.all()
    if model is Repository:
        taken = (repositories.filter(name=path).exclude(pk=but or 0), groups.filter(name__iexact=path))
    else:
        taken = (repositories.filter(name__iexact=path), groups.filter(name=path).exclude(pk=but or 0))
    if any(found.exists() for found in taken):
        raise NameTaken(_("The name `%(name)s` is taken.") % {"name": path})
