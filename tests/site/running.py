"""A site in processes of its own, started as ``make run`` starts it."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "k" * 40
CLIENT = Path(sys.executable).with_name("kallithea-api")


def environment(home: Path, **more: str) -> dict[str, str]:
    """A small environment: SQLite, no examples, any free port."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "KALLITHEA_HOME": str(home),
        "KALLITHEA_ADMIN_API_KEY": KEY,
        "DEMO": "0",
        "PORT": "0",
        "WEB_WORKERS": "1",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


class RunningSite:
    """``manage.py serve`` as a context manager; ``output`` has what it printed until it listened."""

    def __init__(self, home: Path, **more: str) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.log = home / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=environment(home, **more),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.output = ""

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        deadline = time.monotonic() + 300
        while not self.url:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            assert data, f"the site did not start: {self.output}{self.log.read_text()}"
            self.output += data.decode()
        with urllib.request.urlopen(f"{self.url}/_admin/health", timeout=300) as response:
            assert response.status == 200
        return self

    def said(self) -> str:
        """Everything that it printed and logged so far; the access log is printed."""
        assert self.process.stdout is not None
        while select.select([self.process.stdout], [], [], 0.5)[0]:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                break
            self.output += data.decode()
        return self.output + self.log.read_text()

    @property
    def url(self) -> str:
        match = re.search(r"^Kallithea is at (\S+)/\n", self.output, re.MULTILINE)
        return match[1] if match else ""

    @property
    def host(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, if that has not been done; its exit status."""
        if self.process.stdout is not None and not self.process.stdout.closed:
            self.process.send_signal(number)
            self.output += self.process.stdout.read().decode()
            self.process.stdout.close()
        return self.process.wait(30)
