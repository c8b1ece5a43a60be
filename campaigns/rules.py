"""Checks of a campaign request, except those of its message. Each finding has a clause and one sentence."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils import timezone

from campaigns import calendar_rules, from_rules, message_rules, selectors, services
from campaigns.lists import lists_sentence
from campaigns.models import CampaignRequest, Consent, Irb, Platform
from campaigns.standing import SENDERS
from portal.grants.models import Grant
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.ui.moments import day_in_words
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest

MOST_SURVEY_MESSAGES = 2
"""Messages to each person: the invitation and one reminder (S-10)."""


def check(service_request: ServiceRequest) -> list[Finding]:
    """Return all findings of a campaign request: the message first, then the sender, the audience and the window."""
    detail = CampaignRequest.of(service_request)
    return [
        statement(detail),
        *message_rules.message_findings(service_request),
        *platform(detail),
        *audience(service_request),
        *calendar_rules.window_findings(service_request),
        *pace(service_request),
        *large_lists(detail),
        *(survey(detail) if detail.is_survey else []),
        *stopping(detail),
    ]


def found(
    clause: str,
    rule: str,
    outcome: Outcome,
    sentence: str,
    field: str = "",
    *,
    must: bool = True,
    waivable: bool = False,
    **evidence: Any,
) -> Finding:
    """Return one finding."""
    facts: Mapping[str, Any] = evidence
    return Finding(
        clause, rule[:60], outcome, sentence, must=must, waivable=waivable, field=field, evidence=facts
    )


def statement(detail: CampaignRequest) -> Finding:
    """Return the findings on the requester's statement about unsolicited mail (MKT-1, MKT-2)."""
    if not detail.is_attested:
        return found("MKT-1", "statement", Outcome.FAIL, "MKT-1: the requester’s statement is missing.")
    return found(
        "MKT-1", "statement", Outcome.PASS, "The requester states that the mail is authorized and not spam."
    )


# ---------------------------------------------------------------- the sender
def platform(detail: CampaignRequest) -> list[Finding]:
    """Return the findings on the platform: the list server, or a sender authorization for the whole window (MKT-4)."""
    if detail.platform == Platform.AUTHORIZED:
        return _authorized(detail)
    if detail.platform != Platform.LIST_SERVER:
        return [
            found("MKT-4", "platform", Outcome.FAIL, "MKT-4: name the platform that sends it.", "platform")
        ]
    name = f"{institution().mail_service}’s list server"
    return [
        found("MKT-4", "platform", Outcome.PASS, f"{name} sends it.", "platform"),
        *from_rules.from_findings(detail),
    ]


def _authorized(detail: CampaignRequest) -> list[Finding]:
    grant = detail.sender_grant
    if grant is None or grant.kind != SENDERS:
        return [
            found(
                "MKT-4",
                "platform",
                Outcome.FAIL,
                "MKT-4: name the sender authorization of the service.",
                "sender_grant",
            )
        ]
    if not selectors.may_use_sender_grant(grant, detail.service_request.requester):
        return [
            found("AUT-3", "platform", Outcome.FAIL, not_theirs(grant), "sender_grant", grant=grant.reference)
        ]
    if not grant.is_in_force_today:
        return [
            found(
                "MKT-4",
                "platform",
                Outcome.FAIL,
                f"The sender authorization {grant.reference} is not in force. Its owner must fix that first.",
                "sender_grant",
            )
        ]
    last = detail.last_send_on
    if last is not None and not grant.is_in_force(last):
        return [
            found(
                "MKT-4",
                "platform",
                Outcome.FAIL,
                f"The sender authorization {grant.reference} ends on "
                f"{day_in_words(grant.ends_on)}, before the last day of sending. Have it renewed, or send earlier.",
                "sender_grant",
            )
        ]
    findings = [
        found(
            "MKT-4",
            "platform",
            Outcome.PASS,
            f"{grant.title} sends it with the sender authorization {grant.reference}.",
            "sender_grant",
            grant=grant.reference,
        )
    ]
    domain = detail.from_address.rpartition("@")[2].lower()
    if grant.subject_key and domain != grant.subject_key.lower():
        findings.append(
            found(
                "OVR-5",
                "from",
                Outcome.FAIL,
                f"{grant.reference} authorizes {grant.subject_key}, but From would be {detail.from_address}.",
                "from_address",
            )
        )
    return findings + from_rules.from_findings(detail)


def not_theirs(grant: Grant) -> str:
    """Return whom to ask about a sender authorization of somebody else."""
    owner = grant.owner
    return (
        f"AUT-3: the sender authorization {grant.reference} belongs to {owner} of {owner.department or 'another department'}. "
        f"Ask {owner} ({owner.email}) to name you as its co-owner, or to file this campaign."
    )


# ---------------------------------------------------------------- the audience
def audience(service_request: ServiceRequest) -> list[Finding]:
    """Return the findings on the audience, the source of the list and consent (MKT-2; CS-6, CS-10)."""
    detail = CampaignRequest.of(service_request)
    people = services.audience_of(service_request)
    if not people:
        return [found("MKT-2", "audience", Outcome.FAIL, "MKT-2: say who gets the mail.", "audience")]
    if not detail.is_list_clean:
        return [
            found(
                "MKT-2",
                "audience",
                Outcome.FAIL,
                "MKT-2: the requester has not stated that the list was not bought or harvested.",
                "is_list_clean",
            )
        ]
    total = sum(people.values())
    findings = [
        found(
            "MKT-2",
            "audience",
            Outcome.PASS,
            f"{total:,} people. The requester states that the list was "
            "not bought or harvested, and that people who opted out are not on it.",
            "audience",
            source=detail.audience_source,
            people=people,
        )
    ]
    if detail.consent == Consent.NONE:
        findings.append(
            found(
                "MKT-2",
                "consent",
                Outcome.FAIL,
                "MKT-2: these people did not agree to the mail and have no relationship with us. This is unsolicited bulk mail.",
                "consent",
            )
        )
    return findings


