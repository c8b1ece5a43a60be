"""Who is gone, who may be asked, and what the pages read of it."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet

from portal.accounts.models import AddressKind, DirectoryAddress, User
from portal.accounts.presence import gone_addresses, is_gone
from portal.grants.models import Grant, GrantQuerySet
from portal.grants.states import OPEN_STATES
from portal.institution import institution
from portal.leaving.models import Chase
from portal.leaving.stages import Stage, next_stage
from portal.workflow.models import ServiceRequest
from portal.workflow.states import LIVE_STATES


def _gone(person: str) -> Q:
    return Q(**{f"{person}__is_active": False}) | Q(**{f"{person}__email__in": gone_addresses()})


def orphaned_grants() -> GrantQuerySet:
    """Grants that may be in force, whose owner is gone, and for which nobody searches yet."""
    searched = Chase.objects.filter(closed_at__isnull=True).values("grant")
    return Grant.objects.filter(_gone("owner"), state__in=OPEN_STATES).exclude(pk__in=searched).order_by("pk")


def orphaned_requests(actor: User) -> QuerySet[ServiceRequest]:
    """Requests in progress that nobody is left to answer for: requester gone, and no co-owner who is there."""
    nobody = Q(co_owner__isnull=True) | _gone("co_owner")
    rows = ServiceRequest.objects.visible_to(actor).filter(_gone("requester"), nobody, state__in=LIVE_STATES)
    return rows.select_related("requester").order_by("pk")


# ---------------------------------------------------------------- whom to ask
@dataclass(frozen=True)
class Askable:
    """Who stands behind each stage of one grant."""

    co_owner: User | None
    mailbox: str
    heads: tuple[str, ...]

    @property
    def stages(self) -> list[Stage]:
        """The stages before IT that somebody stands behind."""
        behind = ((Stage.CO_OWNER, self.co_owner), (Stage.MAILBOX, self.mailbox), (Stage.HEAD, self.heads))
        return [stage for stage, there in behind if there]

    def addresses(self, stage: Stage) -> list[str]:
        """The addresses to ask at a stage."""
        if stage == Stage.CO_OWNER:
            return [self.co_owner.email] if self.co_owner else []
        if stage == Stage.MAILBOX:
            return [self.mailbox]
        return list(self.heads) if stage == Stage.HEAD else [institution().contact_email]


def askable(grant: Grant) -> Askable:
    """Who may be asked to take `grant` over, as the directory stands."""
    co_owner = grant.co_owner if grant.co_owner is not None and not is_gone(grant.co_owner) else None
    mailbox = grant.functional_mailbox
    if mailbox and gone_addresses().filter(address=mailbox).exists():
        mailbox = ""
    return Askable(co_owner, mailbox, _heads(grant))


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
class Search:
    """A search as the pages show it: who is asked, and what happens next."""

    chase: Chase
    next_stage: Stage | None
    next_on: date | None

    @property
    def who(self) -> str:
        """Who is asked now."""
        return Stage(self.chase.stage).label if self.chase.stage else "nobody yet"

    @property
    def next_who(self) -> str:
        """Who is asked next."""
        return self.next_stage.label if self.next_stage else ""


def search_of(chase: Chase) -> Search:
    """What is to be said of a running search; `chase` comes with its grant and people."""
    here = institution()
    follows = next_stage(
        chase.stage,
        askable=askable(chase.grant).stages,
        noticed_on=chase.noticed_on,
        step_days=here.ownerless_step_days,
        all_days=here.ownerless_days,
    )
    return Search(chase, *(follows or (None, None)))


def running_chase(grant: Grant) -> Chase | None:
    """The search that goes on for `grant`."""
    chases = Chase.objects.running().select_related("owner", "grant__owner", "grant__co_owner")
    return chases.filter(grant=grant).first()


def panel_of(grant: Grant) -> Search | None:
    """What the grant's page says of a search."""
    if not grant.is_open:
        return None
    chase = running_chase(grant)
    return search_of(chase) if chase else None


def asked_now(grant: Grant) -> list[str]:
    """Who is asked to take `grant` over, for the letters that remind of its end."""
    found = Chase.objects.running().filter(grant=grant).exclude(stage=Stage.IT).first()
    return found.addresses if found else []


def ownerless(actor: User) -> QuerySet[Chase]:
    """The running searches that `actor` may see; IT's own first, then the oldest."""
    from django.db.models import Case, IntegerField, Value, When

    first = Case(When(stage=Stage.IT, then=Value(0)), default=Value(1), output_field=IntegerField())
    rows = Chase.objects.running().visible_to(actor).select_related("owner", "grant")
    return rows.order_by(first, "noticed_on", "pk")
