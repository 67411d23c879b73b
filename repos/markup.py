"""Markdown of people as HTML that is safe on a page and in a mail: comments, descriptions, README files."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import nh3
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

#: A tag ("a" or "img") and an address in the text -> the address on the page; ``None`` for none.
Resolve = Callable[[str, str], str | None]

#: A user name after an @ that is not part of a word or of an address.
MENTION = re.compile(r"(?<![\w@./-])@([A-Za-z0-9](?:[\w.-]*\w)?)")

#: Characters that reorder the text around them: shown by their number, so that nothing reads as what it is not.
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")

LONGEST_GROWTH = 15  # times the text; honest markup stays below

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "ul", "ol", "li"),
    *("strong", "em", "s", "a", "table", "thead", "tbody", "tr", "th", "td", "span"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "span": {"class"},
    "ol": {"start"},
    "img": {"src", "alt", "title"},
}
_SCHEMES = {"http", "https", "mailto"}


def visible(text: str) -> str:
    """``text`` with every character that reorders others spelled out (``[U+202E]``)."""
    return BIDI.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def mentioned(text: str) -> set[str]:
    """The names after an @ in the words of a Markdown text, in lower case; not those in code or links."""
    names: set[str] = set()
    if "@" in text:
        for token in _parser().parse(text):
            for words in _words(token):
                names.update(match[1].lower() for match in MENTION.finditer(words.content))
    return names


def markdown(text: str, resolve: Resolve | None = None) -> SafeString:
    """Render a text that anybody may have written; HTML in it is shown, not obeyed, and no image is loaded.

    ``resolve``: for a file of a repository, in which lines go on and images are shown.
    """
    html = _parser(resolve is not None).render(visible(text))
    if len(html) > LONGEST_GROWTH * len(text) + 10_000:  # a reference may be named often, and be long
        return format_html('<pre tabindex="0">{}</pre>', text)
    return clean(html, tags=_TAGS, attributes=_ATTRIBUTES, resolve=resolve)


def clean(html: str, *, tags: set[str], attributes: dict[str, set[str]] | None, resolve: Resolve | None) -> SafeString:
    """``html`` with what is allowed, and with images and changed addresses only where ``resolve`` gives them."""

    def allowed(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "class":
            return value if value == "mention" or re.fullmatch(r"language-[\w+#.-]{1,40}", value) else None
        return resolve(tag, value) if resolve is not None and attribute in {"href", "src"} else value

    return mark_safe(  # noqa: S308 - cleaned by nh3 with a list of what is allowed
        nh3.clean(
            html,
            tags=tags | ({"img"} if resolve is not None else set()),
            attributes=attributes,
            url_schemes=_SCHEMES,
            link_rel="nofollow noopener noreferrer",
            # Long lines and wide tables are scrolled with keys too.
            set_tag_attribute_values={"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}},
            attribute_filter=allowed,
        )
    )


@cache
def _parser(is_file: bool = False) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": not is_file}).enable(["table", "strikethrough"])
    if not is_file:
        parser.disable("image")  # a picture from elsewhere tells its server who reads
    parser.core.ruler.push("mentions", _mark_mentions)
    return parser


def _words(token: Token) -> list[Token]:
    """The text tokens of an inline token that are in no link."""
    found, depth = [], 0
    for child in token.children or []:
        depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
        if child.type == "text" and not depth:
            found.append(child)
    return found


def _mark_mentions(state: StateCore) -> None:
    for token in state.tokens:
        words = {id(word) for word in _words(token)}
        if words and "@" in token.content:
            token.children = [
                piece for child in token.children or [] for piece in (_split(child) if id(child) in words else [child])
            ]


def _split(token: Token) -> list[Token]:
    pieces: list[Token] = []
    end = 0
    make: Callable[[str, str], Token] = lambda type_, content: Token(type_, "", 0, content=content)  # noqa: E731
    for match in MENTION.finditer(token.content):
        opening = Token("span_open", "span", 1, attrs={"class": "mention"})
        pieces += [make("text", token.content[end : match.start()]), opening, make("text", match[0])]
        pieces.append(Token("span_close", "span", -1))
        end = match.end()
    return [*pieces, make("text", token.content[end:])]
