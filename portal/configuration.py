"""What is wrong with the configuration, as sentences; the types that its two sources share.

The environment (`portal.env`) and the institution's file (`portal.institution`) are validated by pydantic. Both report every
fault at once, so that an administrator mends all of them before the next start.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Final

from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidationError

Whole = Annotated[int, Strict()]
"""A whole number; neither text nor true or false."""
Yes = Annotated[bool, Strict()]
Percent = Annotated[float, Strict(), Field(gt=0, le=100)]

_LABEL: Final = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.IGNORECASE | re.ASCII)
_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.IGNORECASE)
_COLOR: Final = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE | re.ASCII)

_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is not set",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be text",
    "string_too_short": "is too short: it must have at least {min_length} characters",
    "string_too_long": "is too long: it must have at most {max_length} characters",
    "too_short": "must have {min_length} or more entries",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} at most",
    "literal_error": "must be one of {expected}",
    "string_pattern_mismatch": "has the wrong form: it must match {pattern}",
    "date_type": "must be a day, such as 2027-04-01",
    "date_parsing": "must be a day, such as 2027-04-01",
    "date_from_datetime_parsing": "must be a day, such as 2027-04-01",
    "date_from_datetime_inexact": "must be a day without a time, such as 2027-04-01",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "dataclass_type": "must be a table",
    "unexpected_keyword_argument": "is not a known key",
    "extra_forbidden": "is not a known key",
    "value_error": "{error}",
}


class ConfigurationError(ImproperlyConfigured):
    """The configuration is missing something or has a wrong form; `str(error)` has a line for each fault."""

    def __init__(self, *problems: str) -> None:
        """`problems` are whole sentences, each of which names its variable or key."""
        self.problems = problems
        super().__init__("\n".join(self.problems))


def problems_of(error: ValidationError, *, prefix: str = "") -> list[str]:
    """A sentence for each fault that pydantic found; none repeats a value, since a value may be a secret.

    `prefix` stands before the name of each, such as "INSTITUTION_FILE: ".
    """
    found: dict[str, None] = {}
    for fault in error.errors(include_url=False, include_input=False):
        sentence = _SENTENCES.get(fault["type"], "has the wrong form")
        said = sentence.format(**{name: _plain(value) for name, value in fault.get("ctx", {}).items()})
        place = _place(fault["loc"])
        found[f"{prefix}{place} {said}." if place else f"{prefix}{said}."] = None
    return list(found)


def _plain(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _place(location: tuple[int | str, ...]) -> str:
    # pydantic names the tried types of a union and "[key]" as well; an administrator knows names and entries alone.
    parts: list[str] = []
    for part in location:
        if isinstance(part, int):
            parts.append(f"entry {part + 1}")
        elif not part.startswith(("function-", "[", "lax-or-strict", "union", "constrained")):
            parts.append(part)
    return ", ".join(parts)


def _network(value: Any) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value)
    except (TypeError, ValueError):
        raise ValueError("must be a network in CIDR form, such as 10.20.0.0/16") from None


def _domain(text: str) -> str:
    if len(text) > 253 or not _DOMAIN.fullmatch(text):
        raise ValueError("must be a domain name, such as example.edu")
    return text


def _mail_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("must be an email address, such as help@example.edu")
    return text


def _color(text: str) -> str:
    if not _COLOR.fullmatch(text):
        raise ValueError("must be a color, such as #cc0000")
    return text


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/\"'<>]+(/[^\s\"'<>]*)?", text):
        raise ValueError("must be a web address that begins with https://")
    return text


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be one line of text")
    return text


def parts_of(value: Any) -> Any:
    """Text as a list, separated by commas, without empty parts; anything else as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
"""One network in CIDR form, without host bits."""
Domain = Annotated[str, AfterValidator(_domain)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Color = Annotated[str, AfterValidator(_color)]
"""#rgb or #rrggbb; anything else could break out of a style sheet."""
WebAddress = Annotated[str, AfterValidator(_web_address)]
Line = Annotated[str, AfterValidator(_one_line)]
