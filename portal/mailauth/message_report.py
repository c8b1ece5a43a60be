"""Whether a message passes DMARC by DKIM, from its bytes and the DNS as it is now (RFC 9989 5.3, 4.4.1)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from portal.lib import confined
from portal.lib.outcome import Outcome
from portal.mailauth.alignment import Aligned, align
from portal.mailauth.answers import Lookups
from portal.mailauth.author import Author, read_author
from portal.mailauth.discovery import Discovery, discover
from portal.mailauth.dkim_selectors import SelectorReport, check_selector
from portal.mailauth.message_intake import Message, MessageRefused, read_message
from portal.mailauth.notes import Note, info
from portal.mailauth.resolver import Resolver
from portal.mailauth.signature_fields import SignatureFields, read_fields
from portal.mailauth.signatures import MOST_SIGNATURES, Verification, Verifier, keys_wanted
from portal.mailauth.verdict import Signature, Verdict, judge

READ_SECONDS: Final = 0.4
VERIFY_SECONDS: Final = 0.6
MEGABYTES: Final = 256
_BEYOND: Final = {
    "time": "It takes longer to read than any ordinary message. Send the same mail with fewer parts, or smaller.",
    "memory": "It takes more memory to read than any ordinary message. Send the same mail without its attachments.",
}
_SPF_NOTE = info(
    "SPF cannot be judged from a file: it depends on the server that delivered the message, "
    "and what the header says about that anybody could have written."
)


@dataclass(frozen=True)
class SignatureReport:
    """One DKIM signature: what it says, whether it verifies, whether it speaks for the author domain."""

    domain: str
    selector: str
    algorithm: str
    bits: int | None
    valid: bool | None
    """None where the key could not be read or the work was not done."""
    aligned: Aligned
    covers: tuple[str, ...]
    body_length_tag: int | None
    expires_at: datetime | None
    key: SelectorReport | None
    notes: tuple[Note, ...]
    limit: str = ""
    """Why it proves nothing although it verifies, as a clause; "" where nothing is in the way."""
    warnings: tuple[str, ...] = ()
    """What it leaves open to others although it proves this message, a sentence each."""

    @property
    def for_verdict(self) -> Signature:
        """What the verdict needs of it."""
        return Signature(self.domain, self.valid, self.aligned, self.notes, self.limit, self.warnings)

    @property
    def proves(self) -> bool:
        """Whether it proves, for every receiver, that the author domain stands for the whole message."""
        return self.for_verdict.proves


@dataclass(frozen=True)
class MessageReport:
    """The report on one message."""

    from_domain: str | None
    from_address: str | None
    dkim: tuple[SignatureReport, ...]
    dmarc_by_dkim: Verdict
    notes: tuple[Note, ...]
    discovery: Discovery | None
    """Where the author domain's DMARC record is; None where the message has no author domain."""

    @property
    def outcome(self) -> Outcome:
        """The verdict's outcome."""
        return self.dmarc_by_dkim.outcome


@dataclass(frozen=True)
class Reading:
    """What a message says by itself, before anything is asked."""

    author: Author
    signatures: tuple[SignatureFields, ...]
    """Of its first `MOST_SIGNATURES` signatures, from the top."""
    signature_count: int
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class LookupResults:
    """What the DNS said of a message's author and signers."""

    owners: dict[str, Discovery]
    keys: dict[tuple[str, str], SelectorReport]


def check_message(raw: bytes, *, resolver: Resolver, now: datetime | None = None) -> MessageReport:
    """The report on the raw bytes of an .eml file, judged as of `now`, which is the present where it is not given.

    The bytes are read, and the signatures verified, in a confined process; the DNS is asked from this one, for at most
    the resolver's deadline. Raises MessageRefused with one sentence for what is no message or takes more than a message
    may (`confined.Exceeded`); `confined.Busy`, which says nothing of the message; and nothing else for its content.
    """
    now = now or datetime.now(UTC)
    try:
        reading = confined.run(read_signed, raw, seconds=READ_SECONDS, megabytes=MEGABYTES)
        asked = resolver.run(lambda lookups: _ask(reading, lookups))
        verified: Sequence[Verification] = ()
        if reading.signatures:
            verified = confined.run(
                verify_signatures, raw, asked.keys, now, seconds=VERIFY_SECONDS, megabytes=MEGABYTES
            )
    except confined.Exceeded as error:
        raise MessageRefused(_BEYOND.get(error.limit, str(error))) from error
    return _report_of(reading, asked, verified)


