"""What the example repositories hold: a small program's life, told once and written with either tool."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from repos.vcs.backend import Repository
from repos.vcs.git.isolation import git, git_environment
from repos.vcs.process import run
from repos.vcs.types import FileWrite, Kind, Signature

ANNA = ("Anna Lindqvist", "anna@example.com", timezone(timedelta(hours=1)))
BEN = ("Ben Okafor", "ben@example.com", UTC)
ZOE = ("Zoë Müller-Núñez", "zoe@example.com", timezone(timedelta(hours=5, minutes=30)))
Author = tuple[str, str, timezone]

START = datetime(2024, 2, 5, 8, 12, tzinfo=UTC)

README = """\
# {name}

High and low water for small harbours, from a handful of constants.

    ./tides Helgoland 2024-06-01
"""
LICENCE = "Do with it what you like.\n"
SCRIPT = '#!/bin/sh\nexec python3 -m tides "$@"\n'
TIDES = '''\
"""When the water comes and when it goes."""

from datetime import datetime, timedelta

MOON = timedelta(hours=12, minutes=25, seconds=14)


def high_waters(first: datetime, count: int) -> list[datetime]:
    """The next high waters after a known one."""
    return [first + MOON * number for number in range(count)]
'''
LOW = '''

def low_waters(first: datetime, count: int) -> list[datetime]:
    """Half a period after every high water."""
    return [high + MOON / 2 for high in high_waters(first, count)]
'''
LOOKUP = '''\
"""Reads the harbours."""



def constants(harbour: str) -> dict[str, float]:
    """The constants of one harbour, by name."""
    lines = Path("harbours", harbour + ".txt").read_text().splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines)}
'''
TEST = """\
from datetime import datetime

from tides import high_waters


def test_high_waters_are_half_a_day_apart():
    first, second = high_waters(datetime(2024, 6, 1), 2)
    assert 12 < (second - first).total_seconds() / 3600 < 13
