"""The registry's entry of the kind Intended Use of Technology."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.timezone import localdate

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.kinds import is_new_or_changed, is_unchanged_renewal
from portal.grants.models import Grant
from portal.grants.states import GrantState
from portal.grants.subjects import Basis, Hit, Subject, Vendor
from portal.institution import institution
from portal.lib.dates import term_end
from portal.lib.text import sentence_list
from portal.samples.kinds import SampledKind, Wanted
from portal.samples.models import SignedSample
from portal.samples.selectors import samples_of_grant
from portal.workflow.demo import DemoRequest
from portal.workflow.findings import Finding
from portal.workflow.forms import PeopleStep
from portal.workflow.guide import Branch
from portal.workflow.kinds import Choice, Stage, Step, Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, checking
from senders import (
    dns_checks,
    dns_text,
    forms,
    instructions,
    proving,
    rules,
    services,
    standing,
    subjects,
    watching,
)
from senders.demo import demo_requests
from senders.guide import guide
from senders.models import Identity, SenderAuthorization, SenderRequest


def _needs_postmaster(service_request: ServiceRequest) -> bool:
    asked = SenderRequest.of(service_request).identity == Identity.MAIL_DOMAIN
    return (asked or rules.names_an_office(service_request)) and not is_unchanged_renewal(service_request)


class SendersKind(SampledKind):
    """Intended Use of Technology: a service sends as one of our domains, until its contract ends (AUT-0 to AUT-3)."""

    key = "senders"
    prefix = "I"
    label = "Intended Use of Technology"
    summary = "Let a vendor’s service send mail as one of our addresses."
    icon = "building-office-2"
    clauses = ("AUT-0", "AUT-1", "AUT-2", "AUT-3", "OVR-4", "OVR-5", "MKT-2", "MKT-4")
    owner_clause = "AUT-1"
    subject_label = "Domain"
    needs_proof = True
    detail_model = SenderRequest
    permission_model = SenderAuthorization
    steps = (
        Step("service", "The service", forms.ServiceStep),
        Step("agreement", "The agreement", forms.AgreementStep),
        Step("identity", "As whom it sends", forms.IdentityStep),
        Step("dkim", "DKIM and SPF", forms.DkimStep),
        Step("handling", "Data and the end", forms.HandlingStep),
        Step("people", "Owner and purpose", PeopleStep),
        Step("statement", "Your statement", forms.StatementStep),
    )
    stages = (
        Stage("postmaster", Role.POSTMASTER, "Postmaster’s review", 3, _needs_postmaster),
        Stage("review", Role.REVIEWER, "IT review", 5, is_new_or_changed),
        Stage("renewal", Role.REVIEWER, "Renewal review", 1, is_unchanged_renewal),
    )
    confirmed_steps = ("agreement", "statement")

    # ------------------------------------------------------------------ the form
    def prefill(self, service_request: ServiceRequest, answers: str) -> None:
        """The identity, where the guide asked for it."""
        if answers in (Identity.SUBDOMAIN, Identity.MAIL_DOMAIN):
            answering.write_answers(service_request=service_request, answers={"identity": answers})

    def summarise(self, service_request: ServiceRequest) -> tuple[str, str]:
        """Which service, as whom; the domain in From is the subject."""
        detail = SenderRequest.of(service_request)
        who = (
            f"{detail.service_name} as @{detail.sending_domain}"
            if detail.sending_domain
            else detail.service_name
        )
        return who or self.label, detail.sending_domain

    # ------------------------------------------------------------------ checks and decision
    def check(self, service_request: ServiceRequest) -> list[Finding]:
        """Run every rule of the kind."""
        return rules.check(service_request)

    def would_allow(self, service_request: ServiceRequest) -> str:
        """Who would send as whom."""
        detail = SenderRequest.of(service_request)
        return _sentence(detail, services.addresses_of(service_request))

    def term_months(self) -> None:
        """None: the contract says how long."""

    def default_terms(self, service_request: ServiceRequest, today: date) -> Terms:
        """From today, or the contract's first day where that is later, to its end within the institution's limit.

        A renewal or a change goes on from today: the permission has begun.
        """
        detail = SenderRequest.of(service_request)
        begins = today
        if service_request.intention == "new" and detail.contract_starts_on:
            begins = max(today, detail.contract_starts_on)
        longest = term_end(today, institution().longest_sender_term_months)
        return Terms(begins, max(begins, min(detail.contract_ends_on or begins, longest)))

    def choices(self, service_request: ServiceRequest) -> list[Choice]:
        """A reviewer may cut addresses where there are several."""
        addresses = services.addresses_of(service_request)
        return [Choice("addresses", "From addresses", addresses)] if len(addresses) > 1 else []

    def on_submitted(self, *, service_request: ServiceRequest, actor: User) -> None:
        """Ask the people whose addresses or mailboxes are named; keep a grant under renewal in force."""
        super().on_submitted(service_request=service_request, actor=actor)
        needed = rules.consent_needed(service_request)
        services.ask_consent(service_request=service_request, needed=needed, actor=actor)

    def clashes(self, service_request: ServiceRequest) -> list[Finding]:
        """Another authorization, or an earlier request, that has one of the keys."""
        found = rules.clashes(service_request, services.plan_of(service_request))
        return checking.unwaived(service_request=service_request, found=found)

    # ------------------------------------------------------------------ the grant
    def write_permission(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> None:
        """The authorization. One whose proof no longer fits waits for a new one (OVR-4)."""
        before = _proof_of(grant)
        authorization = services.write_permission(grant=grant, service_request=service_request, terms=terms)
        watching.sync_records(grant=grant)
        watching.look_soon(grant=grant)
        if before is not None and before != _proven_facts(grant):
            authorization.proven_by = None
            authorization.save(update_fields=["proven_by"])
        if grant.state == GrantState.UNPROVEN:
            proving.prove_soon(grant=grant)

    def granted_answers(self, grant: Grant) -> Mapping[str, Any]:
        """The addresses and keys of the authorization."""
        plan = services.authorized_plan(grant)
        return {"addresses": plan.addresses, "keys": plan.keys}

    def copy_answers(self, *, grant: Grant, service_request: ServiceRequest) -> None:
        """The answers in force, with the consents that were given."""
        super().copy_answers(grant=grant, service_request=service_request)
        services.copy_consents(source=grant.latest_request, target=service_request)

    def permission_sentence(self, grant: Grant) -> str:
        """What the grant allows, and on what condition (OVR-4)."""
        return _sentence(grant.senders, list(services.authorized_plan(grant).addresses))

    def permission_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """Service, addresses, domains, keys."""
        plan, authorization = services.authorized_plan(grant), grant.senders
        rows = [
            ("Service", [f"{authorization.service_name}, {authorization.vendor}"]),
            ("From addresses", list(plan.addresses)),
            ("Envelope domain", [plan.envelope_domain]),
            ("Signing domain", [plan.signing_domain]),
            ("DKIM keys", [f"{key.selector} {key.kind} {key.value[:100]}" for key in plan.keys]),
            ("SPF term", [plan.spf_term] if plan.spf_term else []),
        ]
        return [row for row in rows if row[1]]

    def is_proven(self, grant: Grant) -> bool:
        """Whether a sample brought it into force once, and nothing that it proved was changed since."""
        return grant.senders.proven_by_id is not None

    def keeps_proof(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> bool:
        """Whether the sample that proved the grant still shows what it is to allow."""
        if not self.is_proven(grant):
            return False
        plan = services.granted_plan(service_request, terms)
        return (plan.signing_domain, plan.from_domains) == _proven_facts(grant)

    def state_note(self, grant: Grant) -> str:
        """Why it waits and what to do, or what proved it."""
        if grant.state == GrantState.UNPROVEN:
            why = proving.why_unproven(samples_of_grant(grant)[:1])
            return (
                f"It comes into force by itself once a message from @{grant.senders.sending_domain} with a valid DKIM "
                f"signature of {grant.senders.signing_domain} was seen. {why} Let the service send one to its probe address."
            )
        proof = grant.senders.proven_by
        return (
            f"Proved by a message of {localdate(proof.received_at):%-d %B %Y}. {proof.reason}"
            if proof
            else ""
        )

    suspends_when_broken = True

    def ends_if_renewed(self, grant: Grant, today: date) -> date | None:
        """The end of the contract as it was given, where that is later than the grant's own; else it is asked for."""
        ends = self.default_terms(grant.latest_request, today).ends_on
        return ends if ends > max(grant.ends_on, today) else None

    def recheck(self, grant: Grant) -> list[Finding]:
        """Whether keys, DMARC and SPF are what was approved (AUT-3, OVR-4); before the proof, whether they may come."""
        plan = services.authorized_plan(grant)
        if not self.is_proven(grant):
            return dns_checks.findings(plan)
        newest = samples_of_grant(grant).filter(is_proof=True).first() or grant.senders.proven_by
        proven = standing.selectors_of(newest, plan.signing_domain)
        return standing.standing_findings(plan, proven=proven)

    def grant_links(self, grant: Grant) -> list[tuple[str, str]]:
        """The page of samples, and the records then and now on the page of the latest request."""
        evidence = f"{grant.latest_request.get_absolute_url()}#evidence"
        return [*super().grant_links(grant), ("Records then and now", evidence)]

    # ------------------------------------------------------------------ the samples
    samples_title = "Samples and DNS records"
    samples_template = "senders/dns_records.html"

    def wanted(self, service_request: ServiceRequest, grant: Grant | None) -> Wanted:
        """From at an authorized domain, signed as the approved domain."""
        if grant is not None:
            return proving.wanted_of(grant)
        plan = services.plan_of(service_request)
        return Wanted(plan.from_domains, plan.signing_domain)

    def on_judged(self, *, sample: SignedSample, grant: Grant | None, wanted: Wanted) -> None:
        """A sample that proves a waiting grant brings it into force (OVR-4)."""
        if sample.is_proof and grant is not None:
            proving.activate_if_proven(grant=grant, sample=sample, wanted=wanted)

    def on_disproved(self, *, sample: SignedSample, grant: Grant) -> bool:
        """An authorization that rests on the sample waits for a new one (OVR-4)."""
        proving.withdraw_proof(grant=grant, sample=sample)
        return True

    def proof_instructions(self, grant: Grant) -> list[tuple[str, str]]:
        """Probe address, signing domain, and each DNS record that is not in place yet."""
        probe, *records = instructions.proof_instructions(grant) or super().proof_instructions(grant)
        return [probe, ("Signed as", grant.senders.signing_domain), *records]

    def samples_context(self, service_request: ServiceRequest, grant: Grant | None) -> Mapping[str, Any]:
        """The DNS records with what the zone holds, or those that an approval would add."""
        if grant is not None:
            return {"content": instructions.panel_of(grant), "planned": ""}
        return {"content": None, "planned": dns_text.planned_text(services.plan_of(service_request))}

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
        """The authorizations of the same vendor, and those whose keys can sign as an address found."""
        return subjects.dependents(basis)

    # ------------------------------------------------------------------ screens
    def decision_note(self, service_request: ServiceRequest) -> str:
        """What is allowed, then where the proof goes and which records to publish (AUT-3, OVR-4)."""
        return "\n\n".join(
            filter(None, (super().decision_note(service_request), instructions.note_of(service_request)))
        )

    def demo_requests(self, people: Mapping[str, User]) -> Sequence[DemoRequest]:
        """A vendor’s service."""
        return demo_requests(people)

    def guide(self) -> Branch:
        """The questions that lead to this form, or away from it."""
        return guide()


def _proof_of(grant: Grant) -> tuple[str, frozenset[str]] | None:
    authorization = SenderAuthorization.objects.filter(grant=grant).first()
    if authorization is None:
        return None
    grant.senders = authorization
    return _proven_facts(grant)


def _proven_facts(grant: Grant) -> tuple[str, frozenset[str]]:
    """What a sample proves: the signing domain, for the domains in From."""
    plan = services.authorized_plan(grant)
    return plan.signing_domain, plan.from_domains


def _sentence(row: SenderRequest | SenderAuthorization, addresses: list[str]) -> str:
    return (
        f"{row.service_name or 'The service'} of {row.vendor or 'the vendor'} may send as "
        f"{sentence_list(addresses) or 'no address'}, signed with DKIM as {row.signing_domain or 'our domain'}."
    )
