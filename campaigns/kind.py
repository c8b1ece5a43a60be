"""The campaign kind: what it adds to the workflow and to permissions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from campaigns import (
    calendar_rules,
    forms,
    from_rules,
    notices,
    rules,
    selectors,
    sending_forms,
    services,
    subjects,
)
from campaigns.answers import audience_lines
from campaigns.decision_forms import CampaignApproveForm
from campaigns.demo import demo_requests
from campaigns.guide import guide
from campaigns.letter import SIGNED_OFF, decision_of
from campaigns.lists import lists_sentence
from campaigns.message_form import MessageStep
from campaigns.models import CampaignKind, CampaignPermission, CampaignRequest, Runner
from portal.accounts.roles import Role
from portal.grants.kinds import GrantingKind, GrantStanding
from portal.grants.selectors import grant_of
from portal.grants.subjects import Basis, Hit, Subject
from portal.institution import institution
from portal.lib.text import sentence_list, truncate
from portal.sending_calendar.labels import population_labels, window_label
from portal.sending_calendar.windows import Window
from portal.workflow.findings import Finding
from portal.workflow.forms import PeopleStep
from portal.workflow.guide import Branch
from portal.workflow.kinds import Choice, Stage, Step, Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, checking, consenting

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.grants.models import Grant
    from portal.workflow.demo import DemoRequest


def _needs_deliverability(service_request: ServiceRequest) -> bool:
    """Whether IT reviews it first (MKT-4): always, except for a survey of our own people that we send (MKT-5)."""
    detail = CampaignRequest.of(service_request)
    return detail.kind != CampaignKind.SURVEY or detail.runner == Runner.THIRD_PARTY


def _needs_postmaster(service_request: ServiceRequest) -> bool:
    return from_rules.names_an_office(CampaignRequest.of(service_request))


def _is_survey(service_request: ServiceRequest) -> bool:
    return CampaignRequest.of(service_request).is_survey


class CampaignsKind(GrantingKind):
    """One exact message to one audience in one window, approved by the CIO office (MKT-1 to MKT-5)."""

    key = "campaign"
    prefix = "C"
    label = "Campaign or survey"
    summary = "Send one message to many people: a survey, marketing, or a large notice."
    icon = "megaphone"
    clauses = ("MKT-1", "MKT-2", "MKT-3", "MKT-4", "MKT-5", "OVR-4", "OVR-5", "REL-3", "AUT-3")
    owner_clause = "MKT-4"
    subject_label = "Audience"
    detail_model = CampaignRequest
    permission_model = CampaignPermission
    steps = (
        Step("sort", "What it is", forms.SortStep),
        Step("content", "What it says", forms.ContentStep),
        Step("sender", "The sender", forms.SenderStep),
        Step("audience", "Who gets it", forms.AudienceStep),
        Step("message", "The message", MessageStep),
        Step("window", "When it is sent", sending_forms.WindowStep),
        Step("survey", "The survey", sending_forms.SurveyStep, _is_survey),
        Step("stop", "Stopping it", sending_forms.StopStep),
        Step("people", "Owner and purpose", PeopleStep),
        Step("statement", "Your statement", sending_forms.StatementStep),
    )
    stages = (
        Stage("postmaster", Role.POSTMASTER, "Postmaster’s review", 3, _needs_postmaster),
        Stage("deliverability", Role.REVIEWER, "IT deliverability review", 3, _needs_deliverability),
        Stage("cio", Role.CIO, "Office of the CIO", 5),
    )
    renewable = False
    moves_its_term = True
    confirmed_steps = ("audience", "statement")
    approve_form_class = CampaignApproveForm

    # ------------------------------------------------------------------ the form
    def prefill(self, service_request: ServiceRequest, answers: str) -> None:
        """Fill in the kind of mail that was chosen in the guide."""
        if answers in CampaignKind.values:
            answering.write_answers(service_request=service_request, answers={"kind": answers})

    def summarise(self, service_request: ServiceRequest) -> tuple[str, str]:
        """Return the title, from the message's subject and the unit, and the audience as the subject."""
        detail = CampaignRequest.of(service_request)
        title = " – ".join(
            filter(None, (detail.message.subject if detail.message else "", detail.sender_of_record))
        )
        people = frozenset(services.audience_of(service_request))
        label = population_labels(people) if people else ""
        return truncate(title or detail.get_kind_display() or self.label, 150), truncate(label, 255)

    def search_terms(self, service_request: ServiceRequest) -> set[str]:
        """Return the words that find the request, with the keys of its populations."""
        return super().search_terms(service_request) | set(services.audience_of(service_request))

    # ------------------------------------------------------------------ checks and decision
    def check(self, service_request: ServiceRequest) -> list[Finding]:
        """Return the findings of all checks."""
        return rules.check(service_request)

    def would_allow(self, service_request: ServiceRequest) -> str:
        """Return what would be sent, to whom and when."""
        detail = CampaignRequest.of(service_request)
        window = calendar_rules.detail_window(detail)
        return _sentence(detail.sender_of_record, services.audience_of(service_request), window)

    def term_months(self) -> None:
        """None: a campaign lasts as long as its window."""

    def default_terms(self, service_request: ServiceRequest, today: date) -> Terms:
        """Return the requested window, or its remaining days if it has begun."""
        detail = CampaignRequest.of(service_request)
        first, last = detail.first_send_on or today, detail.last_send_on or today
        starts = max(first, today)
        return Terms(starts, max(last, starts))

    def choices(self, service_request: ServiceRequest) -> list[Choice]:
        """Return the populations, from which the office may remove some if there are several."""
        people = services.audience_of(service_request)
        if len(people) < 2:
            return []
        known = {entry.key: entry.label for entry in institution().populations}
        labels = {key: f"{known.get(key, key)} ({count:,})" for key, count in people.items()}
        return [Choice("populations", "Who gets it", list(people), labels)]

    def decision_note(self, service_request: ServiceRequest) -> str:
        """Return what was approved, in which window, and for which digest."""
        grant = grant_of(service_request)
        if grant is None:
            return ""
        people = [row.population for row in grant.campaign.audiences.all()]
        note = (
            f"{self.permission_sentence(grant)} The approval is for the message whose SHA-256 is "
            f"{grant.campaign.canonical_sha256}; a changed message needs a new approval."
        )
        return f"{note} {lists_sentence(institution().lists_of(people))}".strip()

    def on_submitted(self, *, service_request: ServiceRequest, actor: "User") -> None:
        """Ask whose address in From is; the holders of the sender authorization hear that it would be used."""
        super().on_submitted(service_request=service_request, actor=actor)
        detail = CampaignRequest.of(service_request)
        needed = from_rules.consent_needed(detail)
        consenting.ask(service_request=service_request, rows=[detail], needed=needed, actor=actor)
        notices.sender_named(detail=detail)

    def clashes(self, service_request: ServiceRequest) -> list[Finding]:
        """The budgets whose last place another campaign has taken by now (S-7)."""
        found = calendar_rules.used_up_budgets(service_request)
        return checking.unwaived(service_request=service_request, found=found)

    # ------------------------------------------------------------------ the grant
    def write_permission(self, *, grant: "Grant", service_request: ServiceRequest, terms: Terms) -> None:
        """Write the message, the audience and the limits of the permission."""
        services.write_permission(grant=grant, service_request=service_request, terms=terms)

    def granted_answers(self, grant: "Grant") -> Mapping[str, Any]:
        """The window and the audience of the permission."""
        audience = [(row.population, row.people) for row in grant.campaign.audiences.all()]
        return {"first_send_on": grant.starts_on, "last_send_on": grant.ends_on, "audience": audience}

    def permission_sentence(self, grant: "Grant") -> str:
        """Return what may be sent, to whom and when."""
        permission = grant.campaign
        people = {row.population: row.people for row in permission.audiences.all()}
        window = Window(grant.starts_on, grant.ends_on, frozenset(people), permission.is_survey)
        return _sentence(permission.sender_of_record, people, window)

    def permission_rows(self, grant: "Grant") -> list[tuple[str, list[str]]]:
        """Return audience, platform, rate, limits, and the digest of the message."""
        permission = grant.campaign
        people = {row.population: row.people for row in permission.audiences.all()}
        platform = permission.get_platform_display()
        if permission.sender_grant is not None:
            platform = f"{permission.sender_grant.title} ({permission.sender_grant.reference})"
        signed = decision_of(grant.latest_request)
        rows = [
            (SIGNED_OFF, [signed.who] if signed else []),
            ("Audience", audience_lines(people)),
            ("Platform", [platform]),
            (
                "Pace",
                [f"{permission.messages_each} to each person, at most {permission.hourly_rate:,} an hour"],
            ),
            (
                "Stops at",
                [
                    (
                        f"{permission.stop_complaint_percent} % complaints, "
                        f"{permission.stop_bounce_percent} % hard bounces"
                    )
                ],
            ),
            ("Can stop it", [f"{permission.stopper}, {permission.stopper_phone}"]),
            ("SHA-256", [permission.canonical_sha256]),
        ]
        return [row for row in rows if row[1]]

    def standings(self, grants: "Sequence[Grant]") -> Mapping[int, GrantStanding]:
        """Return whether each campaign may send now, from its state, window, stop limits and sender authorization."""
        found = selectors.standings(grants)
        return {key: GrantStanding(one.may_send, one.words) for key, one in found.items()}

    def state_note(self, grant: "Grant") -> str:
        """Return the reminder that a campaign may be sent only in its window."""
        if not grant.is_open:
            return ""
        return "Only this exact message may be sent, and only in its window."

    # ------------------------------------------------------------------ what concerns whom
    def grants_that_allow(self, subject: Subject) -> Iterable[Hit]:
        """Return the open permissions that name the subject now."""
        return subjects.grants_that_allow(subject)

    def requests_that_would_allow(self, subject: Subject) -> Iterable[Hit]:
        """Return the requests in review that name the subject."""
        return subjects.requests_that_would_allow(subject)

    def dependents(self, basis: Basis) -> Iterable[Hit]:
        """Return the campaigns that send under an authorization that was found."""
        return subjects.dependents(basis)

    # ------------------------------------------------------------------ the screens
    def demo_requests(self, people: "Mapping[str, User]") -> "Sequence[DemoRequest]":
        """Return a survey of students that waits for the CIO office."""
        return demo_requests(people)

    def guide(self) -> Branch:
        """Return the questions that lead to this form, or away from it."""
        return guide()

    def links(self, service_request: ServiceRequest) -> list[tuple[str, str]]:
        """Links to the overview and to the permission."""
        overview = reverse("campaign_overview", args=[service_request.reference])
        return [("Whole request on one page", overview), *super().links(service_request)]


def _sentence(unit: str, people: dict[str, int], window: Window | None) -> str:
    words: Sequence[str] = [
        f"{line.split(': ')[1]} {line.split(': ')[0].lower()}" for line in audience_lines(people)
    ]
    when = window_label(window) if window is not None else "on days that are not yet entered"
    return f"{unit or 'The unit'} may send one exact message to {sentence_list(list(words)) or 'nobody yet'}, {when}."
