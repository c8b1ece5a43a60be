"""The checks of an Intended Use request. Each finding cites a clause, says one sentence, keeps its evidence."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.mailboxes import Mailbox, Tie, mailboxes_for
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.samples import selectors as samples
from portal.samples.services import adopt_attachments, is_settled, judged_lately
from portal.workflow.findings import Finding, rule_for
from portal.workflow.mailbox_rules import consent_finding
from portal.workflow.models import ServiceRequest
from senders import dns_checks, key_clashes, services
from senders.models import Agreement, Classification, FromAddress, Identity, SenderRequest
from senders.plan import KeyPlan, Plan


def check(service_request: ServiceRequest) -> list[Finding]:
    """Every check of the request, in the order of the standards. Asks the DNS within its deadline."""
    detail, plan = SenderRequest.of(service_request), services.plan_of(service_request)
    adopt_attachments(service_request=service_request)
    return [
        _model(detail),
        _sponsor(service_request, detail),
        _contract(detail),
        _agreement(detail),
        _handling(detail),
        _exit(detail),
        _statement(detail),
        *_identity(service_request, detail, plan),
        *clashes(service_request, plan),
        *dns_checks.findings(plan),
        *_sample(service_request),
    ]


def key_findings(signing_domain: str, keys: Sequence[KeyPlan]) -> list[Finding]:
    """The keys alone, for the form."""
    return dns_checks.key_findings(signing_domain, keys)


def spf_findings(envelope_domain: str, term: str) -> list[Finding]:
    """The SPF record with the term alone, for the form."""
    return dns_checks.spf_findings(envelope_domain, term)


def address_findings(service_request: ServiceRequest, addresses: Sequence[str], domain: str) -> list[Finding]:
    """Every From address exactly at `domain`, and the requester's to lend, or agreed to (OVR-5, REL-3)."""
    ours, found = institution().mail_domain, []
    for address in addresses:
        local, _, host = address.rpartition("@")
        if host != domain:
            found.append(
                _found(
                    "OVR-5",
                    f"from:{address}",
                    Outcome.FAIL,
                    f"OVR-5: {address} is not at {domain}, the domain asked for. Use an address there.",
                    "addresses",
                )
            )
        elif host != ours and local in institution().privileged_mailboxes:
            found.append(
                _found(
                    "OVR-5",
                    rule_for("from", address),
                    Outcome.WARN,
                    f"{address} reads like an office of the university. The postmaster judges whether a service may "
                    "use it.",
                    "addresses",
                    must=False,
                )
            )
    at_ours = [address for address in addresses if domain == ours and address.endswith(f"@{ours}")]
    return found + (_mailbox_findings(service_request, at_ours) if at_ours else [])


def consent_needed(service_request: ServiceRequest) -> dict[str, str]:
    """Whose consent each From address takes that is not the requester's to lend; empty while the directory is silent."""
    ours = institution().mail_domain
    at_ours = [address for address in services.addresses_of(service_request) if address.endswith(f"@{ours}")]
    try:
        boxes = mailboxes_for(service_request.requester.email, at_ours) if at_ours else {}
    except DirectoryUnavailable:
        return {}
    return {address: box.asked for address, box in boxes.items() if box.tie is Tie.CONSENT}


def names_an_office(service_request: ServiceRequest) -> bool:
    """Whether a From address has the name of an office; one of another office is refused by its finding."""
    offices = institution().privileged_mailboxes
    return any(one.rpartition("@")[0] in offices for one in services.addresses_of(service_request))


def _mailbox_findings(service_request: ServiceRequest, addresses: Sequence[str]) -> list[Finding]:
    try:
        boxes = mailboxes_for(service_request.requester.email, addresses)
    except DirectoryUnavailable:
        return [
            _found(
                "OVR-5",
                "directory",
                Outcome.UNKNOWN,
                "The directory did not answer; whose the addresses are is checked again later.",
                "addresses",
            )
        ]
    rows = {row.address: row for row in SenderRequest.of(service_request).addresses.all()}
    found = (_mailbox_finding(box, rows.get(box.address)) for box in boxes.values())
    return [one for one in found if one is not None]


