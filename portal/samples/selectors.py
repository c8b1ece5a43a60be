"""Queries for samples and proofs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Literal

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Grant, GrantRequest
from portal.grants.selectors import grant_of
from portal.grants.states import GrantState
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.samples.kinds import SampledKind, proving_keys, sampled_keys, sampled_kind
from portal.samples.models import ProbeToken, SignedSample, SigningProof
from portal.samples.verdict import RULES
from portal.workflow.models import Intention, ServiceRequest
from portal.workflow.states import OPEN_STATES, State


def unjudged() -> QuerySet[SignedSample]:
    """Samples without a result, oldest first."""
    return SignedSample.objects.filter(outcome="").select_related("service_request").order_by("id")


def judged_by_older_rules() -> QuerySet[SignedSample]:
    """Proofs that were judged by an older edition of the rules (`verdict.RULES`), oldest first.

    Among them are those that turned out to be none, if their permission was not updated yet.
    """
    older = Q(evidence__rules__isnull=True) | Q(evidence__rules__lt=RULES)
    proofs = Q(is_proof=True) | Q(evidence__disproved=True)
    return SignedSample.objects.filter(older, proofs).select_related("service_request").order_by("id")


def own_samples(service_request: ServiceRequest) -> QuerySet[SignedSample]:
    """The samples of this request alone, newest first."""
    return SignedSample.objects.filter(service_request=service_request).select_related("service_request")


def requests_of(grant: Grant) -> list[ServiceRequest]:
    """The request that led to the grant, and the renewals and changes after it."""
    later = ServiceRequest.objects.filter(about_grant__grant=grant)
    return [grant.request, *later]


def samples_of_grant(grant: Grant) -> QuerySet[SignedSample]:
    """All samples of a grant's requests, newest first."""
    of_grant = SignedSample.objects.filter(service_request__in=requests_of(grant))
    return of_grant.select_related("service_request")


def samples_for(service_request: ServiceRequest) -> QuerySet[SignedSample]:
    """The samples that a request's page shows: those of its grant, or its own before there is one."""
    grant = grant_of(service_request)
    return samples_of_grant(grant) if grant is not None else own_samples(service_request)


def newest_judged(service_request: ServiceRequest) -> SignedSample | None:
    """The newest sample with a verdict."""
    return samples_for(service_request).exclude(outcome="").first()


def sampled_request(actor: User, reference: str) -> ServiceRequest | None:
    """The request of a kind that wants samples, for those who may see it or hold the grant it led to."""
    of_kind = ServiceRequest.objects.filter(kind__in=sampled_keys(), reference=reference)
    found = of_kind.select_related("requester", "co_owner", "sponsor").first()
    if found is None or ServiceRequest.objects.visible_to(actor).filter(pk=found.pk).exists():
        return found
    grant = grant_of(found)
    sees_grant = grant is not None and Grant.objects.visible_to(actor).filter(pk=grant.pk).exists()
    return found if sees_grant else None


# ---------------------------------------------------------------- who takes samples
def live_request(token: str) -> ServiceRequest | None:
    """The request of a token that still takes samples: open, or approved with a grant that has not ended."""
    row = ProbeToken.objects.select_related("service_request").filter(token=token).first()
    return row.service_request if row is not None and takes_samples(row.service_request) else None


def takes_samples(service_request: ServiceRequest) -> bool:
    """Whether a sample may still change anything for the request."""
    kind = sampled_kind(service_request.kind)
    if kind is None:
        return False
    if service_request.state in OPEN_STATES:
        return not kind.proves_signing  # before the approval none of its mail passes
    grant = grant_of(service_request) if service_request.state == State.APPROVED else None
    return grant is not None and grant.is_open


# ---------------------------------------------------------------- what is not proven yet
def awaiting_proof(today: date) -> QuerySet[Grant]:
    """The permissions inside their term that wait for their proof, or are in force and have not shown theirs."""
    waits = Q(state=GrantState.UNPROVEN)
    owes = Q(state=GrantState.ACTIVE, kind__in=proving_keys()) & (
        Q(signing_proof__isnull=True) | Q(signing_proof__outdated_at__isnull=False)
    )
    running = Q(ends_on__gte=today) | Q(held_open_by__isnull=False)
    return Grant.objects.filter(running, waits | owes, starts_on__lte=today)


