"""Two generated histories of the same shape, one for each tool: lines of work that merge, some hundred files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

START = 1_262_304_000  # 2010-01-01, one changeset an hour
FILES = 400
AUTHORS = [f"Author {number} <author{number}@example.com>" for number in range(40)]
ENVIRONMENT = {
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HGRCPATH": "/dev/null",
    "HGPLAIN": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}


def path_of(number: int) -> str:
    return f"part{number % 20:02}/file{number % FILES:03}.txt"


def is_merge(number: int) -> bool:
    """Every tenth changeset merges the two before, which then lie beside each other."""
    return number % 10 == 9


def make_git(path: Path, count: int) -> None:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(path)], env=ENVIRONMENT, check=True)
    fast_import = subprocess.Popen(
        ["git", "-C", str(path), "fast-import", "--quiet"], env=ENVIRONMENT, stdin=subprocess.PIPE
    )
    assert fast_import.stdin is not None
    for piece in _fast_import(count):
        fast_import.stdin.write(piece)
    fast_import.stdin.close()
    assert fast_import.wait() == 0
    subprocess.run(["git", "-C", str(path), "repack", "-adq"], env=ENVIRONMENT, check=True)


def _fast_import(count: int) -> Iterator[bytes]:
    for number in range(count):
        author, date = AUTHORS[number % len(AUTHORS)], f"{START + 3600 * number} +0000"
        message = f"Change number {number}\n\nBecause of {number * 7919 % 1000}.\n".encode()
        content = f"{number}\n".encode() * (1 + number % 30)
        head = f"commit refs/heads/main\nmark :{number + 1}\nauthor {author} {date}\ncommitter {author} {date}\n"
        yield head.encode() + b"data %d\n%b\n" % (len(message), message)
        if number:
            side = number > 1 and is_merge(number + 1)  # beside the one before
            yield b"from :%d\n" % (number - 1 if side else number)
            if is_merge(number):
                yield b"merge :%d\n" % (number - 1)
        yield b"M 100644 inline %b\ndata %d\n%b\n" % (path_of(number).encode(), len(content), content)
    yield b"done\n"


_MAKE_HG = """
import sys
from mercurial import context, hg, ui
from tests.benchmarks.histories import AUTHORS, START, is_merge, path_of

path, count = sys.argv[1].encode(), int(sys.argv[2])
repo = hg.repository(ui.ui.load(), path, create=True)
nodes = []
with repo.wlock(), repo.lock(), repo.transaction(b"generate"):
    for number in range(count):
        name = path_of(number).encode()
        content = b"%d\\n" % number * (1 + number % 30)
        first, second = (nodes[-1] if nodes else repo.nullid), None
        if number > 1 and is_merge(number + 1):
            first = nodes[-2]
        if number and is_merge(number):
            second = nodes[-2]
        changeset = context.memctx(
            repo, (first, second), b"Change number %d\\n\\nBecause of %d." % (number, number * 7919 % 1000), [name],
            lambda repo, changeset, path: context.memfilectx(repo, changeset, path, content),
            user=AUTHORS[number % len(AUTHORS)].encode(), date=(START + 3600 * number, 0),
        )
        nodes.append(repo.commitctx(changeset))
"""


def make_hg(path: Path, count: int) -> None:
    root = str(Path(__file__).resolve().parent.parent.parent)
    command = [sys.executable, "-c", _MAKE_HG, str(path), str(count)]
    subprocess.run(command, env={**ENVIRONMENT, "PYTHONPATH": root}, check=True)
