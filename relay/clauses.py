"""The clauses of the standards about SMTP relay."""

from portal.standards.editions import Chapter, Clause, Section

SECTION = Section(
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
CHAPTER = Chapter(SECTION, place=20)