def waiting_since(grant: Grant) -> date:
    """The day from which the proof of a grant of `awaiting_proof` is awaited, in the institution's zone."""
    if grant.state == GrantState.UNPROVEN:
        return max(timezone.localdate(grant.state_changed_at), grant.starts_on)
    return max(timezone.localdate(grant.created_at), grant.starts_on)


def overdue_proof(today: date, *, days: int | None = None) -> QuerySet[Grant]:
    """Those that have waited for `days`, by default the institution's `unproven_after_days`."""
    limit = today - timedelta(days=institution().unproven_after_days if days is None else days)
    # Days are the institution's: midnight after the limit, in its zone, is the first moment too late.
    before = timezone.make_aware(datetime.combine(limit + timedelta(days=1), datetime.min.time()))
    waits = Q(state=GrantState.UNPROVEN, state_changed_at__lt=before)
    owes = Q(state=GrantState.ACTIVE, created_at__lt=before)
    return awaiting_proof(today).filter(waits | owes, starts_on__lte=limit)


def overdue_notes(grants: Sequence[Grant]) -> dict[int, str]:
    """For lists, by id: which of `grants` should have shown by now that their mail is signed, and have not."""
    proving = set(proving_keys())
    keys = [grant.pk for grant in grants if grant.kind in proving]
    if not keys:
        return {}
    overdue = overdue_proof(timezone.localdate()).filter(pk__in=keys).values_list("pk", flat=True)
    return dict.fromkeys(overdue, "Signing not proven")


def newest_messages(grants: Sequence[Grant]) -> Mapping[int, SignedSample]:
    """The newest judged message to a probe address of each grant, by grant; two queries."""
    judged = SignedSample.objects.filter(source=SignedSample.Source.PROBE).exclude(outcome="")
    keys = [grant.pk for grant in grants]
    own = Q(service_request__grant__in=keys) | Q(service_request__about_grant__grant__in=keys)
    rows = (
        judged.filter(own)
        .order_by()
        .values_list("service_request__grant", "service_request__about_grant__grant")
        .annotate(newest=Max("pk"))
    )
    newest: dict[int, int] = {}
    for first, later, pk in rows:
        grant = first or later
        newest[grant] = max(newest.get(grant, 0), pk)
    samples = SignedSample.objects.in_bulk(list(newest.values()))
    return {grant: samples[pk] for grant, pk in newest.items() if pk in samples}


def _has_waited_long(grant: Grant) -> bool:
    """The same as `overdue_proof`, of one grant in force that has no proof; without a query."""
    limit = timezone.localdate() - timedelta(days=institution().unproven_after_days)
    return grant.is_in_force_today and waiting_since(grant) <= limit


@dataclass(frozen=True)
class ProofState:
    """The state of the proof that a permission's mail is signed."""

    status: Literal["proven", "awaited", "overdue"]
    proven_at: datetime | None = None
    """When the newest message that shows it came."""
    awaited_since: date | None = None

    @property
    def mark(self) -> str:
        """The note for lists; "" if it is proven."""
        words = {"awaited": "Not proven signed yet", "overdue": "Not proven signed, overdue"}
        return words.get(self.status, "")


def proofs_of(grants: Sequence[Grant]) -> dict[int, ProofState]:
    """By key, the proof of those of `grants` whose kind wants one and that are open; one query, whatever their
    number.
    """
    found: dict[int, ProofState] = {}
    proving, wanting = proving_keys(), []
    for grant in grants:
        if not grant.is_open:
            continue
        if grant.state == GrantState.UNPROVEN:
            found[grant.pk] = _awaited(grant)
        elif grant.kind in proving:
            wanting.append(grant)
    keys = [grant.pk for grant in wanting]
    proofs = SigningProof.objects.filter(grant__in=keys).in_bulk() if keys else {}
    for grant in wanting:
        proof = proofs.get(grant.pk)
        if proof is not None and proof.is_current:
            found[grant.pk] = ProofState("proven", proven_at=proof.proven_at)
        else:
            found[grant.pk] = _awaited(grant)
    return found


def _awaited(grant: Grant) -> ProofState:
    since = waiting_since(grant)
    limit = timezone.localdate() - timedelta(days=institution().unproven_after_days)
    return ProofState("overdue" if since <= limit else "awaited", awaited_since=since)


