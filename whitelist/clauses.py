"""The clauses of the standards about whitelisting."""

from portal.standards.editions import Chapter, Clause, Section

SECTION = Section(
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
CHAPTER = Chapter(SECTION, place=40)
