"""A kind whose approvals create grants: its hooks for issuing, renewing and ending them."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from django.db.models import Model

from portal.accounts.models import User
from portal.grants import publication, renewing
from portal.grants.models import Grant
from portal.grants.selectors import answers_in_force, grant_of
from portal.grants.services import issuing, permitting
from portal.grants.subjects import Basis, Hit, Subject, Vendor
from portal.lib.dates import term_end
from portal.workflow.answers import DetailColumn, declared_of
from portal.workflow.findings import Finding
from portal.workflow.kinds import Approval, Kind, Terms
from portal.workflow.models import Counter, ServiceRequest
from portal.workflow.services import answering
from portal.workflow.services.requesting import answers_of, differences
from portal.workflow.services.reviewing import ApprovalBlocked


@dataclass(frozen=True, slots=True)
class GrantStanding:
    """Whether a grant may be used now, if its state and term alone do not decide it."""

    is_in_force: bool
    words: str
    """For the header of its page and for lists, such as "May send from Dec 1, 2026"."""


class Duration(Approval, Protocol):
    """How long a permission lasts, and how it is renewed."""

    renewable: bool = True
    """Whether grants of this kind can be renewed; others get no reminders, and end instead of lapsing."""
    moves_its_term: bool = False
    """Whether a change of a grant may change its first day, as with a campaign's window."""
    confirmed_steps: tuple[str, ...] = ()
    """The pages that must be answered again at a renewal, such as the statement; the others are filled in."""
    quiet_fields: frozenset[str] = frozenset({"purpose", "is_attested"})
    """Answers whose change does not make a renewal take the full route."""

    @abstractmethod
    def term_months(self) -> int | None:
        """The term in months if it is the same for all; None for a kind with `default_terms` of its own."""

    def default_terms(self, service_request: ServiceRequest, today: date) -> Terms:
        """The kind's term from today; a renewal of a grant in force continues from its last day, a change keeps it."""
        months = self.term_months()
        if months is None:
            raise NotImplementedError(f"{type(self).__name__} has no default_terms, and no term in months.")
        about = None if service_request.intention == "new" else getattr(service_request, "about_grant", None)
        if about is None or not about.grant.is_in_force(today):
            return Terms(today, term_end(today, months))
        renewed = service_request.intention == "renewal"
        ends_on = self.ends_if_renewed(about.grant, today) if renewed else about.grant.ends_on
        return Terms(today, ends_on or about.grant.ends_on)

    def ends_if_renewed(self, grant: Grant, today: date) -> date | None:
        """The last day of a renewal that changes nothing; None if its form must give it again. With a term in
        months that is one term after its last day, or after today if it is not in force.
        """
        months = self.term_months()
        if months is None:
            return None
        return term_end(max(grant.ends_on, today) if grant.is_in_force(today) else today, months)

    def baseline(self, service_request: ServiceRequest) -> list[dict[str, str]]:
        """The answers that the grant was last approved with."""
        return answers_in_force(service_request)

    def is_unchanged_renewal(self, service_request: ServiceRequest) -> bool:
        """Whether the request renews a grant without a relevant change and its facts allow the short route."""
        if service_request.intention != "renewal" or not renewing.is_short(service_request):
            return False
        before = self.baseline(service_request)
        changed = {row[0] for row in differences(before, answers_of(service_request))}
        return bool(before) and not changed - self.quiet_fields


