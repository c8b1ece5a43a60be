"""The terms of one SPF record, as far as counting and following them needs (RFC 7208 4.6, 5, 6)."""

import re
from dataclasses import dataclass

_TERM = re.compile(r"([+\-~?]?)([A-Za-z][A-Za-z0-9._-]*)(?:([:=/])(.*))?", re.DOTALL)
_RESULTS = {"": "pass", "+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
QUERYING = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
"""Terms that cost a DNS lookup each (RFC 7208 section 4.6.4)."""


@dataclass(frozen=True)
class Term:
    """One mechanism or modifier, name in lower case."""

    text: str
    qualifier: str
    name: str
    separator: str
    value: str

    @property
    def has_macro(self) -> bool:
        """Whether its domain is only known when a message is evaluated (RFC 7208 section 7)."""
        return "%" in self.value

    def target(self, domain: str) -> str:
        """The domain it asks about; `domain`, that of the record, where it names none."""
        name = self.value if self.separator in (":", "=") else ""
        return name.split("/", 1)[0].lower().rstrip(".") or domain


@dataclass(frozen=True)
class Terms:
    """A record split up: what counts, and what happens to mail that nothing matches."""

    querying: tuple[Term, ...]
    all_result: str | None
    """pass, neutral, softfail or fail from `all`; None where the record has none."""
    redirects: int
    """How many redirect modifiers it has; more than one is an error (RFC 7208 section 6)."""


def is_spf_record(text: str) -> bool:
    """Whether a TXT record is an SPF record at all (RFC 7208 section 4.5)."""
    lowered = text.lower()
    return lowered == "v=spf1" or lowered.startswith("v=spf1 ")


def split_terms(record: str) -> Terms:
    """The terms of a record in order.

    Mechanisms after `all` are never reached and not counted; `redirect` is ignored beside `all` (section 6.1).
    """
    terms = [_term(text) for text in record.split()[1:]]
    mechanisms = [term for term in terms if term.separator != "="]
    ends = next((index for index, term in enumerate(mechanisms) if term.name == "all"), None)
    reached = mechanisms if ends is None else mechanisms[:ends]
    redirects = [term for term in terms if term.name == "redirect" and term.separator == "="]
    querying = [term for term in reached if term.name in QUERYING]
    if ends is None:
        querying += redirects[:1]
    all_result = None if ends is None else _RESULTS[mechanisms[ends].qualifier]
    return Terms(tuple(querying), all_result, len(redirects))


def _term(text: str) -> Term:
    match = _TERM.fullmatch(text)
    if match is None:
        return Term(text, "", "", "", "")
    qualifier, name, separator, value = match.groups()
    return Term(text, qualifier, name.lower(), separator or "", value or "")
