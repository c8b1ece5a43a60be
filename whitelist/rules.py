"""The checks of a whitelist request. Each finding cites a clause, says one sentence, and keeps its evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.utils import timezone

from portal.grants.models import Grant, GrantRequest
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest
from portal.workflow.selectors import filed_earlier
from portal.workflow.states import LIVE_STATES
from whitelist import proof, services
from whitelist.entries import domain_of, doubt_of, refusal_of
from whitelist.models import Affected, EntryKind, PermittedEntry, WhitelistEntry, WhitelistRequest


def entry_findings(service_request: ServiceRequest, values: Sequence[str], *, field: str) -> list[Finding]:
    """Every address or domain fit for a whitelist (WHT-4, WHT-5), and in no other grant."""
    findings = []
    for value in values:
        refusal = refusal_of(value)
        if refusal is not None:
            findings.append(
                _found(refusal.clause, f"{refusal.rule}:{value}", Outcome.FAIL, refusal.sentence, field)
            )
            continue
        findings += _taken(service_request, value, field) or _pending(service_request, value, field)
        doubt = doubt_of(value)
        if doubt is not None:
            findings.append(
                _found(doubt.clause, f"{doubt.rule}:{value}", Outcome.WARN, doubt.sentence, field, must=False)
            )
    return findings


def clashes(service_request: ServiceRequest) -> list[Finding]:
    """The entries of the request that another grant in force holds."""
    wanted = {
        "addresses": services.addresses_of(service_request),
        "domains": services.domains_of(service_request),
    }
    return [
        found
        for field, values in wanted.items()
        for value in values
        for found in _taken(service_request, value, field)
    ]


def _taken(service_request: ServiceRequest, value: str, field: str) -> list[Finding]:
    holder = _holder_of(service_request, value)
    if holder is None:
        return []
    return [
        _found(
            "WHT-0",
            f"taken:{value}",
            Outcome.FAIL,
            f"{value} is whitelisted already, under {holder.reference} until {holder.ends_on:%Y-%m-%d}. There is "
            "nothing to ask for; if its mail still goes astray, tell us.",
            field,
            grant=holder.reference,
        )
    ]


def _own_grant(service_request: ServiceRequest) -> int:
    """The permission that the request renews or changes; 0 for a new one."""
    about = GrantRequest.objects.filter(service_request=service_request)
    return about.values_list("grant_id", flat=True).first() or 0


def _holder_of(service_request: ServiceRequest, value: str) -> Grant | None:
    covers = Q(value=value) | Q(kind=EntryKind.DOMAIN, value=domain_of(value))
    row = (
        PermittedEntry.objects.filter(covers)
        .filter(permission__grant__in=Grant.objects.in_force(timezone.localdate()))
        .exclude(permission__grant_id=_own_grant(service_request))
        .select_related("permission__grant")
        .first()
    )
    return row.permission.grant if row else None


def _pending(service_request: ServiceRequest, value: str, field: str) -> list[Finding]:
    """That a request filed earlier, and not decided yet, names the same: the later one waits."""
    covers = Q(value=value) | Q(kind=EntryKind.DOMAIN, value=domain_of(value))
    # Nobody holds up a renewal by filing a request for what it renews.
    if PermittedEntry.objects.filter(covers, permission__grant=_own_grant(service_request)).exists():
        return []
    row = (
        WhitelistEntry.objects.filter(covers)
        .filter(whitelist_request__service_request__state__in=LIVE_STATES)
        .filter(filed_earlier("whitelist_request__service_request__", service_request))
        .select_related("whitelist_request__service_request__requester")
        .order_by("id")
        .first()
    )
    if row is None:
        return []
    other = row.whitelist_request.service_request
    return [
        _found(
            "WHT-0",
            f"pending:{value}",
            Outcome.FAIL,
            f"{value} is named in {other.reference} of {other.requester}, which is still in review. Withdraw this request, "
            "or wait for that decision.",
            field,
            request=other.reference,
        )
    ]


# ---------------------------------------------------------------- the whole request
def check(service_request: ServiceRequest) -> list[Finding]:
    """Every check of a whitelist request, in the order of the standards. Asks the DNS within its deadline."""
    detail = WhitelistRequest.of(service_request)
    addresses, domains = services.addresses_of(service_request), services.domains_of(service_request)
    samples, proven = proof.sample_findings(service_request, [*addresses, *domains])
    return [
        _statement(detail),
        _affected(detail),
        _relationship(service_request, detail),
        *proof.domain_findings([*addresses, *domains], proven=proven),
        *samples,
        *_entries(service_request, detail, addresses, domains),
        _control(detail),
        _services(detail),
    ]


def _statement(detail: WhitelistRequest) -> Finding:
    if not detail.is_attested:
        return _found("WHT-0", "statement", Outcome.FAIL, "WHT-0: the requester’s statement is missing.")
    return _found(
        "WHT-0", "statement", Outcome.PASS, "The requester knows what whitelisting does and does not do."
    )


def _affected(detail: WhitelistRequest) -> Finding:
    if detail.affected in ("", Affected.FEW):
        return _found(
            "WHT-1",
            "affected",
            Outcome.FAIL,
            "WHT-1: for a handful of people safe senders do the same, at once. No whitelist entry is needed.",
        )
    evidence: dict[str, Any] = {
        "affected": detail.affected_who,
        "count": detail.affected_count,
        "reason": detail.safelist_reason,
        "seen": f"{detail.observed_on} {detail.observed_recipient} {detail.get_observed_verdict_display()}",
    }
    count = "" if detail.affected_count is None else f", about {detail.affected_count:,} people"
    return _found(
        "WHT-1",
        "affected",
        Outcome.WARN,
        f"{detail.get_affected_display()}{count}: judge whether safe senders will not do.",
        must=False,
        **evidence,
    )


def _relationship(service_request: ServiceRequest, detail: WhitelistRequest) -> Finding:
    sponsor = service_request.sponsor
    if sponsor is None or not sponsor.is_active:
        return _found(
            "WHT-2",
            "sponsor",
            Outcome.FAIL,
            "WHT-2: nobody at the university stands for the vendor. Name a sponsor who works here.",
            field="sponsor",
        )
    if sponsor.pk in (service_request.requester_id, service_request.co_owner_id):
        return _found(
            "WHT-2",
            "sponsor",
            Outcome.FAIL,
            "WHT-2: the sponsor must be somebody else than the requester and the co-owner.",
            field="sponsor",
        )
    if not detail.vendor or not detail.evidence:
        return _found(
            "WHT-2",
            "sponsor",
            Outcome.FAIL,
            "WHT-2: the evidence of the relationship is missing.",
            field="evidence",
        )
    return _found(
        "WHT-2",
        "sponsor",
        Outcome.PASS,
        f"{sponsor} stands for {detail.vendor}: judge the evidence.",
        field="evidence",
        relationship=detail.relationship,
        given=detail.evidence,
    )


def _entries(
    service_request: ServiceRequest,
    detail: WhitelistRequest,
    addresses: Sequence[str],
    domains: Sequence[str],
) -> list[Finding]:
    if not addresses and not domains:
        return [_found("WHT-4", "entries", Outcome.FAIL, "WHT-4: an address is missing.", "addresses")]
    findings = entry_findings(service_request, addresses, field="addresses")
    findings += entry_findings(service_request, domains, field="domains")
    if domains and not detail.domain_reason:
        findings.append(
            _found("WHT-4", "domains", Outcome.FAIL, "WHT-4: a whole domain needs a reason.", "domains")
        )
    elif domains:
        findings.append(
            _found(
                "WHT-4",
                "domains",
                Outcome.WARN,
                "Whole domains are asked for: judge whether single addresses will not do.",
                "domains",
                must=False,
                reason=detail.domain_reason,
            )
        )
    elif not any(finding.blocks for finding in findings):
        findings.append(
            _found("WHT-4", "entries", Outcome.PASS, "Single addresses are asked for.", "addresses")
        )
    return findings


def _control(detail: WhitelistRequest) -> Finding:
    if not (detail.is_controlled and detail.is_dedicated):
        return _found(
            "WHT-5",
            "control",
            Outcome.FAIL,
            "WHT-5: it is not stated that the vendor controls the address "
            f"and uses it for {institution().short_name} only.",
        )
    return _found(
        "WHT-5",
        "control",
        Outcome.PASS,
        "The requester states that the vendor controls the address and "
        f"uses it for {institution().short_name} only.",
    )


def _services(detail: WhitelistRequest) -> Finding:
    if not detail.is_hosted_controlled:
        return _found(
            "WHT-6",
            "services",
            Outcome.WARN,
            "WHT-6: it is not stated that the vendor’s own services are under its control.",
            must=False,
        )
    if detail.hosted_services:
        return _found(
            "WHT-6",
            "services",
            Outcome.WARN,
            "The vendor sends through services of others: judge them.",
            must=False,
            services=detail.hosted_services,
        )
    return _found(
        "WHT-6", "services", Outcome.PASS, "The vendor sends through no service of others.", must=False
    )


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
    facts: Mapping[str, Any] = evidence
    return Finding(clause, rule[:60], outcome, sentence, must=must, field=field, evidence=facts)
