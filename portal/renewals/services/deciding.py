"""Deciding many renewals at once: each row with the service and policies of the decision page, in its own transaction.

A run may be started twice, carried out twice, or killed in the middle: what was approved stays approved and is
reported so, and waiting rows continue.
"""

import logging
import uuid
from collections.abc import Sequence
from time import monotonic
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import User
from portal.lib import dispatch
from portal.lib.problems import NotAllowed, Stale, WrongState
from portal.renewals.facts import classify
from portal.renewals.gathering import gather
from portal.renewals.models import LEASE, BulkRow, BulkRun, Result, Route
from portal.renewals.services.judging import grant_under_renewal, judgement_of
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.policies import check_action
from portal.workflow.services import reviewing
from portal.workflow.states import Action

logger = logging.getLogger(__name__)
AT_ONCE = 3
"""Rows that are decided within the request; more go to a worker."""
INLINE_SECONDS = 8.0
"""After that the web request also leaves the rest to a worker, since name servers may be slow."""
MOST_ROWS = 100
Chosen = tuple[str, int]
"""A reference and the revision of the request in the list."""


def approve_chosen(*, actor: User, key: UUID, reason: str, chosen: Sequence[Chosen]) -> BulkRun:
    """Start a run over `chosen` and, if it is short, carry it out; the same `key` again returns the same run.

    Raises NotAllowed, or ValidationError, keyed `reason` or `chosen`.
    """
    run, is_new = _begin(actor, key, reason, chosen)
    if is_new and len(chosen) <= AT_ONCE:
        carry_out(run.pk, within=INLINE_SECONDS)
    elif is_new:
        dispatch_run(run.pk)
    run.refresh_from_db()
    return run


def _begin(actor: User, key: UUID, reason: str, chosen: Sequence[Chosen]) -> tuple[BulkRun, bool]:
    if not actor.is_decider:
        raise NotAllowed("Renewals are decided by reviewers.")
    if (begun := BulkRun.objects.filter(actor=actor, key=key).first()) is not None:
        return begun, False
    rows = _rows(actor, reason, chosen)
    with transaction.atomic():
        run, is_new = BulkRun.objects.get_or_create(actor=actor, key=key, defaults={"reason": reason.strip()})
        if is_new:
            for row in rows:
                row.run = run
            BulkRow.objects.bulk_create(rows)
    return run, is_new


def _rows(actor: User, reason: str, chosen: Sequence[Chosen]) -> list[BulkRow]:
    seen = dict(chosen)
    if not reason.strip():
        raise ValidationError({"reason": "Say why they are approved. Each owner reads it."})
    if not seen:
        raise ValidationError({"chosen": "Choose at least one renewal."})
    if len(seen) > MOST_ROWS:
        raise ValidationError({"chosen": f"Choose at most {MOST_ROWS} at once."})
    found = ServiceRequest.objects.visible_to(actor).filter(reference__in=seen).order_by("due_on", "pk")
    rows = [BulkRow(service_request=one, revision=seen[one.reference]) for one in found]
    if len(rows) != len(seen):
        raise ValidationError({"chosen": "One of these renewals is not there. Read the list again."})
    return rows


def dispatch_run(pk: int) -> None:
    """Dispatch the run to a worker; without a broker the periodic job starts it within two minutes."""
    dispatch.start("portal.renewals.tasks.carry_out", pk, otherwise="the sweep will carry the run out")


# ---------------------------------------------------------------- carrying out
def resume_runs() -> int:
    """Carry out the runs that no worker has; return how many there were."""
    left = BulkRun.objects.filter(finished_at__isnull=True, moved_at__lt=timezone.now() - LEASE)
    keys = list(left.order_by("pk").values_list("pk", flat=True))
    for pk in keys:
        carry_out(pk)
    return len(keys)