def _mailbox_finding(box: Mailbox, row: FromAddress | None) -> Finding | None:
    rule = rule_for("from", box.address)
    if box.tie is Tie.CONSENT:
        return consent_finding(box, row, clause="OVR-5", field="addresses")
    if box.tie is Tie.FORBIDDEN:
        return _found(
            "OVR-5",
            rule,
            Outcome.FAIL,
            f"OVR-5: {box.address} speaks for an office and is not lent to services. Name another address.",
            "addresses",
        )
    if box.tie is Tie.OFFICE:
        return _found(
            "OVR-5",
            rule,
            Outcome.WARN,
            f"{box.address} speaks for the requester’s own office. The postmaster "
            "judges whether a service may use it.",
            "addresses",
            must=False,
        )
    if box.tie is not Tie.OWNERLESS:
        return None
    return Finding(
        "OVR-5",
        rule,
        Outcome.FAIL,
        f"OVR-5: {box.address} is a mailbox of {box.department or 'no department on record'}, and the directory names "
        "nobody who answers for it. Name an address of your own department, or have its owner recorded; a reviewer may "
        "set this aside with a reason.",
        waivable=True,
        field="addresses",
        evidence={"value": box.address, "department": box.department},
    )


# ---------------------------------------------------------------- the relationship
def _model(detail: SenderRequest) -> Finding:
    if not (detail.service_model and detail.service_name and detail.vendor):
        return _found(
            "AUT-0", "model", Outcome.FAIL, "AUT-0: the service and who runs it are missing.", "service_model"
        )
    who = detail.get_service_model_display()
    return _found("AUT-0", "model", Outcome.PASS, f"{detail.service_name} of {detail.vendor}: {who}.")


def _sponsor(service_request: ServiceRequest, detail: SenderRequest) -> Finding:
    sponsor = service_request.sponsor
    if sponsor is None or not sponsor.is_active:
        return _found(
            "AUT-1",
            "sponsor",
            Outcome.FAIL,
            "AUT-1: nobody at the university stands for the vendor. Name a sponsor who works here.",
            "sponsor",
        )
    if sponsor.pk in (service_request.requester_id, service_request.co_owner_id):
        return _found(
            "AUT-1",
            "sponsor",
            Outcome.FAIL,
            "AUT-1: the sponsor must be somebody else than the requester and the co-owner.",
            "sponsor",
        )
    return _found(
        "AUT-1",
        "sponsor",
        Outcome.PASS,
        f"{sponsor} stands for {detail.vendor}: judge the relationship.",
        "sponsor",
        agreement=detail.agreement_number,
    )


def _contract(detail: SenderRequest) -> Finding:
    ends, today = detail.contract_ends_on, timezone.localdate()
    if ends is None or detail.contract_starts_on is None or ends <= today:
        return _found(
            "AUT-1",
            "contract",
            Outcome.FAIL,
            "AUT-1: the contract is over, or its days are missing.",
            "contract_ends_on",
        )
    return _found(
        "AUT-1",
        "contract",
        Outcome.PASS,
        f"The contract runs from {detail.contract_starts_on:%Y-%m-%d} to {ends:%Y-%m-%d}.",
    )


def _agreement(detail: SenderRequest) -> Finding:
    sentences = {
        Agreement.SIGNED: "AUT-2: the agreement was signed before the mail was reviewed.",
        Agreement.CLICK_THROUGH: "AUT-2: terms were accepted on a web page before the mail was reviewed.",
    }
    early = sentences.get(Agreement(detail.agreement)) if detail.agreement else None
    if not detail.agreement:
        return _found(
            "AUT-2", "agreement", Outcome.FAIL, "AUT-2: how far the agreement is, is missing.", "agreement"
        )
    if early:
        return _found(
            "AUT-2",
            "agreement",
            Outcome.WARN,
            f"{early} Judge what that binds us to.",
            "agreement",
            must=False,
            number=detail.agreement_number,
        )
    return _found("AUT-2", "agreement", Outcome.PASS, "Nothing is signed yet.", must=False)


