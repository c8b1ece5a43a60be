"""What an HTML part shows, links to and loads, with hidden text kept apart.

Text is hidden if a reader cannot see it: by the attribute `hidden`; by display, visibility, opacity, size, indentation
or clipping, inline or in the part's own style sheet; or because its color is that of its background. This is not a
browser: in case of doubt text counts as hidden, so that a hidden postal address is never taken for a visible one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from portal.message_checks.budgets import DEEPEST_ELEMENT, MOST_LINKS, UnreadableMessage, check_html
from portal.message_checks.styles import Styles, hides

MOST_NODES: Final = 20_000
_SILENT: Final = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "iframe", "object", "svg", "textarea"}
)
_BLOCK: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_URL: Final = re.compile(r"\bhttps?://[^\s<>\"')\]]+", re.IGNORECASE)
_LONGEST_HOST: Final = 253
_LONGEST_WORDS: Final = 500
_MOST_IN_LINK: Final = 200
"""Nodes of a link that are read for its text."""
_BLANKS: Final = re.compile(r"[ \t\f\v\u00a0\u200b-\u200d\ufeff]+")


@dataclass(frozen=True)
class Link:
    """One link: its destination and its text."""

    url: str
    text: str
    is_hidden: bool = False

    @cached_property
    def host(self) -> str:
        """Return the real host in lower case and ASCII (RFC 5890); "" for a link without one, such as mailto:."""
        try:
            host = (urlsplit(self.url).hostname or "").rstrip(".")
            if (
                len(host) > _LONGEST_HOST
            ):  # Not a DNS name; the time to encode it grows with the square of its length.
                return ""
            return host.encode("idna").decode("ascii").lower() if host else ""
        except (ValueError, UnicodeError):
            return ""


@dataclass(frozen=True)
class Picture:
    """One picture: its address, its alternative text, and its declared size in pixels."""

    url: str
    alt: str | None
    width: int | None
    height: int | None

    @property
    def is_tiny(self) -> bool:
        """Whether it is at most 2 by 2 pixels, and only reports that the message was opened."""
        return self.width is not None and self.height is not None and self.width <= 2 and self.height <= 2


@dataclass(frozen=True)
class Markup:
    """The content of an HTML part."""

    text: str = ""
    hidden: str = ""
    links: tuple[Link, ...] = ()
    pictures: tuple[Picture, ...] = ()
    active: tuple[str, ...] = ()
    """Names of the elements that mail must not contain: script, form, iframe, object, embed."""

    @classmethod
    def of_plain(cls, text: str) -> "Markup":
        """Return the content of plain text, whose links are the web addresses in it."""
        links = tuple(
            Link(match[0].rstrip(".,;:!?"), match[0][:_LONGEST_WORDS])
            for match in islice(_URL.finditer(text), MOST_LINKS + 1)
        )
        _check_links(links)
        return cls(text=text, links=links)


@dataclass
class _Reading:
    styles: Styles
    shown: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    active: list[str] = field(default_factory=list)
    nodes: int = 0


@dataclass(frozen=True)
class _Place:
    """What a node inherits: whether it is hidden, its color, its background color, and its font size."""

    is_hidden: bool = False
    style: Mapping[str, str] = field(default_factory=dict)


def read_markup(html: str) -> Markup:
    """Return the content of an HTML part of any quality. Nodes beyond 20,000 are left out and count as hidden.

    Raises UnreadableMessage over a limit of `budgets`.
    """
    check_html(html)
    tree = LexborHTMLParser(html)
    reading = _Reading(Styles(node.text() for node in tree.css("style")))
    if tree.root is not None:
        _walk(tree.root, reading)
    return Markup(
        text=_tidy(reading.shown),
        hidden=_tidy(reading.hidden),
        links=tuple(reading.links),
        pictures=tuple(reading.pictures),
        active=tuple(dict.fromkeys(reading.active)),
    )


def _walk(root: LexborNode, reading: _Reading) -> None:
    """Walk depth-first without recursion, because mail can be nested deeper than Python's stack."""
    waiting: list[tuple[LexborNode | str, _Place, int]] = [(root, _Place(), 0)]
    while waiting and reading.nodes < MOST_NODES:
        node, place, depth = waiting.pop()
        if depth > DEEPEST_ELEMENT:
            raise UnreadableMessage(
                f"Its HTML is nested more than {DEEPEST_ELEMENT} elements deep. Make it simpler."
            )
        reading.nodes += 1
        if isinstance(node, str):
            (reading.hidden if place.is_hidden else reading.shown).append(node)
            continue
        tag = node.tag or ""
        if tag == "-text":
            (reading.hidden if place.is_hidden else reading.shown).append(node.text_content or "")
            continue
        _note_active(tag, reading)
        if tag in _SILENT or tag.startswith("-") or tag == "!doctype":
            continue
        inner = _place_of(node, place, reading.styles)
        _note(node, tag, inner, reading)
        around = "\n" if tag in _BLOCK else ""
        if around:
            waiting.append((around, inner, depth))
        children = list(node.iter(include_text=True))
        waiting.extend((child, inner, depth + 1) for child in reversed(children))
        if around:
            waiting.append((around, inner, depth))


