"""The clauses of the standards about campaigns, announcements and surveys."""

from portal.standards.editions import Chapter, Clause, Section

SECTION = Section(
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
CHAPTER = Chapter(SECTION, place=50)
