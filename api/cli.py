"""``kallithea-api``: call one method of the JSON-RPC API from a shell. Needs nothing but Python."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

DEFAULT_CONFIG = Path("~/.config/kallithea")
API_PATH = "/_admin/api"
TIMEOUT = 3600  # seconds; a clone may take its time

EPILOG = """\
Exit status: 0 with a result, 1 for an ERROR: answer or when the host gives none, 2 for a wrong command line.
Example: kallithea-api --apihost=https://example.com --apikey=<key> get_repo repoid:myrepo
"""


class CallFailed(Exception):
    """No answer of the API was to be had; the message is one line for people."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The key goes to the host that was named and nowhere else."""

    def redirect_request(self, *args: Any) -> None:
        return None


def main(arguments: list[str] | None = None) -> int:
    parser = command_line()
    options = parser.parse_intermixed_args(arguments)
    config_path = Path(options.config).expanduser()
    try:
        config = {} if options.save_config else read_config(config_path, required=options.config != str(DEFAULT_CONFIG))
        host, key = options.apihost or config.get("apihost"), options.apikey or config.get("apikey")
        if not host or not key:
            parser.error(f"--apihost and --apikey are needed, or {config_path} with both (see --save-config)")
        if not host.startswith(("http://", "https://")):
            parser.error(f"--apihost must start with http:// or https://, not {host!r}")
        if options.save_config:
            save_config(config_path, host, key)
            print(f"Saved to {config_path}", file=sys.stderr)
        if options.method is None:
            return 0 if options.save_config else parser.error("a method is needed")
        values = named_values(parser, options.arguments)
        if options.format == "pretty":
            print(f"Calling method {options.method} => {host}")
        result, error = call(host, key, options.method, values)
    except CallFailed as failure:
        print(f"kallithea-api: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return show(result, error, pretty=options.format == "pretty")


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "kallithea-api", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--apihost", metavar="URL", help="address of the site, such as https://example.com")
    parser.add_argument("--apikey", metavar="KEY", help="API key of the user to be")
    parser.add_argument("--save-config", action="store_true", help="remember address and key in the --config file")
    parser.add_argument(
        "--config", metavar="FILE", default=str(DEFAULT_CONFIG), help="where they are remembered (%(default)s)"
    )
    parser.add_argument(
        "--format",
        choices=("json", "pretty"),
        default="pretty",
        help="json prints the result and nothing else (%(default)s)",
    )
    parser.add_argument("method", nargs="?", help="name of an API method, such as get_repo")
    parser.add_argument("arguments", nargs="*", metavar="name:value", help="its arguments, sent as text")
    return parser


def named_values(parser: argparse.ArgumentParser, arguments: list[str]) -> dict[str, str]:
    """``{"clone_uri": "https://x"}`` of ``clone_uri:https://x``: the first colon separates."""
    values = {}
    for argument in arguments:
        name, colon, value = argument.partition(":")
        if not colon or not name:
            parser.error(f"arguments must look like name:value, not {argument!r}")
        values[name] = value
    return values


# -- the file --------------------------------------------------------------------------------------------------------


def read_config(path: Path, *, required: bool) -> dict[str, str]:
    """What ``--save-config`` has written: ``{"apihost": ..., "apikey": ...}``."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise CallFailed(f"{path} does not exist") from None
        return {}
    except (OSError, ValueError) as error:
        raise CallFailed(f"{path} cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise CallFailed(f"{path} must hold an object with apihost and apikey")
    return config


def save_config(path: Path, host: str, key: str) -> None:
    """Write the file so that nobody else can ever read it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"apihost": host, "apikey": key}, stream, indent=4)
            stream.write("\n")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CallFailed(f"{path} cannot be written: {error.strerror}") from None


# -- the call --------------------------------------------------------------------------------------------------------


def call(host: str, key: str, method: str, values: dict[str, str]) -> tuple[Any, Any]:
    """Result and error of one call, one of which is ``None``.

    Raises:
        CallFailed: the host does not answer, or what answers is no such API.
    """
    request_id = random.randrange(1, 2**31)  # noqa: S311 - tells answers apart, nothing more
    body = json.dumps({"id": request_id, "api_key": key, "method": method, "args": values}).encode()
    url = host.rstrip("/") + API_PATH
    text = post(url, body)
    try:
        answer = json.loads(text)
    except ValueError:
        raise CallFailed(f"{url} does not answer in JSON: is this the address of a Kallithea?") from None
    if not isinstance(answer, dict) or not {"id", "result", "error"} <= answer.keys():
        raise CallFailed(f"{url} does not answer like Kallithea's API")
    if answer["id"] != request_id and answer["error"] is None:
        raise CallFailed(f"{url} answered another question: id {answer['id']!r} instead of {request_id}")
    return answer["result"], answer["error"]


def post(url: str, body: bytes) -> bytes:
    opener = urllib.request.build_opener(NoRedirects)
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "text/plain"})  # noqa: S310 - http(s) by main()
        with opener.open(request, timeout=TIMEOUT) as response:
            data: bytes = response.read()
            return data
    except urllib.error.HTTPError as error:
        with error:
            target = f" (to {error.headers['Location']})" if error.headers.get("Location") else ""
            raise CallFailed(f"{url} answers {error.code} {error.reason}{target}") from None
    except urllib.error.URLError as error:
        raise CallFailed(f"{url} does not answer: {getattr(error.reason, 'strerror', None) or error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise CallFailed(f"{url} does not answer: {error or type(error).__name__}") from None


def show(result: Any, error: Any, *, pretty: bool) -> int:
    """Print the answer as Kallithea's own client does; the exit status."""
    failed = error is not None
    lines = ["Server response"] if pretty else []
    lines.append(f"ERROR:{json.dumps(error)}" if failed else json.dumps(result, indent=4, sort_keys=True))
    try:
        print("\n".join(lines), file=sys.stderr if failed and not pretty else sys.stdout, flush=True)
    except BrokenPipeError:  # whoever reads has seen enough, as head(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
