"""The rule of all kinds: whoever asks is a person whom the directory has."""

from portal.accounts.directory import DirectoryUnavailable, directory
from portal.accounts.models import User
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest

RULE = "requester-here"


def is_known(person: User) -> bool | None:
    """Whether the account is open and the directory has its address; None where the directory does not answer."""
    if not person.is_active:
        return False
    try:
        return person.email in directory().lookup([person.email])
    except DirectoryUnavailable:
        return None


def owner_finding(service_request: ServiceRequest) -> Finding:
    """What the directory says of the requester. A must: a permission has an owner, by the clause that the kind names."""
    person, clause = service_request.requester, service_request.kind_entry.owner_clause
    known = is_known(person)
    if known:
        outcome, sentence = Outcome.PASS, f"{person} is in the directory and answers for this."
    elif known is None:
        outcome = Outcome.UNKNOWN
        sentence = f"{clause}: the directory did not answer, so nobody knows whether {person} is still here. Check again."
    else:
        outcome, sentence = Outcome.FAIL, f"{clause}: {_who_is_gone(person)} {_remedy(service_request)}"
    return Finding(
        clause=clause,
        rule=RULE,
        outcome=outcome,
        sentence=sentence,
        evidence={"address": person.email, "in directory": known, "account is open": person.is_active},
    )


def _who_is_gone(person: User) -> str:
    return f"{person} ({person.email}) is not in the directory, so nobody would answer for the permission."


def _remedy(service_request: ServiceRequest) -> str:
    if service_request.co_owner is not None and is_known(service_request.co_owner):
        return f"The co-owner, {service_request.co_owner}, can take the request over on this page."
    return "Somebody else of the department has to file it."
