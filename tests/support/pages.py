"""What a page says, read from its HTML as tests compare it."""

import re


def flat(html: str | bytes) -> str:
    """The HTML with each run of white space as one space and none beside a tag, so that layout is no matter."""
    text = html.decode() if isinstance(html, bytes) else html
    return re.sub(r"\s*(<[^>]*>)\s*", r"\1", re.sub(r"\s+", " ", text))
