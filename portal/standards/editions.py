"""The institution's SMTP mail standards as dated data: editions, their clauses, the clauses' ids.

Meanings are in the portal's own words and speak of the institution by its configured names (`{mail_domain}`
and the like, the text fields of `Institution`). A change of the standards is a new `Edition` with its first
day; the old one stays, since decisions keep the ids they cited. `portal.standards.clauses` reads them.
"""

from dataclasses import dataclass
from datetime import date


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
            "Nothing the portal grants switches these checks off.",
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
_RELAY = Section(
    "relay",
    "SMTP relay",
    (
        Clause(
            "REL-0",
            "Who relay is for",
            "Web sites and applications on servers, and printers, copiers and appliances "
            "on {network_name}, may relay; the people who run them ask.",
            "The form asks what the system is. Workstations are shown their own way.",
            must=True,
        ),
        Clause(
            "REL-1",
            "One system, one year",
            "A permission is for one system and is renewed every year.",
            "Each permission has an owner, a last day and reminders; without renewal it lapses.",
            must=True,
        ),
        Clause(
            "REL-2",
            "Campus systems only",
            "A system outside the campus networks may not relay.",
            "Every address must lie inside {network_name}. Nobody can waive this.",
            must=True,
        ),
        Clause(
            "REL-3",
            "A valid sender",
            "Every message comes from a valid address @{mail_domain}.",
            "Senders must be on {mail_domain} and known to the directory.",
            must=True,
        ),
        Clause(
            "WKS-1",
            "Workstations sign in",
            "A program on a workstation that sends by SMTP signs in at {authenticated_smtp_host}.",
            "The guide explains how; workstation networks are refused for relay.",
            must=True,
        ),
    ),
)
_SENDERS = Section(
    "senders",
    "Sending as {mail_domain}",
    (
        Clause(
            "AUT-0",
            "Who may send as {mail_domain}",
            "{mail_service} is authoritative for {mail_domain}. A service "
            "that a vendor offers and we run, or that a vendor runs for us, may be authorized.",
            "The form asks which of the two it is.",
        ),
        Clause(
            "AUT-1",
            "A real relationship",
            "The service has a bona fide relationship with {short_name}.",
            "A sponsor and a contract are named; a reviewer judges them.",
            must=True,
        ),
        Clause(
            "AUT-2",
            "Review before signing",
            "{it_name} reviews and approves the mail that a service will send before an agreement is made.",
            "The form asks how far the agreement is and tells the reviewer.",
            must=True,
        ),
        Clause(
            "AUT-3",
            "DMARC by DKIM",
            "The service's mail passes DMARC by DKIM; SPF is recommended as well.",
            "Checked in the DNS and on a real message.",
            must=True,
        ),
    ),
)
_WHITELIST = Section(
    "whitelist",
    "Whitelisting",
    (
        Clause(
            "WHT-0",
            "What whitelisting does",
            "A whitelisted address skips the server's content filter and nothing "
            "else. It adds risk and is examined closely; delivery is never promised.",
            "Said on the form, on the decision and on the permission.",
        ),
        Clause(
            "WHT-1",
            "Safe senders first",
            "Whitelisting is for cases where each person's own safe-sender list will not do.",
            "The requester says why; a reviewer judges it.",
        ),
        Clause(
            "WHT-2",
            "A real relationship",
            "The vendor has a bona fide relationship with {short_name}.",
            "A sponsor is named; a reviewer judges it.",
            must=True,
        ),
        Clause(
            "WHT-3",
            "The vendor passes DMARC",
            "The vendor's mail passes DMARC.",
            "Checked in the DNS, and on a real message where there is one.",
            must=True,
        ),
        Clause(
            "WHT-4",
            "Addresses before domains",
            "Single addresses are whitelisted rather than domains where that is "
            "possible, and IP addresses never.",
            "IP addresses are refused; a domain needs a reason.",
            must=True,
        ),
        Clause(
            "WHT-5",
            "The vendor's own, for us alone",
            "The address or domain is under the vendor's control and used for {short_name} only.",
            "Free mail and shared sending domains are refused.",
            must=True,
        ),
        Clause(
            "WHT-6",
            "The vendor's services",
            "Services that the vendor itself uses are under its control and used for it only.",
            "The requester states it; a reviewer judges it.",
        ),
    ),
)
_CAMPAIGNS = Section(
    "campaigns",
    "Campaigns, announcements and surveys",
    (
        Clause(
            "MKT-1",
            "No unlawful commercial mail",
            "Nobody may send unsolicited commercial mail through the State's systems without authority.",
            "The requester states that the mail is authorized.",
        ),
        Clause(
            "MKT-2",
            "No spam",
            "Spam and unsolicited bulk mail through {mail_service} are prohibited.",
            "Large-volume mail takes the campaign route.",
        ),
        Clause(
            "MKT-3",
            "Spam has consequences",
            "An account that sends spam is disabled and its outgoing mail removed.",
            "{it_name} can suspend every permission of a holder at once.",
        ),
        Clause(
            "MKT-4",
            "Campaigns need approval",
            "External marketing, large-volume mail and surveys need the approval "
            "of the {cio_office} and must comply with CAN-SPAM before they are sent.",
            "The {cio_office} decides the exact message.",
            must=True,
        ),
        Clause(
            "MKT-5",
            "Surveys need approval",
            "A survey of faculty, staff or students by mail needs the approval of "
            "the {cio_office}, whoever runs it; approval may be taken back where deliverability suffers.",
            "The {cio_office} decides, and can revoke with a reason.",
            must=True,
        ),
    ),
)

EDITIONS: tuple[Edition, ...] = (
    Edition("2026-03", date(2026, 3, 1), (_OVERVIEW, _RELAY, _SENDERS, _WHITELIST, _CAMPAIGNS)),
)
"""Oldest first."""
