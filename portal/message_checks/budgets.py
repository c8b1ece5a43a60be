"""What a campaign's message may cost: more than any ordinary one needs, and little enough to be read in a moment.

Beyond a budget a message is refused with a sentence; none is read in part, since a check could be led past what is
left out. Octets of the whole message are the form's (`message_form.LARGEST`), fields of the header `message_intake`'s.
"""

import re
from collections.abc import Sequence
from typing import Final

from portal.mailauth.message_intake import Message

MOST_PARTS: Final = 100
MOST_DEPTH: Final = 20
MOST_LINES: Final = 100_000
MOST_ADDRESSES: Final = 20
"""In From, Sender and Reply-To each."""
LONGEST_FIELD: Final = 4_000
"""Octets of From, Sender, Reply-To and Subject, all fields of one name together."""
LONGEST_CONTENT_FIELD: Final = 2_000
MOST_PARAMETERS: Final = 20
MOST_CONTENT_OCTETS: Final = 64_000
"""Octets of the Content fields of all parts."""
LARGEST_HTML: Final = 500_000
LARGEST_TEXT: Final = 200_000
"""Characters that are read, of the HTML and of the plain text each: a book of a hundred pages."""
MOST_TAGS: Final = 15_000
"""Of HTML: parsers that follow browsers take the square of how deep elements are nested."""
MOST_ATTRIBUTES: Final = 1_000
"""Of one element: the parser looks for each of them among those before it."""
DEEPEST_ELEMENT: Final = 500
MOST_LINKS: Final = 1_000
LARGEST_STYLES: Final = 100_000
"""Characters of style sheets and style attributes that differ from one another."""
MOST_RULES: Final = 1_000
MOST_STYLE_STEPS: Final = 200_000
"""Rules that are held against elements; a small style sheet can fit thousands of them."""
MOST_MARKS: Final = 30
"""Combining marks on one letter (Unicode Standard Annex 15, section 13, asks for no more)."""
SECONDS: Final = 0.7
MEGABYTES: Final = 256

_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_CONTENT: Final = re.compile(
    rb"^content-[a-z-]{1,40}:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)


class UnreadableMessage(ValueError):
    """The bytes are no message that could be sent; `str(error)` says what is wrong and what to do."""


BEYOND: Final = {
    "time": "This message takes longer to read than any ordinary one. Make its HTML and its style sheet simpler.",
    "memory": "This message takes more memory to read than any ordinary one. Make it smaller.",
    "depth": "This message is nested too deeply to be read. Make its HTML and its parts simpler.",
    "result": "There is too much in this message to be shown. Make it smaller.",
    "crash": "This message cannot be read. Save it again from the program that sends it.",
}
"""By the limit of `confined.Exceeded`."""


def check_html(html: str) -> None:
    """Raise UnreadableMessage for HTML that costs a parser more than it may."""
    if len(html) > LARGEST_HTML:
        raise UnreadableMessage(f"Its HTML has more than {LARGEST_HTML // 1000} kB. Make it shorter.")
    if html.count("<") > MOST_TAGS:
        raise UnreadableMessage(f"Its HTML has more than {MOST_TAGS:,} tags. Make it simpler.")
    if any(_attributes(tag.partition(">")[0]) > MOST_ATTRIBUTES for tag in html.split("<")):
        raise UnreadableMessage(
            f"An element of its HTML has more than {MOST_ATTRIBUTES:,} attributes. Make it simpler."
        )


def _attributes(tag: str) -> int:
    """About how many attributes a tag has, or more: they stand between blanks, or slashes outside of quotes."""
    if len(tag) < MOST_ATTRIBUTES or not tag[0].isalpha():
        return 0
    return max(len(tag.split()), _QUOTED.sub("", tag).count("/"))


def check_text(text: str) -> None:
    """Raise UnreadableMessage for more text than anybody reads."""
    if len(text) > LARGEST_TEXT:
        raise UnreadableMessage(f"It has more than {LARGEST_TEXT:,} characters of text. Make it shorter.")


def check_structure(message: Message) -> None:
    """Raise UnreadableMessage for a message whose header or parts cost more to read than they may."""
    if message.parts > MOST_PARTS:
        raise UnreadableMessage(
            f"It has more than {MOST_PARTS} parts. Leave attachments out, and link to them."
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
    """Of the message and of every part, where lines of text that look like such fields count as well."""
    total = 0
    for section in (message.header, message.body):
        for match in _CONTENT.finditer(section):
            size, parameters = len(match[0]), match[0].count(b";")
            total += size
            if size > LONGEST_CONTENT_FIELD or parameters > MOST_PARAMETERS or total > MOST_CONTENT_OCTETS:
                name = match[0].partition(b":")[0].decode("ascii", "replace")
                raise UnreadableMessage(
                    f"It says more in {name} than any mail program does. Save it again from the program that sends it."
                )
