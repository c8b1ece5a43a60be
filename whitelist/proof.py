"""Whether the vendor's mail passes DMARC (WHT-3): what its domain publishes, and what a real message shows.

A record with a policy is enough to approve. With `p=none` receivers let forgeries through, so the domain's own
word proves nothing: the finding warns until a signed sample, added to the request as .eml, passes.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from portal.lib.outcome import Outcome
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.message_intake import MessageRefused
from portal.mailauth.message_report import MessageReport, check_message
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Resolver, Session
from portal.mailauth.servers import parse_servers
from portal.workflow.findings import Found
from portal.workflow.models import Attachment, ServiceRequest
from whitelist.entries import domain_of

MOST_SAMPLES = 3
"""The newest samples that are verified; a signature costs time, and three messages show what one does not."""
_NEEDS_SAMPLE = "Add a message of theirs as an .eml file: a valid, aligned signature is needed as proof."


def resolver() -> Resolver:
    """The configured name servers, with the portal's deadline for a whole report."""
    servers = parse_servers(settings.DNS_RESOLVER) if settings.DNS_RESOLVER else ()
    return Resolver(servers, deadline_seconds=settings.DNS_DEADLINE_SECONDS)


# ---------------------------------------------------------------- what the domains publish
def domain_reports(domains: Sequence[str]) -> list[DmarcReport]:
    """The DMARC reports of several domains, all asked at once, within one deadline."""

    async def all_of_them(session: Session) -> list[DmarcReport]:
        return list(await asyncio.gather(*(check_dmarc(domain, session) for domain in domains)))

    load_parsers()
    return resolver().run(all_of_them)


def domain_findings(
    values: Sequence[str], *, field: str = "addresses", proven: frozenset[str] = frozenset()
) -> list[Found]:
    """One finding for each domain among the entries; `proven` domains have a sample that passes."""
    domains = list(dict.fromkeys(domain_of(value) for value in values))
    reports = domain_reports(domains) if domains else []
    return [_of_domain(report, field=field, is_proven=report.domain in proven) for report in reports]


def _of_domain(report: DmarcReport, *, field: str, is_proven: bool) -> Found:
    domain, evidence = report.domain, _evidence(report)

    def found(outcome: Outcome, sentence: str) -> Found:
        return Found("WHT-3", f"dmarc:{domain}"[:60], outcome, sentence, field=field, evidence=evidence)

    if report.record is None and report.discovery.rfc9989.unknown:
        return found(Outcome.UNKNOWN, f"WHT-3: the DNS did not say whether {domain} has a DMARC record "
                     f"({report.discovery.rfc9989.unknown}). It is asked again before the decision.")  # fmt: skip
    if report.record is None:
        several = len(report.discovery.here.records) > 1
        what = "several DMARC records, which count as none" if several else "no DMARC record"
        return found(Outcome.FAIL, f"WHT-3: {domain} has {what}. The vendor publishes one at _dmarc.{domain}; "
                     "without it nobody can tell its mail from a forgery.")  # fmt: skip
    fault = _fault(report)
    if fault or report.policy is None:
        return found(Outcome.FAIL, f"WHT-3: the DMARC record for {domain} is not valid. {fault}".strip())
    if report.policy == "none" and not is_proven:
        return found(Outcome.WARN, f"WHT-3: {domain} asks receivers to do nothing about forgeries (p=none). "
                     f"{_NEEDS_SAMPLE}")  # fmt: skip
    return found(Outcome.PASS, f"{domain} publishes DMARC with the policy {report.policy}.")


def _fault(report: DmarcReport) -> str:
    place = report.discovery.rfc9989.place
    return (place.syntax.verdict.fault or "") if place is not None else ""


def _evidence(report: DmarcReport) -> dict[str, Any]:
    return {
        "domain": report.domain,
        "record": report.record,
        "found_at": report.found_at,
        "policy": report.policy,
        "notes": [str(note) for note in report.notes],
        "checked_at": _now(),
    }


# ---------------------------------------------------------------- what a real message shows
def sample_findings(
    service_request: ServiceRequest, values: Sequence[str]
) -> tuple[list[Found], frozenset[str]]:
    """What the newest .eml files of the request show, and the domains that one of them proves."""
    files = service_request.attachments.filter(content_type="message/rfc822").order_by("-id")[:MOST_SAMPLES]
    judged = [_of_sample(attachment, values) for attachment in files]
    return [finding for finding, _ in judged], frozenset(domain for _, domain in judged if domain)


def _of_sample(attachment: Attachment, values: Sequence[str]) -> tuple[Found, str | None]:
    def found(outcome: Outcome, sentence: str, *, must: bool = True, **evidence: Any) -> Found:
        facts = {"file": attachment.name, "sha256": attachment.sha256, "checked_at": _now(), **evidence}
        return Found("WHT-3", f"sample:{attachment.pk}", outcome, sentence, must=must, evidence=facts)

    try:
        with attachment.file.open("rb") as opened:
            report = check_message(opened.read(), resolver=resolver())
    except MessageRefused as error:
        return found(Outcome.WARN, f"“{attachment.name}” could not be judged: {error}", must=False), None
    except OSError:
        return found(Outcome.WARN, f"“{attachment.name}” could not be read.", must=False), None
    evidence = _message_evidence(report)
    if not _is_from(report, values):
        who = report.from_address or "nobody who can be told"
        return found(Outcome.WARN, f"“{attachment.name}” is from {who}, who is not asked for here.", must=False,
                     **evidence), None  # fmt: skip
    verdict = report.dmarc_by_dkim
    if verdict.outcome == Outcome.PASS:
        return found(
            Outcome.PASS, f"A real message passes DMARC: {verdict.reason}", **evidence
        ), report.from_domain
    if verdict.outcome == Outcome.UNKNOWN:
        return found(
            Outcome.UNKNOWN, f"WHT-3: the sample could not be judged: {verdict.reason}", **evidence
        ), None
    return found(Outcome.FAIL, f"WHT-3: a real message fails DMARC. {verdict.reason} Ask the vendor to put that "
                 "right, then add a newer message and remove this one.", **evidence), None  # fmt: skip


def _is_from(report: MessageReport, values: Sequence[str]) -> bool:
    return bool(report.from_domain) and report.from_domain in {domain_of(value) for value in values}


def _message_evidence(report: MessageReport) -> dict[str, Any]:
    return {
        "from": report.from_address,
        "verdict": report.dmarc_by_dkim.reason,
        "signatures": [
            f"d={one.domain} s={one.selector} {one.algorithm}, "
            f"{'valid' if one.valid else 'not verified' if one.valid is None else 'not valid'}"
            for one in report.dkim
        ],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
