"""Whose the address in From of a campaign is: the requester's to lend, or agreed to (REL-3, OVR-5)."""

from campaigns.models import CampaignRequest, Platform
from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.mailboxes import Mailbox, Tie, mailboxes_for
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding, rule_for
from portal.workflow.mailbox_rules import consent_finding
from portal.workflow.models import ServiceRequest

FIELD = "from_address"


def from_findings(detail: CampaignRequest) -> list[Finding]:
    """What is found about the address in From where it is at the mail domain; [] where it is not."""
    address = detail.from_address.lower()
    if not address.endswith(f"@{institution().mail_domain}"):
        return []
    try:
        box = _box(detail.service_request, address)
    except DirectoryUnavailable:
        said = f"The directory did not answer, so whether {address} is valid is not known yet."
        return [Finding("REL-3", "from", Outcome.UNKNOWN, said, field=FIELD)]
    found = _of(box, detail)
    return [found] if found is not None else []


def consent_needed(detail: CampaignRequest) -> dict[str, str]:
    """Whose consent the address takes, if anybody's; empty while the directory is silent."""
    address = detail.from_address
    if not address.endswith(f"@{institution().mail_domain}"):
        return {}
    try:
        box = _box(detail.service_request, address)
    except DirectoryUnavailable:
        return {}
    return {address: box.asked} if box.tie is Tie.CONSENT else {}


def names_an_office(detail: CampaignRequest) -> bool:
    """Whether the address has the name of an office; one of another office is refused by its finding."""
    return detail.from_address.rpartition("@")[0] in institution().privileged_mailboxes


def _box(service_request: ServiceRequest, address: str) -> Mailbox:
    return mailboxes_for(service_request.requester.email, [address])[address]


def _of(box: Mailbox, detail: CampaignRequest) -> Finding | None:
    address, evidence = box.address, {"value": box.address, "department": box.department}
    if box.tie is Tie.CONSENT:
        return consent_finding(box, detail, clause="REL-3", field=FIELD)
    if box.tie is Tie.UNKNOWN and detail.platform != Platform.LIST_SERVER:
        return None  # The authorization of the service says which addresses there are.
    if box.tie is Tie.OFFICE:
        said = f"{address} speaks for the requester’s own office. The postmaster judges whether a campaign may use it."
        return Finding("OVR-5", "from", Outcome.WARN, said, must=False, field=FIELD, evidence=evidence)
    if box.tie is Tie.OWN:
        return Finding("REL-3", "from", Outcome.PASS, f"{address} is a valid sender.", field=FIELD)
    is_ownerless = box.tie is Tie.OWNERLESS
    clause, said = _REFUSED[box.tie]
    return Finding(
        clause,
        rule_for("from", address) if is_ownerless else "from",
        Outcome.FAIL,
        said.format(address=address, whose=box.department or "no department on record"),
        waivable=is_ownerless,
        field=FIELD,
        evidence=evidence,
    )


_REFUSED = {
    Tie.FORBIDDEN: (
        "OVR-5",
        (
            "OVR-5: {address} speaks for an office that the directory does not name as yours. Use a mailbox of your own "
            "department."
        ),
    ),
    Tie.UNKNOWN: ("REL-3", "The directory does not know {address}. Use an address that exists."),
    Tie.OWNERLESS: (
        "REL-3",
        (
            "REL-3: {address} is a mailbox of {whose}, and the directory names nobody who answers for it. Use one of your "
            "own department, or have its owner recorded; a reviewer may set this aside with a reason."
        ),
    ),
}
