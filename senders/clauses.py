"""The clauses of the standards about services that send as one of our domains."""

from portal.standards.editions import Chapter, Clause, Section

SECTION = Section(
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
CHAPTER = Chapter(SECTION, place=30)
