"""Running a kind's checks and keeping what they found."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.models import User
from portal.lib.outcome import Outcome
from portal.lib.problems import NotAllowed, WrongState
from portal.lib.text import storable
from portal.lib.throttle import Rate, refuse_over
from portal.workflow.findings import Finding, blocking
from portal.workflow.models import CheckRun, Event, ServiceRequest, StoredFinding, Waiver
from portal.workflow.owner_rule import owner_finding
from portal.workflow.policies import is_decider, may_recheck
from portal.workflow.services.limits import refuse_too_often
from portal.workflow.states import LIVE_STATES, State

OF_ONE_REQUEST = Rate(times=6, seconds=60)
OF_ONE_PERSON = Rate(times=20, seconds=600)
LIVE_OF_ONE_PERSON = Rate(times=120, seconds=120)
"""How often checks run again because somebody asked: other people's name servers answer them."""


def refuse_live_check(*, service_request: ServiceRequest, actor: User) -> None:
    """Count one live check of a field. Raises TooOften where a person could not have typed so much."""
    refuse_too_often(
        "live",
        service_request,
        actor,
        of_person=LIVE_OF_ONE_PERSON,
        sentence="This was checked many times in a short time.",
    )


def run_checks(service_request: ServiceRequest) -> list[Finding]:
    """Run the kind's checks, and those of all kinds, over the saved answers. Asks the DNS and the directory, so it
    stays out of transactions.
    """
    kind = service_request.kind_entry
    kind.detail_model.forget(service_request)  # over the rows as they are now, not as a page read them
    return [*kind.check(service_request), owner_finding(service_request)]


def save_check_run(
    *, service_request: ServiceRequest, found: Sequence[Finding], occasion: CheckRun.Occasion
) -> CheckRun:
    """Store the findings as one run and count, on the request, those that bar approval."""
    run = _store(service_request, found, occasion)
    count = len(unwaived(service_request=service_request, found=found))
    ServiceRequest.objects.filter(pk=service_request.pk).update(blocking_findings=count)
    service_request.blocking_findings = count
    return run


def save_recheck_run(*, service_request: ServiceRequest, found: Sequence[Finding]) -> CheckRun:
    """Store what a later check of the permission found: it bars nothing, and the decision's run stays as it is."""
    return _store(service_request, found, CheckRun.Occasion.RECHECK)


def _store(
    service_request: ServiceRequest, found: Sequence[Finding], occasion: CheckRun.Occasion
) -> CheckRun:
    run = CheckRun.objects.create(
        service_request=service_request, occasion=occasion, answers_revision=service_request.revision
    )
    StoredFinding.objects.bulk_create(
        StoredFinding(
            run=run,
            clause=finding.clause,
            rule=finding.rule,
            outcome=finding.outcome,
            must=finding.must,
            waivable=finding.waivable,
            field=finding.field,
            sentence=storable(finding.sentence),
            evidence=storable(finding.evidence),
        )
        for finding in found
    )
    return run


def unwaived(*, service_request: ServiceRequest, found: Sequence[Finding]) -> list[Finding]:
    """The findings that bar approval and were not waived by name."""
    waived = set(service_request.waivers.values_list("rule", flat=True))
    return [finding for finding in blocking(found) if not (finding.waivable and finding.rule in waived)]


def recheck(*, service_request: ServiceRequest, actor: User) -> CheckRun:
    """Run the checks again and keep the run, for the people of the request and of its stage.

    Of an approved request what its permission rests on is asked again; the evidence of the decision stays as it
    was. Raises NotAllowed, WrongState, or TooOften. Asks the DNS, outside any transaction.
    """
    if not may_recheck(service_request, actor):
        raise NotAllowed("Only the requester and the people of this stage run its checks again.")
    if service_request.state not in (*LIVE_STATES, State.APPROVED):
        raise WrongState(f"Request {service_request.reference} is closed; its evidence stays as it was.")
    _refuse_too_often(service_request, actor)
    found = _run_checks_now(service_request)
    with transaction.atomic():
        held = ServiceRequest.objects.select_for_update(of=("self",)).get(pk=service_request.pk)
        if (held.state, held.revision) != (service_request.state, service_request.revision):
            raise WrongState(f"Request {service_request.reference} was changed while the checks ran.")
        if held.state in LIVE_STATES:
            run = save_check_run(
                service_request=service_request, found=found, occasion=CheckRun.Occasion.RECHECK
            )
        else:
            run = save_recheck_run(service_request=service_request, found=found)
        _note(service_request, actor, "recheck", check_run=run)
    return run


def _run_checks_now(service_request: ServiceRequest) -> list[Finding]:
    if service_request.state in LIVE_STATES:
        return run_checks(service_request)
    found = service_request.kind_entry.check_after_decision(service_request)
    if found is None:
        raise WrongState(
            f"What request {service_request.reference} led to is over; its evidence stays as it was."
        )
    return found


def _refuse_too_often(service_request: ServiceRequest, actor: User) -> None:
    refuse_over(
        (f"recheck:request:{service_request.pk}", OF_ONE_REQUEST),
        (f"recheck:person:{actor.pk}", OF_ONE_PERSON),
        sentence="It was checked a few times just now.",
    )


def check_waiving(service_request: ServiceRequest, actor: User) -> None:
    """Raise NotAllowed or WrongState unless `actor` may waive clauses of the request now."""
    if not is_decider(service_request, actor):
        raise NotAllowed("Only the people of this stage may waive a clause.")
    if service_request.state != State.IN_REVIEW:
        raise WrongState(f"Request {service_request.reference} is not in review.")


def waive(*, service_request: ServiceRequest, actor: User, rule: str, reason: str) -> Waiver:
    """Set aside one waivable finding of the newest run, by name and with a reason.

    Raises NotAllowed, WrongState, or ValidationError where the reason is missing or the finding cannot be
    waived.
    """
    check_waiving(service_request, actor)
    if not reason.strip():
        raise ValidationError({"reason": "Say why the clause may be set aside in this case."})
    newest = service_request.check_runs.order_by("-id").first()
    finding = newest.findings.filter(rule=rule, waivable=True).first() if newest else None
    if finding is None or not as_finding(finding).blocks:
        raise ValidationError(
            {"reason": "There is nothing to set aside: the newest check does not bar this."}
        )
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
    found = [as_finding(finding) for finding in newest.findings.all()]
    count = len(unwaived(service_request=service_request, found=found))
    ServiceRequest.objects.filter(pk=service_request.pk).update(blocking_findings=count)


def as_finding(finding: StoredFinding) -> Finding:
    """A stored finding in the form the checks speak."""
    return Finding(
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
    actor: User,
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