def _handling(detail: SenderRequest) -> Finding:
    evidence = {
        "tx_ramp": detail.tx_ramp,
        "accessibility": detail.accessibility,
        "security": detail.security_review,
    }
    label = detail.get_classification_display()
    missing = [
        name.replace("_", "-").upper() if name == "tx_ramp" else name
        for name, given in evidence.items()
        if not given
    ]
    if detail.classification != Classification.PUBLIC and missing:
        return _found(
            "AUT-2",
            "handling",
            Outcome.WARN,
            f"The mail holds more than public data ({label}), and nothing is given on: {', '.join(missing)}.",
            "tx_ramp",
            must=False,
            **evidence,
        )
    bulk = " It sends bulk mail, which needs the CIO’s office as well (MKT-4)." if detail.is_bulk else ""
    outcome = Outcome.WARN if detail.is_bulk else Outcome.PASS
    return _found(
        "AUT-2",
        "handling",
        outcome,
        f"Data in the mail: {label or 'not stated'}.{bulk}",
        must=False,
        **evidence,
    )


def _exit(detail: SenderRequest) -> Finding:
    if not detail.exit_plan:
        return _found(
            "AUT-2",
            "exit",
            Outcome.FAIL,
            "AUT-2: it is not said how the service ends and who removes its DNS records.",
            "exit_plan",
        )
    return _found("AUT-2", "exit", Outcome.PASS, "It is said how the service ends.", plan=detail.exit_plan)


def _statement(detail: SenderRequest) -> Finding:
    if not detail.is_attested:
        return _found("OVR-4", "statement", Outcome.FAIL, "OVR-4: the requester’s statement is missing.")
    return _found("OVR-4", "statement", Outcome.PASS, "The requester knows that DKIM must prove the service.")


# ---------------------------------------------------------------- the identity
def _identity(service_request: ServiceRequest, detail: SenderRequest, plan: Plan) -> list[Finding]:
    if not plan.addresses or not plan.sending_domain:
        return [_found("OVR-5", "identity", Outcome.FAIL, "OVR-5: a From address is missing.", "addresses")]
    findings = address_findings(service_request, plan.addresses, plan.sending_domain)
    if detail.identity == Identity.MAIL_DOMAIN:
        outcome = Outcome.WARN if detail.identity_reason else Outcome.FAIL
        findings.append(
            _found(
                "OVR-5",
                "identity",
                outcome,
                f"It would send as @{plan.sending_domain} itself: judge whether a subdomain will not do.",
                "identity",
                must=outcome is Outcome.FAIL,
                reason=detail.identity_reason,
            )
        )
    elif not findings:
        findings.append(
            _found("OVR-5", "identity", Outcome.PASS, f"It would send as a subdomain, {plan.sending_domain}.")
        )
    if plan.envelope_domain in ("", institution().mail_domain):
        findings.append(
            _found(
                "AUT-3",
                "envelope",
                Outcome.FAIL,
                "AUT-3: bounces never go to the mail domain itself.",
                "envelope_domain",
            )
        )
    return findings


def clashes(service_request: ServiceRequest, plan: Plan) -> list[Finding]:
    """Keys that another service's open permission, or a request filed earlier, names as well."""
    return key_clashes.clashes(service_request, plan, SenderRequest.of(service_request).vendor)


def _sample(service_request: ServiceRequest) -> list[Finding]:
    """The newest sample. It never bars approval: proof gates the activation instead."""
    newest = samples.newest_judged(service_request)
    if newest is None:
        return [
            _found(
                "OVR-4",
                "sample",
                Outcome.WARN,
                "No signed sample was seen yet. After approval the permission waits for one.",
                must=False,
            )
        ]
    if not is_settled(newest):  # the key may have been published since, or the answers changed
        newest = judged_lately(sample=newest)
    words = {"pass": "The newest sample proves it", "unknown": "The newest sample could not be judged"}
    said = words.get(newest.outcome, "The newest sample does not prove it")
    # What a signature that passes leaves open to others is for the reviewer to see, in the reason itself.
    outcome = Outcome.WARN if newest.is_open_to_others else Outcome(newest.outcome)
    return [
        _found(
            "OVR-4",
            "sample",
            outcome,
            f"{said}: {newest.reason}",
            must=False,
            sha256=newest.sha256,
            **newest.evidence,
        )
    ]


def _found(
    clause: str,
    rule: str,
    outcome: Outcome,
    sentence: str,
    field: str = "",
    *,
    must: bool = True,
    **evidence: Any,
) -> Finding:
    return Finding(clause, rule[:60], outcome, sentence, must=must, field=field, evidence=evidence)
