"""The daily look at the DNS records of every authorization: before, during and after its term.

Rows are read first, the DNS is asked in a few threads outside any transaction, and what it said is written in one
transaction for each permission, which reads the rows again. Safe to run twice, late, or not at all.
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants import publication
from portal.grants.models import Grant
from portal.grants.policies import is_holder
from portal.institution import institution
from portal.lib import dispatch
from portal.lib.problems import NotAllowed, WrongState
from portal.mailauth.configured import configured_resolver
from portal.mailauth.published_syntax import load_parsers
from senders import notices, services
from senders.dns_records import (
    Listed,
    Removal,
    end_of,
    is_gone_since,
    listed,
    planned_records,
    removal_of,
    watched,
)
from senders.dns_text import planned_records_of
from senders.models import Alarm, PlannedRecord, Purpose, RecordState
from senders.observing import Observed, Question, observe_all, unanswered

logger = logging.getLogger(__name__)
AT_ONCE = 8
"""Permissions looked up side by side: enough to hide the wait for name servers, few enough not to press them."""
CHUNK = 200
RUN_SECONDS = 1800.0
"""How long one run goes on; who was not reached comes first the next time."""
MOST_IN_AN_EMAIL = 50
CONFIRMERS = (Role.REVIEWER, Role.POSTMASTER)


@dataclass
class Looked:
    """What one run did."""

    permissions: int = 0
    records: int = 0
    unanswered: int = 0
    alarms: int = 0
    gone: int = 0
    left: int = 0
    """Permissions that the time did not reach."""
    reminded: int = 0


# ---------------------------------------------------------------- which records there are
def sync_records(*, grant: Grant) -> None:
    """Make the planned records those of the authorization's plan; what it no longer needs is marked as dropped.

    Call it inside the transaction that writes the authorization. A record that comes back is taken up again, with
    nothing known about it.
    """
    wanted = set(planned_records_of(services.authorized_plan(grant)))
    known = {(row.purpose, row.name, row.rdtype, row.value): row for row in grant.senders.dns_records.all()}
    for key, row in known.items():
        if key not in wanted and row.dropped_at is None:
            row.dropped_at = timezone.now()
            row.save(update_fields=["dropped_at"])
        elif key in wanted and row.dropped_at is not None:
            row.dropped_at, row.gone_at, row.state, row.is_there = None, None, RecordState.UNSEEN, None
            row.save(update_fields=["dropped_at", "gone_at", "state", "is_there"])
    PlannedRecord.objects.bulk_create(
        PlannedRecord(authorization=grant.senders, purpose=purpose, name=name, rdtype=rdtype, value=value)
        for purpose, name, rdtype, value in sorted(wanted - set(known))
    )


def look_soon(*, grant: Grant) -> None:
    """Ask a worker, once this transaction is done, to look the records of one permission up."""
    dispatch.after_commit("senders.tasks.look_up_records", grant.pk, otherwise="the daily run comes to it")


# ---------------------------------------------------------------- looking
def check_dns_records(*, today: date, at_once: int = AT_ONCE, seconds: float = RUN_SECONDS) -> Looked:
    """Look every watched record up, raise and clear alarms, note what is gone, and remind the DNS team."""
    looked, ends_at = Looked(), time.monotonic() + seconds
    waiting = _waiting(today)
    load_parsers()
    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="dns-records") as pool:
        for start in range(0, len(waiting), CHUNK):
            if time.monotonic() >= ends_at:
                looked.left = len(waiting) - start
                logger.warning("The look at DNS records ran out of time; %s permissions wait.", looked.left)
                break
            _look_at(waiting[start : start + CHUNK], today, looked, pool)
    looked.reminded = remind_of_removals(today=today)
    return looked


def look_up(*, pk: int, today: date | None = None) -> Looked:
    """Look the records of one permission up now."""
    looked = Looked()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dns-records") as pool:
        _look_at([pk], today or timezone.localdate(), looked, pool)
    return looked


def _waiting(today: date) -> list[int]:
    """The permissions with watched records, those that nobody looked at for longest first."""
    rows = watched(today).order_by(F("asked_at").asc(nulls_first=True), "authorization_id")
    return list(dict.fromkeys(rows.values_list("authorization_id", flat=True)))


def _look_at(keys: Sequence[int], today: date, looked: Looked, pool: ThreadPoolExecutor) -> None:
    jobs = _questions(keys, today)
    for pk, seen in zip(jobs, pool.map(_ask, jobs.values()), strict=True):
        looked.permissions += 1
        looked.records += len(seen)
        looked.unanswered += sum(one.state is None for one in seen)
        try:
            _write(pk, seen, today, looked)
        except Exception:
            logger.exception("The DNS records of permission %s could not be written; the others go on.", pk)


def _questions(keys: Sequence[int], today: date) -> dict[int, list[Question]]:
    """By permission, what to ask about its records."""
    rows = list(watched(today).filter(authorization_id__in=keys).order_by("authorization_id", "pk"))
    terms = _spf_terms({row.name for row in rows if row.purpose == Purpose.SPF}, today)
    return {
        pk: [
            Question(row.pk, row.purpose, row.name, row.rdtype, row.value, terms.get(row.name, ()))
            for row in group
        ]
        for pk, group in groupby(rows, key=lambda row: row.authorization_id)
    }


def _spf_terms(domains: Iterable[str], today: date) -> Mapping[str, tuple[str, ...]]:
    """By envelope domain, every SPF term that is to stand in its one record."""
    terms: dict[str, list[str]] = {}
    for row in planned_records().filter(purpose=Purpose.SPF, name__in=list(domains)):
        if removal_of(row, today) is None:
            terms.setdefault(row.name, []).append(row.value)
    return {domain: tuple(dict.fromkeys(found)) for domain, found in terms.items()}


def _ask(questions: list[Question]) -> list[Observed]:
    """Ask the DNS within the portal's deadline; whatever goes wrong is no answer. Runs in a thread, without
    database.
    """
    try:
        return configured_resolver().run(lambda session: observe_all(questions, session))
    except Exception:
        logger.exception("The DNS could not be asked; the others go on.")
        return [unanswered(question.pk) for question in questions]


# ---------------------------------------------------------------- one permission, one transaction
@transaction.atomic
def _write(pk: int, seen: Sequence[Observed], today: date, looked: Looked) -> None:
    grant = Grant.objects.select_related("owner", "co_owner").select_for_update(of=("self",)).get(pk=pk)
    rows = {row.pk: row for row in planned_records().filter(authorization_id=pk)}
    now, is_changed, alarmed = timezone.now(), False, list[PlannedRecord]()
    for observed in seen:
        row = rows.get(observed.pk)
        if row is None:
            continue
        before = _rendered(row)
        removal = removal_of(row, today)
        _note_answer(row, observed, now)
        if observed.state is not None:
            _note_going(row, removal, now, looked)
        if _note_target(row, observed, now, is_over=end_of(row, today) is not None):
            alarmed.append(row)
        row.save()
        is_changed = is_changed or _rendered(row) != before
    if alarmed:
        looked.alarms += len(alarmed)
        notices.target_alarm(grant=grant, rows=alarmed)
    if is_changed:
        publication.changed()


def _rendered(row: PlannedRecord) -> tuple[Any, ...]:
    """What the export shows of a row, but for the moment of the last answer."""
    return (
        row.state,
        row.is_there,
        row.found,
        row.note,
        row.publish,
        row.lookups,
        row.alarm,
        row.doubted_at,
        row.gone_at,
        row.seen_at is None,
    )


def _note_answer(row: PlannedRecord, observed: Observed, now: datetime) -> None:
    row.asked_at = now
    if observed.state is None:
        return
    if row.state != observed.state:
        row.state, row.state_since = observed.state, now
    row.seen_at, row.is_there = now, observed.is_there
    row.found, row.note = list(observed.found), observed.note
    row.publish, row.lookups = observed.publish, observed.lookups


def _note_going(row: PlannedRecord, removal: Removal | None, now: datetime, looked: Looked) -> None:
    if removal is None:
        row.gone_at, row.reminders = None, 0
    elif row.is_there:
        row.gone_at = None
    elif row.is_there is False and not is_gone_since(row, removal):
        row.gone_at = now
        looked.gone += 1


def _note_target(row: PlannedRecord, observed: Observed, now: datetime, *, is_over: bool) -> bool:
    """Raise or clear the alarm about what the record points at; returns whether somebody is to be told."""
    found = observed.target.alarm
    if found is None:
        return False  # no answer raises nothing and clears nothing
    if is_over and row.is_there is False:
        found = ""  # what is gone from the zone leads nobody astray
    if found == row.alarm:
        row.alarm_note = observed.target.note
        return False
    is_worse = found == Alarm.REGISTRABLE or (found == Alarm.GONE and row.alarm == "")
    row.alarm, row.alarm_note = found, observed.target.note if found else ""
    row.alarm_since = now if found else None
    if found == Alarm.REGISTRABLE:
        row.doubted_at = now
    return is_worse


# ---------------------------------------------------------------- what stays too long
@transaction.atomic
def remind_of_removals(*, today: date) -> int:
    """Remind the DNS team of records that are to go and still stand; returns how many the email names.

    A record is named when it has stood for `dns_removal_days` after its end, and again after as many days more, at
    most `dns_removal_reminders` times. One email a day at most, with the oldest first.
    """
    place = institution()
    rows = planned_records().filter(is_there=True, reminders__lt=place.dns_removal_reminders)
    names = set(rows.values_list("name", flat=True))
    entries = listed(planned_records().filter(name__in=names), today)
    due = [entry for entry in entries if entry.is_to_go and _is_due(entry, today)]
    due.sort(key=lambda entry: (entry.removal.since if entry.removal else today, entry.row.pk))
    named = due[:MOST_IN_AN_EMAIL]
    if not named or not notices.removals_due(entries=named, more=len(due) - len(named), today=today):
        return 0
    PlannedRecord.objects.filter(pk__in=[entry.row.pk for entry in named]).update(
        reminders=F("reminders") + 1
    )
    return len(named)


def _is_due(entry: Listed, today: date) -> bool:
    place = institution()
    if not entry.row.is_there or entry.removal is None or entry.row.reminders >= place.dns_removal_reminders:
        return False
    return today >= entry.removal.since + timedelta(days=place.dns_removal_days * (entry.row.reminders + 1))


# ---------------------------------------------------------------- a person's word
def may_confirm(grant: Grant, actor: User) -> bool:
    """Whether the actor may vouch for a target: a reviewer, and no holder of the permission."""
    return actor.has_role(*CONFIRMERS) and not is_holder(grant, actor)


@transaction.atomic
def confirm_target(*, record: PlannedRecord, actor: User, reason: str) -> None:
    """Take a person's word that the vendor holds the target's domain again, so that the record may stand.

    Raises NotAllowed; WrongState where nothing is in doubt, or the target still does not resolve; ValidationError,
    keyed `reason`, where it is missing.
    """
    # The grant is what the daily look locks, so that it does not write its own picture over this one.
    grant = Grant.objects.select_for_update(of=("self",)).get(pk=record.authorization_id)
    if not may_confirm(grant, actor):
        raise NotAllowed("Only an IT reviewer who does not hold the permission confirms who holds a domain.")
    row = PlannedRecord.objects.get(pk=record.pk)
    if row.doubted_at is None:
        raise WrongState(f"Nothing about {row.name} waits for a confirmation.")
    if row.alarm:
        raise WrongState(
            f"The target of {row.name} still does not exist. Confirm once the daily look finds it."
        )
    if not reason.strip():
        raise ValidationError({"reason": "Say how you know that the vendor holds the domain."})
    row.doubted_at = None
    row.save(update_fields=["doubted_at"])
    services.note_confirmation(grant=grant, actor=actor, sentence=f"{row.name}: {reason.strip()}")
    publication.changed()
