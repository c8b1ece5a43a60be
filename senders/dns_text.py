"""The DNS change set of an authorization as text for the people who keep the zones, and its removal.

Additions are lines of a zone file (RFC 1035 section 5.1); removals are lines for nsupdate. Names and values
are exact by the time they come here; what is not is refused with LintError, never written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from portal.enforcement.targets import LintError
from portal.institution import institution
from portal.lib.text import one_line
from senders.models import Purpose
from senders.plan import Plan

TTL = 3600
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_TEXT = re.compile(r"[\x20-\x7e]+")
_TERM = re.compile(r"[\x21-\x7e]{1,300}")
STRING_BYTES = 255
"""Of one string in a TXT record; longer ones are several that are read as one (RFC 7208 section 3.3)."""


@dataclass(frozen=True, order=True)
class Record:
    """One record: its owner without the trailing dot, its type, and its value."""

    name: str
    rdtype: str
    value: str

    @property
    def line(self) -> str:
        """The record in a zone file."""
        value = f"{safe_name(self.value)}." if self.rdtype == "CNAME" else quoted(self.value)
        return f"{safe_name(self.name)}. {TTL} IN {self.rdtype} {value}"

    @property
    def removal(self) -> str:
        """The removal of exactly this record, for nsupdate (RFC 2136 section 2.5.4)."""
        value = f"{safe_name(self.value)}." if self.rdtype == "CNAME" else quoted(self.value)
        return f"update delete {safe_name(self.name)}. {self.rdtype} {value}"


def records_of(plan: Plan) -> list[Record]:
    """The records that a plan adds: its keys, and for a subdomain the DMARC record that keeps it apart."""
    records = [Record(key.name(plan.signing_domain), key.kind, key.value) for key in plan.keys]
    if plan.is_subdomain:
        records.append(Record(dmarc_name(plan), "TXT", dmarc_record()))
    return sorted(records)


def planned_records_of(plan: Plan) -> Iterator[tuple[str, str, str, str]]:
    """What a plan needs in our zones as (purpose, name, type, value); for SPF the value is the term alone."""
    dmarc = dmarc_name(plan)
    for record in records_of(plan):
        purpose = Purpose.DMARC if record.name == dmarc else Purpose.KEY
        yield str(purpose), record.name, record.rdtype, record.value
    if plan.spf_term and plan.envelope_domain:
        yield str(Purpose.SPF), plan.envelope_domain, "TXT", plan.spf_term


def dmarc_name(plan: Plan) -> str:
    """Where the DMARC record of a plan's subdomain stands (RFC 9989 section 4.7)."""
    return f"_dmarc.{plan.sending_domain}"


def dmarc_record() -> str:
    """The record of a subdomain: nobody else's signature passes for it (adkim=s), and it stands for itself (psd=n)."""
    return f"v=DMARC1; p=reject; psd=n; adkim=s; rua=mailto:{postmaster_address()}"


def postmaster_address() -> str:
    """Where aggregate reports go: the office that looks after the mail."""
    return institution().contact_email


def change_set(plan: Plan) -> list[str]:
    """The lines to add, and the SPF term as a remark: that record is others' as well and is changed by hand."""
    lines = [record.line for record in records_of(plan)]
    if plan.spf_term:
        lines.append(
            f"; SPF: in the TXT record v=spf1 of {safe_name(plan.envelope_domain)}, before its all, add: {safe_term(plan.spf_term)}"
        )
    return lines


def planned_text(plan: Plan) -> str:
    """The lines to add as text for people; empty for a draft whose pages are not all answered."""
    try:
        return "\n".join(change_set(plan))
    except LintError:
        return ""


def remark(text: str, *, longest: int = 600) -> str:
    """A remark of a zone file or an nsupdate script: one line of printable ASCII, whatever the text holds."""
    plain = "".join(char if " " <= char <= "~" else "?" for char in one_line(text))
    return f"; {truncate_ascii(plain, longest)}"


def truncate_ascii(text: str, longest: int) -> str:
    """At most `longest` characters, the end marked with dots where something was cut."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def safe_name(name: str) -> str:
    """The name, if a zone file reads it as nothing else. Raises LintError."""
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise LintError(f"{name[:80]!r} cannot stand in a zone.")
    return name


def safe_term(term: str) -> str:
    """The SPF term, if it is one printable word. Raises LintError."""
    if not _TERM.fullmatch(term) or ";" in term:
        raise LintError(f"{term[:80]!r} cannot stand in a zone.")
    return term


def quoted(text: str) -> str:
    """Text as the strings of a TXT record, quoted and escaped. Raises LintError for other than printable ASCII."""
    if not _TEXT.fullmatch(text):
        raise LintError(f"{text[:80]!r} cannot stand in a zone.")
    parts = [text[start : start + STRING_BYTES] for start in range(0, len(text), STRING_BYTES)]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)
