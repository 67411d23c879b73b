"""A person's working copy: the real clients, as developers use them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.repo_builder import ENVIRONMENT

_PERSON = {
    "GIT_AUTHOR_NAME": "Dora Dev",
    "GIT_AUTHOR_EMAIL": "dora@example.com",
    "GIT_COMMITTER_NAME": "Dora Dev",
    "GIT_COMMITTER_EMAIL": "dora@example.com",
    "HGUSER": "Dora Dev <dora@example.com>",
}
_HG = (
    str(Path(sys.executable).with_name("hg")),
    *("--config", "extensions.rebase=", "--config", "phases.new-commit=draft", "--config", "phases.publish=false"),
)


class WorkingCopy:
    def __init__(self, kind: str, source: Path, path: Path) -> None:
        self.kind, self.source, self.path = kind, source, path
        run = [*_HG, "clone", "-q"] if kind == "hg" else ["git", "clone", "-q"]
        self._start([*run, str(source), str(path)], path.parent)

    @property
    def trunk(self) -> str:
        return "default" if self.kind == "hg" else "main"

    def branch(self, name: str) -> None:
        self("branch", "-q", name) if self.kind == "hg" else self("checkout", "-q", "-b", name)

    def switch(self, name: str) -> None:
        self("update", "-q", name) if self.kind == "hg" else self("checkout", "-q", name)

    def commit(self, message: str, files: dict[str, str]) -> str:
        self._write(files)
        self("commit", "-q" if self.kind == "git" else "-A", "-m", message)
        return self.head()

    def amend(self, files: dict[str, str]) -> str:
        self._write(files)
        message = ["--no-edit"] if self.kind == "git" else ["-m", "amended"]
        self("commit", "-q" if self.kind == "git" else "-A", "--amend", *message)
        return self.head()

    def rebase(self) -> str:
        """Onto the trunk, as it is in ``source`` now."""
        if self.kind == "git":
            self("rebase", "-q", f"origin/{self.trunk}")
        else:
            self("rebase", "-q", "--keepbranches", "-b", ".", "-d", self.trunk)
        return self.head()

    def pull(self, source: Path) -> None:
        """Bring in the trunk of another repository."""
        if self.kind == "git":
            self("fetch", "-q", str(source), f"+{self.trunk}:refs/remotes/origin/{self.trunk}")
        else:
            self("pull", "-q", str(source))

    def merge(self, source: Path, branch: str, raw_id: str) -> str:
        """Merge a changeset of another repository."""
        if self.kind == "git":
            self("fetch", "-q", str(source), branch)
            self("merge", "-q", "--no-ff", "-m", "merged by hand", raw_id)
        else:
            self("pull", "-q", str(source))
            self("merge", "-q", "-r", raw_id)
            self("commit", "-m", "merged by hand")
        return self.head()

    def push(self) -> None:
        if self.kind == "git":
            self("push", "-q", "--force", "origin", "HEAD")
        else:
            self("push", "-q", "-f", "--new-branch")

    def head(self) -> str:
        return self("rev-parse", "HEAD") if self.kind == "git" else self("log", "-r", ".", "-T", "{node}")

    def read(self, path: str) -> str:
        return (self.path / path).read_text()

    def __call__(self, *args: str) -> str:
        return self._start(
            ["git" if self.kind == "git" else _HG[0], *args] if self.kind == "git" else [*_HG, *args], self.path
        )

    def _write(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        if self.kind == "git":
            self("add", "-A")

    def _start(self, command: list[str], folder: Path) -> str:
        env = {**ENVIRONMENT, **_PERSON, "HOME": str(folder), "PATH": os.environ["PATH"]}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode in (0, 1 if "push" in command else 0), done.stderr
        return done.stdout.strip()
