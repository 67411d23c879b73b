"""How much memory the processes of a running site take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.site.running import RunningSite

#: Parts of command lines by which the programs of a site are told apart.
PROGRAMS = (
    "hgweb_worker",
    "mercurial import dispatch",
    "receive-pack",
    "index-pack",
    "upload-pack",
    "pack-objects",
    "gunicorn",
)


def tree(pid: int) -> Iterator[int]:
    """A process and all below it, whichever of its threads started them."""
    yield pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from tree(int(child))


def anonymous(pid: int) -> int:
    """Bytes that a process has of its own: what it maps from files is the system's cache, which takes it back."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)["RssAnon"].split()[0]) * 1024


class Peaks:
    """The most memory that each process of a site has had while this was entered."""

    def __init__(self, site: RunningSite) -> None:
        self._site = site
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._found: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            for pid in tree(self._site.process.pid):
                with suppress(OSError, KeyError, ValueError):
                    command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                    self._found[command] = max(anonymous(pid), self._found.get(command, 0))

    def __str__(self) -> str:
        return ", ".join(f"{name} {size >> 20} MB" for name, size in self.of_programs().items())

    def __getitem__(self, program: str) -> int:
        """Bytes of the largest process of one of :data:`PROGRAMS`, 0 where none ran."""
        return self.of_programs().get(program, 0)

    def of_programs(self) -> dict[str, int]:
        """Bytes of the largest process of each program, the largest first."""
        largest: dict[str, int] = {}
        for command, size in self._found.items():
            name = next((name for name in PROGRAMS if name in command), "others")
            largest[name] = max(size, largest.get(name, 0))
        return dict(sorted(largest.items(), key=lambda item: -item[1]))