async def report_message(message: Message, lookups: Lookups, *, now: datetime | None = None) -> MessageReport:
    """The report on a message taken in by `read_message`, within this process and its event loop."""
    reading = _reading_of(message)
    asked = await _ask(reading, lookups)
    return _report_of(reading, asked, _verified(message, asked.keys, now or datetime.now(UTC)))


def read_signed(raw: bytes) -> Reading:
    """The author and the signatures' fields of a message. Raises MessageRefused."""
    return _reading_of(read_message(raw))


def verify_signatures(
    raw: bytes, keys: dict[tuple[str, str], SelectorReport], now: datetime
) -> list[Verification]:
    """The signatures of a message verified with `keys`, by domain and selector, in their order."""
    return _verified(read_message(raw), keys, now)


def limits_of(raw: bytes) -> list[str]:
    """Why each signature of a message would prove nothing whatever its key (`Verifier.limit`); "" where it would."""
    message = read_message(raw)
    verifier = Verifier(message, datetime.now(UTC))
    return [verifier.limit(fields) for fields in _reading_of(message).signatures]


def _reading_of(message: Message) -> Reading:
    values = message.values("DKIM-Signature")
    return Reading(
        author=read_author(message),
        signatures=tuple(read_fields(value) for value in values[:MOST_SIGNATURES]),
        signature_count=len(values),
        notes=message.notes,
    )


async def _ask(reading: Reading, lookups: Lookups) -> LookupResults:
    owners, keys = await asyncio.gather(
        _discoveries(reading.author, reading.signatures, lookups),
        _keys(keys_wanted(reading.signatures), lookups),
    )
    return LookupResults(owners, keys)


def _verified(
    message: Message, keys: dict[tuple[str, str], SelectorReport], now: datetime
) -> list[Verification]:
    verifier = Verifier(message, now)
    return [
        verifier.verify(index, fields, keys.get((fields.domain, fields.selector)))
        for index, fields in enumerate(_reading_of(message).signatures)
    ]


def _report_of(reading: Reading, asked: LookupResults, verified: Sequence[Verification]) -> MessageReport:
    author = reading.author
    reports = tuple(
        _report(
            fields,
            one,
            key=asked.keys.get((fields.domain, fields.selector)),
            aligned=_aligned(fields.domain, author.domain, asked.owners),
        )
        for fields, one in zip(reading.signatures, verified, strict=True)
    )
    discovery = asked.owners.get(author.domain or "")
    notes = (*reading.notes, *author.notes, _SPF_NOTE)
    if reading.signature_count > MOST_SIGNATURES:
        notes += (
            info(
                f"Only the first {MOST_SIGNATURES} of its {reading.signature_count} signatures were evaluated."
            ),
        )
    return MessageReport(
        from_domain=author.domain,
        from_address=author.address,
        dkim=reports,
        dmarc_by_dkim=judge(author, discovery, [one.for_verdict for one in reports]),
        notes=notes,
        discovery=discovery,
    )


async def _discoveries(
    author: Author, signatures: Sequence[SignatureFields], lookups: Lookups
) -> dict[str, Discovery]:
    """DMARC discovery for the author domain and every signing domain, all at the same time."""
    domains = {one.domain for one in signatures if not one.fault} | (
        {author.domain} if author.domain else set()
    )
    ordered = sorted(domains)
    found = await asyncio.gather(*(discover(domain, lookups) for domain in ordered))
    return dict(zip(ordered, found, strict=True))


async def _keys(wanted: Sequence[tuple[str, str]], lookups: Lookups) -> dict[tuple[str, str], SelectorReport]:
    reports = await asyncio.gather(
        *(check_selector(domain, selector, lookups) for domain, selector in wanted)
    )
    return dict(zip(wanted, reports, strict=True))


def _report(
    fields: SignatureFields,
    verified: Verification,
    *,
    key: SelectorReport | None,
    aligned: Aligned,
) -> SignatureReport:
    return SignatureReport(
        domain=fields.domain,
        selector=fields.selector,
        algorithm=fields.algorithm,
        bits=key.key.bits if key is not None and key.key is not None else None,
        valid=verified.valid,
        aligned=aligned,
        covers=fields.covers,
        body_length_tag=fields.body_length,
        expires_at=fields.expires_at,
        key=key,
        notes=verified.notes,
        limit=verified.limit,
        warnings=verified.warnings,
    )


def _aligned(signer: str, author: str | None, owners: dict[str, Discovery]) -> Aligned:
    if author is None or signer not in owners:
        return Aligned(rfc9989=False, rfc7489=False)
    theirs, ours = owners[signer], owners[author]
    return align(
        signer, author, ours.modes("adkim"), theirs.organizational_domain, ours.organizational_domain
    )
