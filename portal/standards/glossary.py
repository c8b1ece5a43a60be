"""Technical terms in plain words. Pages link a term to its entry here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One entry: its anchor (the word as a slug, which the templates' `{% term %}` links to), the word, its meaning."""

    key: str
    word: str
    meaning: str


GLOSSARY: tuple[Term, ...] = (
    Term(
        "alignment",
        "Alignment",
        "The domain that signed a message, or that SPF vouches for, fits the domain "
        "people see in From. DMARC asks for it.",
    ),
    Term(
        "bounce-address",
        "Bounce address",
        "Where the report goes when a message cannot be delivered; the envelope sender.",
    ),
    Term(
        "cidr",
        "CIDR",
        "A way to write a range of IP addresses: 192.0.2.8/29 is the eight addresses from .8 to .15.",
    ),
    Term(
        "dkim",
        "DKIM",
        "DomainKeys Identified Mail: a signature on the message. The key is published in the DNS, "
        "so a receiver can tell that the domain's owner let this message be sent, unchanged.",
    ),
    Term(
        "dmarc",
        "DMARC",
        "Domain-based Message Authentication, Reporting and Conformance: a domain's published "
        "policy for mail that carries its name without a matching proof (DKIM or SPF).",
    ),
    Term(
        "envelope-sender",
        "Envelope sender",
        "The sender address in the SMTP dialogue. It may differ from the From that people see.",
    ),
    Term("grant", "Grant", "What an approval leaves: a permission with an owner, a first and a last day."),
    Term(
        "hosted-service",
        "Hosted service",
        "A vendor's service, usually in the cloud, that we administer ourselves.",
    ),
    Term(
        "impersonation",
        "Impersonation",
        "Mail from an address that looks like a known one, meant to deceive.",
    ),
    Term(
        "lapse",
        "Lapse",
        "A permission whose last day has passed without a renewal is out of force: it has lapsed.",
    ),
    Term(
        "phishing", "Phishing", "Mail that tries to steal information or to talk people into harmful steps."
    ),
    Term("relay", "Relay", "To hand a message to the mail service, which then delivers it."),
    Term(
        "reverse-dns",
        "Reverse DNS",
        "The name that the DNS gives for an IP address. It should lead back to the same address.",
    ),
    Term("selector", "Selector", "The name under which one DKIM key of a domain is published."),
    Term(
        "spf", "SPF", "Sender Policy Framework: the list, in the DNS, of servers that may send for a domain."
    ),
    Term("spoofing", "Spoofing", "Sending from an address or domain without permission."),
    Term(
        "third-party-service", "Third-party service", "A vendor's service that the vendor administers for us."
    ),
    Term("uceube", "UCE/UBE", "Unsolicited commercial or bulk mail: spam."),
)
