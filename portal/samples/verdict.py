"""Whether a message shows what is required (OVR-4, AUT-3, WHT-3), the reason as a sentence, and the facts."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from portal.lib.outcome import Outcome
from portal.mailauth.message_report import MessageReport, SignatureReport
from portal.samples.kinds import Wanted

RULES = 2
"""The edition of these rules, stored with each result. 2: a signature that leaves the body or its key open
proves nothing.
"""


def verdict_on(report: MessageReport, wanted: Wanted) -> tuple[Outcome, str]:
    """Whether a message shows what is wanted: pass, fail or unknown, with the reason as a sentence. The
    sentence of a pass says what its signature leaves open to others; `evidence_of` lists this as `warnings`.
    """
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
    return _by_signer(report, wanted.signing_domain)


def _by_signer(report: MessageReport, signer: str) -> tuple[Outcome, str]:
    """The same of a message that passes DMARC, where one signer alone counts."""
    ours = [one for one in report.dkim if one.domain == signer]
    proving = _best(ours)
    if proving is not None:
        passed = f"It is from {report.from_address}, with a valid and aligned DKIM signature of {signer}."
        return Outcome.PASS, " ".join((passed, *proving.warnings))
    if limited := next((one for one in ours if one.valid and one.limit), None):
        return (
            Outcome.FAIL,
            f"The signature of {limited.domain} is valid and proves nothing: {limited.limit}.",
        )
    if any(one.valid is None for one in ours):
        return Outcome.UNKNOWN, f"The signature of {signer} could not be verified."
    signers = ", ".join(sorted({one.domain for one in report.dkim if one.valid}))
    return Outcome.FAIL, f"It is signed by {signers}, and approved is {signer}."


def _best(signatures: Iterable[SignatureReport]) -> SignatureReport | None:
    """The signature that proves the most: of those that prove the message, the one that leaves the least open."""
    return min((one for one in signatures if one.proves), key=lambda one: len(one.warnings), default=None)


def evidence_of(report: MessageReport, wanted: Wanted) -> dict[str, Any]:
    """The facts of a report, as JSON."""
    counted = _best(one for one in report.dkim if wanted.signing_domain in ("", one.domain))
    return {
        "rules": RULES,
        "from": report.from_address,
        "from_domain": report.from_domain,
        "verdict": report.dmarc_by_dkim.reason,
        "warnings": list(counted.warnings) if counted is not None else [],
        "signatures": [
            {
                "d": one.domain,
                "s": one.selector,
                "algorithm": one.algorithm,
                "bits": one.bits,
                "valid": one.valid,
                "proves": one.proves,
                "limit": one.limit,
                "aligned": one.aligned.everywhere,
                "body_length": one.body_length_tag,
                "notes": [str(note) for note in one.notes],
            }
            for one in report.dkim
        ],
        "notes": [str(note) for note in report.notes],
        "judged_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
