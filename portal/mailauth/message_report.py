"""Whether a message passes DMARC by DKIM, from its bytes and the DNS as it is now (RFC 9989 5.3, 4.4.1)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.lib.outcome import Outcome
from portal.mailauth.alignment import Aligned, align
from portal.mailauth.answers import Lookups
from portal.mailauth.author import Author, read_author
from portal.mailauth.discovery import Discovery, discover
from portal.mailauth.dkim_selectors import SelectorReport, check_selector
from portal.mailauth.message_intake import Message, read_message
from portal.mailauth.notes import Note, info
from portal.mailauth.resolver import Resolver
from portal.mailauth.signature_fields import SignatureFields, read_fields
from portal.mailauth.signatures import MOST_SIGNATURES, Verification, Verifier, keys_wanted
from portal.mailauth.verdict import Verdict, judge

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


def check_message(raw: bytes, *, resolver: Resolver) -> MessageReport:
    """The report on the raw bytes of an .eml file.

    Takes at most the resolver's deadline for the DNS and `signatures.MOST_SECONDS` for the signatures.
    Raises MessageRefused with one sentence for what is no message; never anything else for its content.
    """
    message = read_message(raw)
    return resolver.run(lambda session: report_message(message, session))


async def report_message(message: Message, lookups: Lookups) -> MessageReport:
    """The report on a message taken in by `read_message`, for callers that run an event loop themselves."""
    author = read_author(message)
    values = message.values("DKIM-Signature")
    signatures = [read_fields(value) for value in values[:MOST_SIGNATURES]]
    owners, keys = await asyncio.gather(
        _discoveries(author, signatures, lookups), _keys(keys_wanted(signatures), lookups)
    )
    verifier = Verifier(message)
    reports = []
    for index, fields in enumerate(signatures):
        key = keys.get((fields.domain, fields.selector))
        verified = verifier.verify(index, fields, key)
        aligned = _aligned(fields.domain, author.domain, owners)
        reports.append(_report(fields, verified, key=key, aligned=aligned))
    discovery = owners.get(author.domain or "")
    notes = (*message.notes, *author.notes, _SPF_NOTE)
    if len(values) > MOST_SIGNATURES:
        notes += (info(f"Only the first {MOST_SIGNATURES} of its {len(values)} signatures were evaluated."),)
    return MessageReport(
        from_domain=author.domain,
        from_address=author.address,
        dkim=tuple(reports),
        dmarc_by_dkim=judge(
            author, discovery, [(one.domain, one.valid, one.aligned, one.notes) for one in reports]
        ),
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
    )


def _aligned(signer: str, author: str | None, owners: dict[str, Discovery]) -> Aligned:
    if author is None or signer not in owners:
        return Aligned(rfc9989=False, rfc7489=False)
    theirs, ours = owners[signer], owners[author]
    return align(
        signer, author, ours.modes("adkim"), theirs.organizational_domain, ours.organizational_domain
    )
