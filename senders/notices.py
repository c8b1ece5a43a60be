"""Who is told what about DNS records. Called by services, inside their transactions."""

from collections.abc import Sequence
from datetime import date

from django.urls import reverse

from portal.grants.models import Grant
from portal.grants.notices import people_of
from portal.institution import institution
from portal.outbox.services import enqueue
from portal.ui.moments import day_in_words
from senders.dns_records import Listed
from senders.models import Alarm, PlannedRecord


def dns_people() -> list[str]:
    """The addresses of the DNS team and of IT, each once."""
    place = institution()
    return list(dict.fromkeys(one for one in (place.dns_contact_email, place.contact_email) if one))


def target_alarm(*, grant: Grant, rows: Sequence[PlannedRecord]) -> None:
    """A target of these records stopped resolving, or its domain can be registered: IT, the DNS team and the owner."""
    worst = any(row.alarm == Alarm.REGISTRABLE for row in rows)
    newest = max(row.alarm_since for row in rows if row.alarm_since is not None)
    for recipient in dict.fromkeys([*dns_people(), *people_of(grant)]):
        enqueue(
            recipient=recipient,
            template="dns_alarm",
            thread=grant.reference,
            unique_key=f"dns_alarm:{grant.pk}:{newest.isoformat()}:{recipient}",
            context={
                "reference": grant.reference,
                "title": grant.title,
                "path": grant.get_absolute_url(),
                "is_registrable": worst,
                "records": [f"{row.name} {row.rdtype} {row.value[:200]}" for row in rows],
                "notes": list(dict.fromkeys(row.alarm_note for row in rows)),
            },
        )


def removals_due(*, entries: Sequence[Listed], more: int, today: date) -> bool:
    """Records that are to be removed still stand: the DNS team and IT, once a day. Returns whether anybody is told."""
    lines = []
    for entry in entries:
        since = day_in_words(entry.removal.since) if entry.removal else ""
        lines.append(f"{entry.row.name} {entry.row.rdtype}, {entry.grant.reference}, to remove since {since}")
    told = [
        enqueue(
            recipient=recipient,
            template="dns_removals",
            unique_key=f"dns_removals:{today}:{recipient}",
            context={"lines": lines, "count": len(lines), "more": more, "path": reverse("dns_records")},
        )
        for recipient in dns_people()
    ]
    return any(message is not None for message in told)
