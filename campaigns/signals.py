"""Deliverability signals: taking them in, from a page or a file, and what they add up to."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from campaigns.models import CampaignPermission, DeliverySignal
from portal.institution import institution
from portal.lib.dates import parse_day

if TYPE_CHECKING:
    from portal.accounts.models import User

COLUMNS = ("campaign", "day", "sent", "complaints", "hard_bounces")
MOST_ROWS = 10_000
LARGEST_COUNT = 100_000_000


class SignalsRefused(ValueError):
    """The rows are not taken; `str(error)` names each line with one sentence."""


@dataclass(frozen=True)
class Signal:
    """One day of one campaign."""

    reference: str
    day: date
    sent: int
    complaints: int
    hard_bounces: int


@dataclass(frozen=True)
class Totals:
    """What a campaign's signals add up to, and the limits that hold for it."""

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
        """Whether enough was sent for the figures to prove something."""
        return self.sent >= institution().signals_least_sent

    @property
    def is_over_stop(self) -> bool:
        """Whether a stop limit is reached."""
        return self.is_judged and (
            self.complaint_percent >= float(self.complaint_limit)
            or self.bounce_percent >= float(self.bounce_limit)
        )

    @property
    def is_over_warn(self) -> bool:
        """Whether a warn limit is reached."""
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


def totals_of(permission: CampaignPermission) -> Totals:
    """All signals of a campaign together; one query."""
    found = permission.signals.aggregate(
        sent=Sum("sent"), complaints=Sum("complaints"), hard_bounces=Sum("hard_bounces"), last=Max("day")
    )
    place = institution()
    return Totals(
        sent=found["sent"] or 0,
        complaints=found["complaints"] or 0,
        hard_bounces=found["hard_bounces"] or 0,
        last_day=found["last"],
        complaint_limit=min(permission.stop_complaint_percent, Decimal(str(place.stop_complaint_percent))),
        bounce_limit=min(permission.stop_bounce_percent, Decimal(str(place.stop_bounce_percent))),
    )


def read_signals(file: TextIO) -> list[Signal]:
    """The rows of a CSV file with the columns of `COLUMNS`. Raises SignalsRefused, naming every bad line."""
    reader = csv.DictReader(file)
    if tuple(name.strip().lower() for name in reader.fieldnames or ()) != COLUMNS:
        raise SignalsRefused(f"The first line must be: {','.join(COLUMNS)}")
    found, problems = [], []
    for row in reader:
        if reader.line_num > MOST_ROWS + 1:
            raise SignalsRefused(f"The file has more than {MOST_ROWS:,} lines. Split it.")
        try:
            found.append(_signal(row))
        except ValueError as error:
            problems.append(f"Line {reader.line_num}: {error}")
    if problems:
        raise SignalsRefused("\n".join(problems[:20]))
    return found


def _signal(row: dict[str, str | None]) -> Signal:
    if None in row.values() or None in row:
        raise ValueError(f"it must have {len(COLUMNS)} columns.")
    values = {(name or "").strip().lower(): (value or "").strip() for name, value in row.items()}
    try:
        day = parse_day(values["day"])
    except ValueError:
        raise ValueError("the day must be such as 2027-02-15.") from None
    counts = [_count(values[name], name) for name in COLUMNS[2:]]
    return checked(Signal(values["campaign"].upper(), day, *counts))


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= LARGEST_COUNT):
        raise ValueError(f"{name} must be a whole number.")
    return int(text)


def checked(signal: Signal) -> Signal:
    """The same signal. Raises ValueError for figures that cannot be."""
    if signal.complaints > signal.sent or signal.hard_bounces > signal.sent:
        raise ValueError("there cannot be more complaints or bounces than messages.")
    if signal.day > timezone.localdate():
        raise ValueError("the day is still to come.")
    return signal


@transaction.atomic
def record(*, signals: Sequence[Signal], actor: "User | None") -> list[CampaignPermission]:
    """Keep the signals; the same campaign and day again replaces its figures. Returns the campaigns concerned.

    Raises SignalsRefused, and keeps nothing, where one names no approved campaign.
    """
    permissions = _permissions({signal.reference for signal in signals})
    problems = [
        f"{signal.reference} is no approved campaign."
        for signal in signals
        if signal.reference not in permissions
    ]
    if problems:
        raise SignalsRefused("\n".join(dict.fromkeys(problems)))
    for signal in signals:
        DeliverySignal.objects.update_or_create(
            permission=permissions[signal.reference],
            day=signal.day,
            defaults={
                "sent": signal.sent,
                "complaints": signal.complaints,
                "hard_bounces": signal.hard_bounces,
                "entered_by": actor,
                "entered_at": timezone.now(),
            },
        )
    return list(permissions.values())


def _permissions(references: Iterable[str]) -> dict[str, CampaignPermission]:
    rows = CampaignPermission.objects.filter(grant__reference__in=list(references)).select_related("grant")
    return {row.grant.reference: row for row in rows}
