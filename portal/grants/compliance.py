"""What the daily checks mean for a grant, and the queries of their pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Compliance, Grant, RecheckRun, Standing
from portal.grants.states import GrantState
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding

PANEL_ROWS = 5
RUNS_SHOWN = 10


@dataclass(frozen=True)
class ComplianceResult:
    """The result of one check of one grant, as sentences for its page."""

    standing: Standing
    broken_sentence: str = ""
    advice: str = ""


def compliance_result(found: Sequence[Finding]) -> ComplianceResult:
    """Broken if a finding of a must-clause fails, else unknown if one got no answer, else green."""
    failed = [finding.sentence for finding in found if finding.must and finding.outcome == Outcome.FAIL]
    heeded = [
        finding.sentence
        for finding in found
        if finding.outcome == Outcome.WARN or (finding.outcome == Outcome.FAIL and not finding.must)
    ]
    if failed:
        return ComplianceResult(Standing.BROKEN, " ".join(failed), "\n".join(heeded))
    if any(finding.must and finding.outcome == Outcome.UNKNOWN for finding in found):
        return ComplianceResult(Standing.UNKNOWN)
    return ComplianceResult(Standing.GREEN, advice="\n".join(heeded))


def is_suspended_when_broken(grant: Grant) -> bool:
    """Whether a break suspends the grant after the grace period: the kind's default, unless the institution sets it."""
    return institution().suspends_when_broken.get(grant.kind, grant.kind_entry.suspends_when_broken)


def suspension_due_on(grant: Grant) -> date | None:
    """The day on which the next check may suspend the grant; None if nothing is due. Counts from the notice, or
    from a later resumption: resuming a grant that is still out of compliance starts the grace period again.
    """
    compliance = getattr(grant, "compliance", None)
    if (
        compliance is None
        or compliance.standing != Standing.BROKEN
        or compliance.told_at is None
        or grant.state != GrantState.ACTIVE
        or not is_suspended_when_broken(grant)
    ):
        return None
    counted_from = max(compliance.told_at, grant.state_changed_at)
    return timezone.localdate(counted_from) + timedelta(days=institution().compliance_grace_days)


# ---------------------------------------------------------------- what the pages read
def broken_grants(actor: User) -> QuerySet[Compliance]:
    """The grants out of compliance that `actor` may read, the oldest break first."""
    if not (actor.is_active and actor.sees_everything):
        return Compliance.objects.none()
    concerned = Q(grant__state=GrantState.ACTIVE) | Q(
        grant__state=GrantState.SUSPENDED, suspended_by_portal=True
    )
    broken = Compliance.objects.filter(concerned, standing=Standing.BROKEN)
    return broken.select_related("grant").order_by("since", "pk")


def drifting_grants(actor: User) -> list[Compliance]:
    """The first few of `broken_grants`, for the panel above the queue; one query where nothing is broken."""
    if not (actor.is_active and actor.sees_everything and _is_anything_broken()):
        return []
    return list(broken_grants(actor)[:PANEL_ROWS])


def _is_anything_broken() -> bool:
    """Whether any grant is out of compliance, by the partial index; on most days this is the only query of the
    queue.
    """
    sql, values = _broken_statement()
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone() is not None


@cache
def _broken_statement() -> tuple[str, tuple[Any, ...]]:
    # The same for everybody; building the query each time would cost several times its execution.
    rows = Compliance.objects.filter(standing=Standing.BROKEN).order_by().values("pk")[:1]
    sql, values = rows.query.get_compiler(connection=connection).as_sql()
    return sql, tuple(values)


def recent_runs() -> list[RecheckRun]:
    """The last runs of the daily checks, newest first."""
    return list(RecheckRun.objects.all()[:RUNS_SHOWN])
