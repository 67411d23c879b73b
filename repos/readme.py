"""README files of any markup as HTML that is safe on a page. The content is as hostile as the repository."""

from __future__ import annotations

import hashlib
import posixpath
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nh3
from django.core.cache import cache
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from repos.markup import Resolve, clean, markdown
from repos.vcs.errors import VcsError
from repos.vcs.process import Argument, run

#: A view ("files" or "raw") and a path in the repository -> its address.
Address = Callable[[str, str], str]

LARGEST = 128 * 1024  # bytes
LARGEST_HTML = 2 * 1024 * 1024  # bytes
TIMEOUT = 3.0  # seconds for reStructuredText
KEPT_FOR = 3600  # seconds
NAMES = ("readme.md", "readme.rst", "readme.markdown", "readme.txt", "readme")
MARKDOWN = (".md", ".markdown", ".mdown")
RESTRUCTURED = (".rst", ".rest")

_TAGS = nh3.ALLOWED_TAGS - {"img", "map", "area"}


def is_markup(path: str) -> bool:
    return path.lower().endswith(MARKDOWN + RESTRUCTURED)


def render(path: str, text: str, address: Address) -> SafeString:
    """The text of the file at ``path``, by the ending of its name. Long texts take long, so the answer is kept."""
    ending = Path(path.lower()).suffix
    known_by = "\n".join((ending, address("files", path), address("raw", path), text))
    key = "readme:" + hashlib.sha256(known_by.encode("utf-8", "replace")).hexdigest()
    html: str | None = cache.get(key)
    if html is None:
        html = str(_render(ending, text, _resolver(path, address)))
        cache.set(key, html, KEPT_FOR)
    return mark_safe(html)  # noqa: S308 - made below


def _render(ending: str, text: str, resolve: Resolve) -> SafeString:
    if ending in MARKDOWN:
        return markdown(text, resolve)
    return restructured_text(text, resolve) if ending in RESTRUCTURED else plain(text)


def plain(text: str) -> SafeString:
    return format_html('<pre tabindex="0">{}</pre>', text)


def _resolver(path: str, address: Address) -> Resolve:
    """Relative addresses lead to files beside ``path``, those with a slash before them to files from the root on.

    A picture from elsewhere is not loaded: it tells its server who reads.
    """

    def resolve(tag: str, value: str) -> str | None:
        try:
            parts = urlsplit(value)
        except ValueError:
            return None
        if parts.scheme or parts.netloc or not parts.path:
            return value if tag == "a" else None
        name = unquote(parts.path, errors="surrogateescape")
        target = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), name)).lstrip("/")
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        return address("files" if tag == "a" else "raw", target) + fragment

    return resolve


def restructured_text(text: str, resolve: Resolve) -> SafeString:
    """Directives that read files or write HTML are off, and what is left passes an allow-list.


    What takes too long or becomes too large is shown as it is.
    """
    worker: list[Argument] = [sys.executable, "-I", Path(__file__).with_name("rst_worker.py")]
    try:
        html = run(worker, input=text.encode("utf-8", "replace"), timeout=TIMEOUT, max_output=LARGEST_HTML)
    except VcsError:
        return plain(text)
    return clean(html.decode(), tags=_TAGS, attributes=None, resolve=resolve)


def find(names: list[str]) -> str | None:
    """The README among the file names of a folder, the best kind first."""
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[name] for name in NAMES if name in by_name), None)
