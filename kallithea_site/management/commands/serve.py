"""``manage.py serve``: everything between a fresh checkout and a running site."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from kallithea_site import bootstrap
from kallithea_site.bootstrap import Credentials


class Command(BaseCommand):
    help = "Prepare the site (migrations, first administrator, examples) and serve it; see docs/deployment.md."
    requires_system_checks = ()  # a start says in one line what is missing

    def handle(self, *args: Any, **options: Any) -> None:
        bootstrap.look_around()
        listener = bootstrap.listen(settings.HOST, settings.PORT)
        with bootstrap.alone():
            folder = bootstrap.temporary_folder()
            admin = bootstrap.prepare()
            self.introduce(address(listener), admin)
            if admin is not None and settings.DEMO:
                bootstrap.create_examples()
        for name in ("KALLITHEA_ADMIN_PASSWORD", "KALLITHEA_ADMIN_API_KEY"):
            os.environ.pop(name, None)
        # A new program in this process: no connection and no helper process of the preparations is inherited by
        # the workers, and signals reach the server itself.
        listener.set_inheritable(True)
        arguments = ["--bind", f"fd://{listener.fileno()}", "kallithea_site.wsgi:application"]
        command = [sys.executable, "-m", "gunicorn", "--config", "python:kallithea_site.server", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "TMPDIR": str(folder)}
        os.execve(command[0], command, environment)  # noqa: S606

    def introduce(self, url: str, admin: Credentials | None) -> None:
        """Where the site is, and on the first start how to get in."""
        lines = [f"Kallithea is at {url}/"]
        if admin is not None:
            call = json.dumps({"id": 1, "api_key": admin.api_key, "method": "get_server_info", "args": {}})
            client = shlex.quote(str(Path(sys.executable).with_name("kallithea-api")))
            lines += [
                "",
                f"  user name  {admin.username}",
                f"  password   {admin.password}",
                f"  API key    {admin.api_key}",
                "",
                "This is shown only once. Two ways to try the API:",
                "",
                f"  curl -s {url}/_admin/api -d '{call}'",
                f"  {client} --apihost={url} --apikey={admin.api_key} get_server_info",
                "",
            ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def address(listener: socket.socket) -> str:
    """The URL under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - every address of this machine, so this one too
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.FORCE_SCRIPT_NAME or ''}"
