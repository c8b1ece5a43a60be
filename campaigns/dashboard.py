"""Numbers for the dashboard of the CIO office: aggregated in SQL over the last twelve months, with bounded cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from campaigns import selectors
from campaigns.models import ComplaintMetrics, PermittedAudience
from portal.institution import institution
from portal.ui import charts
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import LIVE_STATES

MONTHS = 12
MOST_DECISIONS = 5_000
MOST_CLAUSES = 12
AGES = ((1, "Since today or yesterday"), (3, "2 to 3 days"), (7, "4 to 7 days"), (14, "8 to 14 days"))


@dataclass(frozen=True)
class Waiting:
    """The campaigns that wait for the office: how many, and the longest wait in days."""

    count: int
    longest_days: int
    overdue: int
    picture: charts.Bars


def months(today: date) -> list[date]:
    """Return the first days of the last twelve months, the current month last."""
    first = today.replace(day=1)
    found = [first]
    for _ in range(MONTHS - 1):
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def waiting(today: date) -> Waiting:
    """Return what waits for the office, by days since it came to its queue (days in the institution's zone)."""
    rows = ServiceRequest.objects.filter(kind=selectors.KEY, state__in=LIVE_STATES, stage="cio")
    edges = [0, *(days + 1 for days, _ in AGES)]
    asked = {
        f"age{number}": Count("pk", filter=_entered(today, edges[number], edges[number + 1]))
        for number in range(len(AGES))
    }
    last = edges[-1]
    asked["older"] = Count("pk", filter=Q(stage_entered_at__lt=_start_of(today - timedelta(days=last - 1))))
    found = rows.aggregate(count=Count("pk"), overdue=Count("pk", filter=Q(due_on__lt=today)), **asked)
    oldest = rows.order_by("stage_entered_at").values_list("stage_entered_at", flat=True).first()
    items = [(label, found[f"age{number}"]) for number, (_, label) in enumerate(AGES)]
    items.append((f"More than {AGES[-1][0]} days", found["older"]))
    return Waiting(
        count=found["count"],
        longest_days=(today - timezone.localdate(oldest)).days if oldest else 0,
        overdue=found["overdue"],
        picture=charts.bars("waiting", "Campaigns in the queue", items, head="Waiting"),
    )


def _entered(today: date, youngest: int, oldest: int) -> Q:
    """Return the filter for stages entered from `oldest` (excluded) to `youngest` days ago."""
    return Q(
        stage_entered_at__gte=_start_of(today - timedelta(days=oldest - 1)),
        stage_entered_at__lt=_start_of(today - timedelta(days=youngest - 1)),
    )


def by_month(today: date) -> charts.Columns:
    """Return how many campaigns began in each month, by population; a campaign counts once for each population."""
    span = months(today)
    rows = (
        PermittedAudience.objects.filter(permission__grant__starts_on__gte=span[0])
        .filter(permission__grant__starts_on__lt=_next_month(span[-1]))
        .annotate(month=TruncMonth("permission__grant__starts_on"))
        .values("month", "population")
        .annotate(count=Count("permission", distinct=True))
        .order_by("month", "population")
    )
    counted = {(row["population"], row["month"]): row["count"] for row in rows}
    known = {entry.key: entry.label for entry in institution().populations}
    series = [
        charts.Series(known.get(key, key), [counted.get((key, month), 0) for month in span])
        for key in [*known, *sorted({key for key, _ in counted} - set(known))]
        if any(counted.get((key, month)) for month in span)
    ]
    return charts.columns(
        "months", "Campaigns begun, by population", [_short(month) for month in span], series
    )


def complaint_rates(today: date) -> charts.Line:
    """Return complaints per hundred messages of all campaigns by month; a month without metrics is a gap."""
    span = months(today)
    rows = (
        ComplaintMetrics.objects.filter(day__gte=span[0], day__lt=_next_month(span[-1]))
        .annotate(month=TruncMonth("day"))
        .values("month")
        .annotate(sent=Sum("sent"), complaints=Sum("complaints"))
    )
    found = {row["month"]: 100 * row["complaints"] / row["sent"] for row in rows if row["sent"]}
    place = institution()
    return charts.line(
        "complaints",
        "Complaints per hundred messages",
        [(_short(month), found.get(month)) for month in span],
        unit=" %",
        limits=[
            (place.stop_complaint_percent, f"stop at {place.stop_complaint_percent} %"),
            (place.warn_complaint_percent, f"warn at {place.warn_complaint_percent} %"),
        ],
    )


def decisions_by_clause(today: date) -> tuple[charts.Columns, int]:
    """Return approvals and denials of the last twelve months by cited clause, and how many cite none."""
    events = Event.objects.filter(
        service_request__kind=selectors.KEY,
        action__in=("approve", "deny"),
        at__gte=_start_of(months(today)[0]),
    )
    approved: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    without = 0
    for action, clauses in events.order_by("-id").values_list("action", "clauses")[:MOST_DECISIONS]:
        (approved if action == "approve" else denied).update(set(clauses))
        without += not clauses
    named = sorted(approved | denied, key=lambda clause: (-approved[clause] - denied[clause], clause))[
        :MOST_CLAUSES
    ]
    series = [
        charts.Series("Approved", [approved[clause] for clause in named]),
        charts.Series("Denied", [denied[clause] for clause in named]),
    ]
    return charts.columns("clauses", "Decisions by clause", named, series), without


def decided_counts(today: date) -> dict[str, int]:
    """Return how many campaigns were approved and denied in the last twelve months."""
    events = Event.objects.filter(service_request__kind=selectors.KEY, at__gte=_start_of(months(today)[0]))
    return events.aggregate(
        approved=Count("pk", filter=Q(action="approve")), denied=Count("pk", filter=Q(action="deny"))
    )


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _short(month: date) -> str:
    return f"{month:%b}" if month.month != 1 else f"{month:%b %Y}"


def is_empty(chart: charts.Columns) -> bool:
    """Whether the chart has nothing to draw."""
    shapes: Sequence[charts.Shape] = chart.shapes
    return not shapes