def carry_out(pk: int, *, within: float | None = None) -> None:
    """Decide the waiting rows of a run, one by one; do nothing if another worker has it, or it is finished.

    `within` are the seconds after which no further row is started here, and the rest is dispatched to a worker.
    """
    token, began = uuid.uuid4().hex, monotonic()
    if not _claim(pk, token):
        return
    run = BulkRun.objects.get(pk=pk)
    for row in run.rows.filter(result=Result.WAITING):
        if not _hold(pk, token):
            return  # another worker took over
        result, sentence = _decide(run, row)
        BulkRow.objects.filter(pk=row.pk, result=Result.WAITING).update(
            result=result, sentence=sentence, done_at=timezone.now()
        )
        if within is not None and monotonic() - began > within:
            _hand_on(pk, token)
            return
    BulkRun.objects.filter(pk=pk, token=token).update(finished_at=timezone.now(), moved_at=timezone.now())


def _hand_on(pk: int, token: str) -> None:
    BulkRun.objects.filter(pk=pk, token=token).update(token="")
    dispatch_run(pk)


def _claim(pk: int, token: str) -> bool:
    now = timezone.now()
    free = Q(token="") | Q(moved_at__lt=now - LEASE)
    claimed = BulkRun.objects.filter(free, pk=pk, finished_at__isnull=True)
    return claimed.update(token=token, moved_at=now) == 1


def _hold(pk: int, token: str) -> bool:
    return BulkRun.objects.filter(pk=pk, token=token).update(moved_at=timezone.now()) == 1


# ---------------------------------------------------------------- one row
def _decide(run: BulkRun, row: BulkRow) -> tuple[Result, str]:
    """Approve one row, or record why not. Never raises, so that one row stops no other."""
    service_request = ServiceRequest.objects.with_people().get(pk=row.service_request_id)
    if _is_approved_by(run, service_request):
        return _approved(service_request)
    try:
        # The actor is read again for every row: somebody who lost the role meanwhile decides nothing more.
        why_not = _approve(run, row, service_request, User.objects.get(pk=run.actor_id))
    except (NotAllowed, WrongState, Stale) as problem:
        result = Result.SKIPPED, str(problem)
    except ValidationError as error:
        result = Result.FAILED, " ".join(error.messages)
    except Exception:
        logger.exception("%s could not be decided; the others go on.", service_request.reference)
        result = Result.FAILED, "Something went wrong here. Decide it on its page."
    else:
        result = (Result.SKIPPED, why_not) if why_not else _approved(service_request)
    if result[0] != Result.APPROVED and _is_approved_by(run, service_request):
        return _approved(service_request)  # another worker had this row, and was quicker
    return result


def _approve(run: BulkRun, row: BulkRow, service_request: ServiceRequest, actor: User) -> str:
    """Approve the row on facts collected now; return "" or why it needs its own page."""
    check_action(Action.APPROVE, service_request, actor)
    if service_request.revision != row.revision:
        return "Somebody changed it since the list was shown. Read it again."
    judgement, grant = judgement_of(service_request), grant_under_renewal(service_request)
    if judgement is None or judgement.route != Route.SHORT or grant is None:
        return "It is not among the unchanged renewals. Decide it on its page."
    gathered = gather(grant, service_request)
    verdict = classify(gathered.facts, gathered.use)
    if not verdict.is_short:
        return f"It is no longer unchanged and green. {' '.join(verdict.reasons)} Decide it on its page."
    terms = service_request.kind_entry.default_terms(service_request, timezone.localdate())
    reviewing.approve(
        service_request=service_request, actor=actor, revision=row.revision, comment=run.reason, terms=terms
    )
    return ""


def _is_approved_by(run: BulkRun, service_request: ServiceRequest) -> bool:
    """Whether this very run approved the request: its actor, its reason, since it began."""
    approvals = Event.objects.filter(
        service_request=service_request, action=Action.APPROVE, actor=run.actor_id, at__gte=run.started_at
    )
    return approvals.filter(comment=run.reason).exists()


def _approved(service_request: ServiceRequest) -> tuple[Result, str]:
    grant = grant_under_renewal(service_request)
    until = f"Approved until {grant.ends_on:%-d %B %Y}." if grant is not None else "Approved."
    return Result.APPROVED, until
