"""What is found about addresses that are not the requester's to lend (REL-3, OVR-5), alike for every kind."""

from portal.accounts.mailboxes import Mailbox
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding, rule_for
from portal.workflow.models import AddressConsent


def consent_finding(box: Mailbox, row: AddressConsent | None, *, clause: str, field: str) -> Finding:
    """What the person who has to agree to the use of `box` said, if they were asked."""
    rule, address = rule_for("consent", box.address), box.address
    whose = (
        f"{address} is a person’s own"
        if box.is_personal
        else f"{address} is a mailbox of {box.department or 'another department'}"
    )
    who = "that person" if box.is_personal else f"its owner, {box.asked},"
    evidence = {"value": address}
    if row is not None and row.asked_of == box.asked:
        if row.consent_given_at is not None:
            return Finding(
                clause, rule, Outcome.PASS, f"{whose}; {who} agreed.", field=field, evidence=evidence
            )
        if row.consent_refused_at is not None:
            said = f"{clause}: {whose}, and {who} refused. Use another address."
            return Finding(clause, rule, Outcome.FAIL, said, field=field, evidence=evidence)
    said = (
        f"{clause}: {whose}. We ask {who} by email when you submit; it cannot be approved before they agree."
    )
    return Finding(clause, rule, Outcome.FAIL, said, field=field, evidence=evidence)


def can_wait(finding: Finding) -> bool:
    """Whether a form takes the answer all the same: somebody's consent, or a reviewer, has to come first."""
    return finding.waivable or finding.rule.startswith("consent:")
