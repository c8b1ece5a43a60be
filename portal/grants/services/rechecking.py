"""The daily checks: what a grant was approved on is checked again. Safe to run twice, late, or not at all.
Checks run in a few threads, outside transactions; each result is written in its own transaction, which checks
the condition again. A check that fails or gets no answer is unknown, and changes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.grants import notices, publication
from portal.grants.compliance import (
    ComplianceResult,
    compliance_result,
    is_suspended_when_broken,
    suspension_due_on,
)
from portal.grants.models import Compliance, Grant, GrantEvent, RecheckRun, Standing
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantState
from portal.workflow.findings import Finding
from portal.workflow.services import checking

logger = logging.getLogger(__name__)
AT_ONCE = 8
"""Grants checked at the same time: enough to hide the latency of name servers, few enough not to overload them."""
CHUNK = 200
NOTED_EVERY = 10


@dataclass(frozen=True)
class Checked:
    """The result for one grant, as it was at `revision`; None if there is nothing to check."""

    pk: int
    revision: int
    verdict: ComplianceResult | None
    found: tuple[Finding, ...] = ()


def recheck_grants(*, today: date, at_once: int = AT_ONCE) -> RecheckRun:
    """Check every grant that is in force, or that a check suspended; returns the run with its counts."""
    run = RecheckRun.objects.create(total=_candidates(today).count())
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="recheck") as pool:
        for keys in _chunks(_candidates(today)):
            for checked in pool.map(_check, keys):
                _count(run, checked)
                _guarded_write(checked, today)
    run.finished_at = timezone.now()
    run.total = run.done
    _note(run)
    return run


def _candidates(today: date) -> QuerySet[Grant]:
    running = Q(ends_on__gte=today) | Q(held_open_by__isnull=False)
    ours = Q(state=GrantState.SUSPENDED, compliance__suspended_by_portal=True)
    return Grant.objects.filter(running, Q(state=GrantState.ACTIVE) | ours).order_by("pk")


def _chunks(grants: QuerySet[Grant]) -> Iterator[list[int]]:
    last = 0
    while keys := list(grants.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
        yield keys
        last = keys[-1]


# ---------------------------------------------------------------- in the threads
def _check(pk: int) -> Checked:
    """Run the kind's check; any error gives unknown, so that one grant never stops the others."""
    revision = -1
    try:
        grant = Grant.objects.get(pk=pk)
        revision = grant.revision
        found = grant.kind_entry.recheck(grant)
        return Checked(pk, revision, compliance_result(found) if found else None, tuple(found))
    except Exception:
        logger.exception("Permission %s could not be checked again; the others go on.", pk)
        return Checked(pk, revision, ComplianceResult(Standing.UNKNOWN))
    finally:
        connections.close_all()  # each thread has its own connection, which nobody else closes


def _count(run: RecheckRun, checked: Checked) -> None:
    standing = checked.verdict.standing if checked.verdict else Standing.GREEN
    run.done += 1
    run.broken += standing == Standing.BROKEN
    run.unknown += standing == Standing.UNKNOWN
    if run.done % NOTED_EVERY == 0:
        _note(run)


def _note(run: RecheckRun) -> None:
    run.moved_at = timezone.now()
    run.save(update_fields=["moved_at", "finished_at", "total", "done", "broken", "unknown"])


# ---------------------------------------------------------------- one grant, one transaction
def _guarded_write(checked: Checked, today: date) -> None:
    try:
        if checked.verdict is not None:
            _write(checked, checked.verdict, today)
    except Exception:
        logger.exception("The check of permission %s could not be written; the others go on.", checked.pk)


@transaction.atomic
def _write(checked: Checked, verdict: ComplianceResult, today: date) -> None:
    people = Grant.objects.select_related("owner", "co_owner", "latest_request")
    grant = people.select_for_update(of=("self",)).filter(pk=checked.pk, revision=checked.revision).first()
    if grant is None:
        return  # it changed while it was checked: the next run checks it again
    now = timezone.now()
    compliance, _ = Compliance.objects.get_or_create(grant=grant, defaults={"since": now})
    grant.compliance = compliance
    if not _is_concerned(grant):
        return
    if verdict.standing == Standing.UNKNOWN:
        compliance.unanswered_at = now
    else:
        if compliance.broken_sentence != verdict.broken_sentence:
            _keep_records(grant, checked.found)
        _establish(grant, compliance, verdict, today)
    compliance.save()


