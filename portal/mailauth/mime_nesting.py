"""How deep the parts of a message are nested, in one linear pass that builds no tree (RFC 2046 5.1, 5.2.1).

Python's own parser recurses once a level, so depth must be known before anything else reads the message.
"""

import re

MOST_DEPTH = 100
"""What mail servers take as well (Postfix's mime_nesting_limit)."""
MOST_PARTS = 1000
_LONGEST_PART_HEADER = 256 * 1024
_TYPE = re.compile(
    rb"^content-type[ \t]*:\s*(multipart|message)/([a-z0-9.+-]+)([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_BOUNDARY = re.compile(rb"boundary[ \t]*=[ \t]*(?:\"([^\"\r\n]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_DELIMITER = re.compile(rb"\r\n--([^\r\n]{1,204})")
_EMBEDDED = (b"rfc822", b"global")


def nesting(text: bytes) -> tuple[int, int]:
    """Depth and number of parts of a message in CRLF form; counting stops just above the limits."""
    open_at: dict[bytes, int] = {}  # boundary -> depth of the parts between its delimiters, in nesting order
    position, depth, parts, deepest = 0, 0, 1, 0
    while True:
        position, depth = _enter(text, position, depth, open_at)
        deepest = max(deepest, depth)
        if deepest > MOST_DEPTH or parts > MOST_PARTS:
            return deepest, parts
        found = _next_part(text, position, open_at)
        if found is None:
            return deepest, parts
        position, depth = found
        parts += 1


def _enter(text: bytes, position: int, depth: int, open_at: dict[bytes, int]) -> tuple[int, int]:
    """Read the header of the part at `position`; gives where its content begins and how deep that is."""
    while True:
        end = text.find(b"\r\n\r\n", max(position - 2, 0), position + _LONGEST_PART_HEADER)
        if end < 0:
            end = position + _LONGEST_PART_HEADER
        header, content = text[position:end], end + 2
        kind = _TYPE.search(header)
        if kind is None:
            return content, depth
        depth += 1
        if kind[1].lower() == b"multipart":
            boundary = _BOUNDARY.search(kind[3])
            if boundary is not None:
                open_at[(boundary[1] or boundary[2]).rstrip()] = depth
            return content, depth
        if kind[2].lower() not in _EMBEDDED or depth > MOST_DEPTH:
            return content, depth
        position = content + 2  # an embedded message: its own header follows the blank line


def _next_part(text: bytes, position: int, open_at: dict[bytes, int]) -> tuple[int, int] | None:
    """The next delimiter of an open multipart: where the part after it begins, and its depth."""
    for match in _DELIMITER.finditer(text, position):
        line = match[1].rstrip()
        if line in open_at:
            _close_below(open_at, line, keep=True)
            return match.end() + 2, open_at[line]
        if line.endswith(b"--") and line[:-2] in open_at:
            _close_below(open_at, line[:-2], keep=False)
    return None


def _close_below(open_at: dict[bytes, int], boundary: bytes, *, keep: bool) -> None:
    """A delimiter of an outer multipart ends every inner one, closed or not."""
    for inner in reversed(list(open_at)):
        if inner == boundary and keep:
            return
        del open_at[inner]
        if inner == boundary:
            return
