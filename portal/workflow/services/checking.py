"""Running a kind's checks and keeping what they found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.lib.problems import NotAllowed, WrongState
from portal.workflow.findings import Found, blocking
from portal.workflow.models import CheckRun, Event, Finding, ServiceRequest, Waiver
from portal.workflow.policies import is_decider
from portal.workflow.states import State

if TYPE_CHECKING:
    from portal.accounts.models import User


def look(service_request: ServiceRequest) -> list[Found]:
    """Run the kind's checks over the saved answers. Asks the DNS, so it stays out of transactions."""
    return service_request.kind_entry.check(service_request)


def keep(*, service_request: ServiceRequest, found: Sequence[Found], occasion: CheckRun.Occasion) -> CheckRun:
    """Store the findings as one run and count, on the request, those that bar approval."""
    run = CheckRun.objects.create(
        service_request=service_request, occasion=occasion, answers_revision=service_request.revision
    )
    Finding.objects.bulk_create(
        Finding(
            run=run,
            clause=finding.clause,
            rule=finding.rule,
            outcome=finding.outcome,
            must=finding.must,
            waivable=finding.waivable,
            field=finding.field,
            sentence=finding.sentence,
            evidence=dict(finding.evidence),
        )
        for finding in found
    )
    count = len(unwaived(service_request=service_request, found=found))
    ServiceRequest.objects.filter(pk=service_request.pk).update(blocking_findings=count)
    service_request.blocking_findings = count
    return run


def unwaived(*, service_request: ServiceRequest, found: Sequence[Found]) -> list[Found]:
    """The findings that bar approval and were not waived by name."""
    waived = set(service_request.waivers.values_list("rule", flat=True))
    return [finding for finding in blocking(found) if not (finding.waivable and finding.rule in waived)]


def recheck(*, service_request: ServiceRequest, actor: "User") -> CheckRun:
    """Run the checks again for a decider and keep the run. Raises NotAllowed or WrongState."""
    if not is_decider(service_request, actor):
        raise NotAllowed("Only the people of this stage run its checks again.")
    if service_request.state not in (State.IN_REVIEW, State.NEEDS_INFORMATION):
        raise WrongState(f"Request {service_request.reference} is closed; its evidence stays as it was.")
    found = look(service_request)
    with transaction.atomic():
        run = keep(service_request=service_request, found=found, occasion=CheckRun.Occasion.RECHECK)
        _note(service_request, actor, "recheck", check_run=run)
    return run


def check_waiving(service_request: ServiceRequest, actor: "User") -> None:
    """Raise NotAllowed or WrongState unless `actor` may waive clauses of the request now."""
    if not is_decider(service_request, actor):
        raise NotAllowed("Only the people of this stage may waive a clause.")
    if service_request.state != State.IN_REVIEW:
        raise WrongState(f"Request {service_request.reference} is not in review.")


def waive(*, service_request: ServiceRequest, actor: "User", rule: str, reason: str) -> Waiver:
    """Set aside one waivable finding of the newest run, by name and with a reason.

    Raises NotAllowed, WrongState, or ValidationError where the reason is missing or the finding cannot be
    waived.
    """
    check_waiving(service_request, actor)
    if not reason.strip():
        raise ValidationError({"reason": "Say why the clause may be set aside in this case."})
    finding = Finding.objects.filter(run__service_request=service_request, rule=rule, waivable=True).last()
    if finding is None:
        raise ValidationError({"reason": "This clause cannot be waived."})
    with transaction.atomic():
        waiver, created = Waiver.objects.get_or_create(
            service_request=service_request,
            rule=rule,
            defaults={"clause": finding.clause, "reason": reason.strip(), "waived_by": actor},
        )
        if created:
            _note(service_request, actor, "waive", comment=reason.strip(), clauses=[finding.clause])
            _recount(service_request)
    return waiver


def _recount(service_request: ServiceRequest) -> None:
    newest = service_request.check_runs.latest()
    found = [stored_as_found(finding) for finding in newest.findings.all()]
    count = len(unwaived(service_request=service_request, found=found))
    ServiceRequest.objects.filter(pk=service_request.pk).update(blocking_findings=count)


def stored_as_found(finding: Finding) -> Found:
    """A stored finding in the form the checks speak."""
    from portal.lib.outcome import Outcome

    return Found(
        clause=finding.clause,
        rule=finding.rule,
        outcome=Outcome(finding.outcome),
        sentence=finding.sentence,
        must=finding.must,
        waivable=finding.waivable,
        field=finding.field,
        evidence=finding.evidence,
    )


def _note(
    service_request: ServiceRequest,
    actor: "User",
    action: str,
    *,
    comment: str = "",
    clauses: Sequence[str] = (),
    check_run: CheckRun | None = None,
) -> None:
    Event.objects.create(
        service_request=service_request,
        actor=actor,
        action=action,
        comment=comment,
        clauses=list(clauses),
        stage=service_request.stage,
        from_state=service_request.state,
        to_state=service_request.state,
        check_run=check_run,
    )
