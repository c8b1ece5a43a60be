"""Sanitized HTML of a message, for the sandboxed frame of its preview."""

import nh3

from portal.lib import confined
from portal.message_checks.budgets import BEYOND, MEGABYTES, SECONDS, UnreadableMessage
from portal.message_checks.parsing import ParsedMessage

_TAGS = frozenset(
    [
        "a",
        "abbr",
        "address",
        "article",
        "b",
        "blockquote",
        "br",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "font",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "i",
        "img",
        "ins",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "section",
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ]
)
_ANY = frozenset(
    [
        "align",
        "valign",
        "bgcolor",
        "color",
        "width",
        "height",
        "border",
        "cellpadding",
        "cellspacing",
        "colspan",
        "rowspan",
        "dir",
        "lang",
        "title",
        "style",
    ]
)
_STYLES = frozenset(
    [
        "background-color",
        "border",
        "border-bottom",
        "border-collapse",
        "border-color",
        "border-left",
        "border-radius",
        "border-right",
        "border-spacing",
        "border-style",
        "border-top",
        "border-width",
        "color",
        "display",
        "font-family",
        "font-size",
        "font-style",
        "font-weight",
        "height",
        "letter-spacing",
        "line-height",
        "margin",
        "margin-bottom",
        "margin-left",
        "margin-right",
        "margin-top",
        "max-width",
        "min-width",
        "padding",
        "padding-bottom",
        "padding-left",
        "padding-right",
        "padding-top",
        "text-align",
        "text-decoration",
        "text-transform",
        "vertical-align",
        "white-space",
        "width",
        "word-break",
    ]
)


def sanitized_html(message: ParsedMessage) -> str:
    """Return the HTML part without scripts, forms, frames, style sheets or anything that is loaded from elsewhere.

    Links lose their targets, which the page lists beside the preview; pictures show their alternative text. A message
    without HTML gives its plain text, escaped. Runs in a confined process; raises UnreadableMessage if that costs too
    much, and `confined.Busy`.
    """
    try:
        return confined.run(_sanitise, message.html, message.plain, seconds=SECONDS, megabytes=MEGABYTES)
    except confined.Exceeded as error:
        raise UnreadableMessage(BEYOND.get(error.limit, str(error))) from error


def _sanitise(html: str, plain: str) -> str:
    if not html:
        return f"<pre>{nh3.clean_text(plain)}</pre>"
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"*": set(_ANY), "img": {"alt", "width", "height"}, "font": {"color", "face", "size"}},
        filter_style_properties=set(_STYLES),
        url_schemes=set(),
        link_rel=None,
        strip_comments=True,
    )
