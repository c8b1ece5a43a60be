"""The one verdict on a message: does it pass DMARC by DKIM, and why, in words for a person (OVR-4, AUT-3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.lib.outcome import Outcome
from portal.mailauth.alignment import Aligned
from portal.mailauth.author import Author
from portal.mailauth.discovery import Discovery
from portal.mailauth.notes import Note

Signature = tuple[str, bool | None, Aligned, tuple[Note, ...]]
"""Signing domain, whether it verifies, its alignment, its remarks."""


@dataclass(frozen=True)
class Verdict:
    """Pass only where receivers of either school let the message pass; unknown where one of them might."""

    outcome: Outcome
    reason: str


def judge(author: Author, discovery: Discovery | None, signatures: Sequence[Signature]) -> Verdict:
    """The verdict on a message by its author, the DMARC record that applies, and its signatures."""
    if author.domain is None or discovery is None:
        return _fail(f"{author.problem}.")
    if not signatures:
        return _fail("The message has no DKIM signature.")
    for domain, valid, aligned, _ in signatures:
        if valid and aligned.everywhere:
            return _with_record(author.domain, domain, discovery)
    return _undecided(author.domain, signatures) or _fail(_why_not(author.domain, signatures))


def _with_record(author: str, signer: str, discovery: Discovery) -> Verdict:
    signed = f"A valid DKIM signature of {signer} is aligned with the From domain {author}"
    missing = discovery.rfc9989.unknown or discovery.rfc7489.unknown
    if missing:
        return Verdict(
            Outcome.UNKNOWN, f"{signed}, but whether {author} has a DMARC record is not known: {missing}."
        )
    if discovery.rfc9989.place is None or discovery.rfc7489.place is None:
        return _fail(f"{signed}, but {author} has no DMARC record that every receiver finds.")
    if discovery.rfc9989.place.syntax.verdict.fault or discovery.rfc7489.place.syntax.verdict.fault:
        return _fail(f"{signed}, but the DMARC record of {discovery.rfc9989.place.domain} is not valid.")
    return Verdict(Outcome.PASS, f"{signed}.")


def _undecided(author: str, signatures: Sequence[Signature]) -> Verdict | None:
    """Unknown, where a signature might still turn out valid and aligned."""
    for domain, valid, aligned, notes in signatures:
        might_align = aligned.everywhere or aligned.is_unknown
        if valid is None and might_align:
            return Verdict(
                Outcome.UNKNOWN, f"The signature of {domain} could not be verified: {_first(notes)}"
            )
        if valid and aligned.is_unknown:
            return Verdict(
                Outcome.UNKNOWN,
                f"Whether {domain} and {author} belong together could not be established: DNS did not answer.",
            )
    return None


def _why_not(author: str, signatures: Sequence[Signature]) -> str:
    for domain, valid, aligned, _ in signatures:
        if valid and not aligned.nowhere:
            school = "RFC 9989 (tree walk)" if aligned.rfc9989 else "RFC 7489 (public suffix list)"
            return (
                f"The signature of {domain} is aligned with {author} only for receivers that follow {school}; "
                "others let the message fail."
            )
    for domain, valid, aligned, notes in signatures:
        if not aligned.nowhere and valid is False:
            return f"The signature of {domain} does not verify: {_first(notes)}"
    for domain, valid, _, _ in signatures:
        if valid:
            return f"It is signed by {domain}, which is not aligned with the From domain {author}."
    domain, _, _, notes = signatures[0]
    return f"No signature verifies. That of {domain or 'nobody'}: {_first(notes)}"


def _first(notes: Sequence[Note]) -> str:
    return notes[0].text if notes else ""


def _fail(reason: str) -> Verdict:
    return Verdict(Outcome.FAIL, reason)
