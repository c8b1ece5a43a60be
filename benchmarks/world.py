"""A made-up university with years of requests: `python -m benchmarks.world REQUESTS`.

Written by bulk_create and not through the services, which would take an hour; the rows are those that the
services leave. Everything follows from the number of the row, so that two runs measure the same world.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from ipaddress import IPv6Network
from typing import Any

import django

if __name__ == "__main__":
    django.setup()

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from portal.accounts.models import AddressKind, DirectoryAddress, User
from portal.accounts.roles import Role
from portal.grants.models import Grant, GrantEvent, Reminder
from portal.grants.states import GrantState
from portal.lib.networks import shown
from portal.workflow.models import (
    CheckRun,
    Counter,
    DraftStep,
    Event,
    FieldChange,
    Question,
    SearchTerm,
    ServiceRequest,
    Snapshot,
    StoredFinding,
)
from portal.workflow.states import CLOSED_STATES, LIVE_STATES, Action, State
from relay.models import (
    PermittedAddress,
    PermittedSender,
    RelayAddress,
    RelayPermission,
    RelayRequest,
    RelaySender,
)

TODAY = timezone.localdate()
REVIEWER, REQUESTER = "reviewer-0@ttu.edu", "person-0@ttu.edu"
RESERVE = "Kept for the benchmark to submit and to approve"
RESERVED = 120
"""Drafts, and as many requests in review, that the measurements use up."""
PEOPLE, MAILBOXES, BATCH, YEARS = 3000, 2000, 2500, 3
ROLES = {Role.REVIEWER: 12, Role.POSTMASTER: 3, Role.CIO: 3, Role.AUDITOR: 2}
DEPARTMENTS = [
    f"Department of {field}"
    for field in (
        "Physics",
        "Chemistry",
        "History",
        "Music",
        "Law",
        "Mathematics",
        "Geography",
        "Biology",
        "Economics",
        "Architecture",
        "Nursing",
        "Agronomy",
        "Philosophy",
        "Engineering",
        "Housing",
        "Athletics",
        "Libraries",
    )
]
SYSTEMS = ("copier", "printer", "application", "web_site", "appliance")
STEPS = ("system", "network", "senders", "mail", "people", "statement")
FIRST_NAMES = ("Ana", "Ben", "Chidi", "Dana", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena")
LAST_NAMES = ("Alvarez", "Baker", "Chen", "Diaz", "Evans", "Fischer", "Garza", "Huang", "Iqbal", "Jones")


# ---------------------------------------------------------------- people
def people() -> tuple[list[User], list[User]]:
    """Create requesters and reviewers with the directory; returns both lists."""
    password = make_password(None)

    def person(local: str, number: int) -> User:
        name = f"{FIRST_NAMES[number % 12]} {LAST_NAMES[number // 12 % 10]}"
        return User(
            email=f"{local}-{number}@ttu.edu",
            name=name,
            password=password,
            department=DEPARTMENTS[number % len(DEPARTMENTS)],
        )

    requesters = User.objects.bulk_create(person("person", number) for number in range(PEOPLE))
    reviewers: list[User] = []
    for role, number in ROLES.items():
        local = "reviewer" if role is Role.REVIEWER else str(role).replace("_", "-")
        staff = User.objects.bulk_create(person(local, index) for index in range(number))
        Group.objects.get_or_create(name=str(role))[0].user_set.add(*staff)
        reviewers += staff if role is Role.REVIEWER else []
    everybody = [(user.email, AddressKind.PERSON) for user in User.objects.all()]
    shared = [(f"noreply-{number}@ttu.edu", AddressKind.SHARED) for number in range(MAILBOXES)]
    DirectoryAddress.objects.bulk_create(
        DirectoryAddress(address=address, kind=kind) for address, kind in [*everybody, *shared]
    )
    return requesters, reviewers


# ---------------------------------------------------------------- facts of one request, by its number
def host_of(number: int) -> str:
    """The host that request `number` is about."""
    return f"{SYSTEMS[number % 5].replace('_', '-')}-{number}.ttu.edu"


def network_of(number: int) -> IPv6Network:
    """An address of its own on the campus network, fit to relay."""
    return IPv6Network(f"2001:db8:4000:{number // 0xFFFF:x}::{number % 0xFFFF + 1:x}")


def sender_of(number: int) -> str:
    """A shared mailbox of the directory."""
    return f"noreply-{number % MAILBOXES}@ttu.edu"


def reserve_names() -> Iterator[tuple[str, str, str]]:
    """(host, address, reverse name) of the reserve, for the DNS."""
    for row in ServiceRequest.objects.filter(purpose=RESERVE).values_list("reference", flat=True):
        number = int(row.rpartition("-")[2])
        address = network_of(number).network_address
        yield host_of(number), str(address), address.reverse_pointer


def _state_of(position: float, dice: random.Random) -> State:
    # Nearly all that is open is among the newest; a few requests lie for long.
    if dice.random() < (0.62 if position > 0.88 else 0.005):
        return dice.choices((State.IN_REVIEW, State.NEEDS_INFORMATION, State.DRAFT), (6, 2, 3))[0]
    return dice.choices(CLOSED_STATES, (80, 12, 8))[0]


class Loader:
    """Writes requests in batches, with all that hangs on them."""

    def __init__(self, requesters: Sequence[User], reviewers: Sequence[User], total: int) -> None:
        self.requesters, self.reviewers, self.total = requesters, reviewers, total
        self.dice = random.Random(1)
        self.now = timezone.now()

    def load(self, first: int, count: int, *, state: State | None = None, **columns: Any) -> None:
        """Write requests `first` to `first + count - 1`; `state` and `columns` fix what they say."""
        for start in range(first, first + count, BATCH):
            numbers = range(start, min(start + BATCH, first + count))
            with transaction.atomic():
                rows = [self._request(number, state, columns) for number in numbers]
                self._hang_on(list(zip(numbers, ServiceRequest.objects.bulk_create(rows), strict=True)))

    def _request(self, number: int, fixed: State | None, columns: dict[str, Any]) -> ServiceRequest:
        dice, position = self.dice, number / self.total
        state = fixed or _state_of(position, dice)
        live = state in LIVE_STATES
        days = dice.randrange(1, 25) if live else 1 + int((1 - min(position, 1)) * 365 * YEARS)
        began = self.now - timedelta(days=days, minutes=number % 600)
        system = SYSTEMS[number % 5]
        owner = self.requesters[number % PEOPLE]
        facts: dict[str, Any] = {
            "kind": "relay",
            "reference": f"TM-R-{number}",
            "state": state,
            "stage": "" if state == State.DRAFT else "review",
            "stage_role": str(Role.REVIEWER) if live else "",
            "revision": 0 if state == State.DRAFT else 3,
            "requester": owner,
            "co_owner": self.requesters[(number + 1) % PEOPLE],
            "assignee": dice.choice(self.reviewers) if state != State.DRAFT and dice.random() < 0.7 else None,
            "department": owner.department,
            "functional_mailbox": sender_of(number + 7),
            "title": f"{system.replace('_', ' ').capitalize()} {host_of(number)}",
            "subject_key": host_of(number),
            "purpose": "It mails scans and notices of faults to the people of the department. " * 3,
            "created_at": began,
            "updated_at": began + timedelta(hours=6),
            "submitted_at": None if state == State.DRAFT else began + timedelta(minutes=20),
            "stage_entered_at": None if state == State.DRAFT else began + timedelta(minutes=20),
            "due_on": timezone.localdate(began) + timedelta(days=5) if live else None,
            "closed_at": began + timedelta(days=2) if state in CLOSED_STATES else None,
            "blocking_findings": int(live and dice.random() < 0.2),
        }
        return ServiceRequest(**(facts | columns))

    # ------------------------------------------------------------ what hangs on a request
    def _hang_on(self, rows: list[tuple[int, ServiceRequest]]) -> None:
        details = [_detail(number, row) for number, row in rows]
        _write(RelayRequest, details)
        _write(
            RelayAddress, (RelayAddress(relay_request_id=row.pk, network=network_of(n)) for n, row in rows)
        )
        _write(RelaySender, (RelaySender(relay_request_id=row.pk, address=sender_of(n)) for n, row in rows))
        _write(
            DraftStep,
            (
                DraftStep(service_request=row, step=step, is_complete=True)
                for _, row in rows
                for step in STEPS
            ),
        )
        submitted = [(number, row) for number, row in rows if row.state != State.DRAFT]
        _write(
            SearchTerm,
            (SearchTerm(service_request=row, term=term) for n, row in submitted for term in _terms(n, row)),
        )
        _write(Snapshot, (Snapshot(service_request=row, answers=_answers(n, row)) for n, row in submitted))
        runs = _write(
            CheckRun,
            (
                CheckRun(service_request=row, occasion=occasion, ran_at=row.submitted_at or row.created_at)
                for _, row in submitted
                for occasion in _occasions(row)
            ),
        )
        _write(StoredFinding, (finding for run in runs for finding in _findings(run)))
        self._happen(rows)
        self._grant([(n, row) for n, row in submitted if row.state == State.APPROVED])

    def _happen(self, rows: list[tuple[int, ServiceRequest]]) -> None:
        pairs = [(row, event) for number, row in rows for event in self._events(number, row)]
        events = _write(Event, (event for _, event in pairs))
        _write(
            FieldChange,
            (
                FieldChange(
                    event=event,
                    field="hostname",
                    label="Host name",
                    before="old.ttu.edu",
                    after="new.ttu.edu",
                )
                for event in events
                if event.action == Action.RESUBMIT
            ),
        )
        _write(
            Question,
            (
                Question(
                    service_request=row,
                    field="hostname",
                    text="Which of the two is it?",
                    asked_by=event.actor,
                    answer="The one on the second floor.",
                    answered_by=row.requester,
                    answered_at=event.at,
                )
                for row, event in pairs
                if event.action == Action.ASK
            ),
        )

    def _events(self, number: int, row: ServiceRequest) -> Iterator[Event]:
        reviewer = row.assignee or self.reviewers[0]
        steps: list[tuple[str, User]] = [("create", row.requester)]
        if row.state != State.DRAFT:
            steps += [(Action.SUBMIT, row.requester), (Action.TAKE, reviewer)]
        if row.state == State.NEEDS_INFORMATION or (number % 5 == 0 and row.state in CLOSED_STATES):
            steps.append((Action.ASK, reviewer))
            steps += [(Action.RESUBMIT, row.requester)] if row.state in CLOSED_STATES else []
        closing = {
            State.APPROVED: Action.APPROVE,
            State.DENIED: Action.DENY,
            State.WITHDRAWN: Action.WITHDRAW,
        }
        if row.state in CLOSED_STATES:
            actor = row.requester if row.state == State.WITHDRAWN else reviewer
            steps += [(Action.COMMENT, reviewer), (closing[State(row.state)], actor)]
        for position, (action, actor) in enumerate(steps):
            yield Event(
                service_request=row,
                at=row.created_at + timedelta(hours=position),
                actor=actor,
                action=action,
                to_state=row.state,
                stage="review",
                comment="It cannot sign in, and sends little.",
                clauses=["REL-0"] if action in (Action.APPROVE, Action.DENY) else [],
            )

    # ------------------------------------------------------------ grants
    def _grant(self, rows: list[tuple[int, ServiceRequest]]) -> None:
        grants = _write(Grant, (_grant(number, row) for number, row in rows))
        pairs = [(number, grant) for (number, _), grant in zip(rows, grants, strict=True)]
        _write(
            GrantEvent,
            (
                GrantEvent(grant=grant, actor=self.reviewers[0], action="issue", to_state=GrantState.ACTIVE)
                for grant in grants
            ),
        )
        _write(
            RelayPermission,
            (RelayPermission(grant=grant, hostname=host_of(n), recipients="internal") for n, grant in pairs),
        )
        _write(PermittedAddress, (_permitted(number, grant) for number, grant in pairs))
        _write(
            PermittedSender,
            (PermittedSender(permission_id=grant.pk, address=sender_of(n)) for n, grant in pairs),
        )
        _write(
            Reminder,
            (
                Reminder(grant=grant, due_on=grant.ends_on - timedelta(days=60), days_left=60)
                for grant in grants
                if grant.state == GrantState.LAPSED
            ),
        )


def _write(model: type[Model], rows: Any) -> list[Any]:
    return list(model._default_manager.bulk_create(rows))


def _detail(number: int, row: ServiceRequest) -> RelayRequest:
    return RelayRequest(
        service_request=row,
        system_kind=SYSTEMS[number % 5],
        capability="neither",
        hostname=host_of(number),
        recipients="internal",
        typical_per_day=20,
        peak_per_hour=10,
        recipients_per_message=1,
        contents="public",
        tls="yes",
        after_hours_contact="Riley, 555 0100",
        is_attested=True,
    )


def _terms(number: int, row: ServiceRequest) -> set[str]:
    terms = {
        row.reference,
        str(number),
        row.subject_key,
        row.title,
        str(network_of(number).network_address),
        sender_of(number),
    }
    for person in (row.requester, row.co_owner):
        assert person is not None
        terms |= {person.email, person.name, *person.name.split()}
    return {term.lower() for term in terms}


def _answers(number: int, row: ServiceRequest) -> list[dict[str, str]]:
    said = {
        "system_kind": "A copier or scanner",
        "capability": "It cannot sign in",
        "addresses": shown(network_of(number)),
        "hostname": row.subject_key,
        "senders": sender_of(number),
        "recipients": "Our own mail domain only",
        "typical_per_day": "20",
        "peak_per_hour": "10",
        "recipients_per_message": "1",
        "contents": "Nothing",
        "tls": "Yes",
        "department": row.department,
        "purpose": row.purpose,
        "co_owner": str(row.co_owner),
        "functional_mailbox": row.functional_mailbox,
        "after_hours_contact": "Riley, 555 0100",
    }
    return [{"field": field, "label": field.capitalize(), "value": value} for field, value in said.items()]


def _occasions(row: ServiceRequest) -> list[CheckRun.Occasion]:
    decided = row.state in (State.APPROVED, State.DENIED)
    return [CheckRun.Occasion.SUBMISSION, *([CheckRun.Occasion.APPROVAL] if decided else [])]


def _findings(run: CheckRun) -> Iterator[StoredFinding]:
    row = run.service_request
    host = row.subject_key
    facts = (
        ("REL-0", "system-kind", "A copier or scanner may relay.", ""),
        ("REL-2", "on-campus", "The address is on TTUnet.", "addresses"),
        ("REL-2", "forward-dns", f"{host} leads to the address.", "hostname"),
        ("REL-2", "reverse-dns", f"The address leads back to {host}.", "hostname"),
        ("REL-3", "directory", "The sender is a valid sender.", "senders"),
        ("REL-3", "mailbox", "The mailbox for notices is a valid address.", "functional_mailbox"),
    )
    for clause, rule, sentence, field in facts:
        failed = rule == "directory" and row.blocking_findings > 0
        yield StoredFinding(
            run=run,
            clause=clause,
            rule=rule,
            outcome="fail" if failed else "pass",
            sentence=sentence,
            field=field,
            evidence={"value": host, "hostname": host, "addresses": [host], "reverse": {}},
        )


def _grant(number: int, row: ServiceRequest) -> Grant:
    starts: datetime = row.closed_at or row.created_at
    starts_on = min(timezone.localdate(starts), TODAY)
    ends_on: date = starts_on + timedelta(days=364)
    return Grant(
        kind="relay",
        reference=row.reference,
        request=row,
        latest_request=row,
        state=GrantState.ACTIVE if ends_on >= TODAY else GrantState.LAPSED,
        owner=row.requester,
        co_owner=row.co_owner,
        department=row.department,
        functional_mailbox=row.functional_mailbox,
        title=row.title,
        subject_key=row.subject_key,
        starts_on=starts_on,
        ends_on=ends_on,
    )


def _permitted(number: int, grant: Grant) -> PermittedAddress:
    return PermittedAddress(permission_id=grant.pk, network=network_of(number))


def build(requests: int) -> None:
    """Make the whole world: people, `requests` requests, and the reserve that the measurements use up."""
    requesters, reviewers = people()
    loader = Loader(requesters, reviewers, requests)
    loader.load(1, requests - 2 * RESERVED)
    kept: dict[str, Any] = {
        "requester": requesters[0],
        "co_owner": requesters[1],
        "functional_mailbox": sender_of(0),
        "purpose": RESERVE,
        "blocking_findings": 0,
    }
    loader.load(requests - 2 * RESERVED + 1, RESERVED, state=State.DRAFT, **kept)
    loader.load(requests - RESERVED + 1, RESERVED, state=State.IN_REVIEW, **kept)
    Counter.objects.update_or_create(kind="relay", defaults={"last": requests + 1000})
    settle()


def settle() -> None:
    """What autovacuum does in time: statistics, and the visibility map that index-only scans need."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    build(int(sys.argv[1]))
