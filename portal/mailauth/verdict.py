"""The one verdict on a message: does it pass DMARC by DKIM, and why, in words for a person (OVR-4, AUT-3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from portal.lib.outcome import Outcome
from portal.mailauth.alignment import Aligned
from portal.mailauth.author import Author
from portal.mailauth.discovery import Discovery
from portal.mailauth.notes import Note


@dataclass(frozen=True)
class Signature:
    """One signature of the message, as far as the verdict needs it."""

    domain: str
    valid: bool | None
    aligned: Aligned
    notes: tuple[Note, ...]
    limit: str = ""
    """Why it proves nothing although it verifies (`signatures.Verification`)."""
    warnings: tuple[str, ...] = ()

    @property
    def proves(self) -> bool:
        """Whether it proves, for every receiver, that the author domain stands for the whole message."""
        return self.valid is True and self.aligned.everywhere and not self.limit


@dataclass(frozen=True)
class Verdict:
    """Pass only where receivers of either school let the message pass; unknown where one of them might."""

    outcome: Outcome
    reason: str
    """Why, with what the signature leaves open."""
    warnings: tuple[str, ...] = field(default=())
    """The sentences of the reason about what a signature that passes leaves open to others; a reviewer must know."""


def judge(author: Author, discovery: Discovery | None, signatures: Sequence[Signature]) -> Verdict:
    """The verdict on a message by its author, the DMARC record that applies, and its signatures."""
    if author.domain is None or discovery is None:
        return _fail(f"{author.problem}.")
    if not signatures:
        return _fail("The message has no DKIM signature.")
    proving = [one for one in signatures if one.proves]
    if proving:
        return _with_record(author.domain, min(proving, key=lambda one: len(one.warnings)), discovery)
    return _undecided(author.domain, signatures) or _fail(_why_not(author.domain, signatures))


def _with_record(author: str, signature: Signature, discovery: Discovery) -> Verdict:
    signed = f"A valid DKIM signature of {signature.domain} is aligned with the From domain {author}"
    missing = discovery.rfc9989.unknown or discovery.rfc7489.unknown
    if missing:
        return Verdict(
            Outcome.UNKNOWN, f"{signed}, but whether {author} has a DMARC record is not known: {missing}."
        )
    if discovery.rfc9989.place is None or discovery.rfc7489.place is None:
        return _fail(f"{signed}, but {author} has no DMARC record that every receiver finds.")
    if discovery.rfc9989.place.syntax.verdict.fault or discovery.rfc7489.place.syntax.verdict.fault:
        return _fail(f"{signed}, but the DMARC record of {discovery.rfc9989.place.domain} is not valid.")
    return Verdict(Outcome.PASS, " ".join((f"{signed}.", *signature.warnings)), signature.warnings)


def _undecided(author: str, signatures: Sequence[Signature]) -> Verdict | None:
    """Unknown, where a signature might still turn out valid and aligned."""
    for one in signatures:
        might_align = one.aligned.everywhere or one.aligned.is_unknown
        if one.valid is None and might_align:
            return Verdict(
                Outcome.UNKNOWN, f"The signature of {one.domain} could not be verified: {_first(one.notes)}"
            )
        if one.valid and one.aligned.is_unknown and not one.limit:
            return Verdict(
                Outcome.UNKNOWN,
                f"Whether {one.domain} and {author} belong together could not be established: DNS did not answer.",
            )
    return None


def _why_not(author: str, signatures: Sequence[Signature]) -> str:
    for one in signatures:
        if one.valid and one.limit and not one.aligned.nowhere:
            return f"The signature of {one.domain} is valid and proves nothing: {one.limit}."
    for one in signatures:
        if one.valid and not one.aligned.nowhere:
            school = "RFC 9989 (tree walk)" if one.aligned.rfc9989 else "RFC 7489 (public suffix list)"
            return (
                f"The signature of {one.domain} is aligned with {author} only for receivers that follow {school}; "
                "others let the message fail."
            )
    for one in signatures:
        if not one.aligned.nowhere and one.valid is False:
            return f"The signature of {one.domain} does not verify: {_first(one.notes)}"
    for one in signatures:
        if one.valid:
            return f"It is signed by {one.domain}, which is not aligned with the From domain {author}."
    return f"No signature verifies. That of {signatures[0].domain or 'nobody'}: {_first(signatures[0].notes)}"


def _first(notes: Sequence[Note]) -> str:
    return notes[0].text if notes else ""


def _fail(reason: str) -> Verdict:
    return Verdict(Outcome.FAIL, reason)
