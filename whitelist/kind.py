"""The registry's entry of the whitelist kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.kinds import is_new_or_changed, is_unchanged_renewal
from portal.grants.models import Grant
from portal.grants.services.rechecking import suspend_now
from portal.grants.subjects import Basis, Hit, Subject, Vendor
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.samples.kinds import SampledKind, Wanted
from portal.samples.models import SignedSample
from portal.workflow.demo import DemoRequest
from portal.workflow.findings import Finding
from portal.workflow.forms import PeopleStep
from portal.workflow.guide import Branch
from portal.workflow.kinds import Choice, Stage, Step, Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering
from whitelist import forms, proof, rules, services, subjects
from whitelist.demo import demo_requests
from whitelist.entries import domain_of
from whitelist.guide import guide
from whitelist.models import Affected, EntryKind, WhitelistPermission, WhitelistRequest


def _has_domain(service_request: ServiceRequest) -> bool:
    return bool(services.domains_of(service_request)) and not is_unchanged_renewal(service_request)


class WhitelistKind(SampledKind):
    """Whitelist: mail of a vendor's address skips the content filter, for a year (WHT-0 to WHT-6)."""

    key = "whitelist"
    prefix = "W"
    label = "Whitelist entry"
    summary = "Keep the content filter from catching the mail of a vendor we work with."
    icon = "shield-check"
    clauses = ("WHT-0", "WHT-1", "WHT-2", "WHT-3", "WHT-4", "WHT-5", "WHT-6", "OVR-4", "MKT-2")
    owner_clause = "WHT-2"
    subject_label = "Domain"
    detail_model = WhitelistRequest
    permission_model = WhitelistPermission
    steps = (
        Step("sender", "The sender", forms.SenderStep),
        Step("affected", "Who misses it", forms.AffectedStep),
        Step("observed", "What was seen", forms.ObservedStep),
        Step("vendor", "The vendor", forms.VendorStep),
        Step("control", "Control and use", forms.ControlStep),
        Step("people", "Owner and purpose", PeopleStep),
        Step("statement", "Your statement", forms.StatementStep),
    )
    stages = (
        Stage("postmaster", Role.POSTMASTER, "Postmaster’s review", 3, _has_domain),
        Stage("review", Role.REVIEWER, "IT review", 3, is_new_or_changed),
        Stage("renewal", Role.REVIEWER, "Renewal review", 1, is_unchanged_renewal),
    )
    confirmed_steps = ("control", "statement")

    # ------------------------------------------------------------------ the form
    def prefill(self, service_request: ServiceRequest, answers: str) -> None:
        """Who misses the mail, where the guide asked for it."""
        if answers in Affected.values and answers != Affected.FEW:
            answering.write_answers(service_request=service_request, answers={"affected": answers})

    def summarise(self, service_request: ServiceRequest) -> tuple[str, str]:
        """Whose mail; the domain is the subject."""
        detail = WhitelistRequest.of(service_request)
        entries = [*services.addresses_of(service_request), *services.domains_of(service_request)]
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        first = f"{entries[0]}{more}" if entries else ""
        title = " ".join(filter(None, (detail.vendor, f"({first})" if detail.vendor and first else first)))
        return title or self.label, domain_of(entries[0]) if entries else ""

    def search_terms(self, service_request: ServiceRequest) -> set[str]:
        """With the domains of the addresses."""
        addresses = services.addresses_of(service_request)
        return super().search_terms(service_request) | {domain_of(address) for address in addresses}

    # ------------------------------------------------------------------ checks and decision
    def check(self, service_request: ServiceRequest) -> list[Finding]:
        """Run every rule of the kind."""
        return rules.check(service_request)

    def would_allow(self, service_request: ServiceRequest) -> str:
        """Whose mail would skip what."""
        return _sentence(services.addresses_of(service_request), services.domains_of(service_request))

    def term_months(self) -> int:
        """A year, as a rule."""
        return institution().whitelist_term_months

    def choices(self, service_request: ServiceRequest) -> list[Choice]:
        """A reviewer may cut addresses or domains where there are several of a sort."""
        wanted = [
            Choice("addresses", "Addresses", services.addresses_of(service_request)),
            Choice("domains", "Domains", services.domains_of(service_request)),
        ]
        return [choice for choice in wanted if len(choice.values) > 1]

    def clashes(self, service_request: ServiceRequest) -> list[Finding]:
        """Another grant in force that has one of the entries."""
        return rules.clashes(service_request)

    # ------------------------------------------------------------------ the grant
    def write_permission(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> None:
        """The entries of the grant."""
        services.write_permission(grant=grant, service_request=service_request, terms=terms)

    def granted_answers(self, grant: Grant) -> Mapping[str, Any]:
        """The entries of the grant."""
        return {
            "addresses": _values(grant, EntryKind.ADDRESS),
            "domains": _values(grant, EntryKind.DOMAIN),
        }

    def permission_sentence(self, grant: Grant) -> str:
        """What the grant allows, and what it does not (WHT-0)."""
        return _sentence(_values(grant, EntryKind.ADDRESS), _values(grant, EntryKind.DOMAIN))

    def permission_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """Vendor, addresses, domains."""
        rows = [
            ("Vendor", [grant.whitelist.vendor]),
            ("Addresses", _values(grant, EntryKind.ADDRESS)),
            ("Whole domains", _values(grant, EntryKind.DOMAIN)),
        ]
        return [row for row in rows if row[1]]

    suspends_when_broken = True

    def recheck(self, grant: Grant) -> list[Finding]:
        """Whether the domains still publish DMARC (WHT-3): without it the mail system cannot tell forgeries."""
        return proof.standing_findings(grant)

    def on_disproved(self, *, sample: SignedSample, grant: Grant) -> bool:
        """Entries that rest on the sample lose their credit at once, until a newer one proves them (WHT-3)."""
        found = proof.standing_findings(grant)
        suspend_now(grant=grant, found=found)
        return not any(one.outcome is Outcome.UNKNOWN for one in found)

    def wanted(self, service_request: ServiceRequest, grant: Grant | None) -> Wanted:
        """From at a domain of the entries, DMARC passed (WHT-3)."""
        if grant is not None:
            return proof.wanted_of(row.value for row in grant.whitelist.entries.all())
        return proof.wanted_of(
            [*services.addresses_of(service_request), *services.domains_of(service_request)]
        )

    # ------------------------------------------------------------------ what concerns whom
    def grants_that_allow(self, subject: Subject) -> Iterable[Hit]:
        """The open permissions that name it now."""
        return subjects.grants_that_allow(subject)

    def requests_that_would_allow(self, subject: Subject) -> Iterable[Hit]:
        """The requests in review that ask for it."""
        return subjects.requests_that_would_allow(subject)

    def vendors_of(self, grants: Iterable[int]) -> Iterable[Vendor]:
        """The vendors, with their domains."""
        return subjects.vendors_of(grants)

    def dependents(self, basis: Basis) -> Iterable[Hit]:
        """The entries of the same vendor."""
        return subjects.dependents(basis)

    # ------------------------------------------------------------------ guide
    def demo_requests(self, people: Mapping[str, User]) -> Sequence[DemoRequest]:
        """A vendor’s address."""
        return demo_requests(people)

    def guide(self) -> Branch:
        """The questions that lead to this form, or away from it."""
        return guide()


def _values(grant: Grant, kind: EntryKind) -> list[str]:
    return [row.value for row in grant.whitelist.entries.all() if row.kind == kind]


def _sentence(addresses: list[str], domains: list[str]) -> str:
    senders = [*addresses, *(f"any address @{domain}" for domain in domains)]
    return (
        f"Mail from {sentence_list(senders) or 'no address'} that passes DMARC skips the content filter of "
        f"{institution().mail_service} and nothing else; delivery is not promised."
    )
