"""Git without the repository's own ideas.

No command ever runs in a repository's folder. It runs in a *view*: a folder of the server's own that has a
configuration of the server's own and reaches the objects and references of the repository. So a repository's
``config`` (drivers, filters, hooks, fsmonitor, credential helpers, URL rewriting, partial-clone remotes), ``hooks/``,
``info/attributes``, grafts and replacements are never read, whoever wrote them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from repos.vcs.errors import RepositoryNotFound
from repos.vcs.own import is_own
from repos.vcs.process import Argument
from repos.vcs.types import Kind

_CONFIG = """\
[core]
\trepositoryFormatVersion = 0
\tbare = true
\tquotePath = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\tfsmonitor = false
\tlogAllRefUpdates = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[transfer]
\tcredentialsInUrl = die
"""

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
}

_lock = threading.Lock()
_shared: Path | None = None


def git(*args: Argument) -> list[Argument]:
    """The command line of one Git command."""
    return ["git", "--no-pager", "--literal-pathspecs", *args]


def git_environment(*, protocols: Sequence[str] = (), extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What every Git process gets, without a repository. ``protocols`` are those it may speak, none by default."""
    return {**_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": ":".join(protocols), **(extra or {})}


def objects_only(
    path: Path, *, also: Sequence[Path] = (), scratch: Path | None = None, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a command that asks by hash: the objects of ``path``, and of the repositories ``also``.

    ``scratch`` is a folder that takes the objects that the command writes, instead of the repository.
    """
    others = [other / "objects" for other in also if other != path]
    for repository in (path, *also):
        require_own(repository)
    objects = path / "objects"
    if scratch is not None:
        objects, others = scratch, [objects, *others]
    env = git_environment(extra=extra)
    env["GIT_DIR"] = str(_shared_view())
    env["GIT_OBJECT_DIRECTORY"] = str(objects)
    if others:
        env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(_quoted(other) for other in others)
    if (path / "shallow").is_file():
        env["GIT_SHALLOW_FILE"] = str(path / "shallow")
    return env


@contextmanager
def view(path: Path) -> Iterator[Path]:
    """A folder that Git takes for the repository at ``path``, references included, for commands that need them."""
    require_own(path)
    if not (path / "HEAD").is_file():
        raise RepositoryNotFound(f"no Git repository at {path.name}")
    with tempfile.TemporaryDirectory(prefix="git-view-") as name:
        folder = Path(name)
        (folder / "config").write_text(_CONFIG)
        (folder / "HEAD").write_bytes((path / "HEAD").read_bytes())
        for part in ("objects", "refs", "packed-refs", *(["shallow"] if (path / "shallow").is_file() else [])):
            (folder / part).symlink_to(path / part)
        yield folder


def require_own(path: Path) -> None:
    """Alternates and links would lead to the objects of other repositories."""
    if not is_own(Kind.GIT, path):
        raise RepositoryNotFound(f"no Git repository at {path.name}")


def _shared_view() -> Path:
    """The view without references, one for the process and its children; made anew when a cleaner took it."""
    global _shared  # noqa: PLW0603 - one per process
    shared = _shared
    if shared is not None and (shared / "HEAD").is_file():
        return shared
    with _lock:
        if _shared is None or not (_shared / "HEAD").is_file():
            folder = Path(tempfile.mkdtemp(prefix="git-view-"))
            (folder / "config").write_text(_CONFIG)
            (folder / "refs").mkdir()
            (folder / "objects").mkdir()
            (folder / "HEAD").write_text("ref: refs/heads/none\n")
            atexit.register(_remove, folder, os.getpid())
            _shared = folder
        return _shared


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _quoted(path: Path) -> str:
    text = str(path)
    if ":" not in text and not text.startswith('"'):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
