"""The registry's entry of the relay kind."""

from datetime import date

from django.urls import URLPattern, URLResolver

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.grants.kinds import GrantingKind
from portal.grants.models import Grant
from portal.institution import institution
from portal.lib.dates import term_end
from portal.lib.networks import parse_network, shown
from portal.lib.text import sentence_list
from portal.workflow.findings import Found
from portal.workflow.forms import PeopleStep
from portal.workflow.guide import Answer as GuideAnswer
from portal.workflow.guide import Branch, Option, Question
from portal.workflow.kinds import Answer, AnswerGroup, Choice, Stage, Step, Terms
from portal.workflow.models import ServiceRequest
from relay import forms, rules, services
from relay.models import Recipients, RelayRequest, SystemKind


def _has_mail_server(service_request: ServiceRequest) -> bool:
    return services.detail_of(service_request).system_kind == SystemKind.MAIL_SERVER


class RelayKind(GrantingKind):
    """SMTP relay: a system on campus may hand mail to the mail service as named senders, for a year."""

    key = "relay"
    prefix = "R"
    label = "SMTP relay"
    summary = "Let a printer, server or application on campus send mail as one of our addresses."
    icon = "server-stack"
    clauses = ("REL-0", "REL-1", "REL-2", "REL-3", "WKS-1", "OVR-1", "OVR-2", "OVR-5", "MKT-2", "MKT-4")
    subject_label = "Host"
    steps = (
        Step("system", "The system", forms.SystemStep),
        Step("network", "Where it is", forms.NetworkStep),
        Step("senders", "As whom it sends", forms.SendersStep),
        Step("mail", "What it sends", forms.MailStep),
        Step("people", "Owner and purpose", PeopleStep),
        Step("statement", "Your statement", forms.AttestStep),
    )
    stages = (
        Stage("postmaster", Role.POSTMASTER, "Postmaster’s review", 3, _has_mail_server),
        Stage("review", Role.REVIEWER, "IT review", 3),
    )

    # ------------------------------------------------------------------ the form
    def new_detail(self, service_request: ServiceRequest) -> RelayRequest:
        """An empty detail row."""
        return RelayRequest.objects.create(service_request=service_request)

    def prefill(self, service_request: ServiceRequest, answers: str) -> None:
        """The kind of system, where the guide asked for it."""
        if answers in SystemKind.values and answers != SystemKind.WORKSTATION:
            detail = services.detail_of(service_request)
            services.write_columns(detail=detail, columns={"system_kind": answers})

    def summarise(self, service_request: ServiceRequest) -> tuple[str, str]:
        """What it is and where; the host is the subject."""
        detail = services.detail_of(service_request)
        what = detail.get_system_kind_display().partition(" (")[0] if detail.system_kind else "System"
        return f"{what} {detail.hostname}".strip(), detail.hostname

    def search_terms(self, service_request: ServiceRequest) -> set[str]:
        """Host, addresses, senders."""
        detail = services.detail_of(service_request)
        return {
            detail.hostname,
            *services.addresses_of(service_request),
            *services.senders_of(service_request),
        }

    def answer_groups(self, service_request: ServiceRequest) -> list[AnswerGroup]:
        """The answers page by page."""
        detail, sr = services.detail_of(service_request), service_request
        number = lambda value: "" if value is None else f"{value:,}"  # noqa: E731
        groups = {
            "system": [
                Answer("system_kind", "Kind of system", detail.get_system_kind_display()),
                Answer("capability", "Can it sign in?", detail.get_capability_display()),
                Answer("capability_reason", "Why it needs relay", detail.capability_reason),
            ],
            "network": [
                Answer("addresses", "IP address", "\n".join(services.addresses_of(sr)), is_code=True),
                Answer("range_reason", "Why a range", detail.range_reason),
                Answer("hostname", "Host name", detail.hostname, is_code=True),
            ],
            "senders": [
                Answer("senders", "Sender", "\n".join(services.senders_of(sr)), is_code=True),
                Answer("bounce_address", "Bounce address", detail.bounce_address, is_code=True),
            ],
            "mail": [
                Answer("recipients", "Recipients", detail.get_recipients_display()),
                Answer("recipient_domains", "Other domains", detail.recipient_domains, is_code=True),
                Answer("typical_per_day", "Messages on a typical day", number(detail.typical_per_day)),
                Answer("peak_per_hour", "Most in one hour", number(detail.peak_per_hour)),
                Answer("external_per_day", "To the outside, a day", number(detail.external_per_day)),
                Answer(
                    "recipients_per_message",
                    "Recipients of one message",
                    number(detail.recipients_per_message),
                ),
                Answer(
                    "is_fed_by_web_form",
                    "Fed by a public web form",
                    "Yes" if detail.is_fed_by_web_form else "No",
                ),
                Answer("contents", "Most sensitive contents", detail.get_contents_display()),
                Answer("tls", "Encrypts (TLS)", detail.get_tls_display()),
            ],
            "people": [
                Answer("department", "Department", sr.department),
                Answer("purpose", "Purpose", sr.purpose),
                Answer("co_owner", "Co-owner", str(sr.co_owner or "")),
                Answer("functional_mailbox", "Mailbox for notices", sr.functional_mailbox, is_code=True),
            ],
            "statement": [
                Answer("asset_tag", "Asset tag", detail.asset_tag),
                Answer("after_hours_contact", "Outside office hours", detail.after_hours_contact),
                Answer("is_attested", "Statement", "Stated by the requester" if detail.is_attested else ""),
            ],
        }
        optional = {"capability_reason", "range_reason", "recipient_domains", "external_per_day"}
        return [
            AnswerGroup(
                step.key, step.title, [a for a in groups[step.key] if a.value or a.field not in optional]
            )
            for step in self.steps
        ]

    # ------------------------------------------------------------------ checks and decision
    def check(self, service_request: ServiceRequest) -> list[Found]:
        """Every rule of the room, over fresh rows."""
        services.forget(service_request)
        return rules.check(service_request)

    def would_allow(self, service_request: ServiceRequest) -> str:
        """Which address may relay as whom, to whom."""
        detail = services.detail_of(service_request)
        return _sentence(
            services.addresses_of(service_request),
            services.senders_of(service_request),
            detail.recipients,
            detail.recipient_domains,
        )

    def default_terms(self, service_request: ServiceRequest, today: date) -> Terms:
        """A year from today; a renewal of a grant in force goes on from its last day."""
        months = institution().relay_term_months
        about = getattr(service_request, "about_grant", None)
        if about is not None and about.grant.is_in_force(today):
            after = max(about.grant.ends_on, today)
            if service_request.intention == "renewal":
                return Terms(today, term_end(after, months))
            return Terms(today, about.grant.ends_on)
        return Terms(today, term_end(today, months))

    def choices(self, service_request: ServiceRequest) -> list[Choice]:
        """A reviewer may cut senders and addresses where there are several."""
        wanted = [
            Choice("senders", "Senders", services.senders_of(service_request)),
            Choice("addresses", "Addresses", services.addresses_of(service_request)),
        ]
        return [choice for choice in wanted if len(choice.values) > 1]

    def on_submitted(self, *, service_request: ServiceRequest, actor: User) -> None:
        """Ask the people whose own addresses are named; keep a grant under renewal in force."""
        super().on_submitted(service_request=service_request, actor=actor)
        found = rules.sender_findings(service_request, services.senders_of(service_request))
        personal = [
            finding.rule.removeprefix("consent:") for finding in found if finding.rule.startswith("consent:")
        ]
        services.ask_consent(service_request=service_request, personal=personal, actor=actor)

    # ------------------------------------------------------------------ the grant
    def write_permission(self, *, grant: Grant, service_request: ServiceRequest, terms: Terms) -> None:
        """Addresses, senders and recipients of the grant."""
        services.write_permission(grant=grant, service_request=service_request, terms=terms)

    def copy_answers(self, *, grant: Grant, service_request: ServiceRequest) -> None:
        """The answers in force."""
        services.copy_answers(grant=grant, service_request=service_request)

    def permission_sentence(self, grant: Grant) -> str:
        """What the grant allows."""
        permission = grant.relay
        addresses = [shown(parse_network(row.network)) for row in permission.addresses.all()]
        senders = [row.address for row in permission.senders.all()]
        return _sentence(addresses, senders, permission.recipients, permission.recipient_domains)

    def permission_rows(self, grant: Grant) -> list[tuple[str, list[str]]]:
        """Host, addresses, senders, recipients."""
        permission = grant.relay
        return [
            ("Host", [permission.hostname]),
            ("May relay from", [shown(parse_network(row.network)) for row in permission.addresses.all()]),
            ("May send as", [row.address for row in permission.senders.all()]),
            ("To", [permission.get_recipients_display(), *permission.recipient_domains.split()]),
        ]

    # ------------------------------------------------------------------ guide and pages
    def guide(self) -> Branch:
        """The questions that lead to this form, or away from it."""
        return _guide()

    def urls(self) -> list[URLPattern | URLResolver]:
        """The page on which a person agrees to the use of their address."""
        from relay.urls import urlpatterns

        return list(urlpatterns)


