"""``manage.py api_docs``: write docs/api.md from the methods' docstrings."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from api.describe import markdown


class Command(BaseCommand):
    help = "Write docs/api.md from the docstrings of the API methods."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the file is not up to date")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "api.md"
        text = markdown()
        if options["check"]:
            if not path.exists() or path.read_text() != text:
                raise CommandError(f"{path} is stale: run make docs")
        else:
            path.write_text(text)
