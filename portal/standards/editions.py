"""The institution's SMTP mail standards as dated data: editions, their clauses, the clauses' ids.

Meanings are in the portal's own words and speak of the institution by its configured names (`{mail_domain}`
and the like, the text fields of `Institution`). A change of the standards is a new `Edition` with its first
day; the old one stays, since decisions keep the ids they cited. What concerns one kind of request alone is a
`Chapter` of
its app. `portal.standards.clauses` reads them.
"""

from dataclasses import dataclass
from datetime import date

from portal.lib.registration import ExtensionPoint


@dataclass(frozen=True)
class Clause:
    """One rule: its id, what it asks, and how the portal holds it. `must` ones bar approval while they fail."""

    id: str
    title: str
    meaning: str
    held: str
    must: bool = False


@dataclass(frozen=True)
class Section:
    """A group of clauses under one heading."""

    key: str
    title: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Edition:
    """The standards as they were from one day on."""

    id: str
    in_force_from: date
    sections: tuple[Section, ...]
    """What concerns all mail; each kind of request has a chapter of its own."""


@dataclass(frozen=True, eq=False)
class Chapter:
    """The clauses about one kind of request, which its app registers.

    A chapter holds from the edition `since` on, until a newer one of the same section takes its place; one without
    clauses ends it.
    """

    section: Section
    place: int
    """Its place among the chapters, lowest first."""
    since: str = "2026-03"


_OVERVIEW = Section(
    "overview",
    "All mail",
    (
        Clause(
            "OVR-1",
            "One mail service",
            "Every system that speaks SMTP to the outside is part of {mail_service}, "
            "run by {it_name}; the Internet firewall lets no other through.",
            "No form here opens a second way out. A mail server of your own relays through {mail_service}.",
        ),
        Clause(
            "OVR-2",
            "Every message is checked",
            "All mail is examined for impersonation, spoofing, phishing, malware and dangerous links.",
            "Nothing that the portal approves switches these checks off.",
        ),
        Clause(
            "OVR-3",
            "Every message passes the spam filter",
            "All mail goes through spam filtering.",
            "A whitelist entry touches the content filter alone.",
        ),
        Clause(
            "OVR-4",
            "Mail from {mail_domain} passes DMARC by DKIM",
            "A message that says it is from {mail_domain} must carry a DKIM signature that fits that domain.",
            "A service is authorized only once a fitting signature has been seen.",
            must=True,
        ),
        Clause(
            "OVR-5",
            "No spoofing",
            "Using an address or domain without permission is prohibited; such mail may be "
            "rejected, held or put with the junk.",
            "Foreign and look-alike domains are refused as senders.",
            must=True,
        ),
    ),
)

EDITIONS: tuple[Edition, ...] = (Edition("2026-03", date(2026, 3, 1), (_OVERVIEW,)),)
"""Oldest first."""
CHAPTERS: ExtensionPoint[Chapter] = ExtensionPoint(lambda chapter: (chapter.section.key, chapter.since))