def pace(service_request: ServiceRequest) -> list[Finding]:
    """Check that the rate is enough to send every message in the window, with 24 hours a day."""
    detail = CampaignRequest.of(service_request)
    if not (detail.first_send_on and detail.last_send_on and detail.messages_each and detail.hourly_rate):
        return [
            found(
                "MKT-4",
                "pace",
                Outcome.FAIL,
                "MKT-4: enter how many messages are sent and at which rate.",
                "hourly_rate",
            )
        ]
    total = sum(services.audience_of(service_request).values()) * detail.messages_each
    hours = -(-total // detail.hourly_rate)
    days = (detail.last_send_on - detail.first_send_on).days + 1
    words = (
        f"{total:,} messages at {detail.hourly_rate:,} an hour take {hours:,} hour{'s' if hours != 1 else ''}"
    )
    if hours > days * 24:
        return [
            found(
                "MKT-4",
                "pace",
                Outcome.FAIL,
                f"{words}, which is longer than the window. Extend the window, or send faster.",
                "hourly_rate",
            )
        ]
    return [found("MKT-4", "pace", Outcome.PASS, f"{words}.", "hourly_rate", must=False)]


def large_lists(detail: CampaignRequest) -> list[Finding]:
    """Return which large lists it may be sent to, and that each accepts the approved message once."""
    lists = institution().lists_of({row.population for row in detail.audiences.all()})
    if not lists:
        return []
    if detail.platform != Platform.LIST_SERVER or (detail.messages_each or 0) < 2:
        return [found("MKT-4", "large-lists", Outcome.PASS, lists_sentence(lists), "audience", must=False)]
    return [
        found(
            "MKT-4",
            "large-lists",
            Outcome.WARN,
            f"Each person would get {detail.messages_each} messages, but the "
            f"mail system accepts the approved message only once for {sentence_list(lists)}. A reminder to the whole "
            "list is a different message and needs its own request.",
            "messages_each",
            must=False,
        )
    ]


# ---------------------------------------------------------------- surveys
def survey(detail: CampaignRequest) -> list[Finding]:
    """Return the findings for surveys (S-1 to S-10)."""
    findings = [_irb(detail), _research_office(detail)]
    if (detail.messages_each or 0) > MOST_SURVEY_MESSAGES:
        findings.append(
            found(
                "MKT-5",
                "S-10",
                Outcome.WARN,
                f"Each person would get {detail.messages_each} messages; "
                "an invitation and one reminder are usual.",
                "messages_each",
                must=False,
            )
        )
    if any(row.population == "students" for row in detail.audiences.all()):
        findings.append(
            found(
                "MKT-5",
                "S-8",
                Outcome.WARN,
                "Students’ email addresses are not directory information (FERPA). Check where they come from.",
                "audience_source",
                must=False,
                source=detail.audience_source,
            )
        )
    return findings


def _irb(detail: CampaignRequest) -> Finding:
    if detail.irb == Irb.RECRUITMENT:
        return found(
            "MKT-5",
            "S-1",
            Outcome.FAIL,
            "MKT-5: mass email may not recruit for research. Announce the study "
            f"through the announcement service: {institution().announcement_url}",
            "irb",
        )
    if detail.irb == Irb.NOT_RESEARCH:
        return found(
            "MKT-5",
            "S-2",
            Outcome.PASS,
            "The requester states that it is not human-subjects research.",
            "irb",
            must=False,
        )
    if not detail.irb or not detail.irb_number:
        return found(
            "MKT-5", "S-2", Outcome.FAIL, "MKT-5: enter the IRB’s determination and its number.", "irb"
        )
    until = detail.irb_expires_on
    if detail.irb == Irb.APPROVED and (until is None or _is_past(until, detail.last_send_on)):
        return found(
            "MKT-5",
            "S-2",
            Outcome.FAIL,
            "MKT-5: the IRB’s approval must be valid until the last message.",
            "irb_expires_on",
        )
    return found(
        "MKT-5",
        "S-2",
        Outcome.PASS,
        f"IRB {detail.get_irb_display().lower()}: {detail.irb_number}.",
        "irb",
        until=str(until or ""),
    )


def _is_past(until: date, last: date | None) -> bool:
    return until < (last or timezone.localdate())


def _research_office(detail: CampaignRequest) -> Finding:
    if detail.research_office_contact:
        return found(
            "MKT-5",
            "S-6",
            Outcome.PASS,
            f"Institutional Research knows about it: {detail.research_office_contact}.",
            "research_office_contact",
            must=False,
        )
    return found(
        "MKT-5",
        "S-6",
        Outcome.WARN,
        "Nobody at Institutional Research is named. Ask them whether they already have the answers.",
        "research_office_contact",
        must=False,
    )


# ---------------------------------------------------------------- stopping
def stopping(detail: CampaignRequest) -> list[Finding]:
    """Return the findings on who can stop it and on the stop limits (MKT-3, MKT-5)."""
    person = detail.stopper
    if person is None or not person.is_active or not detail.stopper_phone:
        return [
            found(
                "MKT-3",
                "stop",
                Outcome.FAIL,
                "MKT-3: name a person who can stop the mailing at any hour.",
                "stopper",
            )
        ]
    limits = f"{detail.stop_complaint_percent} % complaints or {detail.stop_bounce_percent} % hard bounces"
    return [
        found(
            "MKT-3",
            "stop",
            Outcome.PASS,
            f"{person} can stop it at any hour. It stops at {limits}.",
            "stopper",
            must=False,
        )
    ]
