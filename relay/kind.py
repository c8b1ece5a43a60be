"""The registry's entry of the relay kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet, prefetch_related_objects
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.kinds import is_new_or_changed, is_unchanged_renewal
from portal.grants.models import Grant
from portal.grants.relay_rules import RelayRule
from portal.grants.subjects import Hit, Subject
from portal.institution import institution
from portal.lib.networks import shown
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.mailauth.message_intake import Message
from portal.mailauth.message_report import MessageReport
from portal.policy_service.selectors import is_counting
from portal.samples.kinds import SampledKind, Wanted
from portal.samples.models import SignedSample
from portal.workflow.demo import DemoRequest
from portal.workflow.findings import Finding
from portal.workflow.forms import PeopleStep
from portal.workflow.guide import Branch
from portal.workflow.kinds import Choice, Cut, Stage, Step, Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering
from relay import forms, proving, rules, services, subjects, together, volume
from relay.connecting import connect_rows, recipients_of
from relay.decision_forms import RelayApproveForm
from relay.demo import demo_requests
from relay.guide import guide
from relay.models import SHORT_NAMES, Recipients, RelayPermission, RelayRequest, SystemKind
from relay.policy import rules_of
from relay.standing import standing_findings


def _has_mail_server(service_request: ServiceRequest) -> bool:
    mail_server = RelayRequest.of(service_request).system_kind == SystemKind.MAIL_SERVER
    return mail_server and not is_unchanged_renewal(service_request)


def _names_an_office(service_request: ServiceRequest) -> bool:
    # By the name alone: the checks refuse a mailbox of another office, so what is left is one of the person's own.
    offices = institution().privileged_mailboxes
    named = any(sender.partition("@")[0] in offices for sender in services.senders_of(service_request))
    return named and not is_unchanged_renewal(service_request)


def _needs_postmaster(service_request: ServiceRequest) -> bool:
    return _has_mail_server(service_request) or _names_an_office(service_request)


class RelayKind(SampledKind):
    """SMTP relay: a system on campus may hand mail to the mail service as named senders, for a year."""

    key = "relay"
    prefix = "R"
    label = "SMTP relay"
    summary = "Let a printer, server or application on campus send mail as one of our addresses."
    icon = "server-stack"
    clauses = ("REL-0", "REL-1", "REL-2", "REL-3", "WKS-1", "OVR-1", "OVR-2", "OVR-5", "MKT-2", "MKT-4")
    owner_clause = "REL-1"
    subject_label = "Host"
    detail_model = RelayRequest
    permission_model = RelayPermission
    steps = (
        Step("system", "The system", forms.SystemStep),
        Step("network", "Where it is", forms.NetworkStep),
        Step("senders", "As whom it sends", forms.SendersStep),
        Step("mail", "What it sends", forms.MailStep),
        Step("people", "Owner and purpose", PeopleStep),
        Step("statement", "Your statement", forms.AttestStep),
    )
    stages = (
        Stage("postmaster", Role.POSTMASTER, "Postmaster’s review", 3, _needs_postmaster),
        Stage("review", Role.REVIEWER, "IT review", 3, is_new_or_changed),
        Stage("renewal", Role.REVIEWER, "Renewal review", 1, is_unchanged_renewal),
        # A renewal without changes as well: MKT-4 asks for the CIO's approval of the mail, not of the form.
        Stage("cio", Role.CIO, "Office of the CIO", 5, together.needs_the_cio, together.why_large),
    )
    confirmed_steps = ("statement",)
    approve_form_class = RelayApproveForm

    # ------------------------------------------------------------------ the form
    def prefill(self, service_request: ServiceRequest, answers: str) -> None:
        """The kind of system, where the guide asked for it."""
        if answers in SystemKind.values and answers != SystemKind.WORKSTATION:
            answering.write_answers(service_request=service_request, answers={"system_kind": answers})

    def summarise(self, service_request: ServiceRequest) -> tuple[str, str]:
        """What it is and where; the host is the subject."""
        detail = RelayRequest.of(service_request)
        what = SHORT_NAMES.get(SystemKind(detail.system_kind), "System") if detail.system_kind else "System"
        return f"{what} {detail.hostname}".strip(), detail.hostname

    # ------------------------------------------------------------------ checks and decision
    def check(self, service_request: ServiceRequest) -> list[Finding]:
        """Run every rule of the kind."""
        return rules.check(service_request)

    def would_allow(self, service_request: ServiceRequest) -> str:
        """Which address may relay as whom, to whom."""
        detail = RelayRequest.of(service_request)
        return _sentence(
            services.addresses_of(service_request),
            services.senders_of(service_request),
            detail.recipients,
            detail.recipient_domains,
            volume.in_words(volume.per_day(detail), volume.external_per_day(detail), detail.peak_per_hour),
        )

    def term_months(self) -> int:
        """A year, as a rule."""
        return institution().relay_term_months

    def choices(self, service_request: ServiceRequest) -> list[Choice]:
        """A reviewer may cut senders, addresses and domains where there are several, and narrow the recipients."""
        detail = RelayRequest.of(service_request)
        labels = {scope.value: scope.label for scope in Recipients}
        scopes = [scope.value for scope in services.narrower(detail.recipients)]
        domains = detail.recipient_domains.split() if detail.recipients == Recipients.DOMAINS else []
        wanted = [
            Choice("senders", "Senders", services.senders_of(service_request)),
            Choice("addresses", "Addresses", services.addresses_of(service_request)),
            Choice("recipients", "Recipients", scopes, labels, is_single=True),
            Choice("recipient_domains", "Other domains", domains),
        ]
        return [choice for choice in wanted if len(choice.values) > 1]

    def cuts(self, service_request: ServiceRequest, terms: Terms) -> list[Cut]:
        """What the decision leaves out, in the words of the answers, so that a renewal can be compared with them."""
        return services.cuts(service_request, terms, super().cuts(service_request, terms))

    def on_submitted(self, *, service_request: ServiceRequest, actor: User) -> None:
        """Ask the people whose addresses or mailboxes are named; keep a grant under renewal in force."""
        super().on_submitted(service_request=service_request, actor=actor)
        needed = rules.consent_needed(service_request)
        services.ask_consent(service_request=service_request, needed=needed, actor=actor)

    def clashes(self, service_request: ServiceRequest) -> list[Finding]:
        """Another grant that has one of the addresses by now."""
        return rules.clashes(service_request)

    # ------------------------------------------------------------------ the grant
    def write_permission(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> None:
        """Addresses, senders and recipients of the grant."""
        services.write_permission(grant=grant, service_request=service_request, terms=terms)
        proving.after_writing(grant=grant)

    def granted_answers(self, grant: Grant) -> Mapping[str, Any]:
        """Addresses, senders, recipients and figures of the grant."""
        return services.granted_answers(grant)

    def copy_answers(self, *, grant: Grant, service_request: ServiceRequest) -> None:
        """The answers in force, with the consents that were given."""
        super().copy_answers(grant=grant, service_request=service_request)
        services.copy_consents(source=grant.latest_request, target=service_request)

    def permission_sentence(self, grant: Grant) -> str:
        """What the grant allows, and how much."""
        permission = _permission(grant)
        addresses = [shown(row.network) for row in permission.addresses.all()]
        senders = [row.address for row in permission.senders.all()]
        return _sentence(
            addresses, senders, permission.recipients, permission.recipient_domains, _limits(permission)
        )

    def permission_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """Host, addresses, senders, recipients, and how much the mail system lets through."""
        permission = _permission(grant)
        return [
            ("Host", [permission.hostname]),
            ("May relay from", [shown(row.network) for row in permission.addresses.all()]),
            ("May send as", [row.address for row in permission.senders.all()]),
            ("To", recipients_of(permission)),
            ("At most", _limits(permission) or ["No limit: it was approved before there was one."]),
            *([] if is_counting(timezone.localdate()) else [("Limits", [NOT_KEPT])]),
        ]

    def connect_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """The relay's host, port and encryption, and what it lets this system send."""
        return connect_rows(_permission(grant))

    def relay_rules(self, grants: QuerySet[Grant]) -> Iterable[RelayRule]:
        """Addresses, senders, recipients and volume, for the policy service."""
        return rules_of(grants)

    def recheck(self, grant: Grant) -> list[Finding]:
        """Whether the senders still exist, and, as advice, whether the host name still leads to the system."""
        return standing_findings(grant.relay)

    # ------------------------------------------------------------------ the proof of signing
    proves_signing = True
    takes_uploads = False
    samples_title = "Proof of signing"
    probe_words = (
        "Let the system send one message to this address through the relay, in the way it always sends. "
        "The address belongs to this permission alone."
    )
    probe_condition = (
        "It counts when From is one of the permission’s senders and a valid DKIM signature of our mail domain covers "
        "From and the field that names this address."
    )

    def wanted(self, service_request: ServiceRequest, grant: Grant | None) -> Wanted:
        """From at the domain of a sender, signed as our mail domain."""
        senders = proving.senders_of(grant) if grant else services.senders_of(service_request)
        return proving.wanted_of(senders)

    def closer_verdict(
        self, *, sample: SignedSample, grant: Grant | None, message: Message, report: MessageReport
    ) -> tuple[Outcome, str] | None:
        """Exactly a permitted sender, and made for this probe address."""
        senders = proving.senders_of(grant) if grant else services.senders_of(sample.service_request)
        return proving.closer_verdict(sample=sample, senders=senders, message=message, report=report)

    def on_judged(self, *, sample: SignedSample, grant: Grant | None, wanted: Wanted) -> None:
        """A message that shows it is kept as the proof of the grant."""
        if sample.is_proof and grant is not None:
            proving.keep_proof(grant=grant, sample=sample, wanted=wanted)

    def on_disproved(self, *, sample: SignedSample, grant: Grant) -> bool:
        """The permission stays in force and asks for a new proof."""
        proving.forget_proof(grant=grant, sample=sample)
        return True

    def proof_instructions(self, grant: Grant) -> list[tuple[str, str]]:
        """Probe address, senders, relay host."""
        return proving.instructions(grant)

    # ------------------------------------------------------------------ what concerns whom
    def grants_that_allow(self, subject: Subject) -> Iterable[Hit]:
        """The open permissions that name it now."""
        return subjects.grants_that_allow(subject)

    def requests_that_would_allow(self, subject: Subject) -> Iterable[Hit]:
        """The requests in review that ask for it."""
        return subjects.requests_that_would_allow(subject)

    # ------------------------------------------------------------------ guide and pages
    def demo_requests(self, people: Mapping[str, User]) -> Sequence[DemoRequest]:
        """Requests and permissions of a laboratory."""
        return demo_requests(people)

    def guide(self) -> Branch:
        """The questions that lead to this form, or away from it."""
        return guide()


NOT_KEPT = "Not enforced now: the service that counts mail has not run today."


def _permission(grant: Grant) -> RelayPermission:
    """The permission with its addresses and senders, read once for an instance."""
    prefetch_related_objects([grant.relay], "addresses", "senders")
    return grant.relay


def _limits(permission: RelayPermission) -> list[str]:
    return volume.in_words(permission.per_day, permission.external_per_day, permission.peak_per_hour)


def _sentence(
    addresses: list[str], senders: list[str], recipients: str, domains: str, limits: list[str]
) -> str:
    to = {
        Recipients.INTERNAL: f"to addresses @{institution().mail_domain}",
        Recipients.DOMAINS: f"to @{institution().mail_domain} and {sentence_list(domains.split())}",
        Recipients.ANYONE: "to anyone",
    }[Recipients(recipients)]
    at_most = f", at most {sentence_list(limits)}" if limits else ""
    return (
        f"{sentence_list(addresses) or 'No address'} may relay through {institution().mail_service} as "
        f"{sentence_list(senders, 'or') or 'no sender'}, {to}{at_most}."
    )