def marks_of(rows: Sequence[ServiceRequest]) -> dict[int, str]:
    """By key, whether the permission of a request still lacks its proof; at most three queries, none for new
    requests only.
    """
    sampled = sampled_keys()
    rows = [row for row in rows if row.kind in sampled]
    first = [row.pk for row in rows if row.intention == Intention.NEW and row.state == State.APPROVED]
    later = [row.pk for row in rows if row.intention != Intention.NEW]
    grants = {grant.request_id: grant for grant in Grant.objects.filter(request__in=first)} if first else {}
    if later:
        links = GrantRequest.objects.filter(service_request__in=later).select_related("grant")
        grants |= {link.service_request_id: link.grant for link in links}
    proofs = proofs_of(list(grants.values())) if grants else {}
    found = {pk: proofs[grant.pk].mark for pk, grant in grants.items() if grant.pk in proofs}
    return {pk: mark for pk, mark in found.items() if mark}


@dataclass(frozen=True)
class ProofPanel:
    """The proof that a permission's mail is signed, for its page."""

    grant: Grant
    kind: SampledKind
    proof: SigningProof | None
    newest: SignedSample | None
    """The newest judged message to its probe address."""
    is_overdue: bool
    has_address: bool

    @property
    def is_proven(self) -> bool:
        """Whether a message showed it, from a sender that is still permitted."""
        return self.proof is not None and self.proof.is_current

    @property
    def trouble(self) -> str:
        """The problem of the newest message, if it came after the proof or there is none; else ""."""
        if self.newest is None or self.newest.outcome == Outcome.PASS:
            return ""
        if self.proof is not None and self.newest.received_at <= self.proof.proven_at:
            return ""
        return self.newest.reason

    @cached_property
    def instructions(self) -> list[tuple[str, str]]:
        """What the owner needs for it; nothing while the request has no probe address."""
        return self.kind.proof_instructions(self.grant) if self.has_address and self.grant.is_open else []


def proof_panel(grant: Grant) -> ProofPanel | None:
    """The panel of a grant whose kind proves its signing; None for others, and for one that is over unproven."""
    kind = sampled_kind(grant.kind)
    if kind is None or not kind.proves_signing:
        return None
    proof = SigningProof.objects.filter(grant=grant).first()
    if proof is None and not grant.is_open:
        return None
    token = ProbeToken.objects.filter(service_request=grant.latest_request_id).first()
    if token is not None:
        token.service_request = grant.latest_request  # set on both sides, so that it is not queried again
    is_current = proof is not None and proof.is_current
    return ProofPanel(
        grant=grant,
        kind=kind,
        proof=proof,
        newest=newest_messages([grant]).get(grant.pk),
        is_overdue=not is_current and _has_waited_long(grant),
        has_address=token is not None,
    )


UNPROVEN_SHOWN = 50


@dataclass(frozen=True)
class UnprovenRow:
    """One permission whose proof is missing."""

    grant: Grant
    since: date
    newest: SignedSample | None
    reminded: int
    """How many reminders were queued."""


@dataclass(frozen=True)
class UnprovenPage:
    """One page of them, those that wait longest first."""

    rows: Sequence[UnprovenRow]
    number: int
    pages: int
    total: int


def unproven_page(today: date, *, days: int, kind: str = "", number: int = 1) -> UnprovenPage:
    """Page `number` (kept inside what there is) of what has waited for `days`, of one kind or of all."""
    found = overdue_proof(today, days=days)
    if kind:
        found = found.filter(kind=kind)
    total = found.count()
    pages = max(1, -(-total // UNPROVEN_SHOWN))
    number = min(max(number, 1), pages)
    ordered = (
        found.select_related("owner").annotate(reminded=Count("proof_reminders")).order_by("created_at", "pk")
    )
    grants = list(ordered[(number - 1) * UNPROVEN_SHOWN : number * UNPROVEN_SHOWN])
    newest = newest_messages(grants)
    rows = [
        UnprovenRow(grant, waiting_since(grant), newest.get(grant.pk), getattr(grant, "reminded", 0))
        for grant in grants
    ]
    return UnprovenPage(rows, number, pages, total)
