"""Collecting the facts of a grant to renew. Queries the DNS within the kinds' deadlines, so it stays outside of
transactions; any error is unknown.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.core.cache import cache
from django.utils import timezone

from portal.accounts.directory import DirectoryUnavailable, directory
from portal.accounts.models import User
from portal.grants.models import Compliance, Grant, Standing
from portal.grants.registry import granting_kind
from portal.lib.text import sentence_list
from portal.policy_service.selectors import Usage, is_counted, usage_of
from portal.renewals.comparing import FindingLike, Key, by_key, compared, key_of
from portal.renewals.facts import Fact, Group, Stand, Use, changed_first
from portal.renewals.use import use_of
from portal.workflow.findings import Finding
from portal.workflow.models import CheckRun, ServiceRequest, StoredFinding
from portal.workflow.services import checking
from portal.workflow.services.requesting import answers_of, differences

logger = logging.getLogger(__name__)
LATELY = 20
"""Seconds for which results are reused, since they come from other people's name servers."""


@dataclass(frozen=True)
class Gathered:
    """The findings, their time, and the use of the grant."""

    facts: Sequence[Fact]
    use: Use
    usage: Usage | None
    at: datetime

    @property
    def in_order(self) -> list[Fact]:
        """The facts, what changed first."""
        return changed_first(self.facts)


def gather(grant: Grant, service_request: ServiceRequest | None = None) -> Gathered:
    """Collect everything about `grant`, and about its renewal once there is one. Never raises because of a
    failed check.
    """
    now, then = timezone.now(), _approved_findings(grant)
    today = timezone.localdate(now)
    facts = [*_permission(grant, today), *_people(grant), *_standing(grant, then)]
    if service_request is not None:
        facts += [*_answers(service_request), *_checks(service_request, then)]
    usage = usage_of(grant, today) if is_counted(grant) else None
    return Gathered(facts, use_of(usage, today, is_counted=is_counted(grant)), usage, now)


def gather_lately(grant: Grant) -> Gathered:
    """`gather` for a page that may be reloaded often: results are reused for LATELY seconds."""
    key = f"renewals:gathered:{grant.pk}:{grant.revision}"
    found: Gathered | None = cache.get(key)
    if found is None:
        found = gather(grant)
        cache.set(key, found, LATELY)
    return found


def _approved_findings(grant: Grant) -> Mapping[Key, FindingLike]:
    run = (
        CheckRun.objects.filter(service_request=grant.latest_request_id, occasion=CheckRun.Occasion.APPROVAL)
        .order_by("-id")
        .first()
    )
    return by_key(StoredFinding.objects.filter(run=run)) if run is not None else {}


# ---------------------------------------------------------------- the permission and its people
def _permission(grant: Grant, today: date) -> Iterator[Fact]:
    if grant.is_in_force(today):
        yield Fact(Group.PERMISSION, Stand.SAME, f"{grant.reference} is in force.")
    else:
        state = grant.get_state_display().lower()
        yield Fact(
            Group.PERMISSION, Stand.CHANGED, f"{grant.reference} is not in force today: it is {state}."
        )
    compliance = Compliance.objects.filter(grant=grant).first()
    if compliance is not None and compliance.standing == Standing.BROKEN:
        day = timezone.localdate(compliance.checked_at or compliance.since)
        said = f"The daily check of {day:%-d %B %Y} found it out of compliance."
        yield Fact(Group.PERMISSION, Stand.CHANGED, f"{said} {compliance.broken_sentence}".strip())


def _people(grant: Grant) -> Iterator[Fact]:
    yield from _hands(grant)
    people = [person for person in (grant.owner, grant.co_owner) if person is not None]
    addresses = [person.email for person in people]
    if grant.functional_mailbox:
        addresses.append(grant.functional_mailbox)
    try:
        known = directory().lookup(addresses)
    except DirectoryUnavailable:
        yield Fact(
            Group.PEOPLE,
            Stand.UNKNOWN,
            "The directory did not answer, so whether its people are still there is not known.",
        )
        return
    except Exception:
        logger.exception("The directory could not be asked about %s.", grant.reference)
        yield Fact(Group.PEOPLE, Stand.UNKNOWN, "The directory could not be asked about its people.")
        return
    yield from (_of_person(person, person.pk == grant.owner_id, person.email in known) for person in people)
    if grant.functional_mailbox and grant.functional_mailbox not in known:
        yield Fact(
            Group.PEOPLE,
            Stand.CHANGED,
            f"The mailbox for notices, {grant.functional_mailbox}, is no longer in the directory.",
        )


def _of_person(person: User, is_owner: bool, is_known: bool) -> Fact:
    part = "owner" if is_owner else "co-owner"
    if is_known and person.is_active:
        return Fact(Group.PEOPLE, Stand.SAME, f"The {part}, {person}, is in the directory.")
    why = "is no longer in the directory" if not is_known else "has an account here that is closed"
    return Fact(Group.PEOPLE, Stand.CHANGED, f"The {part}, {person}, {why}.")


def _hands(grant: Grant) -> Iterator[Fact]:
    asked = grant.latest_request
    then = {person.pk: str(person) for person in (asked.requester, asked.co_owner) if person is not None}
    now = {person.pk: str(person) for person in (grant.owner, grant.co_owner) if person is not None}
    if then.keys() != now.keys():
        yield Fact(
            Group.PEOPLE,
            Stand.CHANGED,
            f"It is in other hands now: {sentence_list(sorted(now.values()))}.",
            f"It was approved for {sentence_list(sorted(then.values()))}.",
        )


# ---------------------------------------------------------------- what the checks find
def _standing(grant: Grant, then: Mapping[Key, FindingLike]) -> Iterator[Fact]:
    kind = grant.kind_entry
    if not kind.is_checked_after_decision:
        yield Fact(
            Group.STANDING, Stand.SAME, "This kind of permission rests on nothing that is checked later."
        )
        return
    yield from _asked(Group.STANDING, lambda: kind.recheck(grant), then, grant.reference)


def _checks(service_request: ServiceRequest, then: Mapping[Key, FindingLike]) -> Iterator[Fact]:
    yield from _asked(
        Group.CHECKS, lambda: checking.run_checks(service_request), then, service_request.reference
    )


def _asked(
    group: Group, ask: Callable[[], Sequence[Finding]], then: Mapping[Key, FindingLike], reference: str
) -> Iterator[Fact]:
    try:
        found = ask()
    except Exception:
        logger.exception("The checks of %s could not run.", reference)
        found = []
    if not found:
        yield Fact(group, Stand.UNKNOWN, "The checks could not run, so nothing is known of what it rests on.")
    yield from (compared(group, one, then.get(key_of(one))) for one in found)


def _answers(service_request: ServiceRequest) -> Iterator[Fact]:
    kind = granting_kind(service_request.kind)
    before = kind.baseline(service_request)
    if not before:
        yield Fact(
            Group.ANSWERS,
            Stand.UNKNOWN,
            "The approved answers are not on record, so nothing can be compared.",
        )
        return
    changed = [
        row for row in differences(before, answers_of(service_request)) if row[0] not in kind.quiet_fields
    ]
    if not changed:
        yield Fact(Group.ANSWERS, Stand.SAME, "Every answer is as it was approved.")
    for _, label, was, now in changed:
        yield Fact(
            Group.ANSWERS, Stand.CHANGED, f"{label}: {now or 'nothing'}", f"{label}: {was or 'nothing'}"
        )
