"""Queries for permissions without an owner, and who may be asked to take over."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from portal.accounts.models import AddressKind, DirectoryAddress, User
from portal.accounts.presence import gone_addresses, is_gone
from portal.grants.models import Grant, GrantQuerySet
from portal.grants.states import OPEN_STATES
from portal.institution import institution
from portal.ownership.models import OwnerSearch
from portal.ownership.stages import SearchStage, next_stage
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES


def _gone(person: str) -> Q:
    return Q(**{f"{person}__is_active": False}) | Q(**{f"{person}__email__in": gone_addresses()})


def unowned_grants() -> GrantQuerySet:
    """Grants that may be in force, whose owner left, and for which no search runs yet."""
    searched = OwnerSearch.objects.filter(closed_at__isnull=True).values("grant")
    return Grant.objects.filter(_gone("owner"), state__in=OPEN_STATES).exclude(pk__in=searched).order_by("pk")


def unowned_requests(actor: User) -> QuerySet[ServiceRequest]:
    """Requests in progress whose requester left and that have no active co-owner."""
    nobody = Q(co_owner__isnull=True) | _gone("co_owner")
    rows = ServiceRequest.objects.visible_to(actor).filter(_gone("requester"), nobody, state__in=LIVE_STATES)
    return rows.select_related("requester").order_by("pk")


# ---------------------------------------------------------------- candidates
@dataclass(frozen=True)
class Candidates:
    """The people to ask at each stage for one grant."""

    co_owner: User | None
    mailbox: str
    heads: tuple[str, ...]

    @property
    def stages(self) -> list[SearchStage]:
        """The stages before IT that have somebody to ask."""
        behind = (
            (SearchStage.CO_OWNER, self.co_owner),
            (SearchStage.MAILBOX, self.mailbox),
            (SearchStage.HEAD, self.heads),
        )
        return [stage for stage, there in behind if there]

    def addresses(self, stage: SearchStage) -> list[str]:
        """The addresses to ask at a stage."""
        if stage == SearchStage.CO_OWNER:
            return [self.co_owner.email] if self.co_owner else []
        if stage == SearchStage.MAILBOX:
            return [self.mailbox]
        return list(self.heads) if stage == SearchStage.HEAD else [institution().contact_email]


def candidates(grant: Grant) -> Candidates:
    """Return who may be asked to take over `grant`, by the current directory."""
    co_owner = grant.co_owner if grant.co_owner is not None and not is_gone(grant.co_owner) else None
    mailbox = grant.functional_mailbox
    if mailbox and gone_addresses().filter(address=mailbox).exists():
        mailbox = ""
    return Candidates(co_owner, mailbox, _heads(grant))


def _heads(grant: Grant) -> tuple[str, ...]:
    if not grant.department:
        return ()
    heads = DirectoryAddress.objects.filter(
        is_head=True, gone_at__isnull=True, kind=AddressKind.PERSON, department__iexact=grant.department
    )
    found = heads.exclude(address=grant.owner.email).order_by("address").values_list("address", flat=True)
    return tuple(found)


# ---------------------------------------------------------------- pages
@dataclass(frozen=True)
class SearchSummary:
    """A search for display: who is asked now, and what happens next."""

    search: OwnerSearch
    next_stage: SearchStage | None
    next_on: date | None

    @property
    def who(self) -> str:
        """Who is asked now."""
        return SearchStage(self.search.stage).label if self.search.stage else "nobody yet"

    @property
    def next_who(self) -> str:
        """Who is asked next."""
        return self.next_stage.label if self.next_stage else ""


def summary_of(search: OwnerSearch) -> SearchSummary:
    """Summarize a running search; `search` has its grant and people loaded."""
    here = institution()
    follows = next_stage(
        search.stage,
        candidates=candidates(search.grant).stages,
        noticed_on=search.noticed_on,
        step_days=here.ownerless_step_days,
        all_days=here.ownerless_days,
    )
    return SearchSummary(search, *(follows or (None, None)))


def running_search(grant: Grant) -> OwnerSearch | None:
    """The running search for `grant`, if any."""
    searches = OwnerSearch.objects.running().select_related("owner", "grant__owner", "grant__co_owner")
    return searches.filter(grant=grant).first()


def panel_of(grant: Grant) -> SearchSummary | None:
    """The summary for the grant's page; None without a search."""
    if not grant.is_open:
        return None
    search = running_search(grant)
    return summary_of(search) if search else None


def reminder_recipients(grant: Grant) -> list[str]:
    """The addresses that were asked to take over `grant`; they also get its reminders."""
    found = OwnerSearch.objects.running().filter(grant=grant).exclude(stage=SearchStage.IT).first()
    return found.addresses if found else []


def unowned(actor: User) -> QuerySet[OwnerSearch]:
    """The running searches that `actor` may see; those at the IT stage first, then the oldest."""
    first = Case(When(stage=SearchStage.IT, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = OwnerSearch.objects.running().visible_to(actor).select_related("owner", "grant")
    return rows.order_by(first, "noticed_on", "pk")