def _sentence(addresses: list[str], senders: list[str], recipients: str, domains: str) -> str:
    to = {
        Recipients.INTERNAL: f"to addresses @{institution().mail_domain}",
        Recipients.DOMAINS: f"to @{institution().mail_domain} and {sentence_list(domains.split())}",
        Recipients.ANYONE: "to anyone",
    }[Recipients(recipients)]
    return (
        f"{sentence_list(addresses) or 'No address'} may relay through {institution().mail_service} as "
        f"{sentence_list(senders, 'or') or 'no sender'}, {to}."
    )


def _guide() -> Branch:
    place = institution()
    devices = [
        Option(kind.label, f"relay-{kind.value}") for kind in SystemKind if kind != SystemKind.WORKSTATION
    ]
    nodes: dict[str, Question | GuideAnswer] = {
        "relay": Question(
            f"Is the system on {place.network_name}?",
            (
                Option("Yes, it has a fixed address on campus", "relay-kind"),
                Option("No, a vendor or a cloud runs it", "relay-outside"),
                Option("I do not know", "relay-kind", "The form checks the address as you type it."),
            ),
        ),
        "relay-kind": Question(
            "What kind of system is it?", (*devices, Option(SystemKind.WORKSTATION.label, "workstation"))
        ),
        "relay-outside": GuideAnswer(
            "An outside system cannot relay",
            (
                "A service that a vendor runs sends by itself, as one of our addresses, once it is authorized.",
                f"Ask for an Intended Use of Technology review before anything is signed: {place.contact_email}.",
            ),
            clause="REL-2",
        ),
    }
    for kind in SystemKind:
        if kind != SystemKind.WORKSTATION:
            nodes[f"relay-{kind.value}"] = GuideAnswer(
                "Ask for SMTP relay",
                (
                    "You need its IP address, its host name and the address it sends as. It takes five minutes.",
                    f"A permission is for one system and one year. {place.it_name} answers within three business days.",
                ),
                clause="REL-0",
                kind="relay",
                prefill=kind.value,
            )
    first = Option("Let a printer, server, web site or application send mail", "relay")
    return Branch((first,), nodes)
