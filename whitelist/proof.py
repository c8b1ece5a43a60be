"""Whether the vendor's mail passes DMARC (WHT-3): what its domain publishes, and what a real message shows.

A record with a policy is enough to approve. With `p=none` receivers let forgeries through, so the domain's own
word proves nothing: the finding warns until a signed sample, sent to the probe address or added as .eml, passes.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from django.utils import timezone

from portal.grants.models import Grant
from portal.lib.outcome import Outcome
from portal.mailauth.configured import configured_resolver
from portal.mailauth.dmarc import DmarcReport, check_dmarc
from portal.mailauth.published_syntax import load_parsers
from portal.mailauth.resolver import Session
from portal.samples.kinds import Wanted
from portal.samples.models import SignedSample
from portal.samples.selectors import own_samples, samples_of_grant
from portal.samples.services import adopt_attachments, judged_lately
from portal.workflow.findings import Finding
from portal.workflow.models import ServiceRequest
from whitelist.entries import domain_of

MOST_SAMPLES = 3
"""The newest samples that are verified; a signature costs time, and three messages show what one does not."""
_NEEDS_SAMPLE = (
    "Let the vendor send a message to the probe address, or add one as an .eml file: a valid, aligned signature is "
    "needed as proof."
)


# ---------------------------------------------------------------- what the domains publish
def domain_reports(domains: Sequence[str]) -> list[DmarcReport]:
    """The DMARC reports of several domains, all asked at once, within one deadline."""

    async def all_of_them(session: Session) -> list[DmarcReport]:
        return list(await asyncio.gather(*(check_dmarc(domain, session) for domain in domains)))

    load_parsers()
    return configured_resolver().run(all_of_them)


def domain_findings(
    values: Sequence[str],
    *,
    field: str = "addresses",
    proven: frozenset[str] = frozenset(),
    disproved: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """One finding for each domain among the entries; `proven` domains have a sample that passes.

    `disproved` domains were approved on a sample that proves nothing; their values say why.
    """
    domains = list(dict.fromkeys(domain_of(value) for value in values))
    reports = domain_reports(domains) if domains else []
    return [
        _of_domain(
            report, field=field, is_proven=report.domain in proven, disproved=disproved.get(report.domain, "")
        )
        for report in reports
    ]


def _of_domain(report: DmarcReport, *, field: str, is_proven: bool, disproved: str) -> Finding:
    domain, evidence = report.domain, _evidence(report)

    def found(outcome: Outcome, sentence: str) -> Finding:
        return Finding("WHT-3", f"dmarc:{domain}"[:60], outcome, sentence, field=field, evidence=evidence)

    if report.record is None and report.discovery.rfc9989.unknown:
        return found(
            Outcome.UNKNOWN,
            f"WHT-3: the DNS did not say whether {domain} has a DMARC record "
            f"({report.discovery.rfc9989.unknown}). It is asked again before the decision.",
        )
    if report.record is None:
        several = len(report.discovery.here.records) > 1
        what = "several DMARC records, which count as none" if several else "no DMARC record"
        return found(
            Outcome.FAIL,
            f"WHT-3: {domain} has {what}. The vendor publishes one at _dmarc.{domain}; "
            "without it nobody can tell its mail from a forgery.",
        )
    fault = _fault(report)
    if fault or report.policy is None:
        return found(Outcome.FAIL, f"WHT-3: the DMARC record for {domain} is not valid. {fault}".strip())
    if report.policy == "none" and disproved:
        return found(
            Outcome.FAIL,
            f"WHT-3: {domain} asks receivers to do nothing about forgeries (p=none), and the "
            f"message that was its proof is none. {disproved} {_NEEDS_SAMPLE}",
        )
    if report.policy == "none" and not is_proven:
        return found(
            Outcome.WARN,
            f"WHT-3: {domain} asks receivers to do nothing about forgeries (p=none). {_NEEDS_SAMPLE}",
        )
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
def wanted_of(values: Iterable[str]) -> Wanted:
    """What a sample must show: From at a domain of the entries, DMARC passed by DKIM, whoever of theirs signs."""
    return Wanted(frozenset(domain_of(value) for value in values))


def sample_findings(
    service_request: ServiceRequest, values: Sequence[str]
) -> tuple[list[Finding], frozenset[str]]:
    """What the newest samples of the request show, and the domains that one of them proves.

    For each domain its newest sample decides; what an older one showed is said beside, and bars nothing.
    """
    adopt_attachments(service_request=service_request)
    newest = [judged_lately(sample=one) for one in own_samples(service_request)[:MOST_SAMPLES]]
    wanted, decided, found = wanted_of(values).from_domains, set[str](), []
    for sample in newest:
        decides = sample.from_domain in wanted and sample.from_domain not in decided
        found.append(_of_sample(sample, decides=decides, is_wanted=sample.from_domain in wanted))
        decided.add(sample.from_domain)
    proven = {sample.from_domain for sample in newest if sample.is_proof}
    failing = {one.evidence["from_domain"] for one in found if one.blocks}
    return found, frozenset(proven - failing)


def _of_sample(sample: SignedSample, *, decides: bool, is_wanted: bool) -> Finding:
    what = (
        f"“{sample.name}”"
        if sample.name
        else f"The message of {timezone.localtime(sample.received_at):%-d %B %Y, %H:%M}"
    )
    evidence = {
        "file": sample.name,
        "came_from": sample.came_from,
        "sha256": sample.sha256,
        **sample.evidence,
    }

    def found(outcome: Outcome, sentence: str, *, must: bool = decides) -> Finding:
        return Finding("WHT-3", f"sample:{sample.pk}", outcome, sentence, must=must, evidence=evidence)

    if not sample.evidence:
        return found(Outcome.WARN, f"{what} could not be judged: {sample.reason}", must=False)
    if not is_wanted:
        who = sample.evidence.get("from") or "nobody who can be told"
        return found(Outcome.WARN, f"{what} is from {who}, who is not asked for here.", must=False)
    if sample.outcome == Outcome.PASS:
        # What its signature leaves open to others is for the reviewer to see, in the reason itself.
        outcome = Outcome.WARN if sample.is_open_to_others else Outcome.PASS
        return found(outcome, f"A real message passes DMARC: {sample.reason}")
    if not decides:
        return found(Outcome.WARN, f"{what}, older than the newest, did not pass DMARC. {sample.reason}")
    if sample.outcome == Outcome.UNKNOWN:
        return found(Outcome.UNKNOWN, f"WHT-3: {what} could not be judged: {sample.reason}")
    return found(
        Outcome.FAIL,
        f"WHT-3: a real message fails DMARC. {sample.reason} Ask the vendor to put that right, "
        "then let it send a newer message.",
    )


def standing_findings(grant: Grant) -> list[Finding]:
    """Whether the domains of a grant still meet WHT-3, for the daily checks.

    The signed sample that p=none needs was judged at the approval and is not asked for every day. One that by today's
    rules proves nothing is missed until a newer one proves the domain.
    """
    values = [row.value for row in grant.whitelist.entries.all()]
    samples = list(samples_of_grant(grant))
    proven = {sample.from_domain for sample in samples if sample.is_proof}
    disproved = {
        sample.from_domain: sample.reason
        for sample in samples
        if sample.is_disproved and sample.from_domain not in proven
    }
    kept = frozenset(map(domain_of, values)) - disproved.keys()
    return domain_findings(values, proven=kept, disproved=disproved)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
