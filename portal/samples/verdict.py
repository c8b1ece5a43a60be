"""Whether a message shows what is wanted of it (OVR-4, AUT-3, WHT-3), why in words, and the facts behind it."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport, SignatureReport
from portal.mailauth.resolver import Resolver
from portal.mailauth.servers import parse_servers
from portal.samples.kinds import Wanted


def resolver() -> Resolver:
    """The configured name servers, with the portal's deadline for a whole report."""
    servers = parse_servers(settings.DNS_RESOLVER) if settings.DNS_RESOLVER else ()
    return Resolver(servers, deadline_seconds=settings.DNS_DEADLINE_SECONDS)


def verdict_on(report: MessageReport, wanted: Wanted) -> tuple[Outcome, str]:
    """Whether a message shows what is wanted, and why in words: pass, fail or unknown."""
    if report.from_domain is None:
        return Outcome.FAIL, report.dmarc_by_dkim.reason
    if report.from_domain not in wanted.from_domains:
        return (
            Outcome.FAIL,
            f"It is from {report.from_address}, and {report.from_domain} is not asked for here.",
        )
    said = report.dmarc_by_dkim
    if said.outcome is not Outcome.PASS:
        return said.outcome, said.reason
    if not wanted.signing_domain:
        return Outcome.PASS, said.reason
    if any(_is_of(one, wanted.signing_domain) for one in report.dkim):
        return Outcome.PASS, (
            f"It is from {report.from_address}, with a valid and aligned DKIM signature of {wanted.signing_domain}."
        )
    signers = ", ".join(sorted({one.domain for one in report.dkim if one.valid}))
    return Outcome.FAIL, f"It is signed by {signers}, and approved is {wanted.signing_domain}."


def _is_of(signature: SignatureReport, domain: str) -> bool:
    return signature.valid is True and signature.domain == domain and signature.aligned.everywhere


def evidence_of(report: MessageReport) -> dict[str, Any]:
    """The facts of a report, as JSON."""
    return {
        "from": report.from_address,
        "from_domain": report.from_domain,
        "verdict": report.dmarc_by_dkim.reason,
        "signatures": [
            {
                "d": one.domain, "s": one.selector, "algorithm": one.algorithm, "bits": one.bits,
                "valid": one.valid, "aligned": one.aligned.everywhere, "body_length": one.body_length_tag,
                "notes": [str(note) for note in one.notes],
            }
            for one in report.dkim
        ],
        "notes": [str(note) for note in report.notes],
        "judged_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
