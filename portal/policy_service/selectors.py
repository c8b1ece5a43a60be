"""Queries for the counts of a grant's mail, for its page and for its renewal."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, Min, Q, Sum
from django.utils import timezone

from portal.grants.models import Grant
from portal.institution import institution
from portal.policy_service.kinds import RelayingKind
from portal.policy_service.models import AuthorUse, CountedDay, DailyUse, MilterHost, SenderUse

MILTER_DAYS = 30
"""A mail host whose milter saw no message for so long is not shown as checked."""


@dataclass(frozen=True)
class Usage:
    """The counts of one grant. Each message counts once, whatever its recipients."""

    since: date
    """The first day that the counts cover."""
    accepted: int
    refused: int
    deferred: int
    last_seen_at: datetime | None
    """When its system last asked to relay, whatever the answer."""
    last_mail_on: date | None
    """The last day on which a message was accepted; None where there was none in the days that are kept."""
    senders: list[SenderUse]
    """The senders with accepted mail, most used first."""
    strangers: list[SenderUse]
    """The senders that were refused and never accepted."""
    foreign_authors: list[AuthorUse]
    """What the milter refused and never accepted in From, most often first."""
    uncounted_days: int
    """Days since `since` on which the service did not run: what was sent then is not known."""
    is_idle: bool
    """No mail on the institution's `idle_days` days, all of them within the grant's term, on which the service ran."""

    @property
    def idle_days(self) -> int:
        """The bound of `is_idle`, for the sentence."""
        return institution().idle_days


def usage_of(grant: Grant, today: date | None = None) -> Usage | None:
    """What was counted of `grant` up to `today`; None where no service has ever counted."""
    day = today or timezone.localdate()
    first = CountedDay.objects.aggregate(first=Min("day"))["first"]
    if first is None or grant.starts_on > day:
        return None
    since = max(first, grant.starts_on)
    found = DailyUse.objects.filter(grant=grant).aggregate(
        passed=Sum("accepted"),
        barred=Sum("refused"),
        put_off=Sum("deferred"),
        seen_at=Max("last_at"),
        mail_on=Max("day", filter=Q(accepted__gt=0)),
    )
    senders = list(SenderUse.objects.filter(grant=grant))
    authors = AuthorUse.objects.filter(grant=grant, refused__gt=0, accepted=0)
    quiet_since = max(since, found["mail_on"] or since)
    return Usage(
        since=since,
        accepted=found["passed"] or 0,
        refused=found["barred"] or 0,
        deferred=found["put_off"] or 0,
        last_seen_at=found["seen_at"],
        last_mail_on=found["mail_on"],
        senders=[row for row in senders if row.accepted],
        strangers=[row for row in senders if row.refused and not row.accepted],
        foreign_authors=sorted(authors, key=lambda row: (-row.refused, row.author)),
        uncounted_days=max(
            (day - since).days + 1 - CountedDay.objects.filter(day__range=(since, day)).count(), 0
        ),
        is_idle=CountedDay.objects.filter(day__gt=quiet_since, day__lte=day).count()
        >= institution().idle_days,
    )


@dataclass(frozen=True)
class Checks:
    """Where the milter judges messages, by the messages that it was shown."""

    hosts: list[MilterHost]
    """The mail hosts that put a message before it in the last MILTER_DAYS days, by name."""

    @property
    def days(self) -> int:
        """MILTER_DAYS, for the sentence."""
        return MILTER_DAYS


def checks_now() -> Checks:
    """On which mail hosts From and gated lists are checked; a host that is not among them runs maps alone."""
    since = timezone.now() - timedelta(days=MILTER_DAYS)
    return Checks(list(MilterHost.objects.filter(last_at__gte=since).order_by("host")))


def checks_of(grant: Grant) -> Checks | None:
    """What a permission's page says of it, while the permission lets a system relay."""
    return checks_now() if is_counted(grant) and grant.is_in_force(timezone.localdate()) else None


def recipients_on(day: date) -> dict[int, tuple[int, int]]:
    """How many recipients were counted of each permission on `day`, and how many of them outside the mail domain."""
    rows = DailyUse.objects.filter(day=day, recipients__gt=0)
    return {
        grant: (all_, external)
        for grant, all_, external in rows.values_list("grant_id", "recipients", "external")
    }


def is_counting(today: date) -> bool:
    """Whether a policy service has run on `today`; without one no host keeps to any limit."""
    return CountedDay.objects.filter(day=today).exists()


def panel_of(grant: Grant) -> Usage | None:
    """The panel of the grant's page; None for kinds whose grants allow no relaying."""
    return usage_of(grant) if is_counted(grant) else None


def is_counted(grant: Grant) -> bool:
    """Whether the service counts mail of the grant's kind at all."""
    return isinstance(grant.kind_entry, RelayingKind)
