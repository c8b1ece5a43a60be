"""Complaint metrics of campaigns: sent messages, complaints and hard bounces a day, entered or imported, and their totals."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TextIO

from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from campaigns.models import CampaignPermission, ComplaintMetrics
from portal.accounts.models import User
from portal.institution import institution
from portal.lib.dates import parse_day

COLUMNS = ("campaign", "day", "sent", "complaints", "hard_bounces")
MOST_ROWS = 10_000
LARGEST_COUNT = 100_000_000


class MetricsRefused(ValueError):
    """The rows are refused as a whole; `str(error)` has one sentence for each bad line."""


@dataclass(frozen=True)
class DailyMetrics:
    """The metrics of one campaign on one day, as a platform or a mailbox provider reports them."""

    reference: str
    day: date
    sent: int
    complaints: int
    hard_bounces: int


@dataclass(frozen=True)
class MetricTotals:
    """The sums of a campaign's metrics, and the stop limits that apply to it (percentages)."""

    sent: int
    complaints: int
    hard_bounces: int
    last_day: date | None
    complaint_limit: Decimal
    bounce_limit: Decimal

    @property
    def complaint_percent(self) -> float:
        """Complaints per hundred messages."""
        return 100 * self.complaints / self.sent if self.sent else 0.0

    @property
    def bounce_percent(self) -> float:
        """Hard bounces per hundred messages."""
        return 100 * self.hard_bounces / self.sent if self.sent else 0.0

    @property
    def is_judged(self) -> bool:
        """Whether enough was sent for the percentages to mean anything (`signals_least_sent` of the institution)."""
        return self.sent >= institution().signals_least_sent

    @property
    def is_over_stop(self) -> bool:
        """Whether a stop limit is reached; never before enough was sent."""
        return self.is_judged and (
            self.complaint_percent >= float(self.complaint_limit)
            or self.bounce_percent >= float(self.bounce_limit)
        )

    @property
    def is_over_warn(self) -> bool:
        """Whether a warning limit is reached; never before enough was sent."""
        place = institution()
        return self.is_judged and (
            self.complaint_percent >= place.warn_complaint_percent
            or self.bounce_percent >= place.warn_bounce_percent
        )

    def __str__(self) -> str:
        return (
            f"{self.sent:,} sent, {self.complaints:,} complaints ({self.complaint_percent:.2f} %, stop at "
            f"{self.complaint_limit} %), {self.hard_bounces:,} hard bounces ({self.bounce_percent:.2f} %, stop at "
            f"{self.bounce_limit} %)"
        )


def totals_of(permission: CampaignPermission) -> MetricTotals:
    """Return the sums of all metrics of a campaign; one query."""
    found = permission.complaint_metrics.aggregate(
        sent=Sum("sent"), complaints=Sum("complaints"), hard_bounces=Sum("hard_bounces"), last=Max("day")
    )
    place = institution()
    return MetricTotals(
        sent=found["sent"] or 0,
        complaints=found["complaints"] or 0,
        hard_bounces=found["hard_bounces"] or 0,
        last_day=found["last"],
        complaint_limit=min(permission.stop_complaint_percent, Decimal(str(place.stop_complaint_percent))),
        bounce_limit=min(permission.stop_bounce_percent, Decimal(str(place.stop_bounce_percent))),
    )


def read_metrics(file: TextIO) -> list[DailyMetrics]:
    """Return the rows of a CSV file with the columns `COLUMNS`.

    Raises MetricsRefused with the first 20 bad lines, or for more than `MOST_ROWS` lines.
    """
    reader = csv.DictReader(file)
    if tuple(name.strip().lower() for name in reader.fieldnames or ()) != COLUMNS:
        raise MetricsRefused(f"The first line must be: {','.join(COLUMNS)}")
    found, problems = [], []
    for row in reader:
        if reader.line_num > MOST_ROWS + 1:
            raise MetricsRefused(f"The file has more than {MOST_ROWS:,} lines. Split it.")
        try:
            found.append(_daily_metrics(row))
        except ValueError as error:
            problems.append(f"Line {reader.line_num}: {error}")
    if problems:
        raise MetricsRefused("\n".join(problems[:20]))
    return found


def _daily_metrics(row: dict[str, str | None]) -> DailyMetrics:
    if None in row.values() or None in row:
        raise ValueError(f"it must have {len(COLUMNS)} columns.")
    values = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items()}
    try:
        day = parse_day(values["day"])
    except ValueError:
        raise ValueError("the day must be such as 2027-02-15.") from None
    counts = [_count(values[name], name) for name in COLUMNS[2:]]
    return checked(DailyMetrics(values["campaign"].upper(), day, *counts))


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= LARGEST_COUNT):
        raise ValueError(f"{name} must be a whole number.")
    return int(text)


def checked(metrics: DailyMetrics) -> DailyMetrics:
    """Return `metrics` unchanged. Raises ValueError for impossible numbers or a day in the future."""
    if metrics.complaints > metrics.sent or metrics.hard_bounces > metrics.sent:
        raise ValueError("there cannot be more complaints or bounces than messages.")
    if metrics.day > timezone.localdate():
        raise ValueError("the day is in the future.")
    return metrics


@transaction.atomic
def save_metrics(*, rows: Sequence[DailyMetrics], actor: User | None) -> list[CampaignPermission]:
    """Save metrics and return the campaigns they are about; a row for a day that is known replaces it.

    Raises MetricsRefused, and saves nothing, if a row names no approved campaign.
    """
    permissions = _permissions({row.reference for row in rows})
    problems = [
        f"{row.reference} is not an approved campaign." for row in rows if row.reference not in permissions
    ]
    if problems:
        raise MetricsRefused("\n".join(dict.fromkeys(problems)))
    for row in rows:
        ComplaintMetrics.objects.update_or_create(
            permission=permissions[row.reference],
            day=row.day,
            defaults={
                "sent": row.sent,
                "complaints": row.complaints,
                "hard_bounces": row.hard_bounces,
                "entered_by": actor,
                "entered_at": timezone.now(),
            },
        )
    return list(permissions.values())


def _permissions(references: Iterable[str]) -> dict[str, CampaignPermission]:
    found = CampaignPermission.objects.filter(grant__reference__in=list(references)).select_related("grant")
    return {one.grant.reference: one for one in found}
