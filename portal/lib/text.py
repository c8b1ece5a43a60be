"""Text made safe for the place it goes to: one line, a CSV cell, a comment of a mail map."""

import unicodedata
from collections.abc import Mapping
from typing import Any

_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet takes for the start of a formula, full-width signs included (OWASP, CSV injection)."""


def one_line(text: str) -> str:
    """The text on one line: control and format characters become blanks, runs of blanks become one."""
    if text.isascii() and text.isprintable():  # Nearly every value of an export of thousands.
        return " ".join(text.split()) if " " in text else text
    kept = (" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join("".join(kept).split())


def csv_cell(value: object) -> str:
    """The value as a CSV cell that no spreadsheet takes for a formula."""
    text = one_line(str(value))
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def ascii_word(text: str) -> str:
    """The text as one printable ASCII word, for a place where blanks and other scripts have meanings."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(char if "!" <= char <= "~" else "_" for char in one_line(text))


def storable(value: Any) -> Any:
    """Text, or JSON data with its texts, as PostgreSQL keeps it: bytes that are no characters, and NUL, replaced.

    A stranger's DNS record may hold both; neither a text column nor a JSON column takes them.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, Mapping):
        return {storable(key): storable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [storable(entry) for entry in value]
    return value


def truncate(text: str, length: int) -> str:
    """At most `length` characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def sentence_list(parts: list[str], last: str = "and") -> str:
    """The parts as in a sentence: "a", "a and b", "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