"""
MOON = '''\
"""How old the moon is."""

from datetime import date

NEW_MOON = date(2024, 1, 11)
MONTH = 29.530588


def age(day: date) -> float:
    """Days since the last new moon."""
    return (day - NEW_MOON).days % MONTH
'''
# A drop of water, 8 by 8 pixels.
ICON = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000008000000080100000000ec748326000000154944415478"
    "9c6378cef09ce1304323103200f161002c0b04d8fde7b25f0000000049454e44ae426082"
)
HARBOURS = {
    "Helgoland": (1.12, 0.31),
    "Saint-Malo": (3.82, 1.48),
    "Tórshavn": (0.14, 0.06),
    "Ålesund": (0.62, 0.22),
    "Łeba": (0.02, 0.01),
    "神戸": (0.31, 0.18),
}


def harbour(name: str) -> dict[str, str]:
    moon, sun = HARBOURS[name]
    return {f"harbours/{name}.txt": f"M2 {moon}\nS2 {sun}\n"}


@dataclass
class History:
    """Writes one repository, a changeset every few hours; knows where every branch is."""

    repository: Repository
    heads: dict[str, str] = field(default_factory=dict)  # branch -> raw_id
    tags: str = ""  # the content of .hgtags
    _hours: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def trunk(self) -> str:
        return "main" if self.repository.kind is Kind.GIT else "default"

    def commit(
        self,
        author: Author,
        message: str,
        files: dict[str, str | bytes | None],
        *,
        branch: str = "",
        base: str | None = None,
        executable: bool = False,
    ) -> str:
        """One changeset on ``branch`` (the trunk), which starts at ``base`` when it is new."""
        branch = branch or self.trunk
        writes = [
            FileWrite(path, content.encode() if isinstance(content, str) else content, executable=executable)
            for path, content in files.items()
        ]
        self.heads[branch] = self.repository.commit(
            writes,
            message=message,
            author=self._signature(author),
            branch=branch,
            parent=self.heads.get(branch, base),
        )
        return self.heads[branch]

    def merge(self, author: Author, message: str, source: str) -> str:
        """Merge branch ``source`` into the trunk."""
        self.heads[self.trunk] = self.repository.merge(
            self.repository.path,
            self.heads[source],
            target_branch=self.trunk,
            target_id=self.heads[self.trunk],
            message=message,
            author=self._signature(author),
        )
        return self.heads[self.trunk]

    def tag(self, author: Author, name: str, raw_id: str) -> None:
        """Name a changeset for good: Git in a tag object, Mercurial in a changeset of its own."""
        if self.repository.kind is Kind.HG:
            self.tags += f"{raw_id} {name}\n"
            self.commit(author, f"Added tag {name} for changeset {raw_id[:12]}", {".hgtags": self.tags})
            return
        tagger = self._signature(author)
        environment = {
            "GIT_DIR": str(self.repository.path),
            "GIT_COMMITTER_NAME": tagger.name,
            "GIT_COMMITTER_EMAIL": tagger.email,
            "GIT_COMMITTER_DATE": tagger.date.isoformat(),
        }
        run(git("tag", "-a", "-m", f"Version {name}", "--", name, raw_id), env=git_environment(extra=environment))

    def _signature(self, author: Author) -> Signature:
        name, email, zone = author
        return Signature(name, email, (START + timedelta(hours=7) * next(self._hours)).astimezone(zone))


def write_tides(repository: Repository, name: str) -> None:
    """The whole story, in an empty repository."""
    history = History(repository)
    commit, merge = history.commit, history.merge
    commit(ANNA, "Begin with a promise\n\nThe numbers come later.", {"README.md": README.format(name=name)})
    commit(ANNA, "Count the high waters", {"tides.py": TIDES})
    commit(BEN, "Test the distance between two of them", {"tests/test_tides.py": TEST})
    commit(ANNA, "Say under which terms", {"LICENCE": LICENCE})
    commit(BEN, "Start it with one word", {"tides": SCRIPT}, executable=True)
    for place in ("Helgoland", "Saint-Malo", "Tórshavn"):
        commit(ZOE, f"Add {place}", {**harbour(place)})
    commit(ANNA, "Read a harbour's constants", {"lookup.py": LOOKUP})
    first = commit(BEN, "Count the low waters too", {"tides.py": TIDES + LOW})
    history.tag(ANNA, "v1.0", first)

    commit(
        BEN,
        "Correct the sun at Helgoland",
        {"harbours/Helgoland.txt": "M2 1.12\nS2 0.32\n"},
        branch="stable",
        base=first,
    )
    commit(BEN, "Explain the constants", {"harbours/README": "M2: moon, S2: sun, in metres.\n"}, branch="stable")

    moon = history.heads[history.trunk]
    commit(ZOE, "Know how old the moon is", {"moon.py": MOON}, branch="moon", base=moon)
    commit(ZOE, "Test the moon", {"tests/test_moon.py": MOON_TEST}, branch="moon")
    commit(
        ZOE,
        "Name the phases: 🌑 🌓 🌕 🌗",
        {"phases.txt": "🌑 new\n🌓 first quarter\n🌕 full\n🌗 last quarter\n"},
        branch="moon",
    )

    for place in ("Ålesund", "Łeba", "神戸"):
        commit(ZOE, f"Add {place}", {**harbour(place)})
    commit(ANNA, "Draw a drop of water", {"docs/drop.png": ICON})
    merge(ANNA, "Merge the moon", "moon")
    commit(BEN, "Move the terms where everybody looks", {"LICENCE": None, "LICENCE.txt": LICENCE})
    merge(BEN, "Merge the corrections of v1.0", "stable")
    commit(ANNA, "Write down how it works", {"docs/how.md": "# How\n\nTwo waves, added.\n"})
    commit(ZOE, "Erklären, wie es geht", {"docs/wie.md": "# Wie\n\nZwei Wellen, überlagert.\n"})
    commit(ANNA, "Drop the word nobody types", {"tides": None})
    second = commit(
        BEN, "Two decimals are enough", {"lookup.py": LOOKUP.replace("float(value)", "round(float(value), 2)")}
    )
    history.tag(ANNA, "v1.1", second)

    commit(BEN, "Correct Saint-Malo", {"harbours/Saint-Malo.txt": "M2 3.84\nS2 1.48\n"}, branch="stable")
    wind = history.heads[history.trunk]
    commit(ZOE, "Measure the wind", {"wind.py": '"""Wind moves water."""\n'}, branch="wind", base=wind)
    commit(ZOE, "Add the wind to the height", {"wind.py": WIND}, branch="wind")
    commit(ANNA, "List who helped", {"THANKS": "Anna Lindqvist\nBen Okafor\nZoë Müller-Núñez\n"})
    commit(BEN, "Say where the constants come from", {"harbours/SOURCES": "Harbour masters, by letter.\n"})
    repository.optimise()
    repository.close()


MOON_TEST = """\
from datetime import date

from moon import age


def test_new_moon_is_the_beginning():
    assert age(date(2024, 1, 11)) == 0
"""
WIND = '''\
"""Wind moves water."""


def rise(speed: float) -> float:
    """Metres that a wind of ``speed`` metres a second adds at the shore."""
    return 0.0012 * speed**2
'''
