"""What must be there for a site to work: looked at by every start, and by ``manage.py check --deploy``."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution

from repos.vcs import process
from repos.vcs.errors import VcsError

OLDEST_GIT = (2, 38)  # merge-tree --write-tree
OLDEST_MERCURIAL = (7, 0)


@register("site", deploy=True)
def check_site(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*tools(), *folders(), *secret()]


def tools() -> Iterator[CheckMessage]:
    """Git on the path, and Mercurial in this Python, both new enough."""
    oldest_git, oldest_mercurial = (".".join(map(str, oldest)) for oldest in (OLDEST_GIT, OLDEST_MERCURIAL))
    try:
        said = process.run(["git", "--version"], timeout=20).decode("utf-8", "replace").strip()
    except (OSError, VcsError) as error:
        yield Error(f"Git {oldest_git} or newer is needed and could not be started: {error}", id="site.E001")
    else:
        if _numbers(said) < OLDEST_GIT:
            yield Error(f"Git {oldest_git} or newer is needed, this is {said}", id="site.E002")
    try:
        mercurial = version("mercurial")
    except PackageNotFoundError:
        yield Error(f"Mercurial {oldest_mercurial} or newer is needed: pip install mercurial", id="site.E003")
    else:
        if _numbers(mercurial) < OLDEST_MERCURIAL:
            yield Error(f"Mercurial {oldest_mercurial} or newer is needed, this is {mercurial}", id="site.E004")


def folders() -> Iterator[CheckMessage]:
    """The data folder and the repositories root, made when missing."""
    for name, folder in (
        ("KALLITHEA_HOME", settings.KALLITHEA_HOME),
        ("REPOSITORIES_ROOT", settings.REPOSITORIES_ROOT),
    ):
        reason = _not_writable(folder)
        if reason is not None:
            yield Error(f"{name} {folder} cannot be written: {reason}", id="site.E005")


def _not_writable(folder: Path) -> str | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror
    return None if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "Permission denied"


def secret() -> Iterator[CheckMessage]:
    """Whoever reads the secret can read every stored key."""
    path = settings.KALLITHEA_HOME / "secret"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # it comes from the environment
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Caution(f"{path} can be read by others: chmod 600 {path}", id="site.W001")


def _numbers(text: str) -> tuple[int, ...]:
    """``(2, 39, 5)`` of ``git version 2.39.5 (something)``; nothing when there is none."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(map(int, match[0].split("."))) if match else ()
