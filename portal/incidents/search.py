"""Which permissions an incident concerns: those that allow the subject now, those that depend on them, and
requests in review.

Each kind searches its own rows (`GrantingKind.grants_that_allow`), so that a permission is found by what it allows today and not by the text of an old request. People are searched here, since owners are columns of the grant.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db.models import Q

from portal.grants.kinds import GrantingKind
from portal.grants.models import Grant
from portal.grants.states import OPEN_STATES
from portal.grants.subjects import (
    Basis,
    Hit,
    MailboxSubject,
    NameSubject,
    PersonSubject,
    Subject,
    merged,
)
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES

MOST_GRANTS = 100_000
"""The most permissions that one incident may concern."""
ROUNDS = 3
"""How many levels of dependence are followed: a whitelist entry, the authorization of its vendor, the campaigns
under that.
"""


@dataclass(frozen=True)
class Matches:
    """The permissions and requests that a subject concerns, by id, each with the reason."""

    direct: Mapping[int, str]
    """Open permissions that allow it now."""
    dependent: Mapping[int, str] = field(default_factory=dict)
    """Open permissions that depend on those, or allow the same by other means."""
    pending: Mapping[int, str] = field(default_factory=dict)
    """Requests in review that would allow it."""

    @property
    def fingerprint(self) -> str:
        """A digest of which permissions were found: the same as long as they are the same."""
        words = f"{sorted(self.direct)} {sorted(self.dependent)}"
        return hashlib.sha256(words.encode()).hexdigest()[:32]

    @property
    def everything(self) -> Mapping[int, str]:
        """All permissions, direct ones first."""
        return {**self.direct, **self.dependent}


def permissions_about(subject: Subject) -> Matches:
    """The open permissions and the requests in review that `subject` concerns; a bounded number of queries."""
    direct = merged(_direct(subject))
    return Matches(direct, _dependent(subject, direct), pending_about(subject))


def pending_about(subject: Subject) -> dict[int, str]:
    """The requests in review (new ones, renewals, changes) that ask for it, or in which the person takes part."""
    return merged(_pending(subject))


def _kinds() -> Iterator[GrantingKind]:
    return (kind for kind in registry.kinds() if isinstance(kind, GrantingKind))


def _direct(subject: Subject) -> Iterator[Hit]:
    open_ones = Grant.objects.filter(state__in=OPEN_STATES)
    if isinstance(subject, PersonSubject):
        yield from _of_people(subject.address, open_ones, "owner")
        return
    if isinstance(subject, NameSubject):
        for pk, reference in open_ones.filter(reference__iexact=subject.words).values_list("pk", "reference"):
            yield Hit(pk, f"is {reference}")
    for kind in _kinds():
        yield from kind.grants_that_allow(subject)


def _pending(subject: Subject) -> Iterator[Hit]:
    in_review = ServiceRequest.objects.filter(state__in=LIVE_STATES)
    if isinstance(subject, PersonSubject):
        yield from _of_people(subject.address, in_review, "requester")
        return
    if isinstance(subject, NameSubject):
        named = Q(reference__iexact=subject.words) | Q(about_grant__grant__reference__iexact=subject.words)
        for pk, reference in in_review.filter(named).values_list("pk", "reference"):
            yield Hit(pk, f"is {reference}")
    for kind in _kinds():
        yield from kind.requests_that_would_allow(subject)


def _of_people(address: str, rows: object, owner: str) -> Iterator[Hit]:
    """The person's requests: one query for each part, since each uses an index and no index serves all."""
    roles = {
        f"{owner}__email": owner,
        "co_owner__email": "co-owner",
        "functional_mailbox": "functional mailbox",
    }
    for column, role in roles.items():
        found = rows.filter(**{f"{column}__iexact": address})  # type: ignore[attr-defined] # grants or requests
        for pk in found.values_list("pk", flat=True):
            yield Hit(pk, f"{address} is its {role}")


def _dependent(subject: Subject, direct: Mapping[int, str]) -> dict[int, str]:
    """The permissions that depend on those found, level by level, until there are no new ones."""
    found: dict[int, str] = {}
    newest: Iterable[int] = direct
    is_person = isinstance(subject, PersonSubject)
    hits: list[Hit] = []
    if isinstance(subject, PersonSubject):
        # Whoever controls the person's account may send as that address elsewhere.
        mailbox = MailboxSubject(subject.address)
        hits = [hit for kind in _kinds() for hit in kind.grants_that_allow(mailbox)]
    for number in range(ROUNDS):
        ids = frozenset(newest)
        if ids or number == 0:
            # A person's vendors also serve others: they say nothing about who was compromised.
            vendors = (
                frozenset(v for kind in _kinds() for v in kind.vendors_of(ids))
                if not is_person
                else frozenset()
            )
            basis = Basis(subject, ids, vendors)
            hits += [hit for kind in _kinds() for hit in kind.dependents(basis)]
        fresh = {pk: why for pk, why in merged(hits).items() if pk not in direct and pk not in found}
        if not fresh:
            break
        found |= fresh
        newest, hits = fresh, []
    return found
