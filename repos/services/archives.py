"""Archives of a tree, made once and kept for a while in a folder of bounded size.

The same changeset gives the same bytes, so a finished file serves every later request, a part of it too.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast, get_args

from django.conf import settings

from repos.models import Repository
from repos.vcs.types import ArchiveFormat

FORMATS: tuple[ArchiveFormat, ...] = get_args(ArchiveFormat)
ALIASES: dict[str, ArchiveFormat] = {"tgz": "tar.gz"}


def format_of(name: str) -> tuple[str, ArchiveFormat] | None:
    """Split ``<revision>.<ending>`` into the revision and the format."""
    for ending in sorted((*FORMATS, *ALIASES), key=len, reverse=True):
        if name.endswith("." + ending):
            return name[: -len(ending) - 1], ALIASES.get(ending, cast("ArchiveFormat", ending))
    return None


class Archive:
    """One archive of one changeset: where it is kept, and how it is made."""

    def __init__(self, repository: Repository, raw_id: str, format: ArchiveFormat) -> None:
        self.repository, self.raw_id, self.format = repository, raw_id, format
        self.prefix = f"{repository.name.replace('/', '_')}-{raw_id[:12]}"
        # The prefix is inside the archive: after a rename it is another file.
        key = hashlib.sha256(f"{repository.pk} {repository.kind} {raw_id} {self.prefix}".encode()).hexdigest()
        self.etag = f'"{key[:40]}.{format}"'
        self.path = archives_root() / f"{key}.{format}"

    @property
    def is_ready(self) -> bool:
        with suppress(FileNotFoundError):
            os.utime(self.path)  # the last to be deleted is the last that was used
            return True
        return False

    def pieces(self) -> Iterator[bytes]:
        """Make the archive, keeping a copy when it was read to its end."""
        root = archives_root()
        root.mkdir(parents=True, exist_ok=True)
        quota: int = settings.ARCHIVE_CACHE_BYTES
        descriptor, draft = tempfile.mkstemp(prefix="draft-", dir=root)
        written = 0
        try:
            with os.fdopen(descriptor, "wb") as copy:
                for piece in self.repository.vcs.archive(self.raw_id, self.format, self.prefix):
                    written += len(piece)
                    if written <= quota:
                        copy.write(piece)
                    elif copy.tell():
                        copy.truncate(0)  # too large to keep
                        copy.seek(0)
                    yield piece
            if written <= quota:
                Path(draft).replace(self.path)
                make_room(quota)
        finally:
            Path(draft).unlink(missing_ok=True)


def archives_root() -> Path:
    return Path(settings.CACHE_ROOT) / "archives"


def make_room(quota: int) -> None:
    """Delete the archives not used for longest until all together are within ``quota`` bytes."""
    files = []
    for path in archives_root().iterdir():
        with suppress(FileNotFoundError):
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= quota:
            break
        path.unlink(missing_ok=True)
        total -= size