@transaction.atomic
def suspend_now(*, grant: Grant, found: Sequence[Finding]) -> bool:
    """Suspend a grant because of `found`, without the grace period of the daily checks; return whether it was
    active. For facts that never met the standards. The daily checks resume the grant once they do.
    """
    people = Grant.objects.select_related("owner", "co_owner", "latest_request")
    held = people.select_for_update(of=("self",)).get(pk=grant.pk)
    verdict = compliance_result(found)
    if held.state != GrantState.ACTIVE or verdict.standing != Standing.BROKEN:
        return False
    now = timezone.now()
    compliance, _ = Compliance.objects.get_or_create(grant=held, defaults={"since": now})
    if compliance.standing != Standing.BROKEN:
        compliance.since = now
    compliance.standing, compliance.advice = verdict.standing, verdict.advice
    compliance.broken_sentence, compliance.suspended_by_portal = verdict.broken_sentence, True
    compliance.checked_at = compliance.told_at = now
    compliance.save()
    _keep_records(held, tuple(found))
    event = change_grant(
        grant=held, action="suspend", actor=None, reason=verdict.broken_sentence, state=GrantState.SUSPENDED
    )
    notices.changed(grant=held, event=event)
    return True


def _keep_records(grant: Grant, found: tuple[Finding, ...]) -> None:
    """Store the findings that broke the grant, or fixed it, beside the evidence of the decision: its page shows
    both.
    """
    checking.save_recheck_run(service_request=grant.latest_request, found=found)


def _is_concerned(grant: Grant) -> bool:
    """Whether the grant is active, or was suspended by these checks and by nobody since."""
    compliance = grant.compliance
    if grant.state == GrantState.ACTIVE:
        compliance.suspended_by_portal = False  # whoever resumed it ended our suspension
        return True
    if grant.state != GrantState.SUSPENDED or not compliance.suspended_by_portal:
        return False
    latest = grant.events.filter(action="suspend").order_by("-pk").first()
    return latest is not None and latest.actor_id is None


def leave_to_people(*, grant: Grant) -> None:
    """Make a suspension by the daily checks permanent: from now on only a person resumes the grant.

    Must run inside a transaction that has locked the grant.
    """
    if Compliance.objects.filter(grant=grant, suspended_by_portal=True).update(suspended_by_portal=False):
        publication.changed()  # its DNS records depend on who suspended it


def _establish(grant: Grant, compliance: Compliance, verdict: ComplianceResult, today: date) -> None:
    before, now = compliance.standing, timezone.now()
    compliance.checked_at, compliance.unanswered_at = now, None
    compliance.standing, compliance.advice = verdict.standing, verdict.advice
    compliance.broken_sentence = verdict.broken_sentence
    if before != verdict.standing:
        compliance.since = now
    if verdict.standing == Standing.BROKEN:
        _handle_break(grant, compliance, today)
    elif before == Standing.BROKEN:
        _handle_mending(grant, compliance)


def _handle_break(grant: Grant, compliance: Compliance, today: date) -> None:
    if compliance.told_at is None:
        compliance.told_at = timezone.now()
        event = _event(grant, "drift", compliance.broken_sentence)
        notices.drifted(grant=grant, event=event, suspended_on=suspension_due_on(grant))
        return
    due_on = suspension_due_on(grant)
    if due_on is not None and due_on <= today and is_suspended_when_broken(grant):
        event = change_grant(
            grant=grant,
            action="suspend",
            actor=None,
            reason=compliance.broken_sentence,
            state=GrantState.SUSPENDED,
        )
        compliance.suspended_by_portal = True
        notices.changed(grant=grant, event=event)


def _handle_mending(grant: Grant, compliance: Compliance) -> None:
    compliance.told_at = None
    event = _event(grant, "mended", "")
    if grant.state == GrantState.SUSPENDED:
        target = GrantState.ACTIVE if grant.kind_entry.is_proven(grant) else GrantState.UNPROVEN
        event = change_grant(grant=grant, action="resume", actor=None, state=target)
        compliance.suspended_by_portal = False
    notices.changed(grant=grant, event=event)


def _event(grant: Grant, action: str, reason: str) -> GrantEvent:
    # The grant itself does not change: its revision stays, so that open forms stay valid.
    return GrantEvent.objects.create(
        grant=grant, action=action, from_state=grant.state, to_state=grant.state, reason=reason
    )
