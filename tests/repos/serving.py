"""The real tools serve a repository on this machine, for pulls and clones."""

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from tests.repo_builder import ENVIRONMENT

QUIET = subprocess.DEVNULL


@contextlib.contextmanager
def served(kind: str, path: Path):
    """The URL of the repository at ``path`` while the block runs."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    if kind == "hg":
        command, url = ["hg", "serve", "-R", str(path), "-a", "127.0.0.1", "-p", str(port)], f"http://127.0.0.1:{port}/"
    else:
        base = f"--base-path={path.parent}"
        command = ["git", "daemon", "--export-all", base, "--listen=127.0.0.1", f"--port={port}"]
        url = f"git://127.0.0.1:{port}/{path.name}"
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=QUIET, stderr=QUIET) as process:
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