class Proof(Protocol):
    """Whether a permission waits for evidence before it is in force. Kinds without evidence leave this as it is."""

    needs_proof: bool = False
    """Whether a fresh grant starts as unproven and becomes active only when evidence arrives."""

    def is_proven(self, grant: Grant) -> bool:
        """Whether the evidence required by `needs_proof` exists: only then a resumed grant becomes active."""
        return not self.needs_proof

    def keeps_proof(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> bool:
        """Whether the evidence of a grant still fits once `service_request` is applied to it.

        Called before anything is written; if it does not fit, the grant waits for new evidence, in the same event.
        """
        return self.is_proven(grant)


class Standing(Protocol):
    """How a permission stands after the approval: whether it still is what was approved, and may be used."""

    suspends_when_broken: bool = False
    """Whether a grant out of compliance is suspended after the grace period; an institution may configure otherwise."""

    def recheck(self, grant: Grant) -> list[Finding]:
        """Check again what `grant` was approved on; [] if the kind has nothing to check again. Runs in a thread
        of the daily job, outside transactions, and may query the DNS within its deadline. A
        must-finding that fails means out of compliance; other findings are advice to the owner.
        """
        return []

    def state_note(self, grant: Grant) -> str:
        """The reason for the grant's state, for its page; "" if the state says enough."""
        return ""

    def standings(self, grants: Sequence[Grant]) -> Mapping[int, GrantStanding]:
        """Return, by key, whether each of `grants` (all of this kind) may be used today; grants that are left
        out follow their state and term. A fixed number of queries.
        """
        return {}


class Concern(Protocol):
    """What somebody looks for when something went wrong: which permissions allow this, which lean on those."""

    @abstractmethod
    def grants_that_allow(self, subject: Subject) -> Iterable[Hit]:
        """The open grants of this kind whose present permission concerns `subject`, each with the reason.

        Reads the rows of permissions, not the answers of requests: a grant that no longer has an address is not
        found. A fixed number of queries. The caller searches for people, since it knows owners and co-owners.
        """

    @abstractmethod
    def requests_that_would_allow(self, subject: Subject) -> Iterable[Hit]:
        """The requests of this kind in review (new ones, renewals, changes) that ask for what concerns `subject`."""

    def vendors_of(self, grants: Iterable[int]) -> Iterable[Vendor]:
        """The vendors behind those of `grants` (ids) that are of this kind."""
        return ()

    def dependents(self, basis: Basis) -> Iterable[Hit]:
        """The open grants of this kind that depend on the permissions of `basis`, or share their vendor."""
        return ()


class Permission(Duration, Proof, Standing, Concern, Protocol):
    """What an approval leaves: the kind's own row on a grant, and rows below it such as addresses."""

    permission_model: type[Model]
    """The kind's permission, one to one with its grant; columns of the answers' names are copied at the approval."""

    def write_permission(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> None:
        """Write what is granted as the kind's rows on `grant`, replacing old ones."""
        detail = service_request.kind_entry.detail_model.of(service_request)
        permitting.write_permission(model=self.permission_model, grant=grant, detail=detail)

    def granted_answers(self, grant: Grant) -> Mapping[str, Any]:
        """Return, by field name, the initial answers of a renewal that differ from those of the last request: a
        renewal asks for what the grant allows, not for what was requested before a reviewer reduced it.
        """
        return {}

    def copy_answers(self, *, grant: Grant, service_request: ServiceRequest) -> None:
        """Fill the new draft of a renewal or change with what the grant allows now."""
        answering.copy_answers(
            source=grant.latest_request, target=service_request, instead=self.granted_answers(grant)
        )

    def clashes(self, service_request: ServiceRequest) -> list[Finding]:
        """The findings that bar an approval at that moment: another grant that has what is requested. Queries
        the database only.
        """
        return []

    @abstractmethod
    def permission_sentence(self, grant: Grant) -> str:
        """What the grant allows, in one sentence."""

    def permission_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """What the grant allows, as (label, values) for its page: the columns that it shares with the answers."""
        permission = self.permission_model._default_manager.get(grant=grant)
        columns = {field.name for field in permission._meta.concrete_fields}
        rows = [
            (one.label, one.text_of(getattr(permission, one.stored.name)))
            for _, one in declared_of(grant.kind_entry)
            if one.label and isinstance(one.stored, DetailColumn) and one.stored.name in columns
        ]
        return [(label, text.splitlines()) for label, text in rows if text]

    def connect_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """The settings to enter in the system or service that uses the grant, as (label, values) for page and email."""
        return []

    def grant_links(self, grant: Grant) -> list[tuple[str, str]]:
        """(label, address) of the kind's own pages that belong to the grant."""
        return []


class GrantingKind(Permission, Kind):
    """A kind of request that leaves a grant."""

    leaves_permission = True

    @property
    def is_checked_after_decision(self) -> bool:
        """Whether the kind has something to check again."""
        return type(self).recheck is not GrantingKind.recheck

    def check_after_decision(self, service_request: ServiceRequest) -> list[Finding] | None:
        """The findings of the daily check; None if the grant ended, or a later request was approved for it."""
        grant = grant_of(service_request)
        if grant is None or not grant.is_open or grant.latest_request_id != service_request.pk:
            return None
        return self.recheck(grant)

    def decision_note(self, service_request: ServiceRequest) -> str:
        """What the grant allows and until when, for the email about the approval."""
        grant = grant_of(service_request)
        if grant is None:
            return ""
        term = f"{grant.starts_on:%b %-d, %Y} to {grant.ends_on:%b %-d, %Y}"
        if grant.state != "active":
            way = f"{grant.get_state_display()}."
        elif publication.is_carried(self.key):
            way = "Mail hosts take it up within a minute; its page shows when it is live."
        else:
            way = "It is active within its term."
        return f"{self.permission_sentence(grant)} {way} Its term is {term}. We remind you before it ends."

    def connect_lines(self, service_request: ServiceRequest) -> list[str]:
        """How to connect, one line each, for the email about the approval; [] if there is nothing to enter."""
        grant = grant_of(service_request)
        rows = [] if grant is None else self.connect_rows(grant)
        return [f"{label}: {', '.join(values)}" for label, values in rows]

    def links(self, service_request: ServiceRequest) -> list[tuple[str, str]]:
        """The grant that the request led to, or that it is about."""
        if service_request.intention == "new" and service_request.state != "approved":
            return []  # Only an approval creates a grant.
        grant = grant_of(service_request)
        return [] if grant is None else [(f"The permission {grant.reference}", grant.get_absolute_url())]

    def before_review(self, service_request: ServiceRequest) -> None:
        """The facts of a renewal decide its route."""
        if service_request.intention == "renewal":
            renewing.judge(service_request)

    def on_submitted(self, *, service_request: ServiceRequest, actor: User) -> None:
        """A renewal filed in time keeps its grant in force until it is decided."""
        issuing.hold_open(service_request=service_request)

    def on_approved(self, *, service_request: ServiceRequest, actor: User, terms: Terms) -> None:
        """Issue the grant, or renew or change the one the request is about.

        Of two concurrent approvals of the same thing the later one raises ApprovalBlocked.
        """
        # The kind's row in `Counter` is the lock: approvals of one kind run one at a time.
        Counter.objects.select_for_update().get_or_create(kind=self.key)
        if clashes := self.clashes(service_request):
            raise ApprovalBlocked(clashes)
        issuing.issue(service_request=service_request, actor=actor, terms=terms)

    def on_closed(self, *, service_request: ServiceRequest, actor: User | None) -> None:
        """A denied or withdrawn renewal no longer extends its grant."""
        issuing.release_hold(service_request=service_request)


def is_unchanged_renewal(service_request: ServiceRequest) -> bool:
    """Whether the request renews a grant without a change: for stages."""
    kind = service_request.kind_entry
    return isinstance(kind, GrantingKind) and kind.is_unchanged_renewal(service_request)


def is_new_or_changed(service_request: ServiceRequest) -> bool:
    """Whether the request is anything else: for stages."""
    return not is_unchanged_renewal(service_request)
