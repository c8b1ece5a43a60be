"""Queries for the queue of renewals: the unchanged and green ones, and the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from portal.accounts.models import User
from portal.grants.models import Grant, GrantRequest
from portal.renewals.facts import Fact, Use
from portal.renewals.models import BulkRow, BulkRun, Judgement, Result, Route
from portal.renewals.selectors import facts_of, use_of_judgement
from portal.workflow.models import Intention, ServiceRequest
from portal.workflow.policies import is_decider, load_parts
from portal.workflow.querysets import ServiceRequestQuerySet
from portal.workflow.selectors import Page, page_of
from portal.workflow.states import State

RUNS_SHOWN = 5


@dataclass(frozen=True)
class RenewalRow:
    """One renewal of a list, with its grant and classification."""

    request: ServiceRequest
    grant: Grant
    judgement: Judgement | None
    is_mine: bool
    """Whether the reader decides it."""

    @property
    def value(self) -> str:
        """The value of its checkbox: the reference and the revision that was shown."""
        return f"{self.request.reference}:{self.request.revision}"

    @property
    def use(self) -> Use | None:
        """The known use of the grant."""
        return use_of_judgement(self.judgement) if self.judgement else None

    @property
    def open_facts(self) -> list[Fact]:
        """The facts that changed or are unknown, and lasting warnings."""
        facts = facts_of(self.judgement) if self.judgement else []
        return [fact for fact in facts if fact.stand != "same"]


@dataclass(frozen=True)
class RenewalPage:
    """One page of a list of renewals, and the keys of its neighbours."""

    rows: Sequence[RenewalRow]
    after: str
    before: str


def unchanged_renewals(actor: User) -> ServiceRequestQuerySet:
    """The renewals in review that were unchanged, in use and green when they were filed, and that `actor` decides."""
    return _in_review(actor).filter(renewal_judgement__route=Route.SHORT)


def other_renewals(actor: User) -> ServiceRequestQuerySet:
    """The other renewals in review that `actor` decides."""
    return _in_review(actor).filter(
        Q(renewal_judgement__isnull=True) | ~Q(renewal_judgement__route=Route.SHORT)
    )


def _in_review(actor: User) -> ServiceRequestQuerySet:
    rows = ServiceRequest.objects.visible_to(actor).filter(intention=Intention.RENEWAL, state=State.IN_REVIEW)
    if not actor.is_decider:
        return rows  # people who only read see every queue
    return rows.decidable_by(actor)


def renewal_pages(actor: User, *keys: tuple[str, str]) -> list[RenewalPage]:
    """The pages of the two lists at `keys`, each (after, before); the same number of queries at any size."""
    lists = (unchanged_renewals(actor), other_renewals(actor))
    pages = [
        page_of(rows, sort="due", after=after, before=before)
        for rows, (after, before) in zip(lists, keys, strict=True)
    ]
    asked = [row.pk for page in pages for row in page.rows]
    abouts = GrantRequest.objects.filter(pk__in=asked).select_related("grant__owner").in_bulk()
    judged = Judgement.objects.in_bulk(asked)
    load_parts([row for page in pages for row in page.rows], actor)
    return [_page(page, actor, abouts, judged) for page in pages]


def _page(
    page: Page, actor: User, abouts: dict[int, GrantRequest], judged: dict[int, Judgement]
) -> RenewalPage:
    rows = [
        RenewalRow(row, abouts[row.pk].grant, judged.get(row.pk), is_decider(row, actor))
        for row in page.rows
        if row.pk in abouts
    ]
    return RenewalPage(rows, page.after, page.before)


# ---------------------------------------------------------------- runs
def recent_runs(actor: User) -> list[BulkRun]:
    """The actor's own last runs."""
    return list(BulkRun.objects.filter(actor=actor)[:RUNS_SHOWN])


@dataclass(frozen=True)
class Progress:
    """The progress of a run, with its rows."""

    run: BulkRun
    rows: Sequence[BulkRow]

    @property
    def total(self) -> int:
        """How many rows it has."""
        return len(self.rows)

    @property
    def done(self) -> int:
        """How many rows have a result."""
        return sum(row.result != Result.WAITING for row in self.rows)

    @property
    def approved(self) -> int:
        """How many were approved."""
        return sum(row.result == Result.APPROVED for row in self.rows)


def progress_of(run: BulkRun) -> Progress:
    """A run with its rows, in one query."""
    return Progress(run, list(run.rows.select_related("service_request").defer("service_request__purpose")))
