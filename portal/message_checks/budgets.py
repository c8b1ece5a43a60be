"""Limits on what a message may cost to read: more than ordinary messages need, and little enough to read at once.

A message over a limit is refused with one sentence. No message is read in part, because a check could miss what is left
out. The form limits the size of the whole file, and `portal.mailauth.message_intake` the fields of the header.
"""

import re
from collections.abc import Sequence
from typing import Final

from portal.mailauth.message_intake import Message

MOST_PARTS: Final = 100
MOST_DEPTH: Final = 20
MOST_LINES: Final = 100_000
MOST_ADDRESSES: Final = 20
"""Addresses in each of From, Sender and Reply-To."""
LONGEST_FIELD: Final = 4_000
"""Octets of From, Sender, Reply-To and Subject; all fields of one name together."""
LONGEST_CONTENT_FIELD: Final = 2_000
MOST_PARAMETERS: Final = 20
MOST_CONTENT_OCTETS: Final = 64_000
"""Octets of the Content- fields of all parts together."""
LARGEST_HTML: Final = 500_000
LARGEST_TEXT: Final = 200_000
"""Characters of text that are read from each of the HTML and the plain text: about a hundred printed pages."""
MOST_TAGS: Final = 15_000
"""Tags of the HTML. The time of browser-like parsers grows with the square of the nesting depth."""
MOST_ATTRIBUTES: Final = 1_000
"""Attributes of one element. The parser compares each with all before it."""
DEEPEST_ELEMENT: Final = 500
MOST_LINKS: Final = 1_000
LARGEST_STYLES: Final = 100_000
"""Characters of distinct style sheets and style attributes."""
MOST_RULES: Final = 1_000
MOST_STYLE_STEPS: Final = 200_000
"""Comparisons of a rule with an element; a small style sheet can need thousands for each element."""
MOST_MARKS: Final = 30
"""Combining marks on one letter (the limit of Unicode Standard Annex 15, section 13)."""
SECONDS: Final = 0.7
MEGABYTES: Final = 256

_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_CONTENT: Final = re.compile(
    rb"^content-[a-z-]{1,40}:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)


class UnreadableMessage(ValueError):
    """The octets are not a message, or cost too much to read; `str(error)` says what is wrong and what to do."""


BEYOND: Final = {
    "time": "This message takes too long to read. Make its HTML and its style sheet simpler.",
    "memory": "This message takes too much memory to read. Make it smaller.",
    "depth": "This message is nested too deeply to be read. Make its HTML and its parts simpler.",
    "result": "This message is too large to show. Make it smaller.",
    "crash": "This message cannot be read. Save it again from the program that sends it.",
}
"""The sentence for each limit of `confined.Exceeded`."""


def check_html(html: str) -> None:
    """Raise UnreadableMessage for HTML that is too large, or has too many tags or attributes to parse."""
    if len(html) > LARGEST_HTML:
        raise UnreadableMessage(f"Its HTML has more than {LARGEST_HTML // 1000} kB. Make it shorter.")
    if html.count("<") > MOST_TAGS:
        raise UnreadableMessage(f"Its HTML has more than {MOST_TAGS:,} tags. Make it simpler.")
    if any(_attributes(tag.partition(">")[0]) > MOST_ATTRIBUTES for tag in html.split("<")):
        raise UnreadableMessage(
            f"An element of its HTML has more than {MOST_ATTRIBUTES:,} attributes. Make it simpler."
        )


def _attributes(tag: str) -> int:
    """Return an upper bound for the attributes of a tag: spaces or slashes outside quotes separate them."""
    if len(tag) < MOST_ATTRIBUTES or not tag[0].isalpha():
        return 0
    return max(len(tag.split()), _QUOTED.sub("", tag).count("/"))


def check_text(text: str) -> None:
    """Raise UnreadableMessage for more than `LARGEST_TEXT` characters."""
    if len(text) > LARGEST_TEXT:
        raise UnreadableMessage(f"It has more than {LARGEST_TEXT:,} characters of text. Make it shorter.")


def check_structure(message: Message) -> None:
    """Raise UnreadableMessage for too many or too deeply nested parts, too many lines, or too large fields."""
    if message.parts > MOST_PARTS:
        raise UnreadableMessage(
            f"It has more than {MOST_PARTS} parts. Remove attachments and link to them instead."
        )
    if message.depth > MOST_DEPTH:
        raise UnreadableMessage(
            f"Its parts are nested more than {MOST_DEPTH} deep. Save it from the program that sends it, not as a forwarded message."
        )
    if message.body.count(b"\n") > MOST_LINES:
        raise UnreadableMessage(f"It has more than {MOST_LINES:,} lines. Make it shorter.")
    for name in ("From", "Sender", "Reply-To", "Subject"):
        _check_field(name, message.values(name))
    _check_content_fields(message)


def _check_field(name: str, values: Sequence[bytes]) -> None:
    if sum(map(len, values)) > LONGEST_FIELD:
        raise UnreadableMessage(f"Its {name} has more than {LONGEST_FIELD:,} characters. Shorten it.")
    if name != "Subject" and sum(value.count(b",") + value.count(b";") for value in values) >= MOST_ADDRESSES:
        raise UnreadableMessage(f"Its {name} names more than {MOST_ADDRESSES} addresses. Name one.")


def _check_content_fields(message: Message) -> None:
    """Check the message and every part. Body lines that look like such fields count as well."""
    total = 0
    for section in (message.header, message.body):
        for match in _CONTENT.finditer(section):
            size, parameters = len(match[0]), match[0].count(b";")
            total += size
            if size > LONGEST_CONTENT_FIELD or parameters > MOST_PARAMETERS or total > MOST_CONTENT_OCTETS:
                name = match[0].partition(b":")[0].decode("ascii", "replace")
                raise UnreadableMessage(
                    f"Its {name} is too long or has too many parameters. Save it again from the program that sends it."
                )