def _note_active(tag: str, reading: _Reading) -> None:
    if tag in {"script", "form", "iframe", "object", "embed", "base"}:
        reading.active.append(tag)


def _place_of(node: LexborNode, place: _Place, styles: Styles) -> _Place:
    attributes = node.attributes
    sheet = styles.of(node.tag or "", attributes.get("id") or "", attributes.get("class") or "")
    inline = styles.inline(attributes.get("style") or "")
    own = dict(sheet.plain)
    if color := attributes.get("color"):
        own["color"] = color
    if ground := attributes.get("bgcolor"):
        own["background-color"] = ground
    own |= {**inline.plain, **sheet.important, **inline.important}
    if not own and "hidden" not in attributes:
        return place  # It has no style of its own, so it is as visible as its parent.
    style = {**place.style, **own}
    hidden = place.is_hidden or "hidden" in attributes or hides(own, style)
    return _Place(hidden, {name: style[name] for name in _INHERITED if name in style})


_INHERITED: Final = ("color", "background-color", "font-size", "visibility")


def _note(node: LexborNode, tag: str, place: _Place, reading: _Reading) -> None:
    attributes = node.attributes
    if tag in ("a", "area") and (url := (attributes.get("href") or "").strip()):
        reading.links.append(Link(url, _words_of(node), place.is_hidden))
        _check_links(reading.links)
    if tag == "img":
        reading.pictures.append(
            Picture(
                (attributes.get("src") or "").strip(),
                attributes.get("alt"),
                _pixels(attributes.get("width")),
                _pixels(attributes.get("height")),
            )
        )


def _words_of(node: LexborNode) -> str:
    """Return the first text of a link and of its pictures; only the beginning, because links can be nested."""
    words: list[str] = []
    for inner in islice(node.traverse(include_text=True), _MOST_IN_LINK):
        said = (
            inner.text_content
            if inner.tag == "-text"
            else inner.attributes.get("alt")
            if inner.tag == "img"
            else ""
        )
        words += (said or "")[:_LONGEST_WORDS].split()
        if len(words) > _LONGEST_WORDS:
            break
    return " ".join(words)[:_LONGEST_WORDS]


def _check_links(links: Sequence[Link]) -> None:
    if len(links) > MOST_LINKS:
        raise UnreadableMessage(f"It has more than {MOST_LINKS:,} links. Use fewer.")


def _pixels(text: str | None) -> int | None:
    found = re.match(r"\s*(\d{1,5})", text or "")
    return int(found[1]) if found else None


def _tidy(parts: Iterable[str]) -> str:
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)
