"""``manage.py report NAME --format csv|json|html parameter=value ...``; without a name: the list of reports."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import reporting
from accounts.actors import Actor
from accounts.models import User
from kallithea_site.reports import as_html


class Command(BaseCommand):
    help = "Run a report as the site itself."

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        """One that takes parameters behind ``--format`` too."""
        parser = super().create_parser(*args, **kwargs)
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?")
        parser.add_argument("parameters", nargs="*", metavar="parameter=value")
        parser.add_argument("--format", choices=("csv", "json", "html"), default="csv")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor(user=User(username="system", is_admin=True))
        if options["name"] is None:
            for found in reporting.reports(actor):
                parameters = " ".join(f"{name}={p.default}" for name, p in found.parameters.items())
                self.stdout.write(f"{found.name} {parameters}".strip())
            return
        found_one = reporting.find(actor, options["name"])
        if found_one is None:
            raise CommandError(f"there is no report {options['name']}; without a name: the list")
        try:
            rows = found_one.run(actor, dict(item.partition("=")[::2] for item in options["parameters"]))
        except ValidationError as error:
            raise CommandError("; ".join(f"{k}: {' '.join(v)}" for k, v in error.message_dict.items())) from None
        if options["format"] == "json":
            self.stdout.write(reporting.as_json(found_one, rows))
        elif options["format"] == "html":
            self.stdout.write(as_html(found_one, rows))
        else:
            for line in reporting.as_csv(found_one, rows):
                self.stdout.write(line, ending="")
